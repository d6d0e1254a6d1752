//! `log` of the journal of a real systemd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::path::Path;
use std::time::Duration;

use elsewhere::{here, machine, tools};
use jiff::Timestamp;
use probity_plan::{Barrier, Value};
use serde_json::json;
use support::{barrier, known, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
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
    assert_eq!(
        known(&seen, "lines_found"),
        &Value::from(vec!["sync finished in 3 s", "sync finished in 5 s"])
    );
    let Value::List(times) = known(&seen, "times_found") else { panic!("{seen:?}") };
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

/// A window that begins at this moment or up to a second later, of which another second has begun: when the machine was there,
/// so that its journal had begun.
fn since(ready: Timestamp) -> String {
    let whole = || Timestamp::now().duration_since(ready).as_secs();
    support::until("a window fits between then and now", || whole() >= 1);
    format!("{}s", whole())
}

#[test]
fn a_journal_that_speaks_within_the_window_reaches_back_before_it() {
    let Some(machine) = machine() else { return };
    let booted = Timestamp::now();
    speak("recent", "one\\n");
    support::until("a window fits between the boot and now", || {
        (Timestamp::now() - booted).get_seconds() >= 3
    });
    speak("recent", "two\\n");
    let parameters = json!({ "log": { "journal": "recent" }, "since": "2s", "match": "^two$" });
    let seen = machine.inside().look("log", &parameters);
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(true), "{seen:?}");
    assert_eq!(known(&seen, "count"), &Value::from(1));
}

#[test]
fn what_the_journal_left_out_is_not_none() {
    let Some(machine) = machine() else { return };
    machine.write("/usr/local/bin/chatters", "#!/bin/sh\nseq 300\necho ERROR: the last word\n");
    machine.write(
        "/etc/systemd/system/chatters.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh /usr/local/bin/chatters\nLogRateLimitIntervalSec=30s\nLogRateLimitBurst=10\n",
    );
    let ready = Timestamp::now();
    machine.run("systemctl daemon-reload; systemctl start chatters; journalctl --sync");
    let look = |unit: &str| {
        let parameters = json!({ "log": { "journal": unit }, "since": since(ready), "match": "ERROR" });
        machine.inside().look("log", &parameters)
    };
    let seen = look("chatters");
    assert_eq!(known(&seen, "window_covered"), &Value::Bool(true), "{seen:?}");
    for fact in ["count", "lines", "times", "times_found", "last", "last_age_s"] {
        assert_eq!(barrier(&seen, fact), Barrier::TooLarge, "{fact}: {seen:?}");
    }
    assert_eq!(known(&look("dbus"), "count"), &Value::from(0));
}

#[test]
fn what_a_unit_writes_elsewhere_is_not_looked_for_in_the_machine_s_journal() {
    let Some(machine) = machine() else { return };
    for (name, elsewhere) in [
        ("apart", "LogNamespace=apart"),
        ("filed", "StandardOutput=append:/var/log/filed.log"),
        ("cut", "StandardError=truncate:/var/log/cut.log"),
    ] {
        machine.write(
            &format!("/etc/systemd/system/{name}.service"),
            &format!("[Service]\nType=oneshot\nExecStart=/bin/echo ERROR\n{elsewhere}\n"),
        );
        machine.run(&format!("systemctl daemon-reload; systemctl start {name}"));
        let parameters = json!({ "log": { "journal": name }, "since": "10m", "match": "ERROR" });
        let seen = machine.inside().look("log", &parameters);
        assert_eq!(barrier(&seen, "count"), Barrier::Unsupported, "{name}: {seen:?}");
    }
}

#[test]
fn what_a_setting_keeps_out_of_the_journal_is_not_none() {
    let Some(machine) = machine() else { return };
    let ready = Timestamp::now();
    for (name, setting) in
        [("muted", "StandardOutput=null"), ("hushed", "LogLevelMax=warning"), ("heard", "Nice=0")]
    {
        let service = format!("[Service]\nType=oneshot\nExecStart=/bin/echo ERROR\n{setting}\n");
        machine.write(&format!("/etc/systemd/system/{name}.service"), &service);
        machine.run(&format!("systemctl daemon-reload; systemctl start {name}; journalctl --sync"));
        let parameters = json!({ "log": { "journal": name }, "since": since(ready), "match": "^ERROR$" });
        let seen = machine.inside().look("log", &parameters);
        match name {
            "heard" => assert_eq!(known(&seen, "count"), &Value::from(1), "{seen:?}"),
            _ => assert_eq!(barrier(&seen, "count"), Barrier::Unsupported, "{name}: {seen:?}"),
        }
    }
}

#[test]
fn an_alias_has_what_its_unit_said() {
    let Some(machine) = machine() else { return };
    let service =
        "[Service]\nType=oneshot\nExecStart=/bin/echo sync finished\n[Install]\nAlias=second.service\n";
    machine.write("/etc/systemd/system/first.service", service);
    machine.run("systemctl daemon-reload; systemctl enable first; systemctl start first; journalctl --sync");
    for name in ["first", "second"] {
        let parameters = json!({ "log": { "journal": name }, "since": "1h", "match": "^sync finished$" });
        let seen = machine.inside().look("log", &parameters);
        assert_eq!(known(&seen, "at_least"), &Value::from(1), "{name}: {seen:?}");
    }
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
    assert_eq!(known(&seen, "lines_found"), &Value::from(expected));
    // What depends on what these bytes mean is not known.
    let parameters = json!({ "log": { "journal": "hostile" }, "since": "30d", "match": r"^\w+ bytes" });
    assert_eq!(barrier(&machine.inside().look("log", &parameters), "lines_found"), Barrier::Protocol);
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
