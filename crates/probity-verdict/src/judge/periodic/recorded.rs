//! Starts from times that the target records: the last one, or a list of the last ones.

use std::collections::BTreeMap;

use probity_plan::{Moment, Value};

use super::{Gaps, Limits, seconds};
use crate::judge::clock::Shift;

/// The most starts that are kept.
const MOST: usize = 100_000;

pub(super) struct Recorded {
    limits: Limits,
    /// Each start with the one that comes next, where no other can lie between them unseen. Microseconds.
    starts: BTreeMap<i64, Option<i64>>,
    /// When the last look that saw the record began.
    last_look: Option<i64>,
    /// When the greatest start was first seen; or, without any, when the record was first looked at.
    since: i64,
    silent: bool,
    malformed: bool,
    too_many: bool,
    /// Of the observer's clock; where the target is the same machine, of the one that its record is made by.
    shift: Shift,
}

impl Recorded {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            starts: BTreeMap::new(),
            last_look: None,
            since: 0,
            silent: false,
            malformed: false,
            too_many: false,
            shift: Shift::default(),
        }
    }

    /// Takes a look into account that began `began` microseconds into the run, at `started` by the observer's clock; the
    /// reason if it speaks against the claim.
    pub(super) fn look(&mut self, began: i64, started: jiff::Timestamp, value: &Value) -> Option<String> {
        self.shift.look(started, began);
        let Some(mut seen) = times(value) else {
            self.malformed = true;
            return Some(format!("{} is not a time, nor a list of times", super::words::value(value)));
        };
        seen.sort_unstable();
        seen.dedup();
        let before = self.starts.last_key_value().map(|(start, _)| *start);
        let fresh = seen.iter().any(|start| !self.starts.contains_key(start));
        // A start that was overwritten between two looks is not seen. If the looks are closer together than two starts
        // may be, such a start would itself be out of tolerance; then the two known ones are taken as neighbours.
        let close = self.last_look.is_some_and(|last| began - last <= self.limits.least);
        if let (Some(before), Some(first), true) = (before, seen.first(), close)
            && before < *first
        {
            self.link(before, *first);
        }
        for pair in seen.windows(2) {
            self.link(pair[0], pair[1]);
        }
        if let Some(last) = seen.last() {
            self.keep(*last);
        }
        let newest = self.starts.last_key_value().map(|(start, _)| *start);
        // Where the clock was set back, a new start may be less than the greatest.
        let came = newest != before || (fresh && self.moved() > 0);
        if self.last_look.is_none() || came {
            self.since = began;
        }
        self.last_look = Some(began);
        // By the observer's clock alone: the target's may be off.
        let waited = began - self.since;
        (waited > self.limits.greatest).then(|| {
            self.silent = true;
            format!("no start was recorded in a watch of {}", seconds(waited))
        })
    }

    fn keep(&mut self, start: i64) {
        if self.starts.len() >= MOST && !self.starts.contains_key(&start) {
            self.too_many = true;
        } else {
            self.starts.entry(start).or_insert(None);
        }
    }

    fn link(&mut self, start: i64, next: i64) {
        self.keep(start);
        self.keep(next);
        if let Some(known) = self.starts.get_mut(&start) {
            *known = Some(known.map_or(next, |known| known.min(next)));
        }
    }

    pub(super) fn gaps(&self) -> Gaps {
        let moved = self.moved();
        let mut gaps = Gaps { silent: self.silent, too_many: self.too_many, ..Gaps::default() };
        for ((start, next), (end, _)) in self.starts.iter().zip(self.starts.iter().skip(1)) {
            let gap = end - start;
            // Another start in between would only make it shorter.
            let sure = next.is_some_and(|next| next >= *end) || gap < self.limits.least;
            gaps.add(
                if sure { gap.saturating_sub(moved).max(0) } else { 0 },
                gap.saturating_add(moved),
                self.limits,
            );
        }
        gaps
    }

    pub(super) fn moved(&self) -> i64 {
        self.shift.micros()
    }

    pub(super) fn malformed(&self) -> bool {
        self.malformed
    }

    pub(super) fn seen(&self) -> bool {
        self.last_look.is_some()
    }
}

/// The times in a fact, in microseconds; nothing recorded yet is `null` or an empty list.
fn times(value: &Value) -> Option<Vec<i64>> {
    let time = |value: &Value| match value {
        Value::Moment(moment) => Some(moment.timestamp().as_microsecond()),
        // The plan's word is that it is a time.
        Value::Text(text) => Some(Moment::parse(text)?.timestamp().as_microsecond()),
        _ => None,
    };
    match value {
        Value::Null => Some(Vec::new()),
        Value::List(list) => list.iter().map(time).collect(),
        value => time(value).map(|time| vec![time]),
    }
}
