//! When looks begin and which are made, in tokio's paused time: slots, missed slots, attempts, companions, undo, abort, trials. The looks
//! and the machines are scripted: how they are made is tested elsewhere, on real things.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use probity_plan::units::Span;
use probity_plan::{
    Blocked, Cause, Happening, Impact, Machine, Observation, OfMachine, Reach, Sources, Trial, Value,
};
use probity_probe::clock::Clock;
use probity_probe::crew::{Crew, Job};
use probity_probe::machine::Machines;
use probity_probe::observation::Times;
use probity_probe::observe::{Observe, ReachedObserver, Request, Sighting};
use probity_probe::{Began, Runner, Secrets, Seen, Sink, Stop};
use tokio::runtime::Runtime;
use tokio::time::Instant;

thread_local! {
    static ZERO: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Both clocks follow tokio's.
#[derive(Debug)]
struct PausedClock;

impl Clock for PausedClock {
    fn utc(&self) -> jiff::Timestamp {
        jiff::Timestamp::UNIX_EPOCH + self.steady()
    }
    fn steady(&self) -> Duration {
        ZERO.get().map_or(Duration::ZERO, |zero| zero.elapsed())
    }
}

/// All jobs on one runtime, so that they share its time.
struct OneThread(Runtime);

impl Crew for OneThread {
    fn work<'j>(&self, jobs: Vec<Job<'j>>, _: &(dyn Fn(io::Error) + Sync), meanwhile: &mut dyn FnMut()) {
        let zero = ZERO.get();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                ZERO.set(zero);
                self.0.block_on(join_all(jobs.into_iter().map(|job| job())));
            });
            meanwhile();
        });
    }
    fn beside<'j>(&'j self, jobs: Vec<Job<'j>>, _: &'j (dyn Fn(io::Error) + Sync)) -> LocalBoxFuture<'j, ()> {
        Box::pin(async { drop(join_all(jobs.into_iter().map(|job| job())).await) })
    }
    fn hands(&self) -> usize {
        2
    }
}

/// What a look does.
#[derive(Clone, Copy, Default)]
struct Look {
    /// How long it takes, in milliseconds.
    lasts: u64,
    /// Whether it sees that what `until` waits for is there.
    there: bool,
    /// After how many milliseconds of it the operator ends the run.
    stop_after: Option<u64>,
}

struct Script<'s> {
    stop: &'s Stop,
    looks: Mutex<BTreeMap<String, u32>>,
    look: &'s (dyn Fn(&str, u32) -> Look + Sync),
}

impl Observe for Script<'_> {
    fn observe<'a>(
        &'a self,
        request: &'a Request<'a>,
        _: &'a dyn Fn(ReachedObserver),
    ) -> LocalBoxFuture<'a, Sighting> {
        Box::pin(async {
            let name =
                request.trial.map_or_else(String::new, |trial| format!("{} ", trial.number)) + request.probe;
            let number = {
                let mut looks = self.looks.lock().unwrap();
                let number = looks.entry(name.clone()).or_default();
                *number += 1;
                *number
            };
            let look = (self.look)(&name, number);
            if let Some(after) = look.stop_after {
                tokio::time::sleep(Duration::from_millis(after)).await;
                self.stop.request(Cause::TimeLimit { limit: Span(Duration::from_secs(1)) });
            }
            let lasts = Duration::from_millis(look.lasts);
            tokio::time::sleep(lasts).await;
            let mut seen = Seen::default();
            seen.know("exists", look.there);
            Sighting { seen, times: Times { elapsed: lasts, delay: None, paused: Duration::ZERO }, by: None }
        })
    }
}

/// What was recorded, a line each: probe, slot, attempt, when in milliseconds, and what came of it.
#[derive(Default)]
struct Lines(Vec<String>);

