//! What belongs to a device that people tagged: whoever keeps a device keeps its ports, their addresses and cables, and what was noted on
//! them.

use crate::comparison::{Comparison, Status};
use crate::netbox::{Actual, Identity, Inventory, ObjectKind};
use std::collections::HashMap;

/// By kind and number: the device that nothing asks for any more, and that stays all the same.
pub(super) type Belongings = HashMap<(ObjectKind, u64), Identity>;

pub(super) fn find_belongings(comparison: &Comparison, inventory: &Inventory) -> Belongings {
    let extras = comparison.objects.iter().filter(|compared| compared.status == Status::Extra);
    let devices = extras.filter(|compared| compared.object.kind == ObjectKind::Device);
    let kept: HashMap<u64, &Identity> = devices
        .filter_map(|compared| Some((inventory.find_id(ObjectKind::Device, compared.id?)?, &compared.object)))
        .filter(|(actual, _)| actual.protected || actual.paused)
        .map(|(actual, identity)| (actual.id, identity))
        .collect();
    let mut belongings = Belongings::new();
    if kept.is_empty() {
        return belongings;
    }
    // An address and a cable belong to the device whose port they are at.
    let take = |kind: ObjectKind, at: ObjectKind, owners: &dyn Fn(u64) -> Option<Identity>| {
        let owner = |actual: &Actual| {
            let references = actual.references().into_iter().filter(|(kind, _)| *kind == at);
            references.filter_map(|(_, id)| owners(id)).next()
        };
        let found = inventory.objects(kind).iter().filter_map(|actual| Some((actual.id, owner(actual)?)));
        found.collect::<HashMap<u64, Identity>>()
    };
    let ports = take(ObjectKind::Interface, ObjectKind::Device, &|id| kept.get(&id).copied().cloned());
    for kind in [ObjectKind::IpAddress, ObjectKind::Cable] {
        let of_kind = take(kind, ObjectKind::Interface, &|id| ports.get(&id).cloned());
        belongings.extend(of_kind.into_iter().map(|(id, owner)| ((kind, id), owner)));
    }
    belongings.extend(ports.into_iter().map(|(id, owner)| ((ObjectKind::Interface, id), owner)));
    belongings
}
