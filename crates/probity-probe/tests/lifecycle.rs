//! `lifecycle`, of units of a real systemd. What they run that serves is this test's own executable.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use elsewhere::{Machine, here, tools};
use probity_plan::{Act, Barrier, FactType, Value};
use probity_probe::Seen;
use serde_json::{Value as Json, json};
use support::{HOSTILE, barrier, known, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

/// What the units run that serve: an HTTP server on the port, after the delay in milliseconds, that it is told.
#[test]
#[ignore = "run by systemd inside"]
fn serve_as_told() {
    let Ok(told) = std::env::var("SERVE") else { return };
    let (port, delay) = told.split_once('+').unwrap_or((&told, "0"));
    std::thread::sleep(Duration::from_millis(delay.parse().unwrap()));
    for stream in TcpListener::bind(format!("127.0.0.1:{port}")).unwrap().incoming() {
        let mut stream = stream.unwrap();
        _ = stream.read(&mut [0; 4096]);
        _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    }
}

/// The command that serves.
fn server() -> String {
    let name = std::env::current_exe().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    format!("/program/{name} serve_as_told --exact --ignored")
}

/// Makes a unit of these lines of its section `Service`, after those of `Unit`.
fn unit(machine: &Machine, name: &str, of_unit: &str, of_service: &str) {
    let content = format!("[Unit]\n{of_unit}\n[Service]\n{of_service}\n");
    machine.write(&format!("/etc/systemd/system/{name}.service"), &content);
    machine.run("systemctl daemon-reload");
}

fn look(machine: &Machine, name: &str, act: &str, rest: Json) -> Seen {
    look_within(machine, Duration::from_secs(20), name, act, rest)
}

fn look_within(machine: &Machine, timeout: Duration, name: &str, act: &str, mut rest: Json) -> Seen {
    rest["lifecycle"] = json!(name);
    rest["act"] = json!(act);
    machine.inside().within(timeout).look("lifecycle", &rest)
}

/// How to look whether what is on this port serves.
fn serving(port: u16) -> Json {
    json!({ "serving": { "http": format!("http://127.0.0.1:{port}/") }, "serves": { "status": 200 } })
}

/// The ends of an interval, which came back as it is written.
fn ends(seen: &Seen, fact: &str) -> (f64, f64) {
    let interval = FactType::Interval.adopt(known(seen, fact).clone());
    interval.and_then(|interval| interval.ends()).unwrap_or_else(|| panic!("{fact}: {seen:?}"))
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

#[test]
fn a_unit_is_started_until_it_serves_and_stopped_until_it_is_gone() {
    let Some(machine) = elsewhere::machine() else { return };
    let service = format!(
        "Environment=SERVE=8101+300\nExecStart={}\nRuntimeDirectory=good\nExecStartPre=/bin/touch /run/good/file",
        server()
    );
    unit(machine, "good", "", &service);
    let seen = look(machine, "good", "start", serving(8101));
    for fact in ["exists", "done", "serves"] {
        is(&seen, fact, true);
    }
    for fact in ["served_before", "crash_looping"] {
        is(&seen, fact, false);
    }
    is(&seen, "job", "done");
    is(&seen, "said", "");
    is(&seen, "active_state", "active");
    is(&seen, "sub_state", "running");
    for (fact, number) in [("main_pid_before", 0), ("restarts", 0), ("processes", 1)] {
        is(&seen, fact, number);
    }
    let pid = known(&seen, "main_pid").as_i64().unwrap();
    assert!(machine.run(&format!("cat /proc/{pid}/cmdline")).contains("serve_as_told"));
    let (at_least, at_most) = ends(&seen, "serving_ms");
    assert!(0.0 < at_least && (300.0..20_000.0).contains(&at_most), "{seen:?}");
    // systemd calls it active as soon as it has begun, which is before it listens.
    assert!(ends(&seen, "active_ms").0 < at_most, "{seen:?}");
    assert_eq!(barrier(&seen, "stopped_ms"), Barrier::Unreachable);
    assert!(known(&seen, "open_files").as_i64().unwrap() > 3, "{seen:?}");
    assert_eq!(barrier(&seen, "left_files"), Barrier::Unreachable);

    // What was begun anew is another process, and the old one is seen to be none of it.
    let again = look(machine, "good", "restart", serving(8101));
    is(&again, "served_before", true);
    is(&again, "main_pid_before", pid);
    is(&again, "serves", true);
    assert_ne!(known(&again, "main_pid"), &Value::from(pid), "{again:?}");
    assert!(ends(&again, "serving_ms").1 >= 300.0, "{again:?}");
    let stopped = ends(&again, "stopped_ms").0;
    assert!(stopped > 0.0 && stopped <= ends(&again, "active_ms").0, "{again:?}");
    is(&again, "restarts", 0);
    assert_eq!(list(&again, "left_processes"), [], "{again:?}");

    let seen = look(machine, "good", "stop", serving(8101));
    is(&seen, "done", true);
    is(&seen, "served_before", true);
    is(&seen, "serves", false);
    is(&seen, "active_state", "inactive");
    is(&seen, "result", "success");
    for (fact, number) in [("main_pid", 0), ("processes", 0), ("open_files", 0)] {
        is(&seen, fact, number);
    }
    for fact in ["left_processes", "left_sockets", "left_files"] {
        assert_eq!(list(&seen, fact), [], "{fact}: {seen:?}");
    }
    assert!(ends(&seen, "stopped_ms").1 > 0.0 && ends(&seen, "stopped_ms").1.is_finite(), "{seen:?}");
    assert_eq!(barrier(&seen, "serving_ms"), Barrier::Unsupported);
    assert_eq!(barrier(&seen, "active_ms"), Barrier::Unreachable);
}

#[test]
fn what_says_active_and_never_listens_does_not_serve() {
    let Some(machine) = elsewhere::machine() else { return };
    unit(machine, "deaf", "", "ExecStart=/bin/sleep infinity");
    let seen = look_within(machine, Duration::from_secs(12), "deaf", "start", serving(8102));
    is(&seen, "done", true);
    is(&seen, "active_state", "active");
    is(&seen, "serves", false);
    let (at_least, at_most) = ends(&seen, "serving_ms");
    assert!(at_least > 500.0 && at_most.is_infinite(), "{seen:?}");
    // Without a word how to look, nothing is known of it.
    let seen = look(machine, "deaf", "restart", json!({}));
    is(&seen, "active_state", "active");
    for fact in ["served_before", "serves", "serving_ms"] {
        assert_eq!(barrier(&seen, fact), Barrier::NotMade, "{fact}");
    }
}

#[test]
fn a_crash_loop_is_told_and_its_restarts_are_counted() {
    let Some(machine) = elsewhere::machine() else { return };
    unit(
        machine,
        "circles",
        "StartLimitIntervalSec=0",
        "ExecStart=/bin/false\nRestart=always\nRestartSec=50ms",
    );
    let seen = look_within(machine, Duration::from_secs(12), "circles", "start", serving(8103));
    is(&seen, "done", true);
    is(&seen, "serves", false);
    is(&seen, "crash_looping", true);
    assert!(known(&seen, "restarts").as_i64().unwrap() >= 3, "{seen:?}");
    // One that was seen to serve, and then not, is found out by watching on.
    let dies = format!(
        "Environment=SERVE=8113\nExecStart=/usr/bin/timeout 0.5 {}\nRestart=always\nRestartSec=50ms",
        server()
    );
    unit(machine, "relapses", "StartLimitIntervalSec=0", &dies);
    let mut watched = serving(8113);
    watched["watch"] = json!("4s");
    let seen = look(machine, "relapses", "start", watched);
    assert!(ends(&seen, "serving_ms").1.is_finite(), "{seen:?}");
    is(&seen, "crash_looping", true);
    machine.run("systemctl stop circles relapses");
}

#[test]
fn what_a_stop_leaves_behind_is_named() {
    let Some(machine) = elsewhere::machine() else { return };
    let service = format!(
        "Environment=SERVE=8104\nExecStart=/bin/sh -c '{} & exec sleep infinity'\nKillMode=process\n\
         RuntimeDirectory=leaves\nRuntimeDirectoryPreserve=yes\nExecStartPre=/bin/touch /run/leaves/file",
        server()
    );
    unit(machine, "leaves", "", &service);
    is(&look(machine, "leaves", "start", serving(8104)), "processes", 2);
    let seen = look(machine, "leaves", "stop", serving(8104));
    is(&seen, "active_state", "inactive");
    // It is over, and serves all the same.
    is(&seen, "serves", true);
    let [Value::Map(process)] = list(&seen, "left_processes") else { panic!("{seen:?}") };
    assert!(process["executable"].as_text().unwrap().starts_with("/program/"), "{seen:?}");
    assert_eq!(process["in_unit"], Value::Bool(true));
    let [Value::Map(socket)] = list(&seen, "left_sockets") else { panic!("{seen:?}") };
    assert_eq!((&socket["protocol"], &socket["port"]), (&"tcp".into(), &8104.into()));
    assert_eq!(list(&seen, "left_files"), ["/run/leaves".into(), "/run/leaves/file".into()]);
    machine.run(&format!("kill -9 {}", process["pid"].as_i64().unwrap()));
}

#[test]
fn a_stop_that_takes_too_long_says_so() {
    let Some(machine) = elsewhere::machine() else { return };
    let stubborn = "ExecStart=/bin/sh -c 'trap \"\" TERM; while :; do sleep 1; done'";
    unit(machine, "stubborn", "", &format!("{stubborn}\nTimeoutStopSec=700ms"));
    let asleep = |name: &str| machine.run(&format!("systemctl start {name}; sleep 0.2"));
    asleep("stubborn");
    let seen = look(machine, "stubborn", "stop", json!({}));
    is(&seen, "result", "timeout");
    is(&seen, "active_state", "failed");
    assert!(ends(&seen, "stopped_ms").0 >= 700.0, "{seen:?}");
    assert_eq!(list(&seen, "left_processes"), [], "{seen:?}");
    // Longer than the look lasts: what became of the job is not known, and the rest is.
    unit(machine, "dogged", "", &format!("{stubborn}\nTimeoutStopSec=100s"));
    asleep("dogged");
    let seen = look_within(machine, Duration::from_secs(8), "dogged", "stop", json!({}));
    for fact in ["done", "job", "said"] {
        assert_eq!(barrier(&seen, fact), Barrier::TimedOut, "{fact}: {seen:?}");
    }
    assert!(ends(&seen, "job_ms").1.is_infinite());
    is(&seen, "active_state", "deactivating");
    assert!(!list(&seen, "left_processes").is_empty(), "{seen:?}");
    machine.run("systemctl kill -s KILL dogged");
}

#[test]
fn what_systemd_does_not_do_is_not_done_and_why_is_told() {
    let Some(machine) = elsewhere::machine() else { return };
    let seen = look(machine, "no-such-unit", "start", json!({}));
    is(&seen, "exists", false);
    is(&seen, "done", false);
    assert_eq!(barrier(&seen, "active_state"), Barrier::Unreachable);

    machine.run("systemctl mask hidden.service");
    let refused = |name: &str, act: &str, said: &str| {
        let seen = look(machine, name, act, json!({}));
        is(&seen, "done", false);
        is(&seen, "job", "refused");
        assert!(text(&seen, "said").contains(said), "{seen:?}");
        seen
    };
    refused("hidden", "start", "masked");
    unit(machine, "fixed", "", "ExecStart=/bin/sleep infinity");
    machine.run("systemctl start fixed");
    let seen = refused("fixed", "reload", "not applicable");
    is(&seen, "active_state", "active");
    let pid = known(&seen, "main_pid_before").clone();
    is(&seen, "main_pid", pid);

    // A requirement that fails, and a condition that does not hold.
    unit(machine, "broken", "", "Type=oneshot\nExecStart=/bin/false");
    unit(machine, "needy", "Requires=broken.service\nAfter=broken.service", "ExecStart=/bin/sleep infinity");
    let seen = look(machine, "needy", "start", json!({}));
    is(&seen, "done", false);
    is(&seen, "job", "dependency");
    is(&seen, "active_state", "inactive");
    let broken = list(&seen, "dependencies").iter().find_map(|unit| match unit {
        Value::Map(unit) if unit["unit"] == "broken.service".into() => Some(unit),
        _ => None,
    });
    let broken = broken.unwrap_or_else(|| panic!("{seen:?}"));
    for (key, value) in [("required", true.into()), ("after", true.into()), ("active_state", "failed".into())]
    {
        assert_eq!(broken[key], value, "{key}: {broken:?}");
    }
    // systemd remembers for as long as something refers to the unit.
    let conditional = "ConditionPathExists=/no/such/path";
    unit(
        machine,
        "conditional",
        conditional,
        "ExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target",
    );
    let seen = look(machine, "conditional", "start", json!({}));
    for fact in ["done", "job"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{seen:?}");
    }
    machine.run("systemctl enable conditional");
    let seen = look(machine, "conditional", "start", json!({}));
    is(&seen, "done", false);
    is(&seen, "job", "skipped");
    // What ends at once is done, though systemd has forgotten it.
    unit(machine, "quick", "", "Type=oneshot\nExecStart=/bin/true");
    let seen = look(machine, "quick", "start", json!({}));
    is(&seen, "done", true);
    is(&seen, "active_state", "inactive");

    unit(machine, "fails", "", "Type=oneshot\nExecStart=/bin/sh -c 'exit 3'");
    let seen = look(machine, "fails", "start", json!({}));
    is(&seen, "done", false);
    is(&seen, "job", "failed");
    is(&seen, "active_state", "failed");
    is(&seen, "result", "exit-code");
}

#[test]
fn what_is_reloaded_goes_on_as_the_same() {
    let Some(machine) = elsewhere::machine() else { return };
    let service =
        "ExecStart=/bin/sh -c 'trap : HUP; while :; do sleep 0.1; done'\nExecReload=/bin/kill -HUP $MAINPID";
    unit(machine, "rereads", "", service);
    machine.run("systemctl start rereads; sleep 0.2");
    let seen = look(machine, "rereads", "reload", json!({}));
    is(&seen, "done", true);
    is(&seen, "active_state", "active");
    let pid = known(&seen, "main_pid_before").clone();
    is(&seen, "main_pid", pid);
    assert_eq!(barrier(&seen, "stopped_ms"), Barrier::Unreachable);
}

#[test]
fn what_is_killed_comes_back_where_its_unit_says_so() {
    let Some(machine) = elsewhere::machine() else { return };
    let service = format!("Environment=SERVE=8105\nExecStart={}\nRestart=always\nRestartSec=200ms", server());
    unit(machine, "immortal", "", &service);
    let pid = known(&look(machine, "immortal", "start", serving(8105)), "main_pid").as_i64().unwrap();
    let mut kill = serving(8105);
    kill["signal"] = json!("KILL");
    kill["whom"] = json!("main");
    let seen = look(machine, "immortal", "kill", kill.clone());
    is(&seen, "done", true);
    is(&seen, "main_pid_before", pid);
    assert_ne!(known(&seen, "main_pid"), &Value::from(pid), "{seen:?}");
    is(&seen, "restarts", 1);
    is(&seen, "serves", true);
    is(&seen, "active_state", "active");
    assert!(ends(&seen, "serving_ms").1 >= 200.0, "{seen:?}");
    assert_eq!(list(&seen, "left_processes"), [], "{seen:?}");

    let service = format!("Environment=SERVE=8106\nExecStart={}", server());
    unit(machine, "mortal", "", &service);
    look(machine, "mortal", "start", serving(8106));
    kill["serving"] = serving(8106)["serving"].clone();
    let seen = look(machine, "mortal", "kill", kill);
    is(&seen, "active_state", "failed");
    is(&seen, "result", "signal");
    is(&seen, "serves", false);
    is(&seen, "restarts", 0);
    // What only tells it something does not end it.
    unit(machine, "listens", "", "ExecStart=/bin/sh -c 'trap : USR1; while :; do sleep 0.1; done'");
    machine.run("systemctl start listens; sleep 0.2");
    let seen = look(machine, "listens", "kill", json!({ "signal": "USR1" }));
    let pid = known(&seen, "main_pid_before").clone();
    is(&seen, "main_pid", pid);
    is(&seen, "active_state", "active");
}

#[test]
fn who_may_not_act_changes_nothing_and_says_so() {
    let Some(machine) = elsewhere::machine() else { return };
    unit(machine, "mine", "", "ExecStart=/bin/sleep infinity");
    machine.run("systemctl start mine");
    let parameters = json!({ "lifecycle": "mine", "act": "stop" });
    let seen = machine.inside().unprivileged().look("lifecycle", &parameters);
    is(&seen, "exists", true);
    assert_eq!(barrier(&seen, "done"), Barrier::PermissionDenied, "{seen:?}");
    assert_eq!(barrier(&seen, "active_state"), Barrier::PermissionDenied, "{seen:?}");
    assert_eq!(machine.run("systemctl is-active mine").trim(), "active");
}

#[test]
fn a_systemd_that_does_not_answer_is_timed_out() {
    let Some(machine) = Machine::boot() else { return };
    rustix::process::kill_process(machine.first(), rustix::process::Signal::STOP).unwrap();
    let seen = look_within(&machine, Duration::from_millis(700), "dbus", "restart", json!({}));
    assert_eq!(barrier(&seen, "done"), Barrier::TimedOut, "{seen:?}");
}

#[test]
fn without_systemd_nothing_is_done() {
    let parameters = json!({ "lifecycle": "dbus", "act": "stop" });
    let empty = tools(&[]);
    let seen = here().with_path(empty.path().to_str().unwrap()).look("lifecycle", &parameters);
    assert_eq!(barrier(&seen, "done"), Barrier::ToolMissing, "{seen:?}");
    let Some(machine) = elsewhere::machine() else { return };
    let hidden = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && exec \"$@\"", "sh"];
    let seen = machine.inside().under(&hidden).look("lifecycle", &parameters);
    assert_eq!(barrier(&seen, "done"), Barrier::Unsupported, "{seen:?}");
}

/// A look with a systemctl that is this script.
fn with_systemctl(script: &str) -> Seen {
    let tools = tools(&[("systemctl", script)]);
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    here().with_path(path).look("lifecycle", &json!({ "lifecycle": "a", "act": "start" }))
}

#[test]
fn nonsense_is_not_an_answer() {
    for nonsense in ["echo hello", "true", "head -c 100000 /dev/urandom", "kill -9 $$"] {
        let seen = with_systemctl(nonsense);
        assert_eq!(barrier(&seen, "done"), Barrier::Protocol, "{nonsense}: {seen:?}");
    }
}

#[test]
fn hostile_text_is_kept_as_text() {
    let folder = support::folder();
    let answer =
        format!("Id=a.service\nLoadState=loaded\nActiveState=failed\nSubState={HOSTILE}\nResult={HOSTILE}\n");
    std::fs::write(folder.path().join("answer"), answer).unwrap();
    std::fs::write(folder.path().join("said"), HOSTILE).unwrap();
    let at = folder.path().display();
    let seen = with_systemctl(&format!(
        "case \"$*\" in *show*) cat {at}/answer ;; *) cat {at}/said >&2; exit 1 ;; esac"
    ));
    is(&seen, "sub_state", HOSTILE);
    is(&seen, "result", HOSTILE);
    is(&seen, "said", HOSTILE);
    is(&seen, "job", "refused");
}

#[test]
fn the_machine_that_looks_is_never_rebooted() {
    let tools = tools(&[("systemctl", "touch \"$0.called\"")]);
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    let seen = here().with_path(path).look("lifecycle", &json!({ "lifecycle": "a", "act": "reboot" }));
    assert_eq!(barrier(&seen, "done"), Barrier::Unsupported, "{seen:?}");
    assert!(!tools.path().join("systemctl.called").exists());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_done() {
    let http = r#""serving": { "http": "http://x/" }"#;
    for (parameters, message) in [
        (r#""lifecycle": "a*", "act": "stop""#.to_owned(), "is a pattern"),
        (r#""lifecycle": "a", "act": "halt""#.to_owned(), "halt"),
        (r#""lifecycle": "a", "act": "stop", "signal": "KILL""#.to_owned(), "go with `act: kill`"),
        (r#""lifecycle": "a", "act": "stop", "serves": { "status": 200 }"#.to_owned(), "needs `serving`"),
        (format!(r#""lifecycle": "a", "act": "stop", {http}"#), "needs `serves`"),
        (format!(r#""lifecycle": "a", "act": "stop", {http}, "serves": {{ "stats": 200 }}"#), "did you mean `status`?"),
        (format!(r#""lifecycle": "a", "act": "stop", {http}, "serves": {{ "status": "200" }}"#), "is of type int"),
        (format!(r#""lifecycle": "a", "act": "stop", {http}, "serves": {{ "status": 403 }}"#), "turned away"),
        (format!(r#""lifecycle": "a", "act": "stop", {http}, "serves": {{ "connected": false }}"#), "turned away"),
        (format!(r#""lifecycle": "a", "act": "stop", {http}, "serves": {{ "version": "HTTP/1.1" }}"#), "somebody who answers"),
        (
            r#""lifecycle": "a", "act": "stop", "serving": { "file": "/x" }, "serves": { "exists": true }"#.to_owned(),
            "begins with the key of a kind that connects",
        ),
        (
            r#""lifecycle": "a", "act": "stop", "serving": { "connect": "x", "port": 1 }, "serves": { "connected": true }"#
                .to_owned(),
            "begins with the key of a kind that connects",
        ),
    ] {
        let written = format!("{{ {parameters} }}");
        let mut json = serde_json::Deserializer::from_str(&written);
        let error = Act::deserialize("lifecycle", &mut json).unwrap().expect_err(&written).to_string();
        assert!(error.contains(message), "{written}: {error}");
    }
}
