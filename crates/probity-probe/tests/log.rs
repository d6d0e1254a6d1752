//! `log`: files of every sort, and the journal of a real systemd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use elsewhere::{act, here, machine, tools};
use jiff::{Timestamp, ToSpan};
use probity_plan::{Act, Barrier, Value};
use probity_probe::{Context, Secrets, Seen, Wanted};
use serde_json::{Value as Json, json};
use support::{HOSTILE, barrier, known, look, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

/// A line so many minutes old.
fn line(minutes: i64, text: &str) -> String {
    format!("{} app: {text}\n", Timestamp::now() - minutes.minutes())
}

async fn look_at(path: &Path, since: &str, pattern: &str) -> Seen {
    look(act("log", &json!({ "log": path, "since": since, "match": pattern }))).await
}

#[tokio::test]
async fn lines_of_the_window_that_match_are_counted() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let old = line(60, "ERROR long ago");
    let (first, second) = (line(5, "ERROR one"), line(3, "ERROR two"));
    let content =
        format!("{old}{first}    at main.rs:1 ERROR\n{}{second}{}", line(4, "fine"), line(2, "fine"));
    std::fs::write(&path, content).unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    assert_eq!(known(&seen, "empty"), &Value::Bool(false));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(true));
    assert_eq!(known(&seen, "entries"), &Value::from(5));
    assert_eq!(known(&seen, "count"), &Value::from(3));
    assert_eq!(known(&seen, "at_least"), &Value::from(3));
    assert_eq!(known(&seen, "rotated"), &Value::List(Vec::new()));
    let time = |line: &str| {
        let at: Timestamp = line.split(' ').next().unwrap().parse().unwrap();
        Value::from(format!("{at:.6}"))
    };
    // The line without a time has that of the line before it.
    assert_eq!(known(&seen, "times"), &Value::List(vec![time(&first), time(&first), time(&second)]));
    assert_eq!(known(&seen, "last"), &time(&second));
    let lines = Value::from(vec![first.trim_end(), "    at main.rs:1 ERROR", second.trim_end()]);
    assert_eq!(known(&seen, "lines"), &lines);
    let age = &known(&seen, "last_age_s").as_f64().unwrap();
    assert!((180.0..240.0).contains(age), "{age}");

    let seen = look_at(&path, "10m", "PANIC").await;
    assert_eq!(known(&seen, "count"), &Value::from(0));
    assert_eq!(barrier(&seen, "last"), Barrier::Unreachable);
}

#[tokio::test]
async fn without_since_the_window_begins_with_the_second_in_which_the_run_did() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, "2026-01-02T03:04:05Z a\n2026-01-02T03:04:06Z b\n2026-01-02T03:04:07Z c\n")
        .unwrap();
    let context = Context {
        wanted: &Wanted::All,
        secrets: &Secrets::default(),
        began: Instant::now(),
        run_began: "2026-01-02T03:04:06.7Z".parse().unwrap(),
        timeout: Duration::from_secs(10),
    };
    let seen = probity_probe::kinds::look(&act("log", &json!({ "log": path })), &context).await;
    assert_eq!(text(&seen, "window_start"), "2026-01-02T03:04:06.000000Z");
    let lines = vec!["2026-01-02T03:04:06Z b", "2026-01-02T03:04:07Z c"];
    assert_eq!(known(&seen, "lines"), &Value::from(lines));
    assert_eq!(known(&seen, "count"), &Value::from(2));
}

#[tokio::test]
async fn nothing_is_counted_where_the_log_does_not_reach_back() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, format!("{}{}", line(5, "ERROR"), line(1, "fine"))).unwrap();
    for rotated in ["app.log.1", "app.log-20260101.gz", "app.log.old", "app.log.rs", "app.logger"] {
        std::fs::write(folder.path().join(rotated), "").unwrap();
    }
    let seen = look_at(&path, "10m", "PANIC").await;
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "count"), Barrier::Unreachable);
    assert_eq!(known(&seen, "entries"), &Value::from(2));
    assert_eq!(known(&seen, "at_least"), &Value::from(0));
    assert_eq!(
        known(&seen, "rotated"),
        &Value::from(vec!["app.log-20260101.gz", "app.log.1", "app.log.old"])
    );
    // What was found was found.
    assert_eq!(known(&look_at(&path, "10m", "ERROR").await, "at_least"), &Value::from(1));

    std::fs::write(&path, "").unwrap();
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "empty"), &Value::Bool(true));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "count"), Barrier::Unreachable);
}

#[tokio::test]
async fn a_missing_log_is_a_fact_and_nothing_is_known_of_its_lines() {
    let folder = support::folder();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for absent in ["nosuch.log", "file/app.log"] {
        let seen = look_at(&folder.path().join(absent), "10m", "ERROR").await;
        assert_eq!(known(&seen, "exists"), &Value::Bool(false));
        for fact in ["count", "at_least", "entries", "window_covered"] {
            assert_eq!(barrier(&seen, fact), Barrier::Unreachable);
        }
    }
}

