//! `stable`: named facts are the same in every sample, or differ by at most so much. A look that saw nothing of them leaves it
//! open. What happened between two samples is not seen; so samples may not be farther apart than two slots.

use probity_diagnostic::Level;
use probity_plan::{Blocked, Cause, Fact, Number, Shows, Value};

use super::census::{overall, some_undecided};
use super::control::{self, Controls};
use super::room::SureRoom;
use super::subject::{Observed, Subject, is_interval};
use super::tally::Tally;
use super::{Decision, Facts, clock, words};
use crate::check::{Compiled, Problems};
use crate::condition::{Evaluated, fact_of, masked};
use crate::judgement::{
    Against, CellFinding, Change, Counts, Decided, FindingReason, Measured, MeasuredFact, Note, Outcome,
    Settle, Step, Unreadable, Within,
};

#[derive(Clone)]
pub(super) struct Stable {
    facts: Vec<String>,
    /// Facts of which only an interval is known differ surely only if the intervals do not overlap.
    at_most: Option<f64>,
    intervals: bool,
    cells: Vec<Cell>,
    /// For each cell what its samples were: denials, where the facts say something that they could have kept from them.
    tallies: Vec<Tally>,
}

#[derive(Clone)]
struct Cell {
    samples: u64,
    changed: u64,
    /// Of these, how many differ only in that they are no numbers.
    unordered: u64,
    undecided: u64,
    /// The start (microseconds) of the last sample, or of an observation the claim is not about.
    last: Option<i64>,
    gap: bool,
    extents: Vec<Extent>,
    /// The samples without denials, once there is one.
    granted: Option<Granted>,
}

/// What the samples were that are no denials.
#[derive(Clone)]
struct Granted {
    extents: Vec<Extent>,
    changed: bool,
}

/// What one fact was over all samples.
#[derive(Clone, Default)]
struct Extent {
    first: Option<Value>,
    last: Option<Value>,
    changes: u64,
    /// Least and greatest lower end, least and greatest upper end; of numbers as near as doubles come.
    ends: Option<[f64; 4]>,
    /// The least and the greatest number.
    numbers: Option<(Number, Number)>,
    /// Whether there was an interval too, beside which numbers are compared as doubles.
    intervals: bool,
}

/// A plan that looks once says nothing of what stays the same.
pub(super) fn check_planned(compiled: &Compiled<'_>, found: &mut Problems) {
    let (name, of) = (&compiled.claim.name, &compiled.claim.of);
    if compiled.probe.schedule.slots() < 2 {
        let message = format!("`{name}` says that facts do not change, and `{of}` looks once");
        let remedy = format!("let `{of}` look several times: `every` and `for`, or `repeat`");
        found.push(Level::Error, "one-look", &compiled.claim.at, message, remedy);
    }
}

impl Stable {
    pub(super) fn new(facts: &[String], at_most: Option<f64>, subject: &Subject) -> Result<Self, Unreadable> {
        for fact in facts {
            if subject.probe.spec().fact(fact).is_none() {
                return Err(Unreadable::NoFact {
                    kind: subject.probe.spec().name.to_owned(),
                    fact: fact.clone(),
                });
            }
        }
        if facts.is_empty() {
            return Err(Unreadable::NoFacts);
        }
        let cell = || Cell {
            samples: 0,
            changed: 0,
            unordered: 0,
            undecided: 0,
            last: None,
            gap: false,
            extents: vec![Extent::default(); facts.len()],
            granted: None,
        };
        let intervals = facts.iter().any(|fact| is_interval(subject.probe, fact));
        let at_most = at_most.or(intervals.then_some(0.0));
        Ok(Self {
            facts: facts.to_vec(),
            at_most,
            intervals,
            cells: (0..subject.width()).map(|_| cell()).collect(),
            tallies: vec![Tally::default(); subject.width()],
        })
    }

    fn reason(
        &self,
        outcome: Outcome,
        subject: &Subject,
        samples: u64,
        gaps: bool,
        denied: bool,
        observations: u64,
    ) -> FindingReason {
        match outcome {
            Outcome::Holds => FindingReason::Stable { samples },
            Outcome::Fails => FindingReason::Changed { first: subject.example().cloned() },
            Outcome::NotApplicable => FindingReason::NothingAccepted,
            Outcome::Undetermined if samples == 0 => FindingReason::NoSample,
            Outcome::Undetermined if samples < 2 => FindingReason::OneSample,
            Outcome::Undetermined if gaps => FindingReason::Gap { samples, observations },
            Outcome::Undetermined if denied => FindingReason::DenialsAlone,
            Outcome::Undetermined => FindingReason::IntervalsOpen,
        }
    }

