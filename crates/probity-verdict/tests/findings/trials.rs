//! Trials: each is one vote of a rate, every look of every trial is one of a census, and what holds over time holds within each. What no
//! run of the plan yields counts nowhere.

use probity_plan::{Cause, Happening, OfMachine};
use probity_verdict::judgement::Limit;

use super::support::*;

/// A plan of three trials, two at once, with these claims.
fn plan(claims: &[&str]) -> Plan {
    let plan = plan_unchecked(claims);
    assert_eq!(check(&plan).into_iter().find(|problem| problem.rule == "condition"), None);
    plan
}

fn plan_unchecked(claims: &[&str]) -> Plan {
    let yaml = format!(
        "plan: P\nmachines:\n  clean: {{ up: [up, $name], down: [down, $name], observers: {{ outside: {{ netns: net-$name }} }} }}\nprobes:\n  \
         plain: {{ file: /p }}\n  twice: {{ file: /p, repeat: 2 }}\ntrials:\n  t:\n    machine: clean\n    repeat: 3\n    at_once: 2\n    probes:\n      \
         once: {{ http: http://x, on: machine }}\n      many: {{ file: /f, repeat: 3 }}\n      beside: {{ file: /g, repeat: 3 }}\n      \
         rows: {{ file: /$n, matrix: [ {{ n: a }}, {{ n: b }} ], on: outside }}\n      spread: {{ file: /h, every: 5s, for: 5s }}\n  u:\n    machine: clean\n    repeat: 1\n    probes: {{ other: {{ file: /o }} }}\n\
         claims:\n  {}\nverdict: [ label: L ]\n",
        claims.join("\n  ")
    );
    let loaded = probity_plan::load("plan.yaml", &Source(yaml), &BTreeMap::new());
    loaded.unwrap_or_else(|errors| panic!("{errors}")).plan
}

fn trial(number: u32) -> Trial {
    Trial { name: "t".to_owned(), number, machine: format!("m-{number}") }
}

fn at(trial: &Trial, observation: Observation) -> Observation {
    Observation { trial: Some(trial.clone()), ..observation }
}

fn of_machine(trial: &Trial, exit_code: i64) -> OfMachine {
    OfMachine {
        trial: trial.clone(),
        command: String::new(),
        exit_code: Some(exit_code),
        detail: String::new(),
    }
}

/// What a log holds.
#[derive(Clone)]
enum Told {
    Up(Trial),
    Down(Trial),
    Met(u32, Introduction),
    Seen(Observation),
}

use Told::{Down, Met, Seen, Up};

/// A trial whose machine is made and looked at by its own number, from 1.
fn begun(number: u32) -> Vec<Told> {
    let trial = trial(number);
    let met = Met(number + 1, introduction("machine", Some(&trial), Reach::Pid(number + 1000)));
    vec![Up(trial), met]
}

fn answer(number: u32, status: i64) -> Told {
    let seen = look("t.once", 0, &json!({ "connected": true, "answered": true, "status": status }));
    Seen(Observation { observer: number + 1, ..at(&trial(number), seen) })
}

fn judged(plan: &Plan, told: &[Told]) -> (Vec<Finding>, u64, Vec<Limit>) {
    let conditions = Conditions::new(plan);
    let mut judge = Judge::new(plan, &conditions, jiff::Timestamp::from_microsecond(BEGIN).unwrap());
    for (entry, told) in (2..).zip(told) {
        match told {
            Up(trial) => judge.happened(entry, &Happening::Up(of_machine(trial, 0))),
            Down(trial) => judge.happened(entry, &Happening::Down(of_machine(trial, 0))),
            Met(id, who) => judge.introduce(*id, who),
            Seen(observation) => judge.observe(entry, observation),
        }
    }
    let unasked = judge.unasked().map_or(0, |(count, _)| count);
    let judgement = judge.conclude(true);
    (judgement.findings, unasked, judgement.limits)
}

const RATE: &str = "c: { of: t.once, check: answered && status == 200, share: \">= 30%\" }";

