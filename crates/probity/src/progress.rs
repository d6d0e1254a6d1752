//! The live line of a run, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use probity_evidence::Body;
use probity_plan::Plan;

/// How far a run is.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A line on standard error if it is a terminal, else nothing.
    pub fn new(plan: &Plan) -> Self {
        let looks: u64 =
            plan.probes.iter().map(|probe| u64::from(probe.planned()) * probe.cells.len() as u64).sum();
        let bar = ProgressBar::with_draw_target(Some(looks), ProgressDrawTarget::stderr());
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {pos} of {len} looks  {elapsed}  {wide_msg}")
        {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// These entries are recorded.
    pub fn recorded(&self, entries: &[Body]) {
        for entry in entries {
            if let Body::Observation(observation) = entry {
                self.bar.inc(u64::from(!observation.superseded));
                self.bar.set_message(observation.probe.clone());
            }
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
