//! A plan carried out: creations, changes, cables, failures in the middle.

use crate::fixtures::{Bench, Objects, TOKEN, granted_if};
use fabric_model::netbox::PROTECT_TAG;
use fabric_model::plan::HoldReason;
use fabric_model::{Action, Kind, ObjectKind, Status, Summary};
use fabric_netbox::fake::Fault;
use fabric_netbox::{NetBoxError, Outcome, RunOptions};
use serde_json::json;

#[tokio::test]
async fn a_switch_that_is_replaced_under_another_name_takes_its_address_over() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    let spine = objects.spec(Kind::Switch, "spine").clone();
    objects.remove(Kind::Switch, "spine");
    objects.put(Kind::Switch, "spine-new", spine);
    for leaf in ["left", "right"] {
        let link =
            &mut objects.spec(Kind::Connection, &format!("spine--{leaf}"))["fabric"]["links"][0]["spine"];
        link["port"] = json!(link["port"].as_str().unwrap().replace("spine/", "spine-new/"));
    }
    bench.policy.max_deletion_percent = 100;
    bench.sync(&objects).await;
    bench.wait(2);
    bench.sync(&objects).await;
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::InSync, "{:#?}", comparison.counts());
    let devices = bench.fake.objects(ObjectKind::Device);
    let primary = |name: &str| {
        devices.iter().find(|device| device["name"] == name).map(|device| &device["primary_ip4"])
    };
    assert!(primary("spine-new").is_some_and(|address| !address.is_null()));
    assert_eq!(primary("spine"), None);
}

#[tokio::test]
async fn an_address_goes_from_one_switch_to_another_that_has_none_yet() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    objects.spec(Kind::Switch, "left").as_object_mut().unwrap().remove("ip");
    bench.sync(&objects).await;
    let address = objects.spec(Kind::Switch, "spine").as_object_mut().unwrap().remove("ip").unwrap();
    objects.spec(Kind::Switch, "left")["ip"] = address;
    bench.sync(&objects).await;
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    let (counts, waiting) = (comparison.counts(), "the management interface of the spine");
    assert_eq!((counts.differs, counts.missing, counts.extra), (0, 0, 1), "{waiting}: {counts:?}");
}

#[tokio::test]
async fn a_device_whose_address_is_not_there_waits_for_it_and_for_nothing_else() {
    let bench = Bench::start().await;
    bench.fake.fail(Fault::Status(403), Some("GET"), "ipam/vrfs/", 1);
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    assert!(applied.is_complete(), "{:#?}", applied.outcomes);
    let held = plan.held.iter().filter(|held| held.object.kind == ObjectKind::Device);
    let held: Vec<_> = held.map(|held| &held.reason).collect();
    assert_eq!(held.len(), 3);
    let is_address = |reason: &&HoldReason| matches!(reason, HoldReason::Needs(needed) if needed.kind == ObjectKind::IpAddress);
    assert!(held.iter().all(is_address), "{held:#?}");
    bench.sync(&Objects::small()).await;
    let (comparison, _) = bench.compare(&Objects::small().snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::InSync);
}

#[tokio::test]
async fn everything_is_created_and_a_second_run_writes_nothing() {
    let bench = Bench::start().await;
    let objects = Objects::small();
    let plan = bench.sync(&objects).await;
    assert!(plan.held.is_empty() && plan.problems.is_empty(), "{:#?} {:#?}", plan.held, plan.problems);
    for (kind, count) in [
        (ObjectKind::Device, 5),
        (ObjectKind::Cable, 5),
        (ObjectKind::Vrf, 4),
        (ObjectKind::Vlan, 2),
        (ObjectKind::Prefix, 3),
        // Two addresses of each switch and four of links, two gateways, one to the outside.
        (ObjectKind::IpAddress, 6 + 4 + 2 + 1),
        // Two of each switch, nine ports, three LAGs, one below a port.
        (ObjectKind::Interface, 6 + 11 + 3 + 1),
        (ObjectKind::L2vpnTermination, 2),
    ] {
        assert_eq!(bench.fake.objects(kind).len(), count, "{kind}");
    }
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::InSync, "{:#?}", differing(&comparison));

    let (changes, writes) = (bench.fake.change_count(), bench.netbox.request_counts().writes);
    let again = bench.sync(&objects).await;
    assert!(again.is_empty(), "{:#?}", again.changes);
    assert_eq!((bench.fake.change_count(), bench.netbox.request_counts().writes), (changes, writes));
    assert!(bench.fake.change_messages().iter().all(|message| message == "run 1"));
}

