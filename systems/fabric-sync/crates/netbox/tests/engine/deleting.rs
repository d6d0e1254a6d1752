//! What is deleted, when, in which order, and above all what is not.

use crate::fixtures::{Bench, Objects, fabric};
use fabric_model::netbox::{PAUSE_TAG, PROTECT_TAG};
use fabric_model::plan::HoldReason;
use fabric_model::{
    Action, Comparison, Kind, ObjectKind, Plan, Status, Summary, Unread, UnreadCause, map_fabric,
};
use fabric_netbox::Outcome;
use fabric_netbox::fake::Fault;
use serde_json::{Value, json};

fn without_server() -> Objects {
    let mut objects = Objects::small();
    objects.remove(Kind::Connection, "one--left");
    objects.remove(Kind::VPCAttachment, "red--one");
    objects.remove(Kind::Server, "one");
    objects
}

fn deletes(plan: &Plan) -> usize {
    plan.changes.iter().filter(|change| matches!(change.action, Action::Delete { .. })).count()
}

fn device(bench: &Bench, name: &str) -> Option<Value> {
    bench.fake.objects(ObjectKind::Device).into_iter().find(|device| device["name"] == name)
}

#[tokio::test]
async fn what_lost_its_source_is_marked_then_deleted_after_its_grace() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let plan = bench.sync(&without_server()).await;
    assert!(
        plan.changes.iter().all(|change| matches!(change.action, Action::Mark { .. })),
        "{:#?}",
        plan.changes
    );
    // Device, cable and both its ports.
    assert_eq!(plan.changes.len(), 4);
    assert_eq!(
        device(&bench, "one").unwrap()["custom_fields"]["fabric_sync_tombstone"],
        "2026-03-01T12:00:00Z"
    );
    let plan = bench.sync(&without_server()).await;
    assert!(plan.is_empty());
    assert!(plan.held.iter().all(|held| matches!(held.reason, HoldReason::Grace { .. })));
    bench.wait(1);
    let plan = bench.sync(&without_server()).await;
    assert_eq!(
        plan.changes.iter().map(|change| change.object.kind).collect::<Vec<_>>(),
        [ObjectKind::Cable, ObjectKind::Interface, ObjectKind::Interface, ObjectKind::Device]
    );
    assert_eq!((device(&bench, "one"), bench.fake.dangling_cables()), (None, 0));
    let (comparison, _) = bench.compare(&without_server().snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::InSync);
}

#[tokio::test]
async fn what_comes_back_within_its_grace_stays() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let id = device(&bench, "one").unwrap()["id"].clone();
    bench.sync(&without_server()).await;
    bench.sync(&Objects::small()).await;
    let one = device(&bench, "one").unwrap();
    assert_eq!((&one["id"], &one["custom_fields"]["fabric_sync_tombstone"]), (&id, &Value::Null));
}

#[tokio::test]
async fn a_spine_with_all_its_cables_goes_in_order() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    for connection in ["spine--left", "spine--right"] {
        objects.remove(Kind::Connection, connection);
    }
    objects.remove(Kind::Switch, "spine");
    bench.sync(&objects).await;
    bench.wait(2);
    bench.sync(&objects).await;
    assert_eq!((device(&bench, "spine"), bench.fake.dangling_cables()), (None, 0));
    assert!(bench.plan(&objects.snapshot(&[])).await.0.is_empty());
}

#[tokio::test]
async fn a_vpc_goes_with_everything_below_it() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.remove(Kind::VPC, "blue");
    objects.remove(Kind::VPCAttachment, "blue--two");
    objects.put(Kind::VPCPeering, "red--blue", json!({"permit": [{"red": {}, "green": {}}]}));
    let mut green = Objects::small().spec(Kind::VPC, "blue").clone();
    green["subnets"]["main"]["vlan"] = 1500.into();
    green["subnets"]["main"]["subnet"] = "10.0.5.0/24".into();
    objects.put(Kind::VPC, "green", green);
    bench.policy.max_deletion_percent = 100;
    bench.sync(&objects).await;
    bench.wait(2);
    bench.sync(&objects).await;
    let names: Vec<Value> =
        bench.fake.objects(ObjectKind::Vrf).iter().map(|vrf| vrf["name"].clone()).collect();
    assert!(names.contains(&json!("green")) && !names.contains(&json!("blue")), "{names:?}");
    assert!(bench.plan(&objects.snapshot(&[])).await.0.is_empty());
}

