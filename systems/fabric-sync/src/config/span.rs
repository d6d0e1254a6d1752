//! Spans of time as the configuration has them: `30 s`, `5 min`, `24 h`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A span of time, at least a millisecond and at most a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(Duration);

/// The longest span.
const MAX_SPAN: Duration = Duration::from_secs(366 * 24 * 3600);

impl Span {
    /// So many seconds, at least one.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Span(Duration::from_secs(if seconds == 0 { 1 } else { seconds }))
    }

    /// The span.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer, false).map(Span)
    }
}

/// Reads a span in jiff's friendly form.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D, zero: bool) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || {
        let least = if zero { "0 s" } else { "1 ms" };
        format!(
            "`{text}` is not a span of time from {least} to 366 days: write one such as \"30 s\", \"5 min\" or \"24 h\""
        )
    };
    let span: jiff::SignedDuration = text.parse().map_err(|_| de::Error::custom(wrong()))?;
    let span = Duration::try_from(span).map_err(|_| de::Error::custom(wrong()))?;
    let shortest = if zero { Duration::ZERO } else { Duration::from_millis(1) };
    if span < shortest || span > MAX_SPAN {
        return Err(de::Error::custom(wrong()));
    }
    Ok(span)
}
