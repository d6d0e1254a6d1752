//! A plan of one probe, for a look outside of any run: by the plan language's own reader, which says what is wrong with it.

use std::collections::BTreeMap;

use probity_plan::{Plan, PlanErrors, Sources, load};

/// One text as a plan's only file.
struct OnlyFile(String);

impl Sources for OnlyFile {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.clone().into_bytes())
    }
}

/// The plan whose one probe is `it`, given as a YAML flow mapping or as JSON. `file` is what messages call its place.
///
/// # Errors
/// What the plan language says about that probe.
pub fn single_probe(file: &str, probe: &str) -> Result<Plan, PlanErrors> {
    let text = format!(
        "plan: one look\nprobes:\n  it: {probe}\nclaims:\n  looked: {{ of: it, check: attempt == 1 }}\nverdict:\n  - {{ label: none }}\n"
    );
    load(file, &OnlyFile(text), &BTreeMap::new()).map(|loaded| loaded.plan)
}
