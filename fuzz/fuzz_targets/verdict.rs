//! A hostile bundle, recomputed to its verdict: a plan, a zero byte, and the lines of a log that nobody had to sign. Reading
//! the lines, judging them and making the report end, and none of them panics; judged again, they decide the same.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use probity_evidence::line::decode;
use probity_evidence::{Body, Declared};
use probity_plan::{Observation, Sources, load};
use probity_verdict::{Judge, Judgement};

struct One<'d>(&'d [u8]);

impl Sources for One<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == "plan.yaml" { Ok(self.0.to_vec()) } else { Err(format!("{path}: not in the bundle")) }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(end) = data.iter().position(|byte| *byte == 0) else { return };
    let Ok(loaded) = load("plan.yaml", &One(&data[..end]), &BTreeMap::new()) else { return };
    let declared = Declared::of(&loaded.plan);
    let mut observations: Vec<Observation> = Vec::new();
    for line in data[end + 1..].split(|byte| *byte == b'\n') {
        if let Ok(entry) = decode(&mut line.to_vec(), Some(&declared))
            && let Body::Observation(observation) = entry.body
        {
            observations.push(observation);
        }
    }
    let judge = || -> Judgement {
        let conditions = probity_verdict::Conditions::new(&loaded.plan);
        let mut judge = Judge::new(&loaded.plan, &conditions, jiff::Timestamp::UNIX_EPOCH);
        for (entry, observation) in (2..).zip(&observations) {
            judge.observe(entry, observation);
        }
        judge.conclude(true)
    };
    let written = serde_json::to_vec(&judge()).expect("a judgement can be written");
    assert_eq!(written, serde_json::to_vec(&judge()).expect("a judgement can be written"));
});
