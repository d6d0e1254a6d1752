//! What each rule declares: its example is found by it and by no other; the page of the rules is theirs; a comment
//! accepts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

use probity_audit::{Acceptance, audit, docs, rules};

#[test]
fn each_example_is_found_by_its_rule_and_by_no_other() {
    for rule in rules::ALONE {
        let found: Vec<_> =
            audit(rule.example, &[], None).findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, [rule.id], "{}", rule.example);
    }
}

#[test]
fn the_page_of_the_rules_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/audit-rules.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, docs::page()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == docs::page(),
        "docs/audit-rules.md is not current; UPDATE_DOCS=1 cargo test -p probity-audit"
    );
}

#[test]
fn a_comment_accepts_one_finding_with_a_reason() {
    let text = "# Report\n\n<!-- probity: accept percent-not-fraction: the tool prints it so -->\nThe pages answered 171 of 180 times (92 %).\n";
    let result = audit(text, &[], None);
    assert_eq!(result.findings.len(), 1);
    assert_eq!(result.findings[0].accepted.as_ref().map(Acceptance::words), Some("the tool prints it so"));
    assert_eq!(result.open().count(), 0);
    for refused in
        ["accept percent-not-fraction:", "accept percent-not-fraction", "accept dates-off: other rule"]
    {
        let text = text.replace("accept percent-not-fraction: the tool prints it so", refused);
        assert_eq!(audit(&text, &[], None).open().count(), 1, "{refused}");
    }
}

#[test]
fn only_the_rules_asked_for_speak() {
    let text = "Dependencies: 2,000 -> 23 (-97.5%)\n\nThe pages answered 171 of 180 times (92 %).\n";
    assert_eq!(audit(text, &[], None).findings.len(), 2);
    assert_eq!(audit(text, &["change-not-percent".to_owned()], None).findings.len(), 1);
}

#[test]
fn wrongly_decoded_text_is_noted_and_read_on() {
    let result = audit("- API: ‚úÖ CONFIRMED\n\n171 of 180 (92 %).\n", &[], None);
    assert_eq!(result.document.notes, [(1, "wrongly decoded text (mojibake)".to_owned())]);
    assert_eq!(result.findings.len(), 1);
}

#[test]
fn a_code_block_is_quoted_and_odd_text_is_read() {
    assert!(audit("```\n171 of 180 (92 %).\n```\n", &[], None).findings.is_empty());
    for odd in [
        "",
        "\u{0}",
        "|",
        "| |\n|-|",
        "99999999999999999999999999/0 points",
        "1e999 % (0/0)",
        "<!-- probity: accept",
        "\u{feff}# x\r\n- [ ] y\r",
    ] {
        audit(odd, &[], None);
    }
}

#[test]
fn one_cause_is_one_finding_with_all_its_places() {
    let text = "Tests: 100 total, 60 passed, 30 failed, success rate: 75%\n";
    assert_eq!(audit(text, &[], None).findings.len(), 1);
    let score = "Quality: 170/120 points.\n\n## Score\n\nTotal score: 170/120 points\n";
    let found = audit(score, &[], None).findings;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].lines, [1, 5]);
}

#[test]
fn a_long_report_is_found_in_whole_and_in_order() {
    let long = "The pages answered 171 of 180 times (92 %).\n\n- Dependencies: 2,000 -> 23 (-97.5 %)\n\n"
        .repeat(1500);
    let result = audit(&long, &[], None);
    let found: Vec<_> = result.findings.iter().map(|finding| (finding.rule, finding.lines[0])).collect();
    let expected: Vec<_> = (0..1500)
        .flat_map(|n| [("percent-not-fraction", 4 * n + 1), ("change-not-percent", 4 * n + 3)])
        .collect();
    assert_eq!(found, expected);
}