fn differing(comparison: &fabric_model::Comparison) -> Vec<&fabric_model::Compared> {
    comparison.objects.iter().filter(|object| object.status != Status::Same).collect()
}

#[tokio::test]
async fn references_lead_to_the_objects_that_are_meant() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let interfaces = bench.fake.objects(ObjectKind::Interface);
    let lag = interfaces.iter().find(|i| i["name"] == "two--pair" && i["mode"]["value"] == "tagged").unwrap();
    let vlans = bench.fake.objects(ObjectKind::Vlan);
    let vlan = |name: &str| vlans.iter().find(|vlan| vlan["name"] == name).unwrap()["id"].clone();
    assert_eq!(lag["tagged_vlans"][0]["id"], vlan("red-main"));
    assert_eq!(lag["untagged_vlan"]["id"], vlan("blue-main"));
    assert_eq!(lag["mtu"], 9000);
    let devices = bench.fake.objects(ObjectKind::Device);
    let left = devices.iter().find(|device| device["name"] == "left").unwrap();
    let addresses = bench.fake.objects(ObjectKind::IpAddress);
    let primary = addresses.iter().find(|address| address["id"] == left["primary_ip4"]["id"]).unwrap();
    assert_eq!(primary["address"], "172.30.0.2/24");
    assert_eq!(left["custom_fields"]["fabric_sync_spec"]["SwitchGroup/default/pair"], json!({}));
    let vrfs = bench.fake.objects(ObjectKind::Vrf);
    let red = vrfs.iter().find(|vrf| vrf["name"] == "red").unwrap();
    assert_eq!(red["import_targets"].as_array().unwrap().len(), 2);
    assert_eq!(
        red["custom_fields"]["fabric_sync_spec"]["ExternalPeering/default/red--out"]["permit"]["vpc"]["name"],
        "red"
    );
}

#[tokio::test]
async fn only_the_field_that_changed_is_written_and_what_people_wrote_stays() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    let devices = bench.fake.objects(ObjectKind::Device);
    let left = devices.iter().find(|device| device["name"] == "left").unwrap()["id"].as_u64().unwrap();
    bench.fake.change(ObjectKind::Device, left, json!({"comments": "in rack 7", "tags": [{"slug": "mine"}]}));
    objects.spec(Kind::Switch, "left")["description"] = "Renamed".into();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    let before = bench.netbox.request_counts();
    assert!(bench.apply(&plan, &inventory).await.is_complete());
    let after = bench.netbox.request_counts();
    assert_eq!(
        (after.writes - before.writes, after.reads - before.reads),
        (1, 0),
        "what was read is not read again"
    );
    assert_eq!(plan.changes.len(), 1);
    let Action::Update { differences, .. } = &plan.changes[0].action else { panic!("{:?}", plan.changes[0]) };
    assert_eq!(differences.iter().map(|each| each.field.as_str()).collect::<Vec<_>>(), ["description"]);
    let devices = bench.fake.objects(ObjectKind::Device);
    let left = devices.iter().find(|device| device["name"] == "left").unwrap();
    assert_eq!(
        (&left["description"], &left["comments"], &left["tags"][0]["slug"]),
        (&json!("Renamed"), &json!("in rack 7"), &json!("mine"))
    );
}

