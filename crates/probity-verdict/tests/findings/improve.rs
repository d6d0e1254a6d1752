//! Nothing that gets worse makes a finding better.

use crate::control::{ROLES, calls};
use crate::support::*;
use crate::watch::syncs;

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
            "each: { of: web, check: answered && status == 200 }",
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
            Value::Number(number) => (number.as_i64().unwrap_or(0) + 300).into(),
            Value::Interval(_) => Value::interval(5000.0, None),
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
                altered[at] =
                    Observation { cell, ..barred(&altered[at].probe, altered[at].slot, Barrier::TimedOut) };
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
