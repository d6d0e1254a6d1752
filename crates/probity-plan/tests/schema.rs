//! The JSON Schema accepts what `load` accepts, and refuses what an editor should underline.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

/// What the schema says against a document, if anything.
fn against(document: &Value) -> Option<String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("plan.json", probity_plan::schema()).unwrap();
    let index = compiler.compile("plan.json", &mut schemas).unwrap();
    schemas.validate(document, index).err().map(|error| format!("{error:#}"))
}

/// A plan with one probe and one claim.
fn plan(probe: &Value, claim: &Value) -> Value {
    json!({ "plan": "P", "probes": { "r": probe }, "claims": { "c": claim }, "verdict": [{ "label": "L" }] })
}

/// JSON is YAML: the same document for both.
fn loads(document: &Value) -> bool {
    common::load_with(&document.to_string(), &[("rows.csv", "role,code\na,200\n")], &[]).is_ok()
}

#[test]
fn both_accept_what_is_right() {
    for (probe, claim) in [
        (json!({ "http": "x" }), json!({ "of": "r", "check": "status == 200" })),
        (
            json!({ "http": "x", "headers": { "a": "b" }, "redirects": 3, "method": "POST" }),
            json!({ "of": "r", "check": "x" }),
        ),
        (
            json!({ "http": "x/$role", "matrix": "rows.csv", "redirects": "$code", "every": "5s", "for": "8m" }),
            json!({ "of": "r", "check": "x", "share": ">= 95%", "pooled": true, "expect": "99%", "block": "1m" }),
        ),
        (
            json!({ "http": "x", "matrix": [{ "a": 1, "b": "x" }] }),
            json!({ "of": "r", "stable": ["status", "a"], "at_most": 1.5 }),
        ),
        (json!({ "command": ["a", "b"], "env": { "A": 5 } }), json!({ "of": "r", "check": "x", "says": 5 })),
        (
            json!({ "command": { "shell": "x" }, "impact": "observe", "keep": "all" }),
            json!({ "of": "r", "check": "x", "empty": "ok" }),
        ),
        (
            json!({ "file": "/x", "until": "exists", "within": "5s", "undo": { "command": ["a"] }, "format": "json" }),
            json!({ "of": "r", "periodic": "5m", "tolerance": "30s", "changes": "size_bytes", "severity": "high", "where": "y" }),
        ),
        (
            json!({ "http": "x", "timeout": "500ms", "repeat": 3 }),
            json!({ "of": "r", "check": "x", "against": "r", "section": "S" }),
        ),
    ] {
        let document = plan(&probe, &claim);
        assert_eq!((against(&document), loads(&document)), (None, true), "{document}");
    }
}

#[test]
fn both_refuse_what_is_wrong() {
    let (http, check) = (json!({ "http": "x" }), json!({ "of": "r", "check": "x" }));
    for (probe, claim) in [
        (json!({ "htp": "x" }), check.clone()),
        (json!({ "http": "x", "file": "y" }), check.clone()),
        (json!({ "http": "x", "zzz": 1 }), check.clone()),
        (json!({ "http": "x", "redirects": true }), check.clone()),
        (json!({ "http": "x", "redirects": 300 }), check.clone()),
        (json!({ "http": null }), check.clone()),
        (json!({ "http": "x", "headers": {} }), check.clone()),
        (json!({ "http": "x", "every": "5s" }), check.clone()),
        (json!({ "http": "x", "every": "5 fortnights", "for": "8m" }), check.clone()),
        (json!({ "http": "x", "impact": "harmless" }), check.clone()),
        (json!({ "http": "x", "within": "5s" }), check.clone()),
        (json!({ "http": "x", "matrix": [] }), check.clone()),
        (json!({ "http": "x", "matrix": ["a"] }), check.clone()),
        (json!({ "http": "x", "undo": { "http": "x" } }), check.clone()),
        (json!({ "command": { "shell": "x", "more": 1 } }), check.clone()),
        (http.clone(), json!({ "of": "r" })),
        (http.clone(), json!({ "of": "r", "check": "x", "stable": ["status"] })),
        (http.clone(), json!({ "of": "r", "check": "x", "cheek": "x" })),
        (http.clone(), json!({ "of": "r", "check": "x", "share": "95%" })),
        (http.clone(), json!({ "of": "r", "check": "x", "pooled": true })),
        (http.clone(), json!({ "of": "r", "stable": [] })),
        (http.clone(), json!({ "of": "r", "periodic": "5m", "changes": "status" })),
        (http.clone(), json!({ "of": "r", "check": "x", "severity": "awful" })),
        (http.clone(), json!({ "of": "r", "check": "x", "empty": "yes" })),
    ] {
        let document = plan(&probe, &claim);
        assert!(against(&document).is_some() && !loads(&document), "{document}: {:?}", against(&document));
    }
    for sections in [
        json!({ "hooks": 1 }),
        json!({ "confidence": 95 }),
        json!({ "inputs": { "a": null } }),
        json!({ "inputs": { "a": { "env": 5, "value": 5 } } }),
        json!({ "scores": { "s": { "c": 0 } } }),
        json!({ "scores": { "s": {} } }),
        json!({ "probes": { "in": { "http": "x" } } }),
        json!({ "probes": { "Big": { "http": "x" } } }),
        json!({ "waivers": [{ "claim": "c" }] }),
        json!({ "verdict": [] }),
        json!({ "verdict": [{ "lable": "L" }] }),
        json!({ "include": { "a": { "plan": "a.yaml", "input": {} } } }),
    ] {
        let mut document = plan(&http, &check);
        document.as_object_mut().unwrap().extend(sections.as_object().unwrap().clone());
        assert!(against(&document).is_some() && !loads(&document), "{document}: {:?}", against(&document));
    }
}

#[test]
fn whole_sections_are_accepted() {
    let document = json!({
        "plan": "P", "confidence": "99%",
        "inputs": { "a": 1, "b": "x", "s": { "env": "S", "secret": true } },
        "probes": { "r": { "http": "$a $b $s" } },
        "claims": { "c": { "of": "r", "check": "x" } },
        "scores": { "s": { "c": 2.5 } },
        "verdict": [{ "label": "A", "when": "holds(c)", "accepted": true }, { "label": "B" }],
        "waivers": [{ "claim": "c", "reason": "x", "owner": "o", "until": "2027-01-31", "covers": "both" }],
    });
    assert_eq!((against(&document), loads(&document)), (None, true));
}

#[test]
fn every_kind_and_every_key_is_described() {
    let schema = probity_plan::schema();
    let kinds = schema["$defs"]["Probe"]["anyOf"].as_array().unwrap();
    assert_eq!(kinds.len(), probity_plan::kinds::KINDS.len());
    for (schema, kind) in kinds.iter().zip(probity_plan::kinds::KINDS) {
        assert_eq!(schema["required"][0], kind.name, "the kind's own key comes first and is required");
        for (key, property) in schema["properties"].as_object().unwrap() {
            let text = property["description"].as_str().unwrap_or_default();
            assert!(!text.is_empty(), "`{key}` of `{}` has no doc comment", kind.name);
        }
        assert!(schema["properties"]["timeout"].is_object(), "{} lacks the shared keys", kind.name);
    }
}