#[tokio::test]
async fn nothing_is_deleted_on_a_list_that_was_not_read_whole() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.policy.confirmed = true;
    bench.sync(&Objects::small()).await;
    for kind in Kind::intended() {
        for cause in [UnreadCause::Forbidden, UnreadCause::KindMissing, UnreadCause::Cut] {
            let snapshot = without_server().snapshot(&[(kind, Unread::new(cause, ""))]);
            let (plan, _) = bench.plan(&snapshot).await;
            assert_eq!(deletes(&plan), 0, "{kind} {cause}");
            let (comparison, _) = bench.compare(&snapshot).await;
            assert_eq!(comparison.summary(), Summary::Unknown, "{kind} {cause}");
        }
    }
    for (kind, fault) in [
        (ObjectKind::Cable, Fault::ShortPage),
        (ObjectKind::Interface, Fault::HalfBody),
        (ObjectKind::Vlan, Fault::LoginPage),
        (ObjectKind::Device, Fault::NoFilters),
        (ObjectKind::Prefix, Fault::OtherShape),
    ] {
        if fault == Fault::NoFilters {
            bench.fake.create(ObjectKind::Device, json!({"name": "foreign", "site": 1}));
        }
        bench.fake.fail(fault.clone(), Some("GET"), kind.path(), 100);
        let (plan, _) = bench.plan(&without_server().snapshot(&[])).await;
        assert_eq!(deletes(&plan), 0, "{kind} {fault:?}");
        bench.fake.heal();
    }
    assert_eq!(
        deletes(&bench.plan(&without_server().snapshot(&[])).await.0),
        4,
        "the whole lists show that it is gone"
    );
}

#[tokio::test]
async fn an_empty_kind_and_too_many_vanishing_sources_need_confirmation() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.remove(Kind::ExternalAttachment, "right--out");
    let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
    assert_eq!(deletes(&plan), 0);
    assert!(plan.held.iter().all(|held| held.reason == HoldReason::EmptyKind(Kind::ExternalAttachment)));

    bench.policy.max_deletion_percent = 5;
    let (plan, _) = bench.plan(&without_server().snapshot(&[])).await;
    assert_eq!(deletes(&plan), 0);
    assert!(
        plan.held.iter().any(|held| matches!(held.reason, HoldReason::Ceiling { .. })),
        "{:#?}",
        plan.held
    );

    bench.policy.confirmed = true;
    assert_eq!(deletes(&bench.plan(&without_server().snapshot(&[])).await.0), 4);
}

#[tokio::test]
async fn fields_are_not_emptied_for_a_kind_that_is_empty_before_somebody_confirms_it() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    for (kind, objects) in [(Kind::VPCAttachment, 3), (Kind::VPCPeering, 1), (Kind::ExternalPeering, 1)] {
        let mut without = Objects::small();
        without.0.retain(|(of, _), _| *of != kind);
        // A change beside it does not wait.
        without.spec(Kind::Server, "one")["description"] = json!(format!("without {kind}"));
        let plan = bench.sync(&without).await;
        assert_eq!(
            plan.changes.iter().map(|change| change.object.kind).collect::<Vec<_>>(),
            [ObjectKind::Device]
        );
        assert!(!plan.held.is_empty(), "{kind}");
        assert!(plan.held.iter().all(|held| held.reason == HoldReason::EmptyKind(kind)), "{:#?}", plan.held);
        let held: std::collections::BTreeSet<_> = plan.held.iter().map(|held| &held.object).collect();
        assert_eq!(held.len(), plan.held.len(), "each object once");

        bench.policy.confirmed = true;
        let (plan, _) = bench.plan(&without.snapshot(&[])).await;
        assert_eq!((plan.changes.len() >= objects, plan.held.len()), (true, 0), "{:#?}", plan.changes);
        bench.policy.confirmed = false;
    }
    // One of several is no empty kind.
    let mut objects = Objects::small();
    objects.remove(Kind::VPCAttachment, "red--two");
    let plan = bench.sync(&objects).await;
    assert!(plan.changes.iter().any(|change| change.object.kind == ObjectKind::Interface));
    assert!(plan.held.is_empty(), "{:#?}", plan.held);
}

