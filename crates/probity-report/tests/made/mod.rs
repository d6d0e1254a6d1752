//! Made-up runs for tests and for the sample report: nobody observed any of this.

#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "shared by tests that each use a part of it")]

pub mod camera;
pub mod hostile;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use probity_evidence::entry::{Event, Identity, LedgerHead, Observer, Start};
use probity_evidence::{Check, Declared};
use probity_plan::kinds::{Act, command, file, http};
use probity_plan::model::Cell;
use probity_plan::units::{Share, Span};
use probity_plan::{
    Barrier, Blocked, Claim, Condition, Form, Impact, Lane, Observation, Plan, Position, Probe, Rule,
    Schedule, Score, Severity, Shows, Text, Value, Waiver,
};
use probity_report::{Contents, Series, SeriesCollector, wanted_entries};
use probity_verdict::judgement::{
    BarrierMet, ClaimRead, Counts, Decided, FindOut, FindingReason, Measured, Note, Step, Waited, Why,
};
use probity_verdict::{Bounds, Finding, Judgement, Outcome, ScoreResult, Settle, Truth, Verdict};

/// Everything a [`Contents`] borrows.
pub struct Made {
    pub plan: Plan,
    pub judgement: Judgement,
    pub start: Start,
    pub ended: Option<Timestamp>,
    pub interrupted: Option<probity_plan::Cause>,
    pub entries: u64,
    pub observations: u64,
    pub unsigned: u64,
    pub after_the_fact: bool,
    pub observers: Vec<(u64, Observer)>,
    pub events: Vec<(u64, Event)>,
    pub series: Vec<Series>,
    pub telling: Vec<(u64, Observation)>,
    pub verification: Option<Vec<Check>>,
}

impl Made {
    pub fn contents(&self) -> Contents<'_> {
        Contents {
            bundle: "camera.probity",
            plan: &self.plan,
            judgement: &self.judgement,
            after_the_fact: self.after_the_fact,
            start: &self.start,
            ended: self.ended,
            interrupted: self.interrupted.as_ref(),
            entries: self.entries,
            observations: self.observations,
            unsigned: self.unsigned,
            observers: &self.observers,
            events: &self.events,
            series: &self.series,
            telling: &self.telling,
            verification: self.verification.as_deref(),
            unacceptable: None,
        }
    }

    /// Runs the observations through the collector and keeps those the report wants.
    pub fn gather(&mut self, observations: &[(u64, Observation)]) {
        let conditions = probity_verdict::Conditions::new(&self.plan);
        let mut collector = SeriesCollector::new(&self.plan, &conditions);
        let wanted = wanted_entries(&self.judgement);
        for (entry, observation) in observations {
            collector.observe(*entry, observation);
            if wanted.contains(entry) {
                self.telling.push((*entry, observation.clone()));
            }
        }
        self.series = collector.finish();
        self.observations = observations.len() as u64;
    }
}

pub fn at(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-11-20T14:03:00Z".parse().unwrap();
    start + SignedDuration::from_secs(seconds)
}

pub fn span(text: &str) -> Span {
    text.parse().unwrap()
}

pub fn schedule(every: &str, lasting: &str) -> Schedule {
    Schedule { every: Some(span(every)), lasting: Some(span(lasting)), ..once() }
}

pub fn repeated(times: u32) -> Schedule {
    Schedule { repeat: Some(times), ..once() }
}

pub fn once() -> Schedule {
    Schedule { every: None, lasting: None, repeat: None, timeout: span("5s"), until: None, within: None }
}

pub fn probe(name: &str, act: Act, schedule: Schedule) -> Probe {
    Probe {
        name: name.to_owned(),
        impact: act.impact(),
        cells: vec![Cell { row: BTreeMap::new(), act }],
        columns: Vec::new(),
        schedule,
        trial: None,
        with: None,
        on: None,
        needs: None,
        declared_harmless: false,
        keep_all: false,
        undo: None,
        at: Position::default(),
    }
}

pub fn get(url: &str) -> Act {
    Act::Http(http::Http { http: Text::plain(url), ..http::Http::default() })
}

pub fn stat(path: &str) -> Act {
    Act::File(file::File { file: path.to_owned(), follow: false, format: None, encoding: None })
}