#[tokio::test]
async fn a_text_that_the_fabric_no_longer_has_is_emptied() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    objects.spec(Kind::Switch, "left")["description"] = "Said once".into();
    bench.sync(&objects).await;
    objects.spec(Kind::Switch, "left").as_object_mut().unwrap().remove("description");
    let plan = bench.sync(&objects).await;
    assert_eq!(plan.changes.len(), 1);
    let devices = bench.fake.objects(ObjectKind::Device);
    assert_eq!(devices.iter().find(|device| device["name"] == "left").unwrap()["description"], "");
    assert_eq!(bench.sync(&objects).await.changes.len(), 0);
}

#[tokio::test]
async fn what_somebody_changed_in_a_declared_field_is_set_right() {
    let bench = Bench::start().await;
    let objects = Objects::small();
    bench.sync(&objects).await;
    let vlan = bench.fake.objects(ObjectKind::Vlan)[0]["id"].as_u64().unwrap();
    bench.fake.change(ObjectKind::Vlan, vlan, json!({"name": "by hand"}));
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    assert_eq!((comparison.summary(), comparison.counts().differs), (Summary::OutOfSync, 1));
    bench.sync(&objects).await;
    assert_eq!(bench.fake.objects(ObjectKind::Vlan)[0]["name"], "blue-main");
}

#[tokio::test]
async fn recabling_replaces_the_cable_and_leaves_none_dangling() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    objects.spec(Kind::Connection, "one--left")["unbundled"]["link"]["server"]["port"] = "one/eth5".into();
    // Another connection takes a port whose connection is gone.
    let removed = objects.spec(Kind::Connection, "spine--right").clone();
    objects.remove(Kind::Connection, "spine--right");
    objects.put(Kind::Connection, "spine--right--anew", removed);
    let plan = bench.sync(&objects).await;
    let first_create = plan
        .changes
        .iter()
        .position(|c| matches!(c.action, Action::Create { .. }) && c.object.kind == ObjectKind::Cable);
    let deletes: Vec<_> = plan
        .changes
        .iter()
        .take(first_create.unwrap())
        .filter(|c| matches!(c.action, Action::Delete { .. }))
        .collect();
    assert_eq!(
        deletes.iter().filter(|c| c.object.kind == ObjectKind::Cable).count(),
        1,
        "{:#?}",
        plan.changes
    );
    assert_eq!((bench.fake.dangling_cables(), bench.fake.objects(ObjectKind::Cable).len()), (0, 5));
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    // The port that the cable left is extra until its grace has passed.
    assert_eq!(comparison.counts().differs + comparison.counts().missing, 0, "{:#?}", differing(&comparison));
}

#[tokio::test]
async fn a_cable_of_somebody_else_is_not_touched() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    let wired = objects.clone();
    objects.remove(Kind::Connection, "one--left");
    objects.remove(Kind::VPCAttachment, "red--one");
    bench.sync(&objects).await;
    let left =
        bench.fake.objects(ObjectKind::Device).iter().find(|d| d["name"] == "left").unwrap()["id"].clone();
    let own =
        bench.fake.create(ObjectKind::Interface, json!({"device": left, "name": "E1/1", "type": "other"}));
    let other =
        bench.fake.create(ObjectKind::Interface, json!({"device": left, "name": "E9", "type": "other"}));
    let end = |id: u64| json!([{"object_type": "dcim.interface", "object_id": id}]);
    bench.fake.create(ObjectKind::Cable, json!({"a_terminations": end(own), "b_terminations": end(other)}));
    // The foreign interface has the name that ours should have: NetBox refuses ours.
    let (plan, inventory) = bench.plan(&wired.snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    let refused: Vec<_> = plan
        .changes
        .iter()
        .zip(&applied.outcomes)
        .filter(|(_, o)| matches!(o, Outcome::Refused(_)))
        .collect();
    assert_eq!(refused.len(), 1, "{refused:#?}");
    assert!(refused[0].0.object.key.ends_with("left/E1/1"));
    let cable =
        plan.changes.iter().zip(&applied.outcomes).find(|(c, _)| c.object.kind == ObjectKind::Cable).unwrap();
    assert!(matches!(cable.1, Outcome::Skipped(_)), "{cable:?}");
}

