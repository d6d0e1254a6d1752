//! Claims about every look: barriers, `where`, attempts.

use crate::support::*;

#[test]
fn a_census_is_about_every_observation() {
    let plan = plan(&[THREE], &["a: { of: web, check: status == 200 }"]);
    let holds = finding(&plan, &status(&[200, 200, 200]));
    assert_eq!(holds.outcome, Outcome::Holds);
    assert_eq!(holds.decided, "in each of 3 observations (response): status == 200");
    assert_eq!(holds.reason, "all 3 observations satisfy it");
    assert_eq!(holds.measured, "3 of 3");
    assert_eq!(holds.rests_on, Some(Shows::Response));
    assert_eq!(holds.entries, [(2, 4)]);
    assert_eq!(holds.settle, None);

    let fails = finding(&plan, &status(&[200, 503, 200]));
    assert_eq!(fails.outcome, Outcome::Fails);
    assert_eq!(fails.reason, "1 of 3 observations does not satisfy it; first in entry 3: status = 503");
    assert_eq!(fails.telling, [3]);

    let missing = finding(&plan, &status(&[200, 200]));
    assert_eq!(missing.outcome, Outcome::Undetermined);
    assert_eq!(
        missing.counts,
        Counts { planned: 3, successes: 2, failures: 0, blocked: 1, ..Counts::default() }
    );
    assert_eq!(missing.reason, "1 of 3 observations could not be decided: not-made 1 time");
    assert_eq!(missing.barriers[0].barrier, Barrier::NotMade);
    assert!(missing.settle.unwrap().how.contains("make every planned look"));

    assert_eq!(finding(&plan, &status(&[200, 503])).outcome, Outcome::Fails);
    let nothing = finding(&plan, &[]);
    assert_eq!(nothing.outcome, Outcome::Undetermined);
    assert_eq!(nothing.decided, "in each of 3 observations (nothing seen): status == 200");
    assert_eq!(nothing.rests_on, None);
}

#[test]
fn a_barrier_says_what_would_let_us_see() {
    let plan = plan(
        &["page: { http: http://x }", "shadow: { file: /etc/shadow }", "tool: { command: [frob] }"],
        &[
            "page: { of: page, check: status == 200 }",
            "shadow: { of: shadow, check: mode == \"640\" }",
            "tool: { of: tool, check: exit_code == 0 }",
        ],
    );
    let observations = [
        barred("page", 0, Barrier::TimedOut),
        barred("shadow", 0, Barrier::PermissionDenied),
        barred("tool", 0, Barrier::NotPermitted),
    ];
    let settled: Vec<_> = findings(&plan, &observations)
        .into_iter()
        .map(|finding| {
            assert_eq!(finding.outcome, Outcome::Undetermined);
            finding.settle.unwrap().how
        })
        .collect();
    assert_eq!(
        settled,
        [
            "run again when `page` answers, or give it a longer `timeout`",
            "run as root, or as a user who may look (files that only root may read or reach)",
            "run with `--allow disrupt`: `tool` may disrupt",
        ]
    );
}

#[test]
fn a_dead_service_fails_answers_while_its_status_is_unknown() {
    let plan = plan(
        &["web: { http: http://x }"],
        &[
            "answers: { of: web, check: answered && status == 200 }",
            "status: { of: web, check: status == 200 }",
        ],
    );
    let mut dead = barred("web", 0, Barrier::ConnectionRefused);
    dead.facts.insert("answered".to_owned(), false.into());
    let found = findings(&plan, &[dead]);
    assert_eq!((found[0].outcome, found[1].outcome), (Outcome::Fails, Outcome::Undetermined));
    assert_eq!(found[0].reason, "1 of 1 observation does not satisfy it; first in entry 2: answered = false");
}

