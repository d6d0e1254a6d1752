//! Lists against the crate's fake API server (a real one misbehaves on request only in part; that part is tested with a real one
//! elsewhere): a list is whole, or the reason why not is named, and one kind's trouble is not another's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use fabric_kubernetes::fake::{FakeCluster, Fault};
use fabric_kubernetes::{Access, Scope, Source};
use fabric_model::{Kind, Snapshot, UnreadCause};
use serde_json::json;

fn source(cluster: &FakeCluster, scope: Scope) -> Source {
    let access = Access::Server { url: cluster.url(), authority: None, token: None };
    Source::new(access, scope, Duration::from_secs(2))
}

fn everything() -> Scope {
    Scope { kinds: Kind::ALL.to_vec(), namespaces: vec!["default".into()], labels: None }
}

async fn fabric(servers: usize) -> FakeCluster {
    let cluster = FakeCluster::start().await.unwrap();
    for number in 1..=servers {
        let name = format!("server-{number:02}");
        let managed = json!([{"manager": "kubectl"}]);
        let metadata = json!({"name": name, "namespace": "default", "managedFields": managed});
        cluster.put("servers", json!({"metadata": metadata, "spec": {"description": "x"}}));
    }
    cluster
}

fn cause(snapshot: &Snapshot, kind: Kind) -> Option<UnreadCause> {
    snapshot.unread(kind).map(|unread| unread.cause)
}

#[tokio::test]
async fn a_list_of_many_pages_is_one_list() {
    let cluster = fabric(7).await;
    cluster.set_page(2);
    let reading = source(&cluster, everything()).read().await;
    let names: Vec<&str> =
        reading.snapshot.objects(Kind::Server).iter().map(|object| object.reference.name.as_str()).collect();
    let expected =
        ["server-01", "server-02", "server-03", "server-04", "server-05", "server-06", "server-07"];
    assert_eq!(names, expected);
    let pages = cluster.requests().iter().filter(|request| request.contains("/servers?")).count();
    assert_eq!(pages, 4);
    assert!(Kind::ALL.iter().all(|kind| reading.snapshot.unread(*kind).is_none()));
}

#[tokio::test]
async fn each_fault_of_one_kind_is_named_and_the_others_are_read() {
    for (fault, expected) in [
        (Fault::Forbidden, UnreadCause::Forbidden),
        (Fault::Unauthenticated, UnreadCause::Unauthenticated),
        (Fault::Missing, UnreadCause::KindMissing),
        (Fault::Html, UnreadCause::WrongShape),
        (Fault::OtherShape, UnreadCause::WrongShape),
        (Fault::Silent, UnreadCause::TimedOut),
        (Fault::HalfPage, UnreadCause::Cut),
        (Fault::OtherMoment, UnreadCause::Cut),
        (Fault::EndsEarly, UnreadCause::Cut),
    ] {
        let cluster = fabric(5).await;
        cluster.set_page(2);
        cluster.break_kind("servers", Some(fault));
        let snapshot = source(&cluster, everything()).read().await.snapshot;
        assert_eq!(cause(&snapshot, Kind::Server), Some(expected), "{fault:?}");
        assert!(snapshot.objects(Kind::Server).is_empty(), "{fault:?}: half a list is no list");
        let others = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Server);
        assert_eq!(others.filter(|kind| snapshot.unread(*kind).is_some()).count(), 0, "{fault:?}");
        cluster.break_kind("servers", None);
        let mended = source(&cluster, everything()).read().await.snapshot;
        assert_eq!(mended.objects(Kind::Server).len(), 5, "{fault:?}");
    }
}

#[tokio::test]
async fn a_kind_that_is_not_served_says_what_is() {
    let cluster = fabric(1).await;
    cluster.break_kind("switches", Some(Fault::Missing));
    let snapshot = source(&cluster, everything()).read().await.snapshot;
    let unread = snapshot.unread(Kind::Switch).unwrap();
    assert_eq!(unread.cause, UnreadCause::KindMissing);
    assert_eq!(unread.detail, "wiring.githedgehog.com is served as v1beta1");
}

