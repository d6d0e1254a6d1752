//! `firewall`, against rules that are really loaded: each look in a network of its own inside a machine with nftables and ufw.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::time::Duration;

use elsewhere::{Machine, here, tools};
use probity_plan::{Barrier, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{HOSTILE, barrier, known, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

/// One look in a network where this was done before, as root.
fn look_after(machine: &Machine, before: &str) -> Seen {
    let script = format!("{before}\nexec \"$@\"");
    let network = ["unshare", "--net", "sh", "-ec", &script, "sh"];
    machine.inside().under(&network).look("firewall", &json!({ "firewall": "all" }))
}

fn list<'a>(seen: &'a Seen, fact: &str) -> &'a [Value] {
    match known(seen, fact) {
        Value::List(list) => list,
        _ => panic!("{fact}: {seen:?}"),
    }
}

fn is(seen: &Seen, fact: &str, expected: impl Into<Value>) {
    assert_eq!(known(seen, fact), &expected.into(), "{fact}: {seen:?}");
}

/// What a list of maps has at this key.
fn column(seen: &Seen, fact: &str, key: &str) -> Vec<Value> {
    let of = |map: &Value| match map {
        Value::Map(map) => map[key].clone(),
        _ => panic!("{fact}: {seen:?}"),
    };
    list(seen, fact).iter().map(of).collect()
}

/// The open ports, as `ip tcp 22-22`.
fn open(seen: &Seen) -> Vec<String> {
    ports(seen, "open_ports")
}

fn ports(seen: &Seen, fact: &str) -> Vec<String> {
    let of = |map: &Value| match map {
        Value::Map(map) => {
            let text = |key: &str| map[key].as_text().unwrap().to_owned();
            let port = |key: &str| map[key].as_i64().unwrap();
            format!("{} {} {}-{}", text("family"), text("protocol"), port("first"), port("last"))
        }
        _ => panic!("{seen:?}"),
    };
    list(seen, fact).iter().map(of).collect()
}

const STRICT: &str = r#"
flush ruleset
table inet guard {
    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        iifname "lo" accept
        tcp dport { 22, 8002 } accept comment "the service"
        ip saddr 10.0.0.0/8 udp dport 53 counter accept
    }
    chain aside {
        drop
    }
}
"#;

fn loaded(rules: &str) -> String {
    format!("nft -f - <<'END'\n{rules}\nEND")
}

#[test]
fn without_rules_everything_is_open() {
    let Some(machine) = elsewhere::machine() else { return };
    let seen = look_after(machine, "");
    is(&seen, "active", false);
    for fact in ["tables", "chains", "rules", "legacy_tables"] {
        assert_eq!(list(&seen, fact), [], "{fact}: {seen:?}");
    }
    is(&seen, "input_policy", "accept");
    is(&seen, "input_policy_ipv6", "accept");
    assert_eq!(open(&seen), ["ip tcp 1-65535", "ip udp 1-65535", "ip6 tcp 1-65535", "ip6 udp 1-65535"]);
}

