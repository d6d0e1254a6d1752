//! The rules, one file each: joins over what the report asserts. A rule says nothing rather than something wrong.

use std::collections::HashSet;

use crate::assertions::{Assertion, Assertions, Form, Outcome, Said};
use crate::document::{Place, Statement};
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
mod numbered;
mod overall;
mod tally;
mod ticked;

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

pattern!(
    EXPLAINED,
    r"\b(but|optional(ly)?|expect\w*|known|minor|non-?critical|non-?block\w*|future|later|planned?|defer\w*|acceptable|accepted|by design|intentional\w*|n/?a|not (needed|required|applicable)|roadmap|nice|recommend\w*|next|scheduled|low|awaiting|after|(in|for|until) phase \d|v\d|post-\w+|unrelated|pre-?existing|environment\w*|flaky|workaround|coming soon|backlog|out of scope|mitigated|fallback|graceful\w*|degrad\w*|fixed|resolved|was|were|->|→)\b"
);

// A cross alone may be what a legend explains.
pattern!(
    WORDS,
    r"\b(pending|fail(s|ed|ing)?\W*$|fail(s|ed|ing)?\b[^a-z0-9]*[|(-]|not ([a-z]+ )?(tested|run|executed|verified|implemented|working|done|started|complete[d]?|validated|met)|untested|missing|in progress|incomplete|broken|todo|only tested)"
);

/// What failed or was not done in a table or list of which something passed, where the report does not say why that does not
/// count. A table of nothing but open rows is a form.
fn failures<'a>(all: &'a Assertions<'_>) -> Vec<&'a Assertion> {
    let passed = all.done().filter(|one| one.said == Said::Outcome(Outcome::Passed)).map(|one| one.block);
    let passed: HashSet<usize> = passed.collect();
    let failed = |one: &&Assertion| {
        matches!(one.said, Said::Outcome(Outcome::Failed | Outcome::NotDone)) && one.form != Form::Phrase
    };
    let counts = |one: &&Assertion| {
        let statement = all.document.statements.get(one.at);
        let is_box = |s: &Statement| matches!(s.place, Place::Item { done: Some(_), .. });
        // "Failed: 0".
        statement.is_some_and(|s| {
            !is_box(s)
                && WORDS.is_in(&s.lower)
                && !EXPLAINED.is_in(&s.lower)
                && s.quantities.iter().all(|q| q.value != 0.0)
        })
    };
    all.done().filter(failed).filter(|one| passed.contains(&one.block)).filter(counts).collect()
}
