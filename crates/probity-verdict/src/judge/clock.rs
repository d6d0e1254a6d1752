//! When looks began: by a clock that nobody sets. How far the observer's clock, which is set, moved against it. Must not
//! know what is claimed.

use probity_plan::Observation;

/// By so much, in microseconds, the observer's clock may move against the other without being told: keeping it right bit
/// by bit moves it by less in three minutes (at most 500 parts in a million, adjtimex(2)).
const KEPT_RIGHT: i64 = 100_000;

/// Microseconds from the run's start to the start of the look.
pub(super) fn began(observation: &Observation) -> i64 {
    // Far more than any run lasts, and nothing overflows.
    i64::try_from(observation.offset_us.min(1 << 60)).unwrap_or_default()
}

/// How far the observer's clock moved, over the looks it was held against.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shift {
    extent: Option<(i64, i64)>,
}

impl Shift {
    /// Holds the observer's clock against the other.
    pub(super) fn look(&mut self, started: jiff::Timestamp, began: i64) {
        let ahead = started.as_microsecond().saturating_sub(began);
        let (least, most) = self.extent.unwrap_or((ahead, ahead));
        self.extent = Some((least.min(ahead), most.max(ahead)));
    }

    /// By how much the clock moved, in microseconds; 0 where it was only kept right.
    pub(super) fn micros(self) -> i64 {
        let moved = self.extent.map_or(0, |(least, most)| most.saturating_sub(least));
        if moved > KEPT_RIGHT { moved } else { 0 }
    }
}