#[tokio::test]
async fn a_token_that_an_answer_repeats_is_not_told() {
    let cluster = fabric(1).await;
    cluster.require_token("0123456789abcdef");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "0123456789abcdef\n").unwrap();
    let access = Access::Server { url: cluster.url(), authority: None, token: Some(file.path().to_owned()) };
    let source = Source::new(access, everything(), Duration::from_secs(2));
    for (fault, end) in [(Fault::Forbidden, "cannot list resource"), (Fault::Html, "Bearer [token]\")")] {
        cluster.break_kind("switches", Some(fault));
        let told = source.read().await.snapshot.unread(Kind::Switch).unwrap().detail.clone();
        assert!(told.contains("Bearer [token]") && told.ends_with(end), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_stands_still_leaves_everything_unread_in_time() {
    let cluster = fabric(1).await;
    cluster.stop(true);
    let access = Access::Server { url: cluster.url(), authority: None, token: None };
    let source = Source::new(access, everything(), Duration::from_secs(1));
    let snapshot = source.read().await.snapshot;
    assert!(Kind::ALL.iter().all(|kind| cause(&snapshot, *kind) == Some(UnreadCause::TimedOut)));
    // What was asked for at the same time, with the kinds that are served; the rest could only time out, too.
    assert_eq!(cluster.requests().len(), 5, "{:#?}", cluster.requests());
    cluster.stop(false);
    assert_eq!(source.read().await.snapshot.objects(Kind::Server).len(), 1);
}

#[tokio::test]
async fn no_server_is_no_empty_fabric() {
    let cluster = fabric(1).await;
    let url = cluster.url();
    drop(cluster);
    let access = Access::Server { url, authority: None, token: None };
    let snapshot = Source::new(access, everything(), Duration::from_secs(2)).read().await.snapshot;
    assert!(Kind::ALL.iter().all(|kind| cause(&snapshot, *kind) == Some(UnreadCause::Unreachable)));
}

#[tokio::test]
async fn kinds_and_namespaces_out_of_scope_are_not_asked_for() {
    let cluster = fabric(2).await;
    let elsewhere = json!({"metadata": {"name": "other", "namespace": "elsewhere"}, "spec": {}});
    cluster.put("servers", elsewhere);
    let only_servers = Scope { kinds: vec![Kind::Server], namespaces: vec!["default".into()], labels: None };
    let snapshot = source(&cluster, only_servers).read().await.snapshot;
    assert_eq!(snapshot.objects(Kind::Server).len(), 2);
    let asked = cluster.requests();
    assert!(asked.iter().all(|request| request.contains("/servers") || request == "/apis"), "{asked:?}");
    let both = vec!["default".to_owned(), "elsewhere".to_owned()];
    let snapshot = source(&cluster, Scope { kinds: vec![Kind::Server], namespaces: both, labels: None })
        .read()
        .await
        .snapshot;
    assert_eq!(snapshot.objects(Kind::Server).len(), 3);
    let all = Scope { kinds: vec![Kind::Server], namespaces: Vec::new(), labels: None };
    assert_eq!(source(&cluster, all).read().await.snapshot.objects(Kind::Server).len(), 3);
}

#[tokio::test]
async fn a_rotated_token_is_used_at_once() {
    let cluster = fabric(1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    cluster.require_token("first");
    let access = Access::Server { url: cluster.url(), authority: None, token: Some(file.clone()) };
    let source = Source::new(access, everything(), Duration::from_secs(2));
    assert_eq!(source.read().await.snapshot.objects(Kind::Server).len(), 1);
    cluster.require_token("second");
    let expired = source.read().await.snapshot;
    assert_eq!(cause(&expired, Kind::Server), Some(UnreadCause::Unauthenticated));
    std::fs::write(&file, "second\n").unwrap();
    assert_eq!(source.read().await.snapshot.objects(Kind::Server).len(), 1);
    std::fs::write(&file, "").unwrap();
    let snapshot = source.read().await.snapshot;
    let unread = snapshot.unread(Kind::Server).unwrap();
    assert!(unread.detail.ends_with("not a bearer token; it is one word"), "{unread}");
}

#[tokio::test]
async fn a_kubeconfig_is_read_again_and_its_errors_hold_no_secret() {
    let cluster = fabric(1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let write = |token: &str| {
        let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
            "clusters": [{"name": "k", "cluster": {"server": cluster.url()}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]});
        std::fs::write(&file, text.to_string()).unwrap();
    };
    write("first");
    cluster.require_token("second");
    let source = |context: Option<&str>| {
        let access = Access::Kubeconfig { path: file.clone(), context: context.map(str::to_owned) };
        Source::new(access, everything(), Duration::from_secs(2))
    };
    let kept = source(None);
    assert_eq!(cause(&kept.read().await.snapshot, Kind::Server), Some(UnreadCause::Unauthenticated));
    write("second");
    assert_eq!(kept.read().await.snapshot.objects(Kind::Server).len(), 1);
    let snapshot = source(Some("nosuch")).read().await.snapshot;
    let unread = snapshot.unread(Kind::Server).unwrap();
    assert!(unread.detail.contains("nosuch") && !unread.detail.contains("second"), "{unread}");
}

#[tokio::test]
async fn kinds_of_the_fabric_that_are_not_known_are_told_by_one_request_and_decide_nothing() {
    let cluster = fabric(1).await;
    for (group, kind) in [
        ("wiring.githedgehog.com", "Transceiver"),
        ("gateway.githedgehog.com", "Gateway"),
        // Of the same name as one of ours, and not that one.
        ("gateway.githedgehog.com", "Switch"),
        ("coordination.k8s.io", "Lease"),
        ("wiring.githedgehog.com.example.org", "Other"),
    ] {
        cluster.serve(group, kind);
    }
    let source = source(&cluster, everything());
    let snapshot = source.read().await.snapshot;
    let told: Vec<_> = snapshot.further_kinds().as_ref().unwrap().iter().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "gateway.githedgehog.com/Gateway",
            "gateway.githedgehog.com/Switch",
            "wiring.githedgehog.com/Transceiver"
        ]
    );
    assert_eq!(cluster.requests().iter().filter(|request| *request == "/apis").count(), 1);
    for (fault, cause) in [
        (Fault::Forbidden, UnreadCause::Forbidden),
        (Fault::Html, UnreadCause::WrongShape),
        // As a server answers that knows no aggregated discovery.
        (Fault::OtherShape, UnreadCause::WrongShape),
        (Fault::Silent, UnreadCause::TimedOut),
    ] {
        cluster.break_kind("apis", Some(fault));
        let snapshot = source.read().await.snapshot;
        assert_eq!(snapshot.further_kinds().as_ref().unwrap_err().cause, cause);
        assert!(Kind::ALL.iter().all(|kind| snapshot.unread(*kind).is_none()), "{fault:?}");
    }
}

/// An agent's specification is its switch's whole configuration.
#[tokio::test]
async fn a_list_whose_page_would_be_too_large_is_read_in_smaller_ones() {
    let cluster = FakeCluster::start().await.unwrap();
    let description = "x".repeat(700_000);
    for number in 0..100 {
        let metadata = json!({"name": format!("server-{number:03}"), "namespace": "default"});
        cluster.put("servers", json!({"metadata": metadata, "spec": {"description": description}}));
    }
    let access = Access::Server { url: cluster.url(), authority: None, token: None };
    let scope = Scope { kinds: vec![Kind::Server], ..everything() };
    let reading = Source::new(access, scope, Duration::from_secs(60)).read().await;
    assert_eq!(reading.snapshot.unread(Kind::Server), None);
    assert_eq!(reading.snapshot.objects(Kind::Server).len(), 100);
}
