//! The conditions of verdict rules: a closed little language over findings and scores, three-valued. CEL's parser
//! reads it; nothing of CEL's evaluation is used.
//!
//! Must not know: how findings came about, or which rule wins.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use probity_plan::{Condition, Position};

use crate::judgement::Outcome;
use crate::truth::Truth;

/// The longest source that is parsed, in bytes: beyond it CEL's parser may overflow the stack.
pub const LONGEST: usize = 1024;

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
pub fn parse(condition: &Condition, claims: &[&str], scores: &[&str]) -> Result<Node, RuleError> {
    if condition.source.len() > LONGEST {
        return Err(RuleError {
            at: condition.at.clone(),
            message: format!(
                "this rule has {} bytes; a condition has at most {LONGEST}",
                condition.source.len()
            ),
            hint: "put the claims that belong together into a score, or split the rule".to_owned(),
        });
    }
    let parsed = cel::parser::Parser::new().parse_with_source_info(&condition.source);
    let (root, places) = parsed.map_err(|errors| misparsed(condition, &errors))?;
    Walker { condition, places, claims, scores }.node(&root)
}

/// What to say in the place of the parser's own words.
fn misparsed(condition: &Condition, errors: &cel::parser::ParseErrors) -> RuleError {
    let source = &condition.source;
    let first = errors.errors.iter().map(|error| error.pos).filter(|(line, _)| *line > 0).min();
    let (line, column) = first.unwrap_or((1, 1));
    let offset: usize = source
        .split_inclusive('\n')
        .take(usize::try_from(line - 1).unwrap_or(0))
        .map(|text| text.chars().count())
        .sum::<usize>()
        + usize::try_from(column - 1).unwrap_or(0);
    let rest: String = source.chars().skip(offset).collect();
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let message = match (word.as_str(), rest.trim().chars().next()) {
        _ if source.trim().is_empty() => "this rule's condition is empty".to_owned(),
        (_, None) => "this rule ends too early".to_owned(),
        ("and" | "AND", _) => "`and` is written `&&` in a rule".to_owned(),
        ("or" | "OR", _) => "`or` is written `||` in a rule".to_owned(),
        (_, Some('=')) => "a single `=` is no comparison; a score is compared with >=, >, <= or <".to_owned(),
        (_, Some('&' | '|')) => "conditions are joined with `&&` and `||`, each written twice".to_owned(),
        (_, Some(other)) => format!("this rule cannot be read from `{}` on", word_or(&word, other)),
    };
    let (at, message) = located(condition, offset, message);
    RuleError { at, message, hint: LANGUAGE.to_owned() }
}

fn word_or(word: &str, character: char) -> String {
    if word.is_empty() { character.escape_default().to_string() } else { word.to_owned() }
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

struct Walker<'a> {
    condition: &'a Condition,
    places: SourceInfo,
    claims: &'a [&'a str],
    scores: &'a [&'a str],
}