impl Sink for Lines {
    type Error = Infallible;
    fn record(&mut self, observations: Vec<Observation>) -> Result<(), Infallible> {
        for seen in observations {
            let row: String =
                seen.cell.values().map(|value| format!("[{}]", value.as_i64().unwrap())).collect();
            let came = match (seen.unknown.get("*").map(|blocked| blocked.cause.as_ref()), seen.superseded) {
                (Some(cause), _) => format!("{}", cause.unwrap()),
                (None, true) => "again".to_owned(),
                (None, false) => "seen".to_owned(),
            };
            let (slot, attempt, at) = (seen.slot, seen.attempt, seen.offset_us / 1000);
            let trial = seen.trial.map_or_else(String::new, |trial| format!("{} ", trial.number));
            self.0.push(format!("{trial}{}{row} {slot}.{attempt} at {at}: {came}", seen.probe));
        }
        Ok(())
    }
    fn artifact(&mut self, _: &[u8]) -> Result<Result<String, Blocked>, Infallible> {
        panic!("nothing is long")
    }
    fn reached(&mut self, _: ReachedObserver) -> Result<(), Infallible> {
        panic!("nobody else looks")
    }
    fn event(&mut self, what: Happening) -> Result<(), Infallible> {
        let at = PausedClock.steady().as_millis();
        self.0.push(match what {
            Happening::Undo { probe, .. } => format!("undo of {probe} at {at}"),
            Happening::Up(OfMachine { trial, detail, .. }) => format!("{} up at {at} {detail}", trial.number),
            Happening::Down(OfMachine { trial, .. }) => format!("{} down at {at}", trial.number),
        });
        Ok(())
    }
    fn holds(&mut self, claim: &str, trial: Option<&Trial>) -> Result<bool, Infallible> {
        Ok(claim == "good" && trial.is_none_or(|trial| trial.number != 1))
    }
}

struct Text(String);

impl Sources for Text {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// Makes machines in five seconds and removes them in two, but for what their names ask: the second one of `slow` is never made, `bad`
/// fails after a second, and `unwritten` cannot be written down.
struct Lab;

impl Machines for Lab {
    fn write_down(&self, machine: &Machine, _: &Trial) -> Result<(), String> {
        if machine.name == "unwritten" { Err("no space".to_owned()) } else { Ok(()) }
    }
    fn up<'a>(
        &'a self,
        machine: &'a Machine,
        trial: &'a Trial,
    ) -> LocalBoxFuture<'a, (OfMachine, Option<Reach>)> {
        Box::pin(async {
            let (seconds, exit_code) = match machine.name.as_str() {
                "slow" if trial.number == 1 => (1_000_000, 0),
                "bad" => (1, 1),
                _ => (5, 0),
            };
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let reach = (exit_code == 0).then(|| Reach::Netns(trial.machine.clone()));
            (of_machine(&machine.up(&trial.machine), trial, exit_code), reach)
        })
    }
    fn down<'a>(&'a self, machine: &'a Machine, trial: &'a Trial) -> LocalBoxFuture<'a, OfMachine> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            of_machine(&machine.down(&trial.machine), trial, 0)
        })
    }
}

fn of_machine(command: &[String], trial: &Trial, exit_code: i64) -> OfMachine {
    let detail = if exit_code == 0 { String::new() } else { "no room".to_owned() };
    OfMachine { trial: trial.clone(), command: command.join(" "), exit_code: Some(exit_code), detail }
}

/// Runs these probes (lines of YAML) by a script, which is told of the probe, after the number of its trial if it is of one, and the
/// how-manieth look of it there that is.
fn run(probes: &[&str], look: &(dyn Fn(&str, u32) -> Look + Sync)) -> Vec<String> {
    run_trials(probes, "", look)
}