pub fn run(arguments: &[&str]) -> Act {
    let arguments = arguments.iter().map(|it| Text::plain(*it)).collect();
    Act::Command(command::Command {
        command: command::Program::Arguments(arguments),
        stdin: None,
        env: BTreeMap::new(),
    })
}

pub fn condition(source: &str) -> Condition {
    Condition { source: source.to_owned(), at: Position::default(), filled: false }
}

pub fn each(check: &str) -> Form {
    Form::Each { check: condition(check) }
}

pub fn rate(check: &str, share: &str) -> Form {
    Form::Rate {
        check: condition(check),
        share: share.parse::<Share>().unwrap(),
        block: None,
        pooled: false,
        expect: None,
    }
}

pub fn claim(name: &str, of: &str, form: Form, says: Option<&str>, section: Option<&str>) -> Claim {
    Claim {
        name: name.to_owned(),
        of: of.to_owned(),
        filter: None,
        form,
        says: says.map(str::to_owned),
        severity: Severity::Medium,
        remedy: None,
        selected: false,
        section: section.map(str::to_owned),
        control: None,
        empty_ok: false,
        at: Position::default(),
    }
}

/// A finding about a claim: its outcome, what was decided, and on what it rests.
pub fn finding(
    claim: &Claim,
    outcome: Outcome,
    shows: Option<Shows>,
    decided: Decided,
    reason: FindingReason,
) -> Finding {
    Finding {
        claim: claim.name.clone(),
        of: claim.of.clone(),
        says: claim.says.clone(),
        decided,
        section: claim.section.clone(),
        severity: claim.severity,
        remedy: claim.remedy.clone(),
        by_error: false,
        by_denial: false,
        selected: None,
        control: None,
        outcome,
        reason,
        measured: None,
        rests_on: shows,
        bounds: None,
        counts: Counts::default(),
        cells: Vec::new(),
        notes: Vec::new(),
        barriers: Vec::new(),
        unclear: Vec::new(),
        settle: None,
        entries: Vec::new(),
        telling: Vec::new(),
        waived: None,
    }
}

/// That each of so many observations satisfies a condition.
pub fn each_of(observations: u64, check: &str) -> Decided {
    Decided::Census { observations, check: check.to_owned(), filter: None }
}

/// That a share of so many trials does.
pub fn rate_of(trials: u64, objective: &str, check: &str) -> Decided {
    let objective = objective.parse().unwrap();
    let check = check.to_owned();
    Decided::Rate { objective, trials, block: None, left_out: false, cells: 1, check, filter: None }
}

/// That so many of all observations could not be decided.
pub fn undecided(undecided: u64, observations: u64) -> FindingReason {
    FindingReason::SomeUndecided { undecided, observations, empty_rows: 0, rows: 1, denials_alone: false }
}

/// The counts of a rate with its bounds at 95 %.
pub fn counted(counts: Counts, lower: f64, upper: f64, objective: &str) -> FindingReason {
    let objective = objective.parse().unwrap();
    let bounds = Some(Bounds { lower, upper, confidence: 0.95 });
    FindingReason::Rate { cell: None, block: None, counts, bounds, objective, clustered: false }
}

/// A claim as a rule read it.
pub fn read(claim: &str, outcome: Outcome) -> ClaimRead {
    ClaimRead { claim: claim.to_owned(), outcome, not_among: None, waived: None }
}

fn waited(claim: &str) -> Waited {
    let (if_holds, if_fails) = ("READY or NOT READY".to_owned(), "NOT READY".to_owned());
    Waited { claim: claim.to_owned(), if_holds, if_fails, how: FindOut::AsFound }
}

pub fn measured(successes: u64, of: u64) -> Option<Measured> {
    Some(Measured::Count { cell: None, successes, of })
}

pub fn counts(planned: u64, successes: u64, failures: u64, blocked: u64) -> Counts {
    Counts { planned, successes, failures, blocked, ..Counts::default() }
}

