//! Waits until a moment more exactly than the runtime's own clock, which wakes at whole milliseconds. Must not know for what.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// A timer of the kernel's (timerfd_create(2)).
pub(super) struct Alarm(Option<AsyncFd<OwnedFd>>);

impl Alarm {
    /// A new one. Where the system has no timer left, the runtime's clock is as near as it gets.
    #[expect(deprecated, reason = "what replaces it is unsafe; this descriptor is owned and never replaced")]
    pub fn new() -> Self {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).ok();
        Self(timer.and_then(|timer| AsyncFd::new(timer).ok()))
    }

    /// Returns at this moment or a little later.
    pub async fn wait_until(&self, moment: Instant) {
        while let Some(left) = moment.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.elapse(left).await.is_none() {
                return tokio::time::sleep_until(moment.into()).await;
            }
        }
    }

    async fn elapse(&self, time: Duration) -> Option<()> {
        let timer = self.0.as_ref()?;
        let it_value =
            Timespec { tv_sec: i64::try_from(time.as_secs()).ok()?, tv_nsec: time.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        timerfd_settime(timer, TimerfdTimerFlags::empty(), &once).ok()?;
        let mut ready = timer.readable().await.ok()?;
        // Nothing is there to be read if an earlier wait, which was given up, had come to its end.
        _ = rustix::io::read(timer.get_ref(), &mut [0; 8]);
        ready.clear_ready();
        Some(())
    }
}
