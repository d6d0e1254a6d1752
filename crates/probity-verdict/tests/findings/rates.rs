//! Rates: what counts as a trial, and what does not.

use crate::support::*;

#[test]
fn a_rate_counts_what_was_planned() {
    let plan = plan(&[FORTY], &["a: { of: web, check: status == 200, share: \">= 80%\" }"]);
    let codes = |misses: &[u32]| {
        looks("web", 0..40, |slot| json!({ "status": if misses.contains(&slot) { 503 } else { 200 } }))
    };
    let holds = finding(&plan, &codes(&[3, 17, 30]));
    assert_eq!(holds.outcome, Outcome::Holds);
    assert_eq!(holds.decided, "in at least 80% of 40 planned looks (response): status == 200");
    assert_eq!(
        holds.reason,
        "37 of 40 succeeded, 3 failed: at least 0.817413, at most 0.979247 (each at 95%); the objective is >= 80%"
    );
    assert_eq!((holds.measured.as_str(), holds.objective.as_str()), ("37 of 40", ">= 80%"));
    assert_eq!(holds.notes, ["the bounds assume trials that do not influence each other"]);

    // 37 good ones of 40 planned, where three were never made, are no more than 37 of 40; 35 of 35 are not enough.
    assert_eq!(finding(&plan, &codes(&[])[..37]).outcome, Outcome::Holds);
    let short = finding(&plan, &codes(&[])[..35]);
    assert_eq!(short.outcome, Outcome::Undetermined);
    assert_eq!(
        short.counts,
        Counts { planned: 40, successes: 35, failures: 0, blocked: 5, ..Counts::default() }
    );

    let undetermined = finding(&plan, &codes(&[1, 9, 17, 24, 33, 38]));
    assert_eq!(undetermined.outcome, Outcome::Undetermined);
    let settle = undetermined.settle.unwrap();
    assert_eq!(settle.least, Some(14));
    assert_eq!(
        settle.how,
        format!(
            "plan 14 trials: enough if all succeed; {} settle it in 8 of 10 runs at the rate seen",
            settle.likely.unwrap()
        )
    );

    let fails = finding(
        &plan,
        &looks("web", 0..40, |slot| json!({ "status": if slot % 2 == 0 { 503 } else { 200 } })),
    );
    assert_eq!(fails.outcome, Outcome::Fails);
}

#[test]
fn nothing_more_than_was_planned_makes_a_rate_better() {
    let plan = plan(
        &["web: { http: http://x, repeat: 10 }"],
        &["a: { of: web, check: status == 200, share: \">= 80%\" }"],
    );
    // Slot 0 again and again: ten planned looks of which nine were never made, and nothing besides.
    let again: Vec<_> = (0..40).map(|_| look("web", 0, &json!({ "status": 200 }))).collect();
    let found = finding(&plan, &again);
    assert_eq!(
        found.counts,
        Counts { planned: 10, successes: 1, failures: 0, blocked: 9, ..Counts::default() }
    );
}

#[test]
fn misses_in_clusters_are_not_independent_trials() {
    let claims = [
        "a: { of: web, check: status == 200, share: \">= 80%\" }",
        "b: { of: web, check: status == 200, share: \">= 50%\", block: 20s }",
    ];
    let plan = plan(&["web: { http: http://x, every: 5s, for: 500s }"], &claims);
    let observations =
        looks("web", 0..100, |slot| json!({ "status": if (40..48).contains(&slot) { 503 } else { 200 } }));
    let found = findings(&plan, &observations);
    assert_eq!(found[0].outcome, Outcome::Undetermined);
    assert!(found[0].reason.contains("clusters"), "{}", found[0].reason);
    assert!(found[0].settle.as_ref().unwrap().how.contains("block: 1m"));
    // 100 looks in 25 stretches of four, of which two have a miss.
    assert_eq!(
        found[1].counts,
        Counts { planned: 25, successes: 23, failures: 2, blocked: 0, ..Counts::default() }
    );
    assert_eq!(found[1].outcome, Outcome::Holds);
    assert_eq!(
        found[1].decided,
        "in at least 50% of 25 stretches of 20s (response) throughout: status == 200"
    );
    // A stretch with a look that was not made is blocked; one of which nothing was seen too.
    let found = findings(&plan, &observations[..90]);
    assert_eq!(
        found[1].counts,
        Counts { planned: 25, successes: 20, failures: 2, blocked: 3, ..Counts::default() }
    );
}