#[tokio::test]
async fn attachments_that_vanish_count_like_objects_that_vanish() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.remove(Kind::VPCAttachment, "red--two");
    objects.remove(Kind::VPCAttachment, "blue--two");
    for (limit, holds) in [(1, true), (2, false)] {
        bench.policy.max_deletions = limit;
        let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
        assert_eq!(plan.changes.is_empty(), holds, "{:#?}", plan.changes);
        let is_ceiling = |held: &fabric_model::plan::HeldChange| {
            matches!(held.reason, HoldReason::Ceiling { sources: 2, .. })
        };
        assert!(plan.held.iter().all(is_ceiling), "{:#?}", plan.held);
        assert_eq!(plan.held.is_empty(), !holds);
    }
}

#[tokio::test]
async fn what_a_watch_alone_says_to_be_gone_takes_nothing_away() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.put(Kind::Server, "bare", json!({}));
    objects.put(Kind::VPCPeering, "other", json!({"permit": [{"red": {}, "blue": {}}]}));
    bench.sync(&objects).await;
    let gone = [
        (Kind::VPCAttachment, "red--two"),
        (Kind::VPCPeering, "other"),
        (Kind::Server, "bare"),
        (Kind::Connection, "two--pair"),
    ];
    for (kind, name) in gone {
        let mut objects = objects.clone();
        objects.remove(kind, name);
        bench.policy.told = [fabric_model::SourceRef::new(kind, "default", name)].into();
        let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
        assert!(plan.is_empty(), "{kind}: {:#?}", plan.changes);
        assert!(
            plan.held.iter().any(|held| held.reason == HoldReason::AwaitsLook),
            "{kind}: {:#?}",
            plan.held
        );
        bench.policy.told.clear();
        assert!(!bench.plan(&objects.snapshot(&[])).await.0.is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_by_a_plan_that_is_older_than_what_happened_at_the_source() {
    let mut bench = Bench::start().await;
    let mut objects = Objects::small();
    objects.put(Kind::Server, "bare", json!({}));
    bench.sync(&objects).await;
    objects.remove(Kind::Server, "bare");
    objects.spec(Kind::Server, "one")["description"] = json!("new");
    for grace in [jiff::SignedDuration::from_hours(1), jiff::SignedDuration::ZERO] {
        bench.policy.grace = grace;
        let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
        let options = fabric_netbox::RunOptions {
            message: "run 1",
            now: bench.now,
            may_write: &|| fabric_netbox::Permit::Granted,
            is_outdated: &|| true,
        };
        let applied = bench.netbox.apply(&plan, &inventory, &options, &mut |_, _| {}).await;
        assert_eq!(applied.outcomes.last(), Some(&Outcome::Outdated));
        let others = &applied.outcomes[..applied.outcomes.len() - 1];
        assert!(others.iter().all(|outcome| *outcome == Outcome::Written), "{applied:?}");
    }
    let bare = device(&bench, "bare").unwrap();
    assert_eq!(bare["custom_fields"]["fabric_sync_tombstone"], Value::Null);
    assert_eq!(device(&bench, "one").unwrap()["description"], "new");
}

#[tokio::test]
async fn the_fabric_s_own_vrf_goes_when_no_address_wants_it_any_more() {
    let mut bench = Bench::start().await;
    bench.policy.max_deletion_percent = 100;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    let mut objects = Objects::small();
    objects.0.retain(|(kind, _), _| matches!(kind, Kind::Switch | Kind::SwitchGroup | Kind::Server));
    bench.sync(&objects).await;
    let vrfs = |bench: &Bench| bench.fake.objects(ObjectKind::Vrf).len();
    assert_eq!(vrfs(&bench), 1);
    for name in ["spine", "left", "right"] {
        let spec = objects.spec(Kind::Switch, name).as_object_mut().unwrap();
        spec.retain(|field, _| !["ip", "protocolIP"].contains(&field.as_str()));
    }
    for _ in 0..2 {
        bench.sync(&objects).await;
    }
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    assert_eq!((comparison.summary(), vrfs(&bench)), (Summary::InSync, 0));
}

#[tokio::test]
async fn a_namespace_that_is_empty_of_a_kind_needs_confirmation() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    let mut objects = Objects::small();
    for name in ["edge-one", "edge-two"] {
        objects.put(Kind::Server, name, json!({}));
        objects.0.get_mut(&(Kind::Server, name.into())).unwrap()["metadata"]["namespace"] = "edge".into();
    }
    bench.sync(&objects).await;
    let (plan, _) = bench.plan(&Objects::small().snapshot(&[])).await;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    let reason = HoldReason::EmptyNamespace { kind: Kind::Server, namespace: "edge".into() };
    assert_eq!(plan.held.iter().map(|held| &held.reason).collect::<Vec<_>>(), [&reason, &reason]);
    objects.remove(Kind::Server, "edge-two");
    assert_eq!(deletes(&bench.plan(&objects.snapshot(&[])).await.0), 1, "one of two");
    bench.policy.confirmed = true;
    assert_eq!(deletes(&bench.plan(&Objects::small().snapshot(&[])).await.0), 2);
}

#[tokio::test]
async fn what_people_tagged_stays_and_so_does_what_it_needs() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let cable = bench
        .fake
        .objects(ObjectKind::Cable)
        .into_iter()
        .find(|cable| cable["label"] == "one--left")
        .unwrap();
    bench.fake.change(
        ObjectKind::Cable,
        cable["id"].as_u64().unwrap(),
        json!({"tags": [{"slug": PROTECT_TAG}]}),
    );
    let plan = bench.sync(&without_server()).await;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    let reasons: Vec<_> = plan.held.iter().map(|held| (held.object.kind, held.reason.clone())).collect();
    assert!(reasons.contains(&(ObjectKind::Cable, HoldReason::Protected)));
    assert!(
        reasons.iter().any(|(kind, reason)| *kind == ObjectKind::Device
            && matches!(reason, HoldReason::StillReferenced { .. }))
    );
    bench.fake.change(
        ObjectKind::Cable,
        cable["id"].as_u64().unwrap(),
        json!({"tags": [{"slug": PAUSE_TAG}]}),
    );
    assert!(bench.plan(&without_server().snapshot(&[])).await.0.is_empty());
}

