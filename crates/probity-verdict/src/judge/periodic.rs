//! `every` with a tolerance: something begins again and again. Starts are known from times that the target records, or
//! lie between two looks at which a fact differs.

mod changes;
mod planned;
mod recorded;

use probity_plan::model::Starts;
use probity_plan::units::Span;
use probity_plan::{Fact, Observation, Shows, Value};

use super::census::overall;
use super::clock;
use super::control::{self, Controls};
use super::room::SureRoom;
use super::subject::{Observed, Subject};
use super::tally::Tally;
use super::{Decision, Facts};
use crate::condition::{Evaluated, fact_of};
use crate::judgement::{
    CellFinding, Counts, Decided, FindingReason, Measured, Note, Outcome, Settle, Step, Unreadable,
};
use changes::Changes;
use recorded::{Heard, Recorded};

/// The least and the greatest gap allowed, in microseconds.
#[derive(Clone, Copy)]
struct Limits {
    least: i64,
    greatest: i64,
}

/// The gaps that were seen.
#[derive(Clone, Default)]
struct Gaps {
    within: u64,
    outside: u64,
    /// Between starts that are known, but perhaps not within tolerance, or with another start in between.
    unsure: u64,
    /// Least and greatest of the gaps within or outside, in microseconds.
    extent: Option<(i64, i64)>,
    /// Nothing began for longer than the greatest gap.
    silent: bool,
    /// Some of what was recorded is no time, or one that is still to come.
    unclear: bool,
    /// More starts than are kept.
    too_many: bool,
}

pub(super) use planned::check as check_planned;

#[derive(Clone)]
pub(super) struct Periodic {
    every: Span,
    tolerance: Span,
    periods: u32,
    fact: String,
    /// What is read for it.
    read: &'static str,
    cells: Vec<Cell>,
    limits: Limits,
    /// Looks that saw the fact, and looks that did not.
    looks: [u64; 2],
    /// Whether the last look at each cell saw the fact.
    last_saw: Vec<bool>,
    /// For each cell what its looks were: denials, where the fact says something that they could have kept from it.
    tallies: Vec<Tally>,
}

/// When a look was made: from the start of the run (microseconds), by the observer's clock, and for how long
/// (microseconds).
#[derive(Clone, Copy)]
struct Look {
    began: i64,
    started: jiff::Timestamp,
    took: i64,
    /// How much later it may have begun.
    slack: u64,
}

#[derive(Clone)]
enum Cell {
    Recorded(Recorded),
    Changes(Changes),
}

impl Cell {
    fn gaps(&self) -> Gaps {
        match self {
            Self::Recorded(recorded) => recorded.gaps(),
            Self::Changes(changes) => changes.gaps(),
        }
    }

    /// Whether looks saw a record of which the beginning of the window is not there.
    fn begins_within(&self) -> bool {
        match self {
            Self::Recorded(recorded) => recorded.seen() && !recorded.covers_its_window(),
            Self::Changes(_) => false,
        }
    }

    /// How far the clock moved by which the starts may be recorded, in microseconds.
    fn moved(&self) -> Option<i64> {
        match self {
            Self::Recorded(recorded) => Some(recorded.moved()),
            Self::Changes(_) => None,
        }
    }
}

impl Periodic {
    pub(super) fn new(
        every: Span,
        tolerance: Span,
        periods: u32,
        starts: &Starts,
        subject: &Subject,
    ) -> Result<Self, Unreadable> {
        let (Starts::Recorded(fact) | Starts::Changes(fact)) = starts;
        let Some(spec) = subject.probe.spec().fact(fact) else {
            return Err(Unreadable::NoFact {
                kind: subject.probe.spec().name.to_owned(),
                fact: fact.clone(),
            });
        };
        let read = match (starts, spec.window) {
            (Starts::Recorded(_), Some(window)) => window.found,
            _ => spec.name,
        };
        let micros = |span: Span| i64::try_from(span.0.as_micros()).unwrap_or(i64::MAX / 4);
        let limits =
            Limits { least: micros(every) - micros(tolerance), greatest: micros(every) + micros(tolerance) };
        let cell = |_| match starts {
            Starts::Recorded(_) => Cell::Recorded(Recorded::new(limits)),
            Starts::Changes(_) => Cell::Changes(Changes::new(limits)),
        };
        let cells = (0..subject.width()).map(cell).collect();
        Ok(Self {
            every,
            tolerance,
            periods: periods.max(1),
            fact: fact.clone(),
            read,
            cells,
            limits,
            looks: [0; 2],
            last_saw: vec![false; subject.width()],
            tallies: vec![Tally::default(); subject.width()],
        })
    }

    /// Whether the last planned look of a cell was made and saw the fact.
    fn ended(&self, cell: usize, subject: &Subject) -> bool {
        self.last_saw[cell] && subject.saw_last(cell)
    }

