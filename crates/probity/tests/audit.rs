//! `probity audit` as a person types it: exit statuses, the choice of rules, what cannot be read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use support::{Home, code, stderr, stdout};

#[test]
fn what_is_found_decides_the_exit_status() {
    let home = Home::new();
    home.write("wrong.md", "The pages answered 171 of 180 times (92 %).\n");
    home.write("fine.md", "The pages answered 171 of 180 times (95 %).\n");
    home.write("accepted.md", "<!-- probity: accept percent-not-fraction: known -->\n171 of 180 (92 %).\n");
    let wrong = home.run(&["audit", "wrong.md"]);
    assert_eq!(code(&wrong), 1);
    assert!(stdout(&wrong).contains("171 / 180 is 95 %, not 92 %"), "{}", stdout(&wrong));
    assert_eq!(code(&home.run(&["audit", "fine.md"])), 0);
    let accepted = home.run(&["audit", "accepted.md"]);
    assert_eq!(code(&accepted), 0);
    assert!(stdout(&accepted).contains("accepted: known"), "{}", stdout(&accepted));
    assert_eq!(code(&home.run(&["audit", "wrong.md", "--rule", "dates-off"])), 0);
    for format in ["markdown", "json", "sarif", "github"] {
        assert_eq!(code(&home.run(&["audit", "wrong.md", "--format", format])), 1, "{format}");
    }
}

#[test]
fn folders_and_standard_input_are_read_in_one_call() {
    let home = Home::new();
    for folder in ["reports/deep", "reports/.hidden", "none"] {
        std::fs::create_dir_all(home.path(folder)).unwrap();
    }
    home.write("reports/a.md", "The pages answered 171 of 180 times (92 %).\n");
    home.write("reports/deep/b.MD", "Dependencies: 2,000 -> 23 (-97.5%)\n");
    home.write("reports/c.txt", "171 of 180 (92 %)\n");
    home.write("reports/.hidden/d.md", "171 of 180 (92 %)\n");
    let many = home.run(&["audit", "reports"]);
    assert_eq!(code(&many), 1);
    assert!(stdout(&many).ends_with("2 reports: 2 errors, 0 warnings\n"), "{}", stdout(&many));
    let json = home.run(&["audit", "reports", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["reports"][1]["report"], "reports/deep/b.MD");
    let mut piped =
        home.probity().args(["audit", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"171 of 180 (92 %)\n").unwrap();
    let piped = piped.wait_with_output().unwrap();
    assert_eq!(code(&piped), 1);
    assert!(stdout(&piped).starts_with("-:1: error: "), "{}", stdout(&piped));
    home.write("none/readme.txt", "");
    let none = home.run(&["audit", "none"]);
    assert_eq!(code(&none), 3, "nothing was looked at");
    assert!(stderr(&none).contains("no Markdown file"), "{}", stderr(&none));
}

#[test]
fn a_file_that_is_no_text_keeps_no_other_from_being_read() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("reports")).unwrap();
    home.write("reports/z.md", "171 of 180 (92 %)\n");
    std::fs::write(home.path("reports/a.md"), b"B\xfccher: 171 of 180 (92 %)\n").unwrap();
    let some = home.run(&["audit", "reports"]);
    assert!(stdout(&some).contains("reports/z.md:1: error: "), "{}", stdout(&some));
    assert!(stderr(&some).contains("reports/a.md: cannot be read: "), "{}", stderr(&some));
    assert_eq!(code(&some), 3, "not all could be read");
    std::fs::remove_file(home.path("reports/z.md")).unwrap();
    let none = home.run(&["audit", "reports"]);
    assert_eq!((code(&none), stdout(&none).as_str()), (3, ""));
}

