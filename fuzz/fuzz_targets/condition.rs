//! A condition over the facts of a probe: compiling and evaluating end, and neither panics.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_plan::{Barrier, Blocked, Lane, Observation, Plan, Sources, Value, load};
use probity_verdict::condition::{Scope, compile};

struct One;

impl Sources for One {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"plan: fuzz\nprobes:\n  answers: { http: \"http://127.0.0.1/\" }\nclaims:\n  up: { of: answers, check: status == 200, says: it answers }\nverdict:\n  - { label: READY, when: holds(up), accepted: true }\n  - { label: NOT READY }\n".to_vec())
    }
}

static PLAN: LazyLock<Plan> =
    LazyLock::new(|| load("plan.yaml", &One, &BTreeMap::new()).expect("a good plan").plan);

fuzz_target!(|source: &str| {
    let Some(probe) = PLAN.probes.iter().next() else { return };
    let Ok(check) = compile(source, &Scope::of(probe), false) else { return };
    let observation = Observation {
        probe: "answers".to_owned(),
        trial: None,
        observer: 0,
        artifacts: BTreeMap::new(),
        excerpts: BTreeMap::new(),
        cell: BTreeMap::new(),
        slot: 0,
        attempt: 1,
        superseded: false,
        lane: Lane::Parallel,
        started: jiff::Timestamp::UNIX_EPOCH,
        offset_us: 0,
        duration_us: 1,
        scheduling_delay_us: None,
        facts: BTreeMap::from([
            ("status".to_owned(), Value::from(200)),
            ("elapsed_ms".to_owned(), Value::interval(1.0, Some(2.0))),
            ("body".to_owned(), Value::List(vec![Value::Null, Value::Text("text".to_owned()), Value::decimal(0.5)])),
        ]),
        unknown: BTreeMap::from([("*".to_owned(), Blocked::new(Barrier::TimedOut, "no answer"))]),
    };
    check.of(&observation);
});
