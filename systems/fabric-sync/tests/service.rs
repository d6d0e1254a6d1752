//! The running service end to end, the program as a child between two fakes (see `support`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use fabric_kubernetes::fake::FakeCluster;
use fabric_model::{Kind, ObjectKind};
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Running, ends, fill, put, until};

#[tokio::test(flavor = "multi_thread")]
async fn it_converges_then_writes_nothing_and_carries_changes_over() {
    let ends = ends().await;
    // So long that only watches can be the reason.
    ends.configure("interval: 1 h", "");
    let service = Running::start(&ends).await;
    let report = service.in_sync().await;
    assert_eq!(report["standstill"], Value::Null);
    assert_eq!(report["leader"], true);
    assert!(report["counts"]["same"].as_u64().unwrap() > 20, "{report:#}");
    ends.run(&["plan"]).await.is(0);
    let updates = || async {
        let page = service.get("/metrics").await;
        let line = "fabric_sync_writes_total{fabric=\"lab\",action=\"update\",outcome=\"written\"} ";
        page.lines().find_map(|text| text.strip_prefix(line)).unwrap().parse::<u64>().unwrap()
    };
    let before = updates().await;

    put(&ends.cluster, Kind::Server, "server-01", &json!({"description": "database, moved"}));
    until("the change arrives", || ends.device("server-01").unwrap()["description"] == "database, moved")
        .await;
    put(&ends.cluster, Kind::Server, "server-03", &json!({"description": "new"}));
    until("the new one arrives", || ends.device("server-03").is_some()).await;
    let report = service.in_sync().await;
    assert_eq!((&report["last_run"]["refused"], &report["last_run"]["ending"]), (&json!(0), &json!("whole")));
    let page = service.get("/metrics").await;
    assert!(page.contains("fabric_sync_state{fabric=\"lab\",state=\"in_sync\"} 1"), "{page}");
    assert_eq!(updates().await, before + 1, "one field changed");
    assert_eq!(service.get("/health/ready").await, "ready\n");

    ends.configure("interval: 1 s", "");
    drop(service);
    let service = Running::start(&ends).await;
    service.in_sync().await;
    let count = ends.netbox.change_count();
    service.next_look().await;
    service.next_look().await;
    assert_eq!(ends.netbox.change_count(), count, "a steady run writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_humans_edit_is_healed_where_we_declare_and_kept_where_not() {
    let ends = ends().await;
    let service = Running::start(&ends).await;
    service.in_sync().await;
    let id = ends.device("leaf-01").unwrap()["id"].as_u64().unwrap();
    let edit = json!({"description": "by hand", "comments": "ours alone", "serial": "S1"});
    assert!(ends.netbox.change(ObjectKind::Device, id, edit));
    until("it is healed", || ends.device("leaf-01").unwrap()["description"] == "rack 2").await;
    assert_eq!(ends.device("leaf-01").unwrap()["comments"], "ours alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_netbox_refuses_is_named_and_the_others_go_on() {
    let ends = ends().await;
    let name = format!("server-{}", "x".repeat(120));
    put(&ends.cluster, Kind::Server, &name, &json!({}));
    let service = Running::start(&ends).await;
    let report =
        service.until("it is named", |report| !report["quarantine"].as_array().unwrap().is_empty()).await;
    let refused = &report["quarantine"][0];
    assert!(refused["object"]["key"].as_str().unwrap().contains(&name), "{refused:#}");
    assert_eq!(
        (&report["summary"], &report["last_run"]["ending"]),
        (&json!("out-of-sync"), &json!("partial"))
    );
    assert!(ends.device("leaf-01").is_some() && ends.device("server-02").is_some());
    service.next_look().await;
    let count = ends.netbox.change_count();
    let report = service.next_look().await;
    assert_eq!((report["quarantine"][0]["failures"].as_u64(), ends.netbox.change_count()), (Some(1), count));
    // A new process knows of it, and asks no more than the old one would have.
    let until = report["quarantine"][0]["until"].clone();
    drop(service);
    let service = Running::start(&ends).await;
    let report = service.until("it is looked at", |report| report["as_of"] != Value::Null).await;
    assert_eq!(report["quarantine"][0]["until"], until, "{report:#}");
    assert!(ends.cluster.delete("servers", "default", &name));
    service.in_sync().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_befalls_one_fabric_stops_no_other() {
    let ends = ends().await;
    let other = FakeCluster::start().await.unwrap();
    fill(&other);
    let fabric = |name: &str, site: &str, cluster: &FakeCluster| {
        format!(
            "- {{ name: {name}, site: {site}, interval: 1 s, kubernetes: {{ url: \"{}\", deadline: 1 s }} }}",
            cluster.url()
        )
    };
    let twin = fabric("twin", "Twin", &other);
    let fabrics = [fabric("lab", "Lab", &ends.cluster), fabric("other", "Other", &other), twin.clone(), twin];
    ends.configure_fabrics(&fabrics, "");
    other.stop(true);
    let service = Running::start(&ends).await;
    service.in_sync().await;
    service.until("the other is unknown", |_| true).await;
    let begun = Instant::now();
    let status = loop {
        let status = service.status().await;
        if status["fabrics"][1]["as_of"] != Value::Null || begun.elapsed() > Duration::from_secs(60) {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let fabrics = status["fabrics"].as_array().unwrap();
    assert_eq!(fabrics[0]["summary"], "in-sync");
    assert_eq!(fabrics[1]["summary"], "unknown");
    assert_eq!(fabrics[1]["unread"][0]["cause"], "timed-out");
    for twin in &fabrics[2..] {
        assert_eq!(
            (&twin["summary"], &twin["standstill"]["cause"]),
            (&json!("unknown"), &json!("misconfigured"))
        );
    }
    other.stop(false);
    let begun = Instant::now();
    while service.status().await["fabrics"][1]["summary"] != "in-sync" {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:#}", service.status().await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Two fabrics with the same names and addresses, each at its own site.
    assert_eq!(
        ends.netbox.objects(ObjectKind::Device).iter().filter(|device| device["name"] == "leaf-01").count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_instances_one_writes_and_the_other_takes_over() {
    let ends = ends().await;
    ends.configure("interval: 1 s, lease: { duration: 3 s }", "");
    let first = Running::start(&ends).await;
    first.until("the first leads", |report| report["leader"] == true).await;
    first.in_sync().await;
    let second = Running::start(&ends).await;
    second.until("the second follows", |report| report["standstill"]["cause"] == "follower").await;
    // As a machine that hangs: the lease runs out, and only then somebody else writes.
    first.signal(Signal::STOP);
    put(&ends.cluster, Kind::Server, "server-03", &json!({}));
    until("the second writes", || ends.device("server-03").is_some()).await;
    first.signal(Signal::CONT);
    first.until("the first follows", |report| report["standstill"]["cause"] == "follower").await;
    second.in_sync().await;
    let devices = ends.netbox.objects(ObjectKind::Device);
    assert_eq!(devices.iter().filter(|device| device["name"] == "server-03").count(), 1);
    // Told to stop, it gives the lease up.
    second.signal(Signal::TERM);
    first.until("the first leads again", |report| report["leader"] == true).await;
}

/// A web page whose name was led to this address would otherwise read everything by its visitor's browser.
#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_told_only_to_those_who_ask_by_a_known_name() {
    let ends = ends().await;
    let service = Running::start(&ends).await;
    // Of the two providers that rustls could have, ours; that it is set already is no matter.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    for path in ["/", "/status.json", "/metrics", "/fabrics/lab"] {
        for (host, status) in [("localhost", 200), ("sync.example.org", 200), ("evil.example", 421)] {
            let asked = client.get(format!("http://{}{path}", service.address)).header("host", host);
            assert_eq!(asked.send().await.unwrap().status(), status, "{path} as {host}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_needs_no_restart() {
    let ends = ends().await;
    let service = Running::start(&ends).await;
    service.in_sync().await;
    ends.netbox.set_token("the-next-one");
    let report = service.until("it is unknown", |report| report["summary"] == "unknown").await;
    assert_eq!(report["unread"][0]["side"], "netbox");
    assert!(!service.get("/status.json").await.contains(support::TOKEN));
    std::fs::write(ends.token_file(), "the-next-one\n").unwrap();
    service.in_sync().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_tells_writes_nothing() {
    let ends = ends().await;
    for line in ["mode: detect", "paused: true"] {
        ends.configure(&format!("interval: 1 s, {line}"), "");
        let service = Running::start(&ends).await;
        let report = service.until("it is looked at", |report| report["summary"] == "out-of-sync").await;
        assert!(report["counts"]["missing"].as_u64().unwrap() > 20);
        service.next_look().await;
        put(&ends.cluster, Kind::Server, "server-09", &json!({"description": line}));
        service.next_look().await;
        assert_eq!(ends.netbox.change_count(), 0, "{line}");
    }
    ends.configure("interval: 1 s, pause: [Server/default/server-02]", "");
    let service = Running::start(&ends).await;
    service
        .until("all but one are there", |report| {
            let held = report["held"].as_array().unwrap();
            report["last_run"] != Value::Null && held.iter().any(|held| held["reason"] == "it is paused")
        })
        .await;
    assert!(ends.device("server-01").is_some() && ends.device("server-02").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unwritable_history_stops_every_write() {
    let ends = ends().await;
    std::fs::create_dir(ends.home().join("state/lab.history.jsonl")).unwrap();
    let service = Running::start(&ends).await;
    let report = service.until("it is told", |report| report["standstill"]["cause"] == "history").await;
    assert_eq!((report["summary"].as_str(), ends.netbox.change_count()), (Some("out-of-sync"), 0));
    assert!(service.get("/metrics").await.contains("fabric_sync_history_faulty{fabric=\"lab\"} 1"));
    std::fs::remove_dir(ends.home().join("state/lab.history.jsonl")).unwrap();
    assert_eq!(service.in_sync().await["standstill"], Value::Null);
}
