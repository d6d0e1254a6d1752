//! Findings are data: each reason is a name with its numbers, read back as it was written, and no sentence stands in them.

use probity_verdict::judgement::{Decisions, FindingReason, Note, Step};
use probity_verdict::{Judgement, wording as sentences};

use crate::support::*;

fn judge(plan: &Plan, observations: &[Observation]) -> Judgement {
    let conditions = Conditions::new(plan);
    let started = jiff::Timestamp::from_microsecond(BEGIN).unwrap();
    let mut judge = Judge::new(plan, &conditions, started);
    (2..).zip(observations).for_each(|(entry, observation)| judge.observe(entry, observation));
    judge.conclude(true)
}

/// Claims of every form, of looks of which one says something else and one nothing.
fn every_form() -> (Plan, Judgement) {
    let plan = plan(
        &[FORTY, "once: { http: http://y }"],
        &[
            "each: { of: web, check: status == 200 }",
            "some: { of: web, where: status != 503, check: status == 200, empty: ok }",
            "rate: { of: web, check: status == 200, share: '>= 95%' }",
            "blocks: { of: web, check: status == 200, share: '>= 50%', block: 20s }",
            "same: { of: web, stable: [size_bytes], at_most: 2 }",
            "sync: { of: web, periodic: 60s, tolerance: 15s, changes: size_bytes, periods: 2 }",
            "beside: { of: web, against: once, check: status == against.status }",
            "open: { of: once, check: json.x == 1 }",
        ],
    );
    let mut observations = looks(
        "web",
        0..40,
        |slot| json!({ "status": if slot == 7 { 503 } else { 200 }, "size_bytes": slot / 12 }),
    );
    observations[9] = barred("web", 9, Barrier::TimedOut);
    observations.push(look("once", 0, &json!({ "status": 200, "json": {} })));
    let judgement = judge(&plan, &observations);
    (plan, judgement)
}

/// Every text in a value.
fn texts(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::String(text) => found.push(text.clone()),
        Json::Array(list) => list.iter().for_each(|value| texts(value, found)),
        Json::Object(map) => map.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn what_is_written_is_read_back() {
    let (_, judgement) = every_form();
    let written = serde_json::to_string(&judgement).unwrap();
    assert_eq!(serde_json::from_str::<Judgement>(&written).unwrap(), judgement);
}

#[test]
fn a_reason_is_a_name_with_its_numbers() {
    let (_, judgement) = every_form();
    let each = serde_json::to_value(&judgement.findings[0]).unwrap();
    assert_eq!(
        each["reason"],
        json!({
            "name": "some-do-not", "failures": 1, "observations": 40,
            "first": { "entry": 9, "against": {
                "name": "seen", "seen": [{ "what": "status", "value": "503" }], "reasons": []
            } },
        })
    );
    assert_eq!(each["decided"], json!({ "name": "census", "observations": 40, "check": "status == 200" }));
    assert_eq!(each["measured"], json!({ "name": "count", "successes": 38, "of": 40 }));
    assert_eq!(judgement.findings[1].notes, [Note::LeftOut { left_out: 1, of: 40, by_what_was_seen: true }]);
    let open = serde_json::to_value(&judgement.findings[7]).unwrap();
    assert_eq!(open["reason"]["first"]["against"]["reasons"], json!([{ "name": "no-key", "key": "x" }]));
}

#[test]
fn what_settles_it_is_told_step_by_step() {
    let plan = plan(&[THREE], &["rate: { of: web, check: status == 200, share: '>= 95%' }"]);
    let mut observations = status(&[200, 200, 200]);
    observations[1] = barred("web", 1, Barrier::TimedOut);
    let judgement = judge(&plan, &observations);
    let settle = judgement.findings[0].settle.as_ref().unwrap();
    assert_eq!((settle.least, settle.likely), (Some(59), Some(59)));
    assert_eq!(settle.steps, [Step::SeePastBarriers, Step::PlanTrials { stretches: false, near: false }]);
    assert!(matches!(judgement.findings[0].reason, FindingReason::Rate { clustered: false, .. }));
}

#[test]
fn no_sentence_stands_in_them_and_each_beside_them() {
    let (plan, judgement) = every_form();
    let mut data = Vec::new();
    texts(&serde_json::to_value(&judgement).unwrap(), &mut data);
    let json = sentences::judgement(&plan, &judgement);
    for (json, finding) in json["findings"].as_array().unwrap().iter().zip(&judgement.findings) {
        for (name, sentence) in [
            ("reason", wording::reason(finding)),
            ("decided", wording::decided(&finding.decided, finding.rests_on)),
        ] {
            assert!(!data.contains(&sentence), "{sentence}");
            assert_eq!(json[name], json!(sentence));
        }
        assert_eq!(json["data"]["reason"], serde_json::to_value(&finding.reason).unwrap());
        assert_eq!(json.get("notes").cloned().unwrap_or(json!([])), json!(wording::notes(finding)));
        assert_eq!(json["outcome"], serde_json::to_value(finding.outcome).unwrap());
    }
    assert_eq!(json["verdict"]["label"], "L");
    assert_eq!(json["verdict"]["why"], json!(["rule 1, L, applies: it has no condition"]));
    assert_eq!(json["verdict"]["data"]["why"], json!([{ "name": "unconditional", "rule": 1, "label": "L" }]));
}

#[test]
fn reasons_that_a_later_version_knows_change_no_decision() {
    let (_, judgement) = every_form();
    let ours = serde_json::to_value(&judgement).unwrap();
    let read = |json: &Json| Decisions::read(json.to_string().as_bytes());
    let mut later = ours.clone();
    later["findings"][0]["reason"] = json!({ "name": "known-later" });
    later["verdict"]["why"] = json!([{ "name": "known-later", "of": [1, 2] }]);
    assert!(serde_json::from_value::<Judgement>(later.clone()).is_err());
    assert!(read(&later).is_some() && read(&later) == read(&ours));
    later["findings"][0]["outcome"] = json!("holds");
    assert!(read(&later) != read(&ours));
    assert_eq!(read(&json!({ "findings": [] })), None);
}
