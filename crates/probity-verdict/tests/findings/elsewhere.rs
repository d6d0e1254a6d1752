//! Looks of others: by whom the plan has them, and introduced before. What was not taken back withholds an acceptance.

use probity_plan::Happening;

use super::support::*;

fn plan() -> Plan {
    let yaml = "plan: P\nobservers:\n  inside: { container: lab }\n  street: { netns: out }\nprobes:\n  web: { http: http://x, repeat: 2, on: inside }\n  \
                door: { port: 1, on: street }\n  here: { port: 2 }\nclaims:\n  up: { of: web, check: status == 200 }\n  open: { of: here, check: \
                listening }\n  shut: { of: door, check: '!listening' }\nverdict:\n  - { label: READY, when: holds(up) && holds(open), accepted: true }\n  \
                - { label: NOT READY }\n";
    probity_plan::load("plan.yaml", &Source(yaml.to_owned()), &BTreeMap::new())
        .unwrap_or_else(|errors| panic!("{errors}"))
        .plan
}

fn by(observer: u32, observation: Observation) -> Observation {
    Observation { observer, ..observation }
}

/// What is found on looks after these introductions, and how many looks no run yields.
fn judged(introduced: &[(u32, Introduction)], looks: &[Observation]) -> (Vec<Outcome>, u64) {
    let (plan, started) = (plan(), jiff::Timestamp::from_microsecond(BEGIN).unwrap());
    let conditions = Conditions::new(&plan);
    let mut judge = Judge::new(&plan, &conditions, started);
    for (id, who) in introduced {
        judge.introduce(*id, who);
    }
    for (entry, look) in (2..).zip(looks) {
        judge.observe(entry, look);
    }
    let unasked = judge.unasked().map_or(0, |(count, _)| count);
    (judge.findings(true).iter().map(|finding| finding.outcome).collect(), unasked)
}

fn lab() -> Reach {
    Reach::Container("lab".to_owned())
}

fn up(slot: u32) -> Observation {
    look("web", slot, &json!({ "answered": true, "connected": true, "status": 200 }))
}

#[test]
fn a_look_counts_only_by_whom_the_plan_has_it() {
    use Outcome::{Holds, Undetermined};
    let inside = introduction("inside", None, lab());
    let here = look("here", 0, &json!({ "listening": true }));
    let good = [by(1, up(0)), by(1, up(1)), here.clone()];
    assert_eq!(judged(&[(1, inside.clone())], &good), (vec![Holds, Holds, Undetermined], 0));
    // Reached anew in between.
    let anew = [by(1, up(0)), by(2, up(1)), here.clone()];
    let both = [(1, inside.clone()), (2, inside.clone())];
    assert_eq!(judged(&both, &anew), (vec![Holds, Holds, Undetermined], 0));
    for (introduced, looks, unasked) in [
        // Nobody introduced themselves; or by another number.
        (vec![], good.to_vec(), 2),
        (vec![(2, inside.clone())], good.to_vec(), 2),
        // Somebody else did, or the right name reached in another way.
        (vec![(1, introduction("street", None, Reach::Netns("out".to_owned())))], good.to_vec(), 2),
        (vec![(1, introduction("inside", None, Reach::Pid(1)))], good.to_vec(), 2),
        (vec![(1, introduction("stranger", None, lab()))], good.to_vec(), 2),
        // A number is given once.
        (
            vec![(1, introduction("street", None, Reach::Netns("out".to_owned()))), (1, inside.clone())],
            good.to_vec(),
            2,
        ),
        // The program itself saw it, or says that it did.
        (vec![(1, inside.clone())], vec![up(0), by(1, up(1))], 1),
        (vec![(0, inside.clone())], vec![up(0), up(1)], 2),
        // What is to be seen from here is another's.
        (vec![(1, inside.clone())], vec![by(1, up(0)), by(1, up(1)), by(1, here.clone())], 1),
    ] {
        let (outcomes, count) = judged(&introduced, &looks);
        assert_eq!(count, unasked, "{introduced:?} {looks:?}");
        assert!(!outcomes.iter().all(|outcome| *outcome == Holds), "{introduced:?} {looks:?}");
        assert!(outcomes[0] == Undetermined || looks.last() == Some(&by(1, here.clone())), "{outcomes:?}");
    }
}

#[test]
fn that_an_observer_was_not_reached_says_nothing_of_what_is_there() {
    let lost = |slot| barred("web", slot, Barrier::Unreachable);
    let absent = barred("door", 0, Barrier::Unreachable);
    let (outcomes, unasked) = judged(&[], &[lost(0), lost(1), absent]);
    assert_eq!((outcomes, unasked), (vec![Outcome::Undetermined; 3], 0));
}

