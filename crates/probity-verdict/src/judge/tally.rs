//! Trials of a yes-or-no question, counted: in all, in runs of like outcomes, and in blocks of time. Constant memory a
//! cell, or a few bytes a block. Must not know what was asked.

use std::collections::BTreeMap;

use crate::judgement::Counts;
use crate::statistics;

/// What came of one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Success,
    /// A success that is a denial: it counts only beside its positive control.
    Denial,
    Failure,
    Undecided,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    successes: u64,
    denials: u64,
    failures: u64,
    undecided: u64,
    /// Runs with denials as successes, and as misses.
    runs: [Runs; 2],
    blocks: BTreeMap<i64, Block>,
    /// Whether a success was none of what was asked: an answer that grants nothing.
    ungranted: bool,
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
    undecided: bool,
    denied: bool,
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
            Answer::Denial => self.denials += 1,
            Answer::Failure => self.failures += 1,
            Answer::Undecided => self.undecided += 1,
        }
        // An undecided trial is a failure for the bound that lets a claim hold, and so for this test.
        self.runs[0].add(matches!(result, Answer::Success | Answer::Denial));
        self.runs[1].add(result == Answer::Success);
        if let Some(block) = block {
            let block = self.blocks.entry(block).or_default();
            block.trials = block.trials.saturating_add(1);
            block.missed |= result == Answer::Failure;
            block.undecided |= result == Answer::Undecided;
            block.denied |= result == Answer::Denial;
        }
    }

    /// A success in which nothing was granted.
    pub(super) fn ungranted(&mut self) {
        self.ungranted = true;
    }

    /// Whether what was asked was granted in each success, of which there is one.
    pub(super) fn granted(&self) -> bool {
        self.successes > 0 && !self.ungranted
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
        self.successes + self.denials + self.failures + self.undecided
    }

    /// Denials among the successes.
    pub(super) fn denials(&self) -> u64 {
        self.denials
    }

    /// The counts with so many planned trials never made. `control`: whether denials count.
    pub(super) fn counts(&self, missing: u64, control: bool) -> Counts {
        let (successes, blocked) = if control { (self.denials, 0) } else { (0, self.denials) };
        Counts {
            planned: self.made() + missing,
            successes: self.successes + successes,
            failures: self.failures,
            blocked: self.undecided + blocked + missing,
        }
    }

    /// Whether misses come in clusters.
    pub(super) fn clustered(&self, control: bool) -> bool {
        let runs = &self.runs[usize::from(!control)];
        statistics::clustered(runs.successes, runs.misses, runs.runs)
    }

    /// The counts with each block as one trial: missed if one in it was. `expected(block)` is how many looks are planned
    /// in a block, and `absent` how many planned blocks are not among those seen.
    pub(super) fn blocks(&self, expected: impl Fn(i64) -> u64, absent: u64, control: bool) -> Counts {
        let mut counts = Counts { planned: absent, blocked: absent, ..Counts::default() };
        for (at, block) in &self.blocks {
            let incomplete = u64::from(block.trials) + u64::from(block.outside) < expected(*at);
            if block.missed {
                counts.failures += 1;
            } else if block.undecided || incomplete || (block.denied && !control) {
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

impl std::ops::AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Self) {
        self.planned += other.planned;
        self.successes += other.successes;
        self.failures += other.failures;
        self.blocked += other.blocked;
    }
}