impl Walker<'_> {
    fn node(&self, node: &IdedExpr) -> Result<Node, RuleError> {
        let Expr::Call(call) = &node.expr else {
            return Err(match &node.expr {
                Expr::Ident(name) if self.claims.contains(&name.as_str()) => self.error(
                    node.id,
                    format!("`{name}` alone says nothing about the claim"),
                    format!("write holds({name})"),
                ),
                _ => self.error(
                    node.id,
                    "this is not allowed in a verdict rule".to_owned(),
                    LANGUAGE.to_owned(),
                ),
            });
        };
        match (call.func_name.as_str(), call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [a, b]) => {
                Ok(Node::Both(Box::new(self.node(a)?), Box::new(self.node(b)?)))
            }
            (operators::LOGICAL_OR, None, [a, b]) => {
                Ok(Node::Either(Box::new(self.node(a)?), Box::new(self.node(b)?)))
            }
            (operators::LOGICAL_NOT, None, [a]) => Ok(Node::Not(Box::new(self.node(a)?))),
            (operators::GREATER_EQUALS, None, [a, b]) => self.comparison(node.id, Order::AtLeast, a, b),
            (operators::GREATER, None, [a, b]) => self.comparison(node.id, Order::MoreThan, a, b),
            (operators::LESS_EQUALS, None, [a, b]) => self.comparison(node.id, Order::AtMost, a, b),
            (operators::LESS, None, [a, b]) => self.comparison(node.id, Order::LessThan, a, b),
            (operators::EQUALS | operators::NOT_EQUALS, ..) => Err(self.error(
                node.id,
                "a score is an interval and cannot be compared with == or !=".to_owned(),
                "compare it with >=, >, <= or <".to_owned(),
            )),
            ("holds", None, [claim]) => self.claim(Asks::Holds, claim),
            ("fails", None, [claim]) => self.claim(Asks::Fails, claim),
            ("undetermined", None, [claim]) => self.claim(Asks::Undetermined, claim),
            ("not_applicable", None, [claim]) => self.claim(Asks::NotApplicable, claim),
            (name @ ("holds" | "fails" | "undetermined" | "not_applicable"), None, arguments) => Err(self
                .error_before(
                    node.id,
                    name,
                    format!("`{name}` takes the name of one claim, not {} arguments", arguments.len()),
                    format!("write {name}(CLAIM); join several with && or ||"),
                )),
            (name, None, _) if name.chars().all(|c| c.is_alphanumeric() || c == '_') => {
                let known = ["holds", "fails", "undetermined", "not_applicable"];
                let message =
                    format!("`{name}` is not known in a verdict rule{}", did_you_mean(name, &known));
                Err(self.error_before(node.id, name, message, LANGUAGE.to_owned()))
            }
            _ => Err(self.error(
                node.id,
                "this is not allowed in a verdict rule".to_owned(),
                LANGUAGE.to_owned(),
            )),
        }
    }

    fn claim(&self, asks: Asks, argument: &IdedExpr) -> Result<Node, RuleError> {
        let Expr::Ident(name) = &argument.expr else {
            return Err(self.error(
                argument.id,
                "the name of a claim is expected here".to_owned(),
                "write it without quotes, as in holds(CLAIM)".to_owned(),
            ));
        };
        match self.claims.iter().position(|claim| claim == name) {
            Some(claim) => Ok(Node::Claim(asks, claim)),
            None => Err(self.unknown(argument.id, "claim", name, self.claims)),
        }
    }

    fn comparison(&self, id: u64, order: Order, a: &IdedExpr, b: &IdedExpr) -> Result<Node, RuleError> {
        let (order, score, number) = match (number(b), number(a)) {
            (Some(number), _) => (order, a, number),
            (None, Some(number)) => (order.turned(), b, number),
            (None, None) => {
                return Err(self.error(
                    id,
                    "a score is compared with a number here".to_owned(),
                    "write it as in score.NAME >= 0.9".to_owned(),
                ));
            }
        };
        let name = match &score.expr {
            Expr::Select(select)
                if !select.test && select.operand.expr == Expr::Ident("score".to_owned()) =>
            {
                &select.field
            }
            _ => {
                return Err(self.error(
                    score.id,
                    "only a score is compared with a number".to_owned(),
                    "write it as in score.NAME >= 0.9".to_owned(),
                ));
            }
        };
        match self.scores.iter().position(|known| known == name) {
            Some(score) => Ok(Node::Score(score, order, number)),
            // A selection's own place is its dot.
            None => {
                let mut error = self.unknown(score.id, "score", name, self.scores);
                error.at.column += 1;
                Err(error)
            }
        }
    }

    fn unknown(&self, id: u64, what: &str, name: &str, known: &[&str]) -> RuleError {
        let message = format!("there is no {what} `{name}`{}", did_you_mean(name, known));
        let hint = if known.is_empty() {
            format!("the plan has no {what}s")
        } else {
            format!("the plan's {what}s: {}", known.join(", "))
        };
        self.error(id, message, hint)
    }

    fn error(&self, id: u64, message: String, hint: String) -> RuleError {
        let (at, message) = located(self.condition, self.offset(id), message);
        RuleError { at, message, hint }
    }

    /// Where a node stands, in characters; the parser counts bytes.
    fn offset(&self, id: u64) -> usize {
        let bytes = self.places.offset_for(id).map_or(0, |(start, _)| start as usize);
        self.condition.source.char_indices().take_while(|(at, _)| *at < bytes).count()
    }

    /// A call's own place is its bracket; the error belongs to the name before it.
    fn error_before(&self, id: u64, name: &str, message: String, hint: String) -> RuleError {
        let start = self.offset(id).saturating_sub(name.chars().count());
        let (at, message) = located(self.condition, start, message);
        RuleError { at, message, hint }
    }
}

fn number(node: &IdedExpr) -> Option<f64> {
    let Expr::Literal(literal) = &node.expr else { return None };
    match literal {
        #[expect(clippy::cast_precision_loss, reason = "scores lie between 0 and 1")]
        LiteralValue::Int(int) => Some(*int.inner() as f64),
        LiteralValue::Double(double) => Some(*double.inner()),
        _ => None,
    }
}

/// `; did you mean ...?` if one of the known names is near.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.chars().count() / 4)
        .min();
    near.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"))
}

#[cfg(test)]
mod tests;
