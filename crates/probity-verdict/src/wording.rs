//! The sentences of findings and verdicts, made here and nowhere else of what [`crate::judgement`] holds as data. No code
//! reads them back.

pub mod barrier;
pub mod finding;
pub mod verdict;

use probity_plan::Plan;
use serde_json::{Value, json};

use crate::judgement::Judgement;

/// A judgement for programs and people: every sentence where it is expected (`reason`, `notes`, `verdict.why`, ...), and
/// beside them, as `data`, what they were made of.
pub fn judgement(plan: &Plan, judgement: &Judgement) -> Value {
    // Nothing in it refuses to be written.
    let mut whole = serde_json::to_value(judgement).unwrap_or_default();
    if let Some(found) = whole["findings"].as_array_mut() {
        for (json, finding) in found.iter_mut().zip(&judgement.findings) {
            let mut said = json!({
                "decided": finding::decided(&finding.decided, finding.rests_on),
                "reason": finding::reason(finding),
                "measured": finding::measured(finding),
                "objective": finding::objective(finding),
            });
            let notes = finding::notes(finding);
            if !notes.is_empty() {
                said["notes"] = json!(notes);
            }
            if let (Some(how), Some(settle)) = (finding::settle(plan, finding), &finding.settle) {
                said["settle"] = json!({ "how": how });
                for (name, trials) in [("least", settle.least), ("likely", settle.likely)] {
                    if let Some(trials) = trials {
                        said["settle"][name] = json!(trials);
                    }
                }
            }
            put_beside(json, said);
            if let (Some(control), Some(json)) = (&finding.control, json.get_mut("control")) {
                put_beside(json, json!({ "decided": finding::decided(&control.decided, control.rests_on) }));
            }
        }
    }
    let said = json!({
        "why": verdict::why(plan, judgement),
        "settle": verdict::settle(plan, judgement),
        "error_bound": verdict::error_bound(plan, judgement),
    });
    put_beside(&mut whole["verdict"], said);
    put_beside(&mut whole, json!({ "limits": verdict::limits(judgement) }));
    whole
}

/// Puts each sentence in the place of what it was made of, which goes to `data`. Nothing is put where there was nothing,
/// but an empty text.
fn put_beside(json: &mut Value, said: Value) {
    let (Value::Object(json), Value::Object(said)) = (json, said) else { return };
    let mut data = serde_json::Map::new();
    for (name, sentence) in said {
        match json.remove(&name) {
            Some(made_of) => _ = data.insert(name.clone(), made_of),
            None if !sentence.is_string() => continue,
            None => {}
        }
        json.insert(name, sentence);
    }
    if !data.is_empty() {
        json.insert("data".to_owned(), Value::Object(data));
    }
}