#[tokio::test]
async fn a_port_with_a_cable_of_somebody_else_is_left_as_it_is() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    let ours = bench
        .fake
        .objects(ObjectKind::Cable)
        .into_iter()
        .find(|cable| cable["label"] == "one--left")
        .unwrap();
    bench.fake.delete(ObjectKind::Cable, ours["id"].as_u64().unwrap());
    let left =
        bench.fake.objects(ObjectKind::Device).iter().find(|d| d["name"] == "left").unwrap()["id"].clone();
    let other =
        bench.fake.create(ObjectKind::Interface, json!({"device": left, "name": "E9", "type": "other"}));
    let theirs = bench.fake.create(
        ObjectKind::Cable,
        json!({"a_terminations": ours["a_terminations"], "b_terminations": [{"object_type": "dcim.interface", "object_id": other}]}),
    );
    assert_ne!(theirs, 0);
    let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    assert!(
        matches!(plan.held[0].reason, HoldReason::PortTaken { cable, .. } if cable == theirs),
        "{:#?}",
        plan.held
    );
    // Neither is it when the port moves onto it.
    objects.spec(Kind::Connection, "two--pair")["eslag"]["links"][0]["server"]["port"] = "one/eth0".into();
    objects.spec(Kind::Connection, "one--left")["unbundled"]["link"]["server"]["port"] = "two/eth0".into();
    let plan = bench.sync(&objects).await;
    assert!(
        plan.held.iter().any(|held| matches!(held.reason, HoldReason::PortTaken { .. })),
        "{:#?}",
        plan.held
    );
    assert!(bench.fake.objects(ObjectKind::Cable).iter().any(|cable| cable["id"] == theirs));
}

#[tokio::test]
async fn a_protected_cable_is_not_replaced() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    let ours = bench
        .fake
        .objects(ObjectKind::Cable)
        .into_iter()
        .find(|cable| cable["label"] == "one--left")
        .unwrap();
    bench.fake.change(
        ObjectKind::Cable,
        ours["id"].as_u64().unwrap(),
        json!({"tags": [{"slug": PROTECT_TAG}]}),
    );
    objects.spec(Kind::Connection, "one--left")["unbundled"]["link"]["server"]["port"] = "one/eth5".into();
    let plan = bench.sync(&objects).await;
    assert!(plan.changes.iter().all(|change| change.object.kind != ObjectKind::Cable), "{:#?}", plan.changes);
    assert!(plan.held.iter().any(|held| held.reason == HoldReason::Protected));
}

#[tokio::test]
async fn an_answer_replaces_what_was_known_of_an_object() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    objects.spec(Kind::Switch, "left")["description"] = "Renamed".into();
    let snapshot = objects.snapshot(&[]);
    let (plan, mut inventory) = bench.plan(&snapshot).await;
    let applied = bench.apply(&plan, &inventory).await;
    assert_eq!(applied.updated.len(), 1);
    for object in applied.updated {
        inventory.put(object);
    }
    assert_eq!(inventory, bench.inventory().await);
}

#[tokio::test]
async fn what_somebody_deleted_is_made_anew_and_its_dangling_cables_are_replaced() {
    let bench = Bench::start().await;
    let objects = Objects::small();
    bench.sync(&objects).await;
    let left =
        bench.fake.objects(ObjectKind::Device).into_iter().find(|device| device["name"] == "left").unwrap();
    assert!(bench.fake.delete(ObjectKind::Device, left["id"].as_u64().unwrap()));
    assert_eq!(bench.fake.dangling_cables(), 3);
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::OutOfSync);
    bench.sync(&objects).await;
    assert_eq!((bench.fake.dangling_cables(), bench.fake.objects(ObjectKind::Cable).len()), (0, 5));
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::InSync, "{:#?}", differing(&comparison));
}