#[test]
fn what_is_loaded_is_told_with_what_it_lets_in() {
    let Some(machine) = elsewhere::machine() else { return };
    let seen = look_after(machine, &loaded(STRICT));
    is(&seen, "active", true);
    assert_eq!(column(&seen, "tables", "name"), ["guard".into()]);
    assert_eq!(column(&seen, "chains", "name"), ["input".into(), "aside".into()]);
    assert_eq!(column(&seen, "chains", "hook"), ["input".into(), "".into()]);
    assert_eq!(column(&seen, "chains", "policy"), ["drop".into(), "".into()]);
    assert_eq!(column(&seen, "chains", "priority"), [0.into(), Value::Null]);
    assert_eq!(column(&seen, "chains", "rules"), [4.into(), 1.into()]);
    let rules = [
        "ct state established,related accept",
        "iifname \"lo\" accept",
        "tcp dport { 22, 8002 } accept comment \"the service\"",
        "ip saddr 10.0.0.0/8 udp dport 53 accept",
        "drop",
    ];
    assert_eq!(column(&seen, "rules", "text"), rules.map(Value::from));
    assert_eq!(column(&seen, "rules", "hook"), ["input", "input", "input", "input", ""].map(Value::from));
    assert_eq!(column(&seen, "rules", "comment")[2], "the service".into());
    is(&seen, "input_policy", "drop");
    is(&seen, "input_policy_ipv6", "drop");
    // Who comes from one network only is not anybody.
    let expected = ["ip tcp 22-22", "ip tcp 8002-8002", "ip6 tcp 22-22", "ip6 tcp 8002-8002"];
    assert_eq!(open(&seen), expected);
    assert_eq!(ports(&seen, "open_to_some"), ["ip udp 53-53"]);
    // For one family only.
    let seen = look_after(machine, &loaded(&STRICT.replace("table inet", "table ip")));
    is(&seen, "input_policy", "drop");
    is(&seen, "input_policy_ipv6", "accept");
    assert_eq!(open(&seen), ["ip tcp 22-22", "ip tcp 8002-8002", "ip6 tcp 1-65535", "ip6 udp 1-65535"]);
}

#[test]
fn what_the_rules_say_is_so() {
    let Some(machine) = elsewhere::machine() else { return };
    let rules = "table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 8010-8012 accept; }; }";
    // Two ends of a wire: the ports that are said to be open answer, refused as nobody listens; the others are silent.
    let wire = "ip netns add far; ip link add near0 type veth peer name far0 netns far; \
                ip address add 10.9.0.1/24 dev near0; ip link set near0 up; \
                ip -n far address add 10.9.0.2/24 dev far0; ip -n far link set far0 up";
    // The wire carries nothing at first.
    let ready = "for _ in $(seq 400); do \
                 ! ip netns exec far bash -c ': >/dev/tcp/10.9.0.1/8012' 2>&1 | grep -q refused || break; sleep 0.05; done";
    let script =
        format!("mkdir -p /run/netns; mount -t tmpfs none /run/netns; {wire}\n{}\n{ready}\n", loaded(rules));
    let ask = |port: u16| {
        // The shell stays: with the last process in it a network is gone, and its end of the wire.
        let before = format!("{script}ip netns exec far \"$@\"");
        let network = ["unshare", "--net", "--mount", "sh", "-ec", &before, "sh"];
        let parameters = json!({ "port": port, "connect": "10.9.0.1" });
        let inside = machine.inside().under(&network).within(Duration::from_secs(2));
        text(&inside.look("port", &parameters), "outcome").to_owned()
    };
    assert_eq!(open(&look_after(machine, &loaded(rules))), ["ip tcp 8010-8012", "ip6 tcp 8010-8012"]);
    for (port, outcome) in [(8010, "refused"), (8012, "refused"), (8009, "timed-out"), (8013, "timed-out")] {
        assert_eq!(ask(port), outcome, "{port}");
    }
}

#[test]
fn what_is_not_understood_is_a_barrier_and_the_rules_are_known() {
    let Some(machine) = elsewhere::machine() else { return };
    for rule in [
        "jump aside",
        "tcp dport @known accept",
        "ip saddr 10.0.0.1 drop",
        "meta mark 1 accept",
        // Whom these let in is not anybody, and may be.
        "tcp dport 23 limit rate 1000/second accept",
        "tcp dport 23 ct count 1000 accept",
        "ip daddr 127.0.0.1 accept",
        "tcp flags syn accept",
        "tcp sport 1-65535 accept",
        "ip version 4 accept",
        "ip saddr != 10.99.99.99 accept",
        "iifname != \"none\" accept",
        "iifname \"l*\" accept",
    ] {
        let rules = format!(
            "table inet guard {{ set known {{ type inet_service; }}; chain aside {{ }}; \
             chain input {{ type filter hook input priority 0; policy drop; {rule}; }}; }}"
        );
        let seen = look_after(machine, &loaded(&rules));
        assert_eq!(barrier(&seen, "open_ports"), Barrier::Unsupported, "{rule}: {seen:?}");
        assert_eq!(column(&seen, "rules", "text").len(), 1, "{seen:?}");
        is(&seen, "input_policy", "drop");
    }
    // What was redirected before is not what arrives.
    let redirects =
        "table ip n { chain p { type nat hook prerouting priority -100; tcp dport 80 redirect to :8080; }; }";
    let seen = look_after(machine, &loaded(redirects));
    assert_eq!(barrier(&seen, "open_ports"), Barrier::Unsupported, "{seen:?}");
    is(&seen, "active", false);
}

