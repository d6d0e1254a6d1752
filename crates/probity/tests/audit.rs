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

#[test]
fn our_own_reports_come_out_clean_without_the_line_that_names_the_generator() {
    let home = Home::new();
    for plan in ["rate", "score", "waiver", "denial"] {
        let path = support::root().join(format!("plans/examples/{plan}.yaml"));
        let bundle = format!("{plan}.probity");
        home.run(&["run", path.to_str().unwrap(), "-o", &bundle]);
        let report = stdout(&home.run(&["report", &bundle, "--format", "markdown"]));
        let without: Vec<&str> = report.lines().filter(|line| !line.contains("robity 0.")).collect();
        assert!(without.len() > 50 && without.len() < report.lines().count(), "{plan}: {report}");
        home.write("report.md", &without.join("\n"));
        let audit = home.run(&["audit", "report.md"]);
        assert_eq!(code(&audit), 0, "{plan}: {}", stdout(&audit));
    }
}
