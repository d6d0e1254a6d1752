//! Everything that is derived from a log: folded over its entries in one pass, the same way while a run records them
//! and when a bundle is read again.

use std::collections::BTreeSet;

use probity_evidence::entry::{Body, Event, Observer, Start};
use probity_plan::{Observation, Plan};
use probity_report::{Check, Contents, Series, SeriesCollector};
use probity_verdict::{Judge, Judgement};

/// A log on its way to a judgement.
pub struct Fold<'p> {
    plan: &'p Plan,
    judge: Judge<'p>,
    series: SeriesCollector,
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
    series: Vec<Series>,
    observers: Vec<(u64, Observer)>,
    events: Vec<(u64, Event)>,
    entries: u64,
    observations: u64,
}

impl<'p> Fold<'p> {
    /// Judges by this plan a run that began at `started`.
    pub fn new(plan: &'p Plan, started: jiff::Timestamp) -> Self {
        Self {
            plan,
            judge: Judge::new(plan, started),
            series: SeriesCollector::new(plan),
            observers: Vec::new(),
            events: Vec::new(),
            entries: 0,
            observations: 0,
        }
    }

    /// The names of the facts that are looked at.
    pub fn reads(&self) -> BTreeSet<String> {
        let mut names = probity_verdict::judge::names_read(self.plan);
        names.extend(self.series.facts().map(str::to_owned));
        names
    }

    /// The next entry.
    pub fn take(&mut self, entry: u64, body: &Body) {
        match body {
            Body::Observation(observation) => {
                if let Some(observation) = adopt(self.plan, observation.clone()) {
                    self.observe(entry, &observation);
                }
                return;
            }
            Body::Observer(observer) => self.observers.push((entry, observer.clone())),
            Body::Event(event) => self.events.push((entry, event.clone())),
            // Not counted: the report was made before it, and has to come out the same after.
            Body::Close(_) => return,
            Body::Start(_) | Body::Endorsement(_) => {}
        }
        self.entries = entry + 1;
    }

    /// The next entry, an observation.
    pub fn observe(&mut self, entry: u64, observation: &Observation) {
        self.judge.observe(entry, observation);
        self.series.observe(entry, observation);
        self.observations += 1;
        self.entries = entry + 1;
    }

    /// The end of the log. `complete` says whether the run came to its plan's end.
    pub fn conclude(self, complete: bool) -> Derived {
        Derived {
            unasked: self.judge.unasked(),
            judgement: self.judge.conclude(complete),
            series: self.series.finish(),
            observers: self.observers,
            events: self.events,
            entries: self.entries,
            observations: self.observations,
        }
    }
}

/// The observation with its facts as their kind declares them; `None` if one of them can be no such thing.
pub fn adopt(plan: &Plan, mut observation: Observation) -> Option<Observation> {
    let spec = plan.probe(&observation.probe)?.spec();
    observation.adopt(|name| spec.fact(name).map(|fact| fact.ty)).ok()?;
    Some(observation)
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
    pub telling: &'a [(u64, Observation)],
    /// The checks of its verification.
    pub verification: Option<&'a [Check]>,
}

impl Derived {
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
            telling: around.telling,
            verification: around.verification,
        }
    }
}

/// `findings.json`.
pub fn findings_json(judgement: &Judgement) -> Result<Vec<u8>, serde_json::Error> {
    let mut json = serde_json::to_vec_pretty(judgement)?;
    json.push(b'\n');
    Ok(json)
}
