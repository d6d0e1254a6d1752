//! What a real kube-apiserver 1.34 answered, recorded (`fixtures/kubernetes`), played back by a server in the test: only the connection is
//! not the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use fabric_kubernetes::source::Watches;
use fabric_kubernetes::{Access, Event, Scope, Source};
use fabric_model::{Kind, Snapshot, UnreadCause};
use serde_json::Value;

/// What was asked and answered, file by file, in that order: the first that fits is played.
#[derive(Clone)]
struct Recording(Arc<Vec<Value>>);

fn recording(files: &[&str]) -> Recording {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/kubernetes");
    let exchanges = files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(folder.join(file).with_extension("json")).unwrap();
        serde_json::from_str::<Vec<Value>>(&text).unwrap()
    });
    Recording(Arc::new(exchanges.collect()))
}

/// The path, and whether it is a watch or goes on: page sizes and versions are the client's own.
fn question(target: &str) -> (String, bool, Option<String>) {
    let url = url::Url::parse(&format!("http://h{target}")).unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    (url.path().to_owned(), query.contains_key("watch"), query.get("continue").cloned())
}

async fn play(
    State(recording): State<Recording>,
    _: Query<BTreeMap<String, String>>,
    request: Request,
) -> Response {
    let asked = question(&request.uri().to_string());
    let found =
        recording.0.iter().find(|exchange| question(exchange["request"]["path"].as_str().unwrap()) == asked);
    let Some(answer) = found.map(|exchange| &exchange["response"]) else {
        return (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    };
    let status = StatusCode::from_u16(answer["status"].as_u64().unwrap().try_into().unwrap()).unwrap();
    let body = match &answer["body"] {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().map(|line| format!("{line}\n")).collect(),
        other => other.to_string(),
    };
    let kind = answer["headers"]["content-type"].as_str().unwrap_or("application/json").to_owned();
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

async fn source(files: &[&str], kind: Kind, namespace: &str) -> Source {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(play).with_state(recording(files));
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, app).await });
    let access = Access::Server { url, authority: None, token: None };
    let scope = Scope { kinds: vec![kind], namespaces: vec![namespace.into()], labels: None };
    Source::new(access, scope, Duration::from_secs(5))
}

async fn read(files: &[&str], kind: Kind, namespace: &str) -> Snapshot {
    source(files, kind, namespace).await.read().await.snapshot
}

async fn next(watches: &mut Watches) -> Event {
    tokio::time::timeout(Duration::from_secs(20), watches.next()).await.expect("an event").unwrap().event
}

#[tokio::test]
async fn pages_are_one_list_and_an_empty_list_is_empty() {
    let snapshot = read(&["list-in-pages"], Kind::Switch, "default").await;
    assert_eq!(snapshot.unread(Kind::Switch), None);
    let names: Vec<&str> =
        snapshot.objects(Kind::Switch).iter().map(|object| object.reference.name.as_str()).collect();
    assert_eq!(names, ["leaf-01", "leaf-02", "leaf-03", "leaf-04", "spine-01", "spine-02"]);
    let snapshot = read(&["list-empty"], Kind::Switch, "nobody").await;
    assert_eq!((snapshot.unread(Kind::Switch), snapshot.objects(Kind::Switch).len()), (None, 0));
}

#[tokio::test]
async fn each_refusal_is_named() {
    for (files, kind, cause) in [
        (&["kind-missing"][..], Kind::VPCPeering, UnreadCause::KindMissing),
        (&["not-allowed"], Kind::Switch, UnreadCause::Unauthenticated),
    ] {
        let snapshot = read(files, kind, "default").await;
        assert_eq!(snapshot.unread(kind).map(|unread| unread.cause), Some(cause), "{files:?}");
    }
}

#[tokio::test]
async fn a_list_whose_second_page_expired_is_no_list() {
    // The first page, and for its continue token what the server says when it has expired.
    let mut exchanges = recording(&["list-in-pages"]).0.as_ref().clone();
    let expired = recording(&["list-cut-short-by-410"]).0[0]["response"].clone();
    exchanges[1]["response"] = expired;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(play).with_state(Recording(Arc::new(exchanges)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let access = Access::Server { url, authority: None, token: None };
    let scope = Scope { kinds: vec![Kind::Switch], namespaces: vec!["default".into()], labels: None };
    let snapshot = Source::new(access, scope, Duration::from_secs(5)).read().await.snapshot;
    assert_eq!(snapshot.unread(Kind::Switch).unwrap().cause, UnreadCause::Unsettled);
    assert!(snapshot.objects(Kind::Switch).is_empty());
}

#[tokio::test]
async fn a_watch_tells_what_the_server_told() {
    let source = source(&["list-in-pages", "watch"], Kind::Switch, "default").await;
    let mut watches = source.watch(&source.read().await);
    let recorded = recording(&["watch"]).0[0]["response"]["body"].as_array().unwrap().clone();
    let mut count = 0;
    for line in &recorded {
        let (name, is_there) = match next(&mut watches).await {
            Event::Applied { object, .. } => (object["metadata"]["name"].clone(), true),
            Event::Deleted { object, .. } => (object["metadata"]["name"].clone(), false),
            Event::Lost { why, .. } => panic!("{why}"),
        };
        assert_eq!((&name, is_there), (&line["object"]["metadata"]["name"], line["type"] != "DELETED"));
        count += 1;
    }
    assert!(count > 1, "the recording has events");
}

#[tokio::test]
async fn a_410_inside_the_stream_is_a_loss() {
    for file in ["watch-of-a-version-that-is-gone", "watch-410-without-cache"] {
        let source = source(&["list-in-pages", file], Kind::Switch, "default").await;
        let mut watches = source.watch(&source.read().await);
        let Event::Lost { kind, why } = next(&mut watches).await else { panic!("no loss") };
        assert_eq!(kind, Kind::Switch);
        assert!(why.to_string().starts_with("410: "), "{why}");
    }
}
