//! What every report says, whatever its format: gathered here once, so that no format can leave a thing out or word it
//! more kindly than another. Texts here are not escaped yet.

mod blockers;
mod entries;
mod finding;
mod plan;
mod run;
#[cfg(test)]
mod tests;
mod trials;
mod trust;
mod unseen;
mod value;

use probity_evidence::Gap;

use probity_verdict::wording::verdict;

use crate::contents::{Contents, Unacceptable};

pub(crate) use blockers::blockers;
pub(crate) use entries::{entries, entry_count, numbers, ranges};
pub(crate) use finding::{bounds, cell_counts, cells, decided, notes, rests_on, sections, tally, to_settle};
pub(crate) use plan::{declared_harmless, waivers};
pub(crate) use run::{identity, log, observer, observers, warnings, when};
pub(crate) use trials::trials;
pub(crate) use trust::{
    SIGNATURE_BRIEFLY, SIGNATURE_DOES_NOT_SHOW, SIGNATURE_SHOWS, WORD_OF_OTHERS, commands, five_things,
    quoted,
};
pub(crate) use unseen::{not_made, unseen};
pub(crate) use value::{cell_line, facts_line, interval, moment, number, pieces, score, weight};

/// The line that names the program; also in the JSON report.
pub(crate) const GENERATOR: &str = concat!("probity ", env!("CARGO_PKG_VERSION"));

/// What the three things that a finding can rest on mean.
pub(crate) const RESTS_ON: &str = "Presence: something is there (a process, a listening port, a file). Response: a \
    request was answered. Effect: something was done (a marker put in and found again, a file that grew). A finding \
    carries the weakest it rests on.";

/// What the numbers of trials count.
pub(crate) const TRIALS: &str = "Each trial begins with a machine of its own: the plan's `up` made it, an observer on it \
    was reached, and `down` removed it. What could not begin counts as a trial that nobody could look at.";

/// How to read counts and bounds.
pub(crate) const BOUNDS: &str = "Bounds are exact (Clopper-Pearson), each one-sided at the confidence given. A rate \
    holds if its lower bound reaches the objective, fails if its upper bound is below it, and is undetermined \
    otherwise. The denominator is the planned number; what could not be looked at counts as failure for the lower \
    bound and as success for the upper.";

/// Why the verdict is what it is.
pub(crate) fn why(contents: &Contents) -> Vec<String> {
    verdict::why(contents.plan, contents.judgement)
}

/// What would settle the verdict.
pub(crate) fn settle_verdict(contents: &Contents) -> Vec<String> {
    verdict::settle(contents.plan, contents.judgement)
}

/// What is known of the probability of a wrong acceptance.
pub(crate) fn error_bound(contents: &Contents) -> Option<String> {
    verdict::error_bound(contents.plan, contents.judgement)
}

/// The word for a verdict: `accepted`, `rejected` or `inconclusive`; or that it rests on nothing that counts.
pub(crate) fn acceptance(contents: &Contents) -> &'static str {
    match (contents.unacceptable, contents.judgement.verdict.accepted) {
        (Some(_), _) => "not acceptable evidence",
        (None, Some(true)) => "accepted",
        (None, Some(false)) => "rejected",
        (None, None) => "inconclusive",
    }
}

/// Why what a bundle holds is not acceptable evidence.
pub fn unacceptable(why: Unacceptable) -> String {
    let why = match why {
        Unacceptable::Altered => "the bundle is altered",
        Unacceptable::Incomplete(Gap::NotClosed) => "the run did not come to its end",
        Unacceptable::Incomplete(Gap::Interrupted) => "the run ended before its plan did",
        Unacceptable::Incomplete(Gap::BeforeItsPredecessor) => {
            "the run says that it began before the run before it in the ledger"
        }
        Unacceptable::Incomplete(Gap::NotSigned) => "the operator did not sign the end of the run",
        Unacceptable::UnknownSigner => "its signer is unknown to you: name the key with `--signers FILE`",
        Unacceptable::NotCompared(check) => {
            return format!("Not acceptable evidence: it could not be shown that {}.", check.title());
        }
    };
    format!("Not acceptable evidence: {why}.")
}
