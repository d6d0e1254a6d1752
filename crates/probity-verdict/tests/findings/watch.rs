//! What a watch shows: stable, compared and periodic facts; what is kept of it.

use crate::support::*;

#[test]
fn what_is_no_number_is_no_difference_that_helps_an_acceptance() {
    let probe = "db: { postgres: postgresql://h/d, query: SELECT v, every: 5s, for: 15s }";
    let plan = plan(&[probe], &["near: { of: db, stable: [value], at_most: 1 }"]);
    let found = |values: [Json; 3]| {
        let looks = looks("db", 0..3, |slot| json!({ "value": values[slot as usize] }));
        let found = finding(&plan, &looks);
        (found.outcome, found.data().by_error)
    };
    assert_eq!(found([json!("abc"), json!("abc"), json!("abc")]), (Outcome::Fails, true));
    assert_eq!(found([json!(1), json!("abc"), json!(1)]), (Outcome::Fails, true));
    assert_eq!(found([json!(1), json!("abc"), json!(9)]), (Outcome::Fails, false));
    assert_eq!(found([json!(1), json!(2), json!(1)]), (Outcome::Holds, false));
}

#[test]
fn what_is_left_out_by_what_was_seen_is_a_gap() {
    let plan = plan(
        &["web: { http: http://x, repeat: 6 }"],
        &[
            "seen: { of: web, stable: [status], where: status == 200 }",
            "chosen: { of: web, stable: [status], where: slot != 1 }",
        ],
    );
    let outcomes = |codes: [i64; 6]| -> Vec<Outcome> {
        let looks = looks("web", 0..6, |slot| json!({ "status": codes[slot as usize] }));
        findings(&plan, &looks).iter().map(|finding| finding.outcome).collect()
    };
    assert_eq!(outcomes([200; 6]), [Outcome::Holds, Outcome::Holds]);
    assert_eq!(outcomes([200, 500, 200, 200, 200, 200]), [Outcome::Undetermined, Outcome::Holds]);
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
    for unseen in [&[4][..], &[0], &[9], &[1, 3, 5, 7]] {
        assert_eq!(outcomes(&without(unseen)), [Undetermined, Undetermined], "{unseen:?}");
    }
    let reason = finding(&plan, &without(&[1, 3])).reason;
    assert!(reason.starts_with("2 of 10 observations could not be decided"), "{reason}");
    assert_eq!(outcomes(&still[..9]), [Undetermined, Undetermined]);
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
fn how_far_numbers_are_apart_is_exact() {
    let outcome = |most: &str, replies: &[&str]| {
        let claim = format!("near: {{ of: cache, stable: [reply], at_most: {most} }}");
        let plan = plan(
            &["cache: { redis: 'x:1', command: [GET, a], impact: observe, every: 5s, for: 10s }"],
            &[&claim],
        );
        let reply = |slot: u32| {
            let mut seen = look("cache", slot, &json!({ "connected": true, "answered": true }));
            seen.facts.insert("reply".to_owned(), Value::from_json(replies[slot as usize]).unwrap());
            seen
        };
        finding(&plan, &[reply(0), reply(1)]).outcome
    };
    use Outcome::{Fails, Holds};
    assert_eq!(outcome("0", &["9007199254740992", "9007199254740993"]), Fails);
    assert_eq!(outcome("1", &["9007199254740993", "9007199254740992"]), Holds);
    assert_eq!(outcome("0.1", &["1.0", "1.1"]), Holds);
    assert_eq!(outcome("0.1", &["1.3", "1.2"]), Holds);
    assert_eq!(outcome("0.1", &["1.0", "1.1000000000000000000001"]), Fails);
    // With more digits than are calculated with.
    assert_eq!(outcome("10", &["1e300", "1"]), Fails);
    assert_eq!(outcome("1e305", &["1e300", "1"]), Holds);
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
        let conditions = Conditions::new(&plan);
        let mut judge = Judge::new(&plan, &conditions, started);
        (2..).zip(observations).for_each(|(entry, observation)| judge.observe(entry, observation));
        let judgement = judge.conclude(true);
        let outcomes: Vec<Outcome> = judgement.findings.iter().map(|finding| finding.outcome).collect();
        (outcomes, probity_verdict::wording::verdict::limits(&judgement))
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
            let modified: Option<jiff::Timestamp> =
                seen.facts["modified"].as_text().map(|at| at.parse().unwrap());
            if let Some(at) = modified.filter(|at| at.as_microsecond() > BEGIN + 245_000_000) {
                let moved =
                    jiff::Timestamp::from_microsecond(at.as_microsecond() + seconds * 1_000_000).unwrap();
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
pub fn syncs(starts: &[i64], slots: u32) -> Vec<Observation> {
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
    // Nothing is known of the time after the last look that saw it.
    let mut half = syncs(&regular, 120);
    for seen in &mut half[66..] {
        *seen = barred("file", seen.slot, Barrier::PermissionDenied);
    }
    assert_eq!(outcomes(&half), [Undetermined, Undetermined]);
    assert_eq!(outcomes(&syncs(&regular, 110)), [Undetermined, Undetermined]);
    // It says so where it was seen in a part of the watch only.
    let mut half = syncs(&regular, 120);
    for seen in &mut half[..54] {
        *seen = barred("file", seen.slot, Barrier::PermissionDenied);
    }
    assert_eq!(outcomes(&half), [Holds, Undetermined], "five gaps are left of one, four of the other");
    let regular: Vec<i64> = (0..10).map(|n| 7 + n * 60).collect();
    let mut half = syncs(&regular, 120);
    for seen in &mut half[..40] {
        *seen = barred("file", seen.slot, Barrier::PermissionDenied);
    }
    assert_eq!(outcomes(&half), [Holds, Holds]);
    let note = "40 of 120 looks saw nothing: it holds for the rest of the watch";
    assert!(findings(&plan, &half).iter().all(|finding| finding.notes.iter().any(|said| said == note)));
    // Too few; five gaps need six starts.
    assert_eq!(outcomes(&syncs(&regular[..5], 60)), [Undetermined, Undetermined]);
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
    // The last start was a day ago: one look at its time is enough.
    assert_eq!(outcomes(&syncs(&[-86_400], 10)), [Fails, Undetermined]);
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
    assert_eq!(outcomes(&nonsense)[0], Undetermined, "what is no time says nothing");
    // A time that is still to come is no start.
    let mut ahead = syncs(&regular, 120);
    let later = jiff::Timestamp::from_microsecond(BEGIN + 3_600_000_000).unwrap();
    ahead[119].facts.insert("modified".to_owned(), later.into());
    let found = &findings(&plan, &ahead)[0];
    assert_eq!((found.outcome, found.telling.as_slice()), (Undetermined, &[121][..]));
    assert_eq!(found.reason, "it cannot be told what was recorded; 1 time is later than its look");
}

#[test]
fn two_starts_at_one_moment_are_two() {
    let plan = plan(
        &["tool: { command: [x], impact: observe, every: 60s, for: 120s }"],
        &["a: { of: tool, periodic: 60s, tolerance: 15s, starts: lines, periods: 3 }"],
    );
    let at = |second: i64| jiff::Timestamp::from_microsecond(BEGIN + second * 1_000_000).unwrap().to_string();
    let look_at = |slot: u32, second: u32, seconds: &[i64]| {
        let lines: Vec<_> = seconds.iter().map(|s| at(*s)).collect();
        at_second(look("tool", slot, &json!({ "lines": lines })), second)
    };
    let judged = |first: &[i64], last: &[i64]| {
        let found = finding(&plan, &[look_at(0, 190, first), look_at(1, 250, last)]);
        (found.outcome, found.reason.clone())
    };
    // The same start seen twice is one.
    assert_eq!(judged(&[0, 60, 120, 180], &[60, 120, 180, 240]).0, Outcome::Holds);
    let (outcome, reason) = judged(&[0, 0, 60, 60, 120, 120, 180, 180], &[240, 240]);
    assert_eq!(outcome, Outcome::Fails);
    assert!(reason.contains("5 of "), "{reason}");
    // The last one alone, and one that only an earlier look saw twice.
    assert_eq!(judged(&[0, 60, 120, 180], &[60, 120, 180, 240, 240]).0, Outcome::Fails);
    assert_eq!(judged(&[0, 60, 60, 120, 180], &[180, 240]).0, Outcome::Fails);
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
            &[at_second(
                look("tool", 0, &json!({ "lines": seconds.iter().map(|s| at(*s)).collect::<Vec<_>>() })),
                370,
            )],
        )
    };
    assert_eq!(with(&[0, 60, 125, 180, 240, 300]).outcome, Outcome::Holds);
    assert_eq!(with(&[300, 60, 125, 240, 180, 0]).outcome, Outcome::Holds);
    assert_eq!(with(&[125, 180, 240, 300]).outcome, Outcome::Undetermined);
    // It was silent for longer than it may be when the look was made.
    assert_eq!(with(&[0, 60, 125, 180, 240]).outcome, Outcome::Fails);
    let fails = with(&[0, 60, 120, 240, 300, 360]);
    assert_eq!(
        (fails.outcome, fails.reason.as_str()),
        (Outcome::Fails, "1 of 5 gaps surely outside of 45 s to 75 s")
    );
    assert!(fails.notes.iter().any(|note| note.contains("declared harmless by the author")));
}

/// Of a log that does not reach back, `periodic` reads what was found: what came before counts for nothing.
#[test]
fn of_a_log_that_begins_within_its_window_the_times_that_were_found_are_read() {
    let plan = plan(
        &["log: { log: /x, since: 1h }"],
        &["a: { of: log, periodic: 60s, tolerance: 15s, starts: times }"],
    );
    let read: Vec<String> = facts_read(&plan)["log"].iter().cloned().collect();
    assert_eq!(read, ["times_found", "window_covered", "window_start"]);
    let at =
        |second: &i64| jiff::Timestamp::from_microsecond(BEGIN + second * 1_000_000).unwrap().to_string();
    let with = |covered: bool, seconds: &[i64]| {
        let times: Vec<String> = seconds.iter().map(at).collect();
        let facts = json!({ "window_covered": covered, "window_start": at(&-300), "times_found": times });
        finding(&plan, &[at_second(look("log", 0, &facts), 370)])
    };
    let outcome = |covered: bool, seconds: &[i64]| with(covered, seconds).outcome;
    assert_eq!(outcome(false, &[0, 60, 125, 180, 240, 300]), Outcome::Holds);
    // The window was covered, and nothing began in it for too long.
    assert_eq!(outcome(true, &[0, 60, 125, 180, 240, 300]), Outcome::Fails);
    assert_eq!(outcome(false, &[0, 60, 125, 240, 300]), Outcome::Fails);
    // That the stretch before the first start was not seen stands beside what was decided.
    let unseen = |covered, seconds: &[i64]| {
        with(covered, seconds).notes.iter().any(|note| note.starts_with("the record does not reach back to"))
    };
    assert!(unseen(false, &[0, 60, 125, 180, 240, 300]));
    assert!(unseen(false, &[]));
    assert!(!unseen(true, &[-290, -230, -170, -110, -50, 0, 60, 125, 180, 240, 300]));
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
    assert_eq!(timed_probes(&plan, &facts_read(&plan)).into_iter().collect::<Vec<_>>(), ["file", "web"]);
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
    let conditions = Conditions::new(&plan);
    let mut judge = Judge::new(&plan, &conditions, started);
    let mut observation = look("web", 0, &json!({ "status": 200 }));
    for slot in 0..100_000 {
        observation.slot = slot;
        judge.observe(u64::from(slot) + 2, &observation);
    }
    let found = judge.findings(true);
    assert_eq!(found[0].counts.successes, 100_000);
    assert_eq!(found[0].entries, [(2, 100_001)]);
    assert_eq!(found[1].counts.planned, 50 * 24 * 60);
    assert_eq!(found[1].counts.successes, 100_000 / 12);
}
