//! `check` with `against`: one observation beside another. First and last look of one probe; or the looks of two probes,
//! slot by slot, or all with the only one of the other.

use std::collections::BTreeMap;

use probity_diagnostic::Level;
use probity_plan::{Barrier, Blocked, Cause, Denied, Fact, Observation, Plan, Probe, Shows, Value};

use super::admissible::Cells;
use super::census::{answer, census, note, seen_any};
use super::control::Controls;
use super::denial::ShownOfSides;
use super::room::SureRoom;
use super::subject::{self, Observed, Subject, seen_to_be_true};
use super::tally::{Answer, Tally};
use super::{Decision, Facts, words};
use crate::check::{Compiled, Problems, counted};
use crate::condition::{AGAINST, Check, Evaluated, fact_of};
use crate::judgement::{Against, Counts, Decided, Seen, Unclear, Unreadable};

/// What is held while its other side is waited for, in bytes, about: more is behind `too-large`.
const MAX_HELD: usize = 16 << 20;

#[derive(Clone)]
pub(super) struct Compare<'p> {
    check: &'p Check,
    pairing: Pairing,
    /// The own cell that has the row of each of the other probe's; none where that has no matrix: it stands beside every cell.
    rows: Option<Vec<Option<usize>>>,
    own_rows: usize,
    /// Whether the other one looks in the same trial, or neither is of trials: else it stands beside every trial.
    together: bool,
    other: OtherShows<'p>,
    cells: Vec<WaitingCell>,
    tallies: Vec<Tally>,
    held: usize,
    /// What the claim's control shows of each side.
    shown: ShownOfSides,
    /// Whether every pair that satisfied the check also differed in each fact that it reads of both.
    differed: Option<bool>,
}

/// What the other probe's facts show, and which of its values are denials, as needed later.
#[derive(Clone)]
struct OtherShows<'p> {
    probe: &'p Probe,
    weakest: Option<Shows>,
    both: Vec<String>,
}

#[derive(Clone)]
enum Pairing {
    FirstAndLast,
    OneForAll,
    SlotBySlot,
}

/// Observations of one cell whose other side has not come yet, by slot.
#[derive(Clone, Default)]
struct WaitingCell {
    own: BTreeMap<u32, ComparedLook>,
    against: BTreeMap<u32, ComparedLook>,
}

#[derive(Clone)]
struct ComparedLook {
    entry: u64,
    facts: BTreeMap<String, Fact>,
    /// What it denies as the claim's own look, and as the one beside it.
    denied: [Option<Denied>; 2],
}

/// Which look is compared with which has to be known, and there have to be two.
pub(super) fn check_planned(plan: &Plan, compiled: &Compiled<'_>, against: &str, found: &mut Problems) {
    let (name, of) = (&compiled.claim.name, &compiled.claim.of);
    if against == of && compiled.probe.schedule.slots() < 2 {
        let message =
            format!("`{name}` compares the first look of `{of}` with its last, and `{of}` looks once");
        let remedy = format!("let `{of}` look several times: `every` and `for`, or `repeat`");
        found.push(Level::Error, "one-look", &compiled.claim.at, message, remedy);
        return;
    }
    let Some(other) = plan.probe(against).filter(|_| compiled.claim.of != against) else { return };
    if other.planned() != 1 && !are_of_one_trial(compiled.probe, other) {
        let message = format!(
            "`{name}` compares looks of `{of}` with those of `{against}`, which belong to no trial of theirs, and which with which is not known"
        );
        let remedy = format!("compare within one trial, or let `{against}` look once in all");
        found.push(Level::Error, "compare", &compiled.claim.at, message, remedy);
        return;
    }
    let (own, other) = (compiled.probe.schedule.slots(), other.schedule.slots());
    if other != 1 && own != other {
        found.push(
            Level::Error,
            "compare",
            &compiled.claim.at,
            format!(
                "`{}` compares {} of `{}` with {other} of `{against}`, and which with which is not known",
                compiled.claim.name,
                counted(own.into(), "look"),
                compiled.claim.of
            ),
            format!("plan as many looks of both, or one of `{against}`"),
        );
    }
}

