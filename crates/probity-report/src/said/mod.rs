//! What every report says, whatever its format: gathered here once, so that no format can leave a thing out or word it
//! more kindly than another. Texts here are not escaped yet.

mod entries;
mod finding;
mod plan;
mod run;
#[cfg(test)]
mod tests;
mod trust;
mod unseen;
mod value;

use probity_verdict::Judgement;

pub(crate) use entries::{entries, entry_count, numbers, ranges};
pub(crate) use finding::{bounds, cell_counts, cells, decided, rests_on, sections, tally, to_settle};
pub(crate) use plan::{declared_harmless, waivers};
pub(crate) use run::{identity, log, observer, warnings, when};
pub(crate) use trust::{
    SIGNATURE_BRIEFLY, SIGNATURE_DOES_NOT_SHOW, SIGNATURE_SHOWS, commands, five_things, quoted,
};
pub(crate) use unseen::{not_made, unseen};
pub(crate) use value::{cell_line, facts_line, interval, moment, number, pieces, score, shown, weight};

/// The line that names the program; also in the JSON report.
pub(crate) const GENERATOR: &str = concat!("probity ", env!("CARGO_PKG_VERSION"));

/// What the three things that a finding can rest on mean.
pub(crate) const RESTS_ON: &str = "Presence: something is there (a process, a listening port, a file). Response: a \
    request was answered. Effect: something was done (a marker put in and found again, a file that grew). A finding \
    carries the weakest it rests on.";

/// How to read counts and bounds.
pub(crate) const BOUNDS: &str = "Bounds are exact (Clopper-Pearson), each one-sided at the confidence given. A rate \
    holds if its lower bound reaches the objective, fails if its upper bound is below it, and is undetermined \
    otherwise. The denominator is the planned number; what could not be looked at counts as failure for the lower \
    bound and as success for the upper.";

/// The word for a verdict: `accepted`, `rejected` or `inconclusive`.
pub(crate) fn acceptance(judgement: &Judgement) -> &'static str {
    match judgement.verdict.accepted {
        Some(true) => "accepted",
        Some(false) => "rejected",
        None => "inconclusive",
    }
}
