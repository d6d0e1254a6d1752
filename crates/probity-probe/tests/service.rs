//! `service`, asked of a real systemd.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::time::Duration;

use elsewhere::{Machine, here, tools};
use probity_plan::{Barrier, Value};
use serde_json::json;
use support::{HOSTILE, barrier, known, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

#[test]
fn a_running_service_is_described() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write(
        "/etc/systemd/system/answers.service",
        "[Service]\nUser=nobody\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    );
    let before = jiff::Timestamp::now().as_second();
    machine.run("systemctl daemon-reload; systemctl enable --now answers");
    let seen = machine.inside().look("service", &json!({ "service": "answers" }));
    for (fact, expected) in [
        ("load_state", "loaded"),
        ("active_state", "active"),
        ("sub_state", "running"),
        ("enabled", "enabled"),
        ("unit_file", "/etc/systemd/system/answers.service"),
        ("result", "success"),
        ("user", "nobody"),
    ] {
        assert_eq!(text(&seen, fact), expected, "{fact}");
    }
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    assert_eq!(known(&seen, "restarts"), &Value::from(0));
    assert_eq!(known(&seen, "failed"), &Value::List(Vec::new()));
    assert_eq!(known(&seen, "units"), &Value::from(vec!["answers.service"]));
    let pid = &known(&seen, "main_pid").as_i64().unwrap();
    assert_eq!(machine.run(&format!("cat /proc/{pid}/comm")).trim(), "sleep");
    let started: jiff::Timestamp = text(&seen, "started").parse().unwrap();
    assert!((before..=jiff::Timestamp::now().as_second()).contains(&started.as_second()), "{started}");
    assert_eq!(text(&seen, "active_since"), text(&seen, "started"));
    // It has not ended, so with what is not known.
    assert_eq!(barrier(&seen, "exit_code"), Barrier::Unreachable);
    assert_eq!(barrier(&seen, "last_trigger"), Barrier::Unsupported);
}

#[test]
fn a_service_that_keeps_breaking_is_failed_and_counted() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write(
        "/etc/systemd/system/breaks.service",
        "[Unit]\nStartLimitBurst=3\n[Service]\nExecStart=/bin/sh -c 'exit 3'\nRestart=on-failure\nRestartSec=10ms\n",
    );
    machine.run("systemctl daemon-reload; systemctl start breaks");
    support::until("systemd gives up", || {
        machine.command(&["systemctl", "is-failed", "breaks"]).output().unwrap().status.success()
    });
    let seen = machine.inside().look("service", &json!({ "service": "breaks.service" }));
    assert_eq!(text(&seen, "active_state"), "failed");
    assert_eq!(text(&seen, "result"), "exit-code");
    assert_eq!(known(&seen, "exit_code"), &Value::from(3));
    assert_eq!(known(&seen, "signal"), &Value::from(0));
    assert_eq!(known(&seen, "main_pid"), &Value::from(0));
    assert_eq!(known(&seen, "failed"), &Value::from(vec!["breaks.service"]));
    let restarts = &known(&seen, "restarts").as_i64().unwrap();
    assert!(
        (2..=3).contains(restarts),
        "three starts are two or, with the refused one, three restarts: {restarts}"
    );

    let seen = machine.inside().look("service", &json!({ "service": "*.service" }));
    let Value::List(failed) = known(&seen, "failed") else { panic!("{seen:?}") };
    assert!(failed.contains(&Value::from("breaks.service")), "{failed:?}");
    let Value::List(units) = known(&seen, "units") else { panic!("{seen:?}") };
    assert!(units.contains(&Value::from("dbus.service")) && units.len() > failed.len(), "{units:?}");
    assert_eq!(barrier(&seen, "active_state"), Barrier::Unsupported);
}

#[test]
fn a_crash_loop_is_none_that_failed_and_is_told() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write(
        "/etc/systemd/system/loops.service",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=50ms\n",
    );
    machine.run("systemctl daemon-reload; systemctl start loops");
    let look = |unit: &str| machine.inside().look("service", &json!({ "service": unit }));
    support::until("it was restarted three times", || {
        let restarts = machine.run("systemctl show -p NRestarts --value loops");
        restarts.trim().parse::<u32>().unwrap() >= 3
    });
    let seen = look("loops");
    assert_eq!(known(&seen, "crash_looping"), &Value::Bool(true), "{seen:?}");
    assert_eq!(known(&seen, "failed"), &Value::List(Vec::new()));
    let Value::List(loops) = known(&look("*.service"), "crash_loops").clone() else { panic!() };
    assert!(
        loops.contains(&Value::from("loops.service")) && !loops.contains(&Value::from("dbus.service")),
        "{loops:?}"
    );
    assert_eq!(known(&look("dbus"), "crash_looping"), &Value::Bool(false));
    machine.run("systemctl stop loops");
}

