//! Writes whose answer did not come, or was a refusal of the token and not of the object.

use crate::fixtures::{Bench, Objects};
use fabric_model::plan::HoldReason;
use fabric_model::{Action, Kind, ObjectKind, Plan, Status, UnknownReason};
use fabric_netbox::fake::Fault;
use fabric_netbox::{NetBoxError, Outcome};
use jiff::SignedDuration;
use serde_json::json;
use std::time::Duration;

fn creations(plan: &Plan, kind: ObjectKind) -> usize {
    let creates = |change: &&fabric_model::plan::Change| {
        change.object.kind == kind && matches!(change.action, Action::Create { .. })
    };
    plan.changes.iter().filter(creates).count()
}

/// NetBox would look whether the key is unique before the first one is written, and have it twice.
#[tokio::test]
async fn a_creation_that_was_not_answered_is_not_sent_again_while_netbox_may_be_at_it() {
    for fault in [Fault::Silence, Fault::Status(504), Fault::LoginPage] {
        let mut bench = Bench::start().await;
        bench.netbox = bench.impatient(Duration::from_millis(300));
        let mut objects = Objects::small();
        let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
        let vrfs = creations(&plan, ObjectKind::Vrf);
        bench.fake.fail(fault.clone(), Some("POST"), "ipam/vrfs/", 1);
        let applied = bench.apply(&plan, &inventory).await;
        applied.record(&plan, &mut bench.quarantine, bench.now);
        // Neither as it was nor as something else.
        objects.spec(Kind::VPC, "red")["description"] = "another".into();
        bench.pass(SignedDuration::from_secs(120));
        let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
        let waiting: Vec<_> = plan
            .held
            .iter()
            .filter(|held| held.object.kind == ObjectKind::Vrf)
            .map(|held| held.reason.to_string())
            .collect();
        assert_eq!((creations(&plan, ObjectKind::Vrf), waiting.len()), (0, vrfs), "{fault:?}");
        assert!(waiting.iter().all(|reason| reason.contains("may still be carried out")), "{waiting:?}");
        bench.pass(SignedDuration::from_secs(60));
        let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
        assert_eq!(creations(&plan, ObjectKind::Vrf), vrfs, "{fault:?}");
    }
}

#[tokio::test]
async fn a_creation_that_was_never_sent_does_not_wait() {
    let mut bench = Bench::start().await;
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    bench.fake.fail(Fault::Throttled, Some("POST"), "", 1000);
    let applied = bench.apply(&plan, &inventory).await;
    assert!(applied.outcomes.contains(&Outcome::Failed(NetBoxError::Throttled)));
    applied.record(&plan, &mut bench.quarantine, bench.now);
    assert_eq!(bench.quarantine.entries().count(), 0);
}

#[tokio::test]
async fn twins_are_told_by_their_numbers() {
    let bench = Bench::start().await;
    let objects = Objects::small();
    bench.sync(&objects).await;
    let red = bench.fake.objects(ObjectKind::Vrf).into_iter().find(|vrf| vrf["name"] == "red").unwrap();
    let twin = bench.fake.duplicate(ObjectKind::Vrf, red["id"].as_u64().unwrap());
    let (comparison, inventory) = bench.compare(&objects.snapshot(&[])).await;
    let identity = comparison
        .objects
        .iter()
        .find(|compared| compared.id == red["id"].as_u64() && compared.object.kind == ObjectKind::Vrf);
    assert_eq!(inventory.number(&identity.unwrap().object), red["id"].as_u64(), "the older one is ours");
    let told: Vec<_> = comparison
        .objects
        .iter()
        .filter_map(|compared| match &compared.status {
            Status::Unknown(reason @ UnknownReason::Twin { .. }) => Some(reason.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), 1);
    for number in [twin, red["id"].as_u64().unwrap()] {
        assert!(told[0].contains(&format!(" {number}")), "{told:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_no_longer_accepted_is_held_against_no_object() {
    let mut bench = Bench::start().await;
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    bench.fake.set_token("another");
    let applied = bench.apply(&plan, &inventory).await;
    let (failed, untried) = (Outcome::Failed(NetBoxError::Unauthenticated), Outcome::NotTried);
    assert_eq!(applied.outcomes.first(), Some(&failed));
    assert!(applied.outcomes.iter().all(|outcome| *outcome == failed || *outcome == untried), "{applied:?}");
    applied.record(&plan, &mut bench.quarantine, bench.now);
    assert_eq!(bench.quarantine.entries().count(), 0);
}

/// A deletion is read before it is sent, and what that is answered is no word on the object.
#[tokio::test]
async fn a_token_that_ends_before_deletions_is_held_against_no_object() {
    let mut bench = Bench::start().await;
    bench.policy.grace = SignedDuration::ZERO;
    let mut objects = Objects::small();
    objects.put(Kind::Server, "three", json!({}));
    objects.put(Kind::Server, "four", json!({}));
    bench.sync(&objects).await;
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    assert_eq!(plan.changes.len(), 2);
    bench.fake.set_token("another");
    let applied = bench.apply(&plan, &inventory).await;
    assert_eq!(applied.outcomes, [Outcome::Failed(NetBoxError::Unauthenticated), Outcome::NotTried]);
    applied.record(&plan, &mut bench.quarantine, bench.now);
    assert_eq!(bench.quarantine.entries().count(), 0);
}

/// As when two fabrics begin at once, and one is first with a shared object of a batch.
#[tokio::test]
async fn a_batch_that_netbox_failed_at_and_did_not_make_is_sent_one_by_one() {
    let bench = Bench::start().await;
    let objects = Objects::small();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    assert_eq!(creations(&plan, ObjectKind::DeviceRole), 3);
    bench.fake.create(ObjectKind::DeviceRole, json!({"name": "spine", "slug": "spine"}));
    bench.fake.fail(Fault::Status(500), Some("POST"), "dcim/device-roles/", 1);
    let applied = bench.apply(&plan, &inventory).await;
    let open = applied.outcomes.iter().filter(|outcome| **outcome != Outcome::Written).collect::<Vec<_>>();
    assert_eq!(open, [&Outcome::AlreadyThere]);
    assert_eq!(bench.fake.objects(ObjectKind::Device).len(), 5);
}

#[tokio::test]
async fn what_is_not_permitted_is_tried_again_before_long_however_often_it_was_refused() {
    let mut bench = Bench::start().await;
    let objects = Objects::small();
    bench.fake.fail(Fault::Forbidden, Some("POST"), "dcim/sites/", 1000);
    for _ in 0..6 {
        let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
        assert_eq!(creations(&plan, ObjectKind::Site), 1);
        let applied = bench.apply(&plan, &inventory).await;
        applied.record(&plan, &mut bench.quarantine, bench.now);
        let (plan, _) = bench.plan(&objects.snapshot(&[])).await;
        let is_refused =
            |held: &&fabric_model::plan::HeldChange| matches!(held.reason, HoldReason::Quarantined(_));
        assert_eq!(plan.held.iter().filter(is_refused).count(), 1, "but not at once");
        bench.pass(SignedDuration::from_mins(20));
    }
    bench.fake.heal();
    bench.sync(&objects).await;
    assert_ne!(bench.fake.objects(ObjectKind::Site), [json!(null); 0]);
}