#[test]
fn a_rate_counts_each_trial_once_and_one_that_could_not_begin_as_blocked() {
    let no_machine = || {
        let cause = Cause::NoMachine { machine: "clean".to_owned(), why: "exit code 1".to_owned() };
        let mut blocked = at(&trial(2), look("t.once", 0, &json!({})));
        blocked.unknown.insert("*".to_owned(), Blocked::by(cause));
        Seen(blocked)
    };
    let begun = |numbers: std::ops::Range<u32>| numbers.flat_map(begun).collect::<Vec<_>>();
    for (told, expected) in [
        (
            [begun(0..3), vec![answer(0, 200), answer(1, 200), answer(2, 200)]].concat(),
            (Outcome::Holds, 3, 0, 0),
        ),
        (
            [begun(0..3), vec![answer(0, 200), answer(1, 500), answer(2, 500)]].concat(),
            (Outcome::Undetermined, 1, 2, 0),
        ),
        (
            [begun(0..2), vec![answer(0, 200), answer(1, 200), no_machine()]].concat(),
            (Outcome::Undetermined, 2, 0, 1),
        ),
        // Of one nobody wrote anything.
        ([begun(0..2), vec![answer(0, 200), answer(1, 200)]].concat(), (Outcome::Undetermined, 2, 0, 1)),
    ] {
        let plan = plan(&[RATE]);
        let (findings, unasked, _) = judged(&plan, &told);
        let Counts { planned, successes, failures, blocked, .. } = findings[0].counts;
        assert_eq!((findings[0].outcome, successes, failures, blocked), expected);
        assert_eq!((planned, unasked), (3, 0));
    }
}

/// Files of these sizes in each trial, by `t.many`.
fn sizes(numbers: [[i64; 3]; 3]) -> Vec<Told> {
    let mut told = Vec::new();
    for (number, sizes) in (0..).zip(numbers) {
        told.extend(begun(number));
        let seen = (0..).zip(sizes).map(|(slot, size)| look("t.many", slot, &json!({ "size_bytes": size })));
        told.extend(seen.map(|seen| Seen(at(&trial(number), seen))));
    }
    told
}

#[test]
fn a_census_is_of_every_look_of_every_trial() {
    let plan = plan(&["c: { of: t.many, check: size_bytes > 0 }"]);
    let (all, ..) = judged(&plan, &sizes([[1, 2, 3], [4, 5, 6], [7, 8, 9]]));
    assert_eq!((all[0].outcome, all[0].counts.planned, all[0].cells.len()), (Outcome::Holds, 9, 0));
    let (one, ..) = judged(&plan, &sizes([[1, 2, 3], [4, 0, 6], [7, 8, 9]]));
    assert_eq!((one[0].outcome, one[0].counts.failures), (Outcome::Fails, 1));
}

#[test]
fn what_is_stable_is_so_within_each_trial() {
    let plan = plan(&["c: { of: t.many, stable: [size_bytes] }"]);
    let (each, ..) = judged(&plan, &sizes([[1, 1, 1], [2, 2, 2], [3, 3, 3]]));
    assert_eq!(each[0].outcome, Outcome::Holds);
    let names: Vec<&str> = each[0].cells.iter().map(|cell| cell.cell.as_str()).collect();
    assert_eq!(names, ["trial=0", "trial=1", "trial=2"]);
    let (one, ..) = judged(&plan, &sizes([[1, 1, 1], [2, 2, 3], [3, 3, 3]]));
    assert_eq!(one[0].outcome, Outcome::Fails);
    // A trial that is not there leaves it open.
    let (some, ..) = judged(&plan, &sizes([[1, 1, 1], [2, 2, 2], [3, 3, 3]])[..10]);
    assert_eq!(some[0].outcome, Outcome::Undetermined);
}

