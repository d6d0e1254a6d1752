//! Findings from plans and observations: tables that read as sentences, and what no observation may do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use probity_plan::{Barrier, Blocked, Lane, Observation, Plan, Shows, Value};
use probity_verdict::check::check;
use probity_verdict::judgement::{Counts, Finding};
use probity_verdict::{Judge, Outcome, RunFacts, facts_read, timed_probes};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// The plan's only source.
struct Source(String);

impl probity_plan::Sources for Source {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// A plan with these probes and claims, each a line of YAML.
fn plan(probes: &[&str], claims: &[&str]) -> Plan {
    let yaml = format!(
        "plan: P\nprobes:\n  {}\nclaims:\n  {}\nverdict: [ label: L ]\n",
        probes.join("\n  "),
        claims.join("\n  ")
    );
    let loaded = probity_plan::load("plan.yaml", &Source(yaml), &BTreeMap::new());
    let plan = loaded.unwrap_or_else(|errors| panic!("{errors}")).plan;
    assert_eq!(check(&plan).into_iter().find(|problem| problem.rule == "condition"), None);
    plan
}

const BEGIN: i64 = 1_800_000_000_000_000;

/// A look of a probe every 5 s, 10 ms long.
fn look(probe: &str, slot: u32, facts: &Json) -> Observation {
    Observation {
        probe: probe.to_owned(),
        cell: BTreeMap::new(),
        slot,
        attempt: 1,
        superseded: false,
        lane: Lane::Parallel,
        started: jiff::Timestamp::from_microsecond(BEGIN + i64::from(slot) * 5_000_000).unwrap(),
        offset_us: u64::from(slot) * 5_000_000,
        duration_us: 10_000,
        scheduling_delay_us: None,
        facts: facts
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), Value::from_json(value)))
            .collect(),
        unknown: BTreeMap::new(),
    }
}

/// The look, so many seconds into the run.
fn at_second(mut observation: Observation, second: u32) -> Observation {
    observation.started =
        jiff::Timestamp::from_microsecond(BEGIN + i64::from(second) * 1_000_000).unwrap();
    observation.offset_us = u64::from(second) * 1_000_000;
    observation
}

/// The looks, with the observer's clock set by so many seconds before the one of this place.
fn clock_set(mut observations: Vec<Observation>, at: usize, seconds: i64) -> Vec<Observation> {
    for observation in observations.iter_mut().skip(at) {
        let started = observation.started.as_microsecond() + seconds * 1_000_000;
        observation.started = jiff::Timestamp::from_microsecond(started).unwrap();
    }
    observations
}

/// A look that met a barrier.
fn barred(probe: &str, slot: u32, barrier: Barrier) -> Observation {
    let mut observation = look(probe, slot, &json!({}));
    observation.unknown.insert("*".to_owned(), Blocked::new(barrier, "it said no"));
    observation
}

fn in_cell(mut observation: Observation, cell: &Json) -> Observation {
    observation.cell = look("", 0, cell).facts;
    observation
}

/// So many looks, each with the facts that `facts` gives for its slot.
fn looks(probe: &str, slots: std::ops::Range<u32>, facts: impl Fn(u32) -> Json) -> Vec<Observation> {
    slots.map(|slot| look(probe, slot, &facts(slot))).collect()
}

fn findings(plan: &Plan, observations: &[Observation]) -> Vec<Finding> {
    let started = jiff::Timestamp::from_microsecond(BEGIN).unwrap();
    let mut judge = Judge::new(plan, RunFacts { started, complete: true });
    for (at, observation) in observations.iter().enumerate() {
        judge.observe(at as u64 + 2, observation);
    }
    judge.findings()
}

fn finding(plan: &Plan, observations: &[Observation]) -> Finding {
    findings(plan, observations).remove(0)
}

const THREE: &str = "web: { http: http://x, every: 5s, for: 15s }";
const FORTY: &str = "web: { http: http://x, every: 5s, for: 200s }";

