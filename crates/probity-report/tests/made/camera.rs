//! A made-up run of the size of a real one: a camera service with everything that a report can show.

use std::collections::BTreeMap;

use probity_evidence::entry::{Event, LedgerHead, Start};
use probity_evidence::verify::{Obstacle, Shown};
use probity_evidence::{Check, CheckId};
use probity_plan::model::{Cell, Starts};
use probity_plan::{
    Barrier, Blocked, Cause, Form, Happening, Impact, Observation, Plan, Position, Probe, Rule, Score,
    Severity, Shows, Value, Waiver,
};
use probity_verdict::judgement::{
    Against, BarrierMet, CellFinding, Decided, ErrorBound, Example, FindingReason, Measured, Note, Seen,
    Step, WaivedBy, Why,
};
use probity_verdict::{Bounds, Finding, Judgement, Outcome, ScoreResult, Settle, Truth, Verdict};

use super::{
    Made, at, blocked, claim, condition, counted, counts, each, each_of, finding, get, measured, observation,
    observer, once, probe, rate, rate_of, read, repeated, run, schedule, span, start, stat, undecided,
};

const READY: &str = "http://127.0.0.1:8003/health/ready";

/// The run.
pub fn camera() -> Made {
    let plan = plan();
    let judgement = judgement(&plan);
    let mut made = Made {
        start: Start {
            challenge: Some("acceptance board, 20 November, 4711".to_owned()),
            ledger: LedgerHead { run: 12, head: Some("9be2".repeat(16)), began: Some(at(-86_400)) },
            ..start(&plan.title)
        },
        plan,
        judgement,
        ended: Some(at(612)),
        interrupted: None,
        entries: 276,
        observations: 0,
        unsigned: 0,
        after_the_fact: false,
        observers: vec![(2, observer(0, 0.21)), (140, observer(300, 1.74)), (275, observer(611, 0.4))],
        events: vec![(
            231,
            Event {
                at: at(560),
                what: Happening::Undo {
                    probe: "marker".to_owned(),
                    command: "rm marker".to_owned(),
                    exit_code: Some(0),
                    detail: String::new(),
                },
            },
        )],
        series: Vec::new(),
        telling: Vec::new(),
        verification: Some(vec![
            Check::of(CheckId::Entries, Shown::EntriesWhole { signed: 277 }),
            Check::of(CheckId::Tree, Shown::RootReached),
            Check::of(CheckId::Checkpoint, Shown::CheckpointSigned { covered: 277 }),
            Check::of(CheckId::CheckpointSignature, Shown::OperatorSigned),
            Check::of(CheckId::FindingsFollow, Shown::FindingsSame),
            Check::of(CheckId::Signer, Obstacle::NoSigners { key: "SHA256:2c1f".to_owned() }),
        ]),
    };
    made.gather(&observations());
    made
}

const DEPLOYMENT: Option<&str> = Some("Deployment");
const SECURITY: Option<&str> = Some("Security boundary");
const SYNC: Option<&str> = Some("Synchronisation");

