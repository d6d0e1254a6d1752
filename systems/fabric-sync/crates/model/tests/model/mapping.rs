//! Each kind by example; what the whole looks like in NetBox is in `fabric-netbox`'s tests.

use crate::fabrics::{Specs, fabric, snapshot};
use fabric_model::netbox::custom;
use fabric_model::{
    Desired, DesiredObject, FieldValue, Identity, Kind, ObjectKind, ProblemKind, SourceRef, Unread,
    UnreadCause, map_fabric,
};
use serde_json::{Value, json};

fn specs(list: &[(Kind, &str, Value)]) -> Specs {
    let mut specs: Specs =
        list.iter().map(|(kind, name, spec)| ((*kind, (*name).to_owned()), spec.clone())).collect();
    specs
        .entry((Kind::VLANNamespace, "default".into()))
        .or_insert(json!({"ranges": [{"from": 1000, "to": 1999}]}));
    specs.entry((Kind::IPv4Namespace, "default".into())).or_insert(json!({"subnets": ["10.0.0.0/12"]}));
    for name in ["leaf", "spine"] {
        specs.entry((Kind::Switch, name.into())).or_insert(json!({"role": "spine", "profile": "box"}));
    }
    specs.entry((Kind::Server, "server".into())).or_insert(json!({}));
    specs
}

fn map(list: &[(Kind, &str, Value)]) -> Desired {
    map_fabric(&fabric(), &snapshot(&specs(list)))
}

fn find<'a>(desired: &'a Desired, kind: ObjectKind, key: &str) -> &'a DesiredObject {
    let identity = Identity::new(kind, format!("lab/{key}"));
    desired
        .find(&identity)
        .unwrap_or_else(|| panic!("{identity} is missing; there are {:#?}", desired.problems))
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.into())
}

fn own(kind: ObjectKind, key: &str) -> Identity {
    Identity::new(kind, format!("lab/{key}"))
}

fn problem(desired: &Desired, source: &str) -> ProblemKind {
    let source: SourceRef = source.parse().unwrap();
    let of_source: Vec<_> =
        desired.problems.iter().filter(|problem| problem.source.as_ref() == Some(&source)).collect();
    assert_eq!(of_source.len(), 1, "{:#?}", desired.problems);
    assert!(
        desired.objects.iter().all(|object| object.source.as_ref() != Some(&source)),
        "nothing is made of it"
    );
    of_source[0].problem.clone()
}

#[test]
fn a_port_has_slashes_of_its_own() {
    let link = json!({"spine": {"port": "spine/E1/55/2"}, "leaf": {"port": "leaf/E1/1"}});
    let desired = map(&[(Kind::Connection, "up", json!({"fabric": {"links": [link]}}))]);
    let port = find(&desired, ObjectKind::Interface, "default/spine/E1/55/2");
    assert_eq!(port.fields["name"], text("E1/55/2"));
    let cable = find(&desired, ObjectKind::Cable, "default/up/spine/E1/55/2");
    assert_eq!(cable.fields["a_terminations"], FieldValue::Terminations(vec![port.identity.clone()]));
}

#[test]
fn a_bundle_over_two_switches_is_a_lag_on_each_device_and_a_cable_for_each_link() {
    let links = json!([
        {"server": {"port": "server/eth0"}, "switch": {"port": "leaf/E1/1"}},
        {"server": {"port": "server/eth1"}, "switch": {"port": "spine/E1/1"}},
    ]);
    let desired = map(&[(Kind::Connection, "pair", json!({"eslag": {"links": links, "fallback": true}}))]);
    let count = |kind| desired.objects.iter().filter(|object| object.identity.kind == kind).count();
    assert_eq!((count(ObjectKind::Cable), count(ObjectKind::Interface)), (2, 4 + 3));
    let lag = own(ObjectKind::Interface, "default/server/lag:pair");
    assert_eq!(
        find(&desired, ObjectKind::Interface, "default/server/eth1").fields["lag"],
        FieldValue::Reference(lag)
    );
    let kept = json!({"Connection/default/pair": {"eslag.fallback": true}});
    let cable = find(&desired, ObjectKind::Cable, "default/pair/leaf/E1/1");
    assert_eq!(cable.fields[custom("fabric_sync_spec").as_str()], FieldValue::Json(kept));
}