#[test]
fn where_and_empty() {
    let plan = plan(
        &[THREE],
        &[
            "a: { of: web, where: status == 503, check: size_bytes > 0 }",
            "b: { of: web, where: status == 503, check: size_bytes > 0, empty: ok }",
        ],
    );
    let outcomes = |observations: &[Observation]| -> Vec<Outcome> {
        findings(&plan, observations).iter().map(|finding| finding.outcome).collect()
    };
    use Outcome::{Fails, Holds, Undetermined};
    let facts = |status: [i64; 3], size: i64| {
        looks("web", 0..3, |slot| json!({ "status": status[slot as usize], "size_bytes": size }))
    };
    // What was left out by what was seen is no reason to be content.
    assert_eq!(outcomes(&facts([200, 200, 200], 5)), [Undetermined, Undetermined]);
    assert_eq!(outcomes(&facts([200, 503, 200], 5)), [Holds, Holds]);
    assert_eq!(outcomes(&facts([200, 503, 200], 0)), [Fails, Fails]);
    // A look that was not made may be one that the claim is about.
    assert_eq!(outcomes(&facts([200, 200, 200], 5)[..2]), [Undetermined, Undetermined]);
    let mut blocked = facts([200, 503, 200], 5);
    blocked[0] = barred("web", 0, Barrier::TimedOut);
    assert_eq!(outcomes(&blocked), [Undetermined, Undetermined]);
    let one = finding(&plan, &facts([200, 503, 200], 5));
    assert_eq!(one.decided, "in the one observation (response) where status == 503: size_bytes > 0");
    assert_eq!(one.counts.planned, 1);
}

/// Of which rows a claim is, columns and slots say before anything is seen: one of which they leave out every look is none, as one
/// that a column alone leaves out.
#[test]
fn a_row_of_which_columns_and_slots_leave_out_everything_is_none_that_the_claim_is_about() {
    let matrix =
        "web: { http: http://x/$x, every: 5s, for: 15s, matrix: [ { x: a, s: 1 }, { x: b, s: 9 } ] }";
    let outcomes = |filter: &str, seen: &dyn Fn(&str, u32) -> i64| -> Vec<Outcome> {
        let claim = |name: &str, form: &str| format!("{name}: {{ of: web, where: '{filter}', {form} }}");
        let claims = [
            claim("a", "check: status == 200"),
            claim("b", "check: status == 200, share: \">= 20%\""),
            claim("c", "stable: [status]"),
        ];
        let plan = plan(&[matrix], &claims.each_ref().map(String::as_str));
        let rows = [json!({ "x": "a", "s": 1 }), json!({ "x": "b", "s": 9 })];
        let observations: Vec<Observation> = rows
            .iter()
            .flat_map(|row| {
                let name = row["x"].as_str().unwrap();
                looks("web", 0..3, |slot| json!({ "status": seen(name, slot) }))
                    .into_iter()
                    .map(|look| in_cell(look, row))
                    .collect::<Vec<_>>()
            })
            .collect();
        findings(&plan, &observations).iter().map(|finding| finding.outcome).collect()
    };
    use Outcome::{Fails, Holds, Undetermined};
    let fine = |_: &str, _| 200;
    for filter in ["x == \"a\"", "slot >= s", "slot >= s && slot < 9", "s < 9 && slot > 0"] {
        assert_eq!(outcomes(filter, &fine), [Holds; 3], "{filter}");
    }
    assert_eq!(outcomes("slot >= s", &|name, _| if name == "b" { 500 } else { 200 }), [Holds; 3]);
    assert_eq!(
        outcomes("slot >= s", &|_, slot| if slot == 2 { 500 } else { 200 }),
        [Fails, Undetermined, Fails]
    );
    // What is left out by what was seen leaves it open.
    assert_eq!(outcomes("slot >= s || status == 204", &fine), [Undetermined; 3]);
    assert_eq!(outcomes("slot >= 9", &fine), [Undetermined; 3]);
}

#[test]
fn attempts_are_noted_and_only_the_last_one_of_a_slot_is_a_trial() {
    let patient = "web: { http: http://x, every: 5s, for: 15s, until: status == 200, within: 2s }";
    let plan = plan(&[patient], &["a: { of: web, check: status == 200 }"]);
    let mut observations = status(&[200, 200, 200]);
    let mut first = look("web", 1, &json!({ "status": 503 }));
    first.superseded = true;
    observations[1].attempt = 2;
    observations.insert(1, first);
    let found = finding(&plan, &observations);
    assert_eq!(found.outcome, Outcome::Holds);
    assert_eq!(found.notes, ["1 of 3 needed more than one attempt"]);
    assert_eq!(found.entries, [(2, 5)]);
}

#[test]
fn a_claim_about_attempts_is_not_shown_by_looks_that_were_never_made() {
    let plan = plan(&[THREE], &["a: { of: web, check: attempt == 1 && status == 200 }"]);
    assert_eq!(finding(&plan, &status(&[200, 200, 200])).outcome, Outcome::Holds);
    let mut observations = status(&[200, 200, 200]);
    observations[1] = barred("web", 1, Barrier::NotMade);
    assert_eq!(finding(&plan, &observations).outcome, Outcome::Undetermined);
    // Of a look that saw nothing it is known all the same.
    let alone = crate::support::plan(&[THREE], &["a: { of: web, check: attempt == 1 }"]);
    assert_eq!(finding(&alone, &status(&[200, 200, 200])).outcome, Outcome::Undetermined);
}