fn status(codes: &[i64]) -> Vec<Observation> {
    looks("web", 0..codes.len() as u32, |slot| json!({ "status": codes[slot as usize] }))
}

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
    assert_eq!(missing.counts, Counts { planned: 3, successes: 2, failures: 0, blocked: 1 });
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
    use Outcome::{Fails, Holds, NotApplicable, Undetermined};
    let facts = |status: [i64; 3], size: i64| {
        looks("web", 0..3, |slot| json!({ "status": status[slot as usize], "size_bytes": size }))
    };
    assert_eq!(outcomes(&facts([200, 200, 200], 5)), [Undetermined, NotApplicable]);
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
    let plan = plan(&[THREE], &["a: { of: web, check: attempt == 1 }"]);
    assert_eq!(finding(&plan, &status(&[200, 200, 200])).outcome, Outcome::Holds);
    let mut observations = status(&[200, 200, 200]);
    observations[1] = barred("web", 1, Barrier::NotMade);
    assert_eq!(finding(&plan, &observations).outcome, Outcome::Undetermined);
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
    assert_eq!(short.counts, Counts { planned: 40, successes: 35, failures: 0, blocked: 5 });

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
    assert_eq!(found.counts, Counts { planned: 10, successes: 1, failures: 0, blocked: 9 });
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
    assert_eq!(found[1].counts, Counts { planned: 25, successes: 23, failures: 2, blocked: 0 });
    assert_eq!(found[1].outcome, Outcome::Holds);
    assert_eq!(
        found[1].decided,
        "in at least 50% of 25 stretches of 20s (response) throughout: status == 200"
    );
    // A stretch with a look that was not made is blocked; one of which nothing was seen too.
    let found = findings(&plan, &observations[..90]);
    assert_eq!(found[1].counts, Counts { planned: 25, successes: 20, failures: 2, blocked: 3 });
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
fn unasked() -> Vec<Observation> {
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
fn a_denial_counts_only_beside_its_positive_control() {
    let probes = ["viewer: { http: http://x }", "admin: { http: http://x }"];
    let plan = plan(
        &probes,
        &[
            "alone: { of: viewer, check: status == 403 }",
            "beside: { of: viewer, check: status == 403, control: allowed }",
            "allowed: { of: admin, check: status == 200 }",
            "circle: { of: viewer, check: status == 403, control: back }",
            "rate: { of: viewer, check: status == 403, share: \">= 10%\", control: allowed }",
            "back: { of: viewer, check: status == 403, control: circle }",
        ],
    );
    let outcomes = |viewer: i64, admin: Option<i64>| -> Vec<Outcome> {
        let mut observations = vec![look("viewer", 0, &json!({ "status": viewer }))];
        observations.extend(admin.map(|status| look("admin", 0, &json!({ "status": status }))));
        findings(&plan, &observations).iter().map(|finding| finding.outcome).collect()
    };
    use Outcome::{Fails, Holds, Undetermined};
    assert_eq!(
        outcomes(403, Some(200)),
        [Undetermined, Holds, Holds, Undetermined, Undetermined, Undetermined]
    );
    assert_eq!(
        outcomes(403, Some(503)),
        [Undetermined, Undetermined, Fails, Undetermined, Undetermined, Undetermined]
    );
    assert_eq!(outcomes(403, None), [Undetermined; 6]);
    // Not the denial expected.
    assert_eq!(outcomes(500, Some(200))[..2], [Fails, Fails]);
    let found = findings(&plan, &[look("viewer", 0, &json!({ "status": 403 }))]);
    assert!(
        found[0].reason.contains("a denial counts only beside its positive control"),
        "{}",
        found[0].reason
    );
    assert!(found[0].settle.as_ref().unwrap().how.contains("control: CLAIM"));
    assert!(found[1].settle.as_ref().unwrap().how.contains("`allowed` holds"));
    let found = findings(
        &plan,
        &[look("viewer", 0, &json!({ "status": 403 })), look("admin", 0, &json!({ "status": 200 }))],
    );
    assert!(found[1].notes[0].contains("shown by `allowed`"));
}

const ROLES: &str = "call: { http: 'http://x/${path}', headers: { Authorization: '${who}' }, repeat: 2, matrix: [ \
                     { who: admin, path: a, expect: 200 }, { who: viewer, path: a, expect: 403 }, \
                     { who: admin, path: b, expect: 200 }, { who: viewer, path: b, expect: 403 } ] }";

/// Two looks at each row of `ROLES`, or at fewer of them, with these codes; 0 is a barrier.
fn calls(codes: &[[i64; 2]]) -> Vec<Observation> {
    let rows = [("admin", "a", 200), ("viewer", "a", 403), ("admin", "b", 200), ("viewer", "b", 403)];
    let look = |slot: u32, code: i64| match code {
        0 => barred("call", slot, Barrier::TimedOut),
        code => look("call", slot, &json!({ "status": code })),
    };
    rows.iter()
        .zip(codes)
        .flat_map(|((who, path, expect), codes)| {
            let row = json!({ "who": who, "path": path, "expect": expect });
            [in_cell(look(0, codes[0]), &row), in_cell(look(1, codes[1]), &row)]
        })
        .collect()
}

#[test]
fn a_row_that_asks_the_same_as_somebody_else_is_the_control_of_one_that_is_denied() {
    use Outcome::{Fails, Holds, Undetermined};
    let plan = plan(
        &[ROLES, "other: { http: http://y }"],
        &[
            "roles: { of: call, check: status == expect }",
            "named: { of: call, check: status == expect, control: other }",
            "pooled: { of: call, check: status == expect, share: \">= 10%\", pooled: true }",
            "rate: { of: call, check: status == expect, share: \">= 10%\" }",
            "other: { of: other, check: status == 200 }",
        ],
    );
    let outcomes = |codes: [[i64; 2]; 4]| -> Vec<Outcome> {
        findings(&plan, &calls(&codes)).iter().map(|finding| finding.outcome).take(4).collect()
    };
    let (yes, no) = ([200; 2], [403; 2]);
    // What was counted together cannot tell for whom, and who names a control means that one.
    assert_eq!(outcomes([yes, no, yes, no]), [Holds, Undetermined, Holds, Holds]);
    let found = finding(&plan, &calls(&[yes, no, yes, no]));
    assert_eq!(
        found.notes,
        ["4 of these are denials; that they could have been otherwise is shown by rows that ask the same as somebody \
          else and were not denied"]
    );
    for failed in [[200, 503], [403, 403], [200, 403]] {
        let found = finding(&plan, &calls(&[yes, no, failed, no]));
        let cells: Vec<Outcome> = found.cells.iter().map(|cell| cell.outcome).collect();
        assert_eq!(cells, [Holds, Holds, Fails, Undetermined], "{failed:?}");
    }
    let found = finding(&plan, &calls(&[yes, no, [200, 0], no]));
    let cells: Vec<Outcome> = found.cells.iter().map(|cell| cell.outcome).collect();
    assert_eq!(cells, [Holds, Holds, Undetermined, Undetermined]);
    assert!(found.reason.contains("a denial counts only beside its positive control"), "{}", found.reason);
    assert!(found.settle.unwrap().how.contains("another one asks the same as somebody who may"));
    // Not the denial expected is a failure, whatever the control.
    assert_eq!(outcomes([yes, [404; 2], yes, no])[0], Fails);
}

#[test]
fn what_differs_in_more_than_who_asks_is_no_control() {
    for rows in [
        // Another path, another method of asking who it is, and the same person twice.
        "{ who: admin, path: a, x: 1, expect: 200 }, { who: viewer, path: b, x: 1, expect: 403 }",
        "{ who: admin, path: a, x: 1, expect: 200 }, { who: viewer, path: a, x: 2, expect: 403 }",
        "{ who: admin, path: a, x: 1, expect: 200 }, { who: admin, path: a, x: 1, expect: 403 }",
    ] {
        let probe = format!(
            "call: {{ http: 'http://x/${{path}}', headers: {{ cookie: '${{who}}', x-role: '${{x}}' }}, matrix: [ {rows} ] }}"
        );
        let plan = plan(&[&probe], &["roles: { of: call, check: status == expect }"]);
        let looks: Vec<Observation> = (plan.probes[0].cells.iter())
            .map(|cell| Observation {
                cell: cell.row.clone(),
                ..look("call", 0, &json!({ "status": cell.row["expect"].as_number().map(|code| code as i64) }))
            })
            .collect();
        let found = finding(&plan, &looks);
        assert_eq!(found.outcome, Outcome::Undetermined, "{rows}: {}", found.reason);
        assert!(check(&plan).iter().any(|problem| problem.rule == "denial"), "{rows}");
    }
    let plan = plan(&[ROLES], &["roles: { of: call, check: answered && status == expect }"]);
    let denial = check(&plan).into_iter().find(|problem| problem.rule == "denial");
    assert_eq!(denial, None, "each row that is denied has its control beside it");
}

#[test]
fn stable_facts_are_equal_in_every_sample() {
    let probe = "file: { file: /x, every: 5s, for: 50s }";
    let plan = plan(
        &[probe],
        &[
            "same: { of: file, stable: [uid, size_bytes] }",
            "near: { of: file, stable: [size_bytes], at_most: 10 }",
        ],
    );
    let sizes = |sizes: &[i64]| {
        looks("file", 0..sizes.len() as u32, |slot| json!({ "uid": 0, "size_bytes": sizes[slot as usize] }))
    };
    let outcomes = |observations: &[Observation]| -> Vec<Outcome> {
        findings(&plan, observations).iter().map(|finding| finding.outcome).collect()
    };
    use Outcome::{Fails, Holds, Undetermined};
    let still = sizes(&[7; 10]);
    assert_eq!(outcomes(&still), [Holds, Holds]);
    let found = finding(&plan, &still);
    assert_eq!(found.decided, "equal in each of 10 observations (presence): uid, size_bytes");
    assert_eq!(found.measured, "uid the same in 10; size_bytes the same in 10");
    let grown = sizes(&[7, 8, 9, 10, 11, 12, 13, 14, 15, 17]);
    assert_eq!(outcomes(&grown), [Fails, Holds]);
    let found = findings(&plan, &grown);
    assert_eq!(found[0].reason, "it was not; first in entry 3: size_bytes = 8, before 7");
    assert_eq!(found[1].measured, "size_bytes 7 to 17");
    // A file that grew was written to.
    assert_eq!((found[0].rests_on, found[1].rests_on), (Some(Shows::Presence), Some(Shows::Effect)));
    assert_eq!(outcomes(&sizes(&[7, 8, 9, 10, 11, 12, 13, 14, 15, 18])), [Fails, Fails]);

    let without = |slots: &[u32]| -> Vec<Observation> {
        still
            .iter()
            .map(|seen| {
                if slots.contains(&seen.slot) {
                    barred("file", seen.slot, Barrier::PermissionDenied)
                } else {
                    seen.clone()
                }
            })
            .collect()
    };
    assert_eq!(outcomes(&without(&[4])), [Holds, Holds]);
    assert!(finding(&plan, &without(&[4])).notes[0].contains("1 of 10"));
    for gap in [[4, 5], [0, 1], [8, 9]] {
        assert_eq!(outcomes(&without(&gap)), [Undetermined, Undetermined], "{gap:?}");
    }
    assert_eq!(outcomes(&[]), [Undetermined, Undetermined]);
    let mut late = still.clone();
    late[9] = at_second(late[9].clone(), 60);
    assert_eq!(outcomes(&late), [Undetermined, Undetermined]);
    // A change counts whatever was not seen.
    let mut changed = without(&[4, 5]);
    changed[9] = look("file", 9, &json!({ "uid": 0, "size_bytes": 99 }));
    assert_eq!(outcomes(&changed), [Fails, Fails]);
}

#[test]
fn a_clock_that_is_set_shifts_nothing_that_is_decided() {
    let plan = plan(
        &["file: { file: /x, every: 5s, for: 600s }"],
        &[
            "same: { of: file, stable: [exists] }",
            "changes: { of: file, periodic: 60s, tolerance: 15s, changes: sha256, periods: 5 }",
            "recorded: { of: file, periodic: 60s, tolerance: 15s, starts: modified, periods: 5 }",
            "minutes: { of: file, check: exists, share: '>= 50%', block: 1m }",
        ],
    );
    let judged = |observations: &[Observation]| {
        let started = jiff::Timestamp::from_microsecond(BEGIN).unwrap();
        let mut judge = Judge::new(&plan, RunFacts { started, complete: true });
        (2..).zip(observations).for_each(|(entry, observation)| judge.observe(entry, observation));
        let judgement = judge.conclude();
        let outcomes: Vec<Outcome> = judgement.findings.iter().map(|finding| finding.outcome).collect();
        (outcomes, judgement.limits)
    };
    let exists = |mut observations: Vec<Observation>| {
        observations.iter_mut().for_each(|seen| _ = seen.facts.insert("exists".to_owned(), true.into()));
        observations
    };
    use Outcome::{Fails, Holds, Undetermined};
    let regular = exists(syncs(&(0..10).map(|n| 7 + n * 60).collect::<Vec<_>>(), 120));
    assert_eq!(judged(&regular), (vec![Holds, Holds, Holds, Holds], vec![]));
    // Kept right bit by bit it is not set.
    let mut slewed = regular.clone();
    for (at, seen) in (0_i64..).zip(&mut slewed) {
        seen.started = jiff::Timestamp::from_microsecond(seen.started.as_microsecond() + at * 800).unwrap();
    }
    assert_eq!(judged(&slewed), judged(&regular));
    for seconds in [3600, 61, 20, -20, -61, -3600] {
        // What the target records by the same clock moves with it.
        let mut set = clock_set(regular.clone(), 50, seconds);
        for seen in &mut set {
            let modified: Option<jiff::Timestamp> = seen.facts["modified"].as_text().map(|at| at.parse().unwrap());
            if let Some(at) = modified.filter(|at| at.as_microsecond() > BEGIN + 245_000_000) {
                let moved = jiff::Timestamp::from_microsecond(at.as_microsecond() + seconds * 1_000_000).unwrap();
                seen.facts.insert("modified".to_owned(), moved.to_string().into());
            }
        }
        let (outcomes, limits) = judged(&set);
        assert_eq!(outcomes, [Holds, Holds, Undetermined, Holds], "{seconds}");
        let limit = &limits[0];
        assert!(limit.contains(&format!("by up to {} s", seconds.abs())), "{limit}");
        // Where the target's clock is another one, which nobody knows here.
        assert_eq!(judged(&clock_set(regular.clone(), 50, seconds)).0[2], Undetermined, "{seconds}");
        let noted = &findings(&plan, &set)[2].notes;
        assert!(noted.iter().any(|note| note.contains("the observer's clock moved by up to")), "{noted:?}");
        // It hides nothing either: what never began, or a time in which nobody looked.
        let never = exists(syncs(&[], 120));
        assert_eq!(judged(&clock_set(never, 10, seconds)).0, [Holds, Fails, Fails, Holds], "{seconds}");
        let mut away = regular.clone();
        for seen in &mut away[50..] {
            seen.offset_us += 120_000_000;
        }
        assert_eq!(judged(&away).0[..3], [Undetermined, Undetermined, Undetermined], "{seconds}");
    }
}

#[test]
fn one_sample_shows_no_change() {
    let plan = plan(&["file: { file: /x }"], &["a: { of: file, stable: [uid] }"]);
    let found = finding(&plan, &[look("file", 0, &json!({ "uid": 0 }))]);
    assert_eq!((found.outcome, found.reason.as_str()), (Outcome::Undetermined, "one sample shows no change"));
}

#[test]
fn a_comparison_pairs_slot_by_slot_or_with_the_only_one() {
    let probes = ["a: { file: /a, repeat: 3 }", "b: { file: /b, repeat: 3 }", "c: { file: /c }"];
    let plan = plan(
        &probes,
        &[
            "slots: { of: a, against: b, check: size_bytes == against.size_bytes }",
            "one: { of: a, against: c, check: size_bytes == against.size_bytes }",
            "self: { of: a, against: a, check: size_bytes > against.size_bytes }",
        ],
    );
    let file = |probe: &str, slot: u32, size: i64| look(probe, slot, &json!({ "size_bytes": size }));
    let outcomes = |observations: &[Observation]| -> Vec<Outcome> {
        findings(&plan, observations).iter().map(|finding| finding.outcome).collect()
    };
    use Outcome::{Fails, Holds, Undetermined};
    let mut good: Vec<_> = (0..3).flat_map(|slot| [file("a", slot, 7), file("b", slot, 7)]).collect();
    good.push(file("c", 0, 7));
    assert_eq!(outcomes(&good), [Holds, Holds, Fails]);
    // In whatever order they come.
    good.reverse();
    assert_eq!(outcomes(&good), [Holds, Holds, Fails]);
    good.sort_by(|x, y| x.probe.cmp(&y.probe));
    assert_eq!(outcomes(&good), [Holds, Holds, Fails]);
    let found = findings(&plan, &good);
    assert_eq!(
        found[0].decided,
        "in each of 3 observations beside `b` (presence): size_bytes == against.size_bytes"
    );
    assert_eq!(
        found[2].decided,
        "between the first and the last look of `a` (presence): size_bytes > against.size_bytes"
    );
    assert_eq!(
        found[2].reason,
        "1 of 1 observation does not satisfy it; first in entry 2: size_bytes = 7, against.size_bytes = 7"
    );
    assert_eq!(found[0].entries, [(2, 7)]);
    // One that has no other side is not decided.
    let without: Vec<_> = good.iter().filter(|seen| seen.probe != "b" || seen.slot != 1).cloned().collect();
    assert_eq!(outcomes(&without), [Undetermined, Holds, Fails]);
    let without: Vec<_> = good.iter().filter(|seen| seen.probe != "c").cloned().collect();
    assert_eq!(outcomes(&without), [Holds, Undetermined, Fails]);
    // A file that grew from the first look to the last shows an effect; without the last look, nothing.
    let grown: Vec<_> = (0..3).map(|slot| file("a", slot, slot.into())).collect();
    let found = findings(&plan, &grown).remove(2);
    assert_eq!((found.outcome, found.rests_on), (Holds, Some(Shows::Effect)));
    assert_eq!(outcomes(&grown[..2])[2], Undetermined);
    assert_eq!(outcomes(&grown[1..])[2], Undetermined, "what was before is not known");
    assert_eq!(outcomes(&grown[2..])[2], Undetermined);
}

#[test]
fn what_cannot_be_paired_is_undetermined_with_the_reason() {
    let plan = plan(
        &["a: { file: /a, repeat: 3 }", "b: { file: /b, repeat: 2 }"],
        &["x: { of: a, against: b, check: size_bytes == against.size_bytes }"],
    );
    let found = finding(&plan, &[]);
    assert_eq!(found.outcome, Outcome::Undetermined);
    assert!(found.reason.contains("plan as many looks of both"), "{}", found.reason);
}

#[test]
fn a_fact_that_was_not_kept_is_to_be_kept_next_time() {
    let plan = plan(&["file: { file: /x }"], &["a: { of: file, check: content == \"x\" }"]);
    let found = finding(&plan, &[look("file", 0, &json!({ "exists": true }))]);
    assert_eq!((found.outcome, found.barriers[0].fact.as_str()), (Outcome::Undetermined, "content"));
    assert_eq!(
        found.settle.unwrap().how,
        "observe anew and keep `content`, which this run did not: with a claim of the plan that runs which reads it, or \
         with `keep: all` in `file`"
    );
    // What was not looked at at all is another matter.
    let how = finding(&plan, &[]).settle.unwrap().how;
    assert!(how.contains("make every planned look"), "{how}");
}

/// A file whose modification time is its last start, looked at every 5 s.
fn syncs(starts: &[i64], slots: u32) -> Vec<Observation> {
    looks("file", 0..slots, |slot| {
        let now = i64::from(slot) * 5;
        let last = starts.iter().filter(|start| **start <= now).max();
        match last {
            Some(start) => {
                json!({ "modified": jiff::Timestamp::from_microsecond(BEGIN + start * 1_000_000).unwrap().to_string(), "sha256": start.to_string() })
            }
            None => json!({ "modified": null, "sha256": "none" }),
        }
    })
}

#[test]
fn a_periodic_claim_needs_complete_gaps() {
    let probe = "file: { file: /x, every: 5s, for: 600s }";
    let plan = plan(
        &[probe],
        &[
            "recorded: { of: file, periodic: 60s, tolerance: 15s, starts: modified, periods: 5 }",
            "changes: { of: file, periodic: 60s, tolerance: 15s, changes: sha256, periods: 5 }",
        ],
    );
    let outcomes = |observations: &[Observation]| -> Vec<Outcome> {
        findings(&plan, observations).iter().map(|finding| finding.outcome).collect()
    };
    use Outcome::{Fails, Holds, Undetermined};
    let regular: Vec<i64> = (0..10).map(|n| 7 + n * 60).collect();
    assert_eq!(outcomes(&syncs(&regular, 120)), [Holds, Holds]);
    let found = findings(&plan, &syncs(&regular, 120));
    assert_eq!(
        found[0].decided,
        "a start every 1m within 15s, at least 5 gaps in a row, by the times in `modified` (presence)"
    );
    assert_eq!(found[0].measured, "9 gaps, 60 s to 60 s");
    assert_eq!(found[0].objective, "every 1m within 15s");
    assert_eq!(found[1].rests_on, Some(Shows::Effect));
    assert!(!found[0].notes.iter().any(|note| note.contains("saw nothing")));
    // It says so where it was seen in a part of the watch only.
    let mut half = syncs(&regular, 110);
    for seen in &mut half[66..] {
        *seen = barred("file", seen.slot, Barrier::PermissionDenied);
    }
    assert_eq!(outcomes(&half), [Holds, Holds]);
    let note = "54 of 120 looks saw nothing: it holds for the rest of the watch";
    assert!(findings(&plan, &half).iter().all(|finding| finding.notes.iter().any(|said| said == note)));
    // Too few; five gaps need six starts.
    assert_eq!(outcomes(&syncs(&regular[..5], 60)), [Undetermined, Undetermined]);
    assert_eq!(outcomes(&syncs(&regular[..6], 65)), [Holds, Holds]);
    assert_eq!(
        findings(&plan, &syncs(&regular[..4], 45))[0].reason,
        "3 of at least 5 complete gaps seen; not-made 75 times"
    );
    // One late, one early, and it stops.
    assert_eq!(outcomes(&syncs(&[7, 67, 127, 227, 287, 347, 407, 467, 527, 587], 120)), [Fails, Fails]);
    assert_eq!(outcomes(&syncs(&[7, 67, 97, 157, 217, 277, 337, 397, 457, 517, 577], 120)), [Fails, Fails]);
    assert_eq!(outcomes(&syncs(&regular[..8], 120)), [Fails, Fails]);
    // It never ran: what the report with the green tick called operational.
    assert_eq!(outcomes(&syncs(&[], 120)), [Fails, Fails]);
    assert_eq!(
        findings(&plan, &syncs(&[], 120))[0].reason,
        "entry 18: no start was recorded in a watch of 80 s"
    );
    assert_eq!(
        outcomes(&syncs(&[], 15)),
        [Undetermined, Undetermined],
        "shorter than a period and its tolerance"
    );
    assert_eq!(outcomes(&syncs(&[-86_400], 10)), [Undetermined, Undetermined]);
    // What was behind barriers decides nothing.
    let barred: Vec<_> = (0..120).map(|slot| barred("file", slot, Barrier::PermissionDenied)).collect();
    assert_eq!(outcomes(&barred), [Undetermined, Undetermined]);
    let mut gap = syncs(&regular, 120);
    for seen in &mut gap[40..60] {
        *seen = self::barred("file", seen.slot, Barrier::PermissionDenied);
    }
    assert_eq!(outcomes(&gap), [Undetermined, Undetermined], "two starts may lie in a time nobody looked");
    let mut nonsense = syncs(&regular, 120);
    nonsense[3].facts.insert("modified".to_owned(), "yesterday".into());
    assert_eq!(outcomes(&nonsense)[0], Fails);
}

#[test]
fn a_list_of_recorded_times_needs_one_look() {
    let plan = plan(
        &["tool: { command: [x], impact: observe }"],
        &["a: { of: tool, periodic: 60s, tolerance: 15s, starts: lines }"],
    );
    let at = |second: i64| jiff::Timestamp::from_microsecond(BEGIN + second * 1_000_000).unwrap().to_string();
    let with = |seconds: &[i64]| {
        finding(
            &plan,
            &[look("tool", 0, &json!({ "lines": seconds.iter().map(|s| at(*s)).collect::<Vec<_>>() }))],
        )
    };
    assert_eq!(with(&[0, 60, 125, 180, 240, 300]).outcome, Outcome::Holds);
    assert_eq!(with(&[300, 60, 125, 240, 180, 0]).outcome, Outcome::Holds);
    assert_eq!(with(&[0, 60, 125, 180, 240]).outcome, Outcome::Undetermined);
    let fails = with(&[0, 60, 120, 240, 300, 360]);
    assert_eq!(
        (fails.outcome, fails.reason.as_str()),
        (Outcome::Fails, "1 of 5 gaps surely outside of 45 s to 75 s")
    );
    assert!(fails.notes.iter().any(|note| note.contains("declared harmless by the author")));
}

#[test]
fn what_is_kept_and_what_is_timed() {
    let plan = plan(
        &[
            "web: { http: http://x, matrix: [ { expect: 200 } ] }",
            "file: { file: /x, every: 5s, for: 10s }",
            "other: { file: /y }",
        ],
        &[
            "a: { of: web, where: answered, check: elapsed_ms < 100 && status == expect }",
            "b: { of: file, stable: [sha256] }",
            "c: { of: file, against: other, check: content == against.content && slot < 9 }",
        ],
    );
    let names = |probe: &str| facts_read(&plan)[probe].iter().cloned().collect::<Vec<_>>();
    assert_eq!(names("web"), ["answered", "elapsed_ms", "status"]);
    assert_eq!(names("file"), ["content", "sha256"]);
    assert_eq!(names("other"), ["content"]);
    assert_eq!(timed_probes(&plan).into_iter().collect::<Vec<_>>(), ["file", "web"]);
}

#[test]
fn a_million_observations_keep_little() {
    let plan = plan(
        &["web: { http: http://x, every: 5s, for: 50d }"],
        &[
            "a: { of: web, check: status == 200 }",
            "b: { of: web, check: status == 200, share: \">= 99%\", block: 1m }",
        ],
    );
    let started = jiff::Timestamp::from_microsecond(BEGIN).unwrap();
    let mut judge = Judge::new(&plan, RunFacts { started, complete: true });
    let mut observation = look("web", 0, &json!({ "status": 200 }));
    for slot in 0..100_000 {
        observation.slot = slot;
        judge.observe(u64::from(slot) + 2, &observation);
    }
    let found = judge.findings();
    assert_eq!(found[0].counts.successes, 100_000);
    assert_eq!(found[0].entries, [(2, 100_001)]);
    assert_eq!(found[1].counts.planned, 50 * 24 * 60);
    assert_eq!(found[1].counts.successes, 100_000 / 12);
}

/// How good an outcome is for whoever wants to pass.
fn rank(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Fails => 0,
        Outcome::Undetermined => 1,
        Outcome::NotApplicable | Outcome::Holds => 2,
    }
}

