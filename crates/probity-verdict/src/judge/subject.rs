//! What a claim is about: which observations are its trials, in which cell of the matrix, which planned looks are
//! missing; and what was met on the way (barriers, reasons, entries). Must not know what is claimed.

use std::collections::BTreeMap;

use probity_plan::{Barrier, Blocked, Cause, Claim, Denied, Fact, FactType, Observation, Plan, Probe, Shows};

use super::admissible::Admitted;
use super::denial::Grants;
use super::ranges::Ranges;
use super::words;
use crate::condition::{Budget, Check, Evaluated, Reason, fact_of};
use crate::judgement::{Against, BarrierMet, Example, FindingReason, Note, Step, Unclear};
use crate::truth::Truth4;

/// The most entries that a finding points at.
const MAX_TELLING: usize = 20;

/// The most ranges of entries a finding names: entries of other probes lie between those of its own.
const MAX_RANGES: usize = 1000;

/// The most different reasons that are kept.
const MAX_REASONS: usize = 3;

#[derive(Clone)]
pub(super) struct Subject<'p> {
    pub(super) plan: &'p Plan,
    pub(super) claim: &'p Claim,
    pub(super) probe: &'p Probe,
    pub(super) filter: Option<&'p Check>,
    /// Whether each trial is looked at by itself, rather than being one of many.
    within: bool,
    /// Rows that alone, or with the slots that are planned, show that they are not what the claim is about.
    excluded: Vec<bool>,
    slots: Vec<Ranges>,
    entries: Ranges,
    failing: Vec<u64>,
    undecided: Vec<u64>,
    barriers: BTreeMap<(String, Barrier, Option<Cause>), (u64, String)>,
    unclear: Vec<Unclear>,
    example: Option<Example>,
    trials: u64,
    /// Observations of rows the claim is about that its `where` left out.
    left_out: u64,
    perhaps_meant: u64,
    retried: u64,
    unasked: Option<(u64, u64)>,
    /// Whether nothing is noted: what is then looked at has been noted already.
    pub(super) quiet: bool,
    /// What the claim's conditions may cost.
    pub(super) budget: Budget,
}

/// An observation with its entry in the log and its cell in the matrix of its probe.
#[derive(Clone, Copy)]
pub(super) struct Observed<'o> {
    pub(super) cell: usize,
    /// Which of the planned looks at this cell it is.
    pub(super) slot: u32,
    pub(super) entry: u64,
    pub(super) observation: &'o Observation,
}

/// A trial, or an observation that the claim is not about.
pub(super) struct Trial<'o> {
    pub(super) look: Observed<'o>,
    pub(super) membership: Membership,
}

/// Whether an observation is what the claim is about (`where`).
pub(super) enum Membership {
    Inside,
    Outside,
    Unknown(Evaluated),
}

impl<'p> Subject<'p> {
    /// What its `where` says of the rows alone is asked at the cost of `budget`.
    pub(super) fn new(
        plan: &'p Plan,
        claim: &'p Claim,
        probe: &'p Probe,
        filter: Option<&'p Check>,
        budget: &mut Budget,
    ) -> Self {
        let unseen = || Fact::Unknown(Blocked::new(Barrier::NotMade, ""));
        let excluded = probe
            .cells
            .iter()
            .map(|cell| {
                let of_row = |name: &str| {
                    // A kind's fact of the same name stands before the column.
                    let row = cell.row.get(name).filter(|_| probe.spec().fact(name).is_none());
                    row.map_or_else(unseen, |value| Fact::Known(value.clone()))
                };
                filter.is_some_and(|filter| {
                    filter.evaluate(&of_row, budget).truth == Truth4::False
                        || never_chosen(filter, probe, &of_row, budget)
                })
            })
            .collect();
        let within = !claim.form.is_of_single_looks();
        let trials = if within { probe.trials() as usize } else { 1 };
        Self {
            plan,
            claim,
            probe,
            filter,
            within,
            excluded,
            slots: vec![Ranges::default(); probe.cells.len() * trials],
            entries: Ranges::default(),
            failing: Vec::new(),
            undecided: Vec::new(),
            barriers: BTreeMap::new(),
            unclear: Vec::new(),
            example: None,
            trials: 0,
            left_out: 0,
            perhaps_meant: 0,
            retried: 0,
            unasked: None,
            quiet: false,
            budget: Budget::default(),
        }
    }

    /// How many cells there are: the rows of the probe, in each trial where each is looked at by itself.
    pub(super) fn width(&self) -> usize {
        self.slots.len()
    }

