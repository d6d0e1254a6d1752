//! Objects of others that take the place of missing ones.

use crate::fixtures::{Bench, Objects};
use fabric_model::{ObjectKind, Summary};
use fabric_netbox::{AdoptionOutcome, Outcome, Permit};
use serde_json::json;

#[tokio::test]
async fn a_foreign_object_in_the_way_is_left_alone_until_it_is_adopted() {
    let bench = Bench::start().await;
    let site = bench.fake.create(ObjectKind::Site, json!({"name": "Lab", "slug": "lab"}));
    let foreign = bench
        .fake
        .create(ObjectKind::Device, json!({"name": "one", "site": site, "comments": "bought 2019"}));
    let snapshot = Objects::small().snapshot(&[]);
    let (plan, inventory) = bench.plan(&snapshot).await;
    let applied = bench.apply(&plan, &inventory).await;
    let refused =
        plan.changes.iter().zip(&applied.outcomes).filter(|(_, o)| matches!(o, Outcome::Refused(_)));
    assert_eq!(
        refused.map(|(change, _)| change.object.key.as_str()).collect::<Vec<_>>(),
        ["lab/default/one"]
    );

    let (comparison, inventory) = bench.compare(&snapshot).await;
    let candidates = bench.netbox.find_adoptable(&comparison, &inventory).await.unwrap();
    assert_eq!(candidates.iter().map(|each| each.id).collect::<Vec<_>>(), [foreign]);
    assert!(candidates[0].differences.iter().any(|difference| difference.field == "description"));
    let outcome = bench.netbox.adopt(&candidates[0], "adopted", &|| Permit::Granted).await.unwrap();
    assert_eq!(outcome, AdoptionOutcome::Adopted);
    assert_eq!(
        bench.netbox.adopt(&candidates[0], "adopted", &|| Permit::Denied).await.unwrap(),
        AdoptionOutcome::MayNotWrite
    );

    bench.sync(&Objects::small()).await;
    let (comparison, _) = bench.compare(&snapshot).await;
    assert_eq!(comparison.summary(), Summary::InSync);
    let devices = bench.fake.objects(ObjectKind::Device);
    let one = devices.iter().find(|device| device["id"] == foreign).unwrap();
    assert_eq!((&one["comments"], &one["description"]), (&json!("bought 2019"), &json!("Single-homed")));
}

#[tokio::test]
async fn what_bears_a_key_meanwhile_is_not_adopted() {
    let bench = Bench::start().await;
    let site = bench.fake.create(ObjectKind::Site, json!({"name": "Lab", "slug": "lab"}));
    let foreign = bench.fake.create(ObjectKind::Device, json!({"name": "one", "site": site}));
    let (comparison, inventory) = bench.compare(&Objects::small().snapshot(&[])).await;
    let candidates = bench.netbox.find_adoptable(&comparison, &inventory).await.unwrap();
    bench.fake.change(
        ObjectKind::Device,
        foreign,
        json!({"custom_fields": {"fabric_sync_key": "other/default/one"}}),
    );
    assert_eq!(
        bench.netbox.adopt(&candidates[0], "adopted", &|| Permit::Granted).await.unwrap(),
        AdoptionOutcome::Stale
    );
}
