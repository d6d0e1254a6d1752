//! In what order probes run, and which of them beside each other. Pure; `--dry-run` prints what comes out of it.

use std::collections::BTreeSet;

use probity_plan::{Impact, Lane, Probe};

/// Probes that run beside each other; stages run one after the other.
#[derive(Debug)]
pub struct Stage<'p> {
    /// The lane of its looks.
    pub lane: Lane,
    /// In the parallel lane, pure reads. In the quiet lane, one probe and those that say `with:` it.
    pub probes: Vec<&'p Probe>,
}

/// The stages of these probes, all of a plan or all of a trial. `timed` names the probes of whose elapsed time a claim speaks: they run alone.
pub fn stages<'p>(probes: &[&'p Probe], timed: &BTreeSet<String>) -> Vec<Stage<'p>> {
    let mut stages: Vec<Stage<'p>> = Vec::new();
    let of =
        |with: Option<&'p str>| probes.iter().copied().filter(move |probe| probe.with.as_deref() == with);
    for probe in of(None) {
        let companions: Vec<&Probe> = of(Some(&probe.name)).collect();
        let is_timed =
            probe.schedule.every.is_some() || probe.schedule.until.is_some() || timed.contains(&probe.name);
        let quiet = is_timed || probe.impact > Impact::Observe || !companions.is_empty();
        let waits = probe.needs.is_some();
        match stages.last_mut() {
            Some(last) if !quiet && !waits && last.lane == Lane::Parallel => last.probes.push(probe),
            _ => {
                let lane = if quiet { Lane::Quiet } else { Lane::Parallel };
                stages.push(Stage { lane, probes: std::iter::once(probe).chain(companions).collect() });
            }
        }
    }
    stages
}
