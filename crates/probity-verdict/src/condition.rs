//! Conditions over the facts of an observation: CEL, with three-valued truth on top. An own walker handles `&&`, `||`
//! and `!`; every other node is an atom. An atom that mentions a fact behind a barrier is unknown; an atom that cannot
//! be evaluated on what was observed (a missing key, a wrong type) fails with the reason, also under `!`.
//!
//! Must not know: claims, plans as a whole, or what a condition decides.

mod cel_value;
mod interval;
mod parse;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use cel::common::ast::IdedExpr;
use cel::{Context, ExecutionError};
use probity_plan::{Barrier, Blocked, Fact, FactType, Probe, Value};

use crate::truth::Truth4 as Truth;

pub use parse::compile;

/// Why a condition cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConditionError {
    /// Where in the source, in characters from 0.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right; empty if the message says it.
    pub hint: String,
}

/// The facts a condition may read, with their types. Those of a second observation are named `against.NAME`.
#[derive(Clone, Debug, Default)]
pub struct Scope(BTreeMap<String, FactType>);

impl Scope {
    /// The facts of a probe: its kind's, the columns of its matrix, `attempt` and `slot`.
    pub fn of(probe: &Probe) -> Self {
        let mut facts =
            BTreeMap::from([("attempt".to_owned(), FactType::Int), ("slot".to_owned(), FactType::Int)]);
        for column in &probe.columns {
            let mut values = probe.cells.iter().filter_map(|cell| cell.row.get(column));
            let first = values.next().map_or(FactType::Any, type_of);
            let same = values.all(|value| type_of(value) == first);
            facts.insert(column.clone(), if same { first } else { FactType::Any });
        }
        // A kind's fact stands before a column of the same name, as in an observation.
        facts.extend(probe.spec().facts.iter().map(|fact| (fact.name.to_owned(), fact.ty)));
        Self(facts)
    }

    /// Adds the facts of another probe as `against.NAME`.
    #[must_use]
    pub fn against(mut self, other: &Probe) -> Self {
        self.0.extend(Self::of(other).0.into_iter().map(|(name, ty)| (format!("{AGAINST}{name}"), ty)));
        self
    }

    fn get(&self, name: &str) -> Option<FactType> {
        self.0.get(name).copied()
    }
}

impl<N: Into<String>> FromIterator<(N, FactType)> for Scope {
    fn from_iter<I: IntoIterator<Item = (N, FactType)>>(facts: I) -> Self {
        Self(facts.into_iter().map(|(name, ty)| (name.into(), ty)).collect())
    }
}

/// What stands before the name of a second observation's fact.
pub const AGAINST: &str = "against.";

fn type_of(value: &Value) -> FactType {
    match value {
        Value::Bool(_) => FactType::Bool,
        Value::Number(number) if number.as_i64().is_some() => FactType::Int,
        Value::Number(_) => FactType::Float,
        Value::Interval(_) => FactType::Interval,
        Value::Moment(_) => FactType::Moment,
        Value::Text(_) => FactType::Text,
        Value::List(_) => FactType::List,
        Value::Map(_) => FactType::Map,
        Value::Null => FactType::Any,
    }
}

/// A condition ready to be evaluated.
#[derive(Debug)]
pub struct Check {
    text: String,
    root: Node,
    reads: BTreeSet<String>,
}

/// `&&` and `||` over atoms; `!` has been moved into the atoms.
#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Atom(Atom),
}

#[derive(Debug)]
struct Atom {
    negated: bool,
    /// Names of the facts it mentions, `against.` included.
    facts: Vec<String>,
    /// Whether it looks through one list for each element of another.
    nested: bool,
    test: Test,
    last: Last,
}

/// The values that were evaluated last, with what came of them: one look of a probe is mostly like the one before.
#[derive(Debug, Default)]
struct Last(Mutex<Option<(Vec<Value>, bool)>>);

impl Last {
    fn truth(&self, known: &[(&str, Value)]) -> Option<bool> {
        let last = self.0.lock().ok()?;
        let (values, truth) = last.as_ref()?;
        values.iter().eq(known.iter().map(|(_, value)| value)).then_some(*truth)
    }

    /// Keeps values of which equal ones are the same in every way; 0.0 and -0.0 are not.
    fn keep(&self, known: Vec<(&str, Value)>, truth: bool) {
        let same = |value: &Value| matches!(value, Value::Null | Value::Bool(_) | Value::Text(_));
        if known.iter().all(|(_, value)| same(value))
            && let Ok(mut last) = self.0.lock()
        {
            *last = Some((known.into_iter().map(|(_, value)| value).collect(), truth));
        }
    }
}