#[test]
fn with_a_baseline_only_what_is_new_fails() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("reports")).unwrap();
    home.write("reports/a.md", "171 of 180 (92 %).\n");
    let written = home.run(&["audit", "reports", "--format", "baseline"]);
    assert_eq!(code(&written), 0, "writing one is no failure");
    home.write("baseline.json", &stdout(&written));
    let known = home.run(&["audit", "reports", "--baseline", "baseline.json"]);
    assert_eq!(code(&known), 0, "{}", stdout(&known));
    assert!(stdout(&known).contains("accepted: in the baseline"), "{}", stdout(&known));
    home.write("reports/b.md", "171 of 180 (92 %).\n");
    let new = home.run(&["audit", "reports", "--baseline", "baseline.json", "--format", "github"]);
    assert_eq!(code(&new), 1);
    assert_eq!(stdout(&new).lines().count(), 1, "{}", stdout(&new));
    assert!(stdout(&new).starts_with("::error file=reports/b.md,line=1,"), "{}", stdout(&new));
    home.write("baseline.json", "{}");
    let refused = home.run(&["audit", "reports", "--baseline", "baseline.json"]);
    assert_eq!(code(&refused), 3);
    assert!(stderr(&refused).contains("--format baseline"), "{}", stderr(&refused));
}

