//! How long masking may go on: what a target sends may be made to be slow. Must not know what is masked, nor what becomes of
//! what is not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Asked before each window. Once it is at an end it stays so.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    until: Option<Instant>,
    /// Nobody waits any more.
    ended: AtomicBool,
    /// Somebody was told so, who then left something unmasked and handed nothing on.
    told: AtomicBool,
}

impl Patience {
    /// For so long from now.
    pub(crate) fn of(most: Duration) -> Self {
        Self { until: Instant::now().checked_add(most), ..Self::default() }
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether it is at an end. Who asks hands nothing on then.
    pub(crate) fn is_over(&self) -> bool {
        let over = self.gave_up()
            || self.ended.load(Ordering::Relaxed)
            || self.until.is_some_and(|until| Instant::now() >= until);
        if over {
            self.told.store(true, Ordering::Relaxed);
        }
        over
    }

    /// Whether anybody was told that it is at an end.
    pub(crate) fn gave_up(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }
}
