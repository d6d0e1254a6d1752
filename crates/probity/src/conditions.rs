//! What the runner asks of the verdict's conditions: whether an attempt satisfied its probe's `until`.

use std::collections::BTreeMap;

use probity_plan::{Observation, Plan, Probe};
use probity_verdict::Truth4;
use probity_verdict::condition::{Budget, Check, Scope, compile};

/// Decides on `until`, for every probe that has one. A condition that does not compile was refused by `plan check`.
pub fn until(plan: &Plan) -> impl Fn(&Probe, &Observation) -> bool + Sync {
    let compiled = |probe: &Probe| {
        let condition = probe.schedule.until.as_ref()?;
        Some((probe.name.clone(), compile(&condition.source, &Scope::of(probe), false).ok()?))
    };
    let checks: BTreeMap<String, Check> = plan.probes.iter().filter_map(compiled).collect();
    move |probe, observation| {
        checks
            .get(&probe.name)
            .is_none_or(|check| check.of(observation, &mut Budget::default()).truth == Truth4::True)
    }
}