#[test]
fn a_check_that_reads_only_the_row_says_nothing() {
    let yaml = "plan: P\nprobes:\n  web: { http: http://x, matrix: [ { n: 1 } ] }\nclaims: { a: { of: web, check: n == 1 } }\nverdict: [ label: L ]\n";
    let plan = probity_plan::load("plan.yaml", &Source(yaml.to_owned()), &BTreeMap::new()).unwrap().plan;
    let problem = check(&plan).into_iter().find(|problem| problem.rule == "condition").unwrap();
    assert_eq!(problem.message, "this condition reads nothing that `web` sees");
    let found = finding(&plan, &[in_cell(look("web", 0, &json!({ "status": 200 })), &json!({ "n": 1 }))]);
    assert_eq!(
        (found.outcome, found.reason.as_str()),
        (Outcome::Undetermined, "its `check` reads nothing that `web` sees")
    );
}

#[test]
fn a_look_that_saw_nothing_of_what_is_claimed_is_no_success() {
    let plan = plan(
        &["a: { http: http://x, repeat: 3 }", "b: { http: http://y, repeat: 3 }"],
        &[
            "census: { of: a, check: slot > 0 || status == 200 }",
            "rate: { of: a, check: slot > 0 || status == 200, share: \">= 10%\" }",
            "own: { of: a, against: b, check: against.status != 200 || status == 200 }",
            "other: { of: b, against: a, check: status != 200 || against.status == 200 }",
        ],
    );
    let mut observations: Vec<_> = (0..3).map(|slot| barred("a", slot, Barrier::NotPermitted)).collect();
    observations.extend((0..3).map(|slot| look("b", slot, &json!({ "status": 500 }))));
    for finding in findings(&plan, &observations) {
        assert_eq!(finding.outcome, Outcome::Undetermined, "{}", finding.claim);
        assert_eq!((finding.counts.successes, finding.counts.blocked), (0, 3), "{}", finding.claim);
        assert_eq!(finding.barriers[0].barrier, Barrier::NotPermitted, "{}", finding.claim);
    }
    // What speaks against it does so without the look.
    let plan = crate::support::plan(
        &["a: { http: http://x, repeat: 3 }"],
        &["c: { of: a, check: slot < 2 && status == 200 }"],
    );
    assert_eq!(finding(&plan, &[barred("a", 2, Barrier::TimedOut)]).outcome, Outcome::Fails);
}

#[test]
fn how_many_attempts_there_were_is_chosen_by_what_was_seen() {
    let waiting = "a: { http: http://x, repeat: 40, until: status == 200, within: 1s }";
    let claim = "c: { of: a, where: attempt == 1, check: status == 200, share: \">= 80%\" }";
    let selected = |probe: &str| {
        let plan = plan(&[probe], &[claim]);
        check(&plan).iter().any(|problem| problem.rule == "selected")
    };
    assert!(selected(waiting));
    assert!(!selected("a: { http: http://x, repeat: 40 }"));
    let plan = plan(&[waiting], &[claim]);
    let mut observations = looks("a", 0..40, |_| json!({ "status": 200 }));
    observations.iter_mut().step_by(2).for_each(|again| again.attempt = 2);
    let found = finding(&plan, &observations);
    assert!(
        found.notes.iter().any(|note| note.contains("20 of 40") && note.contains("what was seen")),
        "{found:?}"
    );
}

#[test]
fn what_would_settle_it_is_told_by_why_it_is_not() {
    let plan = plan(
        &["tool: { command: [x], impact: observe }"],
        &[
            "a: { of: tool, check: \"lines == ['pw']\" }",
            "b: { of: tool, check: 'moment(stdout) < moment(stderr)' }",
        ],
    );
    let seen = json!({ "lines": ["[secret pw]"], "stdout": "soon", "stderr": "soon" });
    let found = findings(&plan, &[look("tool", 0, &seen)]);
    let how = |at: usize| found[at].settle.as_ref().unwrap().how.as_str();
    assert_eq!(how(0), "see to it that what is compared shows no secret, or claim something else of it");
    assert_eq!(how(1), "compare what is of the kind that the condition takes it for");
}
