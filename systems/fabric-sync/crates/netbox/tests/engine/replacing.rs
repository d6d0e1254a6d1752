//! Cables that are replaced: none goes for one that cannot come.

use crate::fixtures::{Bench, Objects};
use fabric_model::netbox::{PAUSE_TAG, PROTECT_TAG};
use fabric_model::plan::{DeleteReason, HoldReason};
use fabric_model::{Action, Identity, Kind, ObjectKind, Plan};
use fabric_netbox::Outcome;
use fabric_netbox::fake::Fault;
use serde_json::{Value, json};

const FIRST: &str = "two--pair/left/E1/2";
const SECOND: &str = "two--pair/right/E1/2";

/// The small fabric, with the two links of a bundle at each other's server ports.
fn swapped() -> Objects {
    let mut objects = Objects::small();
    let links = &mut objects.spec(Kind::Connection, "two--pair")["eslag"]["links"];
    links[0]["server"]["port"] = "two/eth1".into();
    links[1]["server"]["port"] = "two/eth0".into();
    objects
}

fn cable(bench: &Bench, key: &str) -> Option<Value> {
    let key = format!("lab/default/{key}");
    let mut cables = bench.fake.objects(ObjectKind::Cable).into_iter();
    cables.find(|cable| cable["custom_fields"]["fabric_sync_key"] == key.as_str())
}

fn tag(bench: &Bench, key: &str, tag: &str) {
    let id = cable(bench, key).unwrap()["id"].as_u64().unwrap();
    bench.fake.change(ObjectKind::Cable, id, json!({"tags": [{"slug": tag}]}));
}

fn held(plan: &Plan, key: &str) -> Option<HoldReason> {
    let object = Identity::new(ObjectKind::Cable, format!("lab/default/{key}"));
    plan.held.iter().find(|held| held.object == object).map(|held| held.reason.clone())
}

#[tokio::test]
async fn two_links_swap_their_ends_in_one_run() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let plan = bench.sync(&swapped()).await;
    let actions: Vec<&str> = plan
        .changes
        .iter()
        .map(|change| match change.action {
            Action::Delete { .. } => "delete",
            Action::Create { .. } => "create",
            _ => "other",
        })
        .collect();
    assert_eq!(actions, ["delete", "delete", "create", "create"], "{:#?}", plan.changes);
    assert!(bench.sync(&swapped()).await.is_empty());
}

#[tokio::test]
async fn a_cable_stays_while_the_one_whose_port_it_would_take_is_held() {
    for name in [PROTECT_TAG, PAUSE_TAG] {
        for (tagged, other) in [(FIRST, SECOND), (SECOND, FIRST)] {
            let bench = Bench::start().await;
            bench.sync(&Objects::small()).await;
            tag(&bench, tagged, name);
            let before = bench.fake.objects(ObjectKind::Cable);
            let plan = bench.sync(&swapped()).await;
            assert!(plan.is_empty(), "{:#?}", plan.changes);
            assert!(matches!(held(&plan, tagged), Some(HoldReason::Protected | HoldReason::Paused)));
            let kept = Identity::new(ObjectKind::Cable, format!("lab/default/{tagged}"));
            assert!(
                matches!(held(&plan, other), Some(HoldReason::PortKept { cable, .. }) if cable == kept),
                "{:#?}",
                plan.held
            );
            assert_eq!(bench.fake.objects(ObjectKind::Cable), before);
        }
    }
}

#[tokio::test]
async fn a_cable_stays_while_its_replacement_is_in_quarantine() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let (plan, _) = bench.plan(&swapped().snapshot(&[])).await;
    let create = plan.changes.iter().find(|change| matches!(change.action, Action::Create { .. })).unwrap();
    bench.quarantine.record_refusal(create, "no", bench.now);
    let (plan, _) = bench.plan(&swapped().snapshot(&[])).await;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    assert!(matches!(held(&plan, FIRST), Some(HoldReason::Quarantined(_))), "{:#?}", plan.held);
    assert!(matches!(held(&plan, SECOND), Some(HoldReason::PortKept { .. })), "{:#?}", plan.held);
}

