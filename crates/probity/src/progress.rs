//! How far a command is: the live line of a run, on a terminal only; and for a bundle that takes long to read, a line now
//! and then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use probity_evidence::{Body, Bundle};
use probity_plan::Plan;
use probity_probe::Began;

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

/// How often it is said how far the reading is, in seconds.
const SAY_EVERY: u64 = 5;

/// How much of a bundle was read.
pub struct ReadProgress {
    began: Began,
    /// Bytes.
    total: u64,
    read: AtomicU64,
    /// How often it was said.
    said: AtomicU64,
}

impl ReadProgress {
    /// Nothing yet.
    pub fn of(bundle: &Bundle) -> Self {
        let total = bundle.store().files().values().fold(0, |sum: u64, size| sum.saturating_add(*size));
        Self { began: Began::now(), total, read: AtomicU64::new(0), said: AtomicU64::new(0) }
    }

    /// So many bytes more.
    pub fn read(&self, bytes: u64) {
        let read = self.read.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let (said, due) = (self.said.load(Ordering::Relaxed), self.began.elapsed().as_secs() / SAY_EVERY);
        let mine =
            due > said && self.said.compare_exchange(said, due, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            let mib = |bytes: u64| bytes >> 20;
            crate::terminal::complain(&format!("read {} of {} MiB", mib(read), mib(self.total)));
        }
    }
}
