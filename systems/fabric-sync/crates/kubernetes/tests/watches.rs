//! Watches against the crate's fake API server: changes arrive, and whatever makes a list doubtful is told once, as a loss.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use fabric_kubernetes::fake::{FakeCluster, Fault};
use fabric_kubernetes::source::Watches;
use fabric_kubernetes::{Access, Event, Scope, Source};
use fabric_model::Kind;
use serde_json::{Value, json};

fn source(cluster: &FakeCluster) -> Source {
    let access = Access::Server { url: cluster.url(), authority: None, token: None };
    let scope =
        Scope { kinds: vec![Kind::Server, Kind::VPC], namespaces: vec!["default".into()], labels: None };
    Source::new(access, scope, Duration::from_secs(2))
}

fn server(name: &str, description: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "default"}, "spec": {"description": description}})
}

async fn next(watches: &mut Watches) -> Event {
    tokio::time::timeout(Duration::from_secs(20), watches.next()).await.expect("an event").unwrap().event
}

fn said(event: &Event) -> (&'static str, Kind, String) {
    match event {
        Event::Applied { kind, object } => {
            ("applied", *kind, object["spec"]["description"].as_str().unwrap().to_owned())
        }
        Event::Deleted { kind, object } => {
            ("deleted", *kind, object["metadata"]["name"].as_str().unwrap().to_owned())
        }
        Event::Lost { kind, why } => ("lost", *kind, why.to_string()),
    }
}

#[tokio::test]
async fn changes_since_the_list_arrive_in_order() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("servers", server("server-01", "old"));
    let source = source(&cluster);
    let reading = source.read().await;
    // Between the list and the watch: nothing of it may be missed.
    cluster.put("servers", server("server-01", "new"));
    let mut watches = source.watch(&reading);
    assert_eq!(said(&next(&mut watches).await), ("applied", Kind::Server, "new".into()));
    cluster.put("servers", server("server-02", "second"));
    assert_eq!(said(&next(&mut watches).await), ("applied", Kind::Server, "second".into()));
    assert!(cluster.delete("servers", "default", "server-01"));
    assert_eq!(said(&next(&mut watches).await), ("deleted", Kind::Server, "server-01".into()));
    let asked = cluster.requests();
    assert!(!asked.iter().any(|request| request.contains("sendInitialEvents")), "no streaming lists");
    assert!(asked.iter().any(|request| request.contains("\"allowWatchBookmarks\": \"true\"")));
}

#[tokio::test]
async fn a_410_inside_the_stream_is_a_loss_and_a_new_read_heals_it() {
    let cluster = FakeCluster::start().await.unwrap();
    cluster.put("servers", server("server-01", "old"));
    let source = source(&cluster);
    let mut watches = source.watch(&source.read().await);
    cluster.compact();
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let (word, kind, why) = said(&next(&mut watches).await);
        assert_eq!(word, "lost");
        assert!(why.starts_with("410: too old resource version"), "{why}");
        kinds.push(kind);
    }
    kinds.sort();
    let mut both = vec![Kind::Server, Kind::VPC];
    both.sort();
    assert_eq!(kinds, both);
    let mut watches = source.watch(&source.read().await);
    cluster.put("servers", server("server-01", "new"));
    assert_eq!(said(&next(&mut watches).await), ("applied", Kind::Server, "new".into()));
}

#[tokio::test]
async fn a_kind_taken_away_is_lost_alone() {
    let cluster = FakeCluster::start().await.unwrap();
    let source = source(&cluster);
    let reading = source.read().await;
    cluster.break_kind("vpcs", Some(Fault::Forbidden));
    let mut watches = source.watch(&reading);
    let (word, kind, why) = said(&next(&mut watches).await);
    assert_eq!((word, kind), ("lost", Kind::VPC));
    assert!(why.starts_with("403"), "{why}");
    cluster.put("servers", server("server-01", "still told"));
    assert_eq!(said(&next(&mut watches).await), ("applied", Kind::Server, "still told".into()));
}

#[tokio::test]
async fn a_server_that_goes_away_is_a_loss() {
    let cluster = FakeCluster::start().await.unwrap();
    let source = source(&cluster);
    let mut watches = source.watch(&source.read().await);
    cluster.put("servers", server("server-01", "first"));
    assert_eq!(said(&next(&mut watches).await).0, "applied");
    cluster.end();
    assert_eq!(said(&next(&mut watches).await).0, "lost");
}

#[tokio::test]
async fn a_line_that_is_longer_than_any_object_is_a_loss() {
    let cluster = FakeCluster::start().await.unwrap();
    let source = source(&cluster);
    let mut watches = source.watch(&source.read().await);
    cluster.put("servers", server("server-01", &"x".repeat(1_500_000)));
    assert_eq!(said(&next(&mut watches).await).0, "applied", "etcd takes such an object");
    cluster.put("servers", server("server-02", &"x".repeat(3 << 20)));
    let (word, kind, why) = said(&next(&mut watches).await);
    assert_eq!((word, kind), ("lost", Kind::Server));
    assert!(why.contains("a line of more than 2097152 bytes"), "{why}");
}