#[tokio::test]
async fn a_device_that_somebody_put_an_interface_on_stays() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let id = device(&bench, "one").unwrap()["id"].clone();
    bench.fake.create(ObjectKind::Interface, json!({"device": id, "name": "ipmi", "type": "other"}));
    let (plan, inventory) = bench.plan(&without_server().snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    assert!(matches!(applied.outcomes.last(), Some(Outcome::Refused(_))), "{:?}", applied.outcomes);
    assert!(device(&bench, "one").is_some());
}

/// What a person does, which deletion is refused for it, and the words.
type Case<'a> = (&'a dyn Fn(&Bench), ObjectKind, &'static str);

/// NetBox deletes what hangs on a device or an interface along with it, and says nothing.
#[tokio::test]
async fn nothing_of_others_goes_with_a_device_or_an_interface() {
    let port = |bench: &Bench| {
        let server = device(bench, "one").unwrap()["id"].clone();
        let ports = bench.fake.objects(ObjectKind::Interface);
        ports.into_iter().find(|port| port["device"]["id"] == server).unwrap()["id"].as_u64().unwrap()
    };
    let assign = |bench: &Bench| {
        let address = json!({"address": "198.51.100.7/24", "assigned_object_type": "dcim.interface", "assigned_object_id": port(bench)});
        assert_ne!(bench.fake.create(ObjectKind::IpAddress, address), 0);
    };
    let group = |bench: &Bench| {
        assert!(bench.fake.change(ObjectKind::Interface, port(bench), json!({"count_fhrp_groups": 1})));
    };
    let power = |bench: &Bench| {
        let id = device(bench, "one").unwrap()["id"].as_u64().unwrap();
        assert!(bench.fake.change(ObjectKind::Device, id, json!({"power_port_count": 2})));
    };
    let cases: [Case<'_>; 3] = [
        (&assign, ObjectKind::Interface, "1 x IP address"),
        (&group, ObjectKind::Interface, "1 x FHRP group"),
        (&power, ObjectKind::Device, "2 x power port"),
    ];
    for (deed, kind, words) in cases {
        let mut bench = Bench::start().await;
        bench.policy.grace = jiff::SignedDuration::ZERO;
        bench.sync(&Objects::small()).await;
        let (plan, inventory) = bench.plan(&without_server().snapshot(&[])).await;
        // Only after the comparison.
        deed(&bench);
        let addresses = bench.fake.objects(ObjectKind::IpAddress).len();
        let applied = bench.apply(&plan, &inventory).await;
        let refused = plan.changes.iter().zip(&applied.outcomes).find_map(|(change, outcome)| {
            let Outcome::Refused(error) = outcome else { return None };
            Some((change.object.kind, error.to_string()))
        });
        let (refused_kind, told) = refused.expect("one is refused");
        assert!(refused_kind == kind && told.contains(words), "{refused_kind}: {told}");
        assert!(device(&bench, "one").is_some(), "the device stays with what is on it");
        assert_eq!(bench.fake.objects(ObjectKind::IpAddress).len(), addresses);
    }
}

