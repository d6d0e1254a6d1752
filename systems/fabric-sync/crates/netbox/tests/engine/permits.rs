//! No write is sent without leave, whatever came between the decision and the sending.

use crate::fixtures::{Bench, Objects, granted_if};
use fabric_model::{Inventory, Kind, ObjectKind, Plan};
use fabric_netbox::fake::Fault;
use fabric_netbox::{Applied, MayWrite, NetBox, NetBoxError, Outcome, Permit, RequestCounts, RunOptions};
use serde_json::json;
use std::time::Duration;

/// A plan of one change: a switch is described otherwise.
async fn one_update() -> (Bench, Plan, Inventory) {
    let bench = Bench::start().await;
    let mut objects = Objects::small();
    bench.sync(&objects).await;
    objects.spec(Kind::Switch, "left")["description"] = "Ours".into();
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    assert_eq!(plan.changes.len(), 1);
    (bench, plan, inventory)
}

async fn apply(netbox: &NetBox, plan: &Plan, inventory: &Inventory, may_write: &MayWrite<'_>) -> Applied {
    let options =
        RunOptions { message: "run 1", now: jiff::Timestamp::UNIX_EPOCH, may_write, is_outdated: &|| false };
    netbox.apply(plan, inventory, &options, &mut |_, _| {}).await
}

/// Applies a plan with leave for as long as `lasts` says so of the requests since; the outcomes, and the writes that were sent.
async fn apply_while(
    bench: &Bench,
    (plan, inventory): (&Plan, &Inventory),
    lasts: impl Fn(RequestCounts) -> bool + Sync,
) -> (Vec<Outcome>, u64) {
    let before = bench.netbox.request_counts();
    let since = || {
        let now = bench.netbox.request_counts();
        RequestCounts { reads: now.reads - before.reads, writes: now.writes - before.writes }
    };
    let applied = apply(&bench.netbox, plan, inventory, &|| granted_if(lasts(since()))).await;
    (applied.outcomes, since().writes)
}

#[tokio::test]
async fn a_change_is_not_sent_again_after_the_object_was_read_anew() {
    let (bench, plan, inventory) = one_update().await;
    let devices = bench.fake.objects(ObjectKind::Device);
    let left = devices.iter().find(|device| device["name"] == "left").unwrap()["id"].as_u64().unwrap();
    bench.fake.change(ObjectKind::Device, left, json!({"comments": "in rack 7"}));
    let done = apply_while(&bench, (&plan, &inventory), |since| since.reads == 0).await;
    assert_eq!(done, (vec![Outcome::MayNotWrite], 1));
}

#[tokio::test]
async fn a_creation_is_not_sent_again_after_a_wait() {
    let bench = Bench::start().await;
    let (plan, inventory) = bench.plan(&Objects::small().snapshot(&[])).await;
    bench.fake.fail(Fault::Throttled, Some("POST"), "", 1);
    let (outcomes, writes) = apply_while(&bench, (&plan, &inventory), |since| since.writes == 0).await;
    assert_eq!((outcomes.first(), writes), (Some(&Outcome::MayNotWrite), 1));
    assert!(outcomes.iter().all(|outcome| *outcome == Outcome::MayNotWrite), "{outcomes:?}");
}

#[tokio::test]
async fn a_deletion_is_not_sent_after_its_object_was_read() {
    let mut bench = Bench::start().await;
    bench.policy.grace = jiff::SignedDuration::ZERO;
    bench.sync(&Objects::small()).await;
    let mut objects = Objects::small();
    objects.remove(Kind::Connection, "one--left");
    objects.remove(Kind::VPCAttachment, "red--one");
    let (plan, inventory) = bench.plan(&objects.snapshot(&[])).await;
    assert!(!plan.is_empty());
    let (outcomes, writes) = apply_while(&bench, (&plan, &inventory), |since| since.reads == 0).await;
    assert_eq!((outcomes.first(), writes), (Some(&Outcome::MayNotWrite), 0));
}

#[tokio::test]
async fn no_answer_is_waited_for_longer_than_nobody_else_writes() {
    let (bench, plan, inventory) = one_update().await;
    bench.fake.fail(Fault::Silence, Some("PATCH"), "", 1);
    let before = bench.netbox.request_counts().writes;
    // The leave is not renewed.
    let permit = || {
        let is_first = bench.netbox.request_counts().writes == before;
        if is_first { Permit::GrantedFor(Duration::from_millis(50)) } else { Permit::Denied }
    };
    let applied = apply(&bench.netbox, &plan, &inventory, &permit).await;
    let [Outcome::Failed(NetBoxError::TimedOut(after))] = applied.outcomes.as_slice() else {
        panic!("{applied:?}")
    };
    assert!(*after < Duration::from_secs(10), "{after:?}");
}

#[tokio::test]
async fn an_answer_is_waited_for_while_leave_is_renewed() {
    let (bench, plan, inventory) = one_update().await;
    let netbox = bench.impatient(Duration::from_millis(500));
    bench.fake.fail(Fault::Silence, Some("PATCH"), "", 1);
    let permit = || Permit::GrantedFor(Duration::from_millis(20));
    let applied = apply(&netbox, &plan, &inventory, &permit).await;
    let whole = Outcome::Failed(NetBoxError::TimedOut(Duration::from_millis(500)));
    assert_eq!(applied.outcomes, [whole], "the deadline itself ended it");
}
