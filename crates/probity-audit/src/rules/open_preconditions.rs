//! Ready, while what has to be there first is open.

use super::target_missed::{Pair, missed, pairs};
use probity_diagnostic::Level;

use crate::assertions::{Assertion, Assertions, Form, Modality, Outcome, Said};
use crate::document::Place;
use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::rules::{EXPLAINED as EXCUSED, TOTAL, failures, words_of};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "open-preconditions",
    level: Level::Warning,
    title: "It is called ready or approved while its own preconditions are open.",
    explanation: "The whole is said to be production ready, approved or complete, without a condition, in a report that lists as open what has to be \
        there first: boxes not ticked under \"before the release\" or a readiness checklist, pending or failed rows there, blockers, \
        immediate actions, what it lists as not tested, components, tests or the like that failed or are pending where others passed, more than 20 % of the tests of the whole failed without a word that explains them, or a target that the report itself \
        says is missed. What waits until after the release is fine.",
    example: "Must be complete before the release:\n\n- [ ] rollback tested\n\nDecision: approved for production.",
};

pattern!(
    EXAMINATION,
    r"\b(tests?|tested|testing|audit(s|ed)?|review(s|ed)?|verif\w+|validat\w+|qa|scan(s|ned)?|profil\w+|coverage|vulnerabilit\w+|fix(es|ed)?|bugs?|approv\w+|sign-?off|enabled|implemented|applied|completed?|working|written)\b"
);
// Where it will run is for whoever deploys it.
pattern!(
    ENVIRONMENT,
    r"\b(env(ironment)? var\w*|(api )?keys?|credentials|secrets?|domains?|dns|ssl|tls|https|certificates?|hosting|cdn|smtp|servers?|accounts?|callbacks?|urls?|firewall|user action)\b"
);

/// Lines of open preconditions in one finding.
const MAX_OPEN: usize = 12;

/// More boxes than that, none of them ticked, are no record.
const MAX_UNTICKED: usize = 3;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let Some(ready) = all.done().find(|one| one.said == Said::Ready) else { return };
    let open: Vec<&Assertion> = all.all.iter().filter(|one| one.said == Said::Open && one.modality == Modality::Done).collect();
    // Boxes of which none is ticked anywhere are a form for somebody else, unless there are few.
    let boxes = |wanted: bool| all.document.statements.iter().filter(|s| matches!(s.place, Place::Item { done: Some(done), .. } if done == wanted)).count();
    let form = boxes(true) == 0 && boxes(false) > MAX_UNTICKED;
    let is_box = |one: &Assertion| all.document.statements.get(one.at).is_some_and(|s| matches!(s.place, Place::Item { done: Some(_), .. }));
    let explained = |one: &Assertion| all.document.statements.get(one.at).is_some_and(|s| EXCUSED.is_in(&s.lower));
    let open: Vec<&Assertion> = open.into_iter().filter(|one| !(explained(one) || form && is_box(one))).collect();
    // What only the place lacks where it will run says nothing of the thing itself.
    let weighs = |one: &&Assertion| {
        let text = all.document.statements.get(one.at).map_or("", |s| s.lower.as_str());
        !ENVIRONMENT.is_in(text) && (all.over(one).required || EXAMINATION.is_in(text) || EXAMINATION.is_in(all.document.heading(one.section)) || !is_box(one))
    };
    let open = if open.iter().any(weighs) { open } else { Vec::new() };
    let denied = failures(all).into_iter().filter(|one| is_assessed(all, one));
    let pairs = pairs(all);
    let short = pairs.iter().filter(|pair| !pair.met && is_far(pair) && pair.claim.modality == Modality::Done && missed(pair) && !is_accepted(all, pair.claim) && says_missed(all, pair.claim)).map(|pair| pair.claim);
    let mut open: Vec<&Assertion> = open.into_iter().chain(short).chain(denied).chain(failing(all, ready)).filter(|one| one.at != ready.at).collect();
    open.sort_by_key(|one| one.at);
    open.dedup_by_key(|one| one.at);
    if let Some(first) = open.first() {
        let more = open.len() - 1;
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let message = format!(
            "line {} says {}; open in line {}: {}{more}",
            ready.line,
            words_of(all, ready.at),
            first.line,
            words_of(all, first.at)
        );
        found.push(Finding::new(message, [ready.line].into_iter().chain(open.iter().take(MAX_OPEN).map(|one| one.line))));
    }
}

pattern!(
    ASSESSED,
    r"\b(components?|services?|systems?|tests?|test cases?|checks?|areas?|modules?|validations?|endpoints?|aspects?|gates?|scenarios?|criteria|criterion|requirements?|integrations?|controls?)\b"
);
pattern!(EXAMINED, r"\b(tests?|testing|audit|validation|verification|scan|review)$");
pattern!(EXAMINES, r"\b(tests?|test suite|test results|validations?|verification|checks)\b");

