use crate::fabrics::fabric;
use crate::inventory::ModelNetBox;
use fabric_model::*;
use serde_json::Value;
use std::time::Instant;

#[test]
#[ignore]
fn cost() {
    let text = std::fs::read_to_string(std::env::var("FABRIC_JSON").unwrap()).unwrap();
    let mut snapshot = Snapshot::new();
    let mut by: std::collections::BTreeMap<String, Vec<Value>> = Default::default();
    for line in text.lines() {
        let mut object: Value = serde_json::from_str(line).unwrap();
        object["metadata"]["resourceVersion"] = "1".into();
        object["metadata"]["generation"] = 1.into();
        by.entry(object["kind"].as_str().unwrap().to_owned()).or_default().push(object);
    }
    for kind in Kind::ALL {
        let name = kind.to_string();
        let objects = by.remove(&name).unwrap_or_default();
        println!("{name} {}", objects.len());
        snapshot.insert(kind, Ok(("1".into(), objects)));
    }
    println!("left {:?}", by.keys());
    let mut netbox = ModelNetBox::default();
    let now = jiff::Timestamp::now();
    let mut inventory = netbox.inventory(&[]);
    for _ in 0..6 {
        let a = Instant::now();
        let desired = map_fabric(&fabric(), &snapshot);
        let b = Instant::now();
        let comparison = Comparison::new(desired, &snapshot, &inventory);
        let c = Instant::now();
        let plan = Plan::new(
            &fabric().name,
            &comparison,
            &inventory,
            &Policy::default(),
            &Quarantine::default(),
            now,
        );
        let d = Instant::now();
        println!(
            "map {:?} compare {:?} plan {:?}: {} objects, {} changes {:?}",
            b - a,
            c - b,
            d - c,
            comparison.objects.len(),
            plan.changes.len(),
            comparison.summary()
        );
        if !plan.is_empty() {
            netbox.apply(&plan, now);
            inventory = netbox.inventory(&[]);
        }
    }
}
