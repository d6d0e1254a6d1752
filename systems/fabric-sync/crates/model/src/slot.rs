//! Which objects NetBox will not have twice: what takes the place of another object of ours takes that object over, with all that
//! people wrote on it, instead of failing beside it until its grace has passed.

use crate::desired::{Desired, DesiredObject};
use crate::netbox::{Actual, FieldValue, Identity, Inventory, ObjectKind};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// The fields of which NetBox has each combination once.
pub(crate) fn unique_fields(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Device => &["site", "name"],
        ObjectKind::Interface => &["device", "name"],
        ObjectKind::Vlan => &["group", "vid"],
        ObjectKind::VlanGroup => &["scope", "slug"],
        ObjectKind::Prefix => &["vrf", "prefix"],
        ObjectKind::IpAddress => &["vrf", "address"],
        ObjectKind::IpRange => &["vrf", "start_address", "end_address"],
        ObjectKind::RouteTarget => &["name"],
        ObjectKind::ProviderNetwork => &["provider", "name"],
        ObjectKind::L2vpn => &["slug"],
        ObjectKind::L2vpnTermination => &["assigned_object"],
        ObjectKind::Cable => &["a_terminations", "b_terminations"],
        _ => &[],
    }
}

/// A place that NetBox gives to one object of a kind.
pub(crate) type Slot = (ObjectKind, Vec<Value>);

/// The place that an object has.
pub(crate) fn slot_of_actual(actual: &Actual) -> Option<Slot> {
    let fields = unique_fields(actual.kind);
    let values: Vec<Value> = fields.iter().map(|field| place(actual.kind, actual.shown(field))).collect();
    (!values.is_empty()).then_some((actual.kind, values))
}

/// Of an address only the host counts: NetBox has it once in a VRF, whatever its prefix length.
fn place(kind: ObjectKind, value: Value) -> Value {
    match value {
        Value::String(text) if kind == ObjectKind::IpAddress => {
            text.split_once('/').map_or(text.as_str(), |(host, _)| host).into()
        }
        value => value,
    }
}

/// The place that an object should have; None where that is not numbered yet.
pub(crate) fn slot_of_desired(
    object: &DesiredObject,
    number: impl Fn(&Identity) -> Option<u64>,
) -> Option<Slot> {
    let fields = unique_fields(object.identity.kind);
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let value: &FieldValue = object.fields.get(field)?;
        let mut body = serde_json::Map::new();
        value.write(field, &number, &mut body).ok()?;
        let mut written: Vec<Value> = body.into_iter().map(|(_, value)| value).collect();
        // `NAME_id` comes before `NAME_type`.
        written.reverse();
        let value = if written.len() == 1 { written.remove(0) } else { Value::Array(written) };
        values.push(place(object.identity.kind, value));
    }
    (!values.is_empty()).then_some((object.identity.kind, values))
}

/// For desired objects that are missing: the number of an object of ours that nothing asks for any more and that takes the same
/// place. `is_extra` tells whether nothing asks for an object indeed.
pub(crate) fn find_moved(
    desired: &Desired,
    inventory: &Inventory,
    is_extra: impl Fn(&Actual) -> bool,
) -> HashMap<Identity, u64> {
    let missing: Vec<_> = desired
        .objects
        .iter()
        .filter(|object| !object.identity.kind.is_shared() && inventory.find(&object.identity).is_none())
        .collect();
    if missing.is_empty() {
        return HashMap::new();
    }
    let mut free: HashMap<Slot, u64> = HashMap::new();
    for kind in ObjectKind::ALL.into_iter().filter(|kind| !kind.is_shared()) {
        for actual in inventory.objects(kind) {
            if is_extra(actual)
                && let Some(slot) = slot_of_actual(actual)
            {
                free.insert(slot, actual.id);
            }
        }
    }
    let mut taken = HashSet::new();
    let mut moved: HashMap<Identity, u64> = HashMap::new();
    // In the order of creation, so that what refers to an object that is taken over is recognised after it.
    for object in missing {
        let number =
            |identity: &Identity| inventory.number(identity).or_else(|| moved.get(identity).copied());
        let Some(slot) = slot_of_desired(object, number) else { continue };
        if let Some(id) = free.get(&slot)
            && taken.insert((slot.0, *id))
        {
            moved.insert(object.identity.clone(), *id);
        }
    }
    moved
}
