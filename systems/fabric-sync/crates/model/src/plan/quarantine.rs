//! Changes that NetBox refused, and creations that it did not answer: named, not counted as success, and not tried again at every turn.

use super::{Action, Change};
use crate::netbox::Identity;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The first wait after a refusal; each further one is twice as long.
pub const FIRST_WAIT: SignedDuration = SignedDuration::from_mins(5);
/// The longest wait.
pub const MAX_WAIT: SignedDuration = SignedDuration::from_hours(6);
/// The longest wait for what the token's user may not do: permissions are given without the change becoming another.
pub const MAX_FORBIDDEN_WAIT: SignedDuration = SignedDuration::from_mins(20);
/// How long a creation that was not answered is not sent again. NetBox looks whether a key is unique before it writes, and nothing else
/// does: two that are under way at the same time both succeed. gunicorn ends a request after 120 s (NetBox's `contrib/gunicorn.py`).
pub const UNANSWERED_WAIT: SignedDuration = SignedDuration::from_secs(150);

/// Why a change is not tried for a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuarantineCause {
    /// NetBox refused it.
    #[default]
    Refused,
    /// NetBox did not answer its creation, which may still be carried out.
    Unanswered,
}

/// A change that was refused, or a creation that was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineEntry {
    /// The change's digest: another change to the same object is tried at once.
    pub change: String,
    /// Why.
    #[serde(default)]
    pub cause: QuarantineCause,
    /// What NetBox said.
    pub reason: String,
    /// How often in a row.
    pub failures: u32,
    /// When it is tried again.
    pub until: Timestamp,
}

impl QuarantineEntry {
    /// Whether it is not tried yet at `now`. A time that is further away than any wait was told by a clock that was wrong.
    pub fn is_waiting(&self, now: Timestamp) -> bool {
        let longest = match self.cause {
            QuarantineCause::Refused => MAX_WAIT,
            QuarantineCause::Unanswered => UNANSWERED_WAIT,
        };
        let left = self.until.duration_since(now);
        left.is_positive() && left <= longest
    }
}

/// The changes that are not tried for a time, by object.
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
        self.refuse(change, reason, MAX_WAIT, now);
    }

    /// NetBox refused `change` at `now` for want of a permission.
    pub fn record_forbidden(&mut self, change: &Change, reason: &str, now: Timestamp) {
        self.refuse(change, reason, MAX_FORBIDDEN_WAIT, now);
    }

    /// NetBox did not answer the creation `change`, which failed at `now`.
    pub fn record_unanswered(&mut self, change: &Change, reason: &str, now: Timestamp) {
        let until = now.checked_add(UNANSWERED_WAIT).unwrap_or(Timestamp::MAX);
        let (change_digest, cause) = (change.digest(), QuarantineCause::Unanswered);
        let entry =
            QuarantineEntry { change: change_digest, cause, reason: reason.into(), failures: 1, until };
        self.entries.insert(change.object.clone(), entry);
    }

    fn refuse(&mut self, change: &Change, reason: &str, longest: SignedDuration, now: Timestamp) {
        let digest = change.digest();
        let cause = QuarantineCause::Refused;
        let before = self.entries.get(&change.object);
        let before = before.filter(|entry| entry.change == digest && entry.cause == cause);
        let failures = before.map_or(0, |entry| entry.failures).saturating_add(1);
        let wait = FIRST_WAIT.saturating_mul(1 << (failures - 1).min(16)).min(longest);
        let until = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let entry = QuarantineEntry { change: digest, cause, reason: reason.into(), failures, until };
        self.entries.insert(change.object.clone(), entry);
    }

    /// `change` was made at `now`. What was refused of the same kind may have wanted the place that it left, and need not wait.
    pub fn record_success(&mut self, change: &Change, now: Timestamp) {
        self.entries.remove(&change.object);
        if change.frees_a_place() {
            // Of what was not answered nobody knows how it ended, whatever place is free.
            let of_kind = self.entries.iter_mut().filter(|(object, entry)| {
                object.kind == change.object.kind && entry.cause == QuarantineCause::Refused
            });
            of_kind.for_each(|(_, entry)| entry.until = entry.until.min(now));
        }
    }

    /// The entry by which `change` is held back at `now`.
    pub fn hold(&self, change: &Change, now: Timestamp) -> Option<&QuarantineEntry> {
        let entry = self.entries.get(&change.object)?;
        let is_held = match entry.cause {
            QuarantineCause::Refused => entry.change == change.digest(),
            // Whatever it is created as, it would be there twice.
            QuarantineCause::Unanswered => matches!(change.action, Action::Create { .. }),
        };
        (entry.is_waiting(now) && is_held).then_some(entry)
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
