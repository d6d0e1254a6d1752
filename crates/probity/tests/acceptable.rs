//! A bundle that is altered, incomplete or by somebody unknown: each command that reads one says so before its own result.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::path::Path;
use std::process::Stdio;

use support::{Home, code, stderr, stdout};

const PLAN: &str = "plan: P\nprobes:\n  here: { file: / }\nclaims:\n  c: { of: here, check: exists, says: the shop is there }\nverdict:\n  - { label: READY, when: holds(c), accepted: true }\n  - { label: NOT READY }\n";
const MINE: &str = "plan: Mine\nclaims:\n  m: { of: here, check: exists }\nverdict:\n  - { label: READY, when: holds(m), accepted: true }\n  - { label: NOT READY }\n";

/// A home with a bundle in order, a plan of the reader's, and a report about it.
fn good() -> Home {
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    home.write("mine.yaml", MINE);
    home.write("report.md", "# Release\n\nThe shop is there.\n");
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "b.probity"])), 0);
    home
}

const READERS: [&[&str]; 5] = [
    &["verify", "b.probity"],
    &["report", "b.probity"],
    &["evaluate", "b.probity", "--plan", "mine.yaml"],
    &["audit", "report.md", "--against", "b.probity"],
    &["reproduce", "b.probity", "-o", "again.probity"],
];

/// Each of them exits so, and says this.
fn all_exit(home: &Home, status: i32, says: &str) {
    for call in READERS {
        let output = home.run(call);
        let all = stdout(&output) + &stderr(&output);
        assert_eq!(code(&output), status, "{call:?}: {all}");
        let said = call[0] == "verify" || all.contains(says);
        assert!(said && !all.contains("panicked"), "{call:?}: {all}");
        if status > 0 {
            assert!(!home.path("again.probity").exists(), "{call:?} acted");
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &to.join(item.file_name()));
        } else {
            std::fs::copy(item.path(), to.join(item.file_name())).unwrap();
        }
    }
}

#[test]
fn a_bundle_in_order_is_read_by_all() {
    all_exit(&good(), 0, "");
}

#[test]
fn what_its_reader_may_not_read_is_not_called_altered() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    if !support::is_root("only root runs it as somebody else") {
        return;
    }
    let home = good();
    // Where somebody else may read, and the program too.
    let open =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    open(&home.path(""), 0o755);
    let program = home.path("probity");
    std::fs::copy(env!("CARGO_BIN_EXE_probity"), &program).unwrap();
    let bundle = home.path("b.probity");
    for folder in [&bundle, &bundle.join("artifacts")] {
        open(folder, 0o755);
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).for_each(|file| open(&file, 0o644));
    }
    let verify = || {
        let mut verify = std::process::Command::new(&program);
        verify.args(["verify", "b.probity"]).current_dir(home.path("")).env_clear().uid(65534).gid(65534);
        verify.output().unwrap()
    };
    assert_eq!(code(&verify()), 2, "{}", stdout(&verify()));
    for name in ["report.html", "checkpoint.sig", "plan.yaml", "evidence.jsonl"] {
        let file = bundle.join(name);
        open(&file, 0o600);
        let unread = verify();
        let said = stdout(&unread) + &stderr(&unread);
        assert_eq!(code(&unread), 3, "{name}: {said}");
        assert!(said.contains(name) && said.contains("Permission denied"), "{name}: {said}");
        assert!(!said.contains("ALTERED"), "{name}: {said}");
        open(&file, 0o644);
    }
}