#[test]
fn what_is_open_to_some_is_told_apart_unless_they_are_all() {
    let Some(machine) = elsewhere::machine() else { return };
    let look = |rules: &str| {
        let table = "table inet guard { chain input { type filter hook input priority 0; policy drop; tcp dport 22 accept; ";
        look_after(machine, &loaded(&format!("{table}{rules} }}; }}")))
    };
    let seen = look(
        "iifname { \"lo\", \"lab0\" } tcp dport 20-23 accept; ip saddr { 10.0.0.0/8, 192.0.2.1-192.0.2.7 } udp dport 53 accept;",
    );
    assert_eq!(open(&seen), ["ip tcp 22-22", "ip6 tcp 22-22"]);
    let some = ["ip tcp 20-21", "ip tcp 23-23", "ip udp 53-53", "ip6 tcp 20-21", "ip6 tcp 23-23"];
    assert_eq!(ports(&seen, "open_to_some"), some);
    for all in [
        "ip saddr 0.0.0.0/1 accept; ip saddr 128.0.0.0/1 accept;",
        "ip6 saddr { ::-7fff::, 7fff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff } accept;",
    ] {
        let seen = look(all);
        for fact in ["open_ports", "open_to_some"] {
            assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{all}: {seen:?}");
        }
    }
    // What narrows nothing that was open is nobody's question.
    assert_eq!(
        open(&look("tcp dport 22 limit rate 1/second drop; tcp dport 22 tcp flags syn accept;")),
        ["ip tcp 22-22", "ip6 tcp 22-22"]
    );
}

#[test]
fn a_rule_that_only_counts_makes_no_firewall() {
    let Some(machine) = elsewhere::machine() else { return };
    let counts =
        "table inet f { chain out { type filter hook output priority 0; counter; }; chain aside { drop; }; }";
    is(&look_after(machine, &loaded(counts)), "active", false);
    let jumps = counts.replace("counter;", "counter; jump aside;");
    is(&look_after(machine, &loaded(&jumps)), "active", true);
}

#[test]
fn what_stands_on_the_disk_only_is_not_loaded() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write("/etc/nftables.conf", STRICT);
    let seen = look_after(machine, "test -s /etc/nftables.conf");
    is(&seen, "active", false);
    assert_eq!(list(&seen, "rules"), []);
    let seen = look_after(machine, "nft -f /etc/nftables.conf");
    is(&seen, "active", true);
    // Nor what is switched off.
    let seen = look_after(
        machine,
        &loaded(&STRICT.replace("table inet guard {", "table inet guard { flags dormant;")),
    );
    is(&seen, "active", false);
    is(&seen, "input_policy", "accept");
    assert_eq!(column(&seen, "tables", "dormant"), [true.into()]);
}