pub fn observation(probe: &str, seconds: i64, facts: &[(&str, Value)]) -> Observation {
    Observation {
        trial: None,
        observer: 0,
        artifacts: BTreeMap::new(),
        excerpts: BTreeMap::new(),
        probe: probe.to_owned(),
        cell: BTreeMap::new(),
        slot: 0,
        attempt: 1,
        superseded: false,
        lane: Lane::Parallel,
        started: at(seconds),
        offset_us: u64::try_from(seconds).unwrap_or_default() * 1_000_000,
        duration_us: 1_200,
        scheduling_delay_us: Some(40),
        facts: facts.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        unknown: BTreeMap::new(),
    }
}

pub fn blocked(probe: &str, seconds: i64, barrier: Barrier, detail: &str) -> Observation {
    let mut observation = observation(probe, seconds, &[]);
    observation.unknown.insert("*".to_owned(), Blocked::new(barrier, detail));
    observation
}

pub fn start(plan: &str) -> Start {
    Start {
        format: 1,
        rules: 1,
        run: "7f3c9a1e5b2d48c0a6e4f1029d8b7c35".to_owned(),
        started: at(0),
        plan: plan.to_owned(),
        files: BTreeMap::from([("plan.yaml".to_owned(), "5d".repeat(32))]),
        resolved_sha256: "a1c3".repeat(16),
        declared: Declared::default(),
        inputs: BTreeMap::from([("health".to_owned(), "http://127.0.0.1:8003".to_owned())]),
        allow: Impact::Write,
        only: None,
        run_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMadeUpRunKeyMadeUpRunKeyMadeUpRunKeyMadeUpRu"
            .to_owned(),
        operator_key:
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMadeUpOperatorMadeUpOperatorMadeUpOperat ops@cam-gw-1"
                .to_owned(),
        challenge: None,
        ledger: LedgerHead { run: 1, head: None, began: None },
        reproduces: None,
        observer: Identity {
            version: "0.1.0".to_owned(),
            host: "cam-gw-1".to_owned(),
            user: "ops (1000)".to_owned(),
            system: "Debian GNU/Linux 12, Linux 6.1.0".to_owned(),
        },
    }
}

pub fn observer(seconds: i64, load: f64) -> Observer {
    Observer {
        id: 0,
        at: at(seconds),
        offset_us: u64::try_from(seconds).unwrap_or_default() * 1_000_000,
        boot: None,
        introduction: None,
        facts: BTreeMap::from([
            ("clock_synchronised".to_owned(), Value::Bool(true)),
            ("load_1m".to_owned(), Value::decimal(load)),
        ]),
        unknown: BTreeMap::new(),
    }
}

