//! The limit that a condition holds a measured fact against, for whoever draws it. What a condition means is decided elsewhere.

use probity_plan::Value;

use super::Check;
use super::syntax::Operator;
use super::tree::{Node, Term, Typed};

/// A limit: `fact < value`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// `<`, `<=`, `>` or `>=`.
    pub operator: &'static str,
    /// In the fact's unit.
    pub value: f64,
}

impl Check {
    /// What it holds this fact against, if it is nothing but the comparison of that fact with a number.
    pub fn limit_on(&self, fact: &str) -> Option<Limit> {
        let Node::Measured(operator, sides, _) = &self.root.node else { return None };
        let is_fact = |term: &Term| match term {
            Term::Value(Typed { node: Node::Fact(at), .. }) => {
                self.facts.get(*at).is_some_and(|it| it == fact)
            }
            _ => false,
        };
        let number = |term: &Term| match term {
            Term::Value(Typed { node: Node::Literal(Value::Number(number)), .. }) => Some(number.to_f64()),
            _ => None,
        };
        let (left, right) = &**sides;
        let (operator, value) = match (is_fact(left), is_fact(right)) {
            (true, false) => (*operator, number(right)?),
            (false, true) => (mirrored(*operator), number(left)?),
            _ => return None,
        };
        let operator = match operator {
            Operator::Less => "<",
            Operator::AtMost => "<=",
            Operator::More => ">",
            Operator::AtLeast => ">=",
            _ => return None,
        };
        Some(Limit { operator, value })
    }
}

/// What it is with its sides exchanged.
const fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::More,
        Operator::AtMost => Operator::AtLeast,
        Operator::More => Operator::Less,
        Operator::AtLeast => Operator::AtMost,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use probity_plan::FactType;

    use crate::condition::{Scope, compile};

    fn limit(source: &str) -> Option<(&'static str, f64)> {
        let facts = [("elapsed_ms", FactType::Interval), ("status", FactType::Int)];
        let check = compile(source, &facts.into_iter().collect::<Scope>(), false).unwrap();
        check.limit_on("elapsed_ms").map(|limit| (limit.operator, limit.value))
    }

    #[test]
    fn only_the_plainest_condition_has_a_limit() {
        assert_eq!(limit("elapsed_ms < 100"), Some(("<", 100.0)));
        assert_eq!(limit(" elapsed_ms>=2.5 "), Some((">=", 2.5)));
        assert_eq!(limit("100 >= elapsed_ms"), Some(("<=", 100.0)));
        assert_eq!(limit("status == 200 && elapsed_ms < 100"), None);
        assert_eq!(limit("elapsed_ms * 2 < 100"), None);
        assert_eq!(limit("status < 100"), None);
    }
}