#[test]
fn ufw_tells_whether_it_is_active_and_its_rules_are_in_the_kernel() {
    let Some(machine) = Machine::boot() else { return };
    let seen = look_after(&machine, "");
    is(&seen, "ufw", "inactive");
    assert_eq!(barrier(&seen, "ufw_rules"), Barrier::Unreachable);
    machine.run("ufw default deny incoming; ufw allow 8080/tcp; ufw allow from 10.0.0.0/8 to any port 22 proto tcp comment ours; ufw --force enable");
    let seen = machine.inside().look("firewall", &json!({ "firewall": "all" }));
    is(&seen, "ufw", "active");
    is(&seen, "ufw_default_input", "deny");
    let to = column(&seen, "ufw_rules", "to");
    assert!(to.contains(&"8080/tcp".into()) && to.contains(&"22/tcp".into()), "{to:?}");
    assert!(
        column(&seen, "ufw_rules", "action").iter().all(|action| *action == "ALLOW IN".into()),
        "{seen:?}"
    );
    is(&seen, "active", true);
    is(&seen, "input_policy", "drop");
    assert!(list(&seen, "rules").len() > 20, "{seen:?}");
    // Its chains jump to and fro.
    assert_eq!(barrier(&seen, "open_ports"), Barrier::Unsupported);
}

#[test]
fn rules_are_shown_to_who_may_administer_the_network() {
    let Some(machine) = elsewhere::machine() else { return };
    let seen = machine.inside().unprivileged().look("firewall", &json!({ "firewall": "all" }));
    for fact in ["active", "rules", "input_policy", "open_ports", "ufw"] {
        assert_eq!(barrier(&seen, fact), Barrier::PermissionDenied, "{fact}: {seen:?}");
    }
}

#[test]
fn without_nft_the_tool_is_missing() {
    let Some(machine) = elsewhere::machine() else { return };
    let hidden = ["unshare", "--mount", "sh", "-ec", "mount -t tmpfs none /usr/sbin; exec \"$@\"", "sh"];
    let seen = machine.inside().under(&hidden).look("firewall", &json!({ "firewall": "all" }));
    assert_eq!(barrier(&seen, "active"), Barrier::ToolMissing, "{seen:?}");
    is(&seen, "ufw", "absent");
}

/// A look with a nft that is this script.
fn with_nft(script: &str, timeout: Duration) -> Seen {
    let tools = tools(&[("nft", script)]);
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    here().with_path(path).within(timeout).look("firewall", &json!({ "firewall": "all" }))
}

#[test]
fn a_nft_that_hangs_or_babbles_is_not_believed() {
    let seen = with_nft("sleep 60", Duration::from_millis(500));
    assert_eq!(barrier(&seen, "rules"), Barrier::TimedOut, "{seen:?}");
    let metainfo = r#"{"nftables": [{"metainfo": {}}]}"#;
    for nonsense in ["echo hello", "true", "head -c 100000 /dev/urandom", "kill -9 $$", "echo no >&2; exit 1"]
    {
        let seen = with_nft(nonsense, Duration::from_secs(10));
        assert_eq!(barrier(&seen, "rules"), Barrier::Protocol, "{nonsense}: {seen:?}");
    }
    // Other rules at the second look than at the first.
    let changes = format!(
        "case $1 in --json) echo '{metainfo}' ;; *) printf 'table ip t {{\\n\\tchain c {{\\n\\t\\tdrop # handle 2\\n' ;; esac"
    );
    let seen = with_nft(&changes, Duration::from_secs(10));
    assert_eq!(barrier(&seen, "rules"), Barrier::Changed, "{seen:?}");
}

#[test]
fn hostile_text_is_kept_as_text() {
    let Some(machine) = elsewhere::machine() else { return };
    // Without what ends a comment in nft's own language.
    let comment: String = HOSTILE.chars().filter(|char| !"\"\u{1b}\u{7}`".contains(*char)).collect();
    let rules =
        format!("table inet t {{ chain c {{ tcp dport 1 accept comment \"{comment} # handle 1\"; }}; }}");
    let seen = look_after(machine, &loaded(&rules));
    assert_eq!(column(&seen, "rules", "comment"), [format!("{comment} # handle 1").into()], "{seen:?}");
}
