//! What is deleted, what is marked for it, and what is held back: tombstone, grace, ceiling, protection; nothing on a list that was not
//! read whole, nothing that others still refer to.

use super::limits::{Limits, Verdict};
use super::{Action, Change, DeleteReason, HeldChange, HoldReason, Intent, Quarantine};
use crate::comparison::{Compared, Comparison, Status};
use crate::netbox::{Actual, Inventory, ObjectKind};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};

pub(super) struct Deletions {
    pub marks: Vec<Change>,
    pub deletes: Vec<Change>,
    pub held: Vec<HeldChange>,
}

/// Decides over every object that nothing asks for. `writes` says what is deleted already, and which objects will no longer hold what they
/// hold now.
pub(super) fn decide(
    comparison: &Comparison,
    inventory: &Inventory,
    limits: &Limits<'_>,
    quarantine: &Quarantine,
    writes: &[Change],
    now: Timestamp,
) -> Deletions {
    let mut gone: HashSet<(ObjectKind, u64)> = writes.iter().filter_map(deleted).collect();
    let mut extras: Vec<(&Compared, &Actual)> = comparison
        .objects
        .iter()
        .filter(|compared| compared.status == Status::Extra)
        .filter_map(|compared| Some((compared, inventory.find_id(compared.object.kind, compared.id?)?)))
        .filter(|(_, actual)| !gone.contains(&(actual.kind, actual.id)))
        .collect();
    // What refers to others goes first.
    extras.sort_by_key(|(compared, actual)| {
        let has = |field: &str| !actual.field(field).is_null();
        let nested = actual.kind == ObjectKind::Interface && (has("parent") || has("lag"));
        (std::cmp::Reverse((actual.kind, nested && has("parent"), nested)), &compared.object)
    });
    let mut out = Deletions { marks: Vec::new(), deletes: Vec::new(), held: Vec::new() };
    let mut due = Vec::new();
    for (compared, actual) in extras {
        let action = match limits.judge(compared, actual, now) {
            Verdict::Delete => Action::Delete { id: actual.id, reason: DeleteReason::SourceGone },
            Verdict::Mark => Action::Mark { id: actual.id },
            Verdict::Hold(reason) => {
                out.held.push(hold(compared, reason));
                continue;
            }
        };
        let change = change(compared, action);
        match quarantine.hold(&change, now) {
            Some(entry) => out.held.push(hold(compared, HoldReason::Quarantined(entry.clone()))),
            None if matches!(change.action, Action::Mark { .. }) => out.marks.push(change),
            None => due.push((compared, actual, change)),
        }
    }
    // Everything that is due may go together; then, from those that are referred to, what stays holds what it refers to.
    gone.extend(due.iter().map(|(_, actual, _)| (actual.kind, actual.id)));
    let updated: HashSet<(ObjectKind, u64)> = writes
        .iter()
        .filter_map(|change| match change.action {
            Action::Update { id: Some(id), .. } => Some((change.object.kind, id)),
            _ => None,
        })
        .collect();
    let mut kept: HashMap<(ObjectKind, u64), String> = HashMap::new();
    for kind in ObjectKind::ALL {
        for actual in inventory.objects(kind) {
            if gone.contains(&(kind, actual.id)) {
                continue;
            }
            let desired = actual.identity().and_then(|identity| comparison.desired.find(&identity));
            match desired.filter(|_| updated.contains(&(kind, actual.id))) {
                Some(desired) => {
                    let numbers = desired
                        .references()
                        .filter_map(|target| Some((target.kind, inventory.number(target)?)));
                    kept.extend(numbers.map(|target| (target, describe(actual))));
                }
                None => kept.extend(actual.references().into_iter().map(|target| (target, describe(actual)))),
            }
        }
    }
    for (compared, actual, change) in due {
        let by =
            kept.get(&(actual.kind, actual.id)).cloned().or_else(|| foreign_cable(actual, inventory, &gone));
        match by {
            Some(by) => {
                kept.extend(actual.references().into_iter().map(|target| (target, describe(actual))));
                out.held.push(hold(compared, HoldReason::StillReferenced { by }));
            }
            None => out.deletes.push(change),
        }
    }
    out
}

/// What `change` deletes, if it does.
pub(super) fn deleted(change: &Change) -> Option<(ObjectKind, u64)> {
    match change.action {
        Action::Delete { id, .. } => Some((change.object.kind, id)),
        _ => None,
    }
}

fn describe(actual: &Actual) -> String {
    format!("{} {}", actual.kind, actual.display)
}

/// A cable that stays with one end empty is what nobody wants: ours goes first, somebody else's holds the interface.
fn foreign_cable(
    actual: &Actual,
    inventory: &Inventory,
    gone: &HashSet<(ObjectKind, u64)>,
) -> Option<String> {
    let cable = (actual.kind == ObjectKind::Interface).then(|| actual.field("cable").as_u64()).flatten()?;
    if gone.contains(&(ObjectKind::Cable, cable)) {
        return None;
    }
    let ours = inventory.find_id(ObjectKind::Cable, cable);
    Some(ours.map_or_else(|| format!("cable {cable} of somebody else"), describe))
}

fn change(compared: &Compared, action: Action) -> Change {
    Change { object: compared.object.clone(), source: compared.source.clone(), action }
}

fn hold(compared: &Compared, reason: HoldReason) -> HeldChange {
    HeldChange {
        object: compared.object.clone(),
        source: compared.source.clone(),
        intent: Intent::Delete,
        reason,
    }
}
