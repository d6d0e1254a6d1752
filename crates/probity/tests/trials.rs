//! Trials on machines that are made for them, from the plan to the verification, and what becomes of the machines whatever happens. A
//! machine here is a process in namespaces of its own, which takes no time to make; it needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use support::{Home, code, is_root, stderr, stdout};

/// Makes and removes machines, and writes down what it is asked. Files beside it make it ill.
const MACHINE: &str = r#"#!/bin/sh
set -eu
cd "$(dirname "$0")"
echo "$1 $2" >>log
case $1 in
up)
    mkdir "made-$2"
    [ ! -e hangs ] || { sleep 300; }
    [ ! -e fails ] || { echo "no room for $2" >&2; exit 3; }
    [ ! -e nonsense ] || { echo "a machine"; exit; }
    [ ! -e network ] || { echo '{"netns": "lab"}'; exit; }
    [ ! -e kept ] || { cat pid; exit; }
    [ ! -e here ] || { echo "{\"pid\": $PPID}"; exit; }
    unshare --mount --uts --net --pid --fork --kill-child --mount-proc sh -ec '
        mount -t tmpfs none /srv; ip link set lo up; : >"$0/ready"; exec sleep 300' "$PWD/made-$2" </dev/null >/dev/null 2>&1 &
    echo $! >"made-$2/outer"
    until [ -e "made-$2/ready" ]; do sleep 0.01; done
    cat /proc/$!/task/$!/children >"made-$2/inner"
    echo "{\"pid\": $(cat "made-$2/inner")}" | tee pid
    [ ! -e same ] || mv "made-$2/outer" kept
    ;;
down)
    [ ! -e stuck ] || { echo "it is stuck" >&2; exit 1; }
    [ ! -e "made-$2/outer" ] || kill -KILL "$(cat "made-$2/outer")" || :
    rm -rf "made-$2"
    ;;
esac
"#;

const PLAN: &str = "\
plan: Installations
machines:
  clean: { up: [./machine, up, $name], down: [./machine, down, $name], within: 20s }
trials:
  install:
    machine: clean
    repeat: 3
    at_once: 2
    probes:
      before: { file: /srv/marker, on: machine }
      installed: { command: [touch, /srv/marker], on: machine, impact: write }
      after: { file: /srv/marker, on: machine, needs: installs }
claims:
  fresh: { of: install.before, check: '!exists', share: '>= 30%' }
  installs: { of: install.installed, check: exit_code == 0, share: '>= 30%' }
  there: { of: install.after, check: exists, share: '>= 30%' }
verdict:
  - { label: READY, when: holds(fresh) && holds(installs) && holds(there), accepted: true }
  - { label: NOT READY }
";

/// A plan of one trial that sleeps in the machine for a while.
const LONG: &str = "\
plan: A long trial
machines:
  clean: { up: [./machine, up, $name], down: [./machine, down, $name], within: 20s }
trials:
  t: { machine: clean, repeat: 1, probes: { sleeps: { command: [sleep, '120'], on: machine, impact: write, timeout: 3m } } }
claims:
  slept: { of: t.sleeps, check: exit_code == 0 }
verdict: [ label: DONE ]
";

/// A home with the script, if we are root.
fn home() -> Option<Home> {
    if !is_root("only root makes namespaces") {
        return None;
    }
    let home = Home::new();
    let script = home.write("machine", MACHINE);
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o700)).unwrap();
    home.write("plan.yaml", PLAN);
    home.write("long.yaml", LONG);
    Some(home)
}

fn run(home: &Home, more: &[&str]) -> Output {
    home.run(&[&["run", "plan.yaml", "-o", "out.probity", "--allow", "write"], more].concat())
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "still not so: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the script was asked, in order of the first word.
fn asked(home: &Home) -> (usize, usize) {
    let log = std::fs::read_to_string(home.path("log")).unwrap_or_default();
    let count = |what: &str| log.lines().filter(|line| line.starts_with(what)).count();
    (count("up "), count("down "))
}

/// The machines that there are, and those that are written down.
fn left(home: &Home) -> (usize, usize) {
    let count = |folder: std::path::PathBuf, is: &str| {
        let names = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(is)).count()
    };
    (count(home.path(""), "made-"), count(home.path(".local/state/probity/left-over"), "probity-"))
}