#[test]
fn a_rate_is_decided_for_each_row_unless_it_is_pooled() {
    let probe = "web: { http: http://x, repeat: 20, matrix: [ { name: a }, { name: b } ] }";
    let claims = [
        "each: { of: web, check: status == 200, share: \">= 80%\" }",
        "pooled: { of: web, check: status == 200, share: \">= 80%\", pooled: true }",
        "one: { of: web, where: name == \"a\", check: status == 200, share: \">= 80%\" }",
    ];
    let plan = plan(&[probe], &claims);
    let mut observations = Vec::new();
    for slot in 0..20 {
        for name in ["a", "b"] {
            let miss = name == "b" && [2, 7, 13, 18].contains(&slot);
            let seen = look("web", slot, &json!({ "status": if miss { 503 } else { 200 } }));
            observations.push(in_cell(seen, &json!({ "name": name })));
        }
    }
    let found = findings(&plan, &observations);
    assert_eq!(found[0].outcome, Outcome::Undetermined);
    let cells: Vec<_> = found[0].cells.iter().map(|cell| (cell.cell.as_str(), cell.outcome)).collect();
    assert_eq!(cells, [("name=a", Outcome::Holds), ("name=b", Outcome::Undetermined)]);
    assert!(found[0].reason.starts_with("name=b: 16 of 20 succeeded"), "{}", found[0].reason);
    assert_eq!(found[0].bounds.unwrap().lower, 0.598_971); // 0.59897... by binomial sums in 50 digits
    assert_eq!(found[1].outcome, Outcome::Undetermined);
    assert_eq!(found[1].counts.planned, 40);
    assert!(found[1].notes.iter().any(|note| note.contains("pooled")));
    // The other row is not what it is about, seen or not.
    assert_eq!((found[2].outcome, found[2].counts.planned), (Outcome::Holds, 20));
    let of_a: Vec<_> = observations.iter().step_by(2).cloned().collect();
    let found = findings(&plan, &of_a);
    assert_eq!((found[2].outcome, found[2].counts.planned), (Outcome::Holds, 20));
    assert_eq!((found[0].outcome, found[0].counts.planned), (Outcome::Undetermined, 40));
    // Rows that are not in the plan are no trials.
    let stranger = in_cell(look("web", 0, &json!({ "status": 200 })), &json!({ "name": "c" }));
    let found = finding(&plan, &[stranger]);
    assert_eq!(found.counts, Counts { planned: 20 * 2, blocked: 40, ..Counts::default() });
    assert!(found.notes.iter().any(|note| note.contains("no run of the plan")));
}

/// What is taken away, a row, a slot and an attempt more than the plan asks for.
pub fn unasked() -> Vec<Observation> {
    let fine = || look("web", 0, &json!({ "answered": true, "status": 200 }));
    let mut beyond = fine();
    beyond.slot = 40;
    let mut another = fine();
    another.attempt = 2;
    let mut superseded = fine();
    superseded.superseded = true;
    vec![in_cell(fine(), &json!({ "name": "c" })), beyond, fine(), another, superseded]
}

#[test]
fn who_invents_trials_beyond_the_plan_gains_nothing() {
    let claims = [
        "a: { of: web, check: status == 200 }",
        "b: { of: web, check: status == 200, share: \">= 80%\" }",
        "c: { of: web, check: status == 200, share: \">= 80%\", block: 10s }",
        "d: { of: web, stable: [status] }",
        "e: { of: web, check: status == against.status, against: web }",
    ];
    let plan = plan(&[FORTY], &claims);
    let all = looks("web", 0..40, |_| json!({ "answered": true, "status": 200 }));
    let before = findings(&plan, &all);
    let outcomes: Vec<Outcome> = before.iter().map(|found| found.outcome).collect();
    assert_eq!(outcomes, [Outcome::Holds; 5]);
    for stranger in unasked() {
        let mut observations = all.clone();
        observations.push(stranger.clone());
        for (found, before) in findings(&plan, &observations).iter().zip(&before) {
            assert_eq!(found.counts, before.counts, "{} {stranger:?}", found.claim);
            assert_eq!(found.outcome, Outcome::Undetermined, "{} {stranger:?}", found.claim);
            assert!(found.reason.contains("entry 42"), "{}", found.reason);
        }
    }
    // What fails without it fails with it.
    let mut observations = looks("web", 0..40, |_| json!({ "answered": true, "status": 500 }));
    observations.extend(looks("web", 40..1040, |_| json!({ "answered": true, "status": 200 })));
    let found = findings(&plan, &observations);
    assert_eq!((found[0].outcome, found[1].outcome), (Outcome::Fails, Outcome::Fails));
    assert_eq!(found[1].counts, Counts { planned: 40, failures: 40, ..Counts::default() });
}