#[test]
fn each_other_type_of_connection_has_its_objects() {
    let pair = json!([{"switch1": {"port": "leaf/E1/1"}, "switch2": {"port": "spine/E1/1"}}]);
    let desired = map(&[
        (
            Kind::Connection,
            "domain",
            json!({"mclagDomain": {"peerLinks": pair, "sessionLinks": [{"switch1": {"port": "leaf/E1/2"}, "switch2": {"port": "spine/E1/2"}}]}}),
        ),
        (
            Kind::Connection,
            "loop",
            json!({"vpcLoopback": {"links": [{"switch1": {"port": "leaf/E1/3"}, "switch2": {"port": "leaf/E1/4"}}]}}),
        ),
        (
            Kind::Connection,
            "mesh",
            json!({"mesh": {"links": [{"leaf1": {"port": "leaf/E1/5", "ip": "172.30.0.0/31"}, "leaf2": {"port": "spine/E1/5", "ip": "172.30.0.1/31"}}]}}),
        ),
        (
            Kind::Connection,
            "gate",
            json!({"gateway": {"links": [{"switch": {"port": "leaf/E1/6", "ip": "172.30.0.2/31"}, "gateway": {"port": "gw/eth0", "ip": "172.30.0.3/31"}}]}}),
        ),
        (
            Kind::Connection,
            "fixed",
            json!({"staticExternal": {"link": {"switch": {"port": "leaf/E1/7", "ip": "192.0.2.1/24", "vlan": 7, "nextHop": "192.0.2.2", "subnets": ["10.99.0.0/16"]}}}}),
        ),
        (
            Kind::Connection,
            "alone",
            json!({"unbundled": {"link": {"server": {"port": "server/eth9"}, "switch": {"port": "leaf/E1/8"}}, "mtu": 1500}}),
        ),
        (
            Kind::Connection,
            "packed",
            json!({"bundled": {"links": [{"server": {"port": "server/eth8"}, "switch": {"port": "leaf/E1/9"}}]}}),
        ),
        (
            Kind::Connection,
            "old",
            json!({"mclag": {"links": [{"server": {"port": "server/eth7"}, "switch": {"port": "leaf/E1/10"}}]}}),
        ),
        (Kind::Connection, "out", json!({"external": {"link": {"switch": {"port": "leaf/E1/11"}}}})),
    ]);
    assert_eq!(desired.problems, []);
    for cable in [
        "domain/leaf/E1/1",
        "domain/leaf/E1/2",
        "loop/leaf/E1/3",
        "mesh/leaf/E1/5",
        "alone/leaf/E1/8",
        "packed/leaf/E1/9",
        "old/leaf/E1/10",
    ] {
        find(&desired, ObjectKind::Cable, &format!("default/{cable}"));
    }
    assert_eq!(desired.objects.iter().filter(|object| object.identity.kind == ObjectKind::Cable).count(), 7);
    let address = find(&desired, ObjectKind::IpAddress, "default/leaf/port/E1/6");
    assert_eq!(
        address.fields["assigned_object"],
        FieldValue::Generic(own(ObjectKind::Interface, "default/leaf/E1/6"))
    );
    let below = find(&desired, ObjectKind::Interface, "default/leaf/E1/7.7");
    assert_eq!(
        below.fields["parent"],
        FieldValue::Reference(own(ObjectKind::Interface, "default/leaf/E1/7"))
    );
    assert_eq!(
        find(&desired, ObjectKind::Interface, "default/leaf/E1/8").fields["mtu"],
        FieldValue::Integer(1500)
    );
    // What has no field is reported, as known.
    let paths: Vec<_> =
        desired.unrepresented.iter().map(|each| (each.path.as_str(), each.is_known, each.is_kept)).collect();
    assert_eq!(
        paths,
        [
            ("spec.staticExternal.link.switch.nextHop", true, true),
            ("spec.staticExternal.link.switch.subnets", true, true),
            ("spec.gateway.links[0].gateway", true, true),
        ]
    );
}

