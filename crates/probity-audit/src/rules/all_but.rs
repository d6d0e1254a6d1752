//! All is well, beside a rate or a failure of the same.

use probity_diagnostic::Level;

use crate::assertions::{Assertion, Assertions, Form, Said};
use crate::document::Statement;
use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::rules::{contradiction, words_of};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "all-but",
    level: Level::Warning,
    title: "All is said to be well of what a rate or a failure in the report denies.",
    explanation: "\"All interfaces are operational (86 %)\", \"all phases completed (6/11)\"; \"all required records \
        are found\" against a fraction below its whole of the same subject, in sections that can be about the same. Coverage is no rate of success, and what failed before it was mended is not meant.",
    example: "- Required records: 4/8 found\n\n## Conclusion\n\nAll required records are found.",
};

pattern!(NO_RATE, r"\b(coverage|covered|improvement|completion|confidence|accuracy|scores?|skip\w*|target|phase|budget)\b");
pattern!(OTHERWISE, r"\b(only|from|requires|was|were|before|initial\w*|previous\w*|still)\b|->|→");
pattern!(HOPED, r"^\W*(goal|target|objective|aim|plan)s?\b");
pattern!(NUMBERED, r"\b(phase|week|wave|day|sprint|stage|tier|batch|part|step) \d+");
// "All critical tests" are not all of them, and a criterion is no result.
pattern!(CRITICAL, r"(^|[^-])\b(critical|essential|major|key|main)\b");
pattern!(LIMITED, r"\b(critical|essential|major|key|main|core|criteria|criterion)\b");

pattern!(EXPLAINED, r"\b(pre-?existing|unrelated|known|skip\w*|flaky|expected|environment\w*|except|non-?block\w*)\b");
pattern!(LOSS, r"^ ?[a-z ]{0,20}\b(errors?|failures?|loss|fail\w*)\b");
pattern!(RATED, r"^ ?[a-z ]{0,20}\b(rate|success|pass(ed|ing)?|working|operational)\b");

/// Claims, and fractions held against them; no report that somebody reads has more.
const MAX_SIDE: usize = 500;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let short: Vec<&Assertion> = all.done().filter(|one| is_short(one)).take(MAX_SIDE).collect();
    // "All files show: 21/43 tools" says what they show; what is there when all is done is wished for.
    let plain = |one: &&Assertion| !one.name.contains(|c: char| c.is_ascii_digit() || matches!(c, '"' | ':'));
    let wished = |one: &&Assertion| all.over(one).wished || all.over(one).planned;
    let claims = all.done().filter(|one| one.said == Said::All && plain(one) && !wished(one)).take(MAX_SIDE);
    for (claim, statement) in claims.filter_map(|one| Some((one, all.document.statements.get(one.at)?))) {
        let limited = LIMITED.is_in(&statement.lower);
        let denies = |other: &&&Assertion| !limited && other.at != claim.at && denies(all, claim, statement, other);
        if let Some(rate) = behind(claim, statement) {
            found.push(Finding::new(format!("{} says \"all\" and {}", words_of(all, claim.at), rate.written()), [claim.line]));
        } else if let Some(other) = short.iter().find(denies) {
            found.push(contradiction(all, claim, other));
        }
    }
}

/// Whether a fraction is of what is said to be well.
fn denies(all: &Assertions<'_>, claim: &Assertion, statement: &Statement, other: &Assertion) -> bool {
    let text = all.document.statements.get(other.at).map_or("", |statement| statement.lower.as_str());
    if NO_RATE.is_in(text) || OTHERWISE.is_in(text) || HOPED.is_in(&statement.lower) || numbered(text) != numbered(&statement.lower) {
        return false;
    }
    let counted = statement.quantities.iter().any(|q| q.is_count() && q.value > 1.0);
    let same = other.subject.specific() > 0 && other.subject.within(&claim.subject) && claim.subject.within(&other.subject);
    !counted && same && other.form != Form::Phrase && all.comparable(claim, other)
}

/// The phases, weeks and the like that a text names.
fn numbered(text: &str) -> Vec<&str> {
    NUMBERED.all_in(text).filter_map(|parts| parts.get(0)).map(|name| name.as_str()).collect()
}

/// "All phases completed (6/11)", "(85.7 % success rate)": what stands in brackets right behind it.
fn behind<'a>(claim: &Assertion, statement: &'a Statement) -> Option<&'a Quantity> {
    statement.quantities.iter().filter(|q| is_less(q) && !CRITICAL.is_in(&statement.lower)).find(|q| {
        let before = statement.lower.get(..q.start).and_then(|before| before.strip_suffix('('));
        let between = before.and_then(|before| before.rsplit_once(claim.name.as_str())).map(|(_, between)| between);
        // A bare percentage may be of what is more than all these.
        let rated = q.kind != Kind::Percent || statement.lower.get(q.end..).is_some_and(|after| RATED.is_in(after) && !LOSS.is_in(after));
        rated && !EXPLAINED.is_in(&statement.lower) && between.is_some_and(|between| !between.contains(|c: char| c.is_ascii_digit() || c == ':'))
            && !NO_RATE.is_in(&statement.lower)
    })
}

fn is_less(q: &Quantity) -> bool {
    let less = match q.kind {
        Kind::Percent => q.value < 100.0,
        // Marks out of ten or a hundred are no counts.
        Kind::Of(of) => q.value < of && of > 1.0 && of != 10.0 && of != 100.0 && q.decimals == 0,
        Kind::Plain | Kind::Seconds(_) => false,
    };
    less && !q.rough && !q.negative && q.bound.is_none()
}

/// Whether a fraction says that not all of its subject is well.
fn is_short(one: &Assertion) -> bool {
    one.measured().is_some_and(|q| is_less(q) && matches!(q.kind, Kind::Of(_)))
}
