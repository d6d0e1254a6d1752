//! All is well, beside a rate or a failure of the same.

use probity_diagnostic::Level;

use crate::assertions::{Assertion, Assertions, Form, Outcome, Said, is_generic, singular, words};
use crate::document::Place;
use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::rules::{contradiction, words_of};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "all-but",
    level: Level::Error,
    title: "All is said to be well of what a rate or a failure in the report denies.",
    explanation: "\"All interfaces are operational\", \"fully compliant\", \"all tests passed\" is held against rates below 100 %, \
        fractions below their whole and counts of failures of the same subject: in the same sentence, in the items below it, in sections that can be \
        about the same; \"all 11 models are downloaded\" against \"2/11 models\" anywhere; what is said of all tests for the whole report, against failed tests anywhere in it. Coverage is no rate of success, and what failed \
        before it was mended is not meant.",
    example: "- Required records: 4/8 found\n\n## Conclusion\n\nAll required records are found.",
};

pattern!(
    RATE,
    r"\b(success|pass|passed|passing|compliance|compliant|compatibility|working|operational|found|met|succeeded|successful|fulfilled|reachable)\b"
);
pattern!(
    NO_RATE,
    r"\b(coverage|covered|improvement|faster|reduction|cpu|memory|confidence|complete[d]?|completion|hit rate|error|bounce|conversion|growth|sampl\w+ rate|accuracy|scores?|skip\w*|target|phase|budget|tested)\b"
);
// A rate of anything counts where it is called so by a label or a row.
pattern!(CALLED_RATE, r"\brate\b");
pattern!(FAILURES, r"\bfail(ed|ing|ures?)?\b");
pattern!(TESTS, r"\b(tests?|test cases|test suites?|checks)\b");

// "All critical tests" are not all of them.
pattern!(LIMITED, r"\b(critical|essential|major|key|main)\b");

/// Claims, and rates held against them; no report that somebody reads has more.
const MAX_SIDE: usize = 500;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let short: Vec<&Assertion> = all.done().filter(|one| is_short(all, one)).take(MAX_SIDE).collect();
    let mut told: Vec<usize> = Vec::new();
    for claim in all.done().filter(|one| one.said == Said::All && !LIMITED.is_in(&one.name)).take(MAX_SIDE) {
        if let Some(rate) = short.iter().find(|rate| rate.at == claim.at).and_then(|rate| rate.measured()) {
            found.push(says_both(all, claim, rate));
        } else if let Some(fraction) = behind(all, claim) {
            found.push(says_both(all, claim, fraction));
        } else if let Some(other) = counted(all, claim) {
            found.push(contradiction(all, claim, other));
        } else if let Some(other) = below(all, claim) {
            found.push(contradiction(all, claim, other));
        } else if let Some(other) = short.iter().find(|other| denies(all, claim, other)).filter(|other| !told.contains(&other.at)) {
            told.push(other.at);
            found.push(contradiction(all, claim, other));
        }
    }
}

/// Whether a rate or a failure is of what is said to be well.
fn denies(all: &Assertions<'_>, claim: &Assertion, other: &Assertion) -> bool {
    // "All 73 tests" are not those of "140/155".
    if other.measured().and_then(Quantity::of).zip(number(all, claim)).is_some_and(|(of, number)| of != number) {
        return false;
    }
    let of_tests = |one: &Assertion| one.subject.specific() == 0 && TESTS.is_in(text(all, one));
    if of_tests(claim) && of_tests(other) {
        // What is said of the whole covers every section; what is said of a part, that part.
        return all.over(claim).whole && (all.over(claim).summary || all.comparable(claim, other)) || all.encloses(claim.section, other.section);
    }
    all.comparable(claim, other) && other.subject.within(&claim.subject)
}

/// The number of things that all are said to be well of: "all 11 models".
fn number(all: &Assertions<'_>, claim: &Assertion) -> Option<f64> {
    let statement = all.document.statements.get(claim.at)?;
    let names = |q: &&Quantity| statement.lower.get(q.end..).is_some_and(|rest| rest.trim_start().starts_with(&claim.name));
    statement.quantities.iter().filter(|q| q.is_count() && q.value > 1.0).find(names).map(|q| q.value)
}

