//! Plans, looks and what is found in them: what the tests of findings share.
#![allow(dead_code, unused_imports, reason = "each part uses its own")]

pub use std::collections::BTreeMap;

pub use probity_diagnostic::Diagnostic;
pub use probity_plan::{
    Agent, Barrier, Blocked, FactType, Introduction, Lane, Observation, Passage, Plan, Reach, Shows, Trial,
    Value,
};
pub use probity_verdict::judgement::{Counts, Finding};
pub use probity_verdict::wording::finding as wording;
pub use probity_verdict::{Conditions, Judge, Outcome, timed_probes};
pub use proptest::prelude::*;
pub use serde_json::{Value as Json, json};

/// What `plan check` finds.
pub fn check(plan: &Plan) -> Vec<Diagnostic> {
    probity_verdict::check(plan, &Conditions::new(plan))
}

/// The facts that the plan reads.
pub fn facts_read(plan: &Plan) -> BTreeMap<String, std::collections::BTreeSet<String>> {
    probity_verdict::facts_read(plan, &Conditions::new(plan))
}

/// The plan's only source.
pub struct Source(pub String);

impl probity_plan::Sources for Source {
    fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// A plan with these probes and claims, each a line of YAML.
pub fn plan(probes: &[&str], claims: &[&str]) -> Plan {
    let yaml = format!(
        "plan: P\nprobes:\n  {}\nclaims:\n  {}\nverdict: [ label: L ]\n",
        probes.join("\n  "),
        claims.join("\n  ")
    );
    let loaded = probity_plan::load("plan.yaml", &Source(yaml), &BTreeMap::new());
    let plan = loaded.unwrap_or_else(|errors| panic!("{errors}")).plan;
    assert_eq!(check(&plan).into_iter().find(|problem| problem.rule == "condition"), None);
    plan
}

pub const BEGIN: i64 = 1_800_000_000_000_000;

/// A look of a probe every 5 s, 10 ms long.
pub fn look(probe: &str, slot: u32, facts: &Json) -> Observation {
    Observation {
        trial: None,
        observer: 0,
        artifacts: BTreeMap::new(),
        excerpts: BTreeMap::new(),
        probe: probe.to_owned(),
        cell: BTreeMap::new(),
        slot,
        attempt: 1,
        superseded: false,
        lane: Lane::Parallel,
        started: jiff::Timestamp::from_microsecond(BEGIN + i64::from(slot) * 5_000_000).unwrap(),
        offset_us: u64::from(slot) * 5_000_000,
        duration_us: 10_000,
        scheduling_delay_us: None,
        facts: facts
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), seen(name, value)))
            .collect(),
        unknown: BTreeMap::new(),
    }
}

/// What was seen of a fact: an interval or a moment where some kind declares it so.
fn seen(name: &str, json: &Json) -> Value {
    let value = Value::from_json(&json.to_string()).unwrap();
    let special = |ty: &FactType| matches!(ty, FactType::Interval | FactType::Moment | FactType::Moments);
    let facts = probity_plan::kinds::KINDS.iter().filter_map(|kind| kind.fact(name));
    match facts.map(|fact| fact.ty).find(special) {
        Some(ty) => ty.adopt(value.clone()).unwrap_or(value),
        None => value,
    }
}

/// The look, so many seconds into the run.
pub fn at_second(mut observation: Observation, second: u32) -> Observation {
    observation.started = jiff::Timestamp::from_microsecond(BEGIN + i64::from(second) * 1_000_000).unwrap();
    observation.offset_us = u64::from(second) * 1_000_000;
    observation
}

/// The looks, with the observer's clock set by so many seconds before the one of this place.
pub fn clock_set(mut observations: Vec<Observation>, at: usize, seconds: i64) -> Vec<Observation> {
    for observation in observations.iter_mut().skip(at) {
        let started = observation.started.as_microsecond() + seconds * 1_000_000;
        observation.started = jiff::Timestamp::from_microsecond(started).unwrap();
    }
    observations
}

/// A look that met a barrier.
pub fn barred(probe: &str, slot: u32, barrier: Barrier) -> Observation {
    let mut observation = look(probe, slot, &json!({}));
    observation.unknown.insert("*".to_owned(), Blocked::new(barrier, "it said no"));
    observation
}

pub fn in_cell(mut observation: Observation, cell: &Json) -> Observation {
    observation.cell = look("", 0, cell).facts;
    observation
}

/// So many looks, each with the facts that `facts` gives for its slot.
pub fn looks(probe: &str, slots: std::ops::Range<u32>, facts: impl Fn(u32) -> Json) -> Vec<Observation> {
    slots.map(|slot| look(probe, slot, &facts(slot))).collect()
}

/// A finding, with its sentences in the place of what they are made of.
#[derive(Debug, PartialEq)]
pub struct Found {
    finding: Finding,
    pub decided: String,
    pub reason: String,
    pub measured: String,
    pub objective: String,
    pub notes: Vec<String>,
    pub settle: Option<Settled>,
}

#[derive(Debug, PartialEq)]
pub struct Settled {
    pub how: String,
    pub least: Option<u64>,
    pub likely: Option<u64>,
}

impl Found {
    pub fn new(plan: &Plan, finding: Finding) -> Self {
        let settle = wording::settle(plan, &finding).zip(finding.settle.as_ref());
        Self {
            decided: wording::decided(&finding.decided, finding.rests_on),
            reason: wording::reason(&finding),
            measured: wording::measured(&finding),
            objective: wording::objective(&finding),
            notes: wording::notes(&finding),
            settle: settle.map(|(how, of)| Settled { how, least: of.least, likely: of.likely }),
            finding,
        }
    }

    /// What the sentences are made of.
    pub fn data(&self) -> &Finding {
        &self.finding
    }
}

impl std::ops::Deref for Found {
    type Target = Finding;

    fn deref(&self) -> &Finding {
        &self.finding
    }
}

pub fn findings(plan: &Plan, observations: &[Observation]) -> Vec<Found> {
    let started = jiff::Timestamp::from_microsecond(BEGIN).unwrap();
    let conditions = Conditions::new(plan);
    let mut judge = Judge::new(plan, &conditions, started);
    for (at, observation) in observations.iter().enumerate() {
        judge.observe(at as u64 + 2, observation);
    }
    judge.findings(true).into_iter().map(|finding| Found::new(plan, finding)).collect()
}

pub fn finding(plan: &Plan, observations: &[Observation]) -> Found {
    findings(plan, observations).remove(0)
}

pub const THREE: &str = "web: { http: http://x, every: 5s, for: 15s }";
pub const FORTY: &str = "web: { http: http://x, every: 5s, for: 200s }";

pub fn status(codes: &[i64]) -> Vec<Observation> {
    looks("web", 0..codes.len() as u32, |slot| json!({ "status": codes[slot as usize] }))
}

/// Somebody who was reached that way.
pub fn introduction(name: &str, trial: Option<&Trial>, reach: Reach) -> Introduction {
    Introduction {
        name: name.to_owned(),
        trial: trial.cloned(),
        reach,
        passage: Passage::default(),
        agent: Agent {
            version: String::new(),
            sha256: String::new(),
            kinds: Vec::new(),
            host: String::new(),
            user: String::new(),
            system: String::new(),
            capabilities: String::new(),
            namespaces: BTreeMap::new(),
        },
        clock_ahead_us: (0, 0),
    }
}
