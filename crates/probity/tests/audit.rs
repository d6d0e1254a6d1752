//! `probity audit` as a person types it: exit statuses, the choice of rules, what cannot be read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

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
    for format in ["markdown", "json", "sarif"] {
        assert_eq!(code(&home.run(&["audit", "wrong.md", "--format", format])), 1, "{format}");
    }
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

/// A run of a shipped example and its own report without the line that names the generator.
fn run_and_report(home: &Home, plan: &str, more: &[&str]) -> (i32, String, String) {
    let path = support::root().join(format!("plans/examples/{plan}.yaml"));
    let bundle = format!("{plan}{}.probity", more.len());
    let mut arguments = vec!["run", path.to_str().unwrap(), "-o", &bundle];
    arguments.extend(more);
    let run = home.run(&arguments);
    let report = stdout(&home.run(&["report", &bundle, "--format", "markdown"]));
    let without: Vec<&str> = report.lines().filter(|line| !line.contains("Made by probity")).collect();
    assert!(without.len() > 50 && without.len() + 1 == report.lines().count(), "{plan}: {report}");
    (code(&run), bundle, without.join("\n") + "\n")
}

#[test]
fn our_own_reports_come_out_clean_without_the_line_that_names_the_generator() {
    let home = Home::new();
    let mut statuses = Vec::new();
    for (plan, more) in [
        ("rate", &[][..]),
        ("score", &[]),
        ("waiver", &[]),
        ("denial", &[]),
        ("each", &[]),
        ("matrix", &[]),
        // Most of its claims stay undetermined.
        ("score", &["--only", "tmp"]),
    ] {
        let (status, bundle, report) = run_and_report(&home, plan, more);
        statuses.push(status);
        home.write("report.md", &report);
        let audit = home.run(&["audit", "report.md"]);
        assert_eq!(code(&audit), 0, "{plan}: {}", stdout(&audit));
        let audit = home.run(&["audit", "report.md", "--against", &bundle, "--format", "json"]);
        assert_eq!(code(&audit), 0, "{plan}: {}", stdout(&audit));
        let audit: serde_json::Value = serde_json::from_str(&stdout(&audit)).unwrap();
        assert_eq!(audit["findings"], serde_json::json!([]), "{plan}");
        // It looked: every claim was cited, and its numbers were there to compare.
        assert_eq!(audit["against"]["not_cited"], serde_json::json!([]), "{plan}");
        assert!(audit["against"]["shown"].as_u64().unwrap() > 10, "{plan}: {audit}");
        assert_eq!(audit["against"]["otherwise"], 0, "{plan}");
    }
    // Accepted, rejected and inconclusive ones.
    assert!([0, 1, 2].iter().all(|status| statuses.contains(status)), "{statuses:?}");
}

#[test]
fn a_report_that_says_otherwise_than_the_bundle_is_found() {
    let home = Home::new();
    let (_, bundle, report) = run_and_report(&home, "rate", &[]);
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
        assert!(found.contains(&format!("error[{rule}]")) && found.contains(shown), "{found}");
        assert!(found.contains(&format!("report.md:{line}\n")), "{found}");
        assert!(found.contains("1 error, 0 warnings, 0 notes\n"), "{found}");
    }
    let found = against(&report.replacen("**RELIABLE**", "**RELIABLE ENOUGH**", 1));
    assert!(found.contains("given as RELIABLE ENOUGH; in the bundle it is RELIABLE (accepted)"), "{found}");
    let found = against("A program can be started, in 96 % of all cases as measured.\n");
    assert!(found.contains("96 % is not what was found of `reliable`: holds, 100 of 100 (100 %)"), "{found}");
    let found = against("Reliability was 99.7 %.\n");
    assert!(found.contains("unsupported[unsupported-number]") && found.contains("1 |  99.7 %"), "{found}");
    assert!(found.contains("cites none of its 2 claims"), "{found}");

    let (_, bundle, report) = run_and_report(&home, "denial", &[]);
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
    let (_, bundle, report) = run_and_report(&home, "each", &[]);
    home.write("report.md", &report);
    // Another signer's bundle is looked at, and the report says so.
    let stranger = home
        .probity()
        .env("HOME", home.path("elsewhere"))
        .args(["audit", "report.md", "--against", &bundle])
        .output()
        .unwrap();
    assert_eq!(code(&stranger), 0, "{}", stdout(&stranger));
    assert!(stdout(&stranger).contains("signed by a key unknown to you"), "{}", stdout(&stranger));
    let log = home.path(&bundle).join("evidence.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replacen("644", "600", 1)).unwrap();
    let altered = home.run(&["audit", "report.md", "--against", &bundle]);
    assert_eq!(code(&altered), 3, "{}", stdout(&altered));
    assert!(
        stderr(&altered).contains("does not verify") && stdout(&altered).is_empty(),
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

/// Both crates make hidden characters visible; neither may depend on the other.
#[test]
fn what_an_audit_quotes_is_as_harmless_as_a_report() {
    for number in 0..=0x10_ffff_u32 {
        let Some(c) = char::from_u32(number).filter(|c| !matches!(c, '\n' | '\r' | '\u{fe0f}')) else {
            continue;
        };
        if number > 0x3_0000 && number < 0xe_0000 {
            continue;
        }
        let shown = probity_audit::visible(&c.to_string());
        assert_eq!(shown, probity_report::visible(&c.to_string()), "U+{number:04X}");
    }
}
