//! What cannot be a thing's name, or is a pattern, is never said to be absent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use machine::{Elsewhere, json_of, look, look_elsewhere};
use probity_plan::Barrier;
use serde_json::json;
use support::barrier;

#[tokio::test]
async fn a_pattern_that_nothing_is_called_by_says_nothing_of_what_it_may_mean() {
    for (kind, act, fact) in [
        ("file", json!({ "file": "/etc/pass*" }), "exists"),
        ("log", json!({ "log": "/etc/pass*" }), "exists"),
        ("disk", json!({ "disk": "/et?" }), "exists"),
        ("mount", json!({ "mount": "/pro?" }), "mounted"),
        ("port", json!({ "port": "/run/*.sock" }), "listening"),
        ("user", json!({ "user": "roo*" }), "exists"),
        ("group", json!({ "group": "roo?" }), "exists"),
        ("interface", json!({ "interface": "l?" }), "exists"),
        ("process", json!({ "process": "patterns-*" }), "named_count"),
    ] {
        let seen = look(kind, act.clone()).await;
        // Nobody else's processes are seen by who is not root, and that is a barrier of its own.
        let expected = if seen.unknown["*"].barrier == Barrier::PermissionDenied {
            Barrier::PermissionDenied
        } else {
            Barrier::Unsupported
        };
        assert_eq!(barrier(&seen, fact), expected, "{act}: {seen:?}");
        assert!(!seen.facts.contains_key(fact), "{act}: {seen:?}");
    }
}

#[tokio::test]
async fn who_is_called_like_a_pattern_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a*");
    std::fs::write(&path, "text").unwrap();
    let seen = look("file", json!({ "file": path })).await;
    assert_eq!(json_of(&seen, "exists"), json!(true), "{seen:?}");
}

#[tokio::test]
async fn what_cannot_be_a_name_is_neither_there_nor_absent() {
    for (kind, act, fact) in [
        ("interface", json!({ "interface": "eth0:1" }), "exists"),
        ("kernel-parameter", json!({ "kernel-parameter": "net.ipv4.conf.*.rp_filter" }), "exists"),
        ("kernel-parameter", json!({ "kernel-parameter": "net.ipv4.ip_forward " }), "exists"),
        ("process", json!({ "process": "/usr/sbin/" }), "running"),
        ("process", json!({ "process": "/usr/bin/tail -f" }), "running"),
        ("dns", json!({ "dns": "192.0.2.1", "type": "PTR", "server": "127.0.0.1:9" }), "nxdomain"),
        ("dns", json!({ "dns": "https://www.example.org", "server": "127.0.0.1:9" }), "connected"),
    ] {
        let seen = look(kind, act.clone()).await;
        assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{act}: {seen:?}");
    }
}

#[test]
fn who_would_answer_from_another_address_is_not_said_to_be_silent() {
    let elsewhere =
        Elsewhere { unshare: &["--net"], first: "ip link set lo up".to_owned(), ..Elsewhere::default() };
    for host in ["0.0.0.0", "::", "224.0.0.1", "ff02::1"] {
        let Some(seen) = look_elsewhere(&elsewhere, "icmp", &json!({ "icmp": host })) else { return };
        assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported, "{host}: {seen:?}");
    }
}