#[tokio::test]
async fn what_is_not_a_file_is_not_waited_for() {
    let folder = support::folder();
    let fifo = folder.path().join("fifo");
    support::run(std::process::Command::new("mkfifo").arg(&fifo));
    for path in [fifo.as_path(), Path::new("/dev/zero"), folder.path()] {
        let seen = look_at(path, "10m", "ERROR").await;
        assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported, "{path:?}: {seen:?}");
    }
}

#[test]
fn a_log_that_may_not_be_read_is_a_barrier() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, line(5, "ERROR")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let Some(nobody) = elsewhere::as_nobody() else { return };
    let seen = nobody.look("log", &json!({ "log": path, "since": "10m" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied, "{seen:?}");
    assert!(seen.facts.is_empty());
}

#[tokio::test]
async fn a_file_without_times_is_nonsense_and_hostile_text_is_text() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, "hello\nworld\n").unwrap();
    assert_eq!(barrier(&look_at(&path, "10m", "o").await, "count"), Barrier::Protocol);
    std::fs::write(&path, vec![0xff; 100_000]).unwrap();
    assert_eq!(barrier(&look_at(&path, "10m", "o").await, "at_least"), Barrier::Protocol);

    let mut content = line(60, "start").into_bytes();
    let hostile = line(1, HOSTILE);
    content.extend(hostile.as_bytes());
    content.extend(b"\xff\xfe\x00 no text at all\r\n");
    std::fs::write(&path, content).unwrap();
    let seen = look_at(&path, "10m", "").await;
    let expected = Value::from(vec![hostile.trim_end_matches('\n'), "\u{fffd}\u{fffd}\0 no text at all"]);
    assert_eq!(known(&seen, "lines"), &expected);
}

#[tokio::test]
async fn a_long_log_is_read_from_its_end_and_no_further_than_64_mib() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    let long = "x".repeat(1 << 20);
    let mut content = line(600, "start");
    for _ in 0..70 {
        content.push_str(&line(60, &long));
    }
    content.push_str(&line(1, "ERROR"));
    std::fs::write(&path, &content).unwrap();
    // The window lies in the last lines.
    let seen = look_at(&path, "10m", "ERROR").await;
    assert_eq!(known(&seen, "count"), &Value::from(1));
    // It begins in what is not read.
    let seen = look_at(&path, "5h", "ERROR").await;
    assert_eq!(barrier(&seen, "count"), Barrier::TooLarge);
    assert_eq!(barrier(&seen, "window_covered"), Barrier::TooLarge);
    assert_eq!(known(&seen, "at_least"), &Value::from(1));
    let seen = look_at(&path, "5h", "").await;
    assert_eq!(barrier(&seen, "lines"), Barrier::TooLarge);
}

#[tokio::test]
async fn more_than_a_thousand_lines_are_counted_but_not_listed() {
    let folder = support::folder();
    let path = folder.path().join("app.log");
    std::fs::write(&path, format!("{}{}", line(60, "start"), line(1, "x").repeat(1001))).unwrap();
    let seen = look_at(&path, "10m", "x").await;
    assert_eq!(known(&seen, "count"), &Value::from(1001));
    assert_eq!(barrier(&seen, "times"), Barrier::TooLarge);
    assert_eq!(barrier(&seen, "lines"), Barrier::TooLarge);
}

#[test]
fn parameters_that_cannot_work_are_refused_when_the_plan_is_read() {
    let refused = |parameters: Json| Act::deserialize("log", parameters).unwrap().unwrap_err().to_string();
    assert!(refused(json!({ "log": "app.log" })).contains("not an absolute path"));
    assert!(refused(json!({ "log": { "journal": "a", "unit": "b" } })).contains("unit"));
    assert!(refused(json!({ "log": "/a", "match": "(" })).contains("unclosed group"));
    assert!(refused(json!({ "log": "/a", "since": "soon" })).contains("not a duration"));
}

/// A unit that has just logged these lines, by printf.
fn speak(unit: &str, printf: &str) {
    let Some(machine) = machine() else { return };
    let script = format!("#!/bin/sh\nprintf '{printf}'\n");
    machine.write(&format!("/usr/local/bin/{unit}"), &script);
    let service = format!("[Service]\nType=oneshot\nExecStart=/bin/sh /usr/local/bin/{unit}\n");
    machine.write(&format!("/etc/systemd/system/{unit}.service"), &service);
    machine.run(&format!("systemctl daemon-reload; systemctl start {unit}; journalctl --sync"));
}

