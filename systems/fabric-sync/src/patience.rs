//! When both sides are read again: at the interval if all is well, sooner if something could not be read or a watch broke, and with waits
//! that grow, with jitter, as long as that goes on: an end that is in trouble is not asked harder.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);

/// How long to wait.
#[derive(Debug)]
pub struct Patience {
    interval: Duration,
    backoff: ExponentialBackoff,
    /// Whether something went wrong since the last look.
    troubled: bool,
}

impl Patience {
    /// With that interval between looks if all is well.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Patience { interval, backoff: backoff(interval), troubled: false }
    }

    /// Something went wrong: the wait until the next look.
    pub fn after_trouble(&mut self) -> Duration {
        self.troubled = true;
        self.backoff.next().unwrap_or(self.interval).min(self.interval)
    }

    /// Whether something went wrong since the last whole look, so that the next one is sooner than at the interval.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        self.troubled
    }

    /// Both sides were looked at, whole or not: the wait until the next look. Waits begin anew only after a look that was whole with
    /// nothing wrong since the one before: a list that can be read and not watched must not be read all the time.
    pub fn after_look(&mut self, whole: bool) -> Duration {
        if !whole {
            return self.after_trouble();
        }
        if !std::mem::take(&mut self.troubled) {
            self.backoff = backoff(self.interval);
        }
        self.interval
    }
}

fn backoff(interval: Duration) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(FIRST)
        .with_max_delay(interval.max(FIRST))
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(300);

    #[test]
    fn waits_grow_while_something_is_wrong_and_never_beyond_the_interval() {
        let mut patience = Patience::new(INTERVAL);
        let waits: Vec<Duration> = (0..20).map(|_| patience.after_look(false)).collect();
        assert!(waits[0] < Duration::from_secs(3), "{waits:?}");
        assert!(waits[4] > Duration::from_secs(15), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= INTERVAL), "{waits:?}");
        assert_eq!(waits[19], INTERVAL);
    }

    #[test]
    fn a_watch_that_breaks_after_every_whole_look_is_tried_less_and_less() {
        let mut patience = Patience::new(INTERVAL);
        let mut last = Duration::ZERO;
        for _ in 0..6 {
            last = patience.after_trouble();
            assert_eq!(patience.after_look(true), INTERVAL);
        }
        assert!(last > Duration::from_secs(30), "{last:?}");
        // A look with nothing wrong before it ends that.
        patience.after_look(true);
        assert!(patience.after_trouble() < Duration::from_secs(3));
    }
}