#[tokio::test]
async fn a_poison_object_is_refused_by_name_and_the_others_are_written() {
    let mut bench = Bench::start().await;
    let mut objects = Objects::small();
    let poison = "x".repeat(120);
    objects.put(Kind::Server, &poison, json!({}));
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    assert!(!applied.is_complete());
    let open: Vec<_> =
        plan.changes.iter().zip(&applied.outcomes).filter(|(_, o)| **o != Outcome::Written).collect();
    assert_eq!(open.len(), 1);
    assert!(open[0].0.object.key.contains(&poison) && matches!(open[0].1, Outcome::Refused(_)));
    assert_eq!(bench.fake.objects(ObjectKind::Device).len(), 5);

    applied.record(&plan, &mut bench.quarantine, bench.now);
    let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
    assert!(plan.is_empty(), "it is not tried again at once");
    assert_eq!(plan.held.len(), 1);
    let (comparison, _) = bench.compare(&objects.snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::OutOfSync, "it is never counted as success");
    bench.wait(1);
    assert_eq!(bench.plan(&objects.snapshot(&[])).await.0.changes.len(), 1, "after a while it is");
}

#[tokio::test]
async fn a_change_under_us_is_not_overwritten() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    objects.spec(Kind::Switch, "left")["description"] = "Ours".into();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    // Between the read and the write: If-Match.
    bench.fake.fail(Fault::ChangedMeanwhile, Some("PATCH"), "dcim/devices/", 1);
    let applied = bench.apply(&plan, &inventory).await;
    assert_eq!(applied.outcomes, [Outcome::Stale]);
    let devices = bench.fake.objects(ObjectKind::Device);
    assert_eq!(devices.iter().filter(|device| device["description"] == "somebody was here").count(), 1);
    // Between the comparison and the write: the compared value is not there any more.
    let applied = bench.apply(&plan, &inventory).await;
    assert_eq!(applied.outcomes, [Outcome::Stale]);
    bench.sync(&objects).await;
    assert!(bench.fake.objects(ObjectKind::Device).iter().any(|device| device["description"] == "Ours"));
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_makes_no_twin() {
    let bench = Bench::start().await;
    let objects = Objects::small();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    bench.fake.fail(Fault::CutAfterDone, Some("POST"), "dcim/devices/", 1);
    bench.fake.fail(Fault::HalfBody, Some("POST"), "dcim/interfaces/", 1);
    bench.fake.fail(Fault::CutAfterDone, Some("PATCH"), "dcim/devices/", 1);
    let applied = bench.apply(&plan, &inventory).await;
    assert!(applied.is_complete(), "{:?}", applied.outcomes.iter().find(|o| **o != Outcome::Written));
    assert_eq!(bench.fake.objects(ObjectKind::Device).len(), 5);
    assert!(bench.plan(&objects.snapshot(&[])).await.0.is_empty());
}

#[tokio::test]
async fn a_large_creation_whose_answer_is_lost_makes_no_twins_either() {
    let bench = Bench::start().await;
    let mut objects = Objects::default();
    for number in 0..60 {
        objects.put(
            Kind::Server,
            &format!("server-{number:03}-{}", "of-a-rather-long-name".repeat(2)),
            json!({}),
        );
    }
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    bench.fake.fail(Fault::CutAfterDone, Some("POST"), "dcim/devices/", 2);
    let applied = bench.apply(&plan, &inventory).await;
    assert!(applied.is_complete(), "{:?}", applied.outcomes.iter().find(|o| **o != Outcome::Written));
    assert_eq!(bench.fake.objects(ObjectKind::Device).len(), 60);
}

