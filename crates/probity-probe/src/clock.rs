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

/// When the machine was started, by the observer's clock as it stood when this program first asked: what it tells then does
/// not move while somebody sets that clock.
pub fn booted() -> jiff::Timestamp {
    static BOOTED: std::sync::OnceLock<jiff::Timestamp> = std::sync::OnceLock::new();
    *BOOTED.get_or_init(|| {
        let now = jiff::Timestamp::now();
        now.checked_sub(since_boot()).unwrap_or(now)
    })
}

/// `CLOCK_BOOTTIME` of clock_gettime(2): never set, and it goes on while the machine sleeps, when nobody looks either.
pub fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