#[test]
fn looks_are_compared_within_their_trial_or_with_the_one_look_that_there_is() {
    let pair = |claim: &str, other: &dyn Fn(u32, u32) -> Option<Observation>, of: [[i64; 3]; 3]| {
        let plan = plan(&[claim]);
        let mut told = sizes(of);
        for number in 0..3 {
            let others = (0..3).filter_map(|slot| other(number, slot));
            told.extend(others.map(Seen));
        }
        let (findings, unasked, _) = judged(&plan, &told);
        assert_eq!(unasked, 0, "{claim}");
        (findings[0].outcome, findings[0].counts.planned)
    };
    let beside = |number: u32, slot: u32| {
        let size = i64::from(number * 10 + slot);
        Some(at(&trial(number), look("t.beside", slot, &json!({ "size_bytes": size }))))
    };
    let claim = "c: { of: t.many, check: size_bytes == against.size_bytes, against: t.beside }";
    assert_eq!(pair(claim, &beside, [[0, 1, 2], [10, 11, 12], [20, 21, 22]]), (Outcome::Holds, 9));
    assert_eq!(pair(claim, &beside, [[10, 11, 12], [0, 1, 2], [20, 21, 22]]), (Outcome::Fails, 9));
    // One look outside of trials stands beside each.
    let plain = |number: u32, slot: u32| {
        (number == 0 && slot == 0).then(|| look("plain", 0, &json!({ "size_bytes": 5 })))
    };
    let claim = "c: { of: t.many, check: size_bytes == against.size_bytes, against: plain }";
    assert_eq!(pair(claim, &plain, [[5; 3]; 3]), (Outcome::Holds, 9));
    assert_eq!(pair(claim, &plain, [[5; 3], [5; 3], [5, 6, 5]]), (Outcome::Fails, 9));
    // The first look of a trial is compared with the last of the same.
    let claim = "c: { of: t.many, check: size_bytes > against.size_bytes, against: t.many }";
    assert_eq!(pair(claim, &|_, _| None, [[1, 0, 2], [7, 0, 8], [3, 0, 4]]), (Outcome::Holds, 3));
    assert_eq!(pair(claim, &|_, _| None, [[1, 0, 2], [7, 0, 3], [3, 0, 4]]), (Outcome::Fails, 3));
}

#[test]
fn what_no_run_of_the_plan_yields_in_a_trial_is_not_taken() {
    let good = || (0..3).flat_map(begun).chain((0..3).map(|number| answer(number, 200))).collect::<Vec<_>>();
    let plan = plan(&[RATE]);
    assert_eq!(judged(&plan, &good()).1, 0);
    let seen = |edit: &dyn Fn(&mut Observation)| {
        let Seen(mut observation) = answer(0, 200) else { panic!("an observation") };
        edit(&mut observation);
        Seen(observation)
    };
    let of_trial = |edit: fn(&mut Trial)| seen(&move |observation| edit(observation.trial.as_mut().unwrap()));
    let here = |slot| Seen(at(&trial(0), look("t.many", slot, &json!({ "size_bytes": 1 }))));
    for (what, told) in [
        ("a trial beyond those planned", vec![of_trial(|trial| trial.number = 3)]),
        ("a trial of another name", vec![of_trial(|trial| trial.name = "v".to_owned())]),
        ("a trial of other probes", vec![of_trial(|trial| trial.name = "u".to_owned())]),
        ("another machine of the same trial", vec![of_trial(|trial| trial.machine = "m-9".to_owned())]),
        ("the machine of another trial", vec![of_trial(|trial| trial.machine = "m-1".to_owned())]),
        ("a trial again", vec![answer(0, 200)]),
        ("a look without its trial", vec![seen(&|observation| observation.trial = None)]),
        (
            "a trial of a look that is in none",
            vec![Seen(at(&trial(0), look("plain", 0, &json!({ "exists": true }))))],
        ),
        ("a slot beyond those of a trial", vec![here(3)]),
        ("a slot twice", vec![here(0), here(0)]),
        ("somebody of another trial", vec![of_trial(|_| ()), answer(1, 200)]),
        ("a machine made twice", vec![Up(trial(0))]),
        ("a machine of no trial", vec![Up(Trial { number: 7, ..trial(0) })]),
        ("a look after the machine was removed", vec![Down(trial(0)), here(1)]),
    ] {
        let (findings, unasked, _) = judged(&plan, &[good(), told].concat());
        assert!(unasked > 0, "{what}");
        let of_claim = !matches!(
            what,
            "a machine made twice" | "a machine of no trial" | "a look after the machine was removed"
        ) && !what.starts_with("a slot")
            && what != "a trial of a look that is in none";
        assert_eq!(findings[0].outcome != Outcome::Holds, of_claim, "{what}");
    }
    // Nobody can look at a machine that was never made, nor through one that is another's.
    let never: Vec<Told> =
        good().into_iter().filter(|told| !matches!(told, Up(trial) if trial.number == 1)).collect();
    assert_eq!(judged(&plan, &never).1, 1);
    let mut other = good();
    other[1] = Met(1, introduction("machine", Some(&trial(1)), Reach::Pid(5)));
    assert_eq!(judged(&plan, &other).1, 1);
    // Another way to look at it leads where the plan says.
    let rows = |reach: &str| {
        let outside = introduction("machine.outside", Some(&trial(0)), Reach::Netns(reach.to_owned()));
        let row = in_cell(look("t.rows", 0, &json!({ "exists": true })), &json!({ "n": "a" }));
        let row = Observation { observer: 9, ..at(&trial(0), row) };
        judged(&plan, &[good(), vec![Met(9, outside), Seen(row)]].concat()).1
    };
    assert_eq!((rows("net-m-0"), rows("net-m-1")), (0, 1));
}