#[tokio::test]
async fn a_creation_that_landed_late_is_found_by_its_key_and_is_not_told_as_written() {
    let bench = Bench::start().await;
    let objects = Objects::small();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    // All of this plan landed after its inventory was read.
    assert!(bench.apply(&plan, &inventory).await.is_complete());
    let count = bench.fake.objects(ObjectKind::Interface).len();
    let applied = bench.apply(&plan, &inventory).await;
    for (change, outcome) in plan.changes.iter().zip(&applied.outcomes) {
        let is_creation = matches!(change.action, Action::Create { .. });
        let expected = if is_creation { Outcome::AlreadyThere } else { Outcome::Written };
        assert_eq!(*outcome, expected, "{}", change.object);
    }
    assert!(!applied.is_complete());
    assert_eq!(bench.fake.objects(ObjectKind::Interface).len(), count);
}

/// DRF takes blanks and line breaks off the ends of a text: what is declared with them would never be what NetBox holds.
#[tokio::test]
async fn a_text_with_a_line_break_at_its_end_is_written_once() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    objects.spec(Kind::Switch, "left")["description"] = " Two\nlines\n".into();
    objects.spec(Kind::Switch, "right")["description"] = " \n".into();
    bench.sync(&objects).await;
    let described = |name: &str| {
        let devices = bench.fake.objects(ObjectKind::Device);
        devices.into_iter().find(|device| device["name"] == name).unwrap()["description"].take()
    };
    assert_eq!((described("left"), described("right")), (json!("Two\nlines"), json!("")));
    assert!(bench.sync(&objects).await.is_empty());
}

#[tokio::test]
async fn a_server_that_fails_ends_the_run_and_nothing_more_is_tried() {
    let bench = Bench::start().await;
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    bench.fake.fail(Fault::Status(503), Some("POST"), "dcim/devices/", 100);
    let applied = bench.apply(&plan, &inventory).await;
    let count = |wanted: fn(&Outcome) -> bool| applied.outcomes.iter().filter(|o| wanted(o)).count();
    assert_eq!(count(|o| matches!(o, Outcome::Failed(NetBoxError::Server { status: 503, .. }))), 5);
    assert!(count(|o| *o == Outcome::NotTried) > 20);
    assert_eq!(applied.outcomes.len(), plan.changes.len());
    bench.fake.heal();
    bench.sync(&Objects::small()).await;
}

#[tokio::test]
async fn what_somebody_changed_in_another_field_meanwhile_does_not_keep_from_writing() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    objects.spec(Kind::Switch, "left")["description"] = "Ours".into();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    let devices = bench.fake.objects(ObjectKind::Device);
    let left = devices.iter().find(|device| device["name"] == "left").unwrap()["id"].as_u64().unwrap();
    bench.fake.change(ObjectKind::Device, left, json!({"comments": "in rack 7"}));
    assert!(bench.apply(&plan, &inventory).await.is_complete());
    let devices = bench.fake.objects(ObjectKind::Device);
    let left = devices.iter().find(|device| device["name"] == "left").unwrap();
    assert_eq!((&left["description"], &left["comments"]), (&json!("Ours"), &json!("in rack 7")));
}

/// NetBox has faults that certain contents bring to light: such an object must not keep all others from being written.
#[tokio::test]
async fn an_object_at_which_netbox_itself_fails_is_refused_and_the_others_are_written() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    // Those of the batch, then the first by itself.
    bench.fake.fail(Fault::Status(500), Some("POST"), "dcim/devices/", 2);
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    let refused = |applied: &fabric_netbox::Applied| {
        let broken = |o: &&Outcome| matches!(o, Outcome::Refused(NetBoxError::Broken(_)));
        applied.outcomes.iter().filter(broken).count()
    };
    assert_eq!((refused(&applied), bench.fake.objects(ObjectKind::Device).len()), (1, 4));
    assert!(!applied.outcomes.contains(&Outcome::NotTried));

    bench.sync(&objects).await;
    objects.spec(Kind::Switch, "left")["description"] = "Renamed".into();
    objects.spec(Kind::Switch, "right")["description"] = "Renamed".into();
    bench.fake.fail(Fault::Status(500), Some("PATCH"), "dcim/devices/", 1);
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    // Which of the two comes to NetBox first is not settled.
    assert_eq!((refused(&applied), applied.outcomes.len()), (1, 2));
    assert!(applied.outcomes.contains(&Outcome::Written), "{applied:?}");
}

