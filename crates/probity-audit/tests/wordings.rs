//! Wordings that issue 4 names and that a reviewer found missed, each beside a near-miss of which nothing may be said. They
//! were written with the rules: they are no part of the labelled collection and say nothing of recall.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use probity_audit::audit;

fn found(text: &str) -> Vec<&'static str> {
    audit(text, &[], None).findings.iter().map(|finding| finding.rule).collect()
}

fn only(rule: &str, planted: &[&str], sound: &[&str]) {
    for text in planted {
        assert_eq!(found(text), [rule], "{text}");
    }
    for text in sound {
        assert_eq!(found(text), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn labelled_outcomes_add_up_to_their_total() {
    only(
        "parts-not-total",
        &[
            "Passed: 40, failed: 5, skipped: 2. Total: 50.",
            "Total: 50, passed: 40, failed: 5, skipped: 2.",
            "- Passed: 1,040, failed: 5. Total tests: 1,050",
        ],
        &[
            "Passed: 40, failed: 5, skipped: 5. Total: 50.",
            // What was skipped may be left out of the total.
            "Passed: 40, failed: 5, skipped: 2. Total: 45.",
            // There may be more than is listed.
            "Failed: 5, skipped: 2. Total: 50.",
            "Passed: 40, skipped: 2. Total: 50.",
            "Passed: 40, failed: 5, flaky: 3. Total: 50.",
            "Passed: 40, failed: 5. Total: 50, of which 5 were not run.",
            "Passed: 40, failed: 5.\n\nTotal: 50.",
            // The total of both suites.
            "API: passed: 10, failed: 1. Pages: passed: 30, failed: 2. Total: 43.",
            "- API: passed: 10, failed: 1\n- Pages: passed: 30, failed: 2\n- Total: 43",
        ],
    );
}

#[test]
fn a_label_of_one_word_has_one_value_under_title_and_summary() {
    only(
        "two-values",
        &[
            "# Report\n\nAvailability: 99.5 %\n\n## Summary\n\nAvailability: 99.9 %",
            "# Report\n\n- Downtime: 40 minutes\n\n## Method\n\nBy hand.\n\n## Summary\n\n- Downtime: 10 minutes",
        ],
        &[
            "# Report\n\nAvailability: 99.9 %\n\n## Summary\n\nAvailability: 99.9 %",
            "# Report\n\n## Shop\n\nAvailability: 99.5 %\n\n## Summary\n\nAvailability: 99.9 %",
            "# Shop\n\nAvailability: 99.5 %\n\n# Summary\n\nAvailability: 99.9 %",
            "# Report\n\nAvailability: 99.5 %\n\n## Till\n\nAvailability: 99.9 %",
            "# Report\n\nAvailability: at least 99.5 %\n\n## Summary\n\nAvailability: 99.9 %",
        ],
    );
}

#[test]
fn start_end_and_duration_on_lines_of_their_own_fit() {
    only(
        "dates-off",
        &[
            "Start: 10:00\nEnd: 11:00\nDuration: 2 hours",
            "- **Start:** 2026-01-05 22:00\n- **End:** 2026-01-06 01:00\n- **Duration:** 5 h",
        ],
        &[
            "Start: 10:00\nEnd: 12:00\nDuration: 2 hours",
            "Start: 22:00\nEnd: 01:00\nDuration: 3 h",
            "Start: 10:00\nEnd: 14:00\nDuration: 2 hours without breaks",
            "Start: 10:00\nEnd: 11:00\nDuration: 2 hours, preparation included",
            "Start: 10:00 PM\nEnd: 1:00 AM\nDuration: 3 hours",
            "Start: 10:00\nEnd: 11:00\n\nDuration: 2 hours",
        ],
    );
}

#[test]
fn two_dates_and_the_days_between_them_fit() {
    only(
        "dates-off",
        &[
            "The test ran 2026-01-05 to 2026-01-08 (7 days).",
            "- Period: 5 January 2026 - 8 January 2026, 7 days",
        ],
        &[
            // With the first day and without it.
            "The test ran 2026-01-05 to 2026-01-08 (4 days).",
            "The test ran 2026-01-05 to 2026-01-08 (3 days).",
            "The test ran 2026-01-05 to 2026-01-18 (7 working days).",
            "The test ran 2026-01-05 to 2026-01-08 (7 days of data).",
        ],
    );
}

#[test]
fn a_pass_that_takes_itself_back_is_none() {
    only(
        "passed-unchecked",
        &[
            "| Control | Result |\n|---|---|\n| TLS | ✅ PASS (not tested) |",
            "| Control | Status |\n|---|---|\n| Restore | Passed - not yet verified |",
            "- ✅ Backups: disabled",
            "- ✅ Disk encryption: not configured",
        ],
        &[
            "| Control | Result |\n|---|---|\n| TLS | ✅ PASS (not tested again after the update) |",
            "| Control | Result |\n|---|---|\n| TLS | ❌ (not tested) |",
            "| Control | Result |\n|---|---|\n| TLS | ⚠ not tested |",
            "- ✅ Telnet: disabled",
            "- ✅ Verbose logging: disabled",
            "- ❌ Backups: disabled",
            "- ✅ Backups: enabled",
        ],
    );
}