#[test]
fn a_bundle_of_a_stranger_is_no_acceptable_evidence() {
    let (home, stranger) = (good(), Home::new());
    copy(&home.path("b.probity"), &stranger.path("b.probity"));
    stranger.write("mine.yaml", MINE);
    stranger.write("report.md", "# Release\n\nThe shop is there.\n");
    all_exit(&stranger, 2, "Not acceptable evidence: its signer is unknown to you");
    let junit = stranger.run(&["evaluate", "b.probity", "--plan", "mine.yaml", "--format", "junit"]);
    assert_eq!(code(&junit), 2);
    let text = stdout(&junit);
    assert!(text.contains("<error type=\"not acceptable evidence\""), "{text}");
    let json = stranger.run(&["evaluate", "b.probity", "--plan", "mine.yaml", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["accepted"], serde_json::Value::Null);
    assert_eq!(json["unacceptable"]["name"], "unknown-signer");
    // In whatever form an audit is asked for.
    for format in ["text", "markdown", "json", "sarif", "github", "baseline"] {
        let audit = stranger.run(&["audit", "report.md", "--against", "b.probity", "--format", format]);
        assert_eq!(code(&audit), 2, "{format}");
        let all = stdout(&audit) + &stderr(&audit);
        assert!(all.contains("Not acceptable evidence: its signer is unknown to you"), "{format}: {all}");
    }
    // A file that names nobody names not even the reader.
    stranger.write("nobody", "");
    let nobody = stranger.run(&["evaluate", "b.probity", "--plan", "mine.yaml", "--signers", "nobody"]);
    assert_eq!(code(&nobody), 2);
    assert!(stdout(&nobody).contains("READY (not acceptable evidence)"), "{}", stdout(&nobody));
    let key = std::fs::read_to_string(home.path(".config/probity/key.pub")).unwrap();
    stranger.write("signers", &format!("ops@example.org {key}"));
    let named = stranger.run(&["evaluate", "b.probity", "--plan", "mine.yaml", "--signers", "signers"]);
    assert_eq!(code(&named), 0, "{}", stdout(&named));
}

#[test]
fn an_altered_bundle_is_no_acceptable_evidence_also_in_junit_and_with_a_wrong_plan() {
    let home = good();
    let log = home.path("b.probity/evidence.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replace("\"exists\":true", "\"exists\":null")).unwrap();
    all_exit(&home, 1, "Not acceptable evidence: the bundle is altered");
    for call in [&["report", "b.probity"][..], &["evaluate", "b.probity", "--plan", "mine.yaml"]] {
        let junit = home.run(&[call, &["--format", "junit"]].concat());
        assert_eq!(code(&junit), 1);
        assert!(stdout(&junit).contains("<error type=\"altered\""), "{}", stdout(&junit));
    }
    home.write("mine.yaml", "nonsense");
    assert_eq!(code(&home.run(&["evaluate", "b.probity", "--plan", "mine.yaml"])), 1);
}

#[test]
fn a_bundle_without_its_end_is_no_acceptable_evidence() {
    let home = good();
    std::fs::remove_file(home.path("b.probity/checkpoint.sig")).unwrap();
    all_exit(&home, 2, "Not acceptable evidence: the operator did not sign the end of the run");
    let verify = stdout(&home.run(&["verify", "b.probity"]));
    assert!(!verify.contains("did not come to its end"), "{verify}");
    // A run that was stopped by its operator was closed in order, and is still not what was planned.
    let home = good();
    std::fs::remove_dir_all(home.path("b.probity")).unwrap();
    home.write("slow.yaml", &PLAN.replace("file: /", "file: /, every: 50ms, for: 1h"));
    assert_eq!(code(&home.run(&["run", "slow.yaml", "-o", "b.probity", "--limit", "300ms"])), 4);
    all_exit(&home, 2, "Not acceptable evidence: the run ended before its plan did");
}

#[test]
fn what_is_no_bundle_is_refused_by_all_and_a_pipe_is_not_waited_for() {
    let home = good();
    std::fs::remove_dir_all(home.path("b.probity")).unwrap();
    home.write("b.probity", "not a bundle\n");
    all_exit(&home, 3, "");
    std::fs::remove_file(home.path("b.probity")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(home.path("b.probity")).status().unwrap().success());
    all_exit(&home, 3, "a device, a socket or a pipe");
    // Not even as its log.
    std::fs::remove_file(home.path("b.probity")).unwrap();
    std::fs::create_dir(home.path("b.probity")).unwrap();
    let log = home.path("b.probity/evidence.jsonl");
    assert!(std::process::Command::new("mkfifo").arg(log).status().unwrap().success());
    all_exit(&home, 3, "`evidence.jsonl` is neither a file nor a folder");
}

#[test]
fn a_report_that_was_not_compared_is_told() {
    let home = good();
    let verify = home.run(&["verify", "b.probity", "--without-report"]);
    assert_eq!(code(&verify), 0, "{}", stdout(&verify));
    let said = stdout(&verify);
    assert!(
        said.contains("not made  the report follows from the log: report.html was not checked"),
        "{said}"
    );
    assert!(said.contains("report.html was not checked: read the one that `probity report` makes"), "{said}");
}

