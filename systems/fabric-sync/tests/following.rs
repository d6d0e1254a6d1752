//! What the running service says and does between two looks at both sides: the interval is an hour, so that nothing else can be the reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fabric_kubernetes::fake::Fault;
use fabric_model::Kind;
use fabric_netbox::fake;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::{Ends, Running, ends, put, until};

/// Sooner than watches end by themselves and both sides are read for that.
const SOON: Duration = Duration::from_secs(40);

async fn hourly() -> (Ends, Running) {
    let ends = ends().await;
    ends.configure("interval: 1 h", "");
    let service = Running::start(&ends).await;
    service.in_sync().await;
    (ends, service)
}

/// The number of a metric of the fabric.
async fn metric(service: &Running, name: &str) -> f64 {
    let page = service.get("/metrics").await;
    let line = format!("fabric_sync_{name}{{fabric=\"lab\"}} ");
    page.lines()
        .find_map(|text| text.strip_prefix(&line))
        .unwrap_or_else(|| panic!("{name}"))
        .parse()
        .unwrap()
}

async fn describe(ends: &Ends, text: &str) {
    put(&ends.cluster, Kind::Server, "server-01", &json!({"description": text}));
    until("the change arrives", || ends.device("server-01").unwrap()["description"] == text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_a_watch_tells_is_no_read_of_both_sides() {
    let (ends, service) = hourly().await;
    let before = service.in_sync().await;
    describe(&ends, "moved").await;
    let after = service
        .until("it is taken in", |report| {
            report["as_of"] != before["as_of"] && report["summary"] == "in-sync"
        })
        .await;
    assert_eq!(after["whole_as_of"], before["whole_as_of"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_whose_switches_report_all_the_time_takes_over() {
    let ends = ends().await;
    ends.configure("interval: 1 h, lease: { duration: 3 s }", "");
    let agent = |heartbeat: u32| json!({"metadata": {"name": "leaf-01", "namespace": "default"}, "spec": {}, "status": {"lastHeartbeat": format!("2026-01-01T00:00:{:02}Z", heartbeat % 60)}});
    ends.cluster.put("agents", agent(0));
    let first = Running::start(&ends).await;
    first.until("the first leads", |report| report["leader"] == true).await;
    first.in_sync().await;
    let second = Running::start(&ends).await;
    second
        .until("the second follows", |report| {
            report["standstill"]["cause"] == "follower" && report["as_of"] != Value::Null
        })
        .await;
    let ended = Arc::new(AtomicBool::new(false));
    let reporting = async {
        let mut heartbeat = 0;
        while !ended.load(Ordering::Relaxed) {
            heartbeat += 1;
            ends.cluster.put("agents", agent(heartbeat));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let taking_over = async {
        first.signal(Signal::STOP);
        put(&ends.cluster, Kind::Server, "server-03", &json!({}));
        until("the second writes", || ends.device("server-03").is_some()).await;
        ended.store(true, Ordering::Relaxed);
    };
    let both = async { tokio::join!(reporting, taking_over) };
    tokio::time::timeout(SOON, both).await.expect("the second writes soon");
    first.signal(Signal::CONT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_soon_sees_what_the_leader_wrote() {
    let ends = ends().await;
    ends.configure("interval: 1 h, lease: { duration: 3 s }", "");
    let first = Running::start(&ends).await;
    first.until("the first leads", |report| report["leader"] == true).await;
    first.in_sync().await;
    let second = Running::start(&ends).await;
    let before = second
        .until("the second follows", |report| {
            report["standstill"]["cause"] == "follower" && report["summary"] == "in-sync"
        })
        .await;
    describe(&ends, "moved").await;
    let seeing = second.until("it sees that", |report| {
        report["summary"] == "in-sync" && report["whole_as_of"] != before["whole_as_of"]
    });
    tokio::time::timeout(SOON, seeing).await.expect("it looks again soon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_read_after_a_write_is_read_again_soon() {
    let (ends, service) = hourly().await;
    ends.netbox.fail(fake::Fault::LoginPage, Some("GET"), "dcim/devices/", 1);
    put(&ends.cluster, Kind::Server, "server-03", &json!({}));
    service.until("it is not known", |report| report["summary"] == "unknown").await;
    assert!(ends.device("server-03").is_some(), "it was written before that");
    tokio::time::timeout(SOON, service.in_sync()).await.expect("it is read again soon");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_nothing_does_not_read_everything_for_a_deletion() {
    let (ends, service) = hourly().await;
    drop(service);
    assert!(ends.cluster.delete("connections", "default", "server-02--unbundled--leaf-01"));
    assert!(ends.cluster.delete("servers", "default", "server-02"));
    for line in ["mode: detect", "paused: true"] {
        ends.configure(&format!("interval: 1 h, deletion: {{ max_percent: 100 }}, {line}"), "");
        let service = Running::start(&ends).await;
        let mut report = service.until("it differs", |report| report["summary"] == "out-of-sync").await;
        let looks = metric(&service, "looks_total").await;
        for number in 0..3 {
            put(
                &ends.cluster,
                Kind::Server,
                "server-01",
                &json!({"description": format!("{line} {number}")}),
            );
            let before = report["as_of"].clone();
            report = service.until("it is taken in", |report| report["as_of"] != before).await;
        }
        assert_eq!(metric(&service, "looks_total").await, looks, "{line}");
        assert!(report["counts"]["extra"].as_u64().unwrap() > 0, "{report:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_looks_at_both_sides_before_it_deletes() {
    let ends = ends().await;
    // More gone than usual, as the fabric is small.
    ends.configure("interval: 1 h, deletion: { grace: 0 s, max_percent: 100 }", "");
    let service = Running::start(&ends).await;
    service.in_sync().await;
    assert!(ends.cluster.delete("connections", "default", "server-02--unbundled--leaf-01"));
    assert!(ends.cluster.delete("servers", "default", "server-02"));
    until("it is deleted", || ends.device("server-02").is_none()).await;
    assert!(metric(&service, "looks_total").await >= 2.0);
    service.in_sync().await;
    assert!(
        metric(&service, "change_delay_seconds_count").await >= 1.0,
        "a change that a look took in is counted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_change_that_netbox_took_has_a_delay() {
    let (ends, service) = hourly().await;
    let before = metric(&service, "change_delay_seconds_count").await;
    let name = format!("server-{}", "x".repeat(120));
    put(&ends.cluster, Kind::Server, &name, &json!({}));
    service.until("it is refused", |report| !report["quarantine"].as_array().unwrap().is_empty()).await;
    assert_eq!(metric(&service, "change_delay_seconds_count").await, before);
    describe(&ends, "moved").await;
    let begun = std::time::Instant::now();
    while metric(&service, "change_delay_seconds_count").await <= before {
        assert!(begun.elapsed() < Duration::from_secs(60), "a change that was written is not counted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_is_known_has_its_age_though_something_else_is_unknown() {
    let ends = ends().await;
    ends.configure("interval: 1 h", "");
    put(&ends.cluster, Kind::Server, &format!("server-{}", "x".repeat(120)), &json!({}));
    ends.cluster.break_kind("vpcs", Some(Fault::Forbidden));
    let service = Running::start(&ends).await;
    let report =
        service.until("it is refused", |report| !report["quarantine"].as_array().unwrap().is_empty()).await;
    assert_eq!(report["summary"], "unknown");
    assert!(
        report["counts"]["missing"].as_u64().unwrap() > 0 && report["differs_since"] != Value::Null,
        "{report:#}"
    );
    assert!(metric(&service, "difference_age_seconds").await >= 0.0);
}

/// Nothing is concluded of it for NetBox, and yet nothing is in sync without it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_switches_report_is_read_again_soon_if_it_could_not_be_read() {
    let ends = ends().await;
    ends.configure("interval: 1 h", "");
    ends.cluster.break_kind("agents", Some(Fault::Forbidden));
    let service = Running::start(&ends).await;
    let report = service.until("it is looked at", |report| report["last_run"] != Value::Null).await;
    assert_eq!((&report["summary"], &report["unread"][0]["list"]), (&json!("unknown"), &json!("Agent")));
    ends.cluster.break_kind("agents", None);
    tokio::time::timeout(SOON, service.in_sync()).await.expect("it is read again soon");
}