/// A long run under way, in its trial.
fn under_way(home: &Home, bundle: &str) -> Child {
    let before = left(home);
    let child = home
        .probity()
        .args(["run", "long.yaml", "--allow", "write", "-o", bundle])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = home.path(bundle).join("evidence.jsonl");
    until("its machine is looked at", || {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("\"introduction\""))
    });
    assert_eq!(left(home), (before.0 + 1, before.1 + 1));
    child
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn each_trial_begins_on_a_fresh_machine_and_is_one_vote() {
    let Some(home) = home() else { return };
    let output = run(&home, &[]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert_eq!((asked(&home), left(&home)), ((3, 3), (0, 0)));
    let verified = home.run(&["verify", "out.probity"]);
    assert_eq!(code(&verified), 0, "{}", stdout(&verified));
    let log = std::fs::read_to_string(home.path("out.probity/evidence.jsonl")).unwrap();
    let count = |what: &str| log.matches(what).count();
    assert_eq!((count("\"introduction\""), count("\"name\":\"up\""), count("\"name\":\"down\"")), (3, 3, 3));
    let report = stdout(&home.run(&["report", "out.probity"]));
    assert!(report.contains("3 of 3"), "{report}");
    let html = std::fs::read_to_string(home.path("out.probity/report.html")).unwrap();
    assert!(html.contains("make machine probity-") && html.contains("remove machine probity-"), "{html}");
    // Made again, on machines of other names.
    let again = home.run(&["reproduce", "out.probity", "-o", "again.probity", "--allow", "write"]);
    assert_eq!(code(&again), 0, "{}{}", stdout(&again), stderr(&again));
    assert_eq!((asked(&home), left(&home)), ((6, 6), (0, 0)));
}

#[test]
fn no_machine_is_made_without_the_operators_word() {
    let Some(home) = home() else { return };
    let dry = stdout(&home.run(&["run", "plan.yaml", "--dry-run"]));
    assert!(
        dry.contains("install: 3 trials, 2 at once") && dry.contains("first: ./machine up NAME"),
        "{dry}"
    );
    assert!(dry.contains("Not run: install.before (needs --allow write)"), "{dry}");
    let output = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&output), 2, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("not-permitted"), "{}", stdout(&output));
    assert_eq!(asked(&home), (0, 0));
    assert_eq!(code(&home.run(&["verify", "out.probity"])), 0);
}