#[tokio::test]
async fn a_cable_stays_if_a_port_of_its_replacement_is_refused() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    let port = format!("one/{}", "e".repeat(70));
    objects.spec(Kind::Connection, "one--left")["unbundled"]["link"]["server"]["port"] = port.into();
    let before = cable(&bench, "one--left/left/E1/1").unwrap();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    let applied = bench.apply(&plan, &inventory).await;
    assert!(applied.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Refused(_))), "{applied:?}");
    let of_cable = plan.changes.iter().zip(&applied.outcomes);
    let of_cable: Vec<_> = of_cable.filter(|(change, _)| change.object.kind == ObjectKind::Cable).collect();
    assert_eq!(of_cable.len(), 2, "{of_cable:#?}");
    assert!(of_cable.iter().all(|(_, outcome)| matches!(outcome, Outcome::Skipped(_))), "{of_cable:#?}");
    assert_eq!(cable(&bench, "one--left/left/E1/1"), Some(before));
}

#[tokio::test]
async fn what_would_take_the_port_of_a_cable_whose_deletion_was_refused_is_not_tried() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let (plan, inventory) = bench.plan(&swapped().snapshot(&[])).await;
    let before = bench.fake.objects(ObjectKind::Cable);
    bench.fake.fail(Fault::Status(409), Some("DELETE"), "dcim/cables/", 1);
    let applied = bench.apply(&plan, &inventory).await;
    assert!(matches!(applied.outcomes[0], Outcome::Refused(_)), "{applied:?}");
    assert!(
        applied.outcomes[1..].iter().all(|outcome| matches!(outcome, Outcome::Skipped(_))),
        "{applied:?}"
    );
    assert_eq!(bench.fake.objects(ObjectKind::Cable), before);
}

#[tokio::test]
async fn with_deletions_turned_off_no_cable_is_replaced_either() {
    let mut bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    bench.policy.deletions = false;
    let before = bench.fake.objects(ObjectKind::Cable);
    let plan = bench.sync(&swapped()).await;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    assert!(matches!(held(&plan, FIRST), Some(HoldReason::ReplacementOff(_))), "{:#?}", plan.held);
    // Neither does one that nothing asks for make way.
    let mut objects = Objects::small();
    objects.remove(Kind::Connection, "one--left");
    objects.remove(Kind::VPCAttachment, "red--one");
    let link = json!({"server": {"port": "one/eth1"}, "switch": {"port": "left/E1/1"}});
    objects.put(Kind::Connection, "one--anew", json!({"unbundled": {"link": link}}));
    let plan = bench.sync(&objects).await;
    let first = Identity::new(ObjectKind::Cable, "lab/default/one--left/left/E1/1");
    assert_eq!(held(&plan, "one--anew/left/E1/1"), Some(HoldReason::ReplacementOff(first)));
    assert_eq!(bench.fake.objects(ObjectKind::Cable), before);
    bench.policy.deletions = true;
    let plan = bench.sync(&objects).await;
    let superseded = |change: &fabric_model::Change| {
        matches!(change.action, Action::Delete { reason: DeleteReason::Superseded(_), .. })
    };
    assert!(plan.changes.iter().any(superseded), "{:#?}", plan.changes);
}

#[tokio::test]
async fn a_deletion_that_was_refused_waits_as_the_status_says() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.remove(Kind::Connection, "one--left");
    objects.remove(Kind::VPCAttachment, "red--one");
    objects.remove(Kind::Server, "one");
    // Each of its objects, and what each refers to: that which waits keeps what it needs.
    for kept in ["one", "one/eth0", "one--left/left/E1/1"] {
        let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
        let key = format!("lab/default/{kept}");
        let refused = plan.changes.iter().find(|change| change.object.key == key).unwrap();
        bench.quarantine.record_refusal(refused, "something is on it", bench.now);
        let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
        assert!(plan.changes.iter().all(|change| change.object != refused.object), "{:#?}", plan.changes);
        let reason = plan.held.iter().find(|held| held.object == refused.object).map(|held| &held.reason);
        assert!(matches!(reason, Some(HoldReason::Quarantined(_))), "{:#?}", plan.held);
        let device = plan.changes.iter().any(|change| change.object.kind == ObjectKind::Device);
        assert!(!device, "{:#?}", plan.changes);
        bench.quarantine = fabric_model::Quarantine::default();
    }
    // A mark likewise, and a cable that makes way.
    bench.policy.grace = jiff::SignedDuration::from_hours(1);
    for snapshot in [objects.snapshot(&[]), swapped().snapshot(&[])] {
        let (plan, _) = bench.plan(&snapshot).await;
        bench.quarantine.record_refusal(&plan.changes[0], "no", bench.now);
        let (again, _) = bench.plan(&snapshot).await;
        assert!(!again.changes.contains(&plan.changes[0]), "{:#?}", again.changes);
    }
    bench.wait(1);
    let (plan, _) = bench.plan(&swapped().snapshot(&[])).await;
    assert_eq!(plan.changes.len(), 4, "after its time it is tried again");
}
