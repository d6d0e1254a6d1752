//! What an audit looks like in each form, whole; and that no text of a report gets through as anything but text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use probity_audit::{audit, output};
use serde_json::Value;

const REPORT: &str = "# Report\n\nRuns:\n\nIt was understood in 7 of 12 cases (58.3333 %).\n\n\
    <!-- probity: accept percent-not-fraction: known, ticket 4 -->\nThe pages answered 171 of 180 times (92 %).\n";

#[test]
fn on_a_terminal_like_a_compiler() {
    let text = output::terminal(&audit(REPORT, &[], None), "report.md", false);
    assert_eq!(
        text,
        "note[too-precise]: A percentage has more digits than its sample can bear.
 --> report.md:5
5 |> It was understood in 7 of 12 cases (58.3333 %).
  = 58.3333 % has 4 digits after the point; of 12, one more or less is 8.3 points

accepted[percent-not-fraction]: A percentage is not that of the fraction beside it.
 --> report.md:8
8 |> The pages answered 171 of 180 times (92 %).
  = 171 / 180 is 95 %, not 92 %
  = accepted: known, ticket 4

report.md: 0 errors, 0 warnings, 1 note, 1 accepted
"
    );
}

#[test]
fn json_and_sarif_say_the_same() {
    let audit = audit(REPORT, &[], None);
    let json: Value = serde_json::from_str(&output::json(&audit, "report.md")).unwrap();
    assert_eq!(json["open"], 1);
    assert_eq!(json["findings"][0]["rule"], "too-precise");
    assert_eq!(json["findings"][0]["severity"], "note");
    assert_eq!(json["findings"][0]["lines"][0]["line"], 5);
    assert_eq!(json["findings"][1]["accepted"], "known, ticket 4");
    let sarif: Value = serde_json::from_str(&output::sarif(&audit, "report.md")).unwrap();
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
    let hostile = "7 of 12 cases (58.3333 %) \u{1b}[2J\u{202e}evil ``` </pre><script> `\u{9b}31m\n";
    let audit = audit(hostile, &[], None);
    assert_eq!(audit.findings.len(), 1);
    for text in [output::terminal(&audit, "\u{1b}]0;x", false), output::markdown(&audit, "`\u{1b}`")] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{text:?}");
        assert!(text.contains("⟨U+202E⟩evil"), "{text}");
    }
    // The fence is longer than the one in the line.
    assert!(output::markdown(&audit, "x").contains("\n````text\n1: 7 of 12"));
}

#[test]
fn nothing_found_is_no_praise() {
    let audit = audit("# Fine\n", &[], None);
    for text in [output::terminal(&audit, "x", false), output::markdown(&audit, "x")] {
        assert!(text.contains("Nothing found. That is not a word for the report"), "{text}");
    }
}