fn plan() -> Plan {
    let role = |role: &str, method: &str| Cell {
        row: BTreeMap::from([
            ("role".to_owned(), Value::from(role)),
            ("method".to_owned(), Value::from(method)),
        ]),
        act: get(&format!("http://127.0.0.1:8003/api/{method}?as={role}")),
    };
    let cells = ["viewer", "operator", "admin"]
        .into_iter()
        .flat_map(|who| ["list", "snapshot", "delete"].map(|method| role(who, method)))
        .collect();
    let rule = |label: &str, when: Option<&str>, accepted| Rule {
        label: label.to_owned(),
        when: when.map(condition),
        accepted,
        at: Position::default(),
    };
    let weights =
        |list: &[(&str, f64)]| list.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
    Plan {
        title: "Camera service in production (sample: made-up data)".to_owned(),
        confidence: 0.95,
        inputs: BTreeMap::new(),
        observers: Vec::new(),
        machines: Vec::new(),
        trials: Vec::new(),
        probes: vec![
            probe("answers", get(READY), schedule("5s", "8m")),
            probe("restart", get(READY), repeated(40)),
            probe("worker", stat("/run/camera-sync.pid"), schedule("30s", "8m")),
            Probe {
                columns: vec!["role".to_owned(), "method".to_owned()],
                cells,
                ..probe("call", get("http://127.0.0.1:8003/api"), once())
            },
            probe("secrets", stat("/opt/camera-service/.env"), once()),
            probe("tls", get("https://127.0.0.1:8443/"), once()),
            Probe {
                impact: Impact::Disrupt,
                ..probe("wipe", run(&["camera-admin", "wipe", "--all"]), once())
            },
            Probe {
                impact: Impact::Observe,
                declared_harmless: true,
                ..probe("journal", run(&["journalctl", "-u", "camera-service", "-n", "200"]), once())
            },
        ],
        claims: vec![
            claim(
                "starts",
                "restart",
                rate("answered && status == 200", ">= 80%"),
                Some("a start serves within 10 s"),
                DEPLOYMENT,
            ),
            claim(
                "prompt",
                "answers",
                rate("elapsed_ms < 100", ">= 95%"),
                Some("health answers within 100 ms"),
                DEPLOYMENT,
            ),
            claim(
                "recovers",
                "wipe",
                each("exit_code == 0"),
                Some("the service recovers from a wipe"),
                DEPLOYMENT,
            ),
            claim(
                "roles",
                "call",
                each("outcome == expect"),
                Some("each role may call what it should and nothing else"),
                SECURITY,
            ),
            claim(
                "secret-file",
                "secrets",
                each("mode == \"600\""),
                Some("secrets are readable by their owner alone"),
                SECURITY,
            ),
            claim("encrypted", "tls", each("status == 200"), Some("SSL/TLS is ready"), SECURITY),
            claim("sync", "worker", each("exists"), Some("periodic sync is operational"), SYNC),
            claim(
                "sync-runs",
                "journal",
                Form::Periodic {
                    every: span("5m"),
                    tolerance: span("30s"),
                    periods: 5,
                    starts: Starts::Recorded("lines".to_owned()),
                },
                Some("the sync runs every five minutes"),
                SYNC,
            ),
            claim("archive", "secrets", each("size_bytes > 0"), None, None),
        ],
        scores: vec![
            Score {
                name: "deployment".to_owned(),
                weights: weights(&[("starts", 5.0), ("prompt", 2.0), ("recovers", 3.0)]),
                at: Position::default(),
            },
            Score {
                name: "security".to_owned(),
                weights: weights(&[("roles", 5.0), ("secret-file", 3.0), ("encrypted", 2.0)]),
                at: Position::default(),
            },
        ],
        rules: vec![
            rule("NOT READY", Some("fails(roles) || fails(starts)"), false),
            rule("READY", Some("holds(roles) && score.deployment >= 0.9"), true),
            rule("NOT READY", None, false),
        ],
        waivers: vec![Waiver {
            claim: "secret-file".to_owned(),
            reason: "the file moves to the vault with the January release".to_owned(),
            owner: "ops".to_owned(),
            until: "2027-01-31".to_owned(),
            covers_fails: true,
            covers_undetermined: false,
            at: Position::default(),
        }],
    }
}

/// A refusal as a finding tells it.
fn met(fact: &str, barrier: Barrier, times: u64, detail: &str) -> BarrierMet {
    BarrierMet { fact: fact.to_owned(), barrier, cause: None, times, detail: detail.to_owned() }
}

/// That some do not satisfy the check, the first of them in this entry.
fn failing(failures: u64, observations: u64, entry: u64, what: &str, value: &str) -> FindingReason {
    let seen = vec![Seen { what: what.to_owned(), value: value.to_owned() }];
    let first = Some(Example { entry, against: Against::Seen { seen, reasons: Vec::new() } });
    FindingReason::SomeDoNot { failures, observations, first }
}