#[derive(Debug)]
enum Test {
    /// Evaluated by `cel`.
    Cel(Box<IdedExpr>),
    /// A comparison in which measured intervals stand.
    Interval(interval::Comparison),
}

/// What came of evaluating a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// Its truth.
    pub truth: Truth,
    /// If unknown: the facts that were behind a barrier, each with the barrier.
    pub met: Vec<(String, Blocked)>,
    /// If false because it could not be evaluated, or unknown for want of anything to look at: why.
    pub reasons: Vec<String>,
}

impl Evaluated {
    /// Known, without more to say.
    fn known(truth: bool) -> Self {
        Self { truth: if truth { Truth::True } else { Truth::False }, met: Vec::new(), reasons: Vec::new() }
    }

    /// Unknown behind these barriers.
    pub fn blocked(met: Vec<(String, Blocked)>) -> Self {
        Self { truth: Truth::Unknown, met, reasons: Vec::new() }
    }

    /// Joins parts: where one decides, it alone is the reason; else all that are unknown are.
    fn join(parts: impl Iterator<Item = Self>, decides: Truth) -> Self {
        let other = if decides == Truth::True { Truth::False } else { Truth::True };
        let mut known = Self { truth: other, met: Vec::new(), reasons: Vec::new() };
        let mut unknown: Option<Self> = None;
        let mut failed: Option<Self> = None;
        for part in parts {
            if part.truth == decides {
                return part;
            }
            if part.truth == Truth::Error {
                failed.get_or_insert(part);
                continue;
            }
            if part.truth == Truth::Unknown {
                match &mut unknown {
                    None => unknown = Some(part),
                    Some(unknown) => {
                        unknown.met.extend(part.met);
                        unknown.reasons.extend(part.reasons);
                    }
                }
            } else {
                known.reasons.extend(part.reasons);
            }
        }
        let first = if decides == Truth::True { unknown.or(failed) } else { failed.or(unknown) };
        first.unwrap_or(known)
    }
}

impl Check {
    /// The source, with white space outside of quotes made one space.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of the facts it reads, matrix columns, `attempt` and `slot` included, `against.NAME` not.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().map(String::as_str).filter(|name| !name.starts_with(AGAINST))
    }

    /// The names of the second observation's facts it reads, without `against.`.
    pub fn reads_against(&self) -> impl Iterator<Item = &str> {
        self.reads.iter().filter_map(|name| name.strip_prefix(AGAINST))
    }

    /// Whether it reads anything that a look of this probe sees. What reads only its slot and row is true or false
    /// without any look.
    pub fn sees(&self, probe: &Probe) -> bool {
        self.reads().any(|name| name == "attempt" || probe.spec().fact(name).is_some())
    }

    /// Its truth, given each fact by its name (`against.NAME` for the second observation's).
    pub fn evaluate(&self, fact: &dyn Fn(&str) -> Fact) -> Evaluated {
        self.root.evaluate(fact)
    }

    /// Its truth of one observation.
    pub fn of(&self, observation: &probity_plan::Observation) -> Evaluated {
        self.evaluate(&|name| fact_of(observation, name))
    }
}

/// What is known of a fact before any look.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// It is this.
    Is(Value),
    /// It may be anything.
    Any,
    /// It is never known.
    Never,
}

/// A fact of an observation, or one of those that every observation has: `attempt` and `slot`.
pub fn fact_of(observation: &probity_plan::Observation, name: &str) -> Fact {
    match name {
        // A look of which nothing was seen was no attempt: it may be one that was never made.
        "attempt" if observation.facts.is_empty() => match observation.unknown.first_key_value() {
            Some((_, blocked)) => Fact::Unknown(blocked.clone()),
            None => Fact::Unknown(Blocked::new(Barrier::NotMade, "nothing was recorded")),
        },
        "attempt" => Fact::Known(observation.attempt.into()),
        "slot" => Fact::Known(observation.slot.into()),
        name => observation.fact(name),
    }
}

impl Check {
    /// Whether it can be true of a look of which so much is known: an atom that reads what is never known cannot, one that
    /// reads what may be anything can.
    pub(crate) fn can_hold(&self, reading: &dyn Fn(&str) -> Reading) -> bool {
        self.root.can_hold(reading)
    }
}

