//! Whether MediaMTX is asked at all: after many failures in a row nobody waits for it any more. Knows nothing of HTTP;
//! the clock is an argument.
//!
//! Own, as the crates at hand do something else: `failsafe` closes at the first success, `recloser` opens on a rate and
//! always waits equally long.

use std::time::{Duration, Instant};

use backon::ExponentialBackoff;

use crate::retry::waits;

/// When MediaMTX is left alone.
#[derive(Debug, Clone, Copy)]
pub struct BreakerOptions {
    /// After so many failures in a row.
    pub failures: u32,
    /// For so long at first; longer each time, with jitter.
    pub open: Duration,
    /// For so long at most.
    pub longest_open: Duration,
    /// It is trusted again after so many answers in a row.
    pub confirmations: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            failures: 10,
            open: Duration::from_secs(60),
            longest_open: Duration::from_secs(120),
            confirmations: 3,
        }
    }
}

pub(super) struct Breaker {
    options: BreakerOptions,
    state: State,
    waits: ExponentialBackoff,
}

#[derive(Debug, PartialEq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Trying { confirmed: u32 },
}

impl Breaker {
    pub(super) fn new(options: BreakerOptions) -> Self {
        let waits = waits(options.open, options.longest_open);
        Self { options, state: State::Closed { failures: 0 }, waits }
    }

    /// Whether a call may be made now; if not, in how long one may.
    pub(super) fn may_call(&mut self, now: Instant) -> Result<(), Duration> {
        if let State::Open { until } = self.state {
            if now < until {
                return Err(until - now);
            }
            self.state = State::Trying { confirmed: 0 };
        }
        Ok(())
    }

    pub(super) fn succeeded(&mut self) {
        match &mut self.state {
            State::Closed { failures } => *failures = 0,
            State::Trying { confirmed } => {
                *confirmed += 1;
                if *confirmed >= self.options.confirmations {
                    *self = Self::new(self.options);
                }
            }
            // A call that was under way when it opened.
            State::Open { .. } => {}
        }
    }

    pub(super) fn failed(&mut self, now: Instant) {
        let opens = match &mut self.state {
            State::Closed { failures } => {
                *failures += 1;
                *failures >= self.options.failures
            }
            State::Trying { .. } => true,
            State::Open { .. } => false,
        };
        if opens {
            let longest = self.options.longest_open;
            let wait = self.waits.next().unwrap_or(longest).min(longest);
            self.state = State::Open { until: now + wait };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened() -> (Breaker, Instant) {
        let (mut breaker, now) = (Breaker::new(BreakerOptions::default()), Instant::now());
        for _ in 0..10 {
            assert_eq!(breaker.may_call(now), Ok(()));
            breaker.failed(now);
        }
        (breaker, now)
    }

    #[test]
    fn ten_failures_in_a_row_open_it_for_a_minute_at_least() {
        let (mut breaker, now) = opened();
        let wait = breaker.may_call(now).unwrap_err();
        assert!((60 * SECOND..=120 * SECOND).contains(&wait), "{wait:?}");
        assert!(breaker.may_call(now + 59 * SECOND).is_err());
        assert_eq!(breaker.may_call(now + wait), Ok(()));
    }

    #[test]
    fn failures_with_an_answer_between_them_do_not_open_it() {
        let (mut breaker, now) = (Breaker::new(BreakerOptions::default()), Instant::now());
        for count in 0..100 {
            if count % 10 == 9 { breaker.succeeded() } else { breaker.failed(now) }
        }
        assert_eq!(breaker.may_call(now), Ok(()));
    }

    #[test]
    fn three_answers_close_it_and_one_failure_before_that_opens_it_again() {
        let (mut breaker, now) = opened();
        let later = now + 200 * SECOND;
        assert_eq!(breaker.may_call(later), Ok(()));
        breaker.succeeded();
        breaker.succeeded();
        breaker.failed(later);
        let wait = breaker.may_call(later).unwrap_err();
        assert!((60 * SECOND..=120 * SECOND).contains(&wait), "{wait:?}");
        let later = later + wait;
        for _ in 0..3 {
            assert_eq!(breaker.may_call(later), Ok(()));
            breaker.succeeded();
        }
        assert_eq!(breaker.state, State::Closed { failures: 0 });
        for _ in 0..9 {
            breaker.failed(later);
        }
        assert_eq!(breaker.may_call(later), Ok(()), "it takes ten again");
    }
}
