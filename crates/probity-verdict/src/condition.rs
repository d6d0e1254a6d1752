//! Conditions over the facts of an observation: a closed language with CEL's syntax and four truth values
//! (docs/plan-language.md has its grammar and its tables). An atom that mentions a fact behind a barrier is unknown; one
//! that cannot be evaluated on what was observed (a missing key, classes that do not compare) is an error, negated or not.
//!
//! Must not know: claims, plans as a whole, or what a condition decides.

mod arithmetic;
mod budget;
mod compare;
mod compile;
mod compiled;
mod declared;
mod evaluate;
mod interval;
pub(crate) mod lex;
mod limit;
mod literals;
pub(crate) mod masked;
mod measured;
pub(crate) mod mistake;
mod pattern;
mod reason;
mod relation;
mod scope;
pub(crate) mod syntax;
mod tree;
mod types;
mod version;

use std::borrow::Cow;

use probity_plan::kinds::Values;
use probity_plan::{Barrier, Blocked, Cause, Fact, Observation, Probe, Value};

use crate::truth::Truth4;
use evaluate::{Run, Seen};

pub use budget::{Budget, MAX_JUDGEMENT_STEPS, MAX_STEPS};
pub use compile::compile;
pub use compiled::{ClaimConditions, Conditions};
pub use limit::Limit;
pub use mistake::ConditionError;
pub use reason::{Class, Reason};
pub use scope::{AGAINST, Scope};
pub use syntax::MAX_SOURCE;
pub use version::Scheme;

/// What is known of a fact before any look.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// It is this.
    Is(Value),
    /// It may be anything.
    Any,
    /// It may be any text but these.
    Other(Values),
    /// It is never known.
    Never,
}

/// A condition ready to be evaluated.
#[derive(Debug)]
pub struct Check {
    text: String,
    root: tree::Typed,
    /// What it reads, `against.NAME` included, in the order of their first mention.
    facts: Vec<String>,
    /// Whether it makes something that was seen a moment (`moment(x)`).
    makes_moments: bool,
}

/// What came of evaluating a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Its truth.
    pub truth: Truth4,
    /// If unknown: the facts that were behind a barrier, each with the barrier.
    pub met: Vec<(String, Blocked)>,
    /// If it is an error, or unknown for want of anything to look at: why. At most [`MAX_REASONS`] different ones.
    pub reasons: Vec<Reason>,
    /// The element of a list that decided, if one did: that which fails in `all`, or is found by `exists`; from the outermost
    /// list inwards.
    pub witness: Vec<Witness>,
}

/// The element of a list that decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Witness {
    /// The list, as the condition has it: `sockets`, `socket.owners`.
    pub list: String,
    /// Its place, from 0. Of a map that was looked through: that of the key in their order.
    pub index: usize,
    /// The element itself; of a map, the key.
    pub value: Value,
}

impl Witness {
    fn new(list: &str, index: usize, value: &Value) -> Self {
        Self { list: list.to_owned(), index, value: value.clone() }
    }
}

/// The most reasons, and the most barriers, that are kept of one evaluation.
pub const MAX_REASONS: usize = 8;

impl Evaluated {
    /// Known, without more to say.
    fn known(truth: bool) -> Self {
        Self { truth: truth.into(), met: Vec::new(), reasons: Vec::new(), witness: Vec::new() }
    }

    /// Unknown behind these barriers.
    pub fn blocked(met: Vec<(String, Blocked)>) -> Self {
        Self { truth: Truth4::Unknown, met, reasons: Vec::new(), witness: Vec::new() }
    }

    /// Takes over what another one met.
    fn absorb(&mut self, other: Self) {
        for met in other.met {
            if self.met.len() < MAX_REASONS && !self.met.contains(&met) {
                self.met.push(met);
            }
        }
        for reason in other.reasons {
            if self.reasons.len() < MAX_REASONS && !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
    }
}

impl Check {
    /// The source, with white space outside of quotes made one space.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of the facts it reads, matrix columns, `attempt` and `slot` included, `against.NAME` not; in the order of
    /// their first mention.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().map(String::as_str).filter(|name| !name.starts_with(AGAINST))
    }

    /// The names of the second observation's facts it reads, without `against.`.
    pub fn reads_against(&self) -> impl Iterator<Item = &str> {
        self.facts.iter().filter_map(|name| name.strip_prefix(AGAINST))
    }

    /// Whether it makes something that was seen a moment, by the plan's own word (`moment(x)`).
    pub fn makes_moments(&self) -> bool {
        self.makes_moments
    }

    /// Whether it reads anything that a look of this probe sees. What reads only its slot, its row and how many attempts
    /// there were can be true where nobody answered.
    pub fn sees(&self, probe: &Probe) -> bool {
        self.reads().any(|name| probe.spec().fact(name).is_some())
    }

