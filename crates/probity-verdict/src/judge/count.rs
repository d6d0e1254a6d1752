//! `check`, with and without `share`: each observation satisfies it, or the rate of those that do reaches an objective.

use probity_plan::units::Share;
use probity_plan::{Shows, units::Span};

use super::control::Controls;
use super::subject::{Membership, Subject, Trial, granted};
use super::tally::{Answer, Tally};
use super::{Decision, Facts, clock, words};
use crate::condition::{Check, Evaluated};
use crate::judgement::{CellFinding, Counts, Outcome, Settle};
use crate::statistics;
use crate::truth::Truth4;

/// The counts of a question asked of each trial, one tally a cell.
pub(super) struct Count {
    pub(super) check: Check,
    pub(super) tallies: Vec<Tally>,
    rate: Option<Rate>,
}

/// What makes a count a rate.
pub(super) struct Rate {
    pub(super) share: Share,
    pub(super) block: Option<Span>,
    pub(super) pooled: bool,
    /// When the first trial of the run began, in microseconds: where blocks are counted from without a schedule.
    pub(super) first: Option<i64>,
}

impl Count {
    pub(super) fn new(check: Check, width: usize, rate: Option<Rate>) -> Self {
        let groups = if rate.as_ref().is_some_and(|rate| rate.pooled) { 1 } else { width };
        Self { check, tallies: vec![Tally::default(); groups], rate }
    }

    pub(super) fn observe(&mut self, trial: &Trial, subject: &mut Subject) {
        let block = self.block_of(trial, subject);
        let group = if self.tallies.len() == 1 { 0 } else { trial.cell };
        let evaluated = match &trial.membership {
            Membership::Outside => return self.tallies[group].outside(block),
            Membership::Inside => self.check.of(trial.observation, &mut subject.budget),
            Membership::Unknown(evaluated) => evaluated.clone(),
        };
        let denied = || subject.denied(trial.observation, self.check.reads());
        let answer = answer(&evaluated, denied);
        note(subject, trial.entry, answer, &evaluated, || {
            words::why(&evaluated, &self.check, trial.observation)
        });
        if answer == Answer::Success && !granted(subject.probe, trial.observation) {
            self.tallies[group].ungranted();
        }
        self.tallies[group].add(answer, block);
    }

    /// The block of time a trial is in: by its slot where looks are planned in time, else by when it began.
    fn block_of(&mut self, trial: &Trial, subject: &Subject) -> Option<i64> {
        let rate = self.rate.as_mut()?;
        let block = micros(rate.block?);
        if let Some(every) = subject.probe.schedule.every {
            return i64::try_from(u128::from(trial.observation.slot) * micros(every) / block).ok();
        }
        let began = clock::began(trial.observation);
        let first = *rate.first.get_or_insert(began);
        Some((began - first).div_euclid(i64::try_from(block).unwrap_or(i64::MAX)))
    }

