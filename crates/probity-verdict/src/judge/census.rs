//! `check` alone: each observation satisfies it. A census of what was seen, never called a rate.

use super::control::Controls;
use super::denial::Grants;
use super::subject::{Membership, Observed, Subject, Trial};
use super::tally::{Answer, Misses, Tally};
use super::{Decision, Facts, Room, words};
use crate::condition::{Check, Evaluated};
use crate::judgement::{Against, CellFinding, Counts, Decided, FindingReason, Measured, Outcome, Settle};
use crate::truth::Truth4;
use probity_plan::Shows;

#[derive(Clone)]
pub(super) struct Census<'p> {
    check: &'p Check,
    tallies: Vec<Tally>,
}

impl<'p> Census<'p> {
    pub(super) fn new(check: &'p Check, width: usize) -> Self {
        Self { check, tallies: vec![Tally::default(); width] }
    }
}

impl Room for Census<'_> {
    fn observe(&mut self, trial: &Trial, subject: &mut Subject) {
        let look = &trial.look;
        let answer = match &trial.membership {
            Membership::Outside => return,
            Membership::Inside => ask(self.check, look, subject),
            // Of an observation that may not be meant, only what would speak against the claim counts, and that is then
            // not decided.
            Membership::Unknown(membership) => {
                let evaluated = subject.evaluate(self.check, look.observation);
                // A denial that satisfies the check would count only beside its control.
                if answer(&evaluated, || subject.denied(look.observation, self.check.reads()))
                    == Answer::Success
                {
                    subject.note_perhaps_meant();
                    return;
                }
                subject.note_unknown(look.entry, membership);
                Answer::Undecided
            }
        };
        self.tallies[look.cell].add(answer, None);
        if answer == Answer::Success {
            self.tallies[look.cell].grant(subject.granted(look.observation));
        }
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let missing = |cell| subject.missing(cell);
        let controls = Controls::of(subject, facts, &self.tallies, |cell, tally| {
            outcome_of(tally.counts(missing(cell), Grants::default(), Misses::All)) == Outcome::Holds
        });
        let shows = subject.weakest(self.check.reads()).filter(|_| seen_any(&self.tallies));
        let decided = |counts: Counts| Decided::Census {
            observations: counts.planned,
            check: self.check.text().to_owned(),
            filter: subject.filter_text(),
        };
        census(&self.tallies, subject, &controls, &missing, shows, &decided)
    }
}

/// What a look that is meant answers to a check, noted.
pub(super) fn ask(check: &Check, look: &Observed, subject: &mut Subject) -> Answer {
    let evaluated = subject.evaluate(check, look.observation);
    let answer = answer(&evaluated, || subject.denied(look.observation, check.reads()));
    note(subject, look.entry, answer, &evaluated, || words::seen(&evaluated, check, look.observation));
    answer
}

/// What an evaluation answers; `denied` says what the look denied.
pub(super) fn answer(evaluated: &Evaluated, denied: impl FnOnce() -> Option<probity_plan::Denied>) -> Answer {
    match evaluated.truth {
        Truth4::True => denied().map_or(Answer::Success, Answer::Denial),
        Truth4::False => denied().map_or(Answer::Failure, Answer::Refusal),
        Truth4::Unknown => Answer::Undecided,
        Truth4::Error => Answer::Error,
    }
}

pub(super) fn note(
    subject: &mut Subject,
    entry: u64,
    answer: Answer,
    evaluated: &Evaluated,
    why: impl FnOnce() -> Against,
) {
    match answer {
        Answer::Success => {}
        Answer::Denial(_) => subject.note_undecided(entry),
        Answer::Failure | Answer::Refusal(_) | Answer::Error => subject.note_false(entry, why),
        Answer::Undecided => subject.note_unknown(entry, evaluated),
    }
}

/// Whether anything was seen that decides.
pub(super) fn seen_any(tallies: &[Tally]) -> bool {
    tallies.iter().any(|tally| {
        let counts = tally.counts(0, Grants::of(|_| true), Misses::All);
        counts.successes + counts.failures > 0
    })
}