    /// What a cell's gaps say, each denial taken as one that counts.
    fn outcome(&self, cell: usize, gaps: &Gaps, subject: &Subject) -> Outcome {
        let clear = gaps.unsure == 0 && !gaps.too_many && !gaps.unclear && self.ended(cell, subject);
        if gaps.outside > 0 || gaps.silent {
            Outcome::Fails
        } else if clear && gaps.within >= u64::from(self.periods) {
            Outcome::Holds
        } else {
            Outcome::Undetermined
        }
    }

    fn settle(&self, subject: &Subject, gaps: &Gaps, controls: &Controls) -> Settle {
        let mut steps = subject.see_past_barriers();
        steps.extend(controls.step(subject, &self.tallies));
        if gaps.unsure > 0 {
            steps.push(Step::LookEvery { every: self.tolerance });
        }
        // One period more: the first start is waited for.
        let watch = self.periods.saturating_add(1);
        steps.push(Step::Watch { lasting: Span(self.every.0.saturating_mul(watch)) });
        Settle::by(steps)
    }

    fn reason(
        &self,
        outcome: Outcome,
        subject: &Subject,
        gaps: &Gaps,
        fewest: u64,
        cut: bool,
        denied: bool,
    ) -> FindingReason {
        let periods = u64::from(self.periods);
        match outcome {
            Outcome::Holds => FindingReason::GapsWithin { gaps: gaps.within },
            Outcome::NotApplicable => FindingReason::NothingAccepted,
            Outcome::Fails if gaps.silent => FindingReason::Silent { first: subject.example().cloned() },
            Outcome::Fails => FindingReason::GapsOutside {
                outside: gaps.outside,
                gaps: gaps.counts().planned,
                least_us: self.limits.least,
                greatest_us: self.limits.greatest,
            },
            Outcome::Undetermined if gaps.unclear => FindingReason::RecordUnclear,
            Outcome::Undetermined if denied => FindingReason::DenialsAlone,
            Outcome::Undetermined if cut && fewest >= periods => FindingReason::LastLookUnseen,
            Outcome::Undetermined if gaps.too_many => FindingReason::TooManyStarts,
            Outcome::Undetermined if gaps.unsure > 0 => {
                FindingReason::GapsUnsure { within: fewest, unsure: gaps.unsure }
            }
            Outcome::Undetermined => FindingReason::TooFewGaps { within: fewest, periods },
        }
    }

    /// Times that the target records show what the fact shows; changes that were seen, what its change shows.
    fn shows(&self, subject: &Subject, gaps: &Gaps) -> Option<Shows> {
        let changed = gaps.within + gaps.outside + gaps.unsure > 0;
        let shows = |changed| subject.probe.spec().shows_of(&self.fact, changed);
        let seen = self.cells.iter().any(|cell| match cell {
            Cell::Recorded(recorded) => recorded.seen(),
            Cell::Changes(changes) => changes.seen(),
        });
        match self.cells.first() {
            Some(Cell::Changes(_)) if changed => shows(true),
            _ => shows(false).filter(|_| seen),
        }
    }
}

