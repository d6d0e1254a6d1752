//! Changes that NetBox refused: named, not counted as success, and not tried again at every turn.

use super::Change;
use crate::netbox::Identity;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first wait after a refusal; each further one is twice as long.
pub const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// The longest wait.
pub const MAX_WAIT: SignedDuration = SignedDuration::from_hours(6);

/// A change that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// The change's digest: another change to the same object is tried at once.
    pub change: String,
    /// What NetBox said.
    pub reason: String,
    /// How often in a row.
    pub failures: u32,
    /// When it is tried again.
    pub until: Timestamp,
}

/// The changes that were refused, by object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    entries: BTreeMap<Identity, QuarantineEntry>,
}

impl FromIterator<(Identity, QuarantineEntry)> for Quarantine {
    fn from_iter<I: IntoIterator<Item = (Identity, QuarantineEntry)>>(entries: I) -> Self {
        Quarantine { entries: entries.into_iter().collect() }
    }
}

impl Quarantine {
    /// NetBox refused `change` at `now`.
    pub fn record_refusal(&mut self, change: &Change, reason: &str, now: Timestamp) {
        let digest = change.digest();
        let before = self.entries.get(&change.object).filter(|entry| entry.change == digest);
        let failures = before.map_or(0, |entry| entry.failures).saturating_add(1);
        let wait = FIRST_WAIT.saturating_mul(1 << (failures - 1).min(16)).min(MAX_WAIT);
        let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let entry = QuarantineEntry { change: digest, reason: reason.into(), failures, until };
        self.entries.insert(change.object.clone(), entry);
    }

    /// `change` was made at `now`. What was refused of the same kind may have wanted the place that it left, and need not wait.
    pub fn record_success(&mut self, change: &Change, now: Timestamp) {
        self.entries.remove(&change.object);
        if change.frees_a_place() {
            let of_kind = self.entries.iter_mut().filter(|(object, _)| object.kind == change.object.kind);
            of_kind.for_each(|(_, entry)| entry.until = entry.until.min(now));
        }
    }

    /// The entry by which `change` is held back at `now`.
    pub fn hold(&self, change: &Change, now: Timestamp) -> Option<&QuarantineEntry> {
        let entry = self.entries.get(&change.object)?;
        (now < entry.until && entry.change == change.digest()).then_some(entry)
    }

    /// Lets go of objects that no change concerns any more.
    pub fn retain(&mut self, is_wanted: impl Fn(&Identity) -> bool) {
        self.entries.retain(|object, _| is_wanted(object));
    }

    /// Everything in it.
    pub fn entries(&self) -> impl Iterator<Item = (&Identity, &QuarantineEntry)> {
        self.entries.iter()
    }
}
