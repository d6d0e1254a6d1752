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
    /// What to change in the first entry.
    edit: fn(&mut Opening),
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
    let loaded = probity_plan::load("plan.yaml", &Source(forgery.plan), &BTreeMap::new()).unwrap();
    let mut opening = Opening {
        rules: forgery.rules,
        started: now,
        plan: "P".to_owned(),
        files,
        resolved_sha256: probity_evidence::digest(loaded.resolved().as_bytes()),
        declared: probity_evidence::Declared::of(&loaded.plan),
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
    (forgery.edit)(&mut opening);
    let key = Key::load(&home.path(".config/probity/key")).unwrap();
    let writer = Writer::create(&home.path("forged.probity"), opening, key, 1 << 30).unwrap();
    for observation in forgery.observations {
        writer.append(&Body::Observation(observation)).unwrap();
    }
    let kept = |name: &str| {
        let text = std::fs::read_to_string(home.path("honest.probity").join(name)).unwrap();
        (forgery.doctored)(&text).into_bytes()
    };
    let ended = now + jiff::SignedDuration::from_secs(60);
    writer.finish(&kept("findings.json"), &kept("report.html"), ended, None).unwrap();
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
        forge(
            &home,
            Forgery { plan: PLAN, version, rules: 1, observations, edit: |_| (), doctored: praised },
        );
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
        Forgery {
            plan: PLAN,
            version: "9.9.9",
            rules: 7,
            observations: vec![observation],
            edit: |_| (),
            doctored: praised,
        },
    );
    for more in [&[][..], &["--accepted"], &["--without-report"]] {
        let verify = home.run(&[&["verify", "forged.probity"], more].concat());
        assert_eq!(code(&verify), 2, "{}", stdout(&verify));
        let said = stdout(&verify);
        assert!(said.contains("it says READY, recomputed it is NOT READY"), "{said}");
        assert!(said.contains("Verdict, recomputed: NOT READY\nNot all in it could be made again"), "{said}");
    }
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
            edit: |_| (),
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
            edit: |_| (),
            doctored: str::to_owned,
        },
    );
    let verify = home.run(&["verify", "forged.probity", "--accepted"]);
    assert_eq!(code(&verify), 1);
    assert!(stdout(&verify).contains("FAILED    the plan is one that runs"), "{}", stdout(&verify));
}

/// Two probes, of which one changes something.
const TWO: &str = "plan: P\nprobes:\n  here: { file: /nowhere }\n  act: { command: [\"true\"], impact: write }\nclaims:\n  c: { of: here, check: exists }\nverdict:\n  - { label: READY, when: holds(c), accepted: true }\n  - { label: NOT READY }\n";

#[test]
fn what_the_first_entry_says_wrongly_of_the_run_is_found() {
    let home = Home::new();
    home.write("plan.yaml", TWO);
    let run = home.run(&["run", "plan.yaml", "-o", "honest.probity", "--allow", "write"]);
    assert!(code(&run) < 3, "{}", stderr(&run));
    let observations = |probes: &[&str]| -> Vec<Observation> {
        let bundle = probity_evidence::Bundle::open(&home.path("honest.probity")).unwrap();
        let entries = bundle.entries().unwrap().map(Result::unwrap);
        let all = entries.filter_map(|entry| match entry.body {
            Body::Observation(observation) => Some(observation),
            _ => None,
        });
        all.filter(|it| probes.contains(&it.probe.as_str())).collect()
    };
    type Edit = fn(&mut Opening);
    let cases: [(&[&str], Edit, &str, &str); 7] = [
        (
            &["here"],
            |opening| opening.only = Some(vec!["act".to_owned()]),
            "the log holds what the plan asks for",
            "entry 2: `here` was looked at, and the run was restricted to other probes (--only)",
        ),
        (
            &["here"],
            |opening| opening.only = Some(vec!["here".to_owned(), "there".to_owned()]),
            "the log holds what the plan asks for",
            "it was restricted to there, which is no probe of the plan",
        ),
        (
            &["act"],
            |_| (),
            "the log holds what the plan asks for",
            "entry 2: `act` was looked at, whose impact is `write`, and only `observe` was allowed",
        ),
        (
            &["here"],
            |opening| opening.plan = "Something better".to_owned(),
            "the plan resolves as recorded",
            "the first entry calls it `Something better`, it calls itself `P`",
        ),
        (
            &["here"],
            |opening| {
                opening.files.insert("includes/report.html".to_owned(), b"<h1>READY</h1>".to_vec());
            },
            "the plan resolves as recorded",
            "it does not use includes/report.html, which the first entry names as its file",
        ),
        (
            &["here"],
            |opening| opening.rules = 0,
            "the findings follow from the log",
            "the first entry says that rules 0 decided",
        ),
        (
            &["here"],
            |opening| opening.rules += 1,
            "the findings follow from the log",
            "the first entry says that rules 2 decided",
        ),
    ];
    for (probes, edit, check, detail) in cases {
        let observations = observations(probes);
        forge(
            &home,
            Forgery { plan: TWO, version: OURS, rules: 1, observations, edit, doctored: str::to_owned },
        );
        let verify = home.run(&["verify", "forged.probity"]);
        assert_eq!(code(&verify), 1, "{detail}: {}", stdout(&verify));
        let line = format!("FAILED    {check}: {detail}");
        assert!(stdout(&verify).contains(&line), "{line}\n{}", stdout(&verify));
        std::fs::remove_dir_all(home.path("forged.probity")).unwrap();
    }
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