impl SureRoom for Periodic {
    fn observe(&mut self, look: &Observed, meant: bool, subject: &mut Subject) {
        if !meant {
            self.last_saw[look.cell] &= !subject.selects_by_sight();
            return;
        }
        let observation = look.observation;
        control::count(&mut self.tallies[look.cell], subject, observation, &[self.fact.as_str()]);
        self.last_saw[look.cell] = false;
        let value = match fact_of(observation, self.read) {
            Fact::Known(value) => value,
            Fact::Unknown(blocked) => {
                self.looks[1] += 1;
                let met = vec![(self.fact.clone(), blocked)];
                return subject.note_unknown(look.entry, &Evaluated::blocked(met));
            }
        };
        self.looks[0] += 1;
        self.last_saw[look.cell] = true;
        let began = clock::began(observation);
        let took = i64::try_from(observation.duration_us.min(1 << 60)).unwrap_or(0);
        let heard = match &mut self.cells[look.cell] {
            Cell::Recorded(recorded) => {
                let slack = clock::slack(observation);
                let look = Look { began, started: observation.started, took, slack };
                recorded.look(look, covered_from(subject, observation, &self.fact), &value)
            }
            Cell::Changes(changes) => {
                changes.look(began, began.saturating_add(took), value).map(Heard::Against)
            }
        };
        match heard {
            Some(Heard::Against(why)) => subject.note_false(look.entry, || why),
            Some(Heard::Unclear(why)) => {
                subject.note_undecided(look.entry);
                subject.note_unclear(why);
            }
            None => {}
        }
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let mut cells = Vec::new();
        let mut all = Gaps::default();
        let mut fewest: Option<u64> = None;
        let mut cut = false;
        let controls = Controls::of(subject, facts, &self.tallies, |at, tally| {
            tally.denials() == 0 && self.outcome(at, &self.cells[at].gaps(), subject) == Outcome::Holds
        });
        let denied = controls.lacking(&self.tallies);
        for (at, cell) in self.cells.iter().enumerate() {
            if subject.excluded(at) {
                continue;
            }
            let gaps = cell.gaps();
            let outcome = controls.hold_back(self.outcome(at, &gaps, subject), at, &self.tallies[at]);
            cut |= !self.ended(at, subject);
            fewest = Some(fewest.unwrap_or(u64::MAX).min(gaps.within));
            cells.push(CellFinding { cell: subject.name(at), outcome, counts: gaps.counts(), bounds: None });
            all.join(&gaps);
        }
        // Something is always planned to be seen, unless every row is excluded.
        let planned = Counts { planned: cells.len() as u64, ..Counts::default() };
        let outcome = overall(&cells, &planned, subject);
        let shows = self.shows(subject, &all);
        let mut notes = vec![Note::BetweenLooksUnseen];
        let missing: u64 = (0..self.cells.len()).map(|cell| subject.missing(cell)).sum();
        let unseen = self.looks[1] + missing;
        if outcome == Outcome::Holds && unseen > 0 {
            notes.push(Note::LooksUnseen { looks: unseen, of: self.looks[0] + unseen });
        }
        notes.extend(controls.note_unnamed(subject, &self.tallies));
        let windowed = subject.probe.spec().fact(&self.fact).is_some_and(|fact| fact.window.is_some());
        if windowed && self.cells.iter().any(Cell::begins_within) {
            notes.push(Note::RecordBeginsWithin);
        }
        let moved_us = self.cells.iter().filter_map(Cell::moved).max().unwrap_or(0);
        if moved_us > 0 {
            notes.push(Note::ClockMoved { moved_us });
        }
        Decision {
            outcome,
            by_error: false,
            // What is a beginning beside denials may be none without them.
            by_denial: outcome == Outcome::Fails && denied,
            reason: self.reason(outcome, subject, &all, fewest.unwrap_or(0), cut, denied),
            measured: Some(Measured::Gaps { gaps: all.counts().planned, extent_us: all.extent }),
            decided: Decided::Periodic {
                every: self.every,
                tolerance: self.tolerance,
                periods: self.periods,
                fact: self.fact.clone(),
                changes: matches!(self.cells.first(), Some(Cell::Changes(_))),
                filter: subject.filter_text(),
            },
            bounds: None,
            counts: all.counts(),
            cells: if self.cells.len() > 1 { cells } else { Vec::new() },
            notes,
            settle: (outcome == Outcome::Undetermined).then(|| self.settle(subject, &all, &controls)),
            shows,
        }
    }
}

impl Gaps {
    /// Adds a gap known to be at least `least` and at most `greatest` long.
    fn add(&mut self, least: i64, greatest: i64, limits: Limits) {
        if least >= limits.least && greatest <= limits.greatest {
            self.within += 1;
        } else if greatest < limits.least || least > limits.greatest {
            self.outside += 1;
        } else {
            self.unsure += 1;
            return;
        }
        let extent = self.extent.unwrap_or((least, greatest));
        self.extent = Some((extent.0.min(least), extent.1.max(greatest)));
    }

    /// Adds a gap that had not ended after so long: it can only be too long.
    fn add_open(&mut self, least: i64, limits: Limits) {
        if least > limits.greatest {
            self.outside += 1;
            let extent = self.extent.unwrap_or((least, least));
            self.extent = Some((extent.0.min(least), extent.1.max(least)));
        }
    }

    fn join(&mut self, other: &Self) {
        self.unclear |= other.unclear;
        self.within += other.within;
        self.outside += other.outside;
        self.unsure += other.unsure;
        self.silent |= other.silent;
        self.too_many |= other.too_many;
        self.extent = match (self.extent, other.extent) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    fn counts(&self) -> Counts {
        Counts {
            planned: self.within + self.outside + self.unsure,
            successes: self.within,
            failures: self.outside,
            unsure: 0,
            blocked: self.unsure,
        }
    }
}

/// Where the window of a record begins, in microseconds, if the record reaches back so far.
fn covered_from(subject: &Subject, observation: &Observation, fact: &str) -> Option<i64> {
    let window = subject.probe.spec().fact(fact)?.window?;
    match (observation.facts.get(window.covered), observation.facts.get(window.start)) {
        (Some(Value::Bool(true)), Some(Value::Moment(start))) => Some(start.timestamp().as_microsecond()),
        _ => None,
    }
}