/// A cable that was plugged in after the comparison, into the port that ours has left by then.
#[tokio::test]
async fn an_interface_with_a_cable_of_others_stays() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let (mut plan, inventory) = bench.plan(&without_server().snapshot(&[])).await;
    // Ours stays, as if it were theirs.
    plan.changes.retain(|change| change.object.kind != ObjectKind::Cable);
    let applied = bench.apply(&plan, &inventory).await;
    assert!(
        applied.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Refused(_))),
        "{:?}",
        applied.outcomes
    );
    assert_eq!(bench.fake.dangling_cables(), 0);
}

#[tokio::test]
async fn an_l2vpn_with_a_termination_of_others_stays() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.policy.confirmed = true;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    for (kind, name) in
        [(Kind::VPCAttachment, "blue--two"), (Kind::VPCPeering, "red--blue"), (Kind::VPC, "blue")]
    {
        objects.remove(kind, name);
    }
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    let of_blue = |object: &Value| object["custom_fields"]["fabric_sync_source"] == "VPC/default/blue";
    let l2vpn = bench.fake.objects(ObjectKind::L2vpn).into_iter().find(of_blue).unwrap()["id"].clone();
    let vlan = bench.fake.create(ObjectKind::Vlan, json!({"name": "theirs", "vid": 7}));
    let theirs = bench.fake.create(
        ObjectKind::L2vpnTermination,
        json!({"l2vpn": l2vpn, "assigned_object_type": "ipam.vlan", "assigned_object_id": vlan}),
    );
    assert_ne!(theirs, 0);
    let applied = bench.apply(&plan, &inventory).await;
    let refused: Vec<_> = plan
        .changes
        .iter()
        .zip(&applied.outcomes)
        .filter(|(_, outcome)| matches!(outcome, Outcome::Refused(_)))
        .map(|(change, _)| change.object.kind)
        .collect();
    assert_eq!(refused, [ObjectKind::L2vpn]);
    assert!(bench.fake.objects(ObjectKind::L2vpnTermination).iter().any(|each| each["id"] == theirs));
}

