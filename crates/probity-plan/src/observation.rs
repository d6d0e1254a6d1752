//! What one look of a probe yielded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fact::{Barrier, Blocked, Fact, Value};

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

/// What one look yielded: which probe, when, for how long, and each fact or its barrier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The probe's name in the plan.
    pub probe: String,
    /// The row of the probe's matrix; empty without one. These are facts too, by their column's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
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
    /// Facts that were seen.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Value>,
    /// Facts that were not, and why. The name `*` stands for every fact that is in neither map.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<String, Blocked>,
}

impl Observation {
    /// The fact of this name: from the matrix row, the facts, or a barrier. A fact nobody recorded is `not-made`.
    pub fn fact(&self, name: &str) -> Fact {
        if let Some(value) = self.facts.get(name).or_else(|| self.cell.get(name)) {
            return Fact::Known(value.clone());
        }
        match self.unknown.get(name).or_else(|| self.unknown.get("*")) {
            Some(blocked) => Fact::Unknown(blocked.clone()),
            None => Fact::Unknown(Blocked::new(Barrier::NotMade, not_recorded(name))),
        }
    }
}

/// What is said of a fact that the log does not hold although its look was made: mostly one that is kept only on demand.
pub fn not_recorded(fact: &str) -> String {
    format!("`{fact}` was not recorded")
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
