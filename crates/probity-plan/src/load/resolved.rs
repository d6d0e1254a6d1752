//! The resolved plan as text: everything that decides what is looked at and how it is judged, and nothing else (no
//! places, no file names). Its SHA-256 is in the evidence.

use serde_json::{Map, Value, json};

use crate::model::{Claim, Form, Plan, Probe, Starts};

/// JSON, indented, keys sorted.
pub(super) fn text(plan: &Plan) -> String {
    let inputs: Map<String, Value> =
        plan.inputs.iter().map(|(name, input)| (name.clone(), json!(input.value))).collect();
    let waiver = |waiver: &crate::model::Waiver| {
        json!({
            "claim": waiver.claim, "reason": waiver.reason, "owner": waiver.owner, "until": waiver.until,
            "covers_fails": waiver.covers_fails, "covers_undetermined": waiver.covers_undetermined,
        })
    };
    let rule = |rule: &crate::model::Rule| json!({ "label": rule.label, "when": rule.when, "accepted": rule.accepted });
    let score = |score: &crate::model::Score| json!({ "name": score.name, "weights": score.weights });
    let mut whole = json!({
        "title": plan.title,
        "confidence": plan.confidence,
        "inputs": inputs,
        "claims": plan.claims.iter().map(claim).collect::<Vec<_>>(),
        "scores": plan.scores.iter().map(score).collect::<Vec<_>>(),
        "verdict": plan.rules.iter().map(rule).collect::<Vec<_>>(),
        "waivers": plan.waivers.iter().map(waiver).collect::<Vec<_>>(),
    });
    // Not in `json!`, which copies every value it is given.
    whole["probes"] = plan.probes.iter().map(probe).collect();
    sort(&mut whole);
    // Either way the same bytes; the first is faster, the second cannot fail.
    let mut text = serde_json::to_string_pretty(&whole).unwrap_or_else(|_| format!("{whole:#}"));
    text.push('\n');
    text
}

fn probe(probe: &Probe) -> Value {
    let mut value = json!({
        "name": probe.name,
        "kind": probe.spec().name,
        "columns": probe.columns,
        "schedule": probe.schedule,
        "with": probe.with,
        "needs": probe.needs,
        "impact": probe.impact,
        "declared_harmless": probe.declared_harmless,
        "keep_all": probe.keep_all,
        "undo": probe.undo,
    });
    value["cells"] = probe.cells.iter().map(|cell| json!({ "row": cell.row, "act": cell.act })).collect();
    value
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
    })
}

/// Puts the keys of every map in order, whatever map serde_json was built with.
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
