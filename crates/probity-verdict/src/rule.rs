//! The conditions of verdict rules: a closed little language over findings and scores, three-valued. It has the syntax of
//! conditions over facts, and nothing else of them.
//!
//! Must not know: how findings came about, or which rule wins.

mod mistake;

use probity_plan::{Condition, Plan};

use crate::condition::MAX_SOURCE;
use crate::condition::syntax::{self, Expr, Operator};
use crate::judgement::Outcome;
use crate::truth::Truth;
use mistake::Mistake;

pub use mistake::RuleError;

/// Why the condition of a rule, counted from 0, cannot be read.
pub(crate) fn error_of(plan: &Plan, rule: usize) -> Option<RuleError> {
    let claims: Vec<&str> = plan.claims.iter().map(|claim| claim.name.as_str()).collect();
    let scores: Vec<&str> = plan.scores.iter().map(|score| score.name.as_str()).collect();
    parse(plan.rules.get(rule)?.when.as_ref()?, &claims, &scores).err()
}

/// What a rule asks of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// `holds(x)`: unknown while it is undetermined.
    Holds,
    /// `fails(x)`: unknown while it is undetermined.
    Fails,
    /// `undetermined(x)`: always true or false.
    Undetermined,
    /// `not_applicable(x)`: always true or false.
    NotApplicable,
}

impl Asks {
    pub(crate) fn of(self, outcome: Outcome) -> Truth {
        match (self, outcome) {
            (Self::Holds | Self::Fails, Outcome::Undetermined) => Truth::Unknown,
            (Self::Holds, outcome) => (outcome == Outcome::Holds).into(),
            (Self::Fails, outcome) => (outcome == Outcome::Fails).into(),
            (Self::Undetermined, outcome) => (outcome == Outcome::Undetermined).into(),
            (Self::NotApplicable, outcome) => (outcome == Outcome::NotApplicable).into(),
        }
    }
}

/// How a score is compared with a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Order {
    AtLeast,
    MoreThan,
    AtMost,
    LessThan,
}

impl Order {
    /// An interval against a number: surely, surely not, or it depends.
    pub(crate) fn of(self, (lower, upper): (f64, f64), number: f64) -> Truth {
        let (least, most) = match self {
            Self::AtLeast => (lower >= number, upper >= number),
            Self::MoreThan => (lower > number, upper > number),
            Self::AtMost => (upper <= number, lower <= number),
            Self::LessThan => (upper < number, lower < number),
        };
        match (least, most) {
            (true, _) => Truth::True,
            (false, false) => Truth::False,
            (false, true) => Truth::Unknown,
        }
    }

    /// Whether a greater score helps.
    pub(crate) const fn rises(self) -> bool {
        matches!(self, Self::AtLeast | Self::MoreThan)
    }

    const fn turned(self) -> Self {
        match self {
            Self::AtLeast => Self::AtMost,
            Self::MoreThan => Self::LessThan,
            Self::AtMost => Self::AtLeast,
            Self::LessThan => Self::MoreThan,
        }
    }
}

/// A condition as a tree. Claims and scores by their place in the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `a && b`
    Both(Box<Node>, Box<Node>),
    /// `a || b`
    Either(Box<Node>, Box<Node>),
    /// `!a`
    Not(Box<Node>),
    /// `holds(x)` and its like.
    Claim(Asks, usize),
    /// `score.x >= 0.9` and its like.
    Score(usize, Order, f64),
}

impl Node {
    /// Its truth, given that of each leaf. `leaf` is also told whether the leaf stands as it is (true) or negated.
    pub fn truth_of(&self, leaf: &impl Fn(&Self, bool) -> Truth, plain: bool) -> Truth {
        match self {
            Self::Both(a, b) => a.truth_of(leaf, plain).and(b.truth_of(leaf, plain)),
            Self::Either(a, b) => a.truth_of(leaf, plain).or(b.truth_of(leaf, plain)),
            Self::Not(a) => a.truth_of(leaf, !plain).not(),
            Self::Claim(..) | Self::Score(..) => leaf(self, plain),
        }
    }

    /// The leaves that make it what it is: where one decides, that one; else all that have a part in it.
    pub fn deciding<'a>(
        &'a self,
        leaf: &impl Fn(&Self, bool) -> Truth,
        plain: bool,
        see: &mut impl FnMut(&'a Self),
    ) {
        let truth = self.truth_of(leaf, plain);
        match self {
            Self::Both(a, b) | Self::Either(a, b) => {
                for part in [a, b].into_iter().filter(|part| part.truth_of(leaf, plain) == truth) {
                    part.deciding(leaf, plain, see);
                }
            }
            Self::Not(a) => a.deciding(leaf, !plain, see),
            Self::Claim(..) | Self::Score(..) => see(self),
        }
    }

    /// Calls `see` with every leaf, from left to right.
    pub fn leaves<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        match self {
            Self::Both(a, b) | Self::Either(a, b) => {
                a.leaves(see);
                b.leaves(see);
            }
            Self::Not(a) => a.leaves(see),
            Self::Claim(..) | Self::Score(..) => see(self),
        }
    }

    /// The claims it names itself, in the order of their first mention.
    pub fn claims(&self) -> Vec<usize> {
        let mut claims = Vec::new();
        self.leaves(&mut |leaf| match leaf {
            Self::Claim(_, claim) if !claims.contains(claim) => claims.push(*claim),
            _ => {}
        });
        claims
    }

    /// The scores it names, in the order of their first mention.
    pub fn scores(&self) -> Vec<usize> {
        let mut scores = Vec::new();
        self.leaves(&mut |leaf| match leaf {
            Self::Score(score, ..) if !scores.contains(score) => scores.push(*score),
            _ => {}
        });
        scores
    }
}