    /// How many looks are planned in each cell.
    pub(super) fn planned(&self) -> u32 {
        if self.within { self.probe.schedule.slots() } else { self.probe.planned() }
    }

    /// Where an observation belongs, of the claim's probe or of the other one.
    pub(super) fn place<'o>(
        &self,
        admitted: Admitted,
        entry: u64,
        observation: &'o Observation,
    ) -> Observed<'o> {
        let Admitted { row, trial } = admitted;
        let probe = if observation.probe == self.probe.name {
            Some(self.probe)
        } else {
            self.plan.probe(&observation.probe)
        };
        let (rows, slots) = probe.map_or((1, 1), |probe| (probe.cells.len(), probe.schedule.slots()));
        let (cell, slot) = if self.within {
            (trial as usize * rows + row, observation.slot)
        } else {
            (row, trial.saturating_mul(slots).saturating_add(observation.slot))
        };
        Observed { cell, slot, entry, observation }
    }

    /// A cell's trial and row, in words; empty without trials and without a matrix.
    pub(super) fn name(&self, cell: usize) -> String {
        let rows = self.probe.cells.len();
        let row = words::row(self.probe, &self.probe.cells[cell % rows].row);
        if !self.within || self.probe.trial.is_none() {
            return row;
        }
        format!("trial={} {row}", cell / rows).trim_end().to_owned()
    }

    /// Takes note of an observation of one of the claim's probes that no run of the plan yields.
    pub(super) fn note_unasked(&mut self, entry: u64) {
        let (count, first) = self.unasked.unwrap_or((0, entry));
        self.unasked = Some((count + 1, first));
    }

    /// Takes note of an observation that may not be meant, and changes nothing.
    pub(super) fn note_perhaps_meant(&mut self) {
        self.perhaps_meant += 1;
    }

    /// How many observations `where` left out by what was seen.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many observations no run of the plan yields, and the entry of the first.
    pub(super) fn unasked(&self) -> Option<(u64, u64)> {
        self.unasked
    }

    /// Takes note of an observation of the claim's probe; `None` if it is no trial.
    pub(super) fn admit<'o>(&mut self, look: Observed<'o>) -> Option<Trial<'o>> {
        let Observed { cell, slot, entry, observation } = look;
        self.entries.insert(entry);
        if observation.superseded {
            return None;
        }
        self.slots[cell].insert(slot.into());
        let membership = match self.filter.map(|filter| filter.of(observation, &mut self.budget)) {
            None => Membership::Inside,
            Some(evaluated) => match evaluated.truth {
                Truth4::True => Membership::Inside,
                Truth4::False => Membership::Outside,
                // What cannot be evaluated does not tell whether it is meant.
                Truth4::Unknown | Truth4::Error => Membership::Unknown(evaluated),
            },
        };
        if !matches!(membership, Membership::Outside) {
            self.trials += 1;
            self.retried += u64::from(observation.attempt > 1);
        } else if !self.excluded(cell) {
            self.left_out += 1;
        }
        Some(Trial { look, membership })
    }

    /// Takes note of another probe's entry that the claim rests on.
    pub(super) fn also(&mut self, entry: u64) {
        self.entries.insert(entry);
    }

    /// Planned looks of a cell that were never made and may be what the claim is about.
    pub(super) fn missing(&self, cell: usize) -> u64 {
        if self.excluded(cell) {
            return 0;
        }
        let planned = u64::from(self.planned());
        planned - self.slots[cell].count_below(planned)
    }

    /// Whether the last planned look of a cell was made.
    pub(super) fn saw_last(&self, cell: usize) -> bool {
        let planned = u64::from(self.planned());
        self.slots[cell].count_below(planned) > self.slots[cell].count_below(planned.saturating_sub(1))
    }

    /// Whether a cell's row, and the slots that are planned of it, show that the claim is not about it.
    pub(super) fn excluded(&self, cell: usize) -> bool {
        self.excluded[cell % self.excluded.len()]
    }

    pub(super) fn note_false(&mut self, entry: u64, against: impl FnOnce() -> Against) {
        if self.quiet {
            return;
        }
        if self.failing.len() < MAX_TELLING {
            self.failing.push(entry);
        }
        if self.example.is_none() {
            self.example = Some(Example { entry, against: against() });
        }
    }

    pub(super) fn note_unknown(&mut self, entry: u64, evaluated: &Evaluated) {
        if self.quiet {
            return;
        }
        self.note_undecided(entry);
        let mut seen: Vec<(&str, Barrier)> = Vec::new();
        for (fact, blocked) in &evaluated.met {
            // Twice in one observation is once.
            if !seen.contains(&(fact, blocked.barrier)) {
                seen.push((fact, blocked.barrier));
                self.note_barrier(fact, blocked, 1);
            }
        }
        for reason in &evaluated.reasons {
            self.note_unclear(Unclear::Condition { reason: reason.clone() });
        }
    }

    /// An entry that is not counted: a denial without its control.
    pub(super) fn note_undecided(&mut self, entry: u64) {
        if self.quiet {
            return;
        }
        if self.undecided.len() < MAX_TELLING {
            self.undecided.push(entry);
        }
    }

    pub(super) fn note_unclear(&mut self, unclear: Unclear) {
        if self.unclear.len() < MAX_REASONS && !self.unclear.contains(&unclear) {
            self.unclear.push(unclear);
        }
    }

    pub(super) fn note_barrier(&mut self, fact: &str, blocked: &Blocked, times: u64) {
        let met = self
            .barriers
            .entry((fact.to_owned(), blocked.barrier, blocked.cause.clone()))
            .or_insert_with(|| (0, blocked.detail.clone()));
        met.0 += times;
    }

    /// Takes note of the planned looks that were never made.
    pub(super) fn note_missing(&mut self, complete: bool) {
        let missing: u64 = (0..self.width()).map(|cell| self.missing(cell)).sum();
        if missing > 0 {
            let cause = if complete { Cause::NeverMade } else { Cause::NotCompleted };
            self.note_barrier("*", &Blocked::by(cause), missing);
        }
    }

    /// The first observation that spoke against the claim, with what was seen.
    pub(super) fn example(&self) -> Option<&Example> {
        self.example.as_ref()
    }

    /// Reasons other than barriers why something is not known.
    pub(super) fn unclear(&self) -> &[Unclear] {
        &self.unclear
    }

    /// What lets us see past the barriers met, if any were.
    pub(super) fn see_past_barriers(&self) -> Vec<Step> {
        if self.barriers.is_empty() { Vec::new() } else { vec![Step::SeePastBarriers] }
    }

    /// What would let a condition be told that is unknown without a barrier.
    pub(super) fn step_of_reasons(&self) -> Step {
        let Some(Unclear::Condition { reason }) = self.unclear.first() else { return Step::LookAgain };
        match reason {
            Reason::Masked => Step::ShowNoSecret,
            Reason::TooManySteps | Reason::JudgementTooLong => Step::Shorten,
            Reason::NotAMoment | Reason::NotAVersion { .. } => Step::CompareWhatItIs,
            _ => Step::LookAgain,
        }
    }

    /// That nothing was seen that the claim is about.
    pub(super) fn nothing_seen(&self) -> FindingReason {
        FindingReason::NothingSeen { left_out: self.selected().map(|(left_out, _)| left_out) }
    }

    /// What would let the claim be about something.
    pub(super) fn look_at_something(&self) -> Step {
        Step::LookAtSomething { left_out_by_what_was_seen: self.selects_by_sight() }
    }

    /// The claim's `where`, as the plan has it.
    pub(super) fn filter_text(&self) -> Option<String> {
        self.filter.map(|filter| filter.text().to_owned())
    }

    pub(super) fn barriers(&self) -> Vec<BarrierMet> {
        self.barriers
            .iter()
            .map(|((fact, barrier, cause), (times, detail))| BarrierMet {
                fact: fact.clone(),
                barrier: *barrier,
                cause: cause.clone(),
                times: *times,
                detail: detail.clone(),
            })
            .collect()
    }

    pub(super) fn entries(&self) -> Vec<(u64, u64)> {
        self.entries.to_vec(MAX_RANGES)
    }

    /// The entries that spoke against the claim, then those that were not decided, at most 20, ascending.
    pub(super) fn telling(&self) -> Vec<u64> {
        let mut telling: Vec<u64> =
            self.failing.iter().chain(&self.undecided).copied().take(MAX_TELLING).collect();
        telling.sort_unstable();
        telling.dedup();
        telling
    }

    /// Whether `where` reads what was seen, rather than only which row and slot it was.
    pub(super) fn selects_by_sight(&self) -> bool {
        self.filter.is_some_and(|filter| filter.reads_sight(self.probe).next().is_some())
    }

    /// What a check says of a look. It is true only of a look that saw something which it reads: row and slot are known of
    /// one that was never made.
    pub(super) fn evaluate(&mut self, check: &Check, observation: &Observation) -> Evaluated {
        let evaluated = check.of(observation, &mut self.budget);
        seen_to_be_true(evaluated, self.probe, check.reads(), &|name| {
            if observation.facts.contains_key(name) { None } else { unknown(fact_of(observation, name)) }
        })
    }

    /// How many observations were left out by what was seen, of all that there were.
    pub(super) fn selected(&self) -> Option<(u64, u64)> {
        (self.left_out > 0 && self.selects_by_sight()).then_some((self.left_out, self.left_out + self.trials))
    }

    /// What is said of every form.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut notes = Vec::new();
        let all = self.left_out + self.trials;
        if self.left_out > 0 {
            let (left_out, by_what_was_seen) = (self.left_out, self.selects_by_sight());
            notes.push(Note::LeftOut { left_out, of: all, by_what_was_seen });
        }
        if self.perhaps_meant > 0 {
            notes.push(Note::PerhapsMeant { observations: self.perhaps_meant, of: all });
        }
        if self.retried > 0 {
            notes.push(Note::Retried { retried: self.retried, of: self.trials });
        }
        if self.probe.declared_harmless {
            notes.push(Note::DeclaredHarmless {
                probe: self.probe.name.clone(),
                impact: self.probe.impact,
                floor: self.probe.nature(),
            });
        }
        if let Some((observations, first)) = self.unasked {
            notes.push(Note::NotOfThePlan { observations, first });
        }
        notes
    }

    /// The weakest thing that these facts of the claim's probe show; matrix columns, `attempt` and `slot` show nothing.
    pub(super) fn weakest<'a>(&self, facts: impl Iterator<Item = &'a str>) -> Option<Shows> {
        weakest(self.probe, facts)
    }

    /// What the look denied, if one of these facts says anything about it.
    pub(super) fn denied<'a>(
        &self,
        observation: &Observation,
        facts: impl Iterator<Item = &'a str>,
    ) -> Option<Denied> {
        denied(self.probe, observation, facts)
    }

    /// What the look was granted.
    pub(super) fn granted(&self, observation: &Observation) -> Grants {
        Grants::of(|what| self.probe.spec().granted(what, &observation.facts))
    }
}

