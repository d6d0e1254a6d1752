//! The rules, one file each: joins over what the report asserts. A rule says nothing rather than something wrong.

use crate::assertions::{Assertion, Assertions};
use crate::finding::{Finding, Rule};
use crate::visible::visible;
use crate::words::pattern;

macro_rules! rules {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        /// The rules that look at the report alone, in the order of the documentation.
        pub const ALONE: &[&Rule] = &[$(&$name::RULE),*];
        /// What each of them does.
        pub(crate) const CHECKS: &[fn(&Assertions<'_>, &mut Vec<Finding>)] = &[$($name::check),*];
    };
}

mod bracketed;
mod tally;

rules![
    percent_not_fraction,
    change_not_percent,
    parts_not_total,
    count_not_list,
    beyond_maximum,
    two_values,
    all_but,
    passed_unchecked,
    target_missed,
    target_repeated,
    sample_too_small,
    open_preconditions,
    beyond_its_limits,
    effort_as_evidence,
    existence_as_function,
    dates_off,
];

/// All rules: those that look at the report alone, then those that hold it against a bundle.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    ALONE.iter().copied().chain(crate::against::RULES)
}

pattern!(TOTAL, r"^(grand |overall |sub)?(total|sum|overall|all|altogether|together|in total|result)s?\b");

/// Characters of the report that a message quotes.
const MAX_QUOTED: usize = 90;

/// The report's own words on a statement, shortened.
fn words_of(all: &Assertions<'_>, at: usize) -> String {
    let text = all.document.statements.get(at).map_or("", |statement| statement.text.trim());
    let text = visible(text);
    match text.char_indices().nth(MAX_QUOTED) {
        Some((at, _)) => format!("\"{}…\"", text.get(..at).unwrap_or("")),
        None => format!("\"{text}\""),
    }
}

/// A finding that holds a claim against what stands elsewhere, both in the report's own words.
fn contradiction(all: &Assertions<'_>, claim: &Assertion, but: &Assertion) -> Finding {
    let message = format!(
        "line {} says {}, line {} says {}",
        claim.line,
        words_of(all, claim.at),
        but.line,
        words_of(all, but.at)
    );
    Finding::new(message, [claim.line, but.line])
}