#[test]
fn a_unit_whose_file_is_gone_exists_as_long_as_it_runs() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write("/run/systemd/system/orphan.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    machine.run("systemctl daemon-reload; systemctl start orphan; rm /run/systemd/system/orphan.service; systemctl daemon-reload");
    let look = || machine.inside().look("service", &json!({ "service": "orphan" }));
    let seen = look();
    assert_eq!(known(&seen, "exists"), &Value::Bool(true), "{seen:?}");
    assert_eq!((text(&seen, "load_state"), text(&seen, "active_state")), ("not-found", "active"));
    machine.run("systemctl stop orphan");
    assert_eq!(known(&look(), "exists"), &Value::Bool(false));
}

#[test]
fn what_runs_from_files_that_changed_since_says_so() {
    // Of its own: other tests have systemd read everything anew.
    let Some(machine) = Machine::boot() else { return };
    let unit = "[Service]\nExecStart=/usr/local/bin/old-sleep infinity\nEnvironmentFile=/etc/old.env\nEnvironmentFile=-/etc/missing.env\n";
    machine.write("/etc/old.env", "A=1\n");
    machine.run("cp /bin/sleep /usr/local/bin/old-sleep");
    machine.write("/etc/systemd/system/old.service", unit);
    let setting = "/etc/systemd/system/old.service.d/a.conf";
    machine.run("mkdir /etc/systemd/system/old.service.d");
    machine.write(setting, "[Service]\n");
    machine.run(&format!(
        "touch -d '1 hour ago' {setting} /etc/old.env /etc/systemd/system/old.service; systemctl daemon-reload; systemctl start old"
    ));
    let look = || machine.inside().look("service", &json!({ "service": "old" }));
    let needs = |reload: bool, restart: bool| {
        let seen = look();
        assert_eq!(known(&seen, "needs_reload"), &Value::Bool(reload), "{seen:?}");
        assert_eq!(known(&seen, "needs_restart"), &Value::Bool(restart), "{seen:?}");
    };
    needs(false, false);
    // A program that was replaced, as packages do it.
    machine
        .run("cp /bin/sleep /usr/local/bin/new-sleep; mv /usr/local/bin/new-sleep /usr/local/bin/old-sleep");
    needs(false, true);
    machine.run("systemctl restart old");
    needs(false, false);
    // A setting that systemd has not read, and one that it has read and the process has not.
    machine.run(&format!("touch -d '1 hour' {setting}"));
    assert_eq!(known(&look(), "needs_reload"), &Value::Bool(true));
    machine.run("systemctl daemon-reload");
    needs(false, true);
    machine.run(&format!("touch -d '1 hour ago' {setting}; systemctl daemon-reload; systemctl restart old"));
    needs(false, false);
    // One that keeps its time, as packages and copies bring it.
    machine.run("cp -p /etc/old.env /etc/new.env; mv /etc/new.env /etc/old.env");
    assert_eq!(barrier(&look(), "needs_restart"), Barrier::Unsupported);
    // Its environment, which is read as it starts.
    machine.run("touch -d '1 hour' /etc/old.env");
    needs(false, true);
    machine.run("systemctl stop old");
    assert_eq!(barrier(&look(), "needs_restart"), Barrier::Unreachable);
}

