//! A hostile bundle, recomputed to its verdict and its report: a plan, a zero byte, and the lines of a log that nobody had to sign. Reading
//! the lines, judging them and making the report end, and none of them panics; folded again, they give the same.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use probity_case::{Fold, KEPT_NAME, Permitted, Surroundings};
use probity_evidence::entry::{Identity, LedgerHead};
use probity_evidence::line::decode;
use probity_evidence::{Body, Declared, Start};
use probity_plan::{Impact, Sources, load};
use probity_verdict::Conditions;

struct One<'d>(&'d [u8]);

impl Sources for One<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == "plan.yaml" { Ok(self.0.to_vec()) } else { Err(format!("{path}: not in the bundle")) }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(end) = data.iter().position(|byte| *byte == 0) else { return };
    let Ok(loaded) = load("plan.yaml", &One(&data[..end]), &BTreeMap::new()) else { return };
    let plan = &loaded.plan;
    let declared = Declared::of(plan);
    let bodies: Vec<Body> = data[end + 1..]
        .split(|byte| *byte == b'\n')
        .filter_map(|line| decode(&mut line.to_vec(), Some(&declared)).ok())
        .map(|entry| entry.body)
        .collect();
    let start = Start {
        format: 1,
        rules: probity_verdict::RULES,
        run: String::new(),
        started: jiff::Timestamp::UNIX_EPOCH,
        plan: plan.title.clone(),
        files: BTreeMap::new(),
        declared,
        resolved_sha256: String::new(),
        inputs: BTreeMap::new(),
        allow: Impact::Disrupt,
        only: None,
        run_key: String::new(),
        operator_key: String::new(),
        challenge: None,
        ledger: LedgerHead { run: 1, head: None, began: None },
        reproduces: None,
        observer: Identity {
            version: String::new(),
            host: String::new(),
            user: String::new(),
            system: String::new(),
        },
    };
    let derive = || -> (Vec<u8>, String) {
        let conditions = Conditions::new(plan);
        let mut fold = Fold::new(plan, &conditions, start.started, Permitted::of(&start));
        for (entry, body) in (2..).zip(&bodies) {
            fold.take(entry, body);
        }
        let derived = fold.conclude(&start, true);
        let report = probity_report::html(&derived.contents(&Surroundings {
            bundle: KEPT_NAME,
            plan,
            after_the_fact: false,
            start: &start,
            ended: None,
            unsigned: 0,
            exhibits: &[],
            verification: None,
            unacceptable: None,
        }));
        (serde_json::to_vec(&derived.judgement).expect("a judgement can be written"), report)
    };
    assert!(derive() == derive());
});
