//! What an audit looks like in each form, whole; and that no text of a report gets through as anything but text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use probity_audit::{Baseline, Report, audit, audit_all, output};
use serde_json::Value;

const REPORT: &str = "# Report\n\nRuns:\n\n- Dependencies: 2,000 -> 23 (-97.5%)\n\n\
    <!-- probity: accept percent-not-fraction: known, ticket 4 -->\nThe pages answered 171 of 180 times (92 %).\n";

fn reports(text: &str) -> [Report; 1] {
    [Report { name: "report.md".to_owned(), audit: audit(text, &[], None) }]
}

#[test]
fn on_a_terminal_as_every_diagnostic_is_printed() {
    let text = output::terminal(&reports(REPORT), false);
    assert_eq!(
        text,
        "report.md:5: error: The percentage of a change is not that of the values before and after. [change-not-percent]
  5 |> - Dependencies: 2,000 -> 23 (-97.5%)
  from 2000 to 23 is 98.85 %, not 97.5 %

report.md:8: accepted: A percentage is not that of the counts beside it. [percent-not-fraction]
  8 |> The pages answered 171 of 180 times (92 %).
  171 / 180 is 95 %, not 92 %
  accepted: known, ticket 4

report.md: 1 error, 0 warnings, 1 accepted
"
    );
}

#[test]
fn many_reports_end_in_a_table_of_counts() {
    let two = audit_all(
        &[("wrong.md".to_owned(), REPORT.to_owned()), ("fine.md".to_owned(), "# Fine\n".to_owned())],
        &[],
        None,
    );
    let text = output::terminal(&two, false);
    let end = "errors  warnings  accepted  report
     1         0         1  wrong.md
2 reports: 1 error, 0 warnings, 1 accepted
";
    assert!(text.ends_with(end), "{text}");
    let json: Value = serde_json::from_str(&output::json(&two, true)).unwrap();
    assert_eq!(json["open"], 1);
    assert_eq!(json["reports"][1]["report"], "fine.md");
    let sarif: Value = serde_json::from_str(&output::sarif(&two)).unwrap();
    assert_eq!(sarif["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn annotations_are_a_line_each_and_cannot_be_broken_out_of() {
    let hostile = format!("{REPORT}\n- x\u{2028}%0A::error::: 2,000 -> 23 (-97.5%)\n");
    let text = output::github(&[Report { name: "a,b:%.md".to_owned(), audit: audit(&hostile, &[], None) }]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines.iter().all(|line| line.starts_with("::error file=a%2Cb%3A%25.md,line=")), "{text}");
}

#[test]
fn what_is_in_the_baseline_no_longer_counts_though_its_line_moves() {
    let written = Baseline::of(&reports(REPORT)).text();
    let mut moved = reports(&format!("A line before.\n\n{REPORT}\n- More: 2,000 -> 23 (-97.5%)\n"));
    Baseline::read(&written).unwrap().accept(&mut moved);
    let open: Vec<usize> = moved[0].audit.open().map(|finding| finding.lines[0]).collect();
    assert_eq!(open, [12], "only what is new");
    let sarif: Value = serde_json::from_str(&output::sarif(&moved)).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["suppressions"][0]["kind"], "external");
    // The same line twice is one more than is known.
    let mut twice = reports(&format!("{REPORT}\n- Dependencies: 2,000 -> 23 (-97.5%)\n"));
    Baseline::read(&written).unwrap().accept(&mut twice);
    assert_eq!(twice[0].audit.open().count(), 1);
    for refused in ["", "{}", "[]", &written.replace("\"version\": 1", "\"version\": 2")] {
        assert!(Baseline::read(refused).is_err(), "{refused}");
    }
}

#[test]
fn json_and_sarif_say_the_same() {
    let reports = reports(REPORT);
    let json: Value = serde_json::from_str(&output::json(&reports, false)).unwrap();
    assert_eq!(json["open"], 1);
    assert_eq!(json["findings"][0]["rule"], "change-not-percent");
    assert_eq!(json["findings"][0]["level"], "error");
    assert_eq!(json["findings"][0]["line"], 5);
    assert_eq!(json["findings"][1]["accepted"], "known, ticket 4");
    assert_eq!(json["read"]["measured"], 3);
    let sarif: Value = serde_json::from_str(&output::sarif(&reports)).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "report.md");
    assert_eq!(place["region"]["startLine"], 5);
    assert_eq!(results[1]["suppressions"][0]["justification"], "known, ticket 4");
    assert!(results[0]["suppressions"].is_null());
}

#[test]
fn text_of_a_report_stays_text() {
    let hostile = "171 of 180 times (92 %) \u{1b}[2J\u{202e}evil ``` </pre><script> `\u{9b}31m\n";
    let named = |name: &str| [Report { name: name.to_owned(), audit: audit(hostile, &[], None) }];
    assert_eq!(named("x")[0].audit.findings.len(), 1);
    for text in [output::terminal(&named("\u{1b}]0;x"), false), output::markdown(&named("`\u{1b}`"))] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text:?}");
        assert!(text.contains("⟨U+202E⟩evil"), "{text}");
    }
    // The fence is longer than the one in the line.
    assert!(output::markdown(&named("x")).contains("\n````text\n1: 171 of 180"));
}

#[test]
fn nothing_found_says_what_was_read_and_how_much_is_missed() {
    let nothing = |text: &str| output::terminal(&reports(text), false);
    assert!(nothing("# Fine\n").contains("Read: no value, target or outcome."), "{}", nothing("# Fine\n"));
    let read = nothing("- Test coverage: 90.0% (target: 80%)\n- ✅ Backups\n");
    assert!(read.contains("Read: 1 value, 1 target, 1 outcome."), "{read}");
    assert!(read.contains("of the defects that readers saw"), "{read}");
}
