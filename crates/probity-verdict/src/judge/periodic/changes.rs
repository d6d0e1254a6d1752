//! Starts that lie between two looks at which a fact differs: known as intervals.

use probity_plan::Value;

use super::{Gaps, Limits};
use crate::judgement::Against;

#[derive(Clone)]
pub(super) struct Changes {
    limits: Limits,
    /// The last look: what was seen, and when it began and ended.
    last: Option<(Value, i64, i64)>,
    /// When the first look with this value ended.
    since: i64,
    /// The last start: it lies between these.
    start: Option<(i64, i64)>,
    /// Whether two looks since then, or the two round it, were so far apart that a start may lie between them unseen.
    loose: bool,
    gaps: Gaps,
}

impl Changes {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, last: None, since: 0, start: None, loose: false, gaps: Gaps::default() }
    }

    /// Takes a look into account; what it says if it speaks against the claim. Microseconds.
    pub(super) fn look(&mut self, began: i64, ended: i64, value: Value) -> Option<Against> {
        let Some((before, last_began, _)) = &self.last else {
            self.since = ended;
            self.last = Some((value, began, ended));
            return None;
        };
        let apart = ended - last_began > self.limits.least;
        self.loose |= apart;
        if *before == value {
            self.last = Some((value, began, ended));
            if apart {
                // It may have changed there and back.
                self.since = ended;
            }
            let waited = began - self.since;
            return (waited > self.limits.greatest).then(|| {
                self.gaps.silent = true;
                Against::NothingChanged { watch_us: waited }
            });
        }
        let start = (*last_began, ended);
        if let Some(earlier) = self.start {
            let (least, greatest) = (start.0 - earlier.1, start.1 - earlier.0);
            // Another start in between would only make it shorter.
            self.gaps.add(if self.loose { 0 } else { least }, greatest, self.limits);
        }
        self.start = Some(start);
        self.loose = apart;
        self.since = ended;
        self.last = Some((value, began, ended));
        None
    }

    pub(super) fn gaps(&self) -> Gaps {
        self.gaps.clone()
    }

    pub(super) fn seen(&self) -> bool {
        self.last.is_some()
    }
}
