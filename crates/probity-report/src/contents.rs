//! What a report is made from. The command line fills it from a bundle (or from the run that is about to be closed).

use std::collections::BTreeSet;

use jiff::Timestamp;

use probity_evidence::entry::{Event, Observer};
use probity_evidence::{Check, CheckId, Gap, Start};
use probity_plan::{Observation, Plan};
use probity_verdict::Judgement;

use crate::series::Series;

/// Everything a report may say. Borrowed: the same run is rendered in several formats.
///
/// The report that stands in a bundle is made just before the closing entry, which holds its digest. So nothing here
/// depends on that entry: made again from the closed bundle with `verification: None` and the same `bundle` name, it
/// has the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The name to print for the bundle in commands: `camera.probity`.
    pub bundle: &'a str,
    /// The plan that ran, or for `evaluate` the reader's.
    pub plan: &'a Plan,
    /// What was decided.
    pub judgement: &'a Judgement,
    /// True if the plan is not the one that ran: `evaluate`. The report says "chosen after the fact".
    pub after_the_fact: bool,
    /// Entry 0.
    pub start: &'a Start,
    /// When the run ended (the value of the closing entry); absent if the log has no closing entry: an incomplete run.
    pub ended: Option<Timestamp>,
    /// Why it ended before its plan did (the value of the closing entry).
    pub interrupted: Option<&'a probity_plan::Cause>,
    /// How many entries the log holds, the closing entry not counted.
    pub entries: u64,
    /// How many of them are observations.
    pub observations: u64,
    /// How many entries follow the last checkpoint: unsigned, they decide nothing. 0 for a complete run.
    pub unsigned: u64,
    /// How the observer was doing, by entry number, ascending.
    pub observers: &'a [(u64, Observer)],
    /// What befell the run, by entry number, ascending.
    pub events: &'a [(u64, Event)],
    /// What is drawn over time, from a [`crate::SeriesCollector`].
    pub series: &'a [Series],
    /// The observations of [`wanted_entries`], by entry number, ascending. Those missing are listed by number only.
    pub telling: &'a [(u64, Observation)],
    /// The checks that verification made and did not make; absent while the run is still being closed.
    pub verification: Option<&'a [Check]>,
    /// Why this is not evidence that the reader accepts; absent if it is, and while the run is still being closed.
    pub unacceptable: Option<Unacceptable>,
}

impl Contents<'_> {
    /// Whether the verdict is an acceptance; nothing is known where it is inconclusive, or not acceptable evidence.
    pub fn accepted(&self) -> Option<bool> {
        self.judgement.verdict.accepted.filter(|_| self.unacceptable.is_none())
    }
}

/// Why what a bundle holds is not evidence that its reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unacceptable {
    /// It is not as it was signed, or does not follow from the log.
    Altered,
    /// The run did not come to its end, or its end is not signed.
    Incomplete(Gap),
    /// The reader did not name the key.
    UnknownSigner,
    /// What the plan says could not be made again and compared.
    NotCompared(CheckId),
}

impl Unacceptable {
    /// The name in JSON and JUnit.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Incomplete(_) => "incomplete",
            Self::UnknownSigner => "unknown-signer",
            Self::NotCompared(_) => "not-compared",
        }
    }
}

/// How many entries a report shows in its appendix at most.
pub const MAX_TELLING: usize = 200;

/// The numbers of the entries whose observations a report wants in [`Contents::telling`]: those that decided against
/// a claim or were blocked, at most 200, ascending. What does not hold comes first when there are more.
pub fn wanted_entries(judgement: &Judgement) -> BTreeSet<u64> {
    use probity_verdict::Outcome::{Fails, Holds, NotApplicable, Undetermined};
    let mut wanted = BTreeSet::new();
    for outcome in [Fails, Undetermined, Holds, NotApplicable] {
        for finding in judgement.findings.iter().filter(|finding| finding.outcome == outcome) {
            for entry in &finding.telling {
                if wanted.len() < MAX_TELLING {
                    wanted.insert(*entry);
                }
            }
        }
    }
    wanted
}
