//! A condition over the facts of a probe, and what a target sent: compiling and evaluating end, neither panics, `!` swaps true
//! and false and keeps the rest, and no evaluation takes more steps than it may. The first line is the condition, the rest
//! is JSON.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use probity_plan::{Barrier, Blocked, Fact, Plan, Sources, Value, load};
use probity_verdict::Truth4;
use probity_verdict::condition::{Budget, MAX_JUDGEMENT_STEPS, MAX_STEPS, Reason, Scope, compile};

struct One;

impl Sources for One {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(b"plan: fuzz\nprobes:\n  answers: { http: \"http://127.0.0.1/\" }\nclaims:\n  up: { of: answers, check: status == 200, says: it answers }\nverdict:\n  - { label: READY, when: holds(up), accepted: true }\n  - { label: NOT READY }\n".to_vec())
    }
}

static PLAN: LazyLock<Plan> =
    LazyLock::new(|| load("plan.yaml", &One, &BTreeMap::new()).expect("a good plan").plan);

fuzz_target!(|data: &str| {
    let (source, sent) = data.split_once('\n').unwrap_or((data, ""));
    let Some(probe) = PLAN.probes.first() else { return };
    let Ok(check) = compile(source, &Scope::of(probe), false) else { return };
    let json = Value::from_json(sent).unwrap_or(Value::Null);
    let fact = |name: &str| match name {
        "status" => Fact::Known(200.into()),
        "answered" => Fact::Known(true.into()),
        "elapsed_ms" => Fact::Known(Value::interval(1.0, Some(2.0))),
        "body" => Fact::Known("text".into()),
        "json" => Fact::Known(json.clone()),
        _ => Fact::Unknown(Blocked::new(Barrier::TimedOut, "no answer")),
    };
    let mut budget = Budget::default();
    let evaluated = check.evaluate(&fact, &mut budget);
    assert!(MAX_JUDGEMENT_STEPS - budget.left() <= MAX_STEPS);
    if evaluated.truth == Truth4::Error {
        assert!(!evaluated.reasons.is_empty());
    }
    let Ok(negated) = compile(&format!("!({source})"), &Scope::of(probe), false) else { return };
    let negated = negated.evaluate(&fact, &mut budget).truth;
    let known = |truth| matches!(truth, Truth4::True | Truth4::False);
    if known(evaluated.truth) && known(negated) {
        assert_ne!(evaluated.truth, negated);
    }
    // One of them may have just enough steps.
    if !evaluated.reasons.contains(&Reason::TooManySteps) && !known(evaluated.truth) {
        assert!(!known(negated));
    }
});
