//! Moments by a clock that nobody sets, and what the clock that people read says of them. A board without a battery starts with a
//! clock that is wrong by years and is put right later: what happened before is shown by the clock as it is when it is asked.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The clock that people read was set if it differs by more than this from what it should say by now. Less is what two looks at two
/// clocks may differ by; slewing moves both.
const SET: Duration = Duration::from_millis(50);
/// By so much the clock may be set without a word.
const UNNOTICED: Duration = Duration::from_secs(1);
/// Looks at both clocks that took longer say too little of how they stand to each other; it is looked again, so often at most.
const PROMPT: Duration = Duration::from_millis(5);
const LOOKS: usize = 5;

/// A moment of this run of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Instant);

impl Moment {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// So long before this one.
    #[must_use]
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.checked_sub(time).unwrap_or(self.0))
    }

    /// So long after this one.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.checked_add(time).unwrap_or(self.0))
    }

    /// How long after the other it is; zero if it is before.
    #[must_use]
    pub fn since(self, other: Self) -> Duration {
        self.0.saturating_duration_since(other.0)
    }

    /// How long ago it was; zero if it is to come.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// What the clock says of it as it goes now. Stays the same until the clock is set.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        static CLOCK: Mutex<Option<Pair>> = Mutex::new(None);
        let mut known = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Pair::look();
        let pair = known.filter(|known| !known.differs(&now)).unwrap_or(now);
        *known = Some(pair);
        pair.timestamp(self)
    }
}

/// What both clocks said at one moment.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    moment: Moment,
    clock: Timestamp,
}

impl Pair {
    /// Now, and what is said of it.
    pub(crate) fn said() -> Self {
        let moment = Moment::now();
        Self { moment, clock: moment.timestamp() }
    }

    /// Whether the clock was set since by so much that who was told of the time has to be told again.
    pub(crate) fn clock_was_set(&self) -> bool {
        self.moment.timestamp().duration_since(self.clock).unsigned_abs() >= UNNOTICED
    }

    fn look() -> Self {
        let look = || {
            let before = Moment::now();
            let pair = Self { clock: Timestamp::now(), moment: before };
            (before.elapsed(), pair)
        };
        let mut best = look();
        for _ in 1..LOOKS {
            if best.0 <= PROMPT {
                break;
            }
            let again = look();
            if again.0 < best.0 {
                best = again;
            }
        }
        best.1
    }

    fn timestamp(&self, moment: Moment) -> Timestamp {
        let moved = if moment >= self.moment {
            self.clock.checked_add(moment.since(self.moment))
        } else {
            self.clock.checked_sub(self.moment.since(moment))
        };
        // Whatever the clock says: beyond the calendar there is no time.
        moved.unwrap_or(self.clock)
    }

    fn differs(&self, now: &Self) -> bool {
        let expected = self.timestamp(now.moment);
        expected.duration_since(now.clock).unsigned_abs() > SET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_by_the_clock_as_it_is_and_one_that_is_set_is_noticed() {
        let (moment, clock) = (Moment::now(), Timestamp::UNIX_EPOCH);
        let wrong = Pair { moment, clock };
        let second = Duration::from_secs(1);
        assert_eq!(wrong.timestamp(moment.before(second)), clock - second);
        let right = Pair { moment: moment.after(second), clock: clock + second + Duration::from_secs(7200) };
        assert!(wrong.differs(&right));
        assert!(!wrong.differs(&Pair { moment: moment.after(second), clock: clock + second }));
        assert_eq!(right.timestamp(moment), clock + Duration::from_secs(7200));
    }

    #[test]
    fn what_the_clock_says_of_a_moment_stays_what_it_was() {
        let moment = Moment::now();
        let said = moment.timestamp();
        assert!((0..1000).all(|_| moment.timestamp() == said));
    }
}
