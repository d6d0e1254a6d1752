//! What NetBox deletes along with an object, or leaves dangling, without asking. When one of ours is deleted, everything of ours that
//! belongs to it has gone before: what is left is somebody else's. NetBox tells most of it in the object itself, by the counts and nested
//! objects of its serializers (netbox/dcim/api/serializers_/{devices,device_components}.py, netbox/ipam/api/serializers_/vlans.py).

use fabric_model::ObjectKind;
use serde_json::Value;

/// The fields of an object of `kind` that tell of such others, with their names for people.
fn telling_fields(kind: ObjectKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ObjectKind::Device => &[
            ("console_port_count", "console port"),
            ("console_server_port_count", "console server port"),
            ("power_port_count", "power port"),
            ("power_outlet_count", "power outlet"),
            ("front_port_count", "front port"),
            ("rear_port_count", "rear port"),
            ("device_bay_count", "device bay"),
            ("module_bay_count", "module bay"),
            ("inventory_item_count", "inventory item"),
        ],
        ObjectKind::Interface => &[
            ("cable", "cable"),
            ("count_ipaddresses", "IP address"),
            ("count_fhrp_groups", "FHRP group"),
            ("mac_addresses", "MAC address"),
            ("l2vpn_termination", "L2VPN termination"),
        ],
        ObjectKind::Vlan => &[("l2vpn_termination", "L2VPN termination")],
        _ => &[],
    }
}

/// What of others goes with `object`, as NetBox answered it by itself: none where it has none. A field that is missing may hide some.
pub(crate) fn find_dependants(kind: ObjectKind, object: &Value) -> Option<String> {
    let mut found = Vec::new();
    for (field, name) in telling_fields(kind) {
        let Some(value) = object.get(field) else {
            found.push(format!("NetBox does not tell whether a {name}"));
            continue;
        };
        let count = match value {
            Value::Null => 0,
            Value::Number(number) => number.as_u64().unwrap_or(u64::MAX),
            Value::Array(items) => u64::try_from(items.len()).unwrap_or(u64::MAX),
            _ => 1,
        };
        if count > 0 {
            found.push(format!("{count} x {name}"));
        }
    }
    (!found.is_empty()).then(|| found.join(", "))
}

/// The objects that only a list tells: of which kind, the filter by which they are found, and the field that names what they belong to.
pub(crate) fn listed_dependants(kind: ObjectKind) -> Option<(ObjectKind, &'static str, &'static str)> {
    match kind {
        ObjectKind::Device => Some((ObjectKind::Interface, "device_id", "device")),
        ObjectKind::L2vpn => Some((ObjectKind::L2vpnTermination, "l2vpn_id", "l2vpn")),
        _ => None,
    }
}
