//! The resolved plan as text: everything that decides what is looked at and how it is judged, and nothing else (no
//! places, no file names). Its SHA-256 is in the evidence.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::kinds::Impact;
use crate::machine::{Machine, TrialGroup};
use crate::model::{Cell, Claim, Form, Plan, Probe, Starts};

/// JSON, indented, keys sorted.
pub(super) fn text(plan: &Plan) -> String {
    let inputs: BTreeMap<&str, _> =
        plan.inputs.iter().map(|(name, input)| (name.as_str(), sorted(json!(input.value)))).collect();
    let waiver = |waiver: &crate::model::Waiver| {
        json!({
            "claim": waiver.claim, "reason": waiver.reason, "owner": waiver.owner, "until": waiver.until,
            "covers_fails": waiver.covers_fails, "covers_undetermined": waiver.covers_undetermined,
        })
    };
    let rule = |rule: &crate::model::Rule| json!({ "label": rule.label, "when": rule.when, "accepted": rule.accepted });
    let score = |score: &crate::model::Score| json!({ "name": score.name, "weights": score.weights });
    let whole = Whole {
        claims: plan.claims.iter().map(|one| sorted(claim(one))).collect(),
        confidence: plan.confidence,
        inputs,
        observers: plan
            .observers
            .iter()
            .map(|one| sorted(json!({ "name": one.name, "reach": one.reach })))
            .collect(),
        machines: plan.machines.iter().map(|one| sorted(machine(one))).collect(),
        probes: plan.probes.iter().map(ProbeText::of).collect(),
        scores: plan.scores.iter().map(|one| sorted(score(one))).collect(),
        title: &plan.title,
        trials: plan.trials.iter().map(|one| sorted(json!(**one))).collect(),
        verdict: plan.rules.iter().map(|one| sorted(rule(one))).collect(),
        waivers: plan.waivers.iter().map(|one| sorted(waiver(one))).collect(),
    };
    // It fails only for a map whose keys are no text, and there is none.
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_default();
    text.push('\n');
    text
}

/// The fields are in alphabetical order, here and below, as they are written. Only one cell at a time is made a JSON value:
/// a plan may have very many.
#[derive(Serialize)]
struct Whole<'a> {
    claims: Vec<Value>,
    confidence: f64,
    inputs: BTreeMap<&'a str, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machines: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observers: Vec<Value>,
    probes: Vec<ProbeText<'a>>,
    scores: Vec<Value>,
    title: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trials: Vec<Value>,
    verdict: Vec<Value>,
    waivers: Vec<Value>,
}

#[derive(Serialize)]
struct ProbeText<'a> {
    #[serde(serialize_with = "cells")]
    cells: &'a [Cell],
    columns: &'a [String],
    declared_harmless: bool,
    impact: Impact,
    keep_all: bool,
    kind: &'a str,
    name: &'a str,
    needs: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<&'a str>,
    schedule: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<&'a str>,
    undo: Value,
    with: Option<&'a str>,
}

impl<'a> ProbeText<'a> {
    fn of(probe: &'a Probe) -> Self {
        Self {
            cells: &probe.cells,
            columns: &probe.columns,
            declared_harmless: probe.declared_harmless,
            impact: probe.impact,
            keep_all: probe.keep_all,
            kind: probe.spec().name,
            name: &probe.name,
            needs: probe.needs.as_deref(),
            on: probe.on.as_deref(),
            schedule: sorted(json!(probe.schedule)),
            trial: probe.trial.as_ref().map(|group: &Arc<TrialGroup>| group.name.as_str()),
            undo: sorted(json!(probe.undo)),
            with: probe.with.as_deref(),
        }
    }
}

fn cells<S: Serializer>(cells: &[Cell], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(cells.iter().map(|cell| sorted(json!({ "act": cell.act, "row": cell.row }))))
}

/// With `$name` where its name goes.
fn machine(machine: &Machine) -> Value {
    let observers = machine.observers("$name");
    let observers = observers.iter().map(|one| json!({ "name": one.name, "reach": one.reach }));
    json!({
        "name": machine.name, "up": machine.up("$name"), "down": machine.down("$name"), "within": machine.within,
        "observers": observers.collect::<Vec<_>>(),
    })
}

fn claim(claim: &Claim) -> Value {
    let form = match &claim.form {
        Form::Each { check } => json!({ "each": check }),
        Form::Rate { check, share, block, pooled, expect } => {
            json!({ "rate": { "check": check, "share": share, "block": block, "pooled": pooled, "expect": expect } })
        }
        Form::Periodic { every, tolerance, periods, starts } => {
            let (how, fact) = match starts {
                Starts::Recorded(fact) => ("starts", fact),
                Starts::Changes(fact) => ("changes", fact),
            };
            json!({ "periodic": { "every": every, "tolerance": tolerance, "periods": periods, how: fact } })
        }
        Form::Stable { facts, at_most } => json!({ "stable": { "facts": facts, "at_most": at_most } }),
        Form::Compare { check, against } => json!({ "compare": { "check": check, "against": against } }),
    };
    json!({
        "name": claim.name, "of": claim.of, "where": claim.filter, "form": form, "says": claim.says,
        "severity": claim.severity, "section": claim.section, "control": claim.control, "empty_ok": claim.empty_ok,
        "remedy": claim.remedy, "selected": claim.selected,
    })
}

/// With the keys of every map in order, whatever map serde_json was built with.
fn sorted(mut value: Value) -> Value {
    sort(&mut value);
    value
}

fn sort(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(sort),
        Value::Object(map) => {
            if !map.keys().is_sorted() {
                let mut entries: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
                entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                map.extend(entries);
            }
            map.values_mut().for_each(sort);
        }
        _ => {}
    }
}