/// Whether what both saw in one trial is told by that, or neither is of trials.
fn are_of_one_trial(one: &Probe, other: &Probe) -> bool {
    let of = |probe: &Probe| probe.trial.as_ref().map(|group| group.name.clone());
    of(one) == of(other)
}

impl<'p> Compare<'p> {
    pub(super) fn new(
        check: &'p Check,
        subject: &Subject,
        other: &'p Probe,
        shown: ShownOfSides,
    ) -> Result<Self, Unreadable> {
        let own = subject.probe;
        let same = own.name == other.name;
        let (looks, together) = (other.schedule.slots(), are_of_one_trial(own, other));
        let pairing = if same {
            Pairing::FirstAndLast
        } else if other.planned() == 1 || together && looks == 1 {
            Pairing::OneForAll
        } else if together && looks == own.schedule.slots() {
            Pairing::SlotBySlot
        } else {
            return Err(Unreadable::NotPaired {
                probe: own.name.clone(),
                looks: own.planned(),
                other: other.name.clone(),
                other_looks: other.planned(),
            });
        };
        let both = check.reads().filter(|name| check.reads_against().any(|against| against == *name));
        let other_shows = OtherShows {
            probe: other,
            weakest: subject::weakest(other, check.reads_against()),
            both: both.map(ToOwned::to_owned).collect(),
        };
        Ok(Self {
            check,
            pairing,
            rows: (other.cells.len() > 1).then(|| {
                let cells = Cells::of(own);
                other.cells.iter().map(|cell| cells.find(&cell.row)).collect()
            }),
            other: other_shows,
            together,
            own_rows: own.cells.len(),
            cells: (0..subject.width()).map(|_| WaitingCell::default()).collect(),
            tallies: vec![Tally::default(); subject.width()],
            held: 0,
            shown,
            differed: None,
        })
    }

    /// Takes an observation of the claim's own probe into account.
    fn observe_own(&mut self, look: &Observed, subject: &mut Subject) {
        let slot = look.slot;
        let names = self.check.reads();
        let denied = [
            subject.denied(look.observation, self.check.reads()),
            subject.denied(look.observation, self.check.reads_against()),
        ];
        let kept = match self.pairing {
            // Either look may come to be the first or the last.
            Pairing::FirstAndLast => {
                keep(look.entry, look.observation, names.chain(self.check.reads_against()), denied)
            }
            _ => keep(look.entry, look.observation, names, denied),
        };
        match self.pairing {
            Pairing::FirstAndLast => {
                let own = &mut self.cells[look.cell].own;
                own.insert(slot, kept);
                if own.len() > 2
                    && let Some(middle) = own.keys().copied().nth(1)
                {
                    own.remove(&middle);
                }
            }
            Pairing::OneForAll => match self.cells[look.cell].against.remove(&0) {
                Some(against) => {
                    self.pair(look.cell, &kept, &against, subject);
                    self.cells[look.cell].against.insert(0, against);
                }
                None => self.hold(look.cell, slot, kept, true, subject),
            },
            Pairing::SlotBySlot => match self.cells[look.cell].against.remove(&slot) {
                Some(against) => {
                    self.held = self.held.saturating_sub(against.size());
                    self.pair(look.cell, &kept, &against, subject);
                }
                None => self.hold(look.cell, slot, kept, true, subject),
            },
        }
    }

    fn hold(&mut self, cell: usize, slot: u32, kept: ComparedLook, own: bool, subject: &mut Subject) {
        let size = kept.size();
        if self.held + size > MAX_HELD {
            let blocked = Blocked::by(Cause::TooManyWaited);
            // The other side, if it is the one that is dropped, leaves its partner without one at the end.
            if own {
                self.undecided(
                    cell,
                    kept.entry,
                    &Evaluated::blocked(vec![("*".to_owned(), blocked)]),
                    subject,
                );
            }
            return;
        }
        self.held += size;
        let held = &mut self.cells[cell];
        if own { &mut held.own } else { &mut held.against }.insert(slot, kept);
    }

