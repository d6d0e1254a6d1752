//! Objects of others that take the place of missing ones.

use crate::fixtures::{Bench, Objects};
use fabric_model::netbox::{KEY_FIELD, SOURCE_FIELD};
use fabric_model::{ObjectKind, Summary};
use fabric_netbox::{Adoptable, AdoptionOutcome, NotAdoptable, Outcome, Permit};
use serde_json::{Value, json};

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
    let candidates = bench.netbox.find_adoptable(&comparison, &inventory).await.unwrap().candidates;
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
    let candidates = bench.netbox.find_adoptable(&comparison, &inventory).await.unwrap().candidates;
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

impl Bench {
    async fn find_adoptable(&self) -> Adoptable {
        let (comparison, inventory) = self.compare(&Objects::small().snapshot(&[])).await;
        self.netbox.find_adoptable(&comparison, &inventory).await.unwrap()
    }

    fn disown(&self, kind: ObjectKind, object: &Value) -> u64 {
        let id = object["id"].as_u64().unwrap();
        let nobody = json!({"custom_fields": {KEY_FIELD: null, SOURCE_FIELD: null}});
        assert!(self.fake.change(kind, id, nobody));
        id
    }

    /// Takes a cable of ours out of the ports where it is plugged in; those.
    fn unplug(&self) -> (Value, Value) {
        let cable = self.fake.objects(ObjectKind::Cable).remove(0);
        assert!(self.fake.delete(ObjectKind::Cable, cable["id"].as_u64().unwrap()));
        (cable["a_terminations"].clone(), cable["b_terminations"].clone())
    }

    fn plug(&self, a: &Value, b: &Value) -> u64 {
        self.fake.create(ObjectKind::Cable, json!({"a_terminations": a, "b_terminations": b}))
    }
}

#[tokio::test]
async fn whatever_the_mapping_makes_is_adopted_where_people_made_it_already() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let own = || ObjectKind::ALL.into_iter().filter(|kind| !kind.is_shared());
    let numbers = || own().map(|kind| (kind, bench.fake.objects(kind).len())).collect::<Vec<_>>();
    let before = numbers();
    for kind in own() {
        let objects = bench.fake.objects(kind);
        assert!(!objects.is_empty(), "the fabric has no {kind}");
        for object in &objects {
            bench.disown(kind, object);
        }
    }
    assert!(bench.find_adoptable().await.later > 0, "what is below something missing comes after it");
    loop {
        let found = bench.find_adoptable().await;
        assert_eq!(found.others, []);
        if found.candidates.is_empty() {
            assert_eq!(found.later, 0);
            break;
        }
        for candidate in &found.candidates {
            let outcome = bench.netbox.adopt(candidate, "adopted", &|| Permit::Granted).await.unwrap();
            assert_eq!(outcome, AdoptionOutcome::Adopted, "{}", candidate.object);
        }
    }
    let (comparison, _) = bench.compare(&Objects::small().snapshot(&[])).await;
    assert_eq!((comparison.summary(), numbers()), (Summary::InSync, before));
}

#[tokio::test]
async fn what_cannot_be_adopted_is_named_with_the_reason() {
    let bench = Bench::start().await;
    bench.sync(&Objects::small()).await;
    let others = async || {
        let found = bench.find_adoptable().await;
        assert_eq!((found.candidates, found.later), (Vec::new(), 0));
        found.others.into_iter().map(|(object, why)| (object.kind, why)).collect::<Vec<_>>()
    };

    // A cable the other way round, and one that goes elsewhere.
    let (a, b) = bench.unplug();
    let id = bench.plug(&b, &a);
    assert_eq!(others().await, [(ObjectKind::Cable, NotAdoptable::Reversed(id))]);
    assert!(bench.fake.delete(ObjectKind::Cable, id));
    let spare = bench.fake.create(
        ObjectKind::Interface,
        json!({"device": bench.fake.objects(ObjectKind::Device)[0]["id"], "name": "spare", "type": "other"}),
    );
    let id = bench.plug(&a, &json!([{"object_type": "dcim.interface", "object_id": spare}]));
    assert_eq!(others().await, [(ObjectKind::Cable, NotAdoptable::Elsewhere(id))]);
    assert!(bench.fake.delete(ObjectKind::Cable, id));
    bench.sync(&Objects::small()).await;

    // Two without a key, and one of another fabric.
    let vrf = bench.fake.objects(ObjectKind::Vrf).remove(0);
    let one = bench.disown(ObjectKind::Vrf, &vrf);
    let two = bench.fake.create(ObjectKind::Vrf, json!({"name": vrf["name"]}));
    let found = bench.find_adoptable().await;
    assert_eq!(found.candidates, []);
    assert_eq!(found.others[0].1, NotAdoptable::Several(vec![one, two]));
    assert!(bench.fake.delete(ObjectKind::Vrf, two));
    assert!(bench.fake.change(ObjectKind::Vrf, one, json!({"custom_fields": {KEY_FIELD: "annex/vrf"}})));
    let owned = NotAdoptable::Owned { id: one, key: "annex/vrf".into() };
    assert_eq!(bench.find_adoptable().await.others[0].1, owned);
}

#[tokio::test]
async fn a_group_of_another_site_is_none_of_ours_whatever_its_name() {
    let bench = Bench::start().await;
    let site = bench.fake.create(ObjectKind::Site, json!({"name": "Lab", "slug": "lab"}));
    let other = bench.fake.create(ObjectKind::Site, json!({"name": "Other", "slug": "other"}));
    let group = |site: u64| json!({"name": "default", "slug": "default", "scope_type": "dcim.site", "scope_id": site, "vid_ranges": [[1, 4094]]});
    bench.fake.create(ObjectKind::VlanGroup, group(other));
    assert_eq!(bench.find_adoptable().await.candidates, []);
    let ours = bench.fake.create(ObjectKind::VlanGroup, group(site));
    let found = bench.find_adoptable().await.candidates;
    assert_eq!(found.iter().map(|each| each.id).collect::<Vec<_>>(), [ours]);
}
