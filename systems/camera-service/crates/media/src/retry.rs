//! How what failed is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// A source that failed so often in a row is called failed, and still tried.
pub(crate) const FAILED_AFTER: u32 = 5;
/// After so long without failure, waits begin small again.
pub(crate) const HEALTHY: Duration = Duration::from_secs(60);

/// Waits without end: each twice as long as the one before, up to `longest`, with jitter.
pub(crate) fn waits(first: Duration, longest: Duration) -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_min_delay(first)
        .with_max_delay(longest)
        .with_jitter()
        .without_max_times()
        .build()
}
