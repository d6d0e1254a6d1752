//! Everything that is derived from a log: folded over its entries in one pass, the same way while a run records them
//! and when a bundle is read again.

use std::collections::BTreeSet;

use probity_evidence::Check;
use probity_evidence::entry::{Body, Event, Observer, Start};
use probity_plan::{Happening, Impact, Introduction, Observation, Plan};
use probity_report::{Contents, Series, SeriesCollector, Unacceptable};
use probity_verdict::{Conditions, Finding, Judge, Judgement, Outcome};

/// What the operator permitted a run.
#[derive(Clone, Debug)]
pub struct Permitted {
    /// The greatest impact.
    pub allow: Impact,
    /// The probes it was restricted to.
    pub only: Option<Vec<String>>,
}

impl Permitted {
    /// As the first entry of a log has it.
    pub fn of(start: &Start) -> Self {
        Self { allow: start.allow, only: start.only.clone() }
    }

    /// A program that was copied where nobody permitted to write.
    fn objection_to_copy(&self, who: &Introduction) -> Option<Unpermitted> {
        let copied = who.passage.copied_to.is_some() && self.allow < Impact::Write;
        copied.then(|| Unpermitted::Copy { observer: who.name.clone(), allow: self.allow })
    }

    /// A machine that was made where nobody permitted to write.
    fn objection_to_machine(&self, what: &Happening) -> Option<Unpermitted> {
        match what {
            Happening::Up(up) if self.allow < Impact::Write => {
                Some(Unpermitted::Machine { machine: up.trial.machine.clone(), allow: self.allow })
            }
            _ => None,
        }
    }

    /// What an observation saw that nobody permitted to look at.
    fn objection(&self, plan: &Plan, observation: &Observation) -> Option<Unpermitted> {
        let probe = plan.probe(&observation.probe)?;
        if !observation.was_made() {
            return None;
        }
        if self.only.as_ref().is_some_and(|only| !only.contains(&probe.name)) {
            return Some(Unpermitted::LeftOut(probe.name.clone()));
        }
        (probe.asks() > self.allow).then(|| Unpermitted::Impact {
            probe: probe.name.clone(),
            impact: probe.asks(),
            allow: self.allow,
        })
    }
}

/// An observation of what was not permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpermitted {
    /// Of a probe that the run was not restricted to.
    LeftOut(String),
    /// A program was copied to somewhere.
    Copy {
        /// The observer.
        observer: String,
        /// What was allowed.
        allow: Impact,
    },
    /// A machine was made.
    Machine {
        /// Its name.
        machine: String,
        /// What was allowed.
        allow: Impact,
    },
    /// Of a probe that may do more than was allowed.
    Impact {
        /// The probe.
        probe: String,
        /// What it may do.
        impact: Impact,
        /// What was allowed.
        allow: Impact,
    },
}

impl std::fmt::Display for Unpermitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LeftOut(probe) => {
                write!(f, "`{probe}` was looked at, and the run was restricted to other probes (--only)")
            }
            Self::Copy { observer, allow } => {
                write!(
                    f,
                    "the program was copied to `{observer}`, which writes, and only `{allow}` was allowed"
                )
            }
            Self::Machine { machine, allow } => {
                write!(f, "the machine `{machine}` was made, which writes, and only `{allow}` was allowed")
            }
            Self::Impact { probe, impact, allow } => {
                write!(
                    f,
                    "`{probe}` was looked at, whose impact is `{impact}`, and only `{allow}` was allowed"
                )
            }
        }
    }
}

/// A log on its way to a judgement.
pub struct Fold<'p> {
    plan: &'p Plan,
    conditions: &'p Conditions,
    permitted: Permitted,
    unpermitted: Option<(u64, Unpermitted)>,
    judge: Judge<'p>,
    series: SeriesCollector<'p>,
    observers: Vec<(u64, Observer)>,
    events: Vec<(u64, Event)>,
    entries: u64,
    observations: u64,
}

/// What came out of a log.
pub struct Derived {
    /// The judgement.
    pub judgement: Judgement,
    /// How many observations no run of the plan yields, and the entry of the first.
    pub unasked: Option<(u64, u64)>,
    /// The first observation of what was not permitted, with its entry.
    pub unpermitted: Option<(u64, Unpermitted)>,
    series: Vec<Series>,
    observers: Vec<(u64, Observer)>,
    events: Vec<(u64, Event)>,
    entries: u64,
    observations: u64,
}

impl<'p> Fold<'p> {
    /// Judges by this plan a run that began at `started`.
    pub fn new(
        plan: &'p Plan,
        conditions: &'p Conditions,
        started: jiff::Timestamp,
        permitted: Permitted,
    ) -> Self {
        Self {
            plan,
            conditions,
            permitted,
            unpermitted: None,
            judge: Judge::new(plan, conditions, started),
            series: SeriesCollector::new(plan, conditions),
            observers: Vec::new(),
            events: Vec::new(),
            entries: 0,
            observations: 0,
        }
    }