/// "2/11 models" of "all 11 models": the same number of the same things tells which are meant.
fn counted<'a>(all: &'a Assertions<'_>, claim: &Assertion) -> Option<&'a Assertion> {
    let number = number(all, claim);
    let thing = claim.name.rsplit(' ').next().map(singular).filter(|thing| thing.len() > 2)?;
    let fewer = |one: &&Assertion| {
        let Some((q, of)) = one.measured().and_then(|q| Some((q, q.of()?))).filter(|(q, of)| q.value < *of && !q.rough) else { return false };
        match number {
            Some(number) => of == number && one.at != claim.at && (singular(&q.unit) == thing || one.subject.has(thing)),
            // "6/11 phases complete" of "all phases completed".
            None => singular(&q.unit) == thing && of_all(claim) && same_state(all, claim, one) && all.comparable(claim, one),
        }
    };
    all.done().find(fewer)
}

/// "All phases completed (6/11)": the fraction in brackets behind it.
fn behind<'a>(all: &'a Assertions<'_>, claim: &Assertion) -> Option<&'a Quantity> {
    let statement = all.document.statements.get(claim.at)?;
    let short = statement.quantities.iter().filter(|q| q.of().is_some_and(|of| q.value < of) && !q.rough);
    short.into_iter().find(|q| {
        let (before, after) = (statement.lower.get(..q.start).unwrap_or(""), statement.lower.get(q.end..).unwrap_or(""));
        before.ends_with('(') && before.contains(&claim.name) && after.starts_with(')')
    })
}

fn says_both(all: &Assertions<'_>, claim: &Assertion, short: &Quantity) -> Finding {
    Finding::new(format!("{} says \"all\" and {}", words_of(all, claim.at), short.written()), [claim.line])
}

/// A failure or something not done in the items below the claim.
fn below<'a>(all: &'a Assertions<'_>, claim: &Assertion) -> Option<&'a Assertion> {
    let depth = |at: usize| match all.document.statements.get(at)?.place {
        Place::Item { depth, .. } => Some(depth),
        _ => None,
    };
    let own = depth(claim.at)?;
    let after = all.all.iter().skip_while(|one| one.at <= claim.at).take(60);
    let below = after.take_while(|one| one.block == claim.block && depth(one.at).is_some_and(|depth| depth > own));
    below.filter(|one| one.line != claim.line).find(|one| matches!(one.said, Said::Outcome(Outcome::Failed | Outcome::NotDone)))
}

/// Whether nothing limits what all are.
fn of_all(claim: &Assertion) -> bool {
    claim.name.rsplit_once(' ').is_none_or(|(rest, _)| rest.split(' ').all(is_generic))
}

/// Whether what is told of some is what is said of all: of tests that passed, not all need be complete.
fn same_state(all: &Assertions<'_>, claim: &Assertion, one: &Assertion) -> bool {
    ["complete", "tested", "testing", "implemented"].into_iter().all(|state| {
        let stem = state.get(..5).unwrap_or(state);
        !words(text(all, one)).any(|word| word == state) || words(text(all, claim)).any(|word| word.starts_with(stem))
    })
}

fn text<'a>(all: &'a Assertions<'_>, one: &Assertion) -> &'a str {
    all.document.statements.get(one.at).map_or("", |statement| statement.lower.as_str())
}

/// Whether a value says that not all of its subject is well.
fn is_short(all: &Assertions<'_>, one: &Assertion) -> bool {
    let Said::Measured(q) = &one.said else { return one.said == Said::Outcome(Outcome::Failed) && one.subject.specific() >= 2 };
    if q.rough || q.negative {
        return false;
    }
    let text = text(all, one);
    let rate = || (RATE.is_in(text) || (one.form != Form::Phrase && CALLED_RATE.is_in(&one.name))) && !NO_RATE.is_in(text);
    match q.kind {
        Kind::Percent => q.value < 100.0 && rate() && !FAILURES.is_in(text),
        Kind::Of(of) => q.value < of && of > 1.0 && rate(),
        Kind::Plain => q.is_count() && q.value > 0.0 && FAILURES.is_in(&one.name) && TESTS.is_in(text),
        Kind::Seconds(_) => false,
    }
}