#[test]
fn a_machine_that_cannot_be_made_blocks_its_trial_and_is_removed() {
    for (ill, said) in [
        ("fails", "exit code 3: no room for probity-"),
        ("nonsense", "it printed `a machine`"),
        ("hangs", "it was not over within 1s"),
        ("here", "is in no mount namespace of its own, so that is this machine"),
        ("network", "has the files and processes of this machine"),
    ] {
        let Some(home) = home() else { return };
        home.write(ill, "");
        if ill == "hangs" {
            home.write("plan.yaml", &PLAN.replace("within: 20s", "within: 1s"));
        }
        let output = run(&home, &[]);
        assert_eq!(code(&output), 2, "{ill}: {}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains("undetermined"), "{}", stdout(&output));
        let shown = stdout(&home.run(&["show", "out.probity", "--format", "json"]));
        assert!(shown.contains(said), "{ill}: {shown}");
        assert_eq!(shown.matches("no-machine").count(), 9, "{ill}: {shown}");
        assert_eq!((asked(&home), left(&home)), ((3, 3), (0, 0)), "{ill}");
        assert_eq!(code(&home.run(&["verify", "out.probity"])), 0, "{ill}");
    }
}

#[test]
fn a_machine_that_an_earlier_trial_had_is_none() {
    let Some(home) = home() else { return };
    home.write("same", "");
    home.write("plan.yaml", &PLAN.replace("    at_once: 2\n", ""));
    let output = run(&home, &[]);
    let shown = stdout(&home.run(&["show", "out.probity", "--format", "json"]));
    let kept = std::fs::read_to_string(home.path("kept")).unwrap();
    let kept = rustix::process::Pid::from_raw(kept.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(kept, rustix::process::Signal::KILL).unwrap();
    assert_eq!(code(&output), 2, "{}{}", stdout(&output), stderr(&output));
    assert!(shown.contains("is the machine of another trial of this run already"), "{shown}");
}

#[test]
fn what_is_to_be_seen_on_a_machine_that_died_is_not_seen() {
    let Some(home) = home() else { return };
    // Dead is it only once its first process is.
    let dies = "dies: { command: { shell: \"kill -KILL $$(cat made-*/outer); while grep -qs '^State:.[^ZX]' /proc/$$(echo $$(cat made-*/inner))/status; do sleep 0.01; done\" }, impact: disrupt }\n      after:";
    let plan = PLAN.replace("after:", dies).replace("repeat: 3\n    at_once: 2", "repeat: 1");
    home.write("plan.yaml", &plan.replace(", share: '>= 30%'", ""));
    let output = home.run(&["run", "plan.yaml", "-o", "out.probity", "--allow", "disrupt"]);
    assert_eq!(code(&output), 2, "{}{}", stdout(&output), stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("unreachable"), "{said}");
    let json = stdout(&home.run(&["report", "out.probity", "--format", "json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let outcomes: Vec<&str> = json["judgement"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["holds", "holds", "undetermined"]);
    assert_eq!(left(&home), (0, 0));
}

#[test]
fn a_run_that_is_interrupted_removes_its_machine() {
    let Some(home) = home() else { return };
    let child = under_way(&home, "out.probity");
    signal(&child, rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 4, "{}{}", stdout(&output), stderr(&output));
    assert_eq!((asked(&home), left(&home)), ((1, 1), (0, 0)));
    let limited =
        home.run(&["run", "long.yaml", "--allow", "write", "--limit", "1s", "-o", "limited.probity"]);
    assert_eq!(code(&limited), 4);
    assert_eq!((asked(&home), left(&home)), ((2, 2), (0, 0)));
}

#[test]
fn a_run_that_was_killed_leaves_its_machine_to_the_next_and_one_that_lives_is_left_alone() {
    let Some(home) = home() else { return };
    let (mut killed, mut living) = (under_way(&home, "killed.probity"), under_way(&home, "living.probity"));
    let clean = home.run(&["clean"]);
    assert_eq!((code(&clean), left(&home)), (0, (2, 2)));
    assert_eq!(stdout(&clean).matches("left alone").count(), 2, "{}", stdout(&clean));
    killed.kill().unwrap();
    killed.wait().unwrap();
    let clean = home.run(&["clean"]);
    let said = stdout(&clean);
    assert_eq!((code(&clean), left(&home)), (0, (1, 1)), "{said}");
    assert!(said.contains("removed by ./machine down probity-") && said.contains("left alone"), "{said}");
    // Also by any other run.
    living.kill().unwrap();
    living.wait().unwrap();
    let output = run(&home, &[]);
    assert_eq!((code(&output), left(&home)), (0, (0, 0)), "{}", stderr(&output));
    assert!(stderr(&output).contains("removed by ./machine down probity-"), "{}", stderr(&output));
    let clean = home.run(&["clean"]);
    assert_eq!((code(&clean), stdout(&clean).trim()), (0, "nothing is left over"));
}

#[test]
fn what_still_makes_a_machine_for_a_run_that_was_killed_is_ended_first() {
    let Some(home) = home() else { return };
    home.write("hangs", "");
    let mut child = home
        .probity()
        .args(["run", "long.yaml", "--allow", "write", "-o", "out.probity"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the machine is being made", || left(&home) == (1, 1));
    let makers = || {
        let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let here = home.path("").display().to_string();
        all.filter(|entry| {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            let environment = String::from_utf8_lossy(&environment).into_owned();
            let is_there = std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| !line.is_empty());
            is_there
                && environment.contains("PROBITY_MACHINE=")
                && environment.contains(&format!("HOME={}", here.trim_end_matches('/')))
        })
        .count()
    };
    until("it hangs", || makers() == 2);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(makers(), 2, "nobody ends it yet");
    let clean = home.run(&["clean"]);
    assert_eq!((code(&clean), left(&home)), (0, (0, 0)), "{}", stdout(&clean));
    until("it was ended", || makers() == 0);
}

#[test]
fn a_machine_that_could_not_be_removed_is_told_and_removed_later() {
    let Some(home) = home() else { return };
    home.write("stuck", "");
    let output = run(&home, &[]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("may still be there"), "{}", stdout(&output));
    assert_eq!(left(&home), (3, 3));
    let clean = home.run(&["clean"]);
    assert_eq!((code(&clean), left(&home)), (4, (3, 3)), "{}", stdout(&clean));
    assert!(
        stdout(&clean).contains("NOT removed") && stdout(&clean).contains("it is stuck"),
        "{}",
        stdout(&clean)
    );
    std::fs::remove_file(home.path("stuck")).unwrap();
    let clean = home.run(&["clean"]);
    assert_eq!((code(&clean), left(&home)), (0, (0, 0)), "{}", stdout(&clean));
}