#[test]
fn a_vpc_without_numbers_has_an_l2vpn_without_and_with_the_fabrics_numbers_has_them() {
    let vpc = json!({"subnets": {"main": {"subnet": "10.0.1.0/24", "vlan": 1001}}});
    let desired = map(&[(Kind::VPC, "red", vpc.clone())]);
    assert!(!find(&desired, ObjectKind::L2vpn, "vpc/default/red/main").fields.contains_key("identifier"));

    let mut seen = snapshot(&specs(&[(Kind::VPC, "red", vpc)]));
    let agent = |name: &str, vni: u32| json!({"metadata": {"name": name}, "spec": {"catalog": {"vpcSubnetVNIs": {"red": {"main": vni}}}}, "status": {}});
    seen.insert(Kind::Agent, Ok(("1".into(), vec![agent("leaf", 201), agent("spine", 201)])));
    let desired = map_fabric(&fabric(), &seen);
    assert_eq!(
        find(&desired, ObjectKind::L2vpn, "vpc/default/red/main").fields["identifier"],
        FieldValue::Integer(201)
    );
    seen.insert(Kind::Agent, Ok(("1".into(), vec![agent("leaf", 201), agent("spine", 301)])));
    let desired = map_fabric(&fabric(), &seen);
    assert!(
        !find(&desired, ObjectKind::L2vpn, "vpc/default/red/main").fields.contains_key("identifier"),
        "they disagree"
    );
}

#[test]
fn what_cannot_be_mapped_is_named_and_nothing_is_made_of_it() {
    let desired = map(&[
        (Kind::Switch, "bare", json!({"role": "spine"})),
        (Kind::Switch, "lost", json!({"role": "spine", "profile": "box", "groups": ["none"]})),
        (Kind::Switch, "twin", json!({"role": "spine", "profile": "box"})),
        (Kind::Server, "twin", json!({})),
        (Kind::Connection, "none", json!({})),
        (Kind::Connection, "newer", json!({"teleport": {"links": []}})),
        (
            Kind::Connection,
            "both",
            json!({"external": {"link": {"switch": {"port": "leaf/E1/1"}}}, "unbundled": {"link": {"server": {"port": "server/a"}, "switch": {"port": "leaf/E1/1"}}}}),
        ),
        (Kind::Connection, "nowhere", json!({"external": {"link": {"switch": {"port": "ghost/E1/1"}}}})),
        (Kind::Connection, "portless", json!({"external": {"link": {"switch": {"port": "leaf"}}}})),
        (Kind::Connection, "one", json!({"external": {"link": {"switch": {"port": "leaf/E1/2"}}}})),
        (Kind::Connection, "two", json!({"external": {"link": {"switch": {"port": "leaf/E1/2"}}}})),
        (Kind::VPC, "bad", json!({"subnets": {"main": {"subnet": "10.0.0.0/99"}}})),
        (Kind::VPCAttachment, "gone", json!({"subnet": "red/main", "connection": "gone"})),
        (Kind::VPCPeering, "alone", json!({"permit": [{"red": {}}]})),
        (Kind::External, "far", json!({"ipv4Namespace": "none"})),
        (Kind::ExternalAttachment, "far", json!({"external": "far", "connection": "one"})),
    ]);
    assert_eq!(problem(&desired, "Switch/default/bare"), ProblemKind::FieldMissing("spec.profile".into()));
    assert!(matches!(problem(&desired, "Switch/default/lost"), ProblemKind::TargetMissing { .. }));
    assert!(matches!(problem(&desired, "Server/default/twin"), ProblemKind::SameObject { .. }));
    assert_eq!(problem(&desired, "Connection/default/none"), ProblemKind::ConnectionType(vec![]));
    assert_eq!(problem(&desired, "Connection/default/newer"), ProblemKind::ConnectionType(vec![]));
    assert!(
        matches!(problem(&desired, "Connection/default/both"), ProblemKind::ConnectionType(types) if types.len() == 2)
    );
    assert!(matches!(problem(&desired, "Connection/default/nowhere"), ProblemKind::TargetMissing { .. }));
    assert!(matches!(problem(&desired, "Connection/default/portless"), ProblemKind::NotAPath { .. }));
    for (one, other) in [("one", "two"), ("two", "one")] {
        let other = SourceRef::new(Kind::Connection, "default", other);
        let claimed = ProblemKind::PortClaimedTwice { port: "leaf/E1/2".into(), other };
        assert_eq!(problem(&desired, &format!("Connection/default/{one}")), claimed);
    }
    assert!(matches!(problem(&desired, "VPC/default/bad"), ProblemKind::NotAnAddress { .. }));
    assert!(matches!(problem(&desired, "VPCAttachment/default/gone"), ProblemKind::TargetMissing { .. }));
    assert!(matches!(problem(&desired, "VPCPeering/default/alone"), ProblemKind::FieldMissing(_)));
    assert!(matches!(problem(&desired, "External/default/far"), ProblemKind::TargetMissing { .. }));
    assert!(matches!(problem(&desired, "ExternalAttachment/default/far"), ProblemKind::TargetInvalid(_)));
}