/// A plan whose every claim holds, one of each form, with the run that shows it.
fn accepting() -> (Plan, Vec<Observation>) {
    let plan = plan(
        &[
            "web: { http: http://x, every: 5s, for: 300s }",
            "viewer: { http: http://x, repeat: 3 }",
            ROLES,
            "file: { file: /x, every: 5s, for: 400s }",
            "copy: { file: /y, every: 5s, for: 400s }",
        ],
        &[
            "each: { of: web, check: answered && status < 500 }",
            "rate: { of: web, check: elapsed_ms < 100, share: \">= 90%\" }",
            "block: { of: web, check: elapsed_ms < 100, share: \">= 50%\", block: 20s }",
            "denied: { of: viewer, check: status == 403, control: each }",
            "roles: { of: call, check: status == expect }",
            "stable: { of: file, stable: [uid] }",
            "near: { of: file, stable: [size_bytes], at_most: 3 }",
            "periodic: { of: file, periodic: 60s, tolerance: 15s, starts: modified }",
            "changes: { of: file, periodic: 60s, tolerance: 15s, changes: sha256 }",
            "same: { of: file, against: copy, check: size_bytes == against.size_bytes }",
            "before: { of: file, against: file, check: uid == against.uid }",
        ],
    );
    let mut observations = looks("web", 0..60, |slot| {
        let slow = slot == 31;
        json!({ "answered": true, "status": 200, "elapsed_ms": { "at_least": if slow { 150 } else { 10 }, "at_most": if slow { 160 } else { 20 } } })
    });
    observations.extend(looks("viewer", 0..3, |_| json!({ "status": 403 })));
    observations.extend(calls(&[[200; 2], [403; 2], [200; 2], [403; 2]]));
    let starts: Vec<i64> = (0..7).map(|n| 7 + n * 60).collect();
    let mut files = syncs(&starts, 80);
    for file in &mut files {
        file.facts.insert("uid".to_owned(), 0.into());
        file.facts.insert("size_bytes".to_owned(), (100 + i64::from(file.slot % 3)).into());
    }
    let mut copies = files.clone();
    for copy in &mut copies {
        copy.probe = "copy".to_owned();
    }
    observations.extend(files);
    observations.extend(copies);
    (plan, observations)
}

