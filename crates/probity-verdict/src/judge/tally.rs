//! Trials of a yes-or-no question, counted: in all, in runs of like outcomes, and in blocks of time. Constant memory a
//! cell, or a few bytes a block. Must not know what was asked.

use std::collections::BTreeMap;

use probity_plan::Denied;

use super::denial::{ALL, Grants};
use crate::judgement::Counts;
use crate::statistics;

/// What came of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Success,
    /// A success that is a denial: it counts only beside its positive control.
    Denial(Denied),
    /// It does not satisfy the check.
    Failure,
    /// A failure that is a denial: it helps no acceptance but beside a positive control.
    Refusal(Denied),
    /// The check cannot be evaluated on what was seen.
    Error,
    Undecided,
}

/// What counts as a miss; what does not is undecided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misses {
    All,
    /// Not what could not be evaluated.
    WithoutErrors,
    /// Nor denials of which it is not shown that they could have been otherwise.
    Sure,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    successes: u64,
    denials: [u64; ALL.len()],
    /// Denials among them are counted beside.
    failures: u64,
    refusals: [u64; ALL.len()],
    errors: u64,
    undecided: u64,
    /// Runs with denials as successes, and as misses.
    runs: [Runs; 2],
    blocks: BTreeMap<i64, Block>,
    /// Successes that granted each of what can be denied.
    granted: [u64; ALL.len()],
}

#[derive(Clone, Debug, Default)]
struct Runs {
    last: Option<bool>,
    runs: u64,
    successes: u64,
    misses: u64,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    trials: u32,
    outside: u32,
    missed: bool,
    error: bool,
    undecided: bool,
    denied: [bool; ALL.len()],
    refused: [bool; ALL.len()],
}

impl Runs {
    fn add(&mut self, success: bool) {
        self.runs += u64::from(self.last != Some(success));
        self.last = Some(success);
        if success { self.successes += 1 } else { self.misses += 1 }
    }
}

impl Tally {
    /// Adds a trial, in this block of time if blocks are counted.
    pub(super) fn add(&mut self, result: Answer, block: Option<i64>) {
        match result {
            Answer::Success => self.successes += 1,
            Answer::Denial(what) => self.denials[what as usize] += 1,
            Answer::Failure => self.failures += 1,
            Answer::Refusal(what) => {
                self.failures += 1;
                self.refusals[what as usize] += 1;
            }
            Answer::Error => self.errors += 1,
            Answer::Undecided => self.undecided += 1,
        }
        // An undecided trial is a failure for the bound that lets a claim hold, and so for this test.
        self.runs[0].add(matches!(result, Answer::Success | Answer::Denial(_)));
        self.runs[1].add(result == Answer::Success);
        if let Some(block) = block {
            let block = self.blocks.entry(block).or_default();
            block.trials = block.trials.saturating_add(1);
            block.missed |= result == Answer::Failure;
            block.undecided |= result == Answer::Undecided;
            block.error |= result == Answer::Error;
            match result {
                Answer::Denial(what) => block.denied[what as usize] = true,
                Answer::Refusal(what) => block.refused[what as usize] = true,
                _ => {}
            }
        }
    }

    /// A success that granted what can be denied, as far as `granted` says so.
    pub(super) fn grant(&mut self, granted: Grants) {
        for (count, what) in self.granted.iter_mut().zip(ALL) {
            *count += u64::from(granted.includes(what));
        }
    }

    /// What was granted in each success, of which there is one.
    pub(super) fn granted(&self) -> Grants {
        Grants::of(|what| self.successes > 0 && self.granted[what as usize] == self.successes)
    }

    /// An observation in this block that the claim is not about.
    pub(super) fn outside(&mut self, block: Option<i64>) {
        if let Some(block) = block {
            let block = self.blocks.entry(block).or_default();
            block.outside = block.outside.saturating_add(1);
        }
    }

    /// Trials that were made, whatever came of them.
    pub(super) fn made(&self) -> u64 {
        self.successes + self.denials() + self.failures + self.errors + self.undecided
    }

    /// Denials among the successes.
    pub(super) fn denials(&self) -> u64 {
        self.denials.iter().sum()
    }

    /// Denials among the successes of which it is not shown that they could have been otherwise.
    pub(super) fn uncontrolled(&self, control: Grants) -> u64 {
        sum_without(&self.denials, control)
    }

    /// The counts with so many planned trials never made. `control`: which denials count.
    pub(super) fn counts(&self, missing: u64, control: Grants, misses: Misses) -> Counts {
        let denied = self.uncontrolled(control);
        let unsure = self.errors + sum_without(&self.refusals, control);
        let left_out = match misses {
            Misses::All => 0,
            Misses::WithoutErrors => self.errors,
            Misses::Sure => unsure,
        };
        Counts {
            planned: self.made() + missing,
            successes: self.successes + self.denials() - denied,
            failures: self.failures + self.errors - left_out,
            unsure: unsure - left_out,
            blocked: self.undecided + denied + missing + left_out,
        }
    }

    /// Whether misses come in clusters, of trials or, where these are counted, of blocks.
    pub(super) fn clustered(&self, control: Grants) -> bool {
        if self.blocks.is_empty() {
            let runs = &self.runs[usize::from(self.uncontrolled(control) > 0)];
            return statistics::clustered(runs.successes, runs.misses, runs.runs);
        }
        let mut runs = Runs::default();
        for block in self.blocks.values().filter(|block| block.trials > 0) {
            runs.add(!block.missed(control, Misses::All) && !block.undecided && !block.uncontrolled(control));
        }
        statistics::clustered(runs.successes, runs.misses, runs.runs)
    }

    /// The counts with each block as one trial: missed if one in it was. `expected(block)` is how many looks are planned
    /// in a block, and `absent` how many planned blocks are not among those seen.
    pub(super) fn blocks(
        &self,
        expected: impl Fn(i64) -> u64,
        absent: u64,
        control: Grants,
        misses: Misses,
    ) -> Counts {
        let mut counts = Counts { planned: absent, blocked: absent, ..Counts::default() };
        for (at, block) in &self.blocks {
            let incomplete = u64::from(block.trials) + u64::from(block.outside) < expected(*at);
            if block.missed(control, misses) {
                counts.failures += 1;
                counts.unsure += u64::from(!block.missed(control, Misses::Sure));
            } else if block.missed(control, Misses::All)
                || block.undecided
                || incomplete
                || block.uncontrolled(control)
            {
                counts.blocked += 1;
            } else if block.trials > 0 {
                counts.successes += 1;
            } else {
                // Nothing in it that the claim is about.
                continue;
            }
            counts.planned += 1;
        }
        counts
    }

    /// How many blocks were seen at all.
    pub(super) fn seen_blocks(&self) -> u64 {
        self.blocks.len() as u64
    }
}

fn sum_without(counts: &[u64; ALL.len()], control: Grants) -> u64 {
    counts.iter().zip(ALL).filter(|(_, what)| !control.includes(*what)).map(|(count, _)| count).sum()
}

impl Block {
    fn missed(&self, control: Grants, misses: Misses) -> bool {
        let refused = |what: &Denied| {
            self.refused[*what as usize] && (misses != Misses::Sure || control.includes(*what))
        };
        self.missed || (self.error && misses == Misses::All) || ALL.iter().any(refused)
    }

    fn uncontrolled(&self, control: Grants) -> bool {
        ALL.iter().any(|what| self.denied[*what as usize] && !control.includes(*what))
    }
}

impl std::ops::AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.planned += other.planned;
        self.successes += other.successes;
        self.failures += other.failures;
        self.unsure += other.unsure;
        self.blocked += other.blocked;
    }
}
