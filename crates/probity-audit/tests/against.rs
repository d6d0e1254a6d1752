//! A report held against a bundle: planted numbers, words and claims are found, what is right or only rounded is not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use probity_audit::against::RULES;
use probity_audit::{Audit, BundleView, Report, audit, output};
use probity_diagnostic::Level;
use probity_verdict::Judgement;
use serde_json::{Value, json};

fn rate(objective: &str, trials: u64, check: &str) -> Value {
    json!({ "name": "rate", "objective": objective, "trials": trials, "left_out": false, "cells": 1, "check": check })
}

fn finding(claim: &str, says: &str, outcome: &str, counts: [u64; 4], more: &Value) -> Value {
    let [planned, successes, failures, blocked] = counts;
    let mut finding = json!({
        "claim": claim, "of": "probe", "says": says, "decided": rate(">= 95%", 20, "served"), "rests_on": "response",
        "severity": "high", "outcome": outcome, "reason": { "name": "intervals-open" }, "entries": [[3, 22]],
        "measured": { "name": "count", "successes": successes, "of": planned },
        "counts": { "planned": planned, "successes": successes, "failures": failures, "blocked": blocked },
    });
    finding.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    finding
}

/// `starts` is undetermined on 19 of 20, `prompt` holds on 785 of 960 (0.8177), `roles` fails.
fn judgement(findings: &[Value]) -> Judgement {
    serde_json::from_value(json!({
        "rules": 1, "plan": "Camera service", "findings": findings,
        "scores": [{ "name": "deployment", "lower": 0.4, "upper": 0.9, "weight": 10.0, "of_weight": 10.0, "open": ["starts"],
            "parts": [["starts", 5.0, "undetermined"]] }],
        "verdict": { "label": "READY or NOT READY", "possible": [["READY", true], ["NOT READY", false]], "accepted": null, "why": [] },
    }))
    .unwrap()
}

fn three() -> Vec<Value> {
    let bounds = |lower: f64, upper: f64| json!({ "lower": lower, "upper": upper, "confidence": 0.95 });
    vec![
        finding(
            "starts",
            "a start serves within 10 s",
            "undetermined",
            [20, 19, 1, 0],
            &json!({ "bounds": bounds(0.783_894, 0.997_439) }),
        ),
        finding(
            "prompt",
            "health answers within 100 ms",
            "holds",
            [960, 785, 175, 0],
            &json!({ "bounds": bounds(0.795_904, 0.837_906), "decided": rate(">= 75%", 960, "elapsed_ms < 100") }),
        ),
        finding("roles", "each role may call what it should", "fails", [40, 37, 3, 0], &json!({})),
    ]
}

fn held(text: &str, findings: &[Value]) -> Audit {
    let labels = [
        ("READY".to_owned(), true),
        ("NOT READY".to_owned(), false),
        ("READY WITH CONDITIONS".to_owned(), true),
    ];
    let judgement = judgement(findings);
    let report =
        "Of 3 claims: 1 holds, 1 fails, 1 undetermined. It took 8 min. 101 entries, 98 of them observations.";
    audit(
        text,
        &[],
        Some(&BundleView {
            bundle: "camera.probity",
            judgement: &judgement,
            labels: &labels,
            report,
            remarks: &[],
        }),
    )
}

/// The rules that find something, with the lines.
fn found(text: &str) -> Vec<(&'static str, usize)> {
    held(text, &three()).findings.iter().map(|finding| (finding.rule, finding.lines[0])).collect()
}

fn message(text: &str) -> String {
    let audit = held(text, &three());
    let [finding] = audit.findings.as_slice() else { panic!("{text}: {:?}", audit.findings) };
    finding.message.clone()
}

#[test]
fn each_example_is_found_by_its_rule_and_by_no_other() {
    for rule in RULES {
        let rules: Vec<_> =
            held(rule.example, &three()[..1]).findings.iter().map(|found| found.rule).collect();
        assert_eq!(rules, [rule.id], "{}", rule.example);
    }
}