#[test]
fn the_journal_tells_what_a_unit_said() {
    let Some(machine) = machine() else { return };
    let before = Timestamp::now();
    speak("speaks", "sync started\\nsync finished in 3 s\\n");
    speak("speaks", "sync started\\nsync finished in 5 s\\n");
    let seen = machine
        .inside()
        .look("log", &json!({ "log": { "journal": "speaks" }, "since": "1h", "match": "sync finished" }));
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    assert_eq!(known(&seen, "at_least"), &Value::from(2));
    assert_eq!(known(&seen, "lines"), &Value::from(vec!["sync finished in 3 s", "sync finished in 5 s"]));
    let Value::List(times) = known(&seen, "times") else { panic!("{seen:?}") };
    for time in times {
        let at: Timestamp = time.as_text().unwrap().parse().unwrap();
        assert!(at >= before && at <= Timestamp::now(), "{at}");
    }
    assert_eq!(known(&seen, "last"), &times[1]);
    let entries = &known(&seen, "entries").as_i64().unwrap();
    assert!(*entries > 4, "systemd speaks of the unit too: {entries}");

    // Since the run began, which is this look: nothing, and that is known.
    let last: Timestamp = text(&seen, "last").parse().unwrap();
    support::until("another second has begun", || Timestamp::now().as_second() > last.as_second());
    let seen = machine.inside().look("log", &json!({ "log": { "journal": "speaks" } }));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(true));
    assert_eq!(known(&seen, "count"), &Value::from(0));

    // Since long before the machine was there: nothing is known to be missing from the log, nor that it is whole.
    let seen = machine
        .inside()
        .look("log", &json!({ "log": { "journal": "speaks" }, "since": "30d", "match": "PANIC" }));
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "count"), Barrier::Unreachable);
    assert_eq!(known(&seen, "at_least"), &Value::from(0));
}

#[test]
fn the_journal_never_heard_of_the_unit() {
    let Some(machine) = machine() else { return };
    for absent in ["nosuch", "--help", "no such thing"] {
        let seen = machine.inside().look("log", &json!({ "log": { "journal": absent }, "since": "10m" }));
        assert_eq!(known(&seen, "exists"), &Value::Bool(false), "{absent}");
        assert_eq!(barrier(&seen, "count"), Barrier::Unreachable, "{absent}");
    }
}

#[test]
fn the_journal_keeps_hostile_bytes_and_long_lines_whole() {
    let Some(machine) = machine() else { return };
    let long = "y".repeat(10_000);
    speak("hostile", &format!("\\033[2J\\033]0;owned\\a\\n\\377\\376 bytes\\n{long}\\n"));
    let seen = machine
        .inside()
        .look("log", &json!({ "log": { "journal": "hostile" }, "since": "30d", "match": "owned|bytes|yyy" }));
    let expected = vec!["\u{1b}[2J\u{1b}]0;owned\u{7}", "\u{fffd}\u{fffd} bytes", &long];
    assert_eq!(known(&seen, "lines"), &Value::from(expected));
}

#[test]
fn a_journal_that_may_not_be_read_is_a_barrier() {
    let Some(machine) = machine() else { return };
    speak("secret", "hello\\n");
    let seen = machine
        .inside()
        .unprivileged()
        .look("log", &json!({ "log": { "journal": "secret" }, "since": "1h" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied, "{seen:?}");
}

#[test]
fn without_a_journal_nothing_is_known_of_it() {
    let Some(machine) = machine() else { return };
    let hidden = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs none /run/log && mount -t tmpfs none /var/log && exec \"$@\"",
        "sh",
    ];
    let seen =
        machine.inside().under(&hidden).look("log", &json!({ "log": { "journal": "dbus" }, "since": "1h" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::Unreachable, "{seen:?}");
    let seen =
        machine.inside().with_path("/nonexistent").look("log", &json!({ "log": { "journal": "dbus" } }));
    assert_eq!(barrier(&seen, "exists"), Barrier::ToolMissing, "{seen:?}");
}

#[test]
fn a_journalctl_that_hangs_is_ended_and_one_that_babbles_not_believed() {
    let folder = support::folder();
    let pid = folder.path().join("pid");
    // Its child leaves the process group and must be ended all the same.
    let hangs = format!("setsid sh -c 'echo $$ >{}; sleep 600' & wait", pid.display());
    let with = |script: &str| {
        let tools = tools(&[("journalctl", script)]);
        let path = format!("{}:/usr/bin:/bin", tools.path().display());
        here()
            .with_path(path)
            .within(Duration::from_secs(1))
            .look("log", &json!({ "log": { "journal": "a" }, "since": "1h" }))
    };
    assert_eq!(barrier(&with(&hangs), "exists"), Barrier::TimedOut);
    let pid = std::fs::read_to_string(pid).unwrap();
    support::until("the child is gone", || !Path::new(&format!("/proc/{}", pid.trim())).exists());
    for nonsense in [
        "echo hello",
        "echo '{\"__REALTIME_TIMESTAMP\":\"soon\"}'",
        "echo '[]'",
        "exit 1",
        "head -c 100000 /dev/urandom; echo",
    ] {
        let seen = with(nonsense);
        assert_eq!(barrier(&seen, "exists"), Barrier::Protocol, "{nonsense}: {seen:?}");
    }
    // More than is read.
    assert_eq!(barrier(&with("yes | head -c 17000000"), "exists"), Barrier::TooLarge);
}
