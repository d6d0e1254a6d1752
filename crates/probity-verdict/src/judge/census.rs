//! `check` alone: each observation satisfies it. A census of what was seen, never called a rate.

use super::control::Controls;
use super::denial::Shown;
use super::subject::{Membership, Subject, Trial};
use super::tally::{Answer, Tally};
use super::{Decision, Facts, Room, words};
use crate::condition::{Check, Evaluated};
use crate::judgement::{CellFinding, Counts, Outcome, Settle};
use crate::truth::Truth4;
use probity_plan::Shows;

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
        if let Some(answer) = ask(self.check, trial, subject) {
            self.tallies[trial.cell].add(answer, None);
            if answer == Answer::Success {
                self.tallies[trial.cell].grant(subject.granted(trial.observation));
            }
        }
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let missing = |cell| subject.missing(cell);
        let controls = Controls::of(subject, facts, &self.tallies, |cell, tally| {
            outcome_of(tally.counts(missing(cell), Shown::default())) == Outcome::Holds
        });
        let shows = subject.weakest(self.check.reads()).filter(|_| seen_any(&self.tallies));
        let text = |counts: Counts| {
            let looks = if counts.planned == 1 {
                "in the one observation".to_owned()
            } else {
                format!("in each of {} observations", counts.planned)
            };
            format!("{looks} {}{}: {}", words::shows(shows), words::filter(subject), self.check.text())
        };
        census(&self.tallies, subject, &controls, &missing, shows, &text)
    }
}

/// What a look answers to a check; `None` if it is not asked. Of an observation that may not be meant, only what would
/// speak against the claim counts, and that is then not decided.
pub(super) fn ask(check: &Check, trial: &Trial, subject: &mut Subject) -> Option<Answer> {
    let (evaluated, sure) = match &trial.membership {
        Membership::Outside => return None,
        Membership::Inside => (check.of(trial.observation, &mut subject.budget), None),
        Membership::Unknown(membership) => {
            (check.of(trial.observation, &mut subject.budget), Some(membership))
        }
    };
    let denied = || subject.denied(trial.observation, check.reads());
    let answer = answer(&evaluated, denied);
    if let Some(membership) = sure {
        if matches!(answer, Answer::Success | Answer::Denial(_)) {
            return None;
        }
        subject.note_unknown(Some(trial.entry), membership);
        return Some(Answer::Undecided);
    }
    note(subject, trial.entry, answer, &evaluated, || words::why(&evaluated, check, trial.observation));
    Some(answer)
}

/// What an evaluation answers; `denied` says what the look denied.
pub(super) fn answer(evaluated: &Evaluated, denied: impl FnOnce() -> Option<probity_plan::Denied>) -> Answer {
    match evaluated.truth {
        Truth4::True => denied().map_or(Answer::Success, Answer::Denial),
        Truth4::False => Answer::Failure,
        Truth4::Unknown => Answer::Undecided,
        Truth4::Error => Answer::Error,
    }
}

pub(super) fn note(
    subject: &mut Subject,
    entry: u64,
    answer: Answer,
    evaluated: &Evaluated,
    why: impl FnOnce() -> String,
) {
    match answer {
        Answer::Success => {}
        Answer::Denial(_) => subject.note_undecided(entry),
        Answer::Failure | Answer::Error => subject.note_false(entry, why),
        Answer::Undecided => subject.note_unknown(Some(entry), evaluated),
    }
}

/// Whether anything was seen that decides.
pub(super) fn seen_any(tallies: &[Tally]) -> bool {
    tallies.iter().any(|tally| {
        let counts = tally.counts(0, Shown::of(|_| true));
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
    text: &dyn Fn(Counts) -> String,
) -> Decision {
    let mut cells = Vec::new();
    let mut total = Counts::default();
    let mut only_errors = true;
    for (cell, tally) in tallies.iter().enumerate() {
        let counts = tally.counts(missing(cell), controls.of_group(cell));
        // A row that is surely not meant says nothing; one of which everything was left out by what was seen is open.
        if counts.planned == 0 && subject.excluded(cell) {
            continue;
        }
        let outcome = outcome_of(counts);
        only_errors &= outcome != Outcome::Fails || counts.failures == tally.errors();
        total += &counts;
        cells.push(CellFinding { cell: subject.name(cell), outcome, counts, bounds: None });
    }
    let outcome = overall(&cells, &total, subject);
    let all = words::number(total.planned, "observation", "observations");
    let empty = cells.iter().filter(|cell| cell.counts.planned == 0).count();
    let reason = match outcome {
        Outcome::Holds if total.planned == 1 => "the one observation satisfies it".to_owned(),
        Outcome::Holds => format!("all {all} satisfy it"),
        Outcome::Fails => format!(
            "{} of {} {} not satisfy it; first in {}",
            total.failures,
            all,
            if total.failures == 1 { "does" } else { "do" },
            subject.example().unwrap_or("an entry")
        ),
        Outcome::NotApplicable => words::NOTHING_ACCEPTED.to_owned(),
        Outcome::Undetermined if total.planned == 0 => words::nothing_seen(subject),
        Outcome::Undetermined => {
            let mut parts = Vec::new();
            if total.blocked > 0 {
                parts.push(format!("{} of {all} could not be decided", total.blocked));
            }
            if empty > 0 {
                parts.push(format!(
                    "`where` leaves nothing of {} of {}",
                    empty,
                    words::number(cells.len() as u64, "row", "rows")
                ));
            }
            let in_the_way = words::in_the_way(subject);
            if !in_the_way.is_empty() {
                parts.push(in_the_way);
            }
            if controls.lacking(tallies) {
                parts.push(words::DENIED.to_owned());
            }
            parts.join(": ")
        }
    };
    let notes = controls.note(subject, tallies).into_iter().collect();
    Decision {
        outcome,
        by_error: outcome == Outcome::Fails && only_errors,
        reason,
        measured: if total.planned == 0 {
            String::new()
        } else {
            format!("{} of {}", total.successes, total.planned)
        },
        objective: String::new(),
        decided: text(total),
        bounds: None,
        counts: total,
        cells: if subject.width() > 1 { cells } else { Vec::new() },
        notes,
        settle: (outcome == Outcome::Undetermined).then(|| {
            let mut parts = words::hints(subject);
            parts.extend(controls.hint(subject, tallies));
            if total.planned == 0 {
                parts.push(words::look_at_something(subject));
            } else if parts.is_empty() {
                parts.push(
                    "look again when there is something to look at, or say `empty: ok` if nothing is fine"
                        .to_owned(),
                );
            }
            Settle { how: parts.join("; "), least: None, likely: None }
        }),
        shows,
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