fn findings(plan: &Plan) -> Vec<Finding> {
    let of = |name: &str, outcome, shows, decided: Decided, reason: FindingReason| {
        finding(plan.claim(name).unwrap(), outcome, shows, decided, reason)
    };
    let cell = |cell: &str, outcome, failed: u64| CellFinding {
        cell: cell.to_owned(),
        outcome,
        counts: counts(1, 1 - failed, failed, 0),
        bounds: None,
    };
    vec![
        Finding {
            severity: Severity::High,
            measured: measured(37, 40),
            bounds: Some(Bounds { lower: 0.817_413, upper: 0.979_247, confidence: 0.95 }),
            counts: counts(40, 37, 3, 0),
            notes: vec![Note::IndependentTrials],
            entries: vec![(99, 138)],
            telling: vec![104, 117, 131],
            ..of(
                "starts",
                Outcome::Holds,
                Some(Shows::Response),
                rate_of(40, ">= 80%", "answered && status == 200"),
                counted(counts(40, 37, 3, 0), 0.817_413, 0.979_247, ">= 80%"),
            )
        },
        Finding {
            measured: measured(93, 96),
            bounds: Some(Bounds { lower: 0.921_213, upper: 0.999_466, confidence: 0.95 }),
            counts: counts(96, 93, 1, 2),
            entries: vec![(3, 98)],
            telling: vec![22, 57, 83],
            settle: Some(Settle {
                steps: vec![Step::PlanTrials { stretches: false, near: false }],
                least: Some(59),
                likely: Some(181),
            }),
            barriers: vec![BarrierMet {
                cause: Some(Cause::Straddled),
                ..met("elapsed_ms", Barrier::Overloaded, 2, "")
            }],
            ..of(
                "prompt",
                Outcome::Undetermined,
                Some(Shows::Response),
                rate_of(96, ">= 95%", "elapsed_ms < 100"),
                counted(counts(96, 93, 1, 2), 0.921_213, 0.999_466, ">= 95%"),
            )
        },
        Finding {
            counts: counts(1, 0, 0, 1),
            entries: vec![(232, 232)],
            telling: vec![232],
            barriers: vec![met("exit_code", Barrier::NotPermitted, 1, "impact disrupt, allowed write")],
            ..of("recovers", Outcome::Undetermined, None, each_of(1, "exit_code == 0"), undecided(1, 1))
        },
        Finding {
            severity: Severity::Critical,
            measured: measured(8, 9),
            counts: counts(9, 8, 1, 0),
            cells: vec![
                cell("role=viewer method=list", Outcome::Holds, 0),
                cell("role=viewer method=snapshot", Outcome::Holds, 0),
                cell("role=viewer method=delete", Outcome::Fails, 1),
                cell("role=operator method=list", Outcome::Holds, 0),
                cell("role=operator method=snapshot", Outcome::Holds, 0),
                cell("role=operator method=delete", Outcome::Holds, 0),
                cell("role=admin method=list", Outcome::Holds, 0),
                cell("role=admin method=snapshot", Outcome::Holds, 0),
                cell("role=admin method=delete", Outcome::Holds, 0),
            ],
            entries: vec![(139, 139), (141, 148)],
            telling: vec![142],
            ..of(
                "roles",
                Outcome::Fails,
                Some(Shows::Response),
                each_of(9, "outcome == expect"),
                failing(1, 9, 142, "outcome", "\"allowed\""),
            )
        },
        Finding {
            measured: measured(0, 1),
            counts: counts(1, 0, 1, 0),
            entries: vec![(149, 149)],
            telling: vec![149],
            waived: Some(WaivedBy {
                reason: "the file moves to the vault with the January release".to_owned(),
                owner: "ops".to_owned(),
                until: "2027-01-31".to_owned(),
            }),
            ..of(
                "secret-file",
                Outcome::Fails,
                Some(Shows::Presence),
                each_of(1, "mode == \"600\""),
                failing(1, 1, 149, "mode", "\"644\""),
            )
        },
        Finding {
            counts: counts(1, 0, 0, 1),
            entries: vec![(150, 150)],
            telling: vec![150],
            barriers: vec![met(
                "status",
                Barrier::ConnectionRefused,
                1,
                "connect 127.0.0.1:8443: Connection refused (os error 111)",
            )],
            ..of(
                "encrypted",
                Outcome::Undetermined,
                Some(Shows::Response),
                each_of(1, "status == 200"),
                undecided(1, 1),
            )
        },
        Finding {
            measured: measured(16, 16),
            counts: counts(16, 16, 0, 0),
            entries: vec![(151, 166)],
            ..of(
                "sync",
                Outcome::Holds,
                Some(Shows::Presence),
                each_of(16, "exists"),
                FindingReason::AllSatisfy { observations: 16 },
            )
        },
        Finding {
            measured: Some(Measured::Gaps { gaps: 0, extent_us: None }),
            counts: counts(1, 0, 0, 1),
            entries: vec![(233, 233)],
            telling: vec![233],
            barriers: vec![met(
                "lines",
                Barrier::PermissionDenied,
                1,
                "journalctl: Hint: You are currently not seeing messages from other users and the system.",
            )],
            settle: Some(Settle {
                steps: vec![Step::SeePastBarriers, Step::Watch { lasting: span("30m") }],
                least: None,
                likely: None,
            }),
            ..of(
                "sync-runs",
                Outcome::Undetermined,
                None,
                Decided::Periodic {
                    every: span("5m"),
                    tolerance: span("30s"),
                    periods: 5,
                    fact: "lines".to_owned(),
                    changes: false,
                    filter: None,
                },
                FindingReason::TooFewGaps { within: 0, periods: 5 },
            )
        },
        Finding {
            entries: Vec::new(),
            ..of(
                "archive",
                Outcome::NotApplicable,
                None,
                each_of(0, "size_bytes > 0"),
                FindingReason::NothingAccepted,
            )
        },
    ]
}

