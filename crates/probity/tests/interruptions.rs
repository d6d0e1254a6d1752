//! Ctrl-C, a closed terminal, a closed pipe, a full disk, a limit: what was recorded stays, the status is right, an undo
//! runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Home, code, is_root, stderr, stdout};

/// A run that would take a minute and has something to undo.
fn long(home: &Home) -> String {
    format!(
        "plan: Long\nprobes:\n  steady:\n    command: [sleep, '0.05']\n    every: 200ms\n    for: 60s\n    impact: observe\n    \
         undo: {{ command: [touch, {}] }}\nclaims:\n  works: {{ of: steady, check: exit_code == 0 }}\nverdict:\n  \
         - {{ label: GOOD, when: holds(works), accepted: true }}\n  - {{ label: BAD }}\n",
        home.path("undone").display()
    )
}

fn start(home: &Home, more: &[&str]) -> Child {
    begin(home, &long(home), more)
}

/// Starts this plan, whose probe has looked some times by the end.
fn begin(home: &Home, plan: &str, more: &[&str]) -> Child {
    home.write("plan.yaml", plan);
    let mut child = home
        .probity()
        .args(["run", "plan.yaml", "-o", "out.probity"])
        .args(more)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = home.path("out.probity/evidence.jsonl");
    let begun = Instant::now();
    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"slot\":2")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "the run did not begin");
        if let Some(status) = child.try_wait().unwrap() {
            panic!("the run ended by itself: {status}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn ends_in_order(home: &Home, child: Child, why: &str) {
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 4, "{}{}", stdout(&output), stderr(&output));
    assert!(home.path("undone").exists(), "the undo did not run");
    // Whatever the rules lead to, it is no evidence: as `report` says of the same bundle.
    let headline = |said: &str| said.lines().next().unwrap_or_default().to_owned();
    assert!(headline(&stdout(&output)).ends_with("(not acceptable evidence)"), "{}", stdout(&output));
    let verify = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verify), 2, "{}", stdout(&verify));
    let shown = stdout(&home.run(&["show", "out.probity"]));
    assert!(shown.contains(why), "{shown}");
    assert!(shown.contains("undo of steady"), "{shown}");
    let report = stdout(&home.run(&["report", "out.probity"]));
    assert!(report.contains("undetermined"), "{report}");
    assert_eq!(headline(&report), headline(&stdout(&output)));
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&home.run(&["verify", "out.probity", "--format", "json"]))).unwrap();
    assert_eq!((&json["outcome"], &json["gap"]), (&"incomplete".into(), &"interrupted".into()), "{json}");
    assert_eq!(json["checks"][0]["check"], "bundle", "{json}");
}

#[test]
fn ctrl_c_ends_the_run_in_order() {
    let home = Home::new();
    let child = start(&home, &[]);
    signal(&child, rustix::process::Signal::INT);
    ends_in_order(&home, child, "the run was interrupted (SIGINT)");
}

