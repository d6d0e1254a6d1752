//! `check` with `share`: the rate of observations that satisfy it reaches an objective, by exact bounds.

use probity_plan::units::{Percent, Share, Span};
use probity_plan::{Claim, Form, Shows};

use super::census::{answer, note, overall, seen_any};
use super::control::Controls;
use super::denial::Shown;
use super::subject::{Membership, Subject, Trial};
use super::tally::{Answer, Tally};
use super::{Decision, Facts, Room, clock, words};
use crate::condition::Check;
use crate::judgement::{CellFinding, Counts, Outcome, Settle};
use crate::statistics;

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
    pub(super) fn new(check: &'p Check, claim: &Claim, subject: &Subject) -> Result<Self, String> {
        let Form::Rate { share, block, pooled, .. } = claim.form else {
            return Err("it is no rate".to_owned());
        };
        if let (Some(block), Some(every)) = (block, subject.probe.schedule.every)
            && block.0 < every.0.saturating_mul(2)
        {
            return Err(short_block(block, every));
        }
        let groups = if pooled { 1 } else { subject.width() };
        Ok(Self { check, tallies: vec![Tally::default(); groups], share, block, pooled, first: None })
    }

    /// The block of time a trial is in: by its slot where looks are planned in time, else by when it began.
    fn block_of(&mut self, trial: &Trial, subject: &Subject) -> Option<i64> {
        let block = micros(self.block?);
        if let Some(every) = subject.probe.schedule.every {
            return i64::try_from(u128::from(trial.observation.slot) * micros(every) / block).ok();
        }
        let began = clock::began(trial.observation);
        let first = *self.first.get_or_insert(began);
        Some((began - first).div_euclid(i64::try_from(block).unwrap_or(i64::MAX)))
    }

    /// The counts of a group, and the same with what could not be evaluated as undecided.
    fn counts(&self, group: usize, subject: &Subject, control: Shown) -> [Counts; 2] {
        let tally = &self.tallies[group];
        let cells: Vec<usize> =
            if self.tallies.len() == 1 { (0..subject.width()).collect() } else { vec![group] };
        let missing: u64 = cells.iter().map(|cell| subject.missing(*cell)).sum();
        let Some(block) = self.block else {
            let counts = tally.counts(missing, control);
            let (failures, blocked) = (counts.failures - tally.errors(), counts.blocked + tally.errors());
            return [counts, Counts { failures, blocked, ..counts }];
        };
        let Some(every) = subject.probe.schedule.every else {
            // Nobody can say in which stretch a look would have been that was never made.
            return [true, false].map(|errors| tally.blocks(|_| 0, missing, control, errors));
        };
        let (block, every, planned) = (micros(block), micros(every), u128::from(subject.probe.planned()));
        let included = cells.iter().filter(|cell| !subject.excluded(**cell)).count() as u64;
        let blocks = (planned * every).div_ceil(block);
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
        [true, false].map(|errors| tally.blocks(expected, absent, control, errors))
    }

    fn group_name(&self, group: usize, subject: &Subject) -> String {
        if self.tallies.len() == 1 && subject.width() > 1 { String::new() } else { subject.name(group) }
    }

    fn rate_text(&self, subject: &Subject, counts: &Counts, cells: usize, shows: Option<Shows>) -> String {
        let objective = Percent(self.share.0);
        let what = match self.block {
            Some(block) => format!("stretches of {block}"),
            // Who leaves out by what was seen counts fewer than were planned.
            None if subject.left_out() > 0 => "looks".to_owned(),
            None => "planned looks".to_owned(),
        };
        let each = if cells > 1 { format!(" in each of {cells} cells") } else { String::new() };
        let whole = if self.block.is_some() { " throughout" } else { "" };
        format!(
            "in at least {objective} of {} {what}{each} {}{}{whole}: {}",
            counts.planned,
            words::shows(shows),
            words::filter(subject),
            self.check.text()
        )
    }

    fn rate_notes(&self, subject: &Subject, total: &Counts) -> Vec<String> {
        let mut notes = vec!["the bounds assume trials that do not influence each other".to_owned()];
        if let Some(block) = self.block {
            let trials: u64 = self.tallies.iter().map(Tally::made).sum();
            notes[0] = format!(
                "a stretch of {block} with one miss is one missed trial ({} in {}); the bounds assume \
                 stretches that do not influence each other",
                words::number(trials, "trial", "trials"),
                words::number(total.planned, "stretch", "stretches")
            );
        }
        if self.pooled && subject.width() > 1 {
            notes.push(format!(
                "the {} cells of the matrix are pooled: one of them may be worse than the whole",
                subject.width()
            ));
        }
        notes
    }
}