#[test]
fn what_names_itself_is_a_problem() {
    let ends = json!({"switch1": {"port": "leaf/E1/1"}, "switch2": {"port": "leaf/E1/1"}});
    let desired = map(&[
        (Kind::VPC, "red", json!({})),
        (Kind::VPCPeering, "itself", json!({"permit": [{"red": {}}, {"red": {}}]})),
        (Kind::Connection, "itself", json!({"vpcLoopback": {"links": [ends]}})),
    ]);
    let missing = ProblemKind::FieldMissing("spec.permit with two VPCs".into());
    assert_eq!(problem(&desired, "VPCPeering/default/itself"), missing);
    let port = "leaf/E1/1".to_owned();
    assert_eq!(problem(&desired, "Connection/default/itself"), ProblemKind::SamePort(port));
}

#[test]
fn what_an_attachment_with_a_problem_would_say_is_left_undeclared() {
    let connection =
        json!({"unbundled": {"link": {"server": {"port": "server/eth0"}, "switch": {"port": "leaf/E1/1"}}}});
    let vpc = json!({"subnets": {"main": {"subnet": "10.0.1.0/24", "vlan": 1001}}});
    let good = json!({"subnet": "red/main", "connection": "c"});
    let list =
        [(Kind::Connection, "c", connection), (Kind::VPC, "red", vpc), (Kind::VPCAttachment, "good", good)];
    let fields = |desired: &Desired| find(desired, ObjectKind::Interface, "default/leaf/E1/1").fields.clone();
    assert_eq!(fields(&map(&list))["mode"], text("tagged"));
    let mut with_bad = list.to_vec();
    with_bad.push((Kind::VPCAttachment, "bad", json!({"subnet": "red/none", "connection": "c"})));
    let declared = fields(&map(&with_bad));
    assert!(!declared.contains_key("tagged_vlans") && !declared.contains_key("mode"), "{declared:#?}");
    with_bad.pop();
    with_bad.push((Kind::VPCAttachment, "unreadable", json!({"subnet": 7})));
    assert!(!fields(&map(&with_bad)).contains_key("tagged_vlans"));
}

#[test]
fn a_kind_that_is_left_out_is_neither_asked_for_nor_said_anything_of() {
    let connection =
        json!({"unbundled": {"link": {"server": {"port": "server/eth0"}, "switch": {"port": "leaf/E1/1"}}}});
    let mut seen =
        snapshot(&specs(&[(Kind::Connection, "c", connection), (Kind::VPC, "red", json!({"subnets": {}}))]));
    for kind in [Kind::VPCAttachment, Kind::IPv4Namespace, Kind::VPCPeering] {
        seen.exclude(kind);
    }
    let desired = map_fabric(&fabric(), &seen);
    assert_eq!(desired.problems, []);
    assert!(!find(&desired, ObjectKind::Interface, "default/leaf/E1/1").fields.contains_key("tagged_vlans"));
    assert!(!find(&desired, ObjectKind::Vrf, "vpc/default/red").fields.contains_key("import_targets"));
}