    pub(super) fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let shows = subject.weakest(self.check.reads()).filter(|_| self.decided_any());
        match &self.rate {
            None => {
                let missing = |cell| subject.missing(cell);
                let text = |counts: Counts| {
                    let looks = if counts.planned == 1 {
                        "in the one observation".to_owned()
                    } else {
                        format!("in each of {} observations", counts.planned)
                    };
                    format!(
                        "{looks} {}{}: {}",
                        words::shows(shows),
                        words::filter(subject),
                        self.check.text()
                    )
                };
                let controls = Controls::of(subject, facts, &self.tallies, |cell, tally| {
                    census_outcome(tally.counts(missing(cell), false)) == Outcome::Holds
                });
                census(&self.tallies, subject, &controls, &missing, shows, &text)
            }
            Some(rate) => self.decide_rate(rate, subject, facts, shows),
        }
    }

    fn decided_any(&self) -> bool {
        self.tallies.iter().any(|tally| {
            let counts = tally.counts(0, true);
            counts.successes + counts.failures > 0
        })
    }

    fn decide_rate(&self, rate: &Rate, subject: &Subject, facts: &Facts, shows: Option<Shows>) -> Decision {
        let alpha = statistics::alpha(subject.plan.confidence);
        let controls = Controls::of(subject, facts, &self.tallies, |group, tally| {
            let counts = self.group_counts(rate, group, tally, subject, false);
            let clustered = rate.block.is_none() && tally.clustered(false);
            !clustered && statistics::decide_rate(&counts, rate.share, alpha).0 == Outcome::Holds
        });
        let mut cells = Vec::new();
        let mut clustered = false;
        let mut total = Counts::default();
        for (group, tally) in self.tallies.iter().enumerate() {
            let controlled = controls.of_group(group);
            let counts = self.group_counts(rate, group, tally, subject, controlled);
            if counts.planned == 0 && self.tallies.len() > 1 && subject.excluded(group) {
                continue;
            }
            let (mut outcome, bounds) = statistics::decide_rate(&counts, rate.share, alpha);
            if outcome == Outcome::Holds && rate.block.is_none() && tally.clustered(controlled) {
                outcome = Outcome::Undetermined;
                clustered = true;
            }
            total += &counts;
            cells.push(CellFinding {
                cell: self.group_name(group, subject),
                outcome,
                counts,
                bounds: Some(bounds),
            });
        }
        let outcome = overall(&cells, &total, subject);
        // The cell that decided: the lowest lower bound among those with the claim's outcome.
        let telling = cells
            .iter()
            .filter(|cell| cell.outcome == outcome)
            .min_by(|a, b| {
                a.bounds
                    .map(|b| b.lower)
                    .partial_cmp(&b.bounds.map(|b| b.lower))
                    .unwrap_or(std::cmp::Ordering::Equal)
            })
            .cloned();
        let several = cells.len() > 1;
        let (counts, bounds) = telling.as_ref().map_or((total, None), |cell| (cell.counts, cell.bounds));
        let in_cell =
            telling.as_ref().filter(|_| several).map_or(String::new(), |cell| format!("{}: ", cell.cell));
        let stretches = rate.block.map_or(String::new(), |block| format!("stretches of {block} "));
        let mut reason = format!(
            "{in_cell}{}{}; the objective is {}",
            words::counted(counts, &stretches),
            bounds.map_or(String::new(), |bounds| format!(": {}", words::bounds(bounds))),
            rate.share
        );
        if outcome == Outcome::Undetermined {
            if clustered {
                reason.push_str(
                    "; misses come in clusters (runs test, 1 %), so the trials do not count as independent",
                );
            }
            let in_the_way = words::in_the_way(subject);
            if !in_the_way.is_empty() {
                reason.push_str(&format!("; {in_the_way}"));
            }
            if total.planned == 0 {
                reason = "nothing was observed that it is about".to_owned();
            }
        }
        let mut notes = self.rate_notes(rate, subject, &total);
        notes.extend(controls.note(subject, &self.tallies));
        Decision {
            outcome,
            reason,
            measured: if total.planned == 0 {
                String::new()
            } else {
                format!("{in_cell}{} of {}", counts.successes, counts.planned)
            },
            objective: rate.share.to_string(),
            decided: self.rate_text(rate, subject, &counts, cells.len(), shows),
            bounds,
            counts: total,
            cells: if several { cells } else { Vec::new() },
            notes,
            settle: (outcome == Outcome::Undetermined)
                .then(|| settle_rate(rate, &counts, alpha, clustered, subject, &controls, &self.tallies)),
            shows,
        }
    }

    fn group_name(&self, group: usize, subject: &Subject) -> String {
        if self.tallies.len() == 1 && subject.width() > 1 { String::new() } else { subject.name(group) }
    }

    fn group_counts(
        &self,
        rate: &Rate,
        group: usize,
        tally: &Tally,
        subject: &Subject,
        control: bool,
    ) -> Counts {
        let cells: Vec<usize> =
            if self.tallies.len() == 1 { (0..subject.width()).collect() } else { vec![group] };
        let missing: u64 = cells.iter().map(|cell| subject.missing(*cell)).sum();
        let Some(block) = rate.block else {
            return tally.counts(missing, control);
        };
        let Some(every) = subject.probe.schedule.every else {
            // Nobody can say in which stretch a look would have been that was never made.
            return tally.blocks(|_| 0, missing, control);
        };
        let (block, every, planned) = (micros(block), micros(every), u128::from(subject.probe.planned()));
        let included = cells.iter().filter(|cell| !subject.excluded(**cell)).count() as u64;
        let blocks = if block < every { planned } else { (planned * every).div_ceil(block) };
        let expected = |at: i64| {
            let at = u128::try_from(at).unwrap_or(0);
            let (first, last) = ((at * block).div_ceil(every), ((at + 1) * block).div_ceil(every));
            u64::try_from(last.min(planned).saturating_sub(first))
                .unwrap_or(u64::MAX)
                .saturating_mul(included)
        };
        let absent = if included == 0 {
            0
        } else {
            u64::try_from(blocks).unwrap_or(u64::MAX).saturating_sub(tally.seen_blocks())
        };
        tally.blocks(expected, absent, control)
    }

    fn rate_text(
        &self,
        rate: &Rate,
        subject: &Subject,
        counts: &Counts,
        cells: usize,
        shows: Option<Shows>,
    ) -> String {
        let objective = probity_plan::units::Percent(rate.share.0);
        let what = match rate.block {
            Some(block) => format!("stretches of {block}"),
            // Who leaves out by what was seen counts fewer than were planned.
            None if subject.left_out() > 0 => "looks".to_owned(),
            None => "planned looks".to_owned(),
        };
        let each = if cells > 1 { format!(" in each of {cells} cells") } else { String::new() };
        let whole = if rate.block.is_some() { " throughout" } else { "" };
        format!(
            "in at least {objective} of {} {what}{each} {}{}{whole}: {}",
            counts.planned,
            words::shows(shows),
            words::filter(subject),
            self.check.text()
        )
    }

    fn rate_notes(&self, rate: &Rate, subject: &Subject, total: &Counts) -> Vec<String> {
        let mut notes = vec!["the bounds assume trials that do not influence each other".to_owned()];
        if let Some(block) = rate.block {
            let trials: u64 = self.tallies.iter().map(Tally::made).sum();
            notes[0] = format!(
                "a stretch of {block} with one miss is one missed trial ({} in {}); the bounds assume \
                 stretches that do not influence each other",
                words::number(trials, "trial", "trials"),
                words::number(total.planned, "stretch", "stretches")
            );
        }
        if rate.pooled && subject.width() > 1 {
            notes.push(format!(
                "the {} cells of the matrix are pooled: one of them may be worse than the whole",
                subject.width()
            ));
        }
        notes
    }
}

