//! `Retry-After` (RFC 9110, 10.2.3): how long a server asks to be left alone. A wait that is too long for one call is everybody's: until it
//! is over nothing is sent at all.

use crate::NetBoxError;
use jiff::Timestamp;
use parking_lot::Mutex;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use std::time::{Duration, Instant};

/// The longest wait within one call.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(10);
/// The longest wait that is believed.
const MAX_REST: Duration = Duration::from_secs(3600);

/// Until when nothing is sent.
#[derive(Default)]
pub(crate) struct Rest(Mutex<Option<(Instant, Timestamp)>>);

impl Rest {
    /// The server asked at `now` to be left alone for `wait`.
    pub(crate) fn begin(&self, wait: Duration, now: Timestamp) {
        let wait = wait.min(MAX_REST);
        let (end, told) = (Instant::now() + wait, now.checked_add(wait).unwrap_or(Timestamp::MAX));
        let mut rest = self.0.lock();
        if rest.is_none_or(|(other, _)| other < end) {
            *rest = Some((end, told));
        }
    }

    /// Until when nothing is sent, if that is not over.
    pub(crate) fn end(&self) -> Option<Instant> {
        self.0.lock().map(|(end, _)| end).filter(|end| Instant::now() < *end)
    }

    /// Refuses while it is not over.
    pub(crate) fn check(&self) -> Result<(), NetBoxError> {
        match *self.0.lock() {
            Some((end, until)) if Instant::now() < end => Err(NetBoxError::LeftAlone { until }),
            _ => Ok(()),
        }
    }
}

/// The wait that an answer asks for at `now`: seconds, or an HTTP date.
pub(crate) fn read_wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        read_wait(&headers, "2026-03-01T12:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_wait_is_told_in_seconds_or_as_a_date() {
        assert_eq!(wait("60"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Sun, 01 Mar 2026 12:01:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(wait("Sun, 01 Mar 2026 11:00:00 GMT"), Some(Duration::ZERO), "that is over");
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn no_server_is_left_alone_for_days_on_its_word() {
        let rest = Rest::default();
        assert_eq!(rest.check(), Ok(()));
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        rest.begin(Duration::from_secs(u64::MAX), now);
        let until = "2026-03-01T13:00:00Z".parse().unwrap();
        assert_eq!(rest.check(), Err(NetBoxError::LeftAlone { until }));
        // A shorter wait that is asked for later ends it no sooner.
        rest.begin(Duration::ZERO, now);
        assert_eq!(rest.check(), Err(NetBoxError::LeftAlone { until }));
    }
}
