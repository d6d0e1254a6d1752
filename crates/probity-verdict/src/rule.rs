//! The conditions of verdict rules: a closed little language over findings and scores, three-valued. It has the syntax of
//! conditions over facts, and nothing else of them.
//!
//! Must not know: how findings came about, or which rule wins.

use probity_plan::{Condition, Position};
use probity_text::did_you_mean;

use crate::condition::MAX_SOURCE;
use crate::condition::faults::characters;
use crate::condition::lex::Fault;
use crate::condition::syntax::{self, Expr, Operator};
use crate::judgement::Outcome;
use crate::truth::Truth;

const LANGUAGE: &str = "a rule may use holds(CLAIM), fails(CLAIM), undetermined(CLAIM), not_applicable(CLAIM), \
                        score.NAME >= NUMBER (also >, <=, <), and join them with &&, ||, ! and brackets";

/// Why a rule's condition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {message}")]
pub struct RuleError {
    /// Where, in the plan.
    pub at: Position,
    /// What is wrong.
    pub message: String,
    /// What would be right; empty if the message says it.
    pub hint: String,
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
        return Err(RuleError {
            at: condition.at.clone(),
            message: format!("this rule has {bytes} bytes; a condition has at most {MAX_SOURCE}"),
            hint: "put the claims that belong together into a score, or split the rule".to_owned(),
        });
    }
    let reader = Reader { condition, claims, scores };
    let tree = syntax::parse(&condition.source)
        .map_err(|(at, fault)| reader.error(at, misread(&fault), LANGUAGE.to_owned()))?;
    reader.node(&tree)
}

/// What is said of a rule that cannot be read.
fn misread(fault: &Fault) -> String {
    match fault {
        Fault::Empty => "this rule's condition is empty".to_owned(),
        Fault::EndsTooEarly => "this rule ends too early".to_owned(),
        Fault::Word(word, symbol) => format!("`{word}` is written `{symbol}` in a rule"),
        Fault::SingleEquals => {
            "a single `=` is no comparison; a score is compared with >=, >, <= or <".to_owned()
        }
        Fault::Halved => "conditions are joined with `&&` and `||`, each written twice".to_owned(),
        Fault::TooDeep => "this rule is nested too deeply".to_owned(),
        Fault::TextNotClosed | Fault::Escape | Fault::TextNotExpected => {
            "there is no text in a rule".to_owned()
        }
        Fault::LeadingZero | Fault::NumberEnd => "this number cannot be read".to_owned(),
        Fault::NotReadable(what) => format!("this rule cannot be read from `{what}` on"),
    }
}

/// The place in the plan of the character at this offset of the condition.
fn place(condition: &Condition, offset: usize) -> Position {
    let before: String = condition.source.chars().take(offset).collect();
    let lines = before.matches('\n').count();
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut at = condition.at.clone();
    at.column = if lines == 0 { at.column.saturating_add(number(column)) } else { number(column + 1) };
    at.line = at.line.saturating_add(number(lines));
    at
}

/// What is wrong at a character of a condition, with its place in the plan. Where inputs were filled in that is where the
/// condition begins, and the message names the character of what is then read.
pub(crate) fn located(condition: &Condition, offset: usize, message: String) -> (Position, String) {
    if !condition.filled {
        return (place(condition, offset), message);
    }
    let character = offset + 1;
    let source = &condition.source;
    let message = format!("{message} (character {character} of `{source}`, into which inputs were filled)");
    (condition.at.clone(), message)
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
                    Operator::Equal | Operator::NotEqual => {
                        return Err(self.error(
                            expr.at,
                            "a score is an interval and cannot be compared with == or !=".to_owned(),
                            "compare it with >=, >, <= or <".to_owned(),
                        ));
                    }
                    _ => return Err(self.not_allowed(expr)),
                };
                self.comparison(expr.at, order, left, right)
            }
            syntax::Node::Call(None, name, arguments) => self.call(expr.at, name, arguments),
            syntax::Node::Name(name) if self.claims.contains(&name.as_str()) => Err(self.error(
                expr.at,
                format!("`{name}` alone says nothing about the claim"),
                format!("write holds({name})"),
            )),
            _ => Err(self.not_allowed(expr)),
        }
    }

    fn call(&self, at: usize, name: &str, arguments: &[Expr]) -> Result<Node, RuleError> {
        let asks = match name {
            "holds" => Asks::Holds,
            "fails" => Asks::Fails,
            "undetermined" => Asks::Undetermined,
            "not_applicable" => Asks::NotApplicable,
            _ => {
                let known = ["holds", "fails", "undetermined", "not_applicable"];
                let message = format!("`{name}` is not known in a verdict rule{}", did_you_mean(name, known));
                return Err(self.error(at, message, LANGUAGE.to_owned()));
            }
        };
        match arguments {
            [claim] => self.claim(asks, claim),
            _ => Err(self.error(
                at,
                format!("`{name}` takes the name of one claim, not {} arguments", arguments.len()),
                format!("write {name}(CLAIM); join several with && or ||"),
            )),
        }
    }

    fn claim(&self, asks: Asks, argument: &Expr) -> Result<Node, RuleError> {
        let syntax::Node::Name(name) = &argument.node else {
            return Err(self.error(
                argument.at,
                "the name of a claim is expected here".to_owned(),
                "write it without quotes, as in holds(CLAIM)".to_owned(),
            ));
        };
        match self.claims.iter().position(|claim| claim == name) {
            Some(claim) => Ok(Node::Claim(asks, claim)),
            None => Err(self.unknown(argument.at, "claim", name, self.claims)),
        }
    }

    fn comparison(&self, at: usize, order: Order, a: &Expr, b: &Expr) -> Result<Node, RuleError> {
        let (order, score, number) = match (number(b), number(a)) {
            (Some(number), _) => (order, a, number),
            (None, Some(number)) => (order.turned(), b, number),
            (None, None) => {
                return Err(self.error(
                    at,
                    "a score is compared with a number here".to_owned(),
                    "write it as in score.NAME >= 0.9".to_owned(),
                ));
            }
        };
        let name = match &score.node {
            syntax::Node::Field(operand, field) if matches!(&operand.node, syntax::Node::Name(name) if name == "score") => {
                field
            }
            _ => {
                return Err(self.error(
                    score.at,
                    "only a score is compared with a number".to_owned(),
                    "write it as in score.NAME >= 0.9".to_owned(),
                ));
            }
        };
        match self.scores.iter().position(|known| known == name) {
            Some(score) => Ok(Node::Score(score, order, number)),
            None => Err(self.unknown(score.at, "score", name, self.scores)),
        }
    }

    fn unknown(&self, at: usize, what: &str, name: &str, known: &[&str]) -> RuleError {
        let message = format!("there is no {what} `{name}`{}", did_you_mean(name, known.iter().copied()));
        let hint = if known.is_empty() {
            format!("the plan has no {what}s")
        } else {
            format!("the plan's {what}s: {}", known.join(", "))
        };
        self.error(at, message, hint)
    }

    fn not_allowed(&self, expr: &Expr) -> RuleError {
        self.error(expr.at, "this is not allowed in a verdict rule".to_owned(), LANGUAGE.to_owned())
    }

    /// An error at a byte of the condition.
    fn error(&self, at: usize, message: String, hint: String) -> RuleError {
        let offset = characters(&self.condition.source, at);
        let (at, message) = located(self.condition, offset, message);
        RuleError { at, message, hint }
    }
}

fn number(expr: &Expr) -> Option<f64> {
    match &expr.node {
        syntax::Node::Literal(value) => value.as_f64().filter(|number| number.is_finite()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