#[test]
fn what_a_vrf_imports_rests_on_peerings_of_vpcs_alone() {
    let list = [
        (Kind::VPC, "red", json!({})),
        (Kind::VPC, "blue", json!({})),
        (Kind::VPC, "grey", json!({})),
        (Kind::External, "out", json!({})),
        (Kind::VPCPeering, "pair", json!({"permit": [{"red": {}, "blue": {}}]})),
        (
            Kind::ExternalPeering,
            "out",
            json!({"permit": {"vpc": {"name": "red"}, "external": {"name": "out"}}}),
        ),
    ];
    let spec = custom("fabric_sync_spec");
    let fields = |desired: &Desired, vpc: &str| {
        find(desired, ObjectKind::Vrf, &format!("vpc/default/{vpc}")).fields.clone()
    };
    let kept = |desired: &Desired, vpc: &str| {
        let Some(FieldValue::Json(Value::Object(kept))) = fields(desired, vpc).get(spec.as_str()).cloned()
        else {
            return Vec::new();
        };
        kept.keys().cloned().collect::<Vec<_>>()
    };
    let imports = |desired: &Desired, vpc: &str| fields(desired, vpc).get("import_targets").cloned();
    let pair: FieldValue = FieldValue::References(
        ["default/blue", "default/red"].map(|vpc| own(ObjectKind::RouteTarget, vpc)).into(),
    );
    let (peering, outside) = ("VPCPeering/default/pair", "ExternalPeering/default/out");

    let whole = map(&list);
    assert_eq!(
        (imports(&whole, "red"), kept(&whole, "red")),
        (Some(pair.clone()), vec![outside.into(), peering.into()])
    );

    // What is left out is neither asked for nor kept; the rest is.
    let mut seen = snapshot(&specs(&list));
    seen.exclude(Kind::ExternalPeering);
    let desired = map_fabric(&fabric(), &seen);
    assert_eq!((imports(&desired, "red"), kept(&desired, "red")), (Some(pair.clone()), vec![peering.into()]));
    let mut seen = snapshot(&specs(&list));
    seen.exclude(Kind::VPCPeering);
    let desired = map_fabric(&fabric(), &seen);
    assert_eq!((imports(&desired, "red"), kept(&desired, "red")), (None, vec![outside.into()]));

    // One with a problem concerns the VPCs that it names, if they can be read, and peerings with the outside say nothing of imports.
    for (kind, bad, unknown, imported) in [
        (
            Kind::ExternalPeering,
            json!({"permit": {"vpc": {"name": "red"}, "external": {"name": "none"}}}),
            vec!["red"],
            true,
        ),
        (
            Kind::ExternalPeering,
            json!({"permit": {"vpc": {"name": "red"}, "external": "out"}}),
            vec!["red"],
            true,
        ),
        (Kind::ExternalPeering, json!({"permit": {"vpc": "red"}}), vec!["red", "blue", "grey"], true),
        (Kind::VPCPeering, json!({"permit": [{"red": {}, "none": {}}]}), vec!["red"], false),
        (Kind::VPCPeering, json!({"permit": [["red", "blue"]]}), vec!["red", "blue", "grey"], false),
    ] {
        let mut with_bad = list.to_vec();
        with_bad.push((kind, "bad", bad.clone()));
        let desired = map(&with_bad);
        assert_eq!(desired.problems.len(), 1, "{bad}");
        for vpc in ["red", "blue", "grey"] {
            let is_known = !unknown.contains(&vpc);
            assert_eq!(fields(&desired, vpc).contains_key(spec.as_str()), is_known, "{bad} {vpc}");
            assert_eq!(imports(&desired, vpc).is_some(), is_known || imported, "{bad} {vpc}");
        }
    }
    let mut unread = json!({"metadata": {"name": "bad", "namespace": "default", "generation": "first"}});
    unread["spec"] = json!({"permit": [{"red": {}, "blue": {}}]});
    let mut seen = snapshot(&specs(&list));
    seen.insert(Kind::VPCPeering, Ok(("1".into(), vec![unread])));
    let desired = map_fabric(&fabric(), &seen);
    assert_eq!((imports(&desired, "red"), imports(&desired, "grey").is_some()), (None, true));
}