#[test]
fn nothing_is_shown_again_where_nothing_was_shown() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        &PLAN
            .replace("file: /", "command: [\"true\"], impact: write")
            .replace("check: exists", "check: exit_code == 0"),
    );
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "b.probity"])), 2);
    let again = home.run(&["reproduce", "b.probity", "-o", "again.probity"]);
    assert_eq!(code(&again), 2, "{}", stderr(&again));
    assert!(stderr(&again).contains("Nothing was shown: no finding is decided"), "{}", stderr(&again));
    // What was decided once and is not looked at now is not shown again, and not contradicted either.
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "c.probity", "--allow", "write"])), 0);
    let again = home.run(&["reproduce", "c.probity", "-o", "c2.probity"]);
    assert_eq!(code(&again), 2, "{}", stderr(&again));
    assert!(stderr(&again).contains("c: holds before, undetermined now"), "{}", stderr(&again));
    // What was not decided before takes nothing from what was.
    let two = PLAN
        .replace("probes:\n", "probes:\n  other: { file: / }\n")
        .replace("claims:\n", "claims:\n  d: { of: other, check: exists }\n");
    home.write("plan.yaml", &two);
    home.run(&["run", "plan.yaml", "-o", "d.probity", "--only", "other"]);
    let again = home.run(&["reproduce", "d.probity", "-o", "d2.probity"]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert!(stderr(&again).contains("c: undetermined before, holds now"), "{}", stderr(&again));
}

#[test]
fn what_cannot_be_evaluated_any_more_is_not_shown_again() {
    let home = Home::new();
    let target = home.path("target.json");
    let probe = format!("file: {}, format: json", target.display());
    home.write(
        "plan.yaml",
        &PLAN.replace("file: /", &probe).replace("check: exists", "check: parsed.a == 1"),
    );
    std::fs::write(&target, r#"{"a": 2}"#).unwrap();
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "b.probity"])), 1);
    let again = home.run(&["reproduce", "b.probity", "-o", "b2.probity"]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    std::fs::write(&target, r#"{"b": 2}"#).unwrap();
    let again = home.run(&["reproduce", "b.probity", "-o", "b3.probity"]);
    assert_eq!(code(&again), 2, "{}", stderr(&again));
    assert!(stderr(&again).contains("Not all of it was shown again"), "{}", stderr(&again));
}

#[test]
fn rates_are_compared_with_their_bounds() {
    let home = Home::new();
    let target = home.path("target");
    std::fs::write(&target, "").unwrap();
    home.write(
        "plan.yaml",
        &format!(
            "plan: P\nprobes:\n  here: {{ file: {}, repeat: 60 }}\nclaims:\n  c: {{ of: here, check: exists, share: \">= 80%\" }}\nverdict:\n  - {{ label: READY, when: holds(c), accepted: true }}\n  - {{ label: NOT READY }}\n",
            target.display()
        ),
    );
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "b.probity"])), 0);
    let again = home.run(&["reproduce", "b.probity", "-o", "again.probity"]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    let told = "c: holds, between 0.951297 and 1 before, holds, between 0.951297 and 1 now";
    assert!(stderr(&again).contains(told), "{}", stderr(&again));
    std::fs::remove_file(&target).unwrap();
    let other = home.run(&["reproduce", "b.probity", "-o", "other.probity"]);
    assert_eq!(code(&other), 1, "{}", stderr(&other));
    assert!(stderr(&other).contains("c: holds, between 0.951297 and 1 before, fails"), "{}", stderr(&other));
}

/// Whoever writes to a pipe is waited for, but not for ever, and SIGTERM ends that.
#[cfg(unix)]
#[test]
fn a_key_or_signers_in_a_pipe_are_waited_for_and_a_signal_ends_it() {
    let home = good();
    let pipe = home.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for call in [
        &["run", "plan.yaml", "-o", "x.probity", "--key", "pipe"][..],
        &["verify", "b.probity", "--signers", "pipe"],
        &["audit", "pipe"],
    ] {
        let mut child =
            home.probity().args(call).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        // It waits once the kernel has it polling the pipe.
        let begun = std::time::Instant::now();
        let waits = || std::fs::read_to_string(format!("/proc/{}/wchan", child.id())).unwrap_or_default();
        while !waits().contains("poll") && begun.elapsed().as_secs() < 5 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{call:?}: {status}");
    }
    assert!(!home.path("x.probity").exists());
    let ledger = home.run(&["run", "plan.yaml", "-o", "x.probity", "--ledger", "pipe"]);
    assert_eq!(code(&ledger), 3);
    assert!(stderr(&ledger).contains("it is not a plain file"), "{}", stderr(&ledger));
    let nobody = home.run(&["verify", "b.probity", "--signers", "pipe"]);
    assert_eq!(code(&nobody), 3, "{}", stderr(&nobody));
    assert!(stderr(&nobody).contains("nobody wrote into it for 20 s"), "{}", stderr(&nobody));
    // Written to, it is read.
    let key = std::fs::read_to_string(home.path(".config/probity/key.pub")).unwrap();
    let writer = std::thread::spawn(move || std::fs::write(pipe, format!("me {key}")).unwrap());
    assert_eq!(code(&home.run(&["verify", "b.probity", "--signers", "pipe"])), 0);
    writer.join().unwrap();
}
