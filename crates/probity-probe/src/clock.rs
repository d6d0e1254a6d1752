//! A run's two clocks: the observer's, which anybody may set, and one that nobody sets.

use std::fmt::Debug;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The clocks that a run goes by. What it waits for is tokio's time, which a test can pause: then these have to follow it.
pub trait Clock: Debug + Sync {
    /// By the observer's clock: UTC, to the microsecond.
    fn utc(&self) -> jiff::Timestamp;
    /// By a clock that nobody sets, since a moment before the run that does not change.
    fn steady(&self) -> Duration;
}

/// Those of this machine.
#[derive(Debug)]
pub struct MachineClock;

impl Clock for MachineClock {
    fn utc(&self) -> jiff::Timestamp {
        crate::observer::now()
    }
    fn steady(&self) -> Duration {
        since_boot()
    }
}

/// When a run began, by both.
#[derive(Clone, Copy, Debug)]
pub struct Began {
    /// By the observer's clock: UTC, to the microsecond.
    pub at: jiff::Timestamp,
    steady: Duration,
    clock: &'static dyn Clock,
}

impl Began {
    /// It begins now, by the clocks of this machine.
    pub fn now() -> Self {
        Self::by(&MachineClock)
    }

    /// It begins now, by these clocks.
    pub fn by(clock: &'static dyn Clock) -> Self {
        Self { at: clock.utc(), steady: clock.steady(), clock }
    }

    /// How long it has been going on, by the clock that nobody sets.
    pub fn elapsed(&self) -> Duration {
        self.clock.steady().saturating_sub(self.steady)
    }

    /// What the observer's clock shows now: UTC, to the microsecond.
    pub fn utc(&self) -> jiff::Timestamp {
        self.clock.utc()
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
    reading(ClockId::Boottime)
}

/// `CLOCK_MONOTONIC`, by which systemd notes when its units change.
pub fn monotonic() -> Duration {
    reading(ClockId::Monotonic)
}

fn reading(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
