//! Values that NetBox has once and that change hands.

use crate::fixtures::{Bench, Objects};
use fabric_model::{Action, Kind, ObjectKind, Plan};
use serde_json::{Value, json};

/// The small fabric, where VPC red has subnets with these VLAN IDs.
fn with_vlans(vlans: &[(&str, u16)]) -> Objects {
    let mut objects = Objects::small();
    for (number, (name, vlan)) in vlans.iter().enumerate() {
        objects.spec(Kind::VPC, "red")["subnets"][name] =
            json!({"subnet": format!("10.0.1{number}.0/24"), "vlan": vlan});
    }
    objects
}

fn vlans(bench: &Bench) -> Vec<(Value, Value, Value)> {
    let vlans = bench.fake.objects(ObjectKind::Vlan).into_iter();
    vlans.map(|vlan| (vlan["name"].clone(), vlan["vid"].clone(), vlan["group"]["slug"].clone())).collect()
}

fn updates(plan: &Plan, kind: ObjectKind) -> usize {
    let of_kind = plan.changes.iter().filter(|change| change.object.kind == kind);
    of_kind.filter(|change| matches!(change.action, Action::Update { .. })).count()
}

#[tokio::test]
async fn subnets_that_swap_their_vlan_ids_are_written_in_one_run() {
    let bench = Bench::start().await;
    bench.sync(&with_vlans(&[("a", 1100), ("b", 1101), ("c", 1102)])).await;
    // Two in a circle, and one that waits for it.
    let plan = bench.sync(&with_vlans(&[("a", 1101), ("b", 1100), ("c", 1102)])).await;
    assert_eq!(updates(&plan, ObjectKind::Vlan), 3, "one steps aside first: {:#?}", plan.changes);
    let plan = bench.sync(&with_vlans(&[("a", 1102), ("b", 1101), ("c", 1100)])).await;
    assert_eq!(updates(&plan, ObjectKind::Vlan), 4, "{:#?}", plan.changes);
    for (name, vid) in [("red-a", 1102), ("red-b", 1101), ("red-c", 1100)] {
        assert!(vlans(&bench).contains(&(json!(name), json!(vid), json!("default"))), "{:?}", vlans(&bench));
    }
    assert!(bench.sync(&with_vlans(&[("a", 1102), ("b", 1101), ("c", 1100)])).await.is_empty());
}

#[tokio::test]
async fn what_takes_a_place_comes_after_what_leaves_it() {
    let bench = Bench::start().await;
    bench.sync(&with_vlans(&[("a", 1100), ("b", 1101), ("c", 1102)])).await;
    let plan = bench.sync(&with_vlans(&[("a", 1101), ("b", 1102), ("c", 1103), ("d", 1100)])).await;
    assert_eq!(updates(&plan, ObjectKind::Vlan), 3, "nothing has to step aside: {:#?}", plan.changes);
}

#[tokio::test]
async fn switches_that_swap_their_addresses_are_written_in_one_run() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.spec(Kind::Switch, "left")["protocolIP"] = "172.30.8.2/32".into();
    objects.spec(Kind::Switch, "right")["protocolIP"] = "172.30.8.1/32".into();
    bench.sync(&objects).await;
    assert!(bench.sync(&objects).await.is_empty());
}

#[tokio::test]
async fn names_that_somebody_swapped_are_set_right() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let devices = bench.fake.objects(ObjectKind::Device);
    let id =
        |name: &str| devices.iter().find(|device| device["name"] == name).unwrap()["id"].as_u64().unwrap();
    for (name, other) in [("left", "x"), ("right", "left"), ("left", "right")] {
        bench.fake.change(ObjectKind::Device, id(name), json!({"name": other}));
    }
    bench.sync(&Objects::small()).await;
    let devices = bench.fake.objects(ObjectKind::Device);
    assert!(devices.iter().any(|device| device["name"] == "left" && device["id"] == id("left")));
    assert!(bench.sync(&Objects::small()).await.is_empty());
}

#[tokio::test]
async fn what_was_refused_is_tried_again_once_another_of_its_kind_left_a_place() {
    let mut bench = Bench::start().await;
    bench.sync(&with_vlans(&[("a", 1100), ("b", 1101)])).await;
    // Somebody's VLAN has the ID.
    let group = bench.fake.objects(ObjectKind::VlanGroup)[0]["id"].clone();
    let theirs = bench.fake.create(ObjectKind::Vlan, json!({"group": group, "vid": 1102, "name": "theirs"}));
    let wanted = with_vlans(&[("a", 1102), ("b", 1101)]);
    let (plan, inventory) = bench.plan(&wanted.snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    applied.record(&plan, &mut bench.quarantine, bench.now);
    assert_eq!(bench.quarantine.entries().count(), 1);
    assert!(bench.fake.delete(ObjectKind::Vlan, theirs));
    assert!(bench.plan(&wanted.snapshot(&[])).await.0.is_empty());
    let wanted = with_vlans(&[("a", 1102), ("b", 1103)]);
    let (plan, inventory) = bench.plan(&wanted.snapshot(&[])).await;
    assert_eq!(updates(&plan, ObjectKind::Vlan), 1, "{:#?}", plan.changes);
    bench.apply(&plan, &inventory).await.record(&plan, &mut bench.quarantine, bench.now);
    bench.sync(&wanted).await;
    assert!(vlans(&bench).contains(&(json!("red-a"), json!(1102), json!("default"))));
}