#[test]
fn plans_in_which_a_trial_would_count_twice_or_which_compare_at_random_are_refused() {
    let rate =
        |of: &str, more: &str| format!("c: {{ of: {of}, check: size_bytes > 0, share: \">= 30%\"{more} }}");
    let compare = |of: &str, against: &str| {
        format!("c: {{ of: {of}, check: size_bytes == against.size_bytes, against: {against} }}")
    };
    for (claim, expected) in [
        (rate("t.rows", ""), None),
        (rate("t.many", ""), Some("`c`: each trial is one vote, and `t.many` looks 3 times in each")),
        (
            rate("t.rows", ", pooled: true"),
            Some("`c`: each trial is one vote, and `t.rows` has 2 rows in each"),
        ),
        (
            rate("t.spread", ", block: 1m"),
            Some("`c`: each trial is one vote, and `block` counts stretches of time"),
        ),
        (rate("t.rows", "").replace("30%", "90%"), Some("`c`: 3 samples cannot settle 90%, 29 can")),
        (compare("t.many", "t.beside"), None),
        (compare("t.many", "t.many"), None),
        (compare("t.many", "plain"), None),
        (compare("t.many", "u.other"), None),
        (compare("plain", "u.other"), None),
        (
            compare("t.many", "twice"),
            Some("`c` compares looks of `t.many` with those of `twice`, which belong to no trial of theirs"),
        ),
        (compare("twice", "t.beside"), Some("`c` compares looks of `twice` with those of `t.beside`")),
        (
            "c: { of: t.rows, stable: [size_bytes] }".to_owned(),
            Some("`c` says that facts do not change, and `t.rows` looks once"),
        ),
    ] {
        let plan = plan_unchecked(&[&claim]);
        let errors =
            check(&plan).into_iter().filter(|problem| problem.level == probity_diagnostic::Level::Error);
        let said: String = errors.map(|problem| problem.message).collect();
        match expected {
            None => assert_eq!(said, "", "{claim}"),
            Some(expected) => assert!(said.contains(expected), "{claim}: {said}"),
        }
    }
}

#[test]
fn a_machine_left_over_and_times_taken_side_by_side_limit_what_is_said() {
    let limits = |claim: &str, down: i64| {
        let plan = plan(&[claim]);
        let conditions = Conditions::new(&plan);
        let mut judge = Judge::new(&plan, &conditions, jiff::Timestamp::from_microsecond(BEGIN).unwrap());
        judge.happened(2, &Happening::Up(of_machine(&trial(0), 0)));
        judge.happened(3, &Happening::Down(of_machine(&trial(0), down)));
        judge.conclude(true).limits
    };
    let timed = "c: { of: t.once, check: elapsed_ms < 100 }";
    let untimed = "c: { of: t.once, check: status == 200 }";
    assert_eq!(limits(untimed, 0), []);
    let left = Limit::NotRemoved { machine: "m-0".to_owned(), entry: 3 };
    assert_eq!(limits(untimed, 1), [left]);
    let beside = Limit::TimedBeside { trials: "t".to_owned(), at_once: 2, probes: vec!["t.once".to_owned()] };
    assert_eq!(limits(timed, 0), [beside]);
}
