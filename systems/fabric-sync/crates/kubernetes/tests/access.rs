//! What credentials may say, and that what is said of them holds no secret.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use fabric_kubernetes::fake::FakeCluster;
use fabric_kubernetes::{Access, Scope, Source};
use fabric_model::Kind;
use serde_json::{Value, json};

const SECRET: &str = "hunter2hunter2";

fn kubeconfig(cluster: &Value, user: &Value) -> String {
    let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]});
    text.to_string()
}

/// Why nothing is read with that file; the file's name is left out.
async fn refusal(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, text).unwrap();
    let access = Access::Kubeconfig { path: path.clone(), context: None };
    why(access).await.replace(&format!("{}: ", path.display()), "")
}

async fn why(access: Access) -> String {
    let scope = Scope { kinds: vec![Kind::Server], namespaces: Vec::new(), labels: None };
    let reading = Source::new(access, scope, Duration::from_secs(2)).read().await;
    reading.snapshot.unread(Kind::Server).map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn what_is_wrong_with_a_kubeconfig_is_told_without_what_stands_in_it() {
    let server = json!({"server": "https://127.0.0.1:1"});
    let tab = format!("apiVersion: v1\nusers:\n- name: u\n  user:\n    token: {SECRET}\n\tname: x\n");
    let proxy = json!({"server": "https://127.0.0.1:1", "proxy-url": format!("http://me:{SECRET}@proxy:1")});
    for (text, expected) in [
        (tab, "not reachable: not a kubeconfig, line 5 column "),
        (SECRET.to_owned(), "not reachable: not a kubeconfig, line 1 column "),
        (kubeconfig(&server, &json!({"token": [SECRET]})), "not reachable: not a kubeconfig, line 1 column "),
        (
            kubeconfig(&server, &json!({"client-certificate-data": SECRET, "client-key-data": SECRET})),
            "not reachable: ",
        ),
        (
            kubeconfig(&server, &json!({"token": format!("{SECRET}\n")})),
            "not reachable: its `token` is not a bearer token",
        ),
        (
            kubeconfig(&server, &json!({"token": "schl\u{fc}ssel"})),
            "not reachable: its `token` is not a bearer token",
        ),
        (kubeconfig(&proxy, &json!({"token": SECRET})), "not reachable: no proxy is used"),
    ] {
        let why = refusal(&text).await;
        assert!(why.starts_with(expected) && !why.contains(SECRET), "{why}\nexpected: {expected}");
    }
}

#[tokio::test]
async fn no_program_is_run_for_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    let server = json!({"server": "https://127.0.0.1:1"});
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "touch",
        "args": [&ran], "interactiveMode": "Never"}});
    let provider =
        json!({"auth-provider": {"name": "gcp", "config": {"cmd-path": "touch", "cmd-args": &ran}}});
    for user in [exec, provider] {
        let why = refusal(&kubeconfig(&server, &user)).await;
        assert!(why.contains("no other program is run for credentials"), "{why}");
        assert!(!ran.exists());
    }
}

#[tokio::test]
async fn a_server_that_anybody_could_be_gets_no_token() {
    let cluster = FakeCluster::start().await.unwrap();
    let user = json!({"token": SECRET});
    let unverified = json!({"server": "https://127.0.0.1:1", "insecure-skip-tls-verify": true});
    let why_unverified = refusal(&kubeconfig(&unverified, &user)).await;
    assert!(why_unverified.contains("TLS is always verified"), "{why_unverified}");
    for address in ["http://192.0.2.1:6443", "http://cluster.example.org", "http://[2001:db8::1]:80"] {
        let clear = "a token does not go out in clear";
        let told = refusal(&kubeconfig(&json!({"server": address}), &user)).await;
        assert!(told.contains(clear), "{address}: {told}");
        let told = why(Access::Server { url: address.into(), authority: None, token: None }).await;
        assert!(told.contains(clear), "{address}: {told}");
    }
    // To this machine itself it may.
    assert_eq!(refusal(&kubeconfig(&json!({"server": cluster.url()}), &user)).await, "");
}
