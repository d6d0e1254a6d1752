//! Fabrics at random: most of them consistent, some with links that lead nowhere, ports used twice and fields nobody knows.

use fabric_model::{Fabric, FabricName, Kind, Snapshot};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub type Specs = BTreeMap<(Kind, String), Value>;

pub fn fabric() -> Fabric {
    Fabric { name: FabricName::new("lab").unwrap(), site: "Lab".into() }
}

pub fn object(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "default", "resourceVersion": "1", "generation": 1}, "spec": spec})
}

pub fn snapshot(specs: &Specs) -> Snapshot {
    let mut snapshot = Snapshot::new();
    for kind in Kind::ALL {
        let of_kind = specs.iter().filter(|((of, _), _)| *of == kind);
        snapshot
            .insert(kind, Ok(("1".into(), of_kind.map(|((_, name), spec)| object(name, spec)).collect())));
    }
    snapshot
}

const SWITCHES: usize = 3;
const SERVERS: usize = 3;
const VPCS: usize = 3;

fn port(device: usize, port: usize) -> String {
    if device < SWITCHES {
        format!("switch-{device}/E1/{port}")
    } else {
        format!("server-{}/eth{port}", device - SWITCHES)
    }
}

/// A connection between two devices, of a type that `form` chooses.
fn connection(form: usize, a: (usize, usize), b: (usize, usize)) -> Value {
    let (switch, other) = (port(a.0 % SWITCHES, a.1), port(b.0 % (SWITCHES + SERVERS), b.1));
    let server = port(SWITCHES + b.0 % SERVERS, b.1);
    let link = json!({"switch": {"port": switch}, "server": {"port": server}});
    match form {
        0 => json!({"unbundled": {"link": link}}),
        1 => {
            json!({"bundled": {"links": [link, {"switch": {"port": port(a.0 % SWITCHES, a.1 + 10)}, "server": {"port": port(SWITCHES + b.0 % SERVERS, b.1 + 10)}}], "mtu": 9000}})
        }
        2 => {
            json!({"fabric": {"links": [{"spine": {"port": switch, "ip": format!("172.30.{}.{}/31", a.0, a.1 * 2)}, "leaf": {"port": other, "ip": format!("172.30.{}.{}/31", a.0, a.1 * 2 + 1)}}]}})
        }
        3 => json!({"external": {"link": {"switch": {"port": switch}}}}),
        4 => {
            json!({"staticExternal": {"link": {"switch": {"port": switch, "ip": format!("192.0.2.{}/24", a.1), "vlan": 7 * (a.1 % 2)}}}})
        }
        _ => {
            json!({"vpcLoopback": {"links": [{"switch1": {"port": switch}, "switch2": {"port": port(a.0 % SWITCHES, a.1 + 20)}}]}})
        }
    }
}

prop_compose! {
    fn connections()(
        list in prop::collection::btree_map(0..6usize, (0..6usize, (0..3usize, 0..4usize), (0..6usize, 0..4usize)), 0..6)
    ) -> Vec<(String, Value)> {
        list.into_iter().map(|(name, (form, a, b))| (format!("connection-{name}"), connection(form, a, b))).collect()
    }
}

prop_compose! {
    /// Any fabric.
    pub fn specs()(
        switches in prop::collection::btree_set(0..SWITCHES, 1..=SWITCHES),
        servers in prop::collection::btree_set(0..SERVERS, 1..=SERVERS),
        vpcs in prop::collection::btree_map(0..VPCS, (0..5usize, any::<bool>()), 0..=VPCS),
        connections in connections(),
        attachments in prop::collection::btree_map(0..4usize, (0..VPCS, 0..6usize, any::<bool>()), 0..4),
        peerings in prop::collection::btree_map(0..3usize, (0..VPCS, 0..VPCS), 0..3),
        externals in prop::collection::btree_map(0..2usize, (0..6usize, any::<bool>(), 0..VPCS), 0..2),
        descriptions in prop::collection::vec("[a-z]{0,5}", 6),
    ) -> Specs {
        let mut specs = Specs::new();
        let mut put = |kind, name: String, spec| { specs.insert((kind, name), spec); };
        put(Kind::VLANNamespace, "default".into(), json!({"ranges": [{"from": 1000, "to": 1999}]}));
        put(Kind::IPv4Namespace, "default".into(), json!({"subnets": ["10.0.0.0/12"]}));
        put(Kind::SwitchGroup, "group".into(), json!({}));
        for number in switches {
            put(Kind::Switch, format!("switch-{number}"), json!({
                "role": "spine", "profile": "box", "asn": 65100 + number, "ip": format!("172.20.0.{number}/24"),
                "protocolIP": format!("172.20.8.{number}/32"), "description": descriptions[number], "groups": ["group"],
            }));
        }
        for number in servers {
            put(Kind::Server, format!("server-{number}"), json!({"description": descriptions[SWITCHES + number]}));
        }
        for (number, (vlan, is_tagged)) in vpcs {
            let vlan = if is_tagged { 1000 + 10 * number + vlan } else { 0 };
            put(Kind::VPC, format!("vpc-{number}"), json!({"subnets": {"main": {
                "subnet": format!("10.0.{number}.0/24"), "gateway": format!("10.0.{number}.1"), "vlan": vlan,
                "dhcp": {"enable": true, "range": {"start": format!("10.0.{number}.9"), "end": format!("10.0.{number}.99")}},
            }}}));
        }
        for (name, spec) in connections {
            put(Kind::Connection, name, spec);
        }
        for (number, (vpc, connection, native)) in attachments {
            let spec = json!({"subnet": format!("vpc-{vpc}/main"), "connection": format!("connection-{connection}"), "nativeVLAN": native});
            put(Kind::VPCAttachment, format!("attachment-{number}"), spec);
        }
        for (number, (one, other)) in peerings {
            put(Kind::VPCPeering, format!("peering-{number}"), json!({"permit": [{format!("vpc-{one}"): {}, format!("vpc-{other}"): {}}]}));
        }
        for (number, (connection, is_tagged, vpc)) in externals {
            put(Kind::External, format!("external-{number}"), json!({"inboundCommunity": "65102:1"}));
            put(Kind::ExternalAttachment, format!("external-{number}"), json!({
                "external": format!("external-{number}"), "connection": format!("connection-{connection}"),
                "switch": {"vlan": if is_tagged { 100 } else { 0 }, "ip": format!("100.64.{number}.1/24")}, "neighbor": {"asn": 65000, "ip": "100.64.0.9"},
            }));
            put(Kind::ExternalPeering, format!("external-{number}"), json!({
                "permit": {"vpc": {"name": format!("vpc-{vpc}")}, "external": {"name": format!("external-{number}")}},
            }));
        }
        specs
    }
}
