//! `check` with `share`: the rate of observations that satisfy it reaches an objective, by exact bounds.

mod planned;

use probity_plan::units::{Share, Span};

use super::census::{ask, overall, seen_any};
use super::control::Controls;
use super::denial::Grants;
use super::subject::{Membership, Observed, Subject, Trial};
use super::tally::{Answer, Misses, Tally};
use super::{Decision, Facts, Room, clock};
use crate::condition::Check;
use crate::judgement::{
    CellFinding, Counts, Decided, FindingReason, Measured, Note, Outcome, Settle, Step, Unreadable,
};
use crate::statistics;

pub(super) use planned::check as check_planned;

#[derive(Clone)]
pub(super) struct Rate<'p> {
    check: &'p Check,
    /// One for each row of the matrix, or one for all.
    tallies: Vec<Tally>,
    share: Share,
    block: Option<Span>,
    pooled: bool,
    /// When the first trial of the run began, in microseconds: where blocks are counted from without a schedule.
    first: Option<i64>,
}

impl<'p> Rate<'p> {
    pub(super) fn new(
        check: &'p Check,
        share: Share,
        block: Option<Span>,
        pooled: bool,
        subject: &Subject,
    ) -> Result<Self, Unreadable> {
        if let (Some(block), Some(every)) = (block, subject.probe.schedule.every)
            && block.0 < every.0.saturating_mul(2)
        {
            return Err(Unreadable::ShortBlock { block, every });
        }
        let groups = if pooled { 1 } else { subject.width() };
        Ok(Self { check, tallies: vec![Tally::default(); groups], share, block, pooled, first: None })
    }

    /// The block of time a trial is in: by its slot where looks are planned in time, else by when it began.
    fn block_of(&mut self, look: &Observed, subject: &Subject) -> Option<i64> {
        let block = micros(self.block?);
        if let Some(every) = subject.probe.schedule.every {
            return i64::try_from(u128::from(look.slot) * micros(every) / block).ok();
        }
        let began = clock::began(look.observation);
        let first = *self.first.get_or_insert(began);
        Some((began - first).div_euclid(i64::try_from(block).unwrap_or(i64::MAX)))
    }

    /// The counts of a group.
    fn counts(&self, group: usize, subject: &Subject, control: Grants, misses: Misses) -> Counts {
        let tally = &self.tallies[group];
        let cells: Vec<usize> =
            if self.tallies.len() == 1 { (0..subject.width()).collect() } else { vec![group] };
        let missing: u64 = cells.iter().map(|cell| subject.missing(*cell)).sum();
        let Some(block) = self.block else {
            return tally.counts(missing, control, misses);
        };
        let Some(every) = subject.probe.schedule.every else {
            // Nobody can say in which stretch a look would have been that was never made.
            return tally.blocks(|_| 0, missing, control, misses);
        };
        let (block, every, planned) = (micros(block), micros(every), u128::from(subject.planned()));
        let included = cells.iter().filter(|cell| !subject.excluded(**cell)).count() as u64;
        let blocks = (planned * every).div_ceil(block);
        let expected = |at: i64| {
            let at = u128::try_from(at).unwrap_or(0);
            // Also of the last stretch, which is never whole where the plan ends within it: it cannot be a success.
            let (first, last) = ((at * block).div_ceil(every), ((at + 1) * block).div_ceil(every));
            u64::try_from(last.saturating_sub(first)).unwrap_or(u64::MAX).saturating_mul(included)
        };
        let absent = if included == 0 {
            0
        } else {
            u64::try_from(blocks).unwrap_or(u64::MAX).saturating_sub(tally.seen_blocks())
        };
        tally.blocks(expected, absent, control, misses)
    }

    fn group_name(&self, group: usize, subject: &Subject) -> String {
        if self.tallies.len() == 1 && subject.width() > 1 { String::new() } else { subject.name(group) }
    }

    fn notes(&self, subject: &Subject, total: &Counts) -> Vec<Note> {
        let mut notes = vec![match self.block {
            None => Note::IndependentTrials,
            Some(block) => {
                let trials = self.tallies.iter().map(Tally::made).sum();
                Note::IndependentStretches { block, trials, stretches: total.planned }
            }
        }];
        if self.pooled && subject.width() > 1 {
            let cells = (0..subject.width()).filter(|cell| !subject.excluded(*cell)).count();
            notes.push(Note::Pooled { cells: cells as u64 });
        }
        notes
    }