/// The same with trials (lines of YAML) of the machines `clean`, `slow`, `bad` and `unwritten`, of which those are declared that they use.
fn run_trials(probes: &[&str], trials: &str, look: &(dyn Fn(&str, u32) -> Look + Sync)) -> Vec<String> {
    let machines = ["clean", "slow", "bad", "unwritten"];
    let machines = machines.into_iter().filter(|name| trials.contains(&format!("machine: {name}")));
    let machines: String =
        machines.map(|name| format!("  {name}: {{ up: [up, $name], down: [down, $name] }}\n")).collect();
    let trials =
        if trials.is_empty() { String::new() } else { format!("machines:\n{machines}trials:\n{trials}") };
    let probes: String = probes.iter().map(|probe| format!("  {probe}\n")).collect();
    let plan = format!(
        "plan: paused\nprobes:\n  first: {{ file: /first }}\n{probes}{trials}claims:\n  good: {{ of: first, check: exists }}\n  \
         bad: {{ of: first, check: '!exists' }}\nverdict:\n  - {{ label: DONE }}\n"
    );
    let plan =
        probity_plan::load("plan.yaml", &Text(plan), &BTreeMap::new()).unwrap_or_else(|e| panic!("{e}"));
    let mut plan = plan.plan;
    plan.probes.retain(|probe| probe.name != "first");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let crew = OneThread(runtime);
    let _entered = crew.0.handle().clone();
    let _guard = _entered.enter();
    ZERO.set(Some(Instant::now()));
    let (stop, secrets) = (Stop::default(), Secrets::default());
    let there = |observation: &Observation| observation.facts.get("exists") == Some(&Value::Bool(true));
    let runner = Runner {
        plan: &plan,
        began: Began::by(&PausedClock),
        allow: Impact::Disrupt,
        only: None,
        secrets: &secrets,
        wanted: &BTreeMap::new(),
        timed: &BTreeSet::new(),
        until: &|_, observation| there(observation),
        stop: &stop,
        observe: &Script { stop: &stop, looks: Mutex::default(), look },
        machines: &Lab,
        run: "0123456789abcdef",
        crew: &crew,
    };
    let mut lines = Lines::default();
    runner.run(&mut lines).unwrap();
    lines.0
}

const QUICK: Look = Look { lasts: 1, there: true, stop_after: None };

fn lasts(milliseconds: u64) -> Look {
    Look { lasts: milliseconds, ..QUICK }
}

#[test]
fn a_slot_begins_when_it_is_due_and_one_that_was_missed_is_not_caught_up() {
    for (probe, look, expected) in [
        (
            "a: { file: /a, every: 10s, for: 30s }",
            QUICK,
            vec!["a 0.1 at 0: seen", "a 1.1 at 10000: seen", "a 2.1 at 20000: seen"],
        ),
        // For a second and a half: the half does not count.
        ("a: { file: /a, every: 1s, for: 1500ms }", QUICK, vec!["a 0.1 at 0: seen"]),
        (
            "a: { file: /a, every: 10s, for: 40s }",
            lasts(25_000),
            vec![
                "a 0.1 at 0: seen",
                "a 1.1 at 25000: the look before it lasted past this slot's time",
                "a 2.1 at 25000: the look before it lasted past this slot's time",
                "a 3.1 at 30000: seen",
            ],
        ),
        // Over just when the next is due.
        (
            "a: { file: /a, every: 10s, for: 20s }",
            lasts(10_000),
            vec!["a 0.1 at 0: seen", "a 1.1 at 10000: seen"],
        ),
        (
            "a: { file: /a, repeat: 3 }",
            lasts(2_000),
            vec!["a 0.1 at 0: seen", "a 1.1 at 2000: seen", "a 2.1 at 4000: seen"],
        ),
        // The rows of a slot, one after the other.
        (
            "a: { file: /$n, every: 10s, for: 20s, matrix: [{ n: 7 }, { n: 8 }] }",
            lasts(3_000),
            vec![
                "a[7] 0.1 at 0: seen",
                "a[8] 0.1 at 3000: seen",
                "a[7] 1.1 at 10000: seen",
                "a[8] 1.1 at 13000: seen",
            ],
        ),
    ] {
        assert_eq!(run(&[probe], &|_, _| look), expected, "{probe}");
    }
}

