//! Whether a secret is handed over where others can read it.

use std::collections::BTreeSet;

use probity_diagnostic::Level;
use probity_plan::Plan;

use super::Problems;

pub(super) fn check(plan: &Plan, found: &mut Problems) {
    for probe in &plan.probes {
        let acts = probe.cells.iter().map(|cell| &cell.act).chain(&probe.undo);
        // Each row of a matrix exposes the same.
        let exposed: BTreeSet<_> = acts.flat_map(probity_plan::kinds::Act::exposes).collect();
        for exposure in exposed {
            let message = format!("in probe `{}`: {exposure}", probe.name);
            found.push(Level::Warning, "exposed-secret", &probe.at, message, exposure.to.remedy());
        }
    }
}