#[test]
fn what_cannot_be_read_is_status_3() {
    let home = Home::new();
    std::fs::write(home.path("binary.md"), [0xff, 0xfe, 0x00]).unwrap();
    home.write("fine.md", "\n");
    for arguments in [
        &["audit", "none.md"][..],
        &["audit", "binary.md"],
        &["audit", "."],
        &["audit", "fine.md", "--rule", "none"],
    ] {
        let output = home.run(arguments);
        assert_eq!(code(&output), 3, "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}

/// A run of a plan and its own report without the line that names the generator.
fn run_and_report(home: &Home, plan: &Path, more: &[&str]) -> (i32, String, String) {
    let bundle = format!("{}.probity", plan.file_stem().unwrap().to_str().unwrap());
    let mut arguments = vec!["run", plan.to_str().unwrap(), "-o", &bundle];
    arguments.extend(more);
    let run = home.run(&arguments);
    let report = stdout(&home.run(&["report", &bundle, "--format", "markdown"]));
    let without: Vec<&str> = report.lines().filter(|line| !line.contains("Made by probity")).collect();
    let shown = format!("{} {more:?}: {}{report}", plan.display(), stderr(&run));
    assert!(without.len() > 50 && without.len() + 1 == report.lines().count(), "{shown}");
    (code(&run), bundle, without.join("\n") + "\n")
}

const AT_ONCE: usize = 4;

fn example(plan: &str) -> PathBuf {
    support::root().join(format!("plans/examples/{plan}.yaml"))
}

/// Runs a plan, and audits its own report for itself and against the bundle. Returns the run's exit status.
fn own_report_is_clean(plan: &Path, more: &[&str]) -> i32 {
    let home = Home::new();
    let name = format!("{} {more:?}", plan.display());
    let (status, bundle, report) = run_and_report(&home, plan, more);
    home.write("report.md", &report);
    let audit = home.run(&["audit", "report.md"]);
    assert_eq!(code(&audit), 0, "{name}: {}", stdout(&audit));
    let audit = home.run(&["audit", "report.md", "--against", &bundle, "--format", "json"]);
    // A run that was cut short is no acceptable evidence, whatever the report says of it.
    assert_eq!(code(&audit), if status == 4 { 2 } else { 0 }, "{name}: {}", stdout(&audit));
    let audit: serde_json::Value = serde_json::from_str(&stdout(&audit)).unwrap();
    assert_eq!(audit["findings"], serde_json::json!([]), "{name}");
    // It looked: every claim was cited, and its numbers were there to compare.
    assert_eq!(audit["against"]["not_cited"], serde_json::json!([]), "{name}");
    assert!(audit["against"]["shown"].as_u64().unwrap() > 10, "{name}: {audit}");
    assert_eq!(audit["against"]["otherwise"], 0, "{name}");
    status
}

/// The plans that Probity comes with.
fn shipped() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(support::root().join("plans/examples")).unwrap();
    let mut plans: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    plans.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    plans.push(support::root().join("plans/this-machine.yaml"));
    plans.sort();
    plans
}

/// The first probe of a plan; of its trials, where it has no other.
fn first_probe(plan: &Path) -> String {
    let text = std::fs::read_to_string(plan).unwrap();
    let (before, probes) = text.split_once("probes:\n").unwrap();
    let name = |text: &str| text.split(':').next().unwrap().trim().to_owned();
    match before.rsplit_once("\ntrials:\n") {
        Some((_, trial)) => format!("{}.{}", name(trial), name(probes)),
        None => name(probes),
    }
}

#[test]
fn our_own_reports_come_out_clean_without_the_line_that_names_the_generator() {
    let plans = shipped();
    assert!(plans.len() > 11, "{plans:?}");
    // Two plans watch for longer: what they did not see by then is undetermined. With only one probe most claims are.
    let statuses_of = |plan: &PathBuf| {
        let first = first_probe(plan);
        [&["--limit", "4s"][..], &["--only", &first, "--limit", "1s"]]
            .map(|more| own_report_is_clean(plan, more))
    };
    // Side by side, since each is mostly waited for.
    let statuses: Vec<i32> = std::thread::scope(|scope| {
        let parts = plans.chunks(plans.len().div_ceil(AT_ONCE));
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().flat_map(statuses_of).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    // Accepted, rejected, inconclusive and incomplete ones.
    assert!([0, 1, 2, 4].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}

#[test]
fn our_own_reports_come_out_clean_whatever_the_outcome() {
    let home = Home::new();
    let some_fail = format!(
        "{{ shell: \"echo >> {0}; n=$$(wc -l < {0}); test $$n != 7 && test $$n != 8\" }}",
        home.path("n").display()
    );
    let (looks, at_once) = ("every: 100ms, for: 8s", "repeat: 80");
    let quicker = [("14s", "4s"), ("2s", "500ms"), ("800ms", "400ms"), ("250ms", "100ms")];
    let ticks = [&quicker[..], &[("%s) / 2", "%s%N) / 500000000")]].concat();
    let does_not_tick = [&quicker[..], &[("%s) / 2", "%s)")]].concat();
    // With the statuses that each may have: on a busy machine a time may stay open.
    for (plan, changes, may_be) in [
        ("latency", &[(looks, at_once), ("< 100", "< 60000")][..], &[0][..]),
        ("latency", &[(looks, at_once), ("< 100", "< 0.01")], &[1, 2]),
        ("rate", &[("[\"true\"]", "[\"false\"]")], &[1]),
        ("rate", &[("[\"true\"]", &some_fail)], &[2]),
        ("periodic-starts", &[("6 5 4 3 2 1 0", "2 1 0")], &[2]),
        ("periodic-starts", &[("i * 60", "i * 90")], &[1]),
        ("periodic-starts", &[("i * 60", "i * 90"), ("periodic: 1m", "periodic: 90s")], &[0]),
        ("periodic-changes", &ticks, &[0, 2]),
        ("periodic-changes", &does_not_tick, &[1, 2]),
        ("matrix", &[("1777", "777")], &[1]),
        ("compare", &[("size_bytes > 0", "size_bytes > 1000000")], &[1]),
        ("stable", &[("[cut, -f1, /proc/sys/fs/file-nr]", "[date, +1%N]")], &[1]),
        ("waiver", &[("check: exists && size_bytes > 0", "check: size_bytes > 1000000")], &[1]),
    ] {
        let mut text = std::fs::read_to_string(example(plan)).unwrap();
        for (from, to) in changes {
            assert!(text.contains(from), "{plan}: {from}");
            text = text.replace(from, to);
        }
        let changed = home.write(&format!("{plan}.yaml"), &text);
        let status = own_report_is_clean(&changed, &[]);
        assert!(may_be.contains(&status), "{plan} {changes:?}: {status}");
    }
}

#[test]
fn a_report_that_says_otherwise_than_the_bundle_is_found() {
    let home = Home::new();
    let (_, bundle, report) = run_and_report(&home, &example("rate"), &[]);
    let against = |text: &str| {
        home.write("report.md", text);
        let audit = home.run(&["audit", "report.md", "--against", &bundle]);
        assert_eq!(code(&audit), 1, "{}", stdout(&audit));
        stdout(&audit)
    };
    let line = report.lines().position(|line| line.starts_with("| `reliable`")).unwrap() + 1;
    for (from, to, rule, shown) in [
        (
            "| 100 of 100 | &gt;= 95% | 0.9",
            "| 99 of 100 | &gt;= 95% | 0.9",
            "differs-from-bundle",
            "99 of 100 is not",
        ),
        (
            "0.970486 to 1 (each at 95 %)",
            "0.990486 to 1 (each at 95 %)",
            "differs-from-bundle",
            "0.990486 is not",
        ),
        ("| &gt;= 95% |", "| &gt;= 90% |", "differs-from-bundle", "the objective is >= 95%"),
    ] {
        let found = against(&report.replacen(from, to, 1));
        assert!(found.contains(&format!("[{rule}]\n")) && found.contains(shown), "{found}");
        assert!(found.contains(&format!("report.md:{line}: error: ")), "{found}");
        assert!(found.contains("1 error, 0 warnings\n"), "{found}");
    }
    let found = against(&report.replacen("**RELIABLE**", "**RELIABLE ENOUGH**", 1));
    assert!(found.contains("given as RELIABLE ENOUGH; in the bundle it is RELIABLE (accepted)"), "{found}");
    let found = against("A program can be started, in 96 % of all cases as measured.\n");
    assert!(found.contains("96 % is not what was found of `reliable`: holds, 100 of 100 (100 %)"), "{found}");
    let found = against("Reliability was 99.7 %.\n");
    assert!(found.contains("[unsupported-number]\n  line 1: 99.7 %\n"), "{found}");
    assert!(found.contains("cites none of its 2 claims"), "{found}");

    let (_, bundle, report) = run_and_report(&home, &example("denial"), &[]);
    home.write("report.md", &report.replacen("**undetermined**", "**holds**", 1));
    let audit = home.run(&["audit", "report.md", "--against", &bundle]);
    assert_eq!(code(&audit), 1);
    assert!(
        stdout(&audit).contains("`unreachable` is said to hold; the bundle's finding is: undetermined"),
        "{}",
        stdout(&audit)
    );
}

#[test]
fn nothing_is_held_against_a_bundle_that_does_not_verify() {
    let home = Home::new();
    let (_, bundle, report) = run_and_report(&home, &example("each"), &[]);
    home.write("report.md", &report);
    // Another signer's bundle is looked at, and told to be no acceptable evidence before anything else.
    let stranger = home
        .probity()
        .env("HOME", home.path("elsewhere"))
        .args(["audit", "report.md", "--against", &bundle])
        .output()
        .unwrap();
    assert_eq!(code(&stranger), 2, "{}", stdout(&stranger));
    assert!(
        stdout(&stranger).contains("Not acceptable evidence: its signer is unknown to you"),
        "{}",
        stdout(&stranger)
    );
    let log = home.path(&bundle).join("evidence.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("644", "600", 1)).unwrap();
    let altered = home.run(&["audit", "report.md", "--against", &bundle]);
    assert_eq!(code(&altered), 1, "{}", stdout(&altered));
    assert!(
        stderr(&altered).contains("Not acceptable evidence: the bundle is altered")
            && stdout(&altered).is_empty(),
        "{}",
        stderr(&altered)
    );
    for arguments in [
        &["audit", "report.md", "--against", "none.probity"][..],
        &["audit", "report.md", "--against", "."],
        &["audit", "report.md", "--rule", "unsupported-number"],
        &["audit", "report.md", "--signers", "x"],
    ] {
        let output = home.run(arguments);
        assert_eq!(code(&output), 3, "{arguments:?}");
        assert!(!stderr(&output).is_empty(), "{arguments:?}");
    }
}
