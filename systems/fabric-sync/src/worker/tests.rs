//! What a look and the watches beside it come to, step by step, between two fakes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use fabric_kubernetes::AccessError;
use fabric_kubernetes::fake::FakeCluster;
use fabric_model::{ObjectKind, Summary};
use fabric_netbox::NetBox;
use fabric_netbox::fake::{FakeNetBox, Fault};
use serde_json::json;

use super::*;
use crate::config;
use crate::home::Home;

/// A worker between two fakes, with an interval of an hour, after its first look; the cluster has these servers.
async fn between(servers: &[&str]) -> (FakeCluster, FakeNetBox, tempfile::TempDir, Worker) {
    let cluster = FakeCluster::start().await.unwrap();
    let netbox = FakeNetBox::start("token").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    servers.iter().for_each(|name| put(&cluster, name, "old"));
    let token = folder.path().join("token");
    std::fs::write(&token, "token").unwrap();
    std::fs::create_dir(folder.path().join("state")).unwrap();
    let text = format!(
        "netbox: {{ url: \"{}\", token_file: {} }}\nfabrics: [{{ name: lab, site: Lab, interval: 1 h, kubernetes: {{ url: \"{}\" }} }}]",
        netbox.url(),
        token.display(),
        cluster.url()
    );
    let config = config::parse(&text, "test").unwrap();
    let client = NetBox::new(config.netbox.options()).unwrap();
    let fabric = Fabric::new(&config.fabrics[0], &client, &Home::new(folder.path()), "this test").unwrap();
    let mut worker = Worker::new(fabric, None, Arc::new(Metrics::new(["lab"].into_iter())), Arc::default());
    look(&mut worker, Trigger::Start).await;
    (cluster, netbox, folder, worker)
}

async fn look(worker: &mut Worker, trigger: Trigger) {
    worker.begin_look(trigger);
    end_look(worker).await;
}

async fn end_look(worker: &mut Worker) {
    let read = worker.looking.as_mut().unwrap().end().await;
    worker.end_look(read, &CancellationToken::new()).await;
}

/// Reads both sides, and leaves the look open: everything that happens before [`Looking::end`] is newer than it.
async fn read_both(worker: &mut Worker) -> Look {
    worker.begin_look(Trigger::Interval);
    worker.looking.as_mut().unwrap().end().await
}

/// Waits for what the watches tell and follows it.
async fn follow(worker: &mut Worker) {
    worker.next_tick = Instant::now() + NEVER;
    let Wake::Changes(arrivals) = worker.wake(&CancellationToken::new()).await else { panic!("no change") };
    worker.follow(arrivals, &CancellationToken::new()).await;
}

fn put(cluster: &FakeCluster, name: &str, description: &str) {
    let metadata = json!({"name": name, "namespace": "default"});
    cluster.put("servers", json!({"metadata": metadata, "spec": {"description": description}}));
}

fn devices(netbox: &FakeNetBox) -> Vec<(Value, Value)> {
    let devices = netbox.objects(ObjectKind::Device).into_iter();
    devices.map(|device| (device["name"].clone(), device["description"].clone())).collect()
}

#[tokio::test]
async fn a_look_undoes_nothing_that_was_followed_while_it_read() {
    let (cluster, netbox, _folder, mut worker) = between(&["one"]).await;
    assert_eq!(devices(&netbox), [(json!("one"), json!("old"))]);
    // The first look found what the watches that it began tell from there.
    look(&mut worker, Trigger::Interval).await;

    for (name, description) in [("one", "new"), ("two", "first"), ("two", "second")] {
        let read = read_both(&mut worker).await;
        put(&cluster, name, description);
        follow(&mut worker).await;
        let expected = (json!(name), json!(description));
        assert!(devices(&netbox).contains(&expected), "it is written while the look reads");
        let writes = worker.fabric.netbox.request_counts().writes;
        worker.end_look(read, &CancellationToken::new()).await;
        assert_eq!(worker.fabric.netbox.request_counts().writes, writes, "{name} {description}");
        assert_eq!(worker.report.summary, Summary::InSync, "{:#?}", worker.report);
        assert!(worker.next_look > Instant::now() + Duration::from_secs(1_000));
    }
    // What both were followed to is what is read.
    look(&mut worker, Trigger::Interval).await;
    assert_eq!(worker.report.summary, Summary::InSync);
    assert_eq!(devices(&netbox).len(), 2);
}

#[tokio::test]
async fn what_somebody_changed_after_our_write_is_seen_by_a_look_that_began_before_it() {
    let (cluster, netbox, _folder, mut worker) = between(&["one"]).await;
    netbox.fail(Fault::Held, Some("GET"), "dcim/devices/", 1);
    worker.begin_look(Trigger::Interval);
    until(|| netbox.is_sound()).await;
    put(&cluster, "one", "new");
    follow(&mut worker).await;
    let id = netbox.objects(ObjectKind::Device)[0]["id"].as_u64().unwrap();
    assert!(netbox.change(ObjectKind::Device, id, json!({"description": "by hand"})));
    netbox.heal();
    end_look(&mut worker).await;
    assert_eq!(devices(&netbox), [(json!("one"), json!("new"))]);
}