#[test]
fn what_is_attached_to_the_outside_without_a_vlan_is_kept_by_the_port() {
    let attachment = |name: &'static str, connection: &str| {
        let spec = json!({"external": "out", "connection": connection, "switch": {"ip": "192.0.2.1/24"}, "brandNew": 1});
        (Kind::ExternalAttachment, name, spec)
    };
    let list = [
        (Kind::External, "out", json!({})),
        (
            Kind::Connection,
            "c",
            json!({"external": {"link": {"switch": {"port": "leaf/E1/1"}}}, "brandNew": 2}),
        ),
        attachment("out", "c"),
    ];
    let kept = |desired: &Desired| {
        let port = find(desired, ObjectKind::Interface, "default/leaf/E1/1");
        port.fields.get(custom("fabric_sync_spec").as_str()).cloned()
    };
    let both = json!({
        "Connection/default/c": {"brandNew": 2},
        "ExternalAttachment/default/out": {"external": "out", "brandNew": 1},
    });
    let desired = map(&list);
    assert_eq!((desired.problems.len(), kept(&desired)), (0, Some(FieldValue::Json(both.clone()))));
    assert!(desired.unrepresented.iter().all(|each| each.is_kept), "{:#?}", desired.unrepresented);

    // What one with a problem would add is not known: it may be this port's.
    let (mut elsewhere, mut unreadable, mut broken) = (list.to_vec(), list.to_vec(), list.to_vec());
    elsewhere.push(attachment("bad", "none"));
    assert_eq!(kept(&map(&elsewhere)), Some(FieldValue::Json(both)));
    unreadable.push((Kind::ExternalAttachment, "bad", json!({"connection": 7})));
    assert_eq!(kept(&map(&unreadable)), None);
    broken.push((Kind::ExternalAttachment, "bad", json!({"external": "none", "connection": "c"})));
    assert_eq!(kept(&map(&broken)), None);
    let mut seen = snapshot(&specs(&list));
    seen.exclude(Kind::ExternalAttachment);
    let alone = json!({"Connection/default/c": {"brandNew": 2}});
    assert_eq!(kept(&map_fabric(&fabric(), &seen)), Some(FieldValue::Json(alone)));
    seen.insert(Kind::ExternalAttachment, Err(Unread::new(UnreadCause::Forbidden, "")));
    let desired = map_fabric(&fabric(), &seen);
    let port = find(&desired, ObjectKind::Interface, "default/leaf/E1/1");
    assert!(port.needs.iter().any(|kind| kind == Kind::ExternalAttachment), "nothing is known of the port");
}

#[test]
fn two_subnets_that_netbox_would_take_for_one_have_two_names_and_the_first_keeps_the_usual_one() {
    let subnet =
        |number: u8| json!({"subnet": format!("10.0.{number}.0/24"), "vlan": 1000 + u16::from(number)});
    let one = (Kind::VPC, "b", json!({"subnets": {"c-d": subnet(1), "e": subnet(2)}}));
    let other = (Kind::VPC, "b-c", json!({"subnets": {"d": subnet(3)}}));
    let names = |desired: &Desired, path: &str| {
        let vlan = find(desired, ObjectKind::Vlan, &format!("default/{path}")).fields["name"].clone();
        let l2vpn = find(desired, ObjectKind::L2vpn, &format!("vpc/default/{path}")).fields["slug"].clone();
        (vlan, l2vpn)
    };
    let usual = |name: &str| (text(name), text(&format!("lab_{name}")));
    let alone = map(std::slice::from_ref(&other));
    assert_eq!(names(&alone, "b-c/d"), usual("b-c-d"));
    let both = map(&[one.clone(), other]);
    assert_eq!(both.problems, []);
    assert_eq!(names(&both, "b/c-d"), usual("b-c-d"));
    assert_eq!(names(&both, "b/e"), usual("b-e"));
    assert_eq!(names(&both, "b-c/d"), usual("b-c-d-0e252753"));
}

#[test]
fn what_the_mapping_passes_over_for_what_stands_beside_it_is_told() {
    let range = json!({"start": "10.0.1.10", "end": "10.0.1.99"});
    let vpc = |dhcp: Value| {
        (
            Kind::VPC,
            "red",
            json!({"subnets": {"main": {"subnet": "10.0.1.0/24", "vlan": 1001, "dhcp": dhcp}}}),
        )
    };
    let attachment = |spec: Value| {
        let mut whole = json!({"external": "out", "connection": "out"});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        (Kind::ExternalAttachment, "out", whole)
    };
    let out = (Kind::Connection, "out", json!({"external": {"link": {"switch": {"port": "leaf/E1/1"}}}}));
    let (start, end) = ("spec.subnets.main.dhcp.range.start", "spec.subnets.main.dhcp.range.end");
    for (of, expected) in [
        (vpc(json!({"enable": true, "range": range})), vec![]),
        (vpc(json!({"enable": false, "range": range})), vec![end, start]),
        (vpc(json!({"range": range})), vec![end, start]),
        (vpc(json!({"enable": true, "range": {"start": "10.0.1.10"}})), vec![start]),
        (attachment(json!({"switch": {"vlan": 7, "ip": "192.0.2.1/24"}})), vec![]),
        (
            attachment(json!({"switch": {"vlan": 7, "ip": "192.0.2.1/24"}, "static": {"vlan": 8}})),
            vec!["spec.switch.ip", "spec.switch.vlan"],
        ),
        (attachment(json!({"switch": {"vlan": 0, "ip": ""}, "static": {"vlan": 8}})), vec![]),
    ] {
        let source = of.0;
        let desired = map(&[of, out.clone(), (Kind::External, "out", json!({}))]);
        assert_eq!(desired.problems, []);
        let told = desired.unrepresented.iter().filter(|each| each.source.kind == source);
        let mut told: Vec<_> = told.map(|each| (each.path.as_str(), each.is_known)).collect();
        told.retain(|(path, _)| *path != "spec.external");
        told.sort_unstable();
        assert_eq!(told, expected.into_iter().map(|path| (path, true)).collect::<Vec<_>>());
    }
}

