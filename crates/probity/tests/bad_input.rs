//! Bad calls, plans and bundles: a clear message, the right status, no panic.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use support::{Home, code, stderr, stdout};

const PLAN: &str = "plan: P\nprobes:\n  here: { file: / }\nclaims:\n  c: { of: here, check: exists }\nverdict:\n  - { label: A, when: holds(c), accepted: true }\n  - { label: B }\n";

#[test]
fn every_error_of_a_plan_is_listed_at_its_place() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: P\nprobes:\n  a: { htp: x }\n  b: { file: /, evry: 5s }\nclaims:\n  c: { of: bb, check: exists }\nverdict:\n  - { label: A }\n",
    );
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&run), 3);
    let said = stderr(&run);
    for place in ["plan.yaml:3:", "plan.yaml:4:", "plan.yaml:6:"] {
        assert!(said.contains(place), "{said}");
    }
    assert!(!home.path("out.probity").exists());
}

#[test]
fn errors_of_conditions_and_rules_are_listed_with_those_that_keep_a_plan_from_loading() {
    let home = Home::new();
    home.write(
        "plan.yaml",
        "plan: P\nprobes:\n  a: { file: / }\n  b: { file: /, evry: 5s }\nclaims:\n  one: { of: a, check: exits }\n  \
         two: { of: b, check: nonsense }\n  three: { of: a, check: exists, against: b }\n  four: { of: a }\nscores:\n  \
         s: { one: 1, five: 1 }\nverdict:\n  - { label: A, when: holds(onne) || holds(two) || holds(four) }\n  \
         - { label: B, when: holds(four) && score.s > 0.5 }\n  - { label: C }\n",
    );
    let check = home.run(&["plan", "check", "plan.yaml"]);
    assert_eq!(code(&check), 3);
    let said = stdout(&check);
    let errors: Vec<&str> = said.lines().filter(|line| line.starts_with("plan.yaml:")).collect();
    // What rests on the probe `b` and the claim `four`, which could not be read, is left out.
    assert_eq!(
        errors,
        [
            "plan.yaml:4:17: error: in probe `b`: unknown key `evry`; did you mean `every`? [shape]",
            "plan.yaml:9:9: error: in claim `four`: a claim has one of `check`, `stable` and `periodic` [claim]",
            "plan.yaml:11:16: error: in score `s`: there is no claim `five` [name]",
            "plan.yaml:6:24: error: there is no fact `exits` here; did you mean `exists`? [condition]",
            "plan.yaml:13:29: error: there is no claim `onne`; did you mean `one`? [condition]",
        ],
        "{said}"
    );
    let json = home.run(&["plan", "check", "plan.yaml", "--format", "json"]);
    assert_eq!(code(&json), 3);
    let list: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    let places: Vec<_> = list.as_array().unwrap().iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(places, [4, 9, 11, 6, 13]);
    assert!(list.as_array().unwrap().iter().all(|it| it["level"] == "error"), "{list}");
    let sarif = home.run(&["plan", "check", "plan.yaml", "--format", "sarif"]);
    assert_eq!(code(&sarif), 3);
    let sarif: serde_json::Value = serde_json::from_str(&stdout(&sarif)).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let regions = results.iter().map(|it| &it["locations"][0]["physicalLocation"]["region"]);
    let starts: Vec<_> = regions.map(|region| region["startLine"].as_u64().unwrap()).collect();
    assert_eq!(starts, [4, 9, 11, 6, 13]);
    // Where an include cannot be read, nobody knows which claims it brings.
    home.write(
        "plan.yaml",
        "plan: P\ninclude:\n  web: { plan: missing.yaml }\nverdict:\n  - { label: A, when: holds(web_up) }\n  - { label: B }\n",
    );
    let said = stdout(&home.run(&["plan", "check", "plan.yaml"]));
    assert!(said.contains("missing.yaml") && !said.contains("web_up"), "{said}");
}

#[test]
fn a_condition_that_cannot_be_read_is_refused_at_its_column() {
    let home = Home::new();
    home.write("plan.yaml", &PLAN.replace("check: exists", "check: exits && true"));
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&run), 3);
    assert!(
        stderr(&run).contains("plan.yaml:5:25: error: there is no fact `exits` here; did you mean `exists`?"),
        "{}",
        stderr(&run)
    );
}

#[test]
fn calls_that_are_wrong_exit_3() {
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    for call in [
        &["run", "plan.yaml"][..],
        &["run", "nothing.yaml", "-o", "x.probity"],
        &["run", "plan.yaml", "-o", "x.probity", "--only", "elsewhere"],
        &["run", "plan.yaml", "-o", "x.probity", "--input", "unknown=1"],
        &["run", "plan.yaml", "-o", "x.probity", "--allow", "everything"],
        &["run", "plan.yaml", "-o", "x.probity", "--limit", "soon"],
        &["run", "plan.yaml", "-o", "x.probity", "--key", "missing"],
        &["run", "plan.yaml", "-o", "missing/x.probity"],
        &["verify", "nothing.probity"],
        &["verify", "plan.yaml"],
        &["report", "plan.yaml"],
        &["show", "plan.yaml"],
        &["evaluate", "plan.yaml", "--plan", "plan.yaml"],
        &["reproduce", "plan.yaml", "-o", "x.probity"],
        &["frobnicate"],
    ] {
        let output = home.run(call);
        assert_eq!(code(&output), 3, "{call:?}: {}{}", stdout(&output), stderr(&output));
        let said = stderr(&output) + &stdout(&output);
        assert!(!said.trim().is_empty() && !said.contains("panicked"), "{call:?}: {said}");
        assert!(!home.path("x.probity").exists(), "{call:?} left a bundle");
    }
}

#[test]
fn an_existing_bundle_is_never_overwritten() {
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "out.probity"])), 0);
    let before = std::fs::read(home.path("out.probity/evidence.jsonl")).unwrap();
    let again = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert_eq!(code(&again), 3);
    assert!(stderr(&again).contains("a bundle is never overwritten"), "{}", stderr(&again));
    assert_eq!(std::fs::read(home.path("out.probity/evidence.jsonl")).unwrap(), before);
}

#[test]
fn a_bundle_with_anything_changed_is_not_rendered() {
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    assert_eq!(code(&home.run(&["run", "plan.yaml", "-o", "out.probity"])), 0);
    let log = home.path("out.probity/evidence.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, text.replace("\"exists\":true", "\"exists\":null")).unwrap();
    assert_eq!(code(&home.run(&["verify", "out.probity"])), 1);
    for call in [
        &["report", "out.probity"][..],
        &["evaluate", "out.probity", "--plan", "plan.yaml"],
        &["reproduce", "out.probity", "-o", "again.probity"],
    ] {
        let output = home.run(call);
        assert_eq!(code(&output), 1, "{call:?}: {}", stdout(&output));
        assert!(stdout(&output).is_empty(), "{call:?}: {}", stdout(&output));
    }
}

#[test]
fn output_that_is_piped_has_no_colours_and_no_live_line() {
    let home = Home::new();
    home.write("plan.yaml", PLAN);
    let run = home.run(&["run", "plan.yaml", "-o", "out.probity"]);
    assert!(
        !stdout(&run).contains('\u{1b}') && !stderr(&run).contains('\u{1b}'),
        "{}{}",
        stdout(&run),
        stderr(&run)
    );
    assert!(stderr(&run).is_empty(), "{}", stderr(&run));
}