#[test]
fn what_is_right_or_rounded_is_not_found() {
    for text in [
        "`starts` is undetermined: 19 of 20 (95 %) started, at least 78.3 %, at most 99.8 %.",
        "`starts`: at least 95 % was asked for; 19 of 20 succeeded.",
        "Whether `starts` succeeded in at least 95 % of all starts is undetermined.",
        "`prompt` succeeded in at least 75 % of all requests.",
        "`starts` is undetermined: 19/20, lower bound 0.784, upper bound 0.997439; the objective is 95 %.",
        "`prompt` holds: 785 of 960, 81.8 %, that is 0.8177 or 82 %.",
        "`prompt` holds: 175 of 960 were slower than 100 ms, at 95 % confidence.",
        "| claim | finding | attempts | passed | failed | rate |\n|---|---|---|---|---|---|\n| prompt | ✅ holds | 960 | 785 | 175 | 81.8 % |\n| roles | ❌ fails | 40 | 37 | 3 | 92.5 % |",
        "- **roles**: failed\n- **starts**: open, 1 failure among 20",
        "We say that health answers within 100 ms; it did 785 times.",
        "## starts\n\nNineteen starts were measured as good: 19 of 20, a success rate of 95 %.",
        "**READY or NOT READY** (inconclusive)\n\nOf 3 claims 1 holds. The run took 8 minutes and has 101 entries.",
        "The claim `starts` would hold if 59 of 59 served.",
        "`starts` does not hold, `prompt` holds and `roles` does not.",
        "785 of 960 (81.8 %) passed; see section 3, step 4, on 22 November 2026.",
    ] {
        let found = held(text, &three()).findings;
        let only_unsupported = text.contains("59 of 59");
        assert!(
            found.iter().all(|one| only_unsupported && one.rule == "differs-from-bundle") || found.is_empty(),
            "{text}: {found:?}"
        );
    }
}

#[test]
fn a_wrong_number_is_found_and_shown_beside_the_right_one() {
    for (text, numbers) in [
        ("`starts` reached 20 of 20.", ["20 of 20", "19 of 20 (95 %)"]),
        ("`prompt` holds with 96.1 % of all requests.", ["96.1 %", "785 of 960 (81.8 %)"]),
        ("`prompt` holds with 82.8 % of all requests.", ["82.8 %", "785 of 960 (81.8 %)"]),
        ("`starts`: 19 of 20, at least 0.87.", ["0.87", "at least 0.783894"]),
        ("A start serves within 10 s: 39 of 40 did.", ["39 of 40", "19 of 20"]),
        ("| claim | attempts | rate |\n|---|---|---|\n| starts | 40 | 95 % |", ["40", "19 of 20"]),
        ("`prompt`: 700 requests passed.", ["700", "785 of 960"]),
        ("`starts`: 19 of 20; the objective was 80 %.", ["80 %", ">= 95%"]),
        ("- `roles`\n  - result: 38 of 40", ["38 of 40", "37 of 40"]),
        ("## `roles`\n\nThe success rate was 95.0 %.", ["95.0 %", "37 of 40 (92.5 %)"]),
        ("`prompt` was looked at. Measured: 96 %.", ["96 %", "785 of 960"]),
        ("`roles` succeeded in at least 95 % of all looks.", ["95 %", "37 of 40 (92.5 %)"]),
        // The objective is no result.
        ("75 % of all requests succeeded: `prompt` holds.", ["75 %", "785 of 960"]),
    ] {
        let message = message(text);
        assert!(numbers.iter().all(|number| message.contains(number)), "{text}: {message}");
        let rule = held(text, &three()).findings[0].rule;
        assert_eq!(rule, "differs-from-bundle", "{text}");
    }
}