fn judgement(plan: &Plan) -> Judgement {
    let score = |name: &str, lower, upper, open: &[&str], parts: &[(&str, f64, Outcome)]| ScoreResult {
        name: name.to_owned(),
        lower,
        upper,
        weight: parts.iter().map(|(_, weight, _)| weight).sum(),
        of_weight: 10.0,
        open: open.iter().map(|name| (*name).to_owned()).collect(),
        parts: parts.iter().map(|(name, weight, outcome)| ((*name).to_owned(), *weight, *outcome)).collect(),
    };
    Judgement {
        rules: 1,
        plan: plan.title.clone(),
        limits: Vec::new(),
        findings: findings(plan),
        scores: vec![
            score(
                "deployment",
                0.5,
                1.0,
                &["recovers", "prompt"],
                &[
                    ("starts", 5.0, Outcome::Holds),
                    ("prompt", 2.0, Outcome::Undetermined),
                    ("recovers", 3.0, Outcome::Undetermined),
                ],
            ),
            score(
                "security",
                0.0,
                0.2,
                &["encrypted"],
                &[
                    ("roles", 5.0, Outcome::Fails),
                    ("secret-file", 3.0, Outcome::Fails),
                    ("encrypted", 2.0, Outcome::Undetermined),
                ],
            ),
        ],
        verdict: Verdict {
            label: "NOT READY".to_owned(),
            possible: vec![("NOT READY".to_owned(), false)],
            accepted: Some(false),
            why: vec![Why::Rule {
                rule: 1,
                label: "NOT READY".to_owned(),
                truth: Truth::True,
                claims: vec![read("roles", Outcome::Fails)],
                scores: Vec::new(),
                stricter: None,
            }],
            settle: Vec::new(),
            error_bound: Some(ErrorBound::AtMost {
                probability: 0.05,
                times: 1,
                corrected: Vec::new(),
                replaceable: Vec::new(),
            }),
            waivers: Vec::new(),
        },
    }
}

fn observations() -> Vec<(u64, Observation)> {
    let mut all = Vec::new();
    for slot in 0..96_u32 {
        let (entry, second) = (3 + u64::from(slot), i64::from(slot) * 5);
        // A wave with some noise, one miss and two intervals that straddle the limit.
        let wave = 38.0 + 14.0 * (f64::from(slot) / 9.0).sin() + f64::from((slot * 37) % 17);
        let (lower, upper) = match slot {
            19 => (143.2, 144.0),
            54 => (96.1, 104.9),
            80 => (98.7, 112.3),
            _ => (wave, wave + 0.4),
        };
        let facts = [("status", Value::from(200)), ("elapsed_ms", Value::interval(lower, Some(upper)))];
        all.push((entry, Observation { slot, ..observation("answers", second, &facts) }));
    }
    for slot in 0..40_u32 {
        let (entry, second) = (99 + u64::from(slot), 480 + i64::from(slot) * 2);
        let observation = match entry {
            104 | 117 | 131 => observation(
                "restart",
                second,
                &[("answered", Value::Bool(false)), ("elapsed_ms", Value::interval(10_000.0, None))],
            ),
            _ => observation(
                "restart",
                second,
                &[("answered", Value::Bool(true)), ("status", Value::from(200))],
            ),
        };
        all.push((entry, Observation { slot, ..observation }));
    }
    let mut call =
        observation("call", 561, &[("status", Value::from(200)), ("outcome", Value::from("allowed"))]);
    call.cell = BTreeMap::from([
        ("role".to_owned(), Value::from("viewer")),
        ("method".to_owned(), Value::from("delete")),
        ("expect".to_owned(), Value::from("denied: 403")),
    ]);
    all.push((142, call));
    let mode = [
        ("exists", Value::Bool(true)),
        ("mode", Value::from("644")),
        ("owner", Value::from("camera-service")),
    ];
    all.push((149, observation("secrets", 563, &mode)));
    all.push((
        150,
        blocked(
            "tls",
            564,
            Barrier::ConnectionRefused,
            "connect 127.0.0.1:8443: Connection refused (os error 111)",
        ),
    ));
    for slot in 0..16_u32 {
        let (entry, second) = (151 + u64::from(slot), i64::from(slot) * 30);
        let observation = match slot {
            11 => blocked("worker", second, Barrier::NotMade, "the slot was missed by 31 s"),
            13 => {
                let mut partly = observation("worker", second, &[("exists", Value::Bool(true))]);
                partly.unknown.insert("owner".to_owned(), Blocked::new(Barrier::TimedOut, "no name service"));
                partly
            }
            _ => observation("worker", second, &[("exists", Value::Bool(true))]),
        };
        all.push((entry, Observation { slot, ..observation }));
    }
    all.push((232, blocked("wipe", 561, Barrier::NotPermitted, "impact disrupt, allowed write")));
    let journal = "journalctl: Hint: You are currently not seeing messages from other users and the system.";
    all.push((233, blocked("journal", 562, Barrier::PermissionDenied, journal)));
    all
}