    fn measured(&self, samples: u64) -> Option<Measured> {
        let finite = |end: f64| end.is_finite().then_some(end);
        let facts = self.facts.iter().enumerate().map(|(at, fact)| {
            let extents = self.cells.iter().map(|cell| &cell.extents[at]);
            let ends = extents.clone().filter_map(|extent| extent.ends).reduce(wider);
            let range = ends.filter(|_| self.at_most.is_some());
            MeasuredFact {
                fact: fact.clone(),
                samples,
                changes: extents.map(|extent| extent.changes).sum(),
                range: range.map(|ends| (finite(ends[0]), finite(ends[3]))),
            }
        });
        (samples > 0).then(|| Measured::Facts { facts: facts.collect() })
    }

    /// A fact that was seen to differ shows what its change shows.
    fn shows(&self, subject: &Subject) -> Option<Shows> {
        let each = self.facts.iter().enumerate().filter_map(|(at, name)| {
            let changed = self.cells.iter().any(|cell| cell.extents[at].changes > 0);
            subject.probe.spec().shows_of(name, changed)
        });
        each.min()
    }
}

impl SureRoom for Stable {
    fn observe(&mut self, look: &Observed, meant: bool, subject: &mut Subject) {
        let cell = &mut self.cells[look.cell];
        let observation = look.observation;
        if !meant {
            // What is left out by what was seen is not seen: it leaves a gap.
            if subject.selects_by_sight() {
                cell.gap = true;
            } else {
                cell.step(observation, subject);
            }
            return;
        }
        let mut met = Vec::new();
        let mut values = Vec::new();
        for name in &self.facts {
            match fact_of(observation, name) {
                Fact::Known(value) if masked::hides(&value) => {
                    met.push((name.clone(), Blocked::by(Cause::MaskedAlike)));
                }
                Fact::Known(value) => values.push(value),
                Fact::Unknown(blocked) => met.push((name.clone(), blocked)),
            }
        }
        if !met.is_empty() {
            cell.undecided += 1;
            subject.note_unknown(look.entry, &Evaluated::blocked(met));
            return;
        }
        let facts: Vec<&str> = self.facts.iter().map(String::as_str).collect();
        let denied = control::count(&mut self.tallies[look.cell], subject, observation, &facts);
        cell.step(observation, subject);
        cell.samples += 1;
        if denied && cell.granted.is_none() {
            cell.granted = Some(Granted { extents: cell.extents.clone(), changed: cell.changed > 0 });
        } else if let (false, Some(granted)) = (denied, &mut cell.granted) {
            for (value, extent) in values.iter().zip(&mut granted.extents) {
                granted.changed |= extent.add(value, self.at_most).is_err();
            }
        }
        let mut against = Vec::new();
        for ((name, value), extent) in self.facts.iter().zip(values).zip(&mut cell.extents) {
            if let Err(before) = extent.add(&value, self.at_most) {
                against.push(Change {
                    fact: name.clone(),
                    value: words::value(&value),
                    before: before.as_ref().map(words::value),
                    not_a_number: self.at_most.is_some() && value.ends().is_none(),
                });
            }
        }
        if !against.is_empty() {
            cell.changed += 1;
            cell.unordered += u64::from(against.iter().all(|change| change.not_a_number));
            subject.note_false(look.entry, || Against::Changed { facts: against });
        }
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let mut cells = Vec::new();
        let mut total = Counts::default();
        let mut gaps = false;
        let planned = subject.planned();
        let controls = Controls::of(subject, facts, &self.tallies, |cell, tally| {
            tally.denials() == 0
                && self.cells[cell].outcome(self.at_most, subject.missing(cell)) == Outcome::Holds
        });
        let denied = controls.lacking(&self.tallies);
        for (at, cell) in self.cells.iter().enumerate() {
            let missing = subject.missing(at);
            let counts = Counts {
                planned: cell.samples + cell.undecided + missing,
                successes: cell.samples - cell.changed,
                failures: cell.changed,
                unsure: 0,
                blocked: cell.undecided + missing,
            };
            // A row that is surely not meant says nothing; one of which everything was left out by what was seen is open.
            if counts.planned == 0 && subject.excluded(at) {
                continue;
            }
            gaps |= cell.gap;
            let outcome = controls.hold_back(cell.outcome(self.at_most, missing), at, &self.tallies[at]);
            total += &counts;
            cells.push(CellFinding { cell: subject.name(at), outcome, counts, bounds: None });
        }
        let outcome = overall(&cells, &total, subject);
        let samples: u64 = self.cells.iter().map(|cell| cell.samples).sum();
        let shows = self.shows(subject).filter(|_| samples > 0);
        let within = match self.at_most {
            Some(_) if self.intervals && self.at_most == Some(0.0) => Within::NotSurelyDifferent,
            Some(most) => Within::AtMost { most },
            None => Within::Equal,
        };
        let reason = if outcome == Outcome::Undetermined && samples > 1 && total.blocked > 0 {
            some_undecided(&total, &cells, denied)
        } else {
            self.reason(outcome, subject, samples, gaps, denied, total.planned)
        };
        let mut notes = vec![Note::BetweenSamplesUnseen];
        notes.extend(controls.note_unnamed(subject, &self.tallies));
        Decision {
            outcome,
            reason,
            measured: self.measured(samples),
            by_error: outcome == Outcome::Fails
                && self.cells.iter().all(|cell| cell.changed == cell.unordered),
            by_denial: outcome == Outcome::Fails
                && denied
                && !self.cells.iter().any(Cell::changed_without_denials),
            decided: Decided::Stable {
                facts: self.facts.clone(),
                within,
                observations: total.planned,
                filter: subject.filter_text(),
            },
            bounds: None,
            counts: total,
            cells: if self.cells.len() > 1 { cells } else { Vec::new() },
            notes,
            settle: (outcome == Outcome::Undetermined).then(|| {
                let mut steps = subject.see_past_barriers();
                steps.extend(controls.step(subject, &self.tallies));
                if planned < 2 {
                    steps.push(Step::PlanTwoLooks);
                } else if gaps && steps.is_empty() {
                    steps.push(Step::LookWithoutGaps);
                } else if steps.is_empty() {
                    steps.push(Step::MeasureBetter);
                }
                Settle::by(steps)
            }),
            shows,
        }
    }
}

