//! Updates in the order in which what one takes is free already: two subnets may swap their VLAN IDs, and NetBox has each only once.

use super::{Action, Change, HeldChange, HoldReason, Intent, Quarantine};
use crate::comparison::{Comparison, Difference};
use crate::netbox::{FieldValue, Inventory, ObjectKind};
use crate::slot::{Slot, slot_of_actual, slot_of_desired};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashMap;

/// Writes in their new order, and what is held back instead.
pub(super) struct Arranged {
    pub writes: Vec<Change>,
    pub held: Vec<HeldChange>,
}

/// Puts before each update the one that leaves the place it takes. Of updates that want each other's place in a circle, one steps aside
/// first. All else stays where it is.
pub(super) fn arrange(
    writes: Vec<Change>,
    comparison: &Comparison,
    inventory: &Inventory,
    quarantine: &Quarantine,
    now: Timestamp,
) -> Arranged {
    let mut left: HashMap<Slot, usize> = HashMap::new();
    let mut wanted: HashMap<usize, Slot> = HashMap::new();
    for (at, change) in writes.iter().enumerate() {
        if let Some((before, after)) = find_move(change, comparison, inventory) {
            left.insert(before, at);
            wanted.insert(at, after);
        }
    }
    let holder = |at: usize| wanted.get(&at).and_then(|slot| left.get(slot)).copied();
    let mut waiting: Vec<Option<Change>> = writes.into_iter().map(Some).collect();
    let mut out = Arranged { writes: Vec::with_capacity(waiting.len()), held: Vec::new() };
    for first in 0..waiting.len() {
        let is_waiting = |waiting: &[Option<Change>], at: usize| waiting.get(at).is_some_and(Option::is_some);
        if !is_waiting(&waiting, first) {
            continue;
        }
        let mut path = vec![first];
        let mut closing = None;
        while let Some(next) = path.last().and_then(|last| holder(*last)) {
            if !is_waiting(&waiting, next) {
                break;
            }
            if path.contains(&next) {
                closing = Some(next);
                break;
            }
            path.push(next);
        }
        if let Some(change) = closing.and_then(|at| waiting.get_mut(at)).and_then(Option::take) {
            let steps = step_aside(&change, comparison, inventory);
            let steps = steps.map(|(aside, last)| [aside, last]);
            let entry = steps.iter().flatten().find_map(|step| quarantine.hold(step, now));
            let last = match (steps.clone(), entry) {
                (None, _) => Some(change),
                (Some(_), Some(entry)) => {
                    let reason = HoldReason::Quarantined(entry.clone());
                    let Change { object, source, .. } = change;
                    out.held.push(HeldChange { object, source, intent: Intent::Update, reason });
                    None
                }
                (Some([aside, last]), None) => {
                    out.writes.push(aside);
                    Some(last)
                }
            };
            if let Some(place) = closing.and_then(|at| waiting.get_mut(at)) {
                *place = last;
            }
        }
        let in_order = path.into_iter().rev();
        out.writes.extend(in_order.filter_map(|at| waiting.get_mut(at).and_then(Option::take)));
    }
    out
}

/// The place that an update leaves and the one that it takes, if they are two.
fn find_move(change: &Change, comparison: &Comparison, inventory: &Inventory) -> Option<(Slot, Slot)> {
    let Action::Update { id: Some(id), .. } = change.action else { return None };
    if !change.frees_a_place() {
        return None;
    }
    let kind = change.object.kind;
    // A port's LAG may be made by this very plan, and must then stay before it.
    if matches!(kind, ObjectKind::Interface | ObjectKind::Cable | ObjectKind::L2vpnTermination) {
        return None;
    }
    let before = slot_of_actual(inventory.find_id(kind, id)?)?;
    let desired = comparison.desired.find(&change.object)?;
    let after = slot_of_desired(desired, |identity| inventory.number(identity))?;
    (before != after).then_some((before, after))
}

/// An update in two: first out of everybody's way, then to where it belongs. None for kinds that have no such place.
fn step_aside(change: &Change, comparison: &Comparison, inventory: &Inventory) -> Option<(Change, Change)> {
    let Action::Update { id: Some(id), differences } = &change.action else { return None };
    let (field, aside) = match change.object.kind {
        ObjectKind::Vlan => ("group", FieldValue::Empty),
        ObjectKind::Prefix | ObjectKind::IpAddress | ObjectKind::IpRange => ("vrf", FieldValue::Empty),
        ObjectKind::Device | ObjectKind::RouteTarget | ObjectKind::ProviderNetwork => {
            ("name", FieldValue::Text(format!("fabric-sync-{id}")))
        }
        _ => return None,
    };
    let desired = comparison.desired.find(&change.object)?.fields.get(field)?.clone();
    let actual = inventory.find_id(change.object.kind, *id)?.shown(field);
    let held = match &aside {
        FieldValue::Text(name) => name.as_str().into(),
        _ => Value::Null,
    };
    let mut last: Vec<Difference> = differences.iter().filter(|each| each.field != field).cloned().collect();
    last.push(Difference { field: field.into(), actual: held, desired });
    last.sort_by(|a, b| a.field.cmp(&b.field));
    let first = vec![Difference { field: field.into(), actual, desired: aside }];
    let update = |differences| Change {
        object: change.object.clone(),
        source: change.source.clone(),
        action: Action::Update { id: Some(*id), differences },
    };
    Some((update(first), update(last)))
}