/// Whether a `where` that reads nothing but columns and the slot leaves out every planned look of a row.
fn never_chosen(filter: &Check, probe: &Probe, of_row: &dyn Fn(&str) -> Fact, budget: &mut Budget) -> bool {
    let by_slot = filter.reads().any(|name| name == "slot") && filter.reads_sight(probe).next().is_none();
    by_slot
        && (0..probe.schedule.slots()).all(|slot| {
            let fact = |name: &str| if name == "slot" { Fact::Known(slot.into()) } else { of_row(name) };
            filter.evaluate(&fact, budget).truth == Truth4::False
        })
}

pub(super) fn weakest<'a>(probe: &Probe, facts: impl Iterator<Item = &'a str>) -> Option<Shows> {
    facts.filter_map(|name| probe.spec().shows_of(name, false)).min()
}

/// Why a fact is not known.
pub(super) fn unknown(fact: Fact) -> Option<Blocked> {
    match fact {
        Fact::Known(_) => None,
        Fact::Unknown(blocked) => Some(blocked),
    }
}

/// The same, or unknown if it is true and none of these facts of the probe was seen.
pub(super) fn seen_to_be_true<'a>(
    evaluated: Evaluated,
    probe: &Probe,
    names: impl Iterator<Item = &'a str>,
    unseen: &dyn Fn(&str) -> Option<Blocked>,
) -> Evaluated {
    if evaluated.truth != Truth4::True {
        return evaluated;
    }
    let mut met = Vec::new();
    for name in names.filter(|name| probe.spec().fact(name).is_some()) {
        match unseen(name) {
            None => return evaluated,
            Some(blocked) => met.push((name.to_owned(), blocked)),
        }
    }
    if met.is_empty() { evaluated } else { Evaluated::blocked(met) }
}

pub(super) fn denied<'a>(
    probe: &Probe,
    observation: &Observation,
    facts: impl Iterator<Item = &'a str>,
) -> Option<Denied> {
    let spec = probe.spec();
    // How many attempts there were says how `until` came out.
    let waits = probe.schedule.until.is_some();
    let read: Vec<&str> = facts.filter(|name| spec.states(name) || waits && *name == "attempt").collect();
    if read.is_empty() { None } else { spec.denial(&observation.facts, &read) }
}

/// Whether a fact is a measured interval.
pub(super) fn is_interval(probe: &Probe, fact: &str) -> bool {
    probe.spec().fact(fact).is_some_and(|fact| fact.ty == FactType::Interval)
}