    /// The names of the facts that are looked at.
    pub fn reads(&self) -> BTreeSet<String> {
        let mut names = probity_verdict::names_read(self.plan, self.conditions);
        names.extend(self.series.facts().map(str::to_owned));
        names
    }

    /// The next entry.
    pub fn take(&mut self, entry: u64, body: &Body) {
        match body {
            Body::Observation(observation) => return self.observe(entry, observation),
            Body::Observer(observer) => {
                if let Some(introduction) = &observer.introduction {
                    let objection = self.permitted.objection_to_copy(introduction);
                    if self.unpermitted.is_none() {
                        self.unpermitted = objection.map(|objection| (entry, objection));
                    }
                    self.judge.introduce(observer.id, introduction);
                }
                self.observers.push((entry, observer.clone()));
            }
            Body::Event(event) => {
                let objection = self.permitted.objection_to_machine(&event.what);
                if self.unpermitted.is_none() {
                    self.unpermitted = objection.map(|objection| (entry, objection));
                }
                self.judge.happened(entry, &event.what);
                self.events.push((entry, event.clone()));
            }
            // Not counted: the report was made before it, and has to come out the same after.
            Body::Close(_) => return,
            Body::Start(_) | Body::Endorsement(_) => {}
        }
        self.entries = entry + 1;
    }

    /// The next entry, an observation.
    pub fn observe(&mut self, entry: u64, observation: &Observation) {
        if self.unpermitted.is_none() {
            let objection = self.permitted.objection(self.plan, observation);
            self.unpermitted = objection.map(|objection| (entry, objection));
        }
        self.judge.observe(entry, observation);
        self.series.observe(entry, observation);
        self.observations += 1;
        self.entries = entry + 1;
    }

    /// Whether this claim holds on what was taken so far.
    pub fn holds(&self, claim: &str) -> bool {
        let holds = |finding: &Finding| finding.claim == claim && finding.outcome == Outcome::Holds;
        self.judge.clone().findings(false).iter().any(holds)
    }

    /// The end of the log that began with `start`. `complete` says whether the run came to its plan's end.
    pub fn conclude(mut self, start: &Start, complete: bool) -> Derived {
        if let Some(predecessor) = start.later_predecessor() {
            self.judge.began_before(predecessor);
        }
        Derived {
            unasked: self.judge.unasked(),
            unpermitted: self.unpermitted,
            judgement: self.judge.conclude(complete),
            series: self.series.finish(),
            observers: self.observers,
            events: self.events,
            entries: self.entries,
            observations: self.observations,
        }
    }
}

/// What a report needs beside what was derived.
pub struct Surroundings<'a> {
    /// The bundle's name in commands.
    pub bundle: &'a str,
    /// The plan the judgement is made by.
    pub plan: &'a Plan,
    /// Whether it is another plan than the one that ran.
    pub after_the_fact: bool,
    /// Entry 0.
    pub start: &'a Start,
    /// When the run ended, and why before its plan did.
    pub ended: Option<(jiff::Timestamp, Option<&'a probity_plan::Cause>)>,
    /// Entries after the last checkpoint.
    pub unsigned: u64,
    /// The observations that a report shows in full.
    pub exhibits: &'a [(u64, Observation)],
    /// The checks of its verification.
    pub verification: Option<&'a [Check]>,
    /// Why it is not evidence that the reader accepts.
    pub unacceptable: Option<Unacceptable>,
}

impl Derived {
    /// Who looked from elsewhere, each time that one was reached.
    pub fn introductions(&self) -> impl Iterator<Item = &Introduction> {
        self.observers.iter().filter_map(|(_, observer)| observer.introduction.as_ref())
    }

    /// What a report is made from.
    pub fn contents<'a>(&'a self, around: &Surroundings<'a>) -> Contents<'a> {
        Contents {
            bundle: around.bundle,
            plan: around.plan,
            judgement: &self.judgement,
            after_the_fact: around.after_the_fact,
            start: around.start,
            ended: around.ended.map(|(at, _)| at),
            interrupted: around.ended.and_then(|(_, why)| why),
            entries: self.entries,
            observations: self.observations,
            unsigned: around.unsigned,
            observers: &self.observers,
            events: &self.events,
            series: &self.series,
            telling: around.exhibits,
            verification: around.verification,
            unacceptable: around.unacceptable,
        }
    }
}

/// `findings.json`.
pub fn findings_json(judgement: &Judgement) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_vec_pretty(judgement)?;
    json.push(b'\n');
    Ok(json)
}