#[tokio::test]
async fn nothing_is_deleted_by_a_look_for_what_a_watch_alone_told() {
    let (cluster, netbox, _folder, mut worker) = between(&["one", "two"]).await;
    worker.fabric.policy.grace = jiff::SignedDuration::ZERO;
    worker.fabric.policy.max_deletion_percent = 100;
    let read = read_both(&mut worker).await;
    assert!(cluster.delete("servers", "default", "one"));
    put(&cluster, "two", "new");
    follow(&mut worker).await;
    worker.end_look(read, &CancellationToken::new()).await;
    // What was changed beside it does not wait.
    assert_eq!(devices(&netbox), [(json!("one"), json!("old")), (json!("two"), json!("new"))]);
    assert!(worker.next_look <= Instant::now() + LEAST_DISTANCE);
    for _ in 0..2 {
        look(&mut worker, Trigger::Watch).await;
    }
    assert_eq!(devices(&netbox), [(json!("two"), json!("new"))]);
}

#[tokio::test]
async fn a_look_deletes_what_it_found_gone_though_watches_told_of_others_meanwhile() {
    let (cluster, netbox, _folder, mut worker) = between(&["one", "two", "three"]).await;
    worker.fabric.policy.grace = jiff::SignedDuration::ZERO;
    worker.fabric.policy.max_deletion_percent = 100;
    assert!(cluster.delete("servers", "default", "one"));
    follow(&mut worker).await;
    assert_eq!(devices(&netbox).len(), 3, "a watch alone says so");
    assert!(worker.report.waiting_since.is_some());
    let read = read_both(&mut worker).await;
    assert!(cluster.delete("servers", "default", "two"));
    follow(&mut worker).await;
    worker.end_look(read, &CancellationToken::new()).await;
    assert_eq!(devices(&netbox).len(), 2);
    assert!(!devices(&netbox).iter().any(|(name, _)| name == "one"));
    assert!(worker.report.held.iter().any(|held| held.reason.contains("only a watch says")));
    assert!(worker.report.waiting_since.is_some());
    look(&mut worker, Trigger::Watch).await;
    assert_eq!(devices(&netbox).len(), 1);
    assert!(worker.report.waiting_since.is_none());
}

#[tokio::test]
async fn what_came_back_while_a_plan_was_made_is_not_deleted_by_it() {
    let (cluster, netbox, _folder, mut worker) = between(&["one", "two"]).await;
    worker.fabric.policy.grace = jiff::SignedDuration::ZERO;
    worker.fabric.policy.max_deletion_percent = 100;
    let number = || {
        netbox.objects(ObjectKind::Device).into_iter().find(|device| device["name"] == "one").unwrap()["id"]
            .clone()
    };
    let before = number();
    assert!(cluster.delete("servers", "default", "one"));
    follow(&mut worker).await;
    let read = read_both(&mut worker).await;
    put(&cluster, "one", "again");
    while !worker.watches.as_mut().unwrap().has_intent() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.end_look(read, &CancellationToken::new()).await;
    assert_eq!(number(), before);
    follow(&mut worker).await;
    assert!(devices(&netbox).contains(&(json!("one"), json!("again"))));
    assert_eq!(number(), before);
}

#[tokio::test]
async fn no_clock_that_is_set_ends_a_grace() {
    let (cluster, netbox, _folder, mut worker) = between(&["one", "two"]).await;
    worker.fabric.policy.max_deletion_percent = 100;
    assert!(cluster.delete("servers", "default", "one"));
    follow(&mut worker).await;
    look(&mut worker, Trigger::Interval).await;
    // As if the clock had been two hours behind when it was marked.
    let marked =
        netbox.objects(ObjectKind::Device).into_iter().find(|device| device["name"] == "one").unwrap();
    let since = Timestamp::now() - jiff::SignedDuration::from_hours(2);
    let fields = json!({"custom_fields": {"fabric_sync_tombstone": since.to_string()}});
    assert!(netbox.change(ObjectKind::Device, marked["id"].as_u64().unwrap(), fields));
    look(&mut worker, Trigger::Interval).await;
    assert_eq!(devices(&netbox).len(), 2);
    assert!(worker.report.held[0].reason.contains("over by the clock"), "{:#?}", worker.report.held);
    // That was a grace of an hour; now one that has passed since.
    worker.fabric.policy.grace = jiff::SignedDuration::from_millis(1);
    tokio::time::sleep(Duration::from_millis(5)).await;
    look(&mut worker, Trigger::Interval).await;
    assert_eq!(devices(&netbox).len(), 1);
}