/// The opposite of what was seen, in every fact.
fn opposite(observation: &mut Observation) {
    for value in observation.facts.values_mut() {
        *value = match &*value {
            Value::Bool(bool) => Value::Bool(!bool),
            Value::Int(int) => Value::Int(int + 300),
            Value::Map(_) => Value::interval(5000.0, None),
            _ => "something else".into(),
        };
    }
}

#[test]
fn no_observation_turned_into_a_barrier_or_its_opposite_improves_a_finding() {
    let (plan, observations) = accepting();
    let before = findings(&plan, &observations);
    for finding in &before {
        assert_eq!(finding.outcome, Outcome::Holds, "{}: {}", finding.claim, finding.reason);
    }
    let mut worse = vec![false; before.len()];
    for at in 0..observations.len() {
        for barrier in [true, false] {
            let mut altered = observations.clone();
            if barrier {
                let cell = altered[at].cell.clone();
                altered[at] = Observation { cell, ..barred(&altered[at].probe, altered[at].slot, Barrier::TimedOut) };
            } else {
                opposite(&mut altered[at]);
            }
            for (claim, (after, before)) in findings(&plan, &altered).iter().zip(&before).enumerate() {
                assert!(rank(after.outcome) <= rank(before.outcome), "{} at {at}", before.claim);
                if let (Some(after), Some(before)) = (after.bounds, before.bounds) {
                    assert!(after.lower <= before.lower, "at {at}");
                }
                assert!(
                    !barrier || after.outcome != Outcome::Fails,
                    "{} at {at}: a barrier shows no failure",
                    before.claim
                );
                worse[claim] |= after.outcome != before.outcome;
            }
        }
    }
    // Each claim turns with some single observation, but the one that can bear a second miss.
    let bears: Vec<_> = before
        .iter()
        .zip(&worse)
        .filter(|(_, worse)| !**worse)
        .map(|(finding, _)| finding.claim.as_str())
        .collect();
    assert_eq!(bears, ["block"]);
}

