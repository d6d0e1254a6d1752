//! Syncs the objects in a file once, compares again, and prints what each step took:
//!
//!     sync OBJECTS [URL TOKEN_FILE [confirm]]
//!
//! OBJECTS has one object of Kubernetes a line, as `lab/kubernetes/fabric.py` prints them. Without an address, NetBox is the fake in
//! this process, whose own memory and time count as well. With `confirm`, what lost its source is deleted at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "an example that measures")]

use fabric_model::{Comparison, Fabric, FabricName, Kind, Plan, Policy, Quarantine, Snapshot, map_fabric};
use fabric_netbox::fake::FakeNetBox;
use fabric_netbox::{NetBox, Options, Outcome, Permit, RunOptions};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Instant;

/// The largest resident memory of this process so far, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn read(path: &str) -> Snapshot {
    let mut lists: BTreeMap<Kind, Vec<serde_json::Value>> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        if let Ok(kind) = object["kind"].as_str().unwrap().parse() {
            lists.entry(kind).or_default().push(object);
        }
    }
    let mut snapshot = Snapshot::new();
    for kind in Kind::ALL {
        snapshot.insert(kind, Ok(("1".into(), lists.remove(&kind).unwrap_or_default())));
    }
    snapshot
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let token = tempfile::NamedTempFile::new().unwrap();
    let fake = FakeNetBox::start("token").await.unwrap();
    let (url, token_file) = match arguments.as_slice() {
        [_] => {
            std::fs::write(token.path(), "token").unwrap();
            (fake.url(), token.path().into())
        }
        [_, url, token_file, ..] => (url.parse().unwrap(), token_file.into()),
        _ => panic!("sync OBJECTS [URL TOKEN_FILE [confirm]]"),
    };
    let mut options = Options::new(url, token_file);
    options.requests_per_second = 1000;
    let netbox = NetBox::new(options).unwrap();
    println!("prepared: {:?}", netbox.prepare().await.unwrap());
    println!("setup: {:?}", netbox.check_setup().await.unwrap());
    let fabric = Fabric { name: FabricName::new("example").unwrap(), site: "Example".into() };
    let snapshot = read(&arguments[0]);
    println!("{} source objects, {} MiB", snapshot.object_count(), peak());
    let mut quarantine = Quarantine::default();
    for round in 1..=3 {
        let start = Instant::now();
        let before = netbox.request_counts();
        let inventory = netbox.read_inventory(&fabric.name).await;
        let read = start.elapsed();
        let start = Instant::now();
        let comparison = Comparison::new(map_fabric(&fabric, &snapshot), &snapshot, &inventory);
        let compared = start.elapsed();
        println!(
            "round {round}: {} objects of NetBox read in {read:.2?} ({} requests), mapped and compared in {compared:.2?}: {}, {:?}; {} MiB",
            inventory.object_count(),
            netbox.request_counts().reads - before.reads,
            comparison.summary(),
            comparison.counts(),
            peak()
        );
        for (kind, unread) in &comparison.unread_inventory {
            println!("  {kind}: {unread}");
        }
        let now = Timestamp::now();
        let policy = Policy { confirmed: arguments.get(3).is_some(), ..Policy::default() };
        let plan = Plan::new(&fabric.name, &comparison, &inventory, &policy, &quarantine, now);
        println!(
            "  {} changes, {} held, {} problems",
            plan.changes.len(),
            plan.held.len(),
            plan.problems.len()
        );
        for problem in plan.problems.iter().take(5) {
            println!("  {problem}");
        }
        for held in plan.held.iter().take(5) {
            println!("  {}: {}", held.object, held.reason);
        }
        if plan.is_empty() {
            break;
        }
        let start = Instant::now();
        let options =
            RunOptions { message: "example", now, may_write: &|| Permit::Granted, is_outdated: &|| false };
        let applied = netbox.apply(&plan, &inventory, &options, &mut |_, _| {}).await;
        let written = applied.outcomes.iter().filter(|outcome| **outcome == Outcome::Written).count();
        println!("  {written} of {} written in {:.2?}", plan.changes.len(), start.elapsed());
        let open =
            plan.changes.iter().zip(&applied.outcomes).filter(|(_, outcome)| **outcome != Outcome::Written);
        for (change, outcome) in open.take(20) {
            println!("  {}: {outcome:?}\n    {:?}", change.object, change.action);
        }
        applied.record(&plan, &mut quarantine, now);
    }
}