#[test]
fn what_where_leaves_out_is_told() {
    let claims = ["a: { of: web, where: status == 200, check: status == 200, share: \">= 50%\" }"];
    let web = plan(&[FORTY], &claims);
    // Thirty of forty looks failed, and the filter hides every one of them.
    let found = finding(&web, &status(&[[200].repeat(10), [500].repeat(30)].concat()));
    assert_eq!((found.outcome, found.counts.planned), (Outcome::Holds, 10));
    let told =
        "`where` left out 30 of 40 observations by what was seen: they count neither for nor against it";
    assert!(found.notes.iter().any(|note| note == told), "{:?}", found.notes);
    assert!(
        found.decided.starts_with("in at least 50% of 10 looks (response) where status == 200"),
        "{}",
        found.decided
    );
    // A row that is not what it is about was never planned for it.
    let matrix = "web: { http: http://x, matrix: [ { a: 1 }, { a: 2 } ] }";
    let rows = plan(&[matrix], &["a: { of: web, where: a == 1, check: status == 200 }"]);
    let of = |row| in_cell(look("web", 0, &json!({ "status": 200 })), &row);
    let found = finding(&rows, &[of(json!({ "a": 1 })), of(json!({ "a": 2 }))]);
    assert_eq!(found.notes, Vec::<String>::new());
}

#[test]
fn rows_that_read_alike_are_rows_of_their_own() {
    let matrix = "web: { http: http://x, matrix: [ { a: 1 }, { a: \"1\" } ] }";
    let plan = plan(&[matrix], &["a: { of: web, check: status == 200 }"]);
    let of = |row, status: i64| in_cell(look("web", 0, &json!({ "status": status })), &row);
    let found = finding(&plan, &[of(json!({ "a": 1 }), 200), of(json!({ "a": "1" }), 200)]);
    assert_eq!((found.outcome, found.counts.planned), (Outcome::Holds, 2));
    let found = finding(&plan, &[of(json!({ "a": 1 }), 500), of(json!({ "a": "1" }), 200)]);
    assert_eq!((found.outcome, found.cells[0].outcome), (Outcome::Fails, Outcome::Fails));
}

#[test]
fn a_time_near_the_limit_is_a_blocked_trial() {
    let plan = plan(&[THREE], &["a: { of: web, check: elapsed_ms < 100 }"]);
    let took = |least: f64, most: f64| {
        look("web", 0, &json!({ "elapsed_ms": { "at_least": least, "at_most": most } }))
    };
    let mut observations = vec![took(10.0, 20.0), took(95.0, 120.0), took(10.0, 20.0)];
    for (slot, observation) in observations.iter_mut().enumerate() {
        observation.slot = slot as u32;
    }
    let found = finding(&plan, &observations);
    assert_eq!((found.outcome, found.counts.blocked), (Outcome::Undetermined, 1));
    assert_eq!(found.barriers[0].barrier, Barrier::Overloaded);
    assert_eq!(found.telling, [3]);
}

#[test]
fn a_stretch_that_the_plan_ends_within_is_no_success() {
    let block = |block| {
        plan(
            &[FORTY],
            &[&format!("a: {{ of: web, check: status == 200, share: \">= 5%\", block: {block} }}")],
        )
    };
    let looks = |misses: &[u32]| {
        looks("web", 0..40, |slot| json!({ "status": if misses.contains(&slot) { 503 } else { 200 } }))
    };
    let (whole, partly) = (finding(&block("20s"), &looks(&[])), finding(&block("15s"), &looks(&[])));
    assert_eq!(whole.counts, Counts { planned: 10, successes: 10, ..Counts::default() });
    // 40 looks in 200 s.
    assert_eq!(partly.counts, Counts { planned: 14, successes: 13, blocked: 1, ..Counts::default() });
    let missed = finding(&block("15s"), &looks(&[39]));
    assert_eq!(missed.counts, Counts { planned: 14, successes: 13, failures: 1, ..Counts::default() });
    let longer = finding(&block("10m"), &looks(&[]));
    assert_eq!((longer.outcome, longer.counts.successes), (Outcome::Undetermined, 0));
}