    fn pair(&mut self, cell: usize, own: &ComparedLook, against: &ComparedLook, subject: &mut Subject) {
        let fact = |name: &str| match name.strip_prefix(AGAINST) {
            Some(name) => against.facts.get(name),
            None => own.facts.get(name),
        };
        let evaluated = self.check.evaluate_kept(&fact, &mut subject.budget);
        let evaluated =
            seen_to_be_true(evaluated, subject.probe, self.check.reads(), &|name| own.unknown(name));
        let evaluated = seen_to_be_true(evaluated, self.other.probe, self.check.reads_against(), &|name| {
            against.unknown(name)
        });
        let answer = answer(&evaluated, || self.denied(own.denied[0], against.denied[1]));
        if matches!(answer, Answer::Success | Answer::Denial(_)) {
            let differs = self.other.both.iter().all(|name| own.facts.get(name) != against.facts.get(name));
            self.differed = Some(self.differed.unwrap_or(true) && differs);
        }
        note(subject, own.entry, answer, &evaluated, || {
            let names = self.check.reads().map(ToOwned::to_owned);
            let against = self.check.reads_against().map(|name| format!("{AGAINST}{name}"));
            let seen = names.chain(against).filter_map(|name| match fact(&name) {
                Some(Fact::Known(value)) => Some(Seen { value: words::value(value), what: name }),
                Some(Fact::Unknown(_)) | None => None,
            });
            Against::Compared { seen: seen.take(4).collect(), reasons: evaluated.reasons.clone() }
        });
        self.tallies[cell].add(answer, None);
    }

    /// What a pair denies: where the control can say nothing of one of the two, what nothing grants.
    fn denied(&self, own: Option<Denied>, against: Option<Denied>) -> Option<Denied> {
        let shown = own.is_none_or(|what| self.shown.own.includes(what))
            && against.is_none_or(|what| self.shown.against.includes(what));
        own.or(against).map(|what| if shown { what } else { Denied::Answer })
    }

    fn undecided(&mut self, cell: usize, entry: u64, evaluated: &Evaluated, subject: &mut Subject) {
        subject.note_unknown(entry, evaluated);
        self.tallies[cell].add(Answer::Undecided, None);
    }

    /// A fact that really differs between the two shows what its change shows.
    fn shows(&self, subject: &Subject) -> Option<Shows> {
        if self.differed != Some(true) {
            return [subject.weakest(self.check.reads()), self.other.weakest].into_iter().flatten().min();
        }
        let of_change = |probe: &Probe, name: &str| {
            probe.spec().shows_of(name, self.other.both.iter().any(|both| both == name))
        };
        let own = self.check.reads().filter_map(|name| of_change(subject.probe, name));
        let against = self.check.reads_against().filter_map(|name| of_change(self.other.probe, name));
        own.chain(against).min()
    }
}