    /// What would settle it; `counts` are those of the cell that decided.
    fn settle(&self, subject: &Subject, counts: Counts, clustered: bool, controls: &Controls) -> Settle {
        let alpha = statistics::alpha(subject.plan.confidence);
        let least = statistics::least_if_all_succeed(self.share, alpha);
        let seen = counts.successes + counts.failures;
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let likely = (seen > 0)
            .then(|| statistics::likely_to_settle(self.share, alpha, counts.successes as f64 / seen as f64))
            .flatten();
        let mut steps = subject.see_past_barriers();
        steps.extend(controls.step(subject, &self.tallies));
        steps.push(if clustered {
            Step::CountBlocks
        } else {
            Step::PlanTrials { stretches: self.block.is_some(), near: likely.is_none() && seen > 0 }
        });
        Settle { steps, least: Some(least), likely }
    }
}

impl Room for Rate<'_> {
    fn observe(&mut self, trial: &Trial, subject: &mut Subject) {
        let look = &trial.look;
        let block = self.block_of(look, subject);
        let group = if self.tallies.len() == 1 { 0 } else { look.cell };
        let answer = match &trial.membership {
            Membership::Outside => return self.tallies[group].outside(block),
            Membership::Inside => ask(self.check, look, subject),
            Membership::Unknown(membership) => {
                subject.note_unknown(look.entry, membership);
                Answer::Undecided
            }
        };
        if answer == Answer::Success {
            self.tallies[group].grant(subject.granted(look.observation));
        }
        self.tallies[group].add(answer, block);
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let shows = subject.weakest(self.check.reads()).filter(|_| seen_any(&self.tallies));
        let alpha = statistics::alpha(subject.plan.confidence);
        let controls = Controls::of(subject, facts, &self.tallies, |group, tally| {
            let counts = self.counts(group, subject, Grants::default(), Misses::All);
            !tally.clustered(Grants::default())
                && statistics::decide_rate(&counts, self.share, alpha).0 == Outcome::Holds
        });
        let mut cells = Vec::new();
        let (mut clustered, mut only_errors, mut surely_fails) = (false, true, false);
        let mut total = Counts::default();
        for (group, tally) in self.tallies.iter().enumerate() {
            let controlled = controls.of_group(group);
            let counts = self.counts(group, subject, controlled, Misses::All);
            if counts.planned == 0 && self.tallies.len() > 1 && subject.excluded(group) {
                continue;
            }
            let (mut outcome, bounds) = statistics::decide_rate(&counts, self.share, alpha);
            let fails_by = |misses| {
                let counts = self.counts(group, subject, controlled, misses);
                statistics::decide_rate(&counts, self.share, alpha).0 == Outcome::Fails
            };
            only_errors &= !fails_by(Misses::WithoutErrors);
            surely_fails |= fails_by(Misses::Sure);
            if outcome == Outcome::Holds && tally.clustered(controlled) {
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
        let cell = telling.as_ref().filter(|_| several).map(|cell| cell.cell.clone());
        let reason = if outcome == Outcome::Undetermined && total.planned == 0 {
            subject.nothing_seen()
        } else {
            FindingReason::Rate {
                cell: cell.clone(),
                block: self.block,
                counts,
                bounds,
                objective: self.share,
                clustered,
            }
        };
        let mut notes = self.notes(subject, &total);
        notes.extend(controls.note(subject, &self.tallies));
        Decision {
            outcome,
            by_error: outcome == Outcome::Fails && only_errors,
            by_denial: outcome == Outcome::Fails && !only_errors && !surely_fails,
            reason,
            measured: (total.planned > 0).then_some(Measured::Count {
                cell,
                successes: counts.successes,
                of: counts.planned,
            }),
            decided: Decided::Rate {
                objective: self.share,
                trials: counts.planned,
                block: self.block,
                left_out: subject.left_out() > 0,
                cells: cells.len() as u64,
                check: self.check.text().to_owned(),
                filter: subject.filter_text(),
            },
            bounds,
            counts: total,
            cells: if several { cells } else { Vec::new() },
            notes,
            settle: (outcome == Outcome::Undetermined)
                .then(|| self.settle(subject, counts, clustered, &controls)),
            shows,
        }
    }
}

fn micros(span: Span) -> u128 {
    span.0.as_micros().max(1)
}