impl Node {
    fn can_hold(&self, reading: &dyn Fn(&str) -> Reading) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.can_hold(reading)),
            Self::Any(parts) => parts.iter().any(|part| part.can_hold(reading)),
            Self::Atom(atom) => {
                let readings: Vec<Reading> = atom.facts.iter().map(|name| reading(name)).collect();
                if readings.contains(&Reading::Never) {
                    return false;
                }
                let fact = |name: &str| match reading(name) {
                    Reading::Is(value) => Fact::Known(value),
                    _ => Fact::Unknown(Blocked::new(Barrier::NotMade, "")),
                };
                matches!(atom.evaluate(&fact).truth, Truth::True | Truth::Unknown)
            }
        }
    }

    fn evaluate(&self, fact: &dyn Fn(&str) -> Fact) -> Evaluated {
        match self {
            Self::All(parts) => Evaluated::join(parts.iter().map(|part| part.evaluate(fact)), Truth::False),
            Self::Any(parts) => Evaluated::join(parts.iter().map(|part| part.evaluate(fact)), Truth::True),
            Self::Atom(atom) => atom.evaluate(fact),
        }
    }
}

impl Atom {
    fn evaluate(&self, fact: &dyn Fn(&str) -> Fact) -> Evaluated {
        let mut known = Vec::with_capacity(self.facts.len());
        let mut met = Vec::new();
        for name in &self.facts {
            match fact(name) {
                Fact::Known(value) => known.push((name.as_str(), value)),
                Fact::Unknown(blocked) => met.push((name.clone(), blocked)),
            }
        }
        if !met.is_empty() {
            return Evaluated::blocked(met);
        }
        if self.nested && known.iter().map(|(_, value)| values(value)).sum::<usize>() > MOST_NESTED {
            let detail = format!("more than {MOST_NESTED} values to look through again and again");
            let blocked = Blocked::new(Barrier::TooLarge, detail);
            return Evaluated::blocked(vec![(self.facts.join(", "), blocked)]);
        }
        let result = match &self.test {
            Test::Interval(comparison) => comparison.evaluate(&known),
            Test::Cel(expression) => match self.last.truth(&known) {
                Some(truth) => Ok(truth),
                None => evaluate_cel(expression, &known).inspect(|truth| self.last.keep(known, *truth)),
            },
        };
        match result {
            Ok(truth) => Evaluated::known(truth != self.negated),
            Err(Failure::Empty) => Evaluated {
                truth: Truth::Unknown,
                met: Vec::new(),
                reasons: vec![
                    "the list is empty, and nothing passes on nothing (`empty: ok` accepts that)".to_owned(),
                ],
            },
            Err(Failure::Straddles(name)) => Evaluated::blocked(vec![(
                name,
                Blocked::new(Barrier::Overloaded, "the measured interval straddles the limit"),
            )]),
            // Observed, but not what the condition takes for granted: it is not satisfied, negated or not.
            Err(Failure::Error(reason)) => {
                Evaluated { truth: Truth::Error, met: Vec::new(), reasons: vec![reason] }
            }
        }
    }
}

/// The most values that are looked through for each of them: the target decides how many it sends, not how long we
/// take.
const MOST_NESTED: usize = 10_000;

/// How many values there are in a value.
fn values(value: &Value) -> usize {
    match value {
        Value::List(list) => 1 + list.iter().map(values).sum::<usize>(),
        Value::Map(map) => 1 + map.values().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// Why an atom has no truth value.
enum Failure {
    /// A list to look through was empty.
    Empty,
    /// A measured interval straddles the limit; the fact.
    Straddles(String),
    /// What was observed does not fit the condition.
    Error(String),
}

fn evaluate_cel(expression: &IdedExpr, known: &[(&str, Value)]) -> Result<bool, Failure> {
    let mut context = Context::with_env(cel_value::environment());
    for (name, value) in known {
        context.add_variable_from_value(*name, cel_value::to_cel(value.clone()));
    }
    match context.resolve(expression) {
        Ok(cel::Value::Bool(truth)) => Ok(truth),
        Ok(other) => {
            Err(Failure::Error(format!("it gives a value of type {}, not true or false", other.type_of())))
        }
        Err(ExecutionError::FunctionError { function, .. }) if function == cel_value::NOT_EMPTY => {
            Err(Failure::Empty)
        }
        Err(error) => Err(Failure::Error(cel_value::explain(&error))),
    }
}

#[cfg(test)]
mod tests;