/// Whether it is a row of what was assessed, or a test or an audit in a list, or of a list of such.
fn is_assessed(all: &Assertions<'_>, one: &Assertion) -> bool {
    let assessed = match one.form {
        // The total of what is to come is no row of its own.
        Form::Cell(table, ..) => all.name_of_rows(table).is_some_and(|head| ASSESSED.is_in(head)) && !TOTAL.is_in(one.name.trim()),
        _ => EXAMINED.is_in(one.name.trim()) || EXAMINES.is_in(all.document.heading(one.section)),
    };
    assessed && !all.over(one).excluded
}

pattern!(ACCEPTED, r"\b(accept\w*|near\w*|slightly|close( to)?|almost|marginal\w*|minor)\b");

/// Whether the report itself accepts what it says is missed.
fn is_accepted(all: &Assertions<'_>, claim: &Assertion) -> bool {
    all.document.statements.get(claim.at).is_some_and(|s| ACCEPTED.is_in(&s.lower) || EXCUSED.is_in(&s.lower))
}

/// Whether a target is missed by more than a tenth.
fn is_far(pair: &Pair<'_>) -> bool {
    let (value, target) = (pair.value.percent().unwrap_or(pair.value.base()), pair.target.percent().unwrap_or(pair.target.base()));
    (value - target).abs() > target.abs() / 10.0
}

/// Whether a row says itself that its target is missed; beside a sentence's target its value stands.
fn says_missed(all: &Assertions<'_>, claim: &Assertion) -> bool {
    let own = |one: &Assertion| one.at == claim.at && one.said == Said::Outcome(Outcome::Failed);
    !matches!(claim.form, Form::Cell(..)) || all.all.iter().any(own)
}

pattern!(TESTS, r"\b(tests?|checks|test cases|scenarios)\b");
pattern!(PASSED, r"\b(pass(ed|es|ing)?|ok|succeed(ed|s)?|successful|green)\b");
pattern!(FAILED, r"^((unit|integration|e2e|end-to-end|regression|total) )?(tests? )?fail(ed|ing|ures?)( tests?| test cases| checks)?$");
// Failures that the report itself takes for none.
pattern!(
    EXPLAINED,
    r"\b(expect\w*|known|unrelated|pre-?existing|environment\w*|infrastructure|skip\w*|pending|minor|flaky|mocks?|only|non-?block\w*|non-?critical|acceptable|before|after|was|were|fixed|now|optional|by design|intentional\w*|excluding|legacy|not failing|coverage|score)\b|->|→"
);

/// Whether what stands right behind a fraction, or nothing there and the text itself, says that it is of tests.
fn of_tests(text: &str, q: &Quantity) -> bool {
    let after = text.get(q.end..).unwrap_or("");
    let noun: String = after.split([',', '(', ')', ';', '|', '.']).next().unwrap_or("").chars().take(40).collect();
    TESTS.is_in(&noun) || (noun.trim().is_empty() || PASSED.is_in(noun.trim())) && !noun.contains("categor") && TESTS.is_in(text)
}

/// The share of tests that fail in much of what is released all the same.
const MAX_FAILED: f64 = 0.2;

/// Tests of the whole that did not pass: "7/10 tests passing", "Failed: 14 (33 %)".
fn failing<'a>(all: &'a Assertions<'_>, ready: &Assertion) -> Vec<&'a Assertion> {
    // "Failed: 14 (33 %)".
    let many = |at: usize| all.document.statements.get(at).is_some_and(|s| s.quantities.iter().any(|q| q.kind == Kind::Percent && q.value > 100.0 * MAX_FAILED));
    let short = |one: &&Assertion| {
        let Some(q) = one.measured().filter(|q| !q.rough && !q.negative && q.bound.is_none()) else { return false };
        let text = all.document.statements.get(one.at).map_or("", |s| s.lower.as_str());
        match q.kind {
            // "3/4 categories passed" counts no tests.
            Kind::Of(of) => 1.0 - q.value / of > MAX_FAILED && q.decimals == 0 && of_tests(text, q) && PASSED.is_in(text) && !EXPLAINED.is_in(text),
            Kind::Plain => many(one.at) && q.is_count() && q.value > 0.0 && FAILED.is_in(one.name.trim()) && !EXPLAINED.is_in(text),
            _ => false,
        }
    };
    let whole = |one: &&Assertion| all.comparable(ready, one) || one.name.contains("total") || one.name.contains("overall");
    all.done().filter(short).filter(whole).collect()
}