/// The smallest run: what the golden files show. One claim of each outcome that a reader must not confuse.
pub fn small() -> Made {
    let sync = claim(
        "sync",
        "worker",
        each("exists"),
        Some("periodic sync is operational"),
        Some("Synchronisation"),
    );
    let api = claim("api", "api", each("status == 200"), Some("the API answers"), None);
    let quick = claim("quick", "api", rate("elapsed_ms < 100", ">= 95%"), None, None);
    let plan = Plan {
        title: "Sync in production".to_owned(),
        confidence: 0.95,
        inputs: BTreeMap::new(),
        observers: Vec::new(),
        machines: Vec::new(),
        trials: Vec::new(),
        probes: vec![
            probe("worker", stat("/run/netbox/rqworker.pid"), schedule("30s", "8m")),
            probe("api", get("http://127.0.0.1:8000/api/"), repeated(20)),
            Probe {
                declared_harmless: true,
                impact: Impact::Observe,
                ..probe("queue", run(&["redis-cli", "llen", "rq"]), once())
            },
        ],
        claims: vec![sync.clone(), api.clone(), quick.clone()],
        scores: vec![Score {
            name: "sync".to_owned(),
            weights: vec![("sync".to_owned(), 1.0), ("quick".to_owned(), 3.0)],
            at: Position::default(),
        }],
        rules: vec![
            Rule {
                label: "READY".to_owned(),
                when: Some(condition("holds(api) && holds(quick)")),
                accepted: true,
                at: Position::default(),
            },
            Rule { label: "NOT READY".to_owned(), when: None, accepted: false, at: Position::default() },
        ],
        waivers: vec![Waiver {
            claim: "api".to_owned(),
            reason: "moves in January".to_owned(),
            owner: "ops".to_owned(),
            until: "2027-01-31".to_owned(),
            covers_fails: true,
            covers_undetermined: false,
            at: Position::default(),
        }],
    };
    let refused = "connect 127.0.0.1:8000: Connection refused";
    let findings = vec![
        Finding {
            measured: measured(16, 16),
            counts: counts(16, 16, 0, 0),
            entries: vec![(3, 18)],
            ..finding(
                &sync,
                Outcome::Holds,
                Some(Shows::Presence),
                each_of(16, "exists"),
                FindingReason::AllSatisfy { observations: 16 },
            )
        },
        Finding {
            counts: counts(20, 0, 0, 20),
            entries: vec![(19, 38)],
            telling: (19..39).collect(),
            barriers: vec![BarrierMet {
                fact: "status".to_owned(),
                cause: None,
                barrier: Barrier::ConnectionRefused,
                times: 20,
                detail: refused.to_owned(),
            }],
            ..finding(
                &api,
                Outcome::Undetermined,
                Some(Shows::Response),
                each_of(20, "status == 200"),
                undecided(20, 20),
            )
        },
        Finding {
            measured: measured(0, 20),
            bounds: Some(Bounds { lower: 0.0, upper: 1.0, confidence: 0.95 }),
            counts: counts(20, 0, 0, 20),
            entries: vec![(19, 38)],
            telling: (19..39).collect(),
            notes: vec![Note::IndependentTrials],
            barriers: vec![BarrierMet {
                fact: "elapsed_ms".to_owned(),
                cause: None,
                barrier: Barrier::ConnectionRefused,
                times: 20,
                detail: refused.to_owned(),
            }],
            settle: Some(Settle {
                steps: vec![Step::SeePastBarriers, Step::PlanTrials { stretches: false, near: false }],
                least: Some(59),
                likely: None,
            }),
            ..finding(
                &quick,
                Outcome::Undetermined,
                Some(Shows::Response),
                rate_of(20, ">= 95%", "elapsed_ms < 100"),
                counted(counts(20, 0, 0, 20), 0.0, 1.0, ">= 95%"),
            )
        },
    ];
    let judgement = Judgement {
        rules: 1,
        plan: plan.title.clone(),
        limits: Vec::new(),
        findings,
        scores: vec![ScoreResult {
            name: "sync".to_owned(),
            lower: 0.25,
            upper: 1.0,
            weight: 4.0,
            of_weight: 4.0,
            open: vec!["quick".to_owned()],
            parts: vec![
                ("sync".to_owned(), 1.0, Outcome::Holds),
                ("quick".to_owned(), 3.0, Outcome::Undetermined),
            ],
        }],
        verdict: Verdict {
            label: "READY or NOT READY".to_owned(),
            possible: vec![("READY".to_owned(), true), ("NOT READY".to_owned(), false)],
            accepted: None,
            why: vec![Why::Rule {
                rule: 1,
                label: "READY".to_owned(),
                truth: Truth::Unknown,
                claims: ["api", "quick"].map(|claim| read(claim, Outcome::Undetermined)).into(),
                scores: Vec::new(),
                stricter: None,
            }],
            settle: ["api", "quick"].map(waited).into(),
            error_bound: None,
            waivers: Vec::new(),
        },
    };
    let mut observations = Vec::new();
    for slot in 0..16_u32 {
        let entry = 3 + u64::from(slot);
        let facts = [("exists", Value::Bool(true)), ("kind", Value::from("file"))];
        observations
            .push((entry, Observation { slot, ..observation("worker", i64::from(slot) * 30, &facts) }));
    }
    for slot in 0..20_u32 {
        let entry = 19 + u64::from(slot);
        let at = 480 + i64::from(slot);
        observations
            .push((entry, Observation { slot, ..blocked("api", at, Barrier::ConnectionRefused, refused) }));
    }
    let mut made = Made {
        plan,
        judgement,
        start: start("Sync in production"),
        ended: Some(at(501)),
        interrupted: None,
        entries: 41,
        observations: 0,
        unsigned: 0,
        after_the_fact: false,
        observers: vec![(2, observer(0, 0.2)), (39, observer(500, 0.35))],
        events: Vec::new(),
        series: Vec::new(),
        telling: Vec::new(),
        verification: None,
    };
    made.gather(&observations);
    made
}