impl SureRoom for Compare<'_> {
    fn observe(&mut self, look: &Observed, meant: bool, subject: &mut Subject) {
        if meant {
            self.observe_own(look, subject);
        }
    }

    /// Takes an observation of the other probe into account.
    fn observe_against(&mut self, look: &Observed, subject: &mut Subject) {
        let (entry, observation) = (look.entry, look.observation);
        if observation.superseded {
            return;
        }
        let (others, all) = (self.other.probe.cells.len(), self.cells.len() / self.own_rows);
        let (trial, row) = (look.cell / others, look.cell % others);
        let rows: Vec<usize> = match &self.rows {
            None => (0..self.own_rows).collect(),
            Some(own) => own[row].into_iter().collect(),
        };
        let trials = if self.together { trial..trial + 1 } else { 0..all };
        let own_rows = self.own_rows;
        let cells = trials.flat_map(|trial| rows.iter().map(move |row| trial * own_rows + row));
        let cells: Vec<usize> = cells.collect();
        if !cells.is_empty() {
            subject.also(entry);
        }
        let slot = look.slot;
        for cell in cells {
            let denied = subject::denied(self.other.probe, observation, self.check.reads_against());
            let kept = keep(entry, observation, self.check.reads_against(), [None, denied]);
            match self.pairing {
                Pairing::FirstAndLast => {}
                Pairing::OneForAll => {
                    for own in std::mem::take(&mut self.cells[cell].own).into_values() {
                        self.held = self.held.saturating_sub(own.size());
                        self.pair(cell, &own, &kept, subject);
                    }
                    self.cells[cell].against.entry(0).or_insert(kept);
                }
                Pairing::SlotBySlot => match self.cells[cell].own.remove(&slot) {
                    Some(own) => {
                        self.held = self.held.saturating_sub(own.size());
                        self.pair(cell, &own, &kept, subject);
                    }
                    None => self.hold(cell, slot, kept, false, subject),
                },
            }
        }
    }

    /// No more observations come: what waits for its other side waits in vain.
    fn finish(&mut self, subject: &mut Subject) {
        let last_slot = subject.planned().saturating_sub(1);
        for cell in 0..self.cells.len() {
            let own = std::mem::take(&mut self.cells[cell].own);
            if !matches!(self.pairing, Pairing::FirstAndLast) {
                for kept in own.into_values() {
                    let blocked = Blocked::by(Cause::NotBeside { probe: self.other.probe.name.clone() });
                    self.undecided(
                        cell,
                        kept.entry,
                        &Evaluated::blocked(vec![("against".to_owned(), blocked)]),
                        subject,
                    );
                }
                continue;
            }
            match (own.first_key_value(), own.last_key_value()) {
                // The last look beside the first: before and after.
                (Some((0, first)), Some((last, after))) if *last == last_slot && *last > 0 => {
                    self.pair(cell, after, first, subject);
                }
                (Some(_), Some((_, some))) => {
                    subject.note_unclear(Unclear::NoFirstAndLast);
                    self.undecided(cell, some.entry, &Evaluated::blocked(Vec::new()), subject);
                }
                _ if subject.missing(cell) > 0 => self.tallies[cell].add(Answer::Undecided, None),
                _ => {}
            }
        }
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let first_and_last = matches!(self.pairing, Pairing::FirstAndLast);
        let missing = |cell| if first_and_last { 0 } else { subject.missing(cell) };
        let shows = self.shows(subject).filter(|_| seen_any(&self.tallies));
        let decided = |counts: Counts| {
            let (check, filter) = (self.check.text().to_owned(), subject.filter_text());
            if first_and_last {
                Decided::FirstAndLast { probe: subject.probe.name.clone(), check, filter }
            } else {
                Decided::Beside {
                    probe: self.other.probe.name.clone(),
                    observations: counts.planned,
                    check,
                    filter,
                }
            }
        };
        census(&self.tallies, subject, &Controls::named(facts, &self.tallies), &missing, shows, &decided)
    }
}

impl ComparedLook {
    /// Why a fact is not known.
    fn unknown(&self, name: &str) -> Option<Blocked> {
        match self.facts.get(name) {
            Some(Fact::Known(_)) => None,
            Some(Fact::Unknown(blocked)) => Some(blocked.clone()),
            None => Some(Blocked::new(Barrier::NotMade, "")),
        }
    }

    fn size(&self) -> usize {
        let of = |fact: &Fact| match fact {
            Fact::Known(value) => size(value),
            Fact::Unknown(blocked) => blocked.detail.len(),
        };
        128 + self.facts.iter().map(|(name, fact)| 96 + name.len() + of(fact)).sum::<usize>()
    }
}

fn keep<'a>(
    entry: u64,
    observation: &Observation,
    names: impl Iterator<Item = &'a str>,
    denied: [Option<Denied>; 2],
) -> ComparedLook {
    let facts = names.map(|name| (name.to_owned(), fact_of(observation, name))).collect();
    ComparedLook { entry, facts, denied }
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => 32 + text.len(),
        Value::List(list) => 32 + list.iter().map(size).sum::<usize>(),
        Value::Map(map) => 32 + map.iter().map(|(key, value)| 64 + key.len() + size(value)).sum::<usize>(),
        _ => 32,
    }
}
