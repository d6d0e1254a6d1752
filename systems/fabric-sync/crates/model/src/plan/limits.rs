//! What stands before a deletion, and before fields are emptied because sources are gone: a whole look, somebody's word where too much
//! would vanish, the grace.

use super::belongings::{Belongings, find_belongings};
use super::loss::{ASSOCIATIONS, Losses, Vanished, find_losses};
use super::{HoldReason, Policy};
use crate::comparison::{Compared, Comparison, Difference, Status};
use crate::netbox::{Actual, Inventory, TOMBSTONE_FIELD};
use crate::source::{Emptiness, Kind, SourceRef};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;

/// What becomes of an object that nothing asks for.
pub(super) enum Verdict {
    Delete,
    Mark,
    Hold(HoldReason),
}

pub(super) struct Limits<'a> {
    comparison: &'a Comparison,
    policy: &'a Policy,
    losses: Losses,
    belongings: Belongings,
    ceiling: Option<HoldReason>,
}

impl<'a> Limits<'a> {
    pub(super) fn new(comparison: &'a Comparison, inventory: &Inventory, policy: &'a Policy) -> Self {
        let losses = find_losses(comparison, inventory);
        let belongings = find_belongings(comparison, inventory);
        let is_extra = |compared: &&Compared| policy.deletions && compared.status == Status::Extra;
        let deletable = comparison.objects.iter().filter(is_extra);
        let deletable = deletable.filter(|compared| {
            let actual = compared.id.and_then(|id| inventory.find_id(compared.object.kind, id));
            actual.is_some_and(|actual| {
                let is_kept = belongings.contains_key(&(actual.kind, actual.id));
                !actual.protected && !actual.paused && !is_kept
            })
        });
        let mut vanishing: BTreeSet<Vanished> =
            deletable.filter_map(|compared| compared.source.clone().map(Vanished::Source)).collect();
        vanishing.extend(losses.values().flatten().cloned());
        let staying = comparison.desired.objects.iter().filter_map(|object| object.source.as_ref());
        let associated = ASSOCIATIONS.into_iter().flat_map(|kind| comparison.presence.of_kind(kind));
        let staying: BTreeSet<&SourceRef> = staying.chain(associated).collect();
        let both = |one: &&Vanished| matches!(one, Vanished::Source(source) if staying.contains(source));
        let sources = vanishing.len();
        let of = staying.len() + sources - vanishing.iter().filter(both).count();
        let too_many = sources > policy.max_deletions
            || sources * 100 > of * usize::from(policy.max_deletion_percent.min(100));
        let ceiling = too_many.then_some(HoldReason::Ceiling { sources, of });
        Self { comparison, policy, losses, belongings, ceiling }
    }

    /// Why `field` of an object is not written, if it would lose what was said by sources that are gone.
    pub(super) fn judge_loss(&self, compared: &Compared, difference: &Difference) -> Option<HoldReason> {
        let lost = self.losses.get(&(compared.object.kind, compared.id?))?;
        let lost: Vec<&Vanished> = lost.iter().filter(|each| each.has_field(&difference.field)).collect();
        if lost.is_empty() {
            return None;
        }
        if lost.iter().any(|each| self.is_told(each)) {
            return Some(HoldReason::AwaitsLook);
        }
        if self.policy.confirmed {
            return None;
        }
        let mut places = lost.iter().map(|each| each.place());
        places
            .find_map(|(kind, namespace)| self.find_emptiness(kind, namespace))
            .or_else(|| self.ceiling.clone())
    }

    /// Whether perhaps only a watch says that it is gone.
    fn is_told(&self, vanished: &Vanished) -> bool {
        match vanished {
            Vanished::Source(source) => self.policy.told.contains(source),
            Vanished::Attachment { connection, .. } => {
                self.policy.told.iter().any(|source| {
                    source.kind == Kind::VPCAttachment && source.namespace == connection.namespace
                })
            }
        }
    }

    fn find_emptiness(&self, kind: Kind, namespace: &str) -> Option<HoldReason> {
        Some(match self.comparison.presence.emptiness(kind, namespace)? {
            Emptiness::Kind => HoldReason::EmptyKind(kind),
            Emptiness::Namespace => HoldReason::EmptyNamespace { kind, namespace: namespace.into() },
        })
    }

    pub(super) fn judge(&self, compared: &Compared, actual: &Actual, now: Timestamp) -> Verdict {
        let paused =
            compared.source.as_ref().is_some_and(|source| self.comparison.desired.paused.contains(source));
        if !self.comparison.is_whole() {
            return Verdict::Hold(HoldReason::Incomplete);
        }
        if !self.policy.deletions {
            return Verdict::Hold(HoldReason::DeletionsOff);
        }
        if actual.paused || paused {
            return Verdict::Hold(HoldReason::Paused);
        }
        if actual.protected {
            return Verdict::Hold(HoldReason::Protected);
        }
        if let Some(device) = self.belongings.get(&(actual.kind, actual.id)) {
            return Verdict::Hold(HoldReason::BelongsTo(device.clone()));
        }
        if compared.source.as_ref().is_some_and(|source| self.policy.told.contains(source)) {
            return Verdict::Hold(HoldReason::AwaitsLook);
        }
        if self.policy.confirmed {
            return Verdict::Delete;
        }
        let empty =
            compared.source.as_ref().and_then(|source| self.find_emptiness(source.kind, &source.namespace));
        if let Some(reason) = empty.or_else(|| self.ceiling.clone()) {
            return Verdict::Hold(reason);
        }
        if !self.policy.grace.is_positive() {
            return Verdict::Delete;
        }
        match actual.custom_field(TOMBSTONE_FIELD) {
            Value::String(text) if !text.is_empty() => match text.parse::<Timestamp>() {
                Err(_) => Verdict::Hold(HoldReason::BadTombstone(text.clone())),
                Ok(since) => {
                    let until = since.checked_add(self.policy.grace).unwrap_or(Timestamp::MAX);
                    if now < until {
                        Verdict::Hold(HoldReason::Grace { since, until })
                    } else if self.policy.fresh_marks.contains(&(actual.kind, actual.id)) {
                        Verdict::Hold(HoldReason::FreshMark)
                    } else {
                        Verdict::Delete
                    }
                }
            },
            _ => Verdict::Mark,
        }
    }
}