impl Room for Rate<'_> {
    fn observe(&mut self, trial: &Trial, subject: &mut Subject) {
        let block = self.block_of(trial, subject);
        let group = if self.tallies.len() == 1 { 0 } else { trial.cell };
        let answer = match &trial.membership {
            Membership::Outside => return self.tallies[group].outside(block),
            Membership::Inside => {
                let evaluated = self.check.of(trial.observation, &mut subject.budget);
                let denied = || subject.denied(trial.observation, self.check.reads());
                let answer = answer(&evaluated, denied);
                note(subject, trial.entry, answer, &evaluated, || {
                    words::why(&evaluated, self.check, trial.observation)
                });
                answer
            }
            Membership::Unknown(membership) => {
                subject.note_unknown(Some(trial.entry), membership);
                Answer::Undecided
            }
        };
        if answer == Answer::Success {
            self.tallies[group].grant(subject.granted(trial.observation));
        }
        self.tallies[group].add(answer, block);
    }

    fn decide(&self, subject: &Subject, facts: &Facts) -> Decision {
        let shows = subject.weakest(self.check.reads()).filter(|_| seen_any(&self.tallies));
        let alpha = statistics::alpha(subject.plan.confidence);
        let controls = Controls::of(subject, facts, &self.tallies, |group, tally| {
            let [counts, _] = self.counts(group, subject, Shown::default());
            !tally.clustered(Shown::default())
                && statistics::decide_rate(&counts, self.share, alpha).0 == Outcome::Holds
        });
        let mut cells = Vec::new();
        let (mut clustered, mut by_error) = (false, true);
        let mut total = Counts::default();
        for (group, tally) in self.tallies.iter().enumerate() {
            let controlled = controls.of_group(group);
            let [counts, without_errors] = self.counts(group, subject, controlled);
            if counts.planned == 0 && self.tallies.len() > 1 && subject.excluded(group) {
                continue;
            }
            let (mut outcome, bounds) = statistics::decide_rate(&counts, self.share, alpha);
            by_error &= outcome != Outcome::Fails
                || statistics::decide_rate(&without_errors, self.share, alpha).0 != Outcome::Fails;
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
        let in_cell =
            telling.as_ref().filter(|_| several).map_or(String::new(), |cell| format!("{}: ", cell.cell));
        let stretches = self.block.map_or(String::new(), |block| format!("stretches of {block} "));
        let mut reason = format!(
            "{in_cell}{}{}; the objective is {}",
            words::counted(counts, &stretches),
            bounds.map_or(String::new(), |bounds| format!(": {}", words::bounds(bounds))),
            self.share
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
                reason = words::nothing_seen(subject);
            }
        }
        let mut notes = self.rate_notes(subject, &total);
        notes.extend(controls.note(subject, &self.tallies));
        Decision {
            outcome,
            by_error: outcome == Outcome::Fails && by_error,
            reason,
            measured: if total.planned == 0 {
                String::new()
            } else {
                format!("{in_cell}{} of {}{}", counts.successes, counts.planned, words::left_out(subject))
            },
            objective: self.share.to_string(),
            decided: self.rate_text(subject, &counts, cells.len(), shows),
            bounds,
            counts: total,
            cells: if several { cells } else { Vec::new() },
            notes,
            settle: (outcome == Outcome::Undetermined).then(|| {
                settle_rate(
                    self.share,
                    self.block.is_some(),
                    &counts,
                    alpha,
                    clustered,
                    subject,
                    &controls,
                    &self.tallies,
                )
            }),
            shows,
        }
    }
}

fn settle_rate(
    share: Share,
    blocks: bool,
    counts: &Counts,
    alpha: f64,
    clustered: bool,
    subject: &Subject,
    controls: &Controls,
    tallies: &[Tally],
) -> Settle {
    let least = statistics::least_if_all_succeed(share, alpha);
    let seen = counts.successes + counts.failures;
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let likely = (seen > 0)
        .then(|| statistics::likely_to_settle(share, alpha, counts.successes as f64 / seen as f64))
        .flatten();
    let (one, many) = if blocks { ("stretch", "stretches") } else { ("trial", "trials") };
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

/// Why a block is none.
pub(crate) fn short_block(block: Span, every: Span) -> String {
    format!(
        "a `block` of {block} is shorter than two looks (`every: {every}`), so misses in a row would count as trials that do \
         not influence each other"
    )
}

fn micros(span: Span) -> u128 {
    span.0.as_micros().max(1)
}