fn settle_rate(
    rate: &Rate,
    counts: &Counts,
    alpha: f64,
    clustered: bool,
    subject: &Subject,
    controls: &Controls,
    tallies: &[Tally],
) -> Settle {
    let least = statistics::least_if_all_succeed(rate.share, alpha);
    let seen = counts.successes + counts.failures;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let likely = (seen > 0)
        .then(|| statistics::likely_to_settle(rate.share, alpha, counts.successes as f64 / seen as f64))
        .flatten();
    let (one, many) = if rate.block.is_some() { ("stretch", "stretches") } else { ("trial", "trials") };
    let mut parts = words::hints(subject);
    parts.extend(controls.hint(subject, tallies));
    if clustered {
        parts.push("count stretches of time with `block`, as in `block: 1m`".to_owned());
    } else {
        let mut size = format!("plan {}: enough if all succeed", words::number(least, one, many));
        match likely {
            Some(likely) if likely != least => {
                size.push_str(&format!("; {likely} settle it in 8 of 10 runs at the rate seen"));
            }
            None if seen > 0 => size.push_str(
                "; at the rate seen, which is near the objective, no number below 10 million settles it",
            ),
            _ => {}
        }
        parts.push(size);
    }
    Settle { how: parts.join("; "), least: Some(least), likely }
}

/// A census: every trial has to succeed.
fn census_outcome(counts: Counts) -> Outcome {
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
    for (cell, tally) in tallies.iter().enumerate() {
        let counts = tally.counts(missing(cell), controls.of_group(cell));
        if counts.planned == 0 && (tallies.len() > 1 || subject.excluded(cell)) {
            continue;
        }
        let outcome = census_outcome(counts);
        total += &counts;
        cells.push(CellFinding { cell: subject.name(cell), outcome, counts, bounds: None });
    }
    let outcome = overall(&cells, &total, subject);
    let all = words::number(total.planned, "observation", "observations");
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
        Outcome::NotApplicable => "there was nothing that it is about, which the claim accepts".to_owned(),
        Outcome::Undetermined if total.planned == 0 => "nothing was observed that it is about".to_owned(),
        Outcome::Undetermined => {
            let mut parts = vec![format!("{} of {all} could not be decided", total.blocked)];
            let in_the_way = words::in_the_way(subject);
            if !in_the_way.is_empty() {
                parts.push(in_the_way);
            }
            if controls.lacking(tallies) {
                parts.push("a denial counts only beside its positive control".to_owned());
            }
            parts.join(": ")
        }
    };
    let notes = controls.note(subject, tallies).into_iter().collect();
    Decision {
        outcome,
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
                parts.push(
                    "look at something that the claim is about, or say `empty: ok` if nothing is fine"
                        .to_owned(),
                );
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

/// The outcome over all cells: one that fails is enough, one that is undetermined leaves it so.
pub(super) fn overall(cells: &[CellFinding], total: &Counts, subject: &Subject) -> Outcome {
    if cells.iter().any(|cell| cell.outcome == Outcome::Fails) {
        Outcome::Fails
    } else if total.planned == 0 {
        if subject.claim.empty_ok { Outcome::NotApplicable } else { Outcome::Undetermined }
    } else if cells.iter().all(|cell| cell.outcome == Outcome::Holds) {
        Outcome::Holds
    } else {
        Outcome::Undetermined
    }
}

pub(super) fn answer(evaluated: &Evaluated, denied: impl FnOnce() -> bool) -> Answer {
    match evaluated.truth {
        Truth4::True if denied() => Answer::Denial,
        Truth4::True => Answer::Success,
        Truth4::False | Truth4::Error => Answer::Failure,
        Truth4::Unknown => Answer::Undecided,
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
        Answer::Denial => subject.note_undecided(entry),
        Answer::Failure => subject.note_false(entry, why),
        Answer::Undecided => subject.note_unknown(Some(entry), evaluated),
    }
}

fn micros(span: Span) -> u128 {
    span.0.as_micros().max(1)
}
