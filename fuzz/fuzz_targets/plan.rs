//! A plan, with itself as every other file it asks for; and the checks of a plan before a run.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use probity_plan::{Sources, load_or_refuse};
use probity_verdict::{Conditions, check, check_refused};

struct Same<'a>(&'a [u8]);

impl Sources for Same<'_> {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.to_vec())
    }
}

fuzz_target!(|data: &[u8]| {
    match load_or_refuse("plan.yaml", &Same(data), &BTreeMap::new()) {
        Ok(loaded) => {
            let again = load_or_refuse("plan.yaml", &Same(data), &BTreeMap::new()).expect("the same bytes");
            assert_eq!(loaded.resolved(), again.resolved());
            let check = |plan| check(plan, &Conditions::new(plan));
            assert_eq!(check(&loaded.plan), check(&again.plan));
        }
        Err(refused) => {
            assert!(!refused.errors.to_string().is_empty());
            check_refused(&refused);
        }
    }
});