#[test]
fn a_word_stronger_than_the_finding_is_found() {
    for text in [
        "`starts` holds.",
        "A start serves within 10 s ✅",
        "✅ `starts`",
        "- `starts`: passed",
        "**roles**: achieved",
        "`prompt`, `starts` and `roles` are open; `roles` passes.",
        "| claim | result |\n|---|---|\n| starts | ✅ PASS |",
        "| claim | result | note |\n|---|---|---|\n| starts | passed | no waiver |",
        "| Criterion | Status |\n|---|---|\n| a start serves within 10 s | met |",
        "`prompt` fails.",
        "| claim | result |\n|---|---|\n| prompt | failed |",
        "**Verdict: READY**",
        "## NOT READY",
        "READY WITH CONDITIONS",
        "Decision: approved.",
    ] {
        let rules: Vec<_> = found(text).into_iter().map(|(rule, _)| rule).collect();
        assert_eq!(rules, ["stronger-than-bundle"], "{text}");
    }
    assert_eq!(
        message("| claim | result |\n|---|---|\n| starts | passed |"),
        "`starts` is said to hold; the bundle's finding is: undetermined, 19 of 20 (95 %), at least 0.783894, at most 0.997439; the objective is >= 95%"
    );
    assert_eq!(
        message("Verdict: READY"),
        "the verdict is given as READY; in the bundle it is READY or NOT READY (inconclusive)"
    );
}