#[test]
fn attempts_go_on_until_the_condition_holds_or_the_time_is_over() {
    let until = |within: &str| format!("a: {{ file: /a, until: exists, within: {within}, timeout: 100ms }}");
    // There at the third attempt, each of which takes a tenth of a second; two tenths lie between two.
    let third = |_: &str, number| Look { there: number >= 3, ..lasts(100) };
    for (within, expected) in [
        ("1s", vec!["a 0.1 at 0: again", "a 0.2 at 300: again", "a 0.3 at 600: seen"]),
        ("601ms", vec!["a 0.1 at 0: again", "a 0.2 at 300: again", "a 0.3 at 600: seen"]),
        ("600ms", vec!["a 0.1 at 0: again", "a 0.2 at 300: seen"]),
        ("300ms", vec!["a 0.1 at 0: seen"]),
    ] {
        assert_eq!(run(&[&until(within)], &third), expected, "{within}");
    }
}

#[test]
fn what_runs_with_another_probe_ends_with_it() {
    let beside = "beside: { file: /b, every: 10s, for: 50s, with: main }";
    let over = |slot| format!("beside {slot}.1 at 30000: `main`, which it runs with, was over");
    let look = |probe: &str, _| if probe == "main" { lasts(25_000) } else { QUICK };
    let lines = run(&["main: { file: /m }", beside], &look);
    let expected = [
        "beside 0.1 at 0: seen".to_owned(),
        "beside 1.1 at 10000: seen".to_owned(),
        "beside 2.1 at 20000: seen".to_owned(),
        "main 0.1 at 0: seen".to_owned(),
        over(3),
        over(4),
    ];
    let mut sorted = lines.clone();
    sorted.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    // One that looks for a while is not over with its last look, but when that while is.
    let lines = run(&["main: { file: /m, every: 15s, for: 45s }", beside], &|_, _| QUICK);
    let made = lines.iter().filter(|line| line.starts_with("beside") && line.ends_with("seen")).count();
    assert_eq!(made, 5, "{lines:?}");
}

#[test]
fn no_row_and_no_attempt_follows_what_it_runs_with() {
    let look = |probe: &str, number| match probe {
        "main" => lasts(5_000),
        // There once it is over.
        _ => Look { there: number >= 3, ..lasts(2_000) },
    };
    let sorted = |beside: &str| {
        let mut lines = run(&["main: { file: /m }", beside], &look);
        lines.sort_unstable();
        lines
    };
    let main = "main 0.1 at 0: seen";
    let over = |cell: &str| format!("{cell} 0.1 at 6000: `main`, which it runs with, was over");
    assert_eq!(
        sorted("b: { file: /$n, matrix: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }, { n: 5 }], with: main }"),
        [
            "b[1] 0.1 at 0: seen",
            "b[2] 0.1 at 2000: seen",
            "b[3] 0.1 at 4000: seen",
            &over("b[4]"),
            &over("b[5]"),
            main
        ]
    );
    let slow = |probe: &str, number| Look {
        lasts: if probe == "main" { 4_000 } else { 2_000 },
        ..look(probe, number)
    };
    let mut lines =
        run(&["main: { file: /m }", "b: { file: /b, until: exists, within: 60s, with: main }"], &slow);
    lines.sort_unstable();
    let over = "b 0.3 at 4400: `main`, which it runs with, was over";
    assert_eq!(lines, ["b 0.1 at 0: again", "b 0.2 at 2200: again", over, main]);
    // The first look is planned for when both begin, however soon the other one is over.
    let at_once = |probe: &str, _| if probe == "main" { lasts(0) } else { lasts(1_000) };
    let mut lines = run(&["main: { file: /m }", "b: { file: /b, with: main }"], &at_once);
    lines.sort_unstable();
    assert_eq!(lines, ["b 0.1 at 0: seen", main]);
}

