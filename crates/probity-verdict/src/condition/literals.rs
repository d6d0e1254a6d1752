//! The values that a condition mentions: those on which it may turn are near them.

use probity_plan::Value;

use super::Check;
use super::tree::{Matched, Node, Term, Typed};

impl Check {
    /// Each value that it mentions, once: literals, the keys of maps that it asks for, regular expressions as text; of a whole
    /// number also the two beside it.
    pub(crate) fn turning_values(&self) -> Vec<Value> {
        let mut values = Vec::new();
        collect(&self.root, &mut values);
        let beside = |value: &Value| {
            let number = value.as_i64();
            number.map_or_else(
                || vec![value.clone()],
                |n| [n.saturating_sub(1), n, n.saturating_add(1)].map(Value::from).into(),
            )
        };
        let mut unique = Vec::new();
        for value in values.iter().flat_map(beside) {
            if !unique.contains(&value) {
                unique.push(value);
            }
        }
        unique
    }

    /// Whether it holds text against a regular expression: of which texts that is true cannot be told from its literals.
    pub(crate) fn has_patterns(&self) -> bool {
        let mut found = false;
        each(&self.root, &mut |node| found |= matches!(node, Node::Matches(..)));
        found
    }
}

fn collect(typed: &Typed, values: &mut Vec<Value>) {
    each(typed, &mut |node| match node {
        Node::Literal(value) => values.push(value.clone()),
        Node::Field(_, key) | Node::Has(_, key) => values.push(key.as_str().into()),
        Node::Matches(_, Matched::Pattern(pattern)) => values.push(pattern.text().into()),
        _ => {}
    });
}

/// Calls for each node, from the outermost inwards.
fn each(typed: &Typed, see: &mut impl FnMut(&Node)) {
    see(&typed.node);
    match &typed.node {
        Node::Literal(_) | Node::Fact(_) | Node::Element(_) => {}
        Node::Field(inner, _) | Node::Has(inner, _) | Node::Not(inner) | Node::Negative(inner) => {
            each(inner, see)
        }
        Node::Index(a, b) => {
            each(a, see);
            each(b, see);
        }
        Node::List(items) | Node::And(items) | Node::Or(items) | Node::Call(_, items) => {
            items.iter().for_each(|item| each(item, see));
        }
        Node::Map(entries) => entries.iter().for_each(|(_, value)| each(value, see)),
        Node::Equal(sides) | Node::In(sides) => both(&sides.sides, see),
        Node::Order(_, sides) | Node::Versions(_, _, sides) | Node::Calculate(_, sides) => both(sides, see),
        Node::Measured(_, sides, _) => {
            each_term(&sides.0, see);
            each_term(&sides.1, see);
        }
        Node::Matches(text, matched) => {
            each(text, see);
            if let Matched::Told(told) = matched {
                each(told, see);
            }
        }
        Node::Look(look) => {
            each(&look.list, see);
            look.filter.iter().for_each(|filter| each(filter, see));
            each(&look.body, see);
        }
    }
}

fn both((a, b): &(Typed, Typed), see: &mut impl FnMut(&Node)) {
    each(a, see);
    each(b, see);
}

fn each_term(term: &Term, see: &mut impl FnMut(&Node)) {
    match term {
        Term::Value(typed) => each(typed, see),
        Term::Negative(inner) => each_term(inner, see),
        Term::Sum(sides) | Term::Difference(sides) | Term::Product(sides) => {
            each_term(&sides.0, see);
            each_term(&sides.1, see);
        }
    }
}