#[test]
fn what_one_failure_denies_is_held_against_the_counts() {
    for text in [
        "A start serves within 10 s, always.",
        "`prompt` holds every time.",
        "The claim `prompt`: all requests succeeded.",
        "`prompt` never fails.",
    ] {
        assert_eq!(found(text), [("stronger-than-bundle", 1)], "{text}");
    }
    for text in [
        "`prompt` holds on 785 of 960.",
        "`prompt` does not hold every time.",
        "We always looked at `prompt`? No.",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    assert!(message("`prompt` holds every time.").contains("without exception"));
}

#[test]
fn a_sentence_that_ends_in_a_label_gives_the_verdict() {
    for text in ["The service is **READY WITH CONDITIONS**.", "- The service is READY WITH CONDITIONS"] {
        assert_eq!(found(text), [("stronger-than-bundle", 1)], "{text}");
    }
    for text in ["The operator is ready with conditions.", "Whether the service is READY, nobody knows."] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn a_verdict_and_a_count_are_found_in_the_forms_that_people_write() {
    for text in [
        "The service is READY with waivers.",
        "Result: **READY**",
        "**Verdict:** GOLD",
        "The final verdict: FIT FOR USE",
        "3 claims hold.",
        "All 5 claims hold.",
        "Of 3 claims, 2 hold and 1 fails.",
        "No claim fails.",
        "`starts` (holds)",
    ] {
        // A number that is not the bundle's is a finding of its own.
        assert!(found(text).contains(&("stronger-than-bundle", 1)), "{text}");
    }
    for text in [
        "Result: 5 of them, READY or not, are green.",
        "Results: PASS",
        "The verdict is READY or NOT READY.",
        "**Verdict:** see below",
        "Of 3 claims, 1 holds and 1 fails.",
        "Two claims hold; 1 claims hold.",
        "Does no claim fail? No claim fails?",
        "`prompt` (holds)",
        "`starts` (undetermined)",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn of_two_citations_that_overlap_the_longest_is_meant() {
    let named = |claim: &str, says: &str, planned: u64| {
        finding(claim, says, "holds", [planned, planned, 0, 0], &json!({}))
    };
    let two =
        [named("a-1", "the service starts", 5), named("b-1", "starts after a power cut and a full disk", 7)];
    // "the service starts" begins earlier and is shorter.
    let text = "The service starts after a power cut and a full disk: 7 of 7.";
    let found = held(text, &two).findings;
    assert_eq!(found, [], "the number is the second claim's");
    assert_eq!(held(&text.replace("7 of 7", "5 of 5"), &two).findings.len(), 1);
}

#[test]
fn an_invented_claim_is_found() {
    for (text, line) in [
        ("The claim `backup` holds.", 1),
        ("| claim | finding |\n|---|---|\n| prompt | holds |\n| backup | holds |\n| Total | 1 holds |", 4),
        ("- `prompt`: holds\n- `backup`: holds", 2),
    ] {
        assert_eq!(found(text), [("claim-not-in-bundle", line)], "{text}");
    }
    // Probes and scores have names too; code is often something else.
    for text in [
        "- `prompt`: holds\n- `probe`: passed its look",
        "`deployment` passed",
        "We ran `systemctl` and it passed.",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn other_numbers_are_listed_together_and_do_not_drown_the_rest() {
    let text = "# Report\n\nWe sent 4,200 letters and 31 % came back.\n\n`starts` reached 20 of 20.\n\nIt took 14 minutes.\n\nOn 3 May 2026 in room 12.\n";
    assert_eq!(
        found(text),
        [("unsupported-number", 3), ("differs-from-bundle", 5), ("unsupported-number", 7)]
    );
    let reports = [Report { name: "report.md".to_owned(), audit: held(text, &three()) }];
    assert_eq!(reports[0].audit.findings[0].level, Level::Unsupported);
    let shown = output::terminal(&reports, false);
    assert_eq!(
        shown,
        "report.md:5: error: A number is not the one in the bundle. [differs-from-bundle]
  5 |> `starts` reached 20 of 20.
  20 of 20 is not what was found of `starts`: undetermined, 19 of 20 (95 %), at least 0.783894, at most 0.997439; the objective is >= 95%

report.md:3: unsupported: A number is neither a claim's nor anything else that the bundle says. [unsupported-number]
  line 3: 4,200, 31 %
  line 7: 14 minutes

Held against camera.probity, whose verdict is READY or NOT READY.
The report cites 1 of its 3 claims: starts (undetermined).
Not cited: prompt (holds), roles (fails).
Of its numbers the bundle shows 0, shows 1 otherwise, and does not show 3.
report.md: 1 error, 0 warnings, 2 lines with unsupported numbers
"
    );
    let markdown = output::markdown(&reports);
    assert!(
        markdown.contains("## unsupported: unsupported-number\n")
            && markdown.contains("- line 3: `4,200, 31 %`\n- line 7: `14 minutes`\n"),
        "{markdown}"
    );
    let json: Value = serde_json::from_str(&output::json(&reports, false)).unwrap();
    assert_eq!(json["against"]["not_cited"], json!([["prompt", "holds"], ["roles", "fails"]]));
    assert_eq!(json["findings"][0]["level"], "unsupported");
    let sarif: Value = serde_json::from_str(&output::sarif(&reports)).unwrap();
    let results = &sarif["runs"][0]["results"];
    assert_eq!((&results[0]["kind"], &results[0]["level"]), (&json!("open"), &json!("none")));
    assert_eq!((&results[1]["kind"], &results[1]["level"]), (&json!("fail"), &json!("error")));
}

#[test]
fn a_comment_accepts_here_too_and_a_sentence_is_quoted_to_its_end() {
    let text = "<!-- probity: accept unsupported-number: from the post office -->\nLetters went out. Of all\nthose letters 31 %\ncame back.\n";
    let reports = [Report { name: "report.md".to_owned(), audit: held(text, &three()) }];
    assert_eq!(reports[0].audit.open().count(), 0, "{:?}", reports[0].audit.findings);
    let shown = output::terminal(&reports, false);
    assert!(
        shown.contains("  2 |> Letters went out. Of all\n  3 |  those letters 31 %\n  4 |  came back.\n"),
        "{shown}"
    );
}

/// `starts` with the sizes that would settle it.
fn with_sizes() -> Vec<Value> {
    let mut findings = three();
    findings[0]["reason"] = json!({
        "name": "rate", "counts": findings[0]["counts"], "bounds": findings[0]["bounds"], "objective": ">= 95%",
        "clustered": false,
    });
    findings[0]["settle"] = json!({
        "steps": [{ "name": "plan-trials", "stretches": false, "near": false }], "least": 59, "likely": 181,
    });
    findings
}

#[test]
fn a_bound_or_a_size_that_would_settle_is_no_result() {
    for text in [
        "`starts` achieved 99.7 %.",
        "`starts` achieved 0.997.",
        "`starts` comes up in at least 99.7 %.",
        "`starts` comes up in at most 78.4 %.",
        "`starts`: lower bound 0.997.",
        "`starts` rose from 95 % to 99.7 %.",
        "`starts`: the objective is 99.7 %.",
        "`starts` was tried 59 times.",
        "`starts` was tried 181 times, with a plan.",
        "`starts`: 8 of 10 served.",
        "| claim | rate |\n|---|---|\n| starts | 99.7 % |",
        "| claim | lower bound |\n|---|---|\n| starts | 99.7 % |",
    ] {
        let rules: Vec<_> = held(text, &with_sizes()).findings.iter().map(|found| found.rule).collect();
        assert!(rules.contains(&"differs-from-bundle"), "{text}: {rules:?}");
    }
    let rules: Vec<_> =
        held("It comes up in 99.7 %.", &with_sizes()).findings.iter().map(|found| found.rule).collect();
    assert_eq!(rules, ["unsupported-number"]);
    for text in [
        "`starts` is undetermined: at least 0.784, at most 0.997.",
        "`starts` is undetermined: above 78.3 %, upper bound 99.8 %.",
        "`starts` lies between 78.4 % and 99.7 %, or 0.783894 to 0.997439.",
        "| claim | bounds |\n|---|---|\n| starts | 0.783894 to 0.997439 (each at 95 %) |",
        "| claim | lower bound | upper bound |\n|---|---|---|\n| starts | 78.4 % | 99.7 % |",
        "`starts` would need 59 trials.",
        "`starts`: plan 59 trials: enough if all succeed; 181 settle it in 8 of 10 runs at the rate seen.",
        "`starts` is open: 181 further trials are asked for.",
    ] {
        let found = held(text, &with_sizes()).findings;
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_phrase_of_praise_does_not_cancel_an_outcome() {
    for text in [
        "- `starts`: passed, no failures",
        "- `starts`: passed as expected",
        "- `starts`: passed as planned",
        "`starts` holds without exception.",
        "Without exception `starts` holds.",
        "`starts` passed with zero issues.",
        "`starts` passed and must be kept so.",
        "✅ `starts`, no errors",
        "| claim | result |\n|---|---|\n| starts | ✅ no errors |",
        "| claim | result |\n|---|---|\n| starts | passed as planned |",
        "Decision: approved, no failures.",
    ] {
        assert_eq!(found(text), [("stronger-than-bundle", text.lines().count())], "{text}");
    }
    for text in [
        "`starts` has not passed.",
        "`starts` holds only if it is tried more often.",
        "`starts` was verified, it is undetermined.",
        "`starts`: passed? No.",
        "✅ `starts` is undetermined",
        "`starts` is expected to pass.",
        "| claim | passed |\n|---|---|\n| starts | not yet ok |",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn a_verdict_is_read_whatever_its_case_and_whatever_follows() {
    let rules = |text: &str, label: &str| -> Vec<&str> {
        let mut judgement = judgement(&three());
        judgement.verdict.label = label.to_owned();
        judgement.verdict.possible = vec![(label.to_owned(), label != "NOT READY")];
        judgement.verdict.accepted = Some(label != "NOT READY");
        let labels = ["READY", "NOT READY", "READY WITH CONDITIONS"]
            .map(|label| (label.to_owned(), label != "NOT READY"));
        let shown =
            BundleView { bundle: "b", judgement: &judgement, labels: &labels, report: "", remarks: &[] };
        audit(text, &[], Some(&shown)).findings.iter().map(|found| found.rule).collect()
    };
    for (text, label) in [
        ("Verdict: Ready", "READY WITH CONDITIONS"),
        ("Verdict: **ready with conditions**", "READY"),
        ("The verdict is Not Ready.", "READY"),
        ("Verdict: READY, even if two checks are open", "NOT READY"),
        ("Verdict: READY, and if asked we say so", "NOT READY"),
        ("Verdict: READY or NOT READY", "NOT READY"),
    ] {
        assert_eq!(rules(text, label), ["stronger-than-bundle"], "{text}");
    }
    for (text, label) in [
        ("Verdict: Ready with conditions", "READY WITH CONDITIONS"),
        ("Verdict: Not ready, even if one check holds", "NOT READY"),
        ("Verdict: READY if the open checks hold", "NOT READY"),
        ("Verdict: ready", "READY"),
    ] {
        assert_eq!(rules(text, label), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn a_number_belongs_to_the_claim_it_stands_beside() {
    for text in [
        "`starts` 785 of 960, `prompt` 19 of 20.",
        "785 of 960: `starts`; then `prompt` was looked at, 19 of 20.",
        "We saw 785 of 960 for `starts` and 19 of 20 for `prompt`.",
    ] {
        let rules: Vec<_> = found(text).into_iter().map(|(rule, _)| rule).collect();
        assert_eq!(rules, ["differs-from-bundle"; 2], "{text}");
    }
    for text in [
        "`starts` 19 of 20, `prompt` 785 of 960.",
        "We saw 19 of 20 for `starts` and 785 of 960 for `prompt`.",
        "`starts` and `prompt` reached 19 of 20 and 785 of 960.",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

/// A claim about the times between starts; found as `outcome`, with these gaps.
fn periodic(outcome: &str, [gaps, seconds]: [u64; 2]) -> Vec<Value> {
    let extent_us = (gaps > 0).then_some([seconds * 1_000_000; 2]);
    vec![finding(
        "runs",
        "the job runs every minute",
        outcome,
        [6, 6, 0, 0],
        &json!({
            "decided": {
                "name": "periodic", "every": "1m", "tolerance": "5s", "periods": 5, "fact": "lines", "changes": false
            },
            "measured": { "name": "gaps", "gaps": gaps, "extent_us": extent_us },
        }),
    )]
}

#[test]
fn a_duration_of_the_objective_is_read_as_one() {
    for (outcome, measured) in [("holds", [6, 60]), ("undetermined", [0, 0])] {
        for text in [
            "| claim | what was decided | objective |\n|---|---|---|\n| `runs` | a start every 1m within 5s, at least 5 gaps | every 1m within 5s |",
            "`runs` asks for a start every 1m, that is every 60 s.",
            "`runs`: looked at every 250 ms.",
        ] {
            let found = held(text, &periodic(outcome, measured)).findings;
            assert!(!found.iter().any(|one| one.level == Level::Error), "{text}: {found:?}");
        }
        for (text, written) in [
            ("`runs` asks for a start every 2m.", "2m is not"),
            ("`runs` ran every 2m.", "2m is not"),
            ("`runs` asks for a start every 90 s.", "90 s is not"),
            ("| claim | objective |\n|---|---|\n| `runs` | every 2m within 5s |", "2m is not"),
            ("| claim | objective |\n|---|---|\n| `runs` | every 1m within 7s |", "7s is not"),
            ("| claim | objective |\n|---|---|\n| `runs` | every 1s within 5s |", "1s is not"),
        ] {
            let found = held(text, &periodic(outcome, measured)).findings;
            let messages: Vec<_> = found.iter().map(|one| (one.rule, one.message.as_str())).collect();
            assert!(
                matches!(messages.as_slice(), [("differs-from-bundle", message)] if message.starts_with(written)),
                "{text}: {messages:?}"
            );
        }
    }
    // What was demanded is not rounded.
    let mut rounded = periodic("undetermined", [0, 0]);
    rounded[0]["decided"]["every"] = json!("80s");
    assert_eq!(held("`runs`: the objective is every 1m.", &rounded).findings[0].rule, "differs-from-bundle");
    // The period demanded is no result where it was not kept.
    let failed = periodic("fails", [6, 100]);
    let rules = |text: &str| -> Vec<_> { held(text, &failed).findings.iter().map(|one| one.rule).collect() };
    assert_eq!(rules("`runs` ran every 1m."), ["differs-from-bundle"]);
    assert_eq!(rules("`runs` ran every 100 s."), Vec::<&str>::new());
    // A letter behind a number is a minute only where a plan would write it.
    let metres = held("`runs` is 7 m long.", &failed).findings;
    assert_eq!(metres[0].message, "7");
}

#[test]
fn what_a_claim_would_lead_to_is_no_verdict_and_no_outcome() {
    for text in [
        "- The verdict: starts: READY if it holds, NOT READY if it fails; plan more",
        "- The verdict: `starts`: READY or NOT READY if it holds, NOT READY if it fails",
        "- The verdict: starts: READY, whether it holds or fails",
        "- The verdict: `starts`: READY, whether it holds or fails; plan more",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    for text in [
        "The verdict is READY.",
        "- The verdict: starts: READY",
        "- The verdict: READY, whether anybody likes it or not",
        "- The verdict: starts: READY, even if it fails",
        "Verdict: `starts` passed",
        "`starts` passed, whether it holds or fails",
    ] {
        assert_eq!(found(text), [("stronger-than-bundle", 1)], "{text}");
    }
}

#[test]
fn what_stands_after_a_confidence_is_no_confidence() {
    assert_eq!(found("`starts`: 0.783894 to 0.997439 (each at 95 %) why 19 of 20 succeeded"), []);
    assert_eq!(
        found("`starts`: 0.783894 to 0.997439 (each at 95 %) why 20 of 20 succeeded"),
        [("differs-from-bundle", 1)]
    );
    // The report that `held` gives says 8 min and no probability.
    assert_eq!(
        found("`starts` is open; the probability of an error is at most 5 %"),
        [("differs-from-bundle", 1)]
    );
}

#[test]
fn a_task_that_is_ticked_is_said_to_be_done() {
    for text in ["- [x] `roles`", "- [x] roles", "- [x] each role may call what it should", "* [X] **roles**"]
    {
        assert_eq!(found(text), [("stronger-than-bundle", 1)], "{text}");
    }
    for text in
        ["- [ ] `roles`", "- [x] `prompt`", "- [x] health answers within 100 ms", "- [x] `roles`: failed"]
    {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn how_many_claims_hold_is_held_against_how_many_do() {
    for text in
        ["All 3 claims hold.", "All claims passed.", "All of the claims were met.", "Every claim holds."]
    {
        assert!(found(text).contains(&("stronger-than-bundle", 1)), "{text}: {:?}", found(text));
    }
    assert!(found("2 of 3 claims hold.").contains(&("stronger-than-bundle", 1)));
    for text in [
        "1 of 3 claims hold, 1 fails, 1 undetermined.",
        "Not all claims hold.",
        "The log has 98 observations.",
        "The log has 101 entries, 98 of them observations.",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
    assert_eq!(found("The log has 99 observations."), [("unsupported-number", 1)]);
}

#[test]
fn a_verdict_that_is_called_an_acceptance_has_to_be_one() {
    let shown = held("Verdict: READY or NOT READY (accepted)", &three());
    assert_eq!(shown.findings.iter().map(|found| found.rule).collect::<Vec<_>>(), ["stronger-than-bundle"]);
    assert_eq!(found("Verdict: READY or NOT READY (inconclusive)"), []);
}