#[test]
fn an_undo_runs_once_its_stage_is_over_whatever_became_of_it() {
    let acts = "acts: { command: [touch, /x], impact: write, undo: { command: [rm, /x] } }";
    let then = "then: { file: /t, every: 10s, for: 10s }";
    // The look takes two seconds, and so does the undo.
    let lines = run(&[acts, then], &|probe, _| if probe == "acts" { lasts(2_000) } else { QUICK });
    assert_eq!(lines, ["acts 0.1 at 0: seen", "undo of acts at 4000", "then 0.1 at 4000: seen"]);
    // Also where the run is ended in the middle of the act.
    let stop = |probe: &str, number| match (probe, number) {
        ("acts", 1) => Look { stop_after: Some(500), ..lasts(2_000) },
        _ => lasts(2_000),
    };
    assert_eq!(
        run(&[acts, then], &stop),
        [
            "acts 0.1 at 0: the limit of 1s was reached (--limit)",
            "undo of acts at 2500",
            "then 0.1 at 2500: the limit of 1s was reached (--limit)",
        ]
    );
}

#[test]
fn a_run_that_is_ended_makes_no_further_look() {
    // In the second look, and while the third is awaited.
    let during = |_: &str, number| Look { stop_after: (number == 2).then_some(300), ..lasts(1_000) };
    assert_eq!(
        run(&["a: { file: /a, every: 10s, for: 40s }"], &during),
        ["a 0.1 at 0: seen", "a 1.1 at 10000: the limit of 1s was reached (--limit)"]
    );
    let between = |probe: &str, _| match probe {
        "main" => Look { stop_after: Some(14_000), ..lasts(1) },
        _ => QUICK,
    };
    let lines = run(&["main: { file: /m }", "a: { file: /a, every: 10s, for: 40s, with: main }"], &between);
    let mut sorted = lines.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        ["a 0.1 at 0: seen", "a 1.1 at 10000: seen", "main 0.1 at 0: the limit of 1s was reached (--limit)"]
    );
    // While another attempt is awaited: the one before it was the last.
    let attempts =
        |_: &str, number| Look { lasts: 100, there: false, stop_after: (number == 2).then_some(50) };
    assert_eq!(
        run(&["a: { file: /a, until: exists, within: 60s }"], &attempts),
        ["a 0.1 at 0: again", "a 0.2 at 300: the limit of 1s was reached (--limit)"]
    );
}

#[test]
fn what_is_not_run_has_its_reason_for_each_planned_look() {
    assert_eq!(
        run(&["a: { file: /a, needs: bad, repeat: 2 }", "b: { file: /b, needs: good }"], &|_, _| QUICK),
        [
            "a 0.1 at 0: the claim `bad` does not hold",
            "a 1.1 at 0: the claim `bad` does not hold",
            "b 0.1 at 0: seen",
        ]
    );
}

#[test]
fn pure_reads_run_beside_each_other() {
    let lines =
        run(&["a: { file: /a }", "b: { file: /$n, matrix: [{ n: 1 }, { n: 2 }] }"], &|_, _| lasts(5_000));
    let mut sorted = lines.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["a 0.1 at 0: seen", "b[1] 0.1 at 0: seen", "b[2] 0.1 at 0: seen"]);
}

#[test]
fn each_trial_has_a_machine_of_its_own_which_is_removed_after_it() {
    let trials = "  t: { machine: clean, repeat: 2, probes: { a: { file: /a, on: machine }, b: { file: /b, every: 1s, for: 2s } } }\n";
    let lines = run_trials(&["plain: { file: /p, every: 1s, for: 1s }"], trials, &|_, _| lasts(100));
    assert_eq!(
        lines,
        [
            // First everything that is not in trials.
            "plain 0.1 at 0: seen",
            "0 up at 5100 ",
            "0 t.a 0.1 at 5100: seen",
            "0 t.b 0.1 at 5200: seen",
            "0 t.b 1.1 at 6200: seen",
            "0 down at 8300",
            "1 up at 13300 ",
            "1 t.a 0.1 at 13300: seen",
            "1 t.b 0.1 at 13400: seen",
            "1 t.b 1.1 at 14400: seen",
            "1 down at 16500",
        ]
    );
}

