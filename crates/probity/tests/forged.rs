//! Bundles that their author made up, signed in order: what does not follow from the log is found by recomputation.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::collections::BTreeMap;

use probity_evidence::entry::{Body, Identity};
use probity_evidence::{Key, Ledger, Opening, Writer};
use probity_plan::{Impact, Observation};
use support::{Home, code, stderr, stdout};

const PLAN: &str = "plan: P\nprobes:\n  here: { file: /nowhere }\nclaims:\n  c: { of: here, check: exists }\nverdict:\n  - { label: READY, when: holds(c), accepted: true }\n  - { label: NOT READY }\n";

/// A home with a key, an honest bundle `honest.probity` of this plan, and its one observation.
fn honest(plan: &str) -> (Home, Observation) {
    let home = Home::new();
    home.write("plan.yaml", plan);
    let run = home.run(&["run", "plan.yaml", "-o", "honest.probity"]);
    assert!(code(&run) < 3, "{}", stderr(&run));
    let bundle = probity_evidence::Bundle::open(&home.path("honest.probity")).unwrap();
    let observation = bundle.entries().unwrap().find_map(|entry| match entry.unwrap().body {
        Body::Observation(observation) => Some(observation),
        _ => None,
    });
    (home, observation.unwrap())
}

/// What a forger may choose.
struct Forgery<'a> {
    plan: &'a str,
    version: &'a str,
    rules: u32,
    observations: Vec<Observation>,
    /// What to make of the honest findings and report.
    doctored: fn(&str) -> String,
}

/// Writes and signs `forged.probity` as the author's own Probity would.
fn forge(home: &Home, forgery: Forgery<'_>) {
    let files = BTreeMap::from([("plan.yaml".to_owned(), forgery.plan.as_bytes().to_vec())]);
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    struct Source<'a>(&'a str);
    impl probity_plan::Sources for Source<'_> {
        fn read(&self, _path: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.as_bytes().to_vec())
        }
    }
    let loaded = probity_plan::load("plan.yaml", &Source(forgery.plan), &BTreeMap::new());
    let opening = Opening {
        rules: forgery.rules,
        started: now,
        plan: "P".to_owned(),
        files,
        resolved_sha256: probity_evidence::digest(loaded.unwrap().resolved().as_bytes()),
        inputs: BTreeMap::new(),
        allow: Impact::Observe,
        only: None,
        challenge: None,
        ledger: Ledger::open(&home.path("ledger")).unwrap().head_before(),
        reproduces: None,
        observer: Identity {
            version: forgery.version.to_owned(),
            host: "h".to_owned(),
            user: "u".to_owned(),
            system: "s".to_owned(),
        },
    };
    let key = Key::load(&home.path(".config/probity/key")).unwrap();
    let writer = Writer::create(&home.path("forged.probity"), opening, key, 1 << 30).unwrap();
    for observation in forgery.observations {
        writer.append(&Body::Observation(observation)).unwrap();
    }
    let kept = |name: &str| {
        let text = std::fs::read_to_string(home.path("honest.probity").join(name)).unwrap();
        (forgery.doctored)(&text).into_bytes()
    };
    writer.finish(&kept("findings.json"), &kept("report.html"), now, None).unwrap();
}

const OURS: &str = env!("CARGO_PKG_VERSION");

fn praised(text: &str) -> String {
    text.replace("NOT READY", "READY").replace("\"accepted\": false", "\"accepted\": true")
}

#[test]
fn findings_that_their_author_doctored_and_signed_are_found_whatever_version_he_names() {
    let (home, observation) = honest(PLAN);
    for version in [OURS, "9.9.9"] {
        let observations = vec![observation.clone()];
        forge(&home, Forgery { plan: PLAN, version, rules: 1, observations, doctored: praised });
        let verify = home.run(&["verify", "forged.probity"]);
        assert_eq!(code(&verify), 1, "{version}: {}", stdout(&verify));
        assert!(
            stdout(&verify).contains("FAILED    the findings follow from the log"),
            "{}",
            stdout(&verify)
        );
        std::fs::remove_dir_all(home.path("forged.probity")).unwrap();
    }
}

#[test]
fn findings_by_other_rules_are_recomputed_differently_and_the_reader_is_told_what_they_say() {
    let (home, observation) = honest(PLAN);
    forge(
        &home,
        Forgery { plan: PLAN, version: OURS, rules: 7, observations: vec![observation], doctored: praised },
    );
    let verify = home.run(&["verify", "forged.probity", "--accepted"]);
    assert_eq!(code(&verify), 1, "{}", stdout(&verify));
    let said = stdout(&verify);
    assert!(said.contains("it says READY, recomputed it is NOT READY"), "{said}");
    assert!(said.contains("Verdict, recomputed: NOT READY\nNot all in it could be made again"), "{said}");
}

#[test]
fn trials_that_the_plan_does_not_ask_for_are_found() {
    let (home, observation) = honest(PLAN);
    let mut another = observation.clone();
    another.slot = 1;
    forge(
        &home,
        Forgery {
            plan: PLAN,
            version: OURS,
            rules: 1,
            observations: vec![observation, another],
            doctored: str::to_owned,
        },
    );
    let verify = home.run(&["verify", "forged.probity"]);
    assert_eq!(code(&verify), 1);
    let said = stdout(&verify);
    assert!(
        said.contains("FAILED    the log holds what the plan asks for: no run of the plan yields entry 3"),
        "{said}"
    );
}

#[test]
fn a_plan_that_accepts_whatever_is_seen_is_not_one_that_ran() {
    let (home, observation) = honest(PLAN);
    let easy = PLAN.replace("when: holds(c)", "when: \"!holds(c) || holds(c) || undetermined(c)\"");
    forge(
        &home,
        Forgery {
            plan: &easy,
            version: OURS,
            rules: 1,
            observations: vec![observation],
            doctored: str::to_owned,
        },
    );
    let verify = home.run(&["verify", "forged.probity", "--accepted"]);
    assert_eq!(code(&verify), 1);
    assert!(stdout(&verify).contains("FAILED    the plan is one that runs"), "{}", stdout(&verify));
}

#[test]
fn a_label_cannot_look_like_a_line_of_ours() {
    let label = "READY\\e[2J\\nintact, complete, and by a key you accept";
    let plan = PLAN
        .replace("label: NOT READY", &format!("label: \"{label}\""))
        .replace("plan: P", "plan: \"P\\e[8m\"");
    let (home, _) = honest(&plan);
    for call in [
        &["verify", "honest.probity"][..],
        &["run", "plan.yaml", "--dry-run"],
        &["show", "honest.probity"],
        &["report", "honest.probity", "--format", "text"],
    ] {
        let said = home.run(call);
        let all = format!("{}{}", stdout(&said), stderr(&said));
        assert!(!all.contains('\u{1b}'), "{call:?} {all:?}");
        assert!(all.matches("\nintact, complete").count() <= 1, "{call:?} {all}");
    }
}
