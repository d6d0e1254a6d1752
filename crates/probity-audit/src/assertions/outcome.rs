//! Words and signs for what became of something.

use crate::words::{TICKS, pattern};

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed, works, is complete.
    Passed,
    /// It failed.
    Failed,
    /// It was not tested, is pending, is switched off.
    NotDone,
}

pattern!(
    PASSED,
    r"^[^a-z0-9]*(all |fully |production |successfully )?(pass(ed|es|ing)?|ok|met|achieved|exceeded|exceeds|success(ful)?|complete[d]?|covered|validated|verified|confirmed|working|operational|functional|done|compliant|healthy|approved|fulfilled|satisfied|improved|excellent|good|tested)\b"
);
/// What may follow a word that is an outcome and begins no name: "failed snapshots", "error messages", "pending, open, closed".
const ENDS: &str =
    r"\b(\W*$|[^a-z0-9 ,/-]| [^a-z0-9,/]| (to|with|on|in|at|due|because|for|when|by|and|until|since)\b)";

pattern!(
    FAILED,
    &format!(
        r"^[^a-z0-9]*((fail(ed|s|ing|ure)?|missed|broken|error|non-?compliant|unmet){ENDS}|not (met|passed|achieved|reached|working|compliant|functional|operational)\b)"
    )
);
pattern!(
    NOT_DONE,
    &format!(
        r"^[^a-z0-9]*((is |was |were |are |has been |currently |still |temporarily )*(not (yet )?(been )?(tested|checked|run|running|executed|verified|measured|performed|validated|implemented|started|done|complete[d]?|configured|available|enabled|installed|deployed|ready|connected)|untested|unverified|to ?do|in progress|incomplete|not started|unimplemented)\b|(is |was |were |are |has been |currently |still |temporarily )*(pending|skipped|disabled|deferred|blocked|open|outstanding|unavailable){ENDS}|missing\W*$)"
    )
);
pattern!(
    TAKEN_BACK,
    r"\b(not|no|never|partial(ly)?|except|but|however|without|fail\w*|pending|if|once|until|when|needs?|missing|only|mostly|almost|some)\b|❌|⚠|⏳|🟡|🔴|🟠|🔄|🚧"
);

/// The outcome that a short text gives: a cell, the value of a label, the end of an item.
pub(crate) fn of(lower: &str) -> Option<Outcome> {
    if lower.len() > 60 || lower.is_empty() {
        return None;
    }
    let (tick, cross) = (lower.contains(TICKS), lower.contains(['❌', '✗', '✘']));
    if NOT_DONE.is_in(lower) {
        (!tick).then_some(Outcome::NotDone)
    } else if FAILED.is_in(lower) {
        (!tick).then_some(Outcome::Failed)
    } else if (PASSED.is_in(lower) || (tick && !lower.contains(char::is_alphabetic)))
        && !TAKEN_BACK.is_in(lower)
    {
        Some(Outcome::Passed)
    } else if cross && !tick && !lower.contains(char::is_alphabetic) {
        Some(Outcome::Failed)
    } else if tick && !TAKEN_BACK.is_in(lower) {
        Some(Outcome::Passed)
    } else {
        None
    }
}

/// The outcome that the sign before an item gives.
pub(super) fn sign(lower: &str) -> Option<Outcome> {
    let signs = lower.split(|c: char| c.is_alphanumeric() || c == '`').next().unwrap_or("");
    if signs.contains(TICKS) {
        Some(Outcome::Passed)
    } else if signs.contains(['❌', '✗', '✘']) {
        Some(Outcome::Failed)
    } else if signs.contains(['⏳', '⬜', '☐', '🚧']) {
        Some(Outcome::NotDone)
    } else {
        None
    }
}