#[tokio::test]
async fn what_was_refused_and_is_not_wanted_any_more_is_forgotten_though_something_else_is_unknown() {
    let (cluster, _netbox, _folder, mut worker) = between(&["one"]).await;
    let wire = |server: &str| {
        let link = json!({"server": {"port": format!("{server}/eth0")}, "switch": {"port": "leaf/E1/1"}});
        let metadata = json!({"name": "one", "namespace": "default"});
        cluster.put("connections", json!({"metadata": metadata, "spec": {"unbundled": {"link": link}}}));
    };
    let metadata = json!({"name": "leaf", "namespace": "default"});
    cluster.put("switches", json!({"metadata": metadata, "spec": {"role": "leaf", "profile": "box"}}));
    wire("one");
    look(&mut worker, Trigger::Interval).await;
    wire("nobody");
    let name = "x".repeat(120);
    put(&cluster, &name, "refused");
    look(&mut worker, Trigger::Interval).await;
    assert_eq!((worker.report.summary, worker.quarantine.entries().count()), (Summary::Unknown, 1));
    assert!(cluster.delete("servers", "default", &name));
    look(&mut worker, Trigger::Interval).await;
    assert_eq!((worker.report.summary, worker.quarantine.entries().count()), (Summary::Unknown, 0));
}

#[tokio::test]
async fn no_attachment_is_taken_off_a_port_because_a_watch_said_so() {
    let (cluster, netbox, _folder, mut worker) = between(&["one", "two"]).await;
    worker.fabric.policy.max_deletion_percent = 100;
    let put = |kind: Kind, name: &str, spec: Value| {
        let metadata = json!({"name": name, "namespace": "default"});
        cluster.put(kind.plural(), json!({"metadata": metadata, "spec": spec}));
    };
    put(Kind::VLANNamespace, "default", json!({"ranges": [{"from": 1000, "to": 1999}]}));
    put(Kind::IPv4Namespace, "default", json!({"subnets": ["10.0.0.0/16"]}));
    put(Kind::Switch, "leaf", json!({"role": "server-leaf", "profile": "box"}));
    put(Kind::VPC, "red", json!({"subnets": {"main": {"subnet": "10.0.0.0/24", "vlan": 1001}}}));
    for (server, port) in [("one", "leaf/E1/1"), ("two", "leaf/E1/2")] {
        let link = json!({"server": {"port": format!("{server}/eth0")}, "switch": {"port": port}});
        put(Kind::Connection, server, json!({"unbundled": {"link": link}}));
        put(Kind::VPCAttachment, server, json!({"subnet": "red/main", "connection": server}));
    }
    look(&mut worker, Trigger::Interval).await;
    let attached = || {
        let ports = netbox.objects(ObjectKind::Interface).into_iter();
        ports.filter(|port| !port["tagged_vlans"].as_array().unwrap().is_empty()).count()
    };
    assert_eq!((attached(), worker.report.summary), (2, Summary::InSync), "{:#?}", worker.report);
    // What the watches told before that look is told by those that it began.
    worker.told.clear();
    assert!(cluster.delete("vpcattachments", "default", "one"));
    while worker.told.is_empty() {
        follow(&mut worker).await;
    }
    assert_eq!(attached(), 2);
    assert!(worker.next_look <= Instant::now() + LEAST_DISTANCE.max(worker.look_took));
    look(&mut worker, Trigger::Watch).await;
    assert_eq!(attached(), 1);
}

#[tokio::test]
async fn how_long_a_change_waits_is_measured_until_it_is_dealt_with() {
    let (cluster, _netbox, _folder, mut worker) = between(&["one", "two"]).await;
    worker.fabric.policy.max_deletion_percent = 100;
    worker.board.add(worker.report.clone(), None);
    let (board, metrics) = (Arc::clone(&worker.board), Arc::clone(&worker.metrics));
    let age = || {
        let page = metrics.render(&board.reports(), Timestamp::now() + Duration::from_secs(5));
        let line =
            page.lines().find_map(|line| line.strip_prefix("fabric_sync_queue_age_seconds{fabric=\"lab\"} "));
        line.map(|age| age.parse::<f64>().unwrap())
    };
    assert_eq!(age(), None, "nothing waits");
    assert!(cluster.delete("servers", "default", "one"));
    follow(&mut worker).await;
    assert!(age().expect("a deletion waits for a look") >= 5.0);
    look(&mut worker, Trigger::Watch).await;
    assert_eq!(age(), None);
}

