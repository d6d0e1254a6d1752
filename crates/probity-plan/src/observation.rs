//! What one look of a probe yielded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::fact::{Blocked, Fact};
use crate::value::Value;

/// Where a look ran (design.md, "Running").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Beside other pure reads.
    #[default]
    Parallel,
    /// Alone: timed, loading or disrupting.
    Quiet,
}

/// Bytes that are kept beside the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Their SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// How many they are.
    pub size_bytes: u64,
}

/// One run of a group of probes on a machine of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The group's name in the plan.
    pub name: String,
    /// Which one, from 0.
    pub number: u32,
    /// The machine's name, as Probity chose it.
    pub machine: String,
}

impl Trial {
    /// As people read it: `install 3`.
    pub fn label(&self) -> String {
        format!("{} {}", self.name, self.number)
    }
}

/// What one look yielded: which probe, when, for how long, and each fact or its barrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// The probe's name in the plan.
    pub probe: String,
    /// The trial it belongs to; absent outside of trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Who looked: the number of an observer entry. 0 is the program that ran the plan.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub observer: u32,
    /// The row of the probe's matrix; empty without one. These are facts too, by their column's name.
    #[serde(default, deserialize_with = "crate::value::unique", skip_serializing_if = "BTreeMap::is_empty")]
    pub cell: BTreeMap<String, Value>,
    /// Which planned look this is, from 0, within its cell.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slot: u32,
    /// Which attempt within the slot, from 1. Only the last attempt of a slot is a trial; all are entries.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub attempt: u32,
    /// True for an attempt that was followed by another one in the same slot.
    #[serde(default, skip_serializing_if = "is_false")]
    pub superseded: bool,
    /// The lane it ran in.
    pub lane: Lane,
    /// When the look began, by the observer's clock: UTC, microseconds.
    pub started: jiff::Timestamp,
    /// When it began after the run did, in microseconds, by a clock that nobody sets: how far apart two looks were is the
    /// difference, also where the observer's clock was set between them.
    pub offset_us: u64,
    /// How long it took, by the monotonic clock.
    pub duration_us: u64,
    /// How long the observer itself was kept from running meanwhile; absent if the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling_delay_us: Option<u64>,
    /// Facts that were seen. Which of them are intervals and moments is declared beside them ([`crate::FactType`]).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Value>,
    /// Facts that are too long for the log and were kept whole beside it: behind `too-large` here.
    #[serde(default, deserialize_with = "crate::value::unique", skip_serializing_if = "BTreeMap::is_empty")]
    pub artifacts: BTreeMap<String, Artifact>,
    /// The beginning of facts that are too long to be kept: for people, never for a claim.
    #[serde(default, deserialize_with = "crate::value::unique", skip_serializing_if = "BTreeMap::is_empty")]
    pub excerpts: BTreeMap<String, String>,
    /// Facts that were not, and why. The name `*` stands for every fact that is in neither map.
    #[serde(default, deserialize_with = "crate::value::unique", skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, Blocked>,
}

impl Observation {
    /// Whether somebody looked: of a look that was not made every fact is behind one barrier.
    pub fn was_made(&self) -> bool {
        !self.facts.is_empty() || self.unknown.keys().any(|fact| fact != "*")
    }

    /// The fact of this name: from the matrix row, the facts, or a barrier. A fact nobody recorded is `not-made`.
    pub fn fact(&self, name: &str) -> Fact {
        if let Some(value) = self.facts.get(name).or_else(|| self.cell.get(name)) {
            return Fact::Known(value.clone());
        }
        match self.unknown.get(name).or_else(|| self.unknown.get("*")) {
            Some(blocked) => Fact::Unknown(blocked.clone()),
            None => Fact::Unknown(Blocked::by(Cause::NotRecorded { fact: name.to_owned() })),
        }
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}
fn one() -> u32 {
    1
}
fn is_one(n: &u32) -> bool {
    *n == 1
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(b: &bool) -> bool {
    !*b
}
