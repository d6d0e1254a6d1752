//! `icmp` against the kernel's own answers, in network namespaces made for each look.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use std::time::Duration;

use machine::{Elsewhere, json_of, look_elsewhere};
use probity_plan::{Barrier, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{barrier, known, text};

const UP: &str = "ip link set lo up";

/// A network of its own with a router behind a cable, that knows no way to 10.8.0.0/16 and forbids 10.7.0.0/16; and one whose
/// packets nobody takes.
const ROUTED: &str = "ip link set lo up
unshare --net sleep 1000 >/dev/null 2>&1 & router=$!
until [ \"$(readlink /proc/$router/ns/net)\" != \"$(readlink /proc/$$/ns/net)\" ]; do :; done
ip link add here type veth peer name there netns $router
ip address add 10.9.0.1/24 dev here
ip link set here up
nsenter -t $router -n sh -ec '
    ip link set lo up; ip address add 10.9.0.2/24 dev there; ip link set there up
    echo 1 > /proc/sys/net/ipv4/ip_forward
    ip route add unreachable 10.8.0.0/16; ip route add prohibit 10.7.0.0/16; ip route add blackhole 10.6.0.0/16'
ip route add default via 10.9.0.2
trap 'kill $router' EXIT";

fn look(first: &str, host: &str, as_nobody: bool) -> Option<Seen> {
    let timeout =
        if host.starts_with("10.6.") { Duration::from_millis(300) } else { Duration::from_secs(20) };
    let elsewhere = Elsewhere { unshare: &["--net"], first: first.to_owned(), as_nobody, timeout };
    look_elsewhere(&elsewhere, "icmp", &json!({ "icmp": host }))
}

#[test]
fn a_host_that_is_there_replies() {
    for host in ["127.0.0.1", "::1"] {
        let Some(seen) = look(UP, host, false) else { return };
        assert_eq!(known(&seen, "answered"), &Value::Bool(true), "{seen:?}");
        assert_eq!((text(&seen, "address"), known(&seen, "unreachable")), (host, &Value::Bool(false)));
        let time = json_of(&seen, "round_trip_ms");
        assert!(time["at_most"].as_f64().is_some_and(|ms| ms > 0.0), "{time}");
        assert_eq!(barrier(&seen, "unreachable_by"), Barrier::Unsupported);
    }
    let seen = look(ROUTED, "10.9.0.2", false).unwrap();
    assert_eq!(known(&seen, "answered"), &Value::Bool(true), "{seen:?}");
}

#[test]
fn who_turns_a_request_away_is_told_with_the_code() {
    for (host, code) in [("10.8.0.1", 1), ("10.7.0.1", 13)] {
        let Some(seen) = look(ROUTED, host, false) else { return };
        assert_eq!(
            (known(&seen, "answered"), known(&seen, "unreachable")),
            (&Value::Bool(false), &Value::Bool(true)),
            "{seen:?}"
        );
        assert_eq!(known(&seen, "unreachable_type"), &Value::from(3));
        assert_eq!(known(&seen, "unreachable_code"), &Value::from(code), "{host}");
        assert_eq!(text(&seen, "unreachable_by"), "10.9.0.2");
        assert_eq!(barrier(&seen, "round_trip_ms"), Barrier::Unreachable);
    }
}

#[test]
fn silence_ends_at_the_time_out_and_is_no_answer() {
    let Some(seen) = look(ROUTED, "10.6.0.1", false) else { return };
    assert_eq!(
        (known(&seen, "answered"), known(&seen, "unreachable")),
        (&Value::Bool(false), &Value::Bool(false)),
        "{seen:?}"
    );
    let time = json_of(&seen, "round_trip_ms");
    assert!(time["at_least"].as_f64().unwrap() >= 300.0 && time.get("at_most").is_none(), "{time}");
}

#[test]
fn who_may_not_ask_the_kernel_says_nothing_of_the_host() {
    let range = |range: &str| format!("{UP}; echo {range} > /proc/sys/net/ipv4/ping_group_range");
    let Some(seen) = look(&range("1 0"), "127.0.0.1", true) else { return };
    assert_eq!(barrier(&seen, "answered"), Barrier::PermissionDenied, "{seen:?}");
    assert!(seen.unknown["*"].detail.contains("net.ipv4.ping_group_range"), "{seen:?}");
    // With a ping socket, which everybody of these groups may open.
    let everybody = "0 2147483647";
    for host in ["127.0.0.1", "::1"] {
        let seen = look(&range(everybody), host, true).unwrap();
        assert_eq!(known(&seen, "answered"), &Value::Bool(true), "{seen:?}");
    }
    let routed = format!("{ROUTED}; echo {everybody} > /proc/sys/net/ipv4/ping_group_range");
    let seen = look(&routed, "10.7.0.1", true).unwrap();
    assert_eq!(known(&seen, "unreachable"), &Value::Bool(true), "{seen:?}");
    assert_eq!(
        (known(&seen, "answered"), barrier(&seen, "unreachable_by")),
        (&Value::Bool(false), Barrier::Unsupported)
    );
    // What may pass again the kernel keeps from such a socket.
    let seen = look(&routed, "10.8.0.1", true).unwrap();
    assert_eq!(
        (known(&seen, "answered"), barrier(&seen, "unreachable")),
        (&Value::Bool(false), Barrier::Unsupported),
        "{seen:?}"
    );
}

#[test]
fn a_request_that_cannot_be_sent_says_nothing_of_the_host() {
    let Some(seen) = look(UP, "192.0.2.1", false) else { return };
    assert_eq!(barrier(&seen, "answered"), Barrier::Unreachable, "{seen:?}");
    let seen = look(UP, "no-such-host.invalid", false).unwrap();
    assert_eq!(barrier(&seen, "answered"), Barrier::Unreachable, "{seen:?}");
}