impl Cell {
    /// Whether its samples differ also where they are no denials.
    fn changed_without_denials(&self) -> bool {
        self.granted.as_ref().map_or(self.changed > 0, |granted| granted.changed)
    }

    /// What its samples say, each denial taken as one that counts, beside so many looks that were never made.
    fn outcome(&self, at_most: Option<f64>, missing: u64) -> Outcome {
        let surely = |extent: &Extent| at_most.is_none_or(|most| extent.within(most) == Some(true));
        if self.changed > 0 {
            Outcome::Fails
        } else if self.samples < 2
            || self.undecided + missing > 0
            || self.gap
            || !self.extents.iter().all(surely)
        {
            Outcome::Undetermined
        } else {
            Outcome::Holds
        }
    }

    /// Goes on to an observation; more than two slots' time since the last one leaves a gap.
    fn step(&mut self, observation: &probity_plan::Observation, subject: &Subject) {
        let began = clock::began(observation);
        if let (Some(every), Some(last_began)) = (subject.probe.schedule.every, self.last) {
            // Half a slot is left for what looks begin early or late.
            let most = every.0.as_micros() * 5 / 2;
            self.gap |= u128::try_from(began - last_began).is_ok_and(|passed| passed > most);
        }
        self.last = Some(began);
    }
}

impl Extent {
    /// Adds a sample; if it shows that the fact is not stable, the one before it is the error.
    fn add(&mut self, value: &Value, at_most: Option<f64>) -> Result<(), Option<Value>> {
        let first = self.last.is_none();
        let changed = self.last.as_ref().is_some_and(|last| last != value);
        self.changes += u64::from(changed);
        let stable = match at_most {
            None => self.first.as_ref().is_none_or(|first| first == value),
            Some(most) => self.reach(value) && self.within(most) != Some(false),
        };
        if self.first.is_none() {
            self.first = Some(value.clone());
        }
        let before = if changed || first { self.last.replace(value.clone()) } else { None };
        if stable {
            return Ok(());
        }
        Err(if changed || first { before } else { self.last.clone() })
    }

    /// Takes a sample into what it extends over; false if it is no number.
    fn reach(&mut self, value: &Value) -> bool {
        let Some((least, greatest)) = value.ends() else { return false };
        let ends = [least, least, greatest, greatest];
        self.ends = Some(self.ends.map_or(ends, |before| wider(before, ends)));
        match value {
            Value::Number(number) => {
                let (least, greatest) = self.numbers.get_or_insert_with(|| (number.clone(), number.clone()));
                if number < least {
                    *least = number.clone();
                } else if number > greatest {
                    *greatest = number.clone();
                }
            }
            _ => self.intervals = true,
        }
        true
    }

    /// Whether all samples are surely within so much of each other, or surely not; `None` if it may be either.
    fn within(&self, most: f64) -> Option<bool> {
        match (&self.numbers, self.ends) {
            (Some((least, greatest)), _) if !self.intervals => numbers_within(least, greatest, most),
            (_, Some(ends)) if ends[3] - ends[0] <= most => Some(true),
            // Even the greatest lower end and the least upper end are farther apart.
            (_, Some(ends)) => (ends[1] - ends[2] > most).then_some(false),
            (_, None) => Some(true),
        }
    }
}

/// Whether two numbers differ by at most so much: exactly, or as surely as doubles tell where they have too many digits.
fn numbers_within(least: &Number, greatest: &Number, most: f64) -> Option<bool> {
    if let (Some(apart), Some(most)) = (greatest.minus(least), Number::from_f64(most)) {
        return Some(apart <= most);
    }
    let (low, high) = (least.to_f64(), greatest.to_f64());
    if (high.next_up() - low.next_down()).next_up() <= most {
        return Some(true);
    }
    ((high.next_down() - low.next_up()).next_down() > most).then_some(false)
}

fn wider(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [a[0].min(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].max(b[3])]
}