#[tokio::test]
async fn a_netbox_that_fails_at_every_write_is_not_asked_for_each_of_them() {
    let bench = Bench::start().await;
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    bench.fake.fail(Fault::Status(500), Some("POST"), "", 1000);
    let before = bench.netbox.request_counts().writes;
    let applied = bench.apply(&plan, &inventory).await;
    assert!(bench.netbox.request_counts().writes - before < 10);
    assert_eq!(applied.outcomes.last(), Some(&Outcome::NotTried));
}

/// A write that was certainly not carried out is no object's fault.
#[tokio::test]
async fn a_change_that_a_proxy_refused_is_not_held_against_its_object() {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    objects.spec(Kind::Switch, "left")["description"] = "Ours".into();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    bench.fake.fail(Fault::Status(502), Some("PATCH"), "dcim/devices/", 1);
    let applied = bench.apply(&plan, &inventory).await;
    assert!(
        matches!(applied.outcomes.as_slice(), [Outcome::Failed(NetBoxError::Server { status: 502, .. })]),
        "{applied:?}"
    );
}

#[tokio::test]
async fn a_busy_server_is_waited_for() {
    let bench = Bench::start().await;
    bench.fake.fail(Fault::Throttled, None, "dcim/", 3);
    bench.fake.fail(Fault::Throttled, Some("POST"), "ipam/vrfs/", 2);
    bench.sync(&Objects::small()).await;
}

#[tokio::test]
async fn no_write_begins_once_this_instance_may_not() {
    let bench = Bench::start().await;
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    let before = bench.netbox.request_counts().writes;
    let may_write = || granted_if(bench.netbox.request_counts().writes - before < 3);
    let options =
        RunOptions { message: "run 1", now: bench.now, may_write: &may_write, is_outdated: &|| false };
    let applied = bench.netbox.apply(&plan, &inventory, &options, &mut |_, _| {}).await;
    assert_eq!(bench.netbox.request_counts().writes - before, 3);
    assert_eq!(applied.outcomes.last(), Some(&Outcome::MayNotWrite));
}

#[tokio::test]
async fn the_token_is_exchanged_without_a_restart() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    bench.fake.set_token("nbt_new.token");
    let (comparison, _) = bench.compare(&Objects::small().snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::Unknown);
    std::fs::write(bench.token.path(), "nbt_new.token").unwrap();
    let (comparison, _) = bench.compare(&Objects::small().snapshot(&[])).await;
    assert_eq!(comparison.summary(), Summary::InSync);
    assert_ne!(TOKEN, "nbt_new.token");
}

#[tokio::test]
async fn a_shared_object_whose_slug_people_chose_is_found_by_its_name() {
    let shared =
        [(ObjectKind::Site, "Lab"), (ObjectKind::Rir, "Private"), (ObjectKind::DeviceRole, "server-leaf")];
    let bench = Bench::start().await;
    for (kind, name) in shared {
        bench.fake.create(kind, json!({"name": name, "slug": "theirs"}));
    }
    bench.sync(&Objects::small()).await;
    for (kind, name) in shared {
        let objects = bench.fake.objects(kind);
        let slugs: Vec<_> =
            objects.iter().filter(|object| object["name"] == name).map(|o| &o["slug"]).collect();
        assert_eq!(slugs, ["theirs"], "{kind}");
    }
    assert!(bench.sync(&Objects::small()).await.is_empty());
}

#[tokio::test]
async fn of_two_sites_whose_names_give_the_slug_none_is_taken_for_the_fabrics() {
    let bench = Bench::start().await;
    bench.fake.create(ObjectKind::Site, json!({"name": "Lab!", "slug": "one"}));
    bench.fake.create(ObjectKind::Site, json!({"name": "LAB", "slug": "other"}));
    bench.sync(&Objects::small()).await;
    assert!(bench.fake.objects(ObjectKind::Site).iter().any(|site| site["slug"] == "lab"));
}