#[test]
fn settings_that_systemd_has_not_seen_and_files_that_a_pattern_names_are_not_taken_for_unchanged() {
    // Of its own: other tests have systemd read everything anew.
    let Some(machine) = Machine::boot() else { return };
    machine.write(
        "/etc/systemd/system/plain.service",
        "[Service]\nExecStart=/bin/sleep infinity\nEnvironmentFile=-/etc/plain/*.env\n",
    );
    machine.run("mkdir /etc/plain; systemctl daemon-reload; systemctl start plain");
    let look = || machine.inside().look("service", &json!({ "service": "plain" }));
    assert_eq!(known(&look(), "needs_reload"), &Value::Bool(false));
    machine.write("/etc/plain/a.env", "A=1\n");
    assert_eq!(barrier(&look(), "needs_restart"), Barrier::Unsupported);
    // In a folder that was not there when systemd read the unit.
    machine.run("mkdir /etc/systemd/system/plain.service.d");
    machine.write("/etc/systemd/system/plain.service.d/memory.conf", "[Service]\nMemoryMax=1G\n");
    assert_eq!(known(&look(), "needs_reload"), &Value::Bool(true));
    machine.run("systemctl daemon-reload");
    let seen = look();
    assert_eq!(known(&seen, "needs_reload"), &Value::Bool(false));
    assert_eq!(known(&seen, "needs_restart"), &Value::Bool(true));
    machine.run("systemctl stop plain");

    // A script that is executed, a file that takes the place of its unit's, a drop-in of its other name.
    machine.write("/usr/local/bin/app", "#!/bin/bash\nwhile :; do sleep 1; done\n");
    machine.write("/usr/lib/systemd/system/web.service", "[Service]\nExecStart=/usr/local/bin/app\n");
    let needs = |reload: bool, restart: bool| {
        let seen = machine.inside().look("service", &json!({ "service": "web" }));
        let expected = (&Value::Bool(reload), &Value::Bool(restart));
        assert_eq!((known(&seen, "needs_reload"), known(&seen, "needs_restart")), expected);
    };
    machine.run(
        "chmod +x /usr/local/bin/app; touch -d '1 hour ago' /usr/local/bin/app; \
         ln -s /usr/lib/systemd/system/web.service /etc/systemd/system/www.service; systemctl daemon-reload",
    );
    // The clock goes on from what was just touched.
    machine.run("sleep 0.1; systemctl start web");
    needs(false, false);
    machine.write("/etc/systemd/system/web.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    needs(true, false);
    machine.run("ln -sf /dev/null /etc/systemd/system/web.service");
    needs(true, false);
    machine.run("rm /etc/systemd/system/web.service; mkdir /etc/systemd/system/www.service.d");
    needs(false, false);
    machine.write("/etc/systemd/system/www.service.d/one.conf", "[Service]\nEnvironment=A=1\n");
    needs(true, false);
    machine.run("rm -r /etc/systemd/system/www.service.d; touch -d '1 hour' /usr/local/bin/app");
    needs(false, true);
    machine.run("systemctl stop web");
}

#[test]
fn a_unit_that_never_comes_to_its_main_process_loops() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write(
        "/etc/systemd/system/waits.service",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStartPre=/bin/sh -c 'sleep 1; exit 1'\nExecStart=/bin/sleep 5\n\
         Restart=always\nRestartSec=20ms\n",
    );
    machine.run("systemctl daemon-reload; systemctl start --no-block waits");
    let look = || machine.inside().look("service", &json!({ "service": "waits" }));
    support::until("it was restarted, and prepares again", || {
        let seen = look();
        known(&seen, "restarts").as_i64().unwrap() >= 3 && text(&seen, "sub_state") == "start-pre"
    });
    let seen = look();
    assert_eq!(known(&seen, "crash_looping"), &Value::Bool(true), "{seen:?}");
    assert_eq!(barrier(&seen, "started"), Barrier::Unreachable);
    machine.run("systemctl stop waits");
}

#[test]
fn a_service_that_a_signal_ended_has_no_exit_code() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write(
        "/etc/systemd/system/crashes.service",
        "[Service]\nExecStart=/bin/sh -c 'kill -SEGV $$$$; sleep 9'\n",
    );
    machine.run("systemctl daemon-reload; systemctl start crashes");
    support::until("it has crashed", || {
        machine.command(&["systemctl", "is-failed", "crashes"]).output().unwrap().status.success()
    });
    let seen = machine.inside().look("service", &json!({ "service": "crashes" }));
    assert_eq!(known(&seen, "signal"), &Value::from(11));
    assert_eq!(barrier(&seen, "exit_code"), Barrier::Aborted);
    assert!(["signal", "core-dump"].contains(&text(&seen, "result")), "{seen:?}");
}

#[test]
fn a_timer_tells_when_it_last_went_off_and_has_no_process() {
    let Some(machine) = elsewhere::machine() else { return };
    machine.write("/etc/systemd/system/tick.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n");
    machine.write("/etc/systemd/system/tick.timer", "[Timer]\nOnActiveSec=1ms\nAccuracySec=1ms\n");
    let before = jiff::Timestamp::now().as_second();
    machine.run("systemctl daemon-reload; systemctl start tick.timer");
    support::until("it goes off", || {
        !machine.run("systemctl show -p LastTriggerUSec --value tick.timer").trim().is_empty()
    });
    let seen = machine.inside().look("service", &json!({ "service": "tick.timer" }));
    let at: jiff::Timestamp = text(&seen, "last_trigger").parse().unwrap();
    assert!((before..=jiff::Timestamp::now().as_second()).contains(&at.as_second()), "{at}");
    for fact in ["main_pid", "restarts", "exit_code", "signal", "user", "started", "memory_bytes"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{fact}");
    }
}