/// Reads a rule's condition. `claims` and `scores` are the plan's names, in its order.
///
/// # Errors
/// The first thing that is wrong with it, at its place.
pub fn parse(condition: &Condition, claims: &[&str], scores: &[&str]) -> Result<Node, RuleError> {
    let bytes = condition.source.len();
    if bytes > MAX_SOURCE {
        return Err(RuleError::new(condition, 0, Mistake::TooLong { bytes }));
    }
    let reader = Reader { condition, claims, scores };
    let tree = syntax::parse(&condition.source)
        .map_err(|(at, fault)| reader.error(at, Mistake::Unreadable(fault)))?;
    reader.node(&tree)
}

struct Reader<'a> {
    condition: &'a Condition,
    claims: &'a [&'a str],
    scores: &'a [&'a str],
}

impl Reader<'_> {
    fn node(&self, expr: &Expr) -> Result<Node, RuleError> {
        let joined = |parts: &[Expr], join: fn(Box<Node>, Box<Node>) -> Node| {
            let mut parts = parts.iter().map(|part| self.node(part));
            let Some(first) = parts.next() else { return Err(self.not_allowed(expr)) };
            parts.try_fold(first?, |left, right| Ok(join(Box::new(left), Box::new(right?))))
        };
        match &expr.node {
            syntax::Node::And(parts) => joined(parts, Node::Both),
            syntax::Node::Or(parts) => joined(parts, Node::Either),
            syntax::Node::Not(inner) => Ok(Node::Not(Box::new(self.node(inner)?))),
            syntax::Node::Binary(operator, left, right) => {
                let order = match operator {
                    Operator::AtLeast => Order::AtLeast,
                    Operator::More => Order::MoreThan,
                    Operator::AtMost => Order::AtMost,
                    Operator::Less => Order::LessThan,
                    Operator::Equal | Operator::NotEqual if [left, right].iter().any(|side| asks(side)) => {
                        return Err(self.error(expr.at, Mistake::PredicateEquals));
                    }
                    Operator::Equal | Operator::NotEqual => {
                        return Err(self.error(expr.at, Mistake::ScoreEquals));
                    }
                    _ => return Err(self.not_allowed(expr)),
                };
                self.comparison(expr.at, order, left, right)
            }
            syntax::Node::Call(None, name, arguments) => self.call(expr.at, name, arguments),
            syntax::Node::Name(name) if self.claims.contains(&name.as_str()) => {
                Err(self.error(expr.at, Mistake::ClaimAlone(name.clone())))
            }
            _ => Err(self.not_allowed(expr)),
        }
    }

    fn call(&self, at: usize, name: &str, arguments: &[Expr]) -> Result<Node, RuleError> {
        let asks = match name {
            "holds" => Asks::Holds,
            "fails" => Asks::Fails,
            "undetermined" => Asks::Undetermined,
            "not_applicable" => Asks::NotApplicable,
            _ => return Err(self.error(at, Mistake::UnknownPredicate(name.to_owned()))),
        };
        match arguments {
            [claim] => self.claim(asks, claim),
            _ => {
                let (predicate, given) = (name.to_owned(), arguments.len());
                Err(self.error(at, Mistake::NotOneClaim { predicate, given }))
            }
        }
    }

    fn claim(&self, asks: Asks, argument: &Expr) -> Result<Node, RuleError> {
        let syntax::Node::Name(name) = &argument.node else {
            return Err(self.error(argument.at, Mistake::NoClaimName));
        };
        match self.claims.iter().position(|claim| claim == name) {
            Some(claim) => Ok(Node::Claim(asks, claim)),
            None => {
                let (name, known) = (name.clone(), owned(self.claims));
                Err(self.error(argument.at, Mistake::UnknownClaim { name, known }))
            }
        }
    }

    fn comparison(&self, at: usize, order: Order, a: &Expr, b: &Expr) -> Result<Node, RuleError> {
        let (order, score, number) = match (number(b), number(a)) {
            (Some(number), _) => (order, a, number),
            (None, Some(number)) => (order.turned(), b, number),
            (None, None) => {
                return Err(self.error(at, Mistake::ScoreWithoutNumber));
            }
        };
        let name = match &score.node {
            syntax::Node::Field(operand, field) if matches!(&operand.node, syntax::Node::Name(name) if name == "score") => {
                field
            }
            _ => {
                return Err(self.error(score.at, Mistake::NumberWithoutScore));
            }
        };
        match self.scores.iter().position(|known| known == name) {
            Some(score) => Ok(Node::Score(score, order, number)),
            None => {
                let (name, known) = (name.clone(), owned(self.scores));
                Err(self.error(score.at, Mistake::UnknownScore { name, known }))
            }
        }
    }

    fn not_allowed(&self, expr: &Expr) -> RuleError {
        self.error(expr.at, Mistake::NotAllowed)
    }

    /// An error at a byte of the condition.
    fn error(&self, at: usize, mistake: Mistake) -> RuleError {
        RuleError::new(self.condition, at, mistake)
    }
}

/// Whether it asks something of a claim, as `holds(x)` does.
fn asks(expr: &Expr) -> bool {
    match &expr.node {
        syntax::Node::Call(None, ..) => true,
        syntax::Node::Not(inner) => asks(inner),
        _ => false,
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn number(expr: &Expr) -> Option<f64> {
    match &expr.node {
        syntax::Node::Literal(value) => value.as_f64().filter(|number| number.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
