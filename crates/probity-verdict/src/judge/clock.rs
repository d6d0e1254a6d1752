//! When looks began: by a clock that nobody sets. How far observers' clocks, which are set, moved against it. Must not
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

/// By how much later than [`began`] the look may have begun, in microseconds: a look of somebody else's lies within the time from
/// when it was asked for till its answer was there.
pub(super) fn slack(observation: &Observation) -> u64 {
    if observation.observer == 0 { 0 } else { observation.duration_us }
}

/// How far an observer's clock moved, over the looks it was held against.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shift {
    /// Of how far it was ahead: the least that it can have been at most, and the most that it was at least.
    extent: Option<(i64, i64)>,
}

impl Shift {
    /// Holds its clock, which showed `started`, against the other, which showed `began` or up to so many microseconds more.
    pub(super) fn look(&mut self, started: jiff::Timestamp, began: i64, within_us: u64) {
        let at_most = started.as_microsecond().saturating_sub(began);
        let at_least = at_most.saturating_sub(i64::try_from(within_us.min(1 << 60)).unwrap_or_default());
        let (least, most) = self.extent.unwrap_or((at_most, at_least));
        self.extent = Some((least.min(at_most), most.max(at_least)));
    }

    /// By how much the clock moved at least, in microseconds; 0 where it was only kept right.
    pub(super) fn micros(self) -> i64 {
        let moved = self.extent.map_or(0, |(least, most)| most.saturating_sub(least));
        if moved > KEPT_RIGHT { moved } else { 0 }
    }
}