#[tokio::test]
async fn objects_of_others_are_neither_changed_nor_deleted() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.policy.confirmed = true;
    bench.sync(&Objects::small()).await;
    let site = bench.fake.objects(ObjectKind::Site)[0]["id"].clone();
    let foreign = [
        bench.fake.create(ObjectKind::Device, json!({"name": "foreign", "site": site})),
        // Another fabric's, whose name begins alike.
        bench.fake.create(ObjectKind::Device, json!({"name": "x", "site": site, "custom_fields": {"fabric_sync_key": "lab-2/default/x", "fabric_sync_source": "Server/default/x"}})),
        bench.fake.create(ObjectKind::Device, json!({"name": "y", "site": site, "custom_fields": {"fabric_sync_key": "LAB/default/y", "fabric_sync_source": "Server/default/y"}})),
    ];
    assert!(!foreign.contains(&0));
    assert!(bench.sync(&Objects::small()).await.is_empty());
}

#[tokio::test]
async fn a_source_that_cannot_be_mapped_keeps_what_it_has() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.policy.confirmed = true;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.spec(Kind::Switch, "left")["ip"] = "not an address".into();
    objects.spec(Kind::VPC, "red")["subnets"]["main"]["vlan"] = "a text".into();
    let snapshot = objects.snapshot(&[]);
    let (plan, inventory) = bench.plan(&snapshot).await;
    assert_eq!(deletes(&plan), 0, "{:#?}", plan.changes);
    let comparison = Comparison::new(map_fabric(&fabric(), &snapshot), &snapshot, &inventory);
    assert!(comparison.objects.iter().all(|object| object.status != Status::Extra));
    assert_ne!(comparison.summary(), Summary::InSync);
    let sources: Vec<String> =
        plan.problems.iter().filter_map(|p| Some(p.source.as_ref()?.to_string())).collect();
    assert!(
        sources.contains(&"Switch/default/left".into()) && sources.contains(&"VPC/default/red".into()),
        "{sources:?}"
    );
}

#[tokio::test]
async fn what_takes_the_place_of_a_renamed_source_takes_its_objects_over() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let prefix = |bench: &Bench| {
        let prefixes = bench.fake.objects(ObjectKind::Vlan);
        prefixes.into_iter().find(|vlan| vlan["vid"] == 1000).unwrap()
    };
    let before = prefix(&bench);
    bench.fake.change(ObjectKind::Vlan, before["id"].as_u64().unwrap(), json!({"comments": "kept"}));
    let mut objects = Objects::small();
    let subnets = objects.spec(Kind::VPC, "red")["subnets"].clone();
    objects.spec(Kind::VPC, "red")["subnets"] = json!({"renamed": subnets["main"]});
    for attachment in ["red--one", "red--two"] {
        objects.spec(Kind::VPCAttachment, attachment)["subnet"] = "red/renamed".into();
    }
    bench.sync(&objects).await;
    let after = prefix(&bench);
    assert_eq!(
        (&after["id"], &after["name"], &after["comments"]),
        (&before["id"], &json!("red-renamed"), &json!("kept"))
    );
}

#[tokio::test]
async fn whoever_keeps_a_device_keeps_what_belongs_to_it() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let one = device(&bench, "one").unwrap()["id"].as_u64().unwrap();
    assert!(bench.fake.change(ObjectKind::Device, one, json!({"tags": [{"slug": PROTECT_TAG}]})));
    bench.policy.confirmed = true;
    let (plan, _) = bench.plan(&without_server().snapshot(&[])).await;
    // The port of the switch does not belong to it, but its cable stays.
    assert_eq!(deletes(&plan), 0, "{:#?}", plan.changes);
    let belongs = plan.held.iter().filter(|held| matches!(held.reason, HoldReason::BelongsTo(_)));
    let belongs: Vec<_> = belongs.map(|held| held.object.kind).collect();
    assert_eq!(belongs, [ObjectKind::Cable, ObjectKind::Interface]);
}
