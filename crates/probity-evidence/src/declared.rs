//! What the facts of a log are, as its first entry declares it: written by the run, so that a later build, whose kinds may
//! declare otherwise, reads each fact as it was meant.
//!
//! Must not know: how a fact is judged.

use std::collections::BTreeMap;

use probity_plan::{FactType, Observation, Plan, unique};
use serde::{Deserialize, Serialize};

/// The types of facts by their name.
pub type Facts = BTreeMap<String, FactType>;

/// The kinds of a plan's probes, and the facts of these kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// The kind of each probe.
    #[serde(deserialize_with = "unique")]
    pub probes: BTreeMap<String, String>,
    /// The facts of each of these kinds.
    #[serde(deserialize_with = "unique")]
    pub kinds: BTreeMap<String, Facts>,
}

/// What an observation says that its kind cannot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undeclared {
    /// There is no such probe.
    #[error("the first entry declares no probe `{}`", .0.escape_debug())]
    Probe(String),
    /// The kind has no such fact.
    #[error("its kind declares no fact `{}`", .0.escape_debug())]
    Fact(String),
    /// The fact is of another type.
    #[error("the fact `{}` is no {}", .0.escape_debug(), .1.name())]
    Type(String, FactType),
    /// The fact is seen, and behind a barrier.
    #[error("the fact `{}` is both seen and unknown", .0.escape_debug())]
    Both(String),
    /// Something is kept of a fact that is not behind a barrier.
    #[error("something is kept beside the fact `{}`, which is not behind a barrier", .0.escape_debug())]
    Beside(String),
}

impl Declared {
    /// As this build declares the kinds of a plan.
    pub fn of(plan: &Plan) -> Self {
        let facts = |probe: &probity_plan::Probe| {
            let facts = probe.spec().facts.iter().map(|fact| (fact.name.to_owned(), fact.ty));
            (probe.spec().name.to_owned(), facts.collect())
        };
        Self {
            probes: plan.probes.iter().map(|it| (it.name.clone(), it.spec().name.to_owned())).collect(),
            kinds: plan.probes.iter().map(facts).collect(),
        }
    }

    /// The facts of a probe.
    pub fn facts_of(&self, probe: &str) -> Option<&Facts> {
        self.kinds.get(self.probes.get(probe)?)
    }

    /// The facts of an observation's probe, if what it keeps beside them and does not know is theirs. Whether the facts
    /// themselves are is looked at where they are read (`projection`), and by [`Declared::fits`].
    pub(crate) fn admits(&self, observation: &Observation) -> Result<&Facts, Undeclared> {
        let unknown = &observation.unknown;
        let facts =
            self.facts_of(&observation.probe).ok_or_else(|| Undeclared::Probe(observation.probe.clone()))?;
        if let Some(name) = unknown.keys().find(|name| *name != "*" && !facts.contains_key(*name)) {
            return Err(Undeclared::Fact(name.clone()));
        }
        let mut beside = observation.artifacts.keys().chain(observation.excerpts.keys());
        match beside.find(|name| !unknown.contains_key(*name)) {
            Some(name) => Err(Undeclared::Beside(name.clone())),
            None => Ok(facts),
        }
    }

    /// Whether an observation that is to be written can be read back as it is.
    pub(crate) fn fits(&self, observation: &Observation) -> Result<(), Undeclared> {
        let facts = self.admits(observation)?;
        observation.facts.iter().try_for_each(|(name, value)| match facts.get(name) {
            None => Err(Undeclared::Fact(name.clone())),
            Some(ty) if !ty.fits(value) => Err(Undeclared::Type(name.clone(), *ty)),
            Some(_) if observation.unknown.contains_key(name) => Err(Undeclared::Both(name.clone())),
            Some(_) => Ok(()),
        })
    }
}