#[tokio::test]
async fn one_of_the_same_name_that_came_after_one_that_is_gone_stays() {
    let (cluster, netbox, _folder, mut worker) = between(&["one"]).await;
    let stop = CancellationToken::new();
    worker.begin_look(Trigger::Interval);
    assert!(cluster.delete("servers", "default", "one"));
    put(&cluster, "one", "new");
    // The watch is behind the list.
    let gone = worker.watches.as_mut().unwrap().next().await.unwrap();
    worker.follow(vec![gone], &stop).await;
    let read = worker.fabric.look().await;
    worker.end_look(read, &stop).await;
    assert_eq!(devices(&netbox), [(json!("one"), json!("new"))]);
    assert_eq!(worker.report.summary, Summary::InSync, "{:#?}", worker.report);
}

#[tokio::test]
async fn changes_are_followed_while_a_look_reads() {
    let (cluster, netbox, _folder, worker) = between(&["one"]).await;
    let (board, metrics, stop) =
        (Arc::clone(&worker.board), Arc::clone(&worker.metrics), CancellationToken::new());
    board.add(worker.report.clone(), None);
    let looks = |count: u32| {
        metrics
            .render(&[], Timestamp::now())
            .contains(&format!("fabric_sync_looks_total{{fabric=\"lab\"}} {count}\n"))
    };
    netbox.fail(Fault::Held, Some("GET"), "ipam/vlans/", 1);
    let working = tokio::spawn(worker.work(stop.clone()));
    until(|| netbox.is_sound()).await;
    put(&cluster, "one", "new");
    until(|| devices(&netbox) == [(json!("one"), json!("new"))]).await;
    assert!(looks(1), "that look is still under way");
    netbox.heal();
    until(|| looks(2)).await;
    stop.cancel();
    working.await.unwrap();
    assert_eq!(devices(&netbox), [(json!("one"), json!("new"))]);
}

async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes to be");
}

#[tokio::test]
async fn why_a_look_was_due_is_no_reason_for_another_and_trouble_puts_none_off() {
    let (_cluster, _netbox, _folder, mut worker) = between(&[]).await;
    let stop = CancellationToken::new();
    let lost = Event::Lost { kind: Kind::Switch, why: AccessError::Invalid("cut".into()).into() };

    // It was due before any wait after trouble is over.
    let due = Instant::now() + Duration::from_millis(10);
    worker.next_look = due;
    worker.follow(vec![Arrival { event: lost, at: Instant::now() }], &stop).await;
    assert_eq!((worker.next_look, worker.next_trigger), (due, Trigger::Loss));

    // What kept from writing is over before the look for the loss: that is done with it.
    look(&mut worker, Trigger::Release).await;
    assert_eq!(worker.next_trigger, Trigger::Interval);
    assert!(worker.next_look > Instant::now() + Duration::from_secs(1_000));
}

#[tokio::test]
async fn errors_are_counted_by_side_and_cause() {
    let (cluster, netbox, _folder, mut worker) = between(&["one"]).await;
    let metrics = Arc::clone(&worker.metrics);
    let count = |side: &str, cause: &str| {
        let page = metrics.render(&[], Timestamp::now());
        let line = format!("fabric_sync_errors_total{{fabric=\"lab\",side=\"{side}\",cause=\"{cause}\"}} ");
        page.lines().find_map(|text| text.strip_prefix(&line)).unwrap().parse::<u64>().unwrap()
    };
    // Two lists for one cause, and a third for another.
    cluster.break_kind("vpcs", Some(fabric_kubernetes::fake::Fault::Forbidden));
    cluster.break_kind("externals", Some(fabric_kubernetes::fake::Fault::Forbidden));
    cluster.break_kind("switches", Some(fabric_kubernetes::fake::Fault::Html));
    netbox.fail(Fault::LoginPage, Some("GET"), "ipam/vlans/", 1);
    look(&mut worker, Trigger::Interval).await;
    let counted = [("source", "forbidden"), ("source", "wrong-shape"), ("netbox", "wrong-shape")];
    assert_eq!(counted.map(|(side, cause)| count(side, cause)), [1, 1, 1]);
    for kind in ["vpcs", "externals", "switches"] {
        cluster.break_kind(kind, None);
    }
    look(&mut worker, Trigger::Interval).await;
    assert_eq!(counted.map(|(side, cause)| count(side, cause)), [1, 1, 1], "nothing is wrong any more");

    // A write that fails, and one that NetBox refuses for what it says: that is counted by the writes.
    netbox.fail(Fault::Status(504), Some("PATCH"), "dcim/devices/", 1);
    put(&cluster, "one", "new");
    look(&mut worker, Trigger::Interval).await;
    assert_eq!(count("netbox", "server-error"), 1);
    put(&cluster, &"x".repeat(120), "refused");
    look(&mut worker, Trigger::Interval).await;
    assert!(worker.report.last_run.as_ref().unwrap().refused > 0, "{:#?}", worker.report);
    assert_eq!((count("netbox", "server-error"), count("netbox", "wrong-shape")), (1, 1));
}