proptest! {
    /// A positive control that is behind a barrier, fails, or is itself denied makes nothing better.
    #[test]
    fn a_control_that_gets_worse_improves_nothing(
        codes in proptest::collection::vec(prop_oneof![3 => Just(200), 3 => Just(403), 1 => Just(503), 1 => Just(0)], 8),
        // A look at a row that may.
        at in prop_oneof![Just(0_usize), Just(1), Just(4), Just(5)],
        worse in prop_oneof![Just(0), Just(403), Just(503)],
    ) {
        prop_assume!(codes[at] == 200);
        let plan = plan(&[ROLES], &[
            "roles: { of: call, check: status == expect }",
            "either: { of: call, check: \"status == 200 || status == 403\" }",
            "rate: { of: call, check: status == expect, share: \">= 20%\" }",
            "may: { of: call, where: expect == 200, check: \"status == 200 || status == 403\" }",
        ]);
        let seen = |codes: &[i64]| findings(&plan, &calls(&codes.chunks(2).map(|pair| [pair[0], pair[1]]).collect::<Vec<_>>()));
        let before = seen(&codes);
        let mut codes = codes;
        codes[at] = worse;
        for (before, after) in before.iter().zip(seen(&codes)) {
            for (before, after) in before.cells.iter().zip(&after.cells) {
                prop_assert!(rank(after.outcome) <= rank(before.outcome), "{codes:?} {}", after.cell);
                prop_assert!(after.counts.successes <= before.counts.successes, "{codes:?} {}", after.cell);
            }
            prop_assert!(rank(after.outcome) <= rank(before.outcome), "{codes:?} {}", after.reason);
        }
    }

    /// Barriers only take away: with more of them no claim that was undetermined or failed holds, and none that was
    /// undetermined or held fails; a census and a rate never lose a failure by one more barrier on another look.
    #[test]
    fn more_barriers_decide_nothing_new(
        codes in proptest::collection::vec(prop_oneof![Just(200), Just(403), Just(503), Just(0)], 0..60),
        more in proptest::collection::vec(any::<bool>(), 60),
    ) {
        let plan = plan(&["web: { http: http://x, every: 5s, for: 300s }"], &[
            "each: { of: web, check: status != 503 }",
            "some: { of: web, where: status != 403, check: status == 200 }",
            "rate: { of: web, check: status == 200, share: \">= 70%\" }",
            "blocks: { of: web, check: status == 200, share: \">= 30%\", block: 15s }",
        ]);
        let observation = |slot: usize, code: i64| match code {
            0 => barred("web", slot as u32, Barrier::TimedOut),
            code => look("web", slot as u32, &json!({ "status": code })),
        };
        let observations: Vec<_> = codes.iter().enumerate().map(|(slot, code)| observation(slot, *code)).collect();
        let fewer: Vec<_> = codes.iter().enumerate().map(|(slot, code)| observation(slot, if more[slot] { *code } else { 0 })).collect();
        for (seen, less) in findings(&plan, &observations).iter().zip(findings(&plan, &fewer)) {
            let allowed = match seen.outcome {
                Outcome::Holds => less.outcome != Outcome::Fails,
                Outcome::Fails => less.outcome != Outcome::Holds,
                // A rate whose misses came in clusters may lose what showed that.
                Outcome::Undetermined => less.outcome == Outcome::Undetermined || seen.reason.contains("clusters"),
                Outcome::NotApplicable => true,
            };
            prop_assert!(allowed, "{}: {:?} then {:?}: {}", seen.claim, seen.outcome, less.outcome, seen.reason);
            prop_assert_eq!(seen.counts.planned, seen.counts.successes + seen.counts.failures + seen.counts.blocked);
        }
    }
}