#[test]
fn trials_run_side_by_side_as_many_as_may() {
    let trials = "  t: { machine: clean, repeat: 3, at_once: 2, probes: { a: { file: /a, on: machine } } }\n";
    // Which of two looks that are due at the same time begins first is not settled: the trial says how long one takes.
    let look = |name: &str, _| if name == "1 t.a" { lasts(30_000) } else { lasts(1_000) };
    let lines = run_trials(&[], trials, &look);
    assert_eq!(
        lines,
        [
            "0 up at 5000 ",
            "1 up at 5000 ",
            "0 t.a 0.1 at 5000: seen",
            "0 down at 8000",
            "2 up at 13000 ",
            "2 t.a 0.1 at 13000: seen",
            "2 down at 16000",
            "1 t.a 0.1 at 5000: seen",
            "1 down at 37000",
        ]
    );
}

#[test]
fn a_trial_without_its_machine_is_not_begun_and_says_why() {
    for (machine, events, why) in [
        ("bad", vec!["0 up at 1000 no room", "0 down at 3000"], "exit code 1: no room"),
        // Nothing was made, and nothing is removed.
        ("unwritten", vec![], "no space"),
    ] {
        let trials =
            format!("  t: {{ machine: {machine}, repeat: 1, probes: {{ a: {{ file: /a, repeat: 2 }} }} }}\n");
        let mut lines = run_trials(&[], &trials, &|_, _| panic!("nothing is looked at"));
        lines.retain(|line| {
            let is_event = line.contains(" up ") || line.contains(" down ");
            assert!(
                is_event || line.ends_with(&format!("the trial has no machine `{machine}`: {why}")),
                "{line}"
            );
            is_event
        });
        assert_eq!(lines, events, "{machine}");
    }
}

#[test]
fn a_machine_is_removed_also_where_the_run_is_ended() {
    let late = |milliseconds| move |_: &str, _: u32| Look { stop_after: Some(milliseconds), ..lasts(60_000) };
    let trials = "  t: { machine: clean, repeat: 2, probes: { a: { file: /a } } }\n";
    let ended = "the limit of 1s was reached (--limit)";
    assert_eq!(
        run_trials(&[], trials, &late(3_000)),
        [
            "0 up at 5000 ".to_owned(),
            format!("0 t.a 0.1 at 5000: {ended}"),
            "0 down at 10000".to_owned(),
            format!("1 t.a 0.1 at 10000: {ended}"),
        ]
    );
    // While it is made: by a look of another trial, beside it.
    let trials = "  t: { machine: slow, repeat: 2, at_once: 2, probes: { a: { file: /a } } }\n";
    let mut lines = run_trials(&[], trials, &late(3_000));
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "0 down at 10000".to_owned(),
            format!("0 t.a 0.1 at 5000: {ended}"),
            "0 up at 5000 ".to_owned(),
            "1 down at 10000".to_owned(),
            format!("1 t.a 0.1 at 8000: {ended}"),
            format!("1 up at 8000 {ended}"),
        ]
    );
}

#[test]
fn what_a_probe_of_a_trial_needs_is_asked_of_that_trial() {
    let trials = "  t: { machine: clean, repeat: 2, probes: { a: { file: /a, needs: good }, b: { file: /b, needs: bad } } }\n";
    let mut lines = run_trials(&[], trials, &|_, _| QUICK);
    lines.retain(|line| line.contains(" t."));
    let said: Vec<&str> =
        lines.iter().filter_map(|line| line.split_once(": ")).map(|(_, said)| said).collect();
    let (no_good, no_bad) = ("the claim `good` does not hold", "the claim `bad` does not hold");
    assert_eq!(said, ["seen", no_bad, no_good, no_bad], "{lines:?}");
}