#[test]
fn what_was_not_taken_back_withholds_an_acceptance() {
    let (plan, started) = (plan(), jiff::Timestamp::from_microsecond(BEGIN).unwrap());
    let conditions = Conditions::new(&plan);
    let undo = |exit_code| Happening::Undo {
        probe: "web".to_owned(),
        command: "rm".to_owned(),
        exit_code,
        detail: String::new(),
    };
    let verdict = |status: i64, undone: Option<Option<i64>>| {
        let mut judge = Judge::new(&plan, &conditions, started);
        judge.introduce(1, &introduction("inside", None, lab()));
        for slot in 0..2 {
            judge.observe(2, &by(1, look("web", slot, &json!({ "connected": true, "status": status }))));
        }
        judge.observe(3, &look("here", 0, &json!({ "listening": true })));
        if let Some(exit_code) = undone {
            judge.happened(4, &undo(exit_code));
        }
        let judgement = judge.conclude(true);
        let told = probity_verdict::wording::verdict::limits(&judgement);
        assert!(told.iter().all(|limit| limit.contains("which is `rm`")), "{told:?}");
        (judgement.verdict.label, judgement.verdict.accepted, told.len())
    };
    let accepted = ("READY".to_owned(), Some(true), 0);
    assert_eq!(verdict(200, None), accepted);
    assert_eq!(verdict(200, Some(Some(0))), accepted);
    for undone in [Some(1), None] {
        assert_eq!(verdict(200, Some(undone)), ("READY withheld".to_owned(), None, 1));
        assert_eq!(verdict(500, Some(undone)), ("NOT READY".to_owned(), Some(false), 1));
    }
}

#[test]
fn a_run_that_did_not_end_or_whose_clock_cannot_be_relied_on_accepts_nothing() {
    let (plan, started) = (plan(), jiff::Timestamp::from_microsecond(BEGIN).unwrap());
    let conditions = Conditions::new(&plan);
    let verdict = |status: i64, complete: bool, predecessor: Option<jiff::Timestamp>| {
        let mut judge = Judge::new(&plan, &conditions, started);
        judge.introduce(1, &introduction("inside", None, lab()));
        for slot in 0..2 {
            judge.observe(2, &by(1, look("web", slot, &json!({ "connected": true, "status": status }))));
        }
        judge.observe(3, &look("here", 0, &json!({ "listening": true })));
        predecessor.into_iter().for_each(|predecessor| judge.began_before(predecessor));
        let judgement = judge.conclude(complete);
        let told = probity_verdict::wording::verdict::limits(&judgement);
        (judgement.verdict.label, judgement.verdict.accepted, told.len())
    };
    let later = Some("2027-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(verdict(200, true, None), ("READY".to_owned(), Some(true), 0));
    assert_eq!(verdict(200, false, None), ("READY withheld".to_owned(), None, 0));
    assert_eq!(verdict(200, true, later), ("READY withheld".to_owned(), None, 1));
    assert_eq!(verdict(500, false, None), ("NOT READY".to_owned(), Some(false), 0));
    assert_eq!(verdict(500, true, later), ("NOT READY".to_owned(), Some(false), 1));
}

#[test]
fn times_of_two_machines_are_not_held_against_each_other() {
    let found = |on: &str, check_of: &str| {
        let yaml = format!(
            "plan: P\nobservers:\n  box: {{ ssh: h }}\n  cave: {{ pid: 1 }}\nprobes:\n  a: {{ file: /a, on: box }}\n  z: {{ file: /z, on: cave }}\n  \
             b: {{ file: /b{on} }}\nclaims:\n  c: {{ of: a, against: b, check: {check_of} }}\n  d: {{ of: z, against: b, check: {check_of} }}\nverdict: \
             [ label: L ]\n"
        );
        let loaded = probity_plan::load("plan.yaml", &Source(yaml), &BTreeMap::new());
        let plan = loaded.unwrap_or_else(|errors| panic!("{errors}")).plan;
        check(&plan).iter().filter(|problem| problem.rule == "two-clocks").count()
    };
    let times = "modified < against.modified";
    // `a` is on another machine; `z`, in a cave of this one, has its clock.
    assert_eq!(found("", times), 1);
    assert_eq!(found(", on: cave", times), 1);
    assert_eq!(found(", on: box", times), 1);
    assert_eq!(found("", "size_bytes < against.size_bytes"), 0);
    // Nor where only the plan says that they are times.
    assert_eq!(found("", "\"moment(content) < moment(against.content)\""), 1);
    assert_eq!(found("", "moment(content) < against.modified"), 1);
    assert_eq!(found("", "content == against.content"), 0);
}
