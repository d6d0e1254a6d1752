//! What the runner asks of the verdict's conditions: whether an attempt satisfied its probe's `until`.

use std::collections::BTreeMap;

use probity_plan::{Observation, Plan, Probe};
use probity_verdict::condition::{Budget, Check};
use probity_verdict::{Conditions, Truth4};

/// Decides on `until`, for every probe that has one. A condition that does not compile was refused by `plan check`.
pub fn until<'p>(
    plan: &'p Plan,
    conditions: &'p Conditions,
) -> impl Fn(&Probe, &Observation) -> bool + Sync + 'p {
    let compiled =
        |(at, probe): (usize, &'p Probe)| Some((probe.name.as_str(), conditions.until(at)?.as_ref().ok()?));
    let checks: BTreeMap<&str, &Check> = plan.probes.iter().enumerate().filter_map(compiled).collect();
    move |probe, observation| {
        checks
            .get(probe.name.as_str())
            .is_none_or(|check| check.of(observation, &mut Budget::default()).truth == Truth4::True)
    }
}
