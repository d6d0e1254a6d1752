//! What a plan's claims and probes read: which facts have to be looked up, kept and read back, and whose time matters.
//!
//! Must not know: what is decided of them.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::model::Starts;
use probity_plan::{FactType, Form, Plan, Probe};

use crate::condition::{Check, Conditions};

/// The facts that claims and `until` read, by probe; matrix columns, `attempt` and `slot` are not among them.
pub fn facts_read(plan: &Plan, conditions: &Conditions) -> BTreeMap<String, BTreeSet<String>> {
    let mut read: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut add = |probe: &Probe, name: &str| {
        if probe.spec().fact(name).is_some() {
            read.entry(probe.name.clone()).or_default().insert(name.to_owned());
        }
    };
    for (at, probe) in plan.probes.iter().enumerate() {
        if let Some(Ok(until)) = conditions.until(at) {
            until.reads().for_each(|name| add(probe, name));
        }
    }
    for (at, claim) in plan.claims.iter().enumerate() {
        let Some(probe) = plan.probe(&claim.of) else { continue };
        let own = conditions.claim(at);
        own.filter().into_iter().chain(own.check()).flat_map(Check::reads).for_each(|name| add(probe, name));
        let other = claim.form.against().and_then(|against| plan.probe(against));
        if let (Some(other), Some(check)) = (other, own.check()) {
            check.reads_against().for_each(|name| add(other, name));
        }
        for name in claim.form.facts() {
            let window = probe.spec().fact(name).and_then(|fact| fact.window);
            match (window, &claim.form) {
                (Some(window), Form::Periodic { starts: Starts::Recorded(_), .. }) => {
                    [window.start, window.covered, window.found]
                        .into_iter()
                        .for_each(|name| add(probe, name));
                }
                _ => add(probe, name),
            }
        }
    }
    read
}

/// The names by which a judge of this plan looks up what was observed: facts, and columns, which a fact of the same name
/// would hide.
pub fn names_read(plan: &Plan, conditions: &Conditions) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = facts_read(plan, conditions).into_values().flatten().collect();
    for at in 0..plan.claims.len() {
        let own = conditions.claim(at);
        let checks = own.filter().into_iter().chain(own.check());
        names.extend(checks.flat_map(|check| check.reads().chain(check.reads_against())).map(str::to_owned));
    }
    // What was denied or granted is told by these, whatever a claim reads.
    let facts = plan.probes.iter().flat_map(|probe| probe.spec().facts);
    let telling = facts.filter(|fact| fact.tells());
    names.extend(telling.map(|fact| fact.name.to_owned()));
    names
}

/// Probes whose time matters: they look every so often, or one of the [`facts_read`] is a measured time of theirs.
pub fn timed_probes(plan: &Plan, read: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let timed =
        |probe: &Probe, fact: &str| probe.spec().fact(fact).is_some_and(|fact| fact.ty == FactType::Interval);
    plan.probes
        .iter()
        .filter(|probe| {
            let reads_time = |facts: &BTreeSet<String>| facts.iter().any(|fact| timed(probe, fact));
            probe.schedule.every.is_some() || read.get(&probe.name).is_some_and(reads_time)
        })
        .map(|probe| probe.name.clone())
        .collect()
}