#[test]
fn no_two_fabrics_give_their_l2vpns_one_name() {
    let slugs = |fabric: &str, vpc: &str| {
        let fabric =
            fabric_model::Fabric { name: fabric_model::FabricName::new(fabric).unwrap(), site: "Lab".into() };
        let subnet = json!({"subnets": {"web": {"subnet": "10.0.0.0/24", "vlan": 1001}}});
        let desired = map_fabric(&fabric, &snapshot(&specs(&[(Kind::VPC, vpc, subnet)])));
        let l2vpns = desired.objects.iter().filter(|object| object.identity.kind == ObjectKind::L2vpn);
        l2vpns.map(|l2vpn| (l2vpn.fields["name"].clone(), l2vpn.fields["slug"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(slugs("dc1", "edge-v"), [(text("dc1_edge-v-web"), text("dc1_edge-v-web"))]);
    assert_eq!(slugs("dc1-edge", "v"), [(text("dc1-edge_v-web"), text("dc1-edge_v-web"))]);
}

#[test]
fn an_address_of_ipv6_is_no_primary_one_of_ipv4() {
    for (ip, is_primary) in [("172.30.0.1/21", true), ("2001:db8::1/64", false)] {
        let spec = json!({"role": "spine", "profile": "box", "ip": ip});
        let desired = map(&[(Kind::Switch, "leaf", spec)]);
        let device = find(&desired, ObjectKind::Device, "default/leaf");
        assert_eq!(device.fields["primary_ip4"] != FieldValue::Empty, is_primary, "{ip}");
        assert_eq!(
            find(&desired, ObjectKind::IpAddress, "default/leaf/management").fields["address"],
            text(ip)
        );
    }
}

#[test]
fn a_device_of_another_namespace_is_called_by_it() {
    let mut snapshot = snapshot(&specs(&[]));
    let metadata = json!({"name": "leaf", "namespace": "edge"});
    snapshot.apply_object(
        Kind::Switch,
        json!({"metadata": metadata, "spec": {"role": "leaf", "profile": "box"}}),
    );
    let desired = map_fabric(&fabric(), &snapshot);
    for (key, name) in [("default/leaf", "leaf"), ("edge/leaf", "edge/leaf")] {
        assert_eq!(find(&desired, ObjectKind::Device, key).fields["name"], text(name));
    }
}

#[test]
fn a_vtep_that_two_switches_share_is_an_anycast_address() {
    let switch =
        |vtep: &str| json!({"role": "leaf", "profile": "box", "protocolIP": "172.30.8.1/32", "vtepIP": vtep});
    for (other, role) in [("172.30.12.0/32", "anycast"), ("172.30.12.1/32", "loopback")] {
        let desired =
            map(&[(Kind::Switch, "leaf", switch("172.30.12.0/32")), (Kind::Switch, "spine", switch(other))]);
        assert_eq!(desired.problems, []);
        for device in ["leaf", "spine"] {
            let role_of = |path: &str| {
                find(&desired, ObjectKind::IpAddress, &format!("default/{device}/{path}")).fields["role"]
                    .clone()
            };
            assert_eq!((role_of("vtep"), role_of("protocol")), (text(role), text("loopback")), "{other}");
        }
    }
}