/// Every trial has to succeed.
fn outcome_of(counts: Counts) -> Outcome {
    match counts {
        Counts { failures: 1.., .. } => Outcome::Fails,
        Counts { blocked: 1.., .. } | Counts { planned: 0, .. } => Outcome::Undetermined,
        _ => Outcome::Holds,
    }
}

/// What a census decides.
pub(super) fn census(
    tallies: &[Tally],
    subject: &Subject,
    controls: &Controls,
    missing: &dyn Fn(usize) -> u64,
    shows: Option<Shows>,
    decided: &dyn Fn(Counts) -> Decided,
) -> Decision {
    let mut cells = Vec::new();
    let mut total = Counts::default();
    let (mut only_errors, mut surely_fails) = (true, false);
    for (cell, tally) in tallies.iter().enumerate() {
        let counts_of = |misses| tally.counts(missing(cell), controls.of_group(cell), misses);
        let counts = counts_of(Misses::All);
        // A row that is surely not meant says nothing; one of which everything was left out by what was seen is open.
        if counts.planned == 0 && subject.excluded(cell) {
            continue;
        }
        let outcome = outcome_of(counts);
        let fails_by = |misses| outcome_of(counts_of(misses)) == Outcome::Fails;
        only_errors &= !fails_by(Misses::WithoutErrors);
        surely_fails |= fails_by(Misses::Sure);
        total += &counts;
        cells.push(CellFinding { cell: subject.name(cell), outcome, counts, bounds: None });
    }
    let outcome = overall(&cells, &total, subject);
    let reason = match outcome {
        Outcome::Holds => FindingReason::AllSatisfy { observations: total.planned },
        Outcome::Fails => FindingReason::SomeDoNot {
            failures: total.failures,
            observations: total.planned,
            first: subject.example().cloned(),
        },
        Outcome::NotApplicable => FindingReason::NothingAccepted,
        Outcome::Undetermined if total.planned == 0 => subject.nothing_seen(),
        Outcome::Undetermined => some_undecided(&total, &cells, controls.lacking(tallies)),
    };
    let notes = controls.note(subject, tallies).into_iter().collect();
    Decision {
        outcome,
        by_error: outcome == Outcome::Fails && only_errors,
        by_denial: outcome == Outcome::Fails && !only_errors && !surely_fails,
        reason,
        measured: (total.planned > 0).then_some(Measured::Count {
            cell: None,
            successes: total.successes,
            of: total.planned,
        }),
        decided: decided(total),
        bounds: None,
        counts: total,
        cells: if subject.width() > 1 { cells } else { Vec::new() },
        notes,
        settle: (outcome == Outcome::Undetermined).then(|| {
            let mut steps = subject.see_past_barriers();
            steps.extend(controls.step(subject, tallies));
            if total.planned == 0 {
                steps.push(subject.look_at_something());
            } else if steps.is_empty() {
                steps.push(subject.step_of_reasons());
            }
            Settle::by(steps)
        }),
        shows,
    }
}

/// That some could not be decided.
pub(super) fn some_undecided(total: &Counts, cells: &[CellFinding], denials_alone: bool) -> FindingReason {
    FindingReason::SomeUndecided {
        undecided: total.blocked,
        observations: total.planned,
        empty_rows: cells.iter().filter(|cell| cell.counts.planned == 0).count() as u64,
        rows: cells.len() as u64,
        denials_alone,
    }
}

/// The outcome over all cells: one that fails is enough, one that is undetermined leaves it so. Nothing at all is fine only
/// where the claim says so and what is meant does not depend on what was seen.
pub(super) fn overall(cells: &[CellFinding], total: &Counts, subject: &Subject) -> Outcome {
    if cells.iter().any(|cell| cell.outcome == Outcome::Fails) {
        Outcome::Fails
    } else if total.planned == 0 {
        if subject.claim.empty_ok && !subject.selects_by_sight() {
            Outcome::NotApplicable
        } else {
            Outcome::Undetermined
        }
    } else if cells.iter().all(|cell| cell.outcome == Outcome::Holds) {
        Outcome::Holds
    } else {
        Outcome::Undetermined
    }
}
