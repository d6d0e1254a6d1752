//! A run's two clocks: the observer's, which anybody may set, and one that nobody sets.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// When a run began, by both.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    /// By the observer's clock: UTC, to the microsecond.
    pub at: jiff::Timestamp,
    since_boot: Duration,
}

impl Began {
    /// It begins now.
    pub fn now() -> Self {
        Self { at: crate::observer::now(), since_boot: since_boot() }
    }

    /// How long it has been going on, by the clock that nobody sets.
    pub fn elapsed(&self) -> Duration {
        since_boot().saturating_sub(self.since_boot)
    }
}

/// `CLOCK_BOOTTIME` of clock_gettime(2): never set, and it goes on while the machine sleeps, when nobody looks either.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