#[test]
fn an_absent_unit_is_a_fact_and_a_masked_one_another() {
    let Some(machine) = elsewhere::machine() else { return };
    let seen = machine.inside().look("service", &json!({ "service": "no such thing" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported, "no unit can be called so");
    for absent in ["nosuch", "--help", "-p", "../../etc/passwd"] {
        let seen = machine.inside().look("service", &json!({ "service": absent }));
        assert_eq!(known(&seen, "exists"), &Value::Bool(false), "{absent}");
        assert_eq!(text(&seen, "active_state"), "inactive", "{absent}");
        assert_eq!(barrier(&seen, "main_pid"), Barrier::Unreachable, "{absent}");
        assert_eq!(barrier(&seen, "failed"), Barrier::Unreachable, "{absent}");
    }
    machine.run("systemctl mask hidden.service");
    let seen = machine.inside().look("service", &json!({ "service": "hidden" }));
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    assert_eq!(text(&seen, "load_state"), "masked");
    assert_eq!(text(&seen, "enabled"), "masked");

    // A pattern with a slip of the pen does not pass as "none failed".
    let seen = machine.inside().look("service", &json!({ "service": "ngnix*" }));
    assert_eq!(known(&seen, "units"), &Value::List(Vec::new()));
    assert_eq!(barrier(&seen, "failed"), Barrier::Unreachable);
}

#[test]
fn nobody_may_ask_as_long_as_there_is_a_bus() {
    let Some(machine) = Machine::boot() else { return };
    let seen = machine.inside().unprivileged().look("service", &json!({ "service": "dbus" }));
    assert_eq!(text(&seen, "active_state"), "active");
    machine.run("systemctl stop dbus.socket dbus.service");
    let seen = machine.inside().unprivileged().look("service", &json!({ "service": "dbus" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::Unreachable, "{seen:?}");
}

#[test]
fn a_systemd_that_does_not_answer_is_timed_out() {
    let Some(machine) = Machine::boot() else { return };
    rustix::process::kill_process(machine.first(), rustix::process::Signal::STOP).unwrap();
    let seen =
        machine.inside().within(Duration::from_millis(500)).look("service", &json!({ "service": "dbus" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::TimedOut, "{seen:?}");
}

#[test]
fn without_systemd_nothing_is_known_of_units() {
    let Some(machine) = elsewhere::machine() else { return };
    let hidden = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /run && exec \"$@\"", "sh"];
    let seen = machine.inside().under(&hidden).look("service", &json!({ "service": "dbus" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::Unsupported, "{seen:?}");
}

#[test]
fn without_systemctl_the_tool_is_missing() {
    let empty = tools(&[]);
    let seen =
        here().with_path(empty.path().to_str().unwrap()).look("service", &json!({ "service": "dbus" }));
    assert_eq!(barrier(&seen, "exists"), Barrier::ToolMissing, "{seen:?}");
}

#[test]
fn nonsense_is_not_an_answer() {
    for nonsense in ["echo hello", "echo Id=a.service", "true", "head -c 100000 /dev/urandom", "kill -9 $$"] {
        let tools = tools(&[("systemctl", nonsense)]);
        let path = format!("{}:/usr/bin:/bin", tools.path().display());
        let seen = here().with_path(path).look("service", &json!({ "service": "dbus" }));
        assert_eq!(barrier(&seen, "exists"), Barrier::Protocol, "{nonsense}: {seen:?}");
        assert!(seen.facts.is_empty(), "{seen:?}");
    }
}

#[test]
fn hostile_text_is_kept_as_text() {
    let answer =
        format!("Id=a.service\nLoadState=loaded\nActiveState=active\nSubState={HOSTILE}\nUser={HOSTILE}\n");
    let folder = support::folder();
    std::fs::write(folder.path().join("answer"), answer).unwrap();
    let tools = tools(&[("systemctl", &format!("cat {}/answer", folder.path().display()))]);
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    let seen = here().with_path(path).look("service", &json!({ "service": "a" }));
    assert_eq!(text(&seen, "sub_state"), HOSTILE);
    assert_eq!(text(&seen, "user"), HOSTILE);
    assert_eq!(barrier(&seen, "main_pid"), Barrier::Unsupported);
}