    /// What it reads that depends on what was seen: facts, and `attempt` where attempts go on until something is seen.
    pub fn reads_sight<'a>(&'a self, probe: &'a Probe) -> impl Iterator<Item = &'a str> {
        let waits = probe.schedule.until.is_some();
        self.reads().filter(move |name| probe.spec().fact(name).is_some() || waits && *name == "attempt")
    }

    /// Its truth, given each fact by its name (`against.NAME` for the second observation's). What it takes is taken from
    /// the budget; beyond that it is unknown.
    pub fn evaluate(&self, fact: &dyn Fn(&str) -> Fact, budget: &mut Budget) -> Evaluated {
        let seen = |name: &String| match fact(name) {
            Fact::Known(value) => Seen::Known(Cow::Owned(value)),
            Fact::Unknown(blocked) => Seen::Unknown(Cow::Owned(blocked)),
        };
        self.run(&self.facts.iter().map(seen).collect::<Vec<_>>(), budget)
    }

    /// The same of facts that are kept by somebody else; one that is not was not looked for.
    pub(crate) fn evaluate_kept<'f>(
        &self,
        fact: &dyn Fn(&str) -> Option<&'f Fact>,
        budget: &mut Budget,
    ) -> Evaluated {
        let seen = |name: &String| match fact(name) {
            Some(Fact::Known(value)) => Seen::Known(Cow::Borrowed(value)),
            Some(Fact::Unknown(blocked)) => Seen::Unknown(Cow::Borrowed(blocked)),
            None => Seen::Unknown(Cow::Owned(Blocked::new(Barrier::NotMade, ""))),
        };
        self.run(&self.facts.iter().map(seen).collect::<Vec<_>>(), budget)
    }

    /// Its truth of one observation; as [`Check::evaluate`], without a copy of the facts.
    pub fn of(&self, observation: &Observation, budget: &mut Budget) -> Evaluated {
        let seen = |name: &String| {
            let value = observation.facts.get(name).or_else(|| observation.cell.get(name));
            match value.filter(|_| name != "attempt" && name != "slot") {
                Some(value) => Seen::Known(Cow::Borrowed(value)),
                None => match fact_of(observation, name) {
                    Fact::Known(value) => Seen::Known(Cow::Owned(value)),
                    Fact::Unknown(blocked) => Seen::Unknown(Cow::Owned(blocked)),
                },
            }
        };
        self.run(&self.facts.iter().map(seen).collect::<Vec<_>>(), budget)
    }

    /// Whether it can be true of a look of which so much is known: what reads something that is never known cannot, what
    /// reads something that may be anything can, and so may what there are no steps left to try.
    pub(crate) fn can_hold(&self, reading: &dyn Fn(&str) -> Reading, budget: &mut Budget) -> bool {
        if budget.left() == 0 {
            return true;
        }
        let seen = |name: &String| match reading(name) {
            Reading::Is(value) => Seen::Known(Cow::Owned(value)),
            Reading::Any => Seen::Unknown(Cow::Owned(Blocked::new(Barrier::NotMade, ""))),
            Reading::Other(values) => Seen::Other(values),
            Reading::Never => Seen::Never,
        };
        let seen: Vec<Seen<'_>> = self.facts.iter().map(seen).collect();
        let allowance = Budget::trial().allowance().min(budget.left());
        // Nor can what looks through nothing, nor its negation.
        let mut run = Run::new(self, &seen, allowance);
        run.nothing = Reason::NeverKnown;
        let (evaluated, left) = run.whole();
        // One more: a trial of nothing costs something too.
        budget.spend(allowance - left + 1);
        matches!(evaluated.truth, Truth4::True | Truth4::Unknown)
    }

    fn run(&self, seen: &[Seen<'_>], budget: &mut Budget) -> Evaluated {
        let allowance = budget.allowance();
        let (evaluated, left) = Run::new(self, seen, allowance).whole();
        budget.spend(allowance - left);
        evaluated
    }
}

/// A fact of an observation, or one of those that every observation has: `attempt` and `slot`.
pub fn fact_of(observation: &Observation, name: &str) -> Fact {
    match name {
        // A look of which nothing was seen was no attempt: it may be one that was never made.
        "attempt" if observation.facts.is_empty() => match observation.unknown.first_key_value() {
            Some((_, blocked)) => Fact::Unknown(blocked.clone()),
            None => Fact::Unknown(Blocked::by(Cause::NotRecorded { fact: name.to_owned() })),
        },
        "attempt" => Fact::Known(observation.attempt.into()),
        "slot" => Fact::Known(observation.slot.into()),
        name => observation.fact(name),
    }
}

#[cfg(test)]
mod tests;