#[test]
fn a_second_ctrl_c_ends_the_run_without_its_undo_and_says_so() {
    let home = Home::new();
    let begun = home.path("begun").display().to_string();
    let slow =
        long(&home).replace("[touch, ", &format!("[sh, -c, 'touch {begun}; sleep 20; touch \"$0\"', "));
    let child = begin(&home, &slow, &[]);
    signal(&child, rustix::process::Signal::INT);
    let since = Instant::now();
    while !home.path("begun").exists() {
        assert!(since.elapsed() < Duration::from_secs(30), "the undo did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&child, rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 130, "{}", stderr(&output));
    assert!(stderr(&output).contains("an `undo` that had not run by now was not run"), "{}", stderr(&output));
    assert!(!home.path("undone").exists());
    assert_eq!(code(&home.run(&["verify", "out.probity"])), 2);
}

#[test]
fn a_closed_terminal_ends_the_run_in_order() {
    let home = Home::new();
    let child = start(&home, &[]);
    signal(&child, rustix::process::Signal::HUP);
    ends_in_order(&home, child, "the run was interrupted (SIGHUP)");
}

#[test]
fn a_limit_ends_the_run_in_order() {
    let home = Home::new();
    let child = start(&home, &["--limit", "2s"]);
    ends_in_order(&home, child, "the limit of 2s was reached");
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let home = Home::new();
    home.write("plan.yaml", "plan: P\nprobes:\n  here: { file: / }\nclaims:\n  c: { of: here, check: exists }\nverdict:\n  - { label: A, when: holds(c), accepted: true }\n  - { label: B }\n");
    let mut child = home
        .probity()
        .args(["run", "plan.yaml", "-o", "out.probity"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(code(&home.run(&["verify", "out.probity"])), 0);
}

#[test]
fn output_that_cannot_be_written_is_told_and_exits_4() {
    let home = Home::new();
    home.write("plan.yaml", SMALL_PLAN);
    home.write("claims.yaml", &SMALL_PLAN.replace("probes:\n  here: { file: / }\n", ""));
    home.write("report.md", "# A report\n");
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for call in [
        &["run", "plan.yaml", "-o", "out.probity"][..],
        &["run", "plan.yaml", "-o", "json.probity", "--format", "json"],
        &["run", "plan.yaml", "--dry-run"],
        &["verify", "out.probity"],
        &["show", "out.probity"],
        &["report", "out.probity"],
        &["report", "out.probity", "--format", "html"],
        &["evaluate", "out.probity", "--plan", "claims.yaml"],
        &["reproduce", "out.probity", "-o", "again.probity"],
        &["audit", "report.md"],
        &["plan", "check", "plan.yaml"],
        &["plan", "schema"],
        &["try", "file", "/"],
        &["init"],
        &["--help"],
    ] {
        let output = home.probity().args(call).stdout(full()).output().unwrap();
        let said = stderr(&output);
        assert_eq!(code(&output), 4, "{call:?}: {said}");
        assert!(said.contains("standard output cannot be written: No space left"), "{call:?}: {said}");
        assert_eq!(
            said.contains("The bundle was made"),
            home.path("out.probity").exists() && call.contains(&"-o"),
            "{call:?}: {said}"
        );
    }
    assert_eq!(code(&home.run(&["verify", "out.probity"])), 0);
}

/// A plan that is run at once.
const SMALL_PLAN: &str = "plan: P\nprobes:\n  here: { file: / }\nclaims:\n  c: { of: here, check: exists }\nverdict:\n  - { label: A, when: holds(c), accepted: true }\n  - { label: B }\n";

/// Runs a script in the home, with a file system of that size at `small` and this program as `$PROBITY`; nothing where that
/// cannot be, which CI does not allow.
fn on_a_small_disk(home: &Home, size: &str, script: &str) -> Option<Output> {
    if !is_root("a small file system that fills up can be mounted only by root") {
        return None;
    }
    std::fs::create_dir(home.path("small")).unwrap();
    // In a mount namespace of its own, so that nothing is left mounted.
    let script = format!("mount -t tmpfs -o size={size} none small && {script}");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script]).current_dir(home.path("")).env("HOME", home.path(""));
    Some(command.env("PROBITY", env!("CARGO_BIN_EXE_probity")).output().unwrap())
}

#[test]
fn a_full_disk_keeps_what_was_recorded() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: Full\nprobes:\n  many: { file: /etc/passwd, repeat: 40000 }\nclaims:\n  c: { of: many, check: exists }\nverdict:\n  - { label: A, when: holds(c), accepted: true }\n  - { label: B }\n",
    );
    let script = "$PROBITY run plan.yaml -o small/out.probity; status=$?; \
                  $PROBITY verify small/out.probity; echo verify=$?; $PROBITY show small/out.probity | wc -l; exit $status";
    let Some(output) = on_a_small_disk(&home, "4m", script) else { return };
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(code(&output), 4, "{out}{err}");
    assert!(err.contains("No space left"), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    assert!(out.contains("verify=2"), "{out}{err}");
    let entries: u64 = out.lines().last().unwrap().trim().parse().unwrap();
    assert!(entries > 100, "{entries} entries are left");
}

#[test]
fn a_disk_that_is_full_before_anything_is_recorded_fails_the_run() {
    let home = Home::new();
    home.write("plan.yaml", SMALL_PLAN);
    let script = "$PROBITY run plan.yaml -o small/out.probity; status=$?; \
                  ls -A small; head -c 100k /dev/zero > small/zeros 2>/dev/null; \
                  HOME=$HOME/small $PROBITY run plan.yaml -o key.probity; echo $?; exit $status";
    let Some(output) = on_a_small_disk(&home, "64k", script) else { return };
    let (out, err) = (stdout(&output), stderr(&output));
    assert_eq!(code(&output), 4, "{out}{err}");
    let first = err.lines().next().unwrap();
    assert!(first.ends_with("No space left on device (os error 28); nothing was recorded"), "{err}");
    // Nothing is left of the bundle; a key that finds no room is no wrong call either.
    assert_eq!(out, "4\n", "{err}");
    assert!(!err.contains("kept"), "{err}");
}

/// The public half of some key, whose private half nobody has.
const PUBLIC_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";

/// `ssh-keygen` is a stand-in that never answers, as one whose security key is not touched.
#[test]
fn a_signal_ends_whoever_is_asked_to_sign() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.write("plan.yaml", SMALL_PLAN);
    home.write("key.pub", PUBLIC_KEY);
    let (folder, asked) = (home.path("bin"), home.path("asked"));
    std::fs::create_dir(&folder).unwrap();
    let program = folder.join("ssh-keygen");
    std::fs::write(
        &program,
        format!("#!/bin/sh\necho $$ > {0}.part\nmv {0}.part {0}\nexec sleep 600\n", asked.display()),
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = home.probity();
    command.env("PATH", path).args(["run", "plan.yaml", "-o", "out.probity", "--key", "key.pub"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !asked.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody was asked to sign");
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = std::fs::read_to_string(asked).unwrap();
    signal(&child, rustix::process::Signal::TERM);
    let output = child.wait_with_output().unwrap();
    assert_ne!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("ssh-keygen"), "{}", stderr(&output));
    assert!(!std::path::Path::new("/proc").join(asked.trim()).exists(), "ssh-keygen was left");
    assert!(!home.path("out.probity").exists(), "nothing was recorded");
}
