//! Starts from times that the target records: the last one, or a list of the last ones.

use std::collections::BTreeMap;

use probity_plan::{Moment, Value};

use super::{Gaps, Limits, Look};
use crate::judge::clock::Shift;
use crate::judge::words;
use crate::judgement::{Against, Unclear};

/// The most starts that are kept.
const MAX_STARTS: usize = 100_000;
/// By so much, in microseconds, a time may be later than the look that saw it: records are to the whole second, rounded up
/// by some.
const MAX_AHEAD: i64 = 1_000_000;

#[derive(Clone)]
pub(super) struct Recorded {
    limits: Limits,
    /// The moments at which something started. Microseconds.
    starts: BTreeMap<i64, Start>,
    /// Where the record was covered from, by the first look that told.
    covered_from: Option<i64>,
    /// When the last look that saw the record began, by the run's clock and by the observer's, and when it ended.
    last_look: Option<(i64, i64)>,
    /// When the greatest start was first seen; or, without any, when the record was first looked at.
    since: i64,
    silent: bool,
    malformed: bool,
    too_many: bool,
    /// Times later than their look, which are no starts yet.
    ahead: u64,
    /// Of the observer's clock; where the target is the same machine, of the one that its record is made by.
    shift: Shift,
}

/// A moment at which something started.
#[derive(Clone, Copy, Default)]
struct Start {
    /// The one that comes next, where no other can lie between them unseen. Microseconds.
    next: Option<i64>,
    /// How many more starts one look saw at the same moment.
    more: u64,
}

impl Recorded {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            starts: BTreeMap::new(),
            covered_from: None,
            last_look: None,
            since: 0,
            silent: false,
            malformed: false,
            too_many: false,
            ahead: 0,
            shift: Shift::default(),
        }
    }

    /// Takes a look into account; what it says against the claim, or why it cannot count. `covered_from` is where the
    /// window of the record begins, if the record reaches back so far.
    pub(super) fn look(&mut self, look: Look, covered_from: Option<i64>, value: &Value) -> Option<Heard> {
        let Look { began, started, took, slack } = look;
        self.shift.look(started, began, slack);
        let Some(mut seen) = times(value) else {
            self.malformed = true;
            return Some(Heard::Unclear(Unclear::NotATime { value: words::value(value) }));
        };
        let ended = started.as_microsecond().saturating_add(took);
        let latest = ended.saturating_add(MAX_AHEAD).saturating_add(self.moved());
        let all = seen.len();
        seen.retain(|start| *start <= latest);
        let ahead = (all - seen.len()) as u64;
        self.ahead += ahead;
        seen.sort_unstable();
        let each: Vec<(i64, u64)> =
            seen.chunk_by(i64::eq).map(|same| (same[0], same.len() as u64 - 1)).collect();
        seen.dedup();
        if self.last_look.is_none() {
            self.covered_from = covered_from;
        }
        let before = self.starts.last_key_value().map(|(start, _)| *start);
        let fresh = seen.iter().any(|start| !self.starts.contains_key(start));
        // A start that was overwritten between two looks is not seen. If the looks are closer together than two starts
        // may be, such a start would itself be out of tolerance; then the two known ones are taken as neighbours.
        let close = self.last_look.is_some_and(|(last, _)| began - last <= self.limits.least);
        if let (Some(before), Some(first), true) = (before, seen.first(), close)
            && before < *first
        {
            self.link(before, *first);
        }
        for pair in seen.windows(2) {
            self.link(pair[0], pair[1]);
        }
        for (at, more) in each {
            self.keep(at);
            if let Some(start) = self.starts.get_mut(&at) {
                start.more = start.more.max(more);
            }
        }
        let newest = self.starts.last_key_value().map(|(start, _)| *start);
        // Where the clock was set back, a new start may be less than the greatest.
        let came = newest != before || (fresh && self.moved() > 0);
        if self.last_look.is_none() || came {
            self.since = began;
        }
        self.last_look = Some((began, ended));
        // By the observer's clock alone: the target's may be off.
        let waited = began - self.since;
        if waited > self.limits.greatest {
            self.silent = true;
            return Some(Heard::Against(Against::NothingRecorded { watch_us: waited }));
        }
        (ahead > 0).then_some(Heard::Unclear(Unclear::LaterThanLook { times: ahead }))
    }

    fn keep(&mut self, start: i64) {
        if self.starts.len() >= MAX_STARTS && !self.starts.contains_key(&start) {
            self.too_many = true;
        } else {
            self.starts.entry(start).or_default();
        }
    }

    fn link(&mut self, start: i64, next: i64) {
        self.keep(start);
        self.keep(next);
        if let Some(known) = self.starts.get_mut(&start) {
            known.next = Some(known.next.map_or(next, |known| known.min(next)));
        }
    }

    pub(super) fn gaps(&self) -> Gaps {
        let moved = self.moved();
        let mut gaps = Gaps {
            silent: self.silent,
            too_many: self.too_many,
            unclear: self.malformed || self.ahead > 0,
            ..Gaps::default()
        };
        for _ in 0..self.starts.values().map(|start| start.more).sum() {
            gaps.add(0, moved, self.limits);
        }
        for ((start, Start { next, .. }), (end, _)) in self.starts.iter().zip(self.starts.iter().skip(1)) {
            let gap = end - start;
            // Another start in between would only make it shorter.
            let sure = next.is_some_and(|next| next >= *end) || gap < self.limits.least;
            gaps.add(
                if sure { gap.saturating_sub(moved).max(0) } else { 0 },
                gap.saturating_add(moved),
                self.limits,
            );
        }
        // The stretches at both ends are gaps that had not ended: they can only be too long.
        let first = self.starts.first_key_value().map(|(start, _)| *start);
        let last = self.starts.last_key_value().map(|(start, _)| *start);
        let until = self.last_look.map(|(_, ended)| ended);
        let begin = self.covered_from.zip(first.or(until));
        for (from, to) in begin.into_iter().chain(last.zip(until)) {
            gaps.add_open(to.saturating_sub(from).saturating_sub(moved), self.limits);
        }
        gaps
    }

    pub(super) fn moved(&self) -> i64 {
        self.shift.micros()
    }

    /// Whether the record reached back to where its window began, when it was first looked at.
    pub(super) const fn covers_its_window(&self) -> bool {
        self.covered_from.is_some()
    }

    pub(super) fn seen(&self) -> bool {
        self.last_look.is_some()
    }
}

/// What a look said that does not speak for the claim.
pub(super) enum Heard {
    /// It speaks against it.
    Against(Against),
    /// It cannot be told what it says.
    Unclear(Unclear),
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
