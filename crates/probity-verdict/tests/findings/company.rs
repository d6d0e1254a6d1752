//! What is seen while something is to be done says nothing where that was not done.

use probity_plan::Cause;

use crate::support::*;

const ACT: &str = "act: { command: [systemctl, restart, shop], every: 5s, for: 15s }";
const DURING: &str = "during: { command: [curl, shop], every: 5s, for: 15s, with: act }";

/// What comes of a claim about the looks made during these ones.
fn beside(act: Vec<Observation>, exit_code: i64) -> Found {
    let plan = plan(&[ACT, DURING], &["up: { of: during, check: exit_code == 0 }"]);
    let mut observations = looks("during", 0..3, |_| json!({ "exit_code": exit_code }));
    observations.extend(act);
    finding(&plan, &observations)
}

fn missed(slot: u32) -> Observation {
    let mut observation = look("act", slot, &json!({}));
    observation.unknown.insert("*".to_owned(), Blocked::by(Cause::SlotMissed));
    observation
}

#[test]
fn what_was_seen_beside_an_act_that_was_made_counts() {
    let made = |slot| look("act", slot, &json!({ "exit_code": 0 }));
    assert_eq!(beside(vec![made(0), made(1), made(2)], 0).outcome, Outcome::Holds);
    assert_eq!(beside(vec![made(0), made(1), made(2)], 1).outcome, Outcome::Fails);
    // It lasted through the next slots.
    assert_eq!(beside(vec![made(0), missed(1), missed(2)], 0).outcome, Outcome::Holds);
    // That it failed is another claim's.
    assert_eq!(beside(looks("act", 0..3, |_| json!({ "exit_code": 5 })), 0).outcome, Outcome::Holds);
}

#[test]
fn what_was_seen_beside_nothing_decides_nothing() {
    let barred = |slot| barred("act", slot, Barrier::Unreachable);
    let made = look("act", 0, &json!({ "exit_code": 0 }));
    for exit_code in [0, 1] {
        for act in [vec![barred(0), barred(1), barred(2)], vec![made.clone(), barred(1), missed(2)]] {
            let found = beside(act, exit_code);
            assert_eq!(found.outcome, Outcome::Undetermined, "{found:?}");
            assert!(
                found.reason.starts_with("`act`, which it runs with, was not done (entry "),
                "{}",
                found.reason
            );
        }
        // Nor where the log does not speak of it at all.
        let found = beside(Vec::new(), exit_code);
        let reason = "`act`, which it runs with, was not done: what was seen meanwhile is not about it";
        assert_eq!((found.outcome, &*found.reason), (Outcome::Undetermined, reason));
    }
}
