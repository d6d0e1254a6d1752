//! Ready, while what has to be there first is open.

use super::target_missed::{Pair, missed, pairs};
use probity_diagnostic::Level;

use crate::assertions::{Assertion, Assertions, Form, Modality, Said, labelled, requires, without_marks};
use crate::document::{MAX_LISTED, Place, Statement};
use crate::finding::{Finding, Rule};
use crate::rules::{EXPLAINED as EXCUSED, words_of};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "open-preconditions",
    level: Level::Warning,
    title: "It is called ready or approved while its own preconditions are open.",
    explanation: "The whole is said to be production ready, approved or complete, without a condition, in a report that lists as open what has to be \
        there first: boxes not ticked under \"before the release\" or a readiness checklist where others are, pending or failed rows there, blockers, \
        or a missed target that the report demands again of what is released. What the place lacks where it will run, and steps of the deployment, are not meant. What waits until after the release is fine.",
    example: "Must be complete before the release:\n\n- [ ] rollback tested\n\nDecision: approved for production.",
};

// Where it will run is for whoever deploys it.
pattern!(
    ENVIRONMENT,
    r"\b(deploy\w*|in production|production|live|env(ironment)? var\w*|(api )?keys?|credentials|secrets?|domains?|dns|ssl|tls|https|certificates?|hosting|cdn|smtp|servers?|accounts?|callbacks?|urls?|firewall|user action|(in|for) (test|dev|development|staging)|available|\.md\b|manual\w*|user (verification|acceptance|testing))\b"
);

pattern!(
    STEP,
    r"^\W*((impact|blocking|severity|priority|owner|status|eta|action|solution|fix|workaround|mitigation|description|how to [a-z]+)\b.{0,3}:|(select|deploy|apply|run|push|set up|configure|schedule|monitor|prepare|beta|full rollout|rollout|create|add|update|change|switch|install|enable|register|notify|train|backup|back up|merge|tag|announce|commit|rebuild|restart|plan|inform)\b)"
);

pattern!(EXAMINED, r"\b(test(s|ed|ing)?|verif\w+|audit\w*|review\w*|sign-?off|signed|approv\w+|validat\w+|rehears\w+|agreed|fix(es|ed)?|fail(s|ed|ing)?)\b");
pattern!(TO_DO, r"^\W*(fix|resolve|complete|finish|run|execute|test|verify|rehearse|repair|mend)\b|\b(fail(s|ed|ing)?|not [a-z]+ed|pending)\W*$");
pattern!(MINOR, r"\b(minor|optional|nice|todos?|should|could|partial\w*|recommended)\b");
pattern!(THERE, r"^\W*(deployment|deploy|rollout|launch day) ");

/// Whether it is said as a verdict: by a label, as a heading, or at the beginning of a paragraph. A sentence may be about a part.
fn is_verdict(all: &Assertions<'_>, one: &Assertion) -> bool {
    let Some(statement) = all.document.statements.get(one.at) else { return false };
    let text = without_marks(&statement.lower);
    if CONDITION.is_in(text) {
        return false;
    }
    match statement.place {
        Place::Heading(_) => true,
        Place::Prose if text.starts_with(&one.name) => true,
        _ => labelled(text).is_some_and(|(label, _)| !label.contains("production-ready")),
    }
}

pattern!(CONDITION, r"\b(with|after|once|when|pending|subject|if|until|except|but|provided|assuming)\b");

/// Lines of open preconditions in one finding.
const MAX_OPEN: usize = 12;

/// Whether the headings over it, or the line that introduces its list, say that it has to be there before.
fn is_demanded(all: &Assertions<'_>, one: &Assertion) -> bool {
    let before = all.document.statements.get(..one.at).unwrap_or_default().iter().rev().take(MAX_LISTED).find(|s| s.block != one.block);
    let heads = |table: usize| all.document.tables.get(table).is_some_and(|table| table.header.iter().any(|head| requires(&head.lower)));
    all.section(one.section).required || matches!(one.form, Form::Cell(table, ..) if heads(table)) || before.is_some_and(|s| s.place == Place::Prose && requires(&s.lower))
}

/// More boxes than that, none of them ticked, are no record.
const MAX_UNTICKED: usize = 3;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let Some(ready) = all.done().find(|one| one.said == Said::Ready && is_verdict(all, one)) else { return };
    let open: Vec<&Assertion> = all.all.iter().filter(|one| one.said == Said::Open && one.modality == Modality::Done).collect();
    // Boxes of which none is ticked anywhere are a form for somebody else, unless there are few.
    let boxes = |wanted: bool| all.document.statements.iter().filter(|s| matches!(s.place, Place::Item { done: Some(done), .. } if done == wanted)).count();
    let form = boxes(true) == 0 && boxes(false) > MAX_UNTICKED;
    let is_box = |one: &Assertion| all.document.statements.get(one.at).is_some_and(|s| matches!(s.place, Place::Item { done: Some(_), .. }));
    let explained = |one: &Assertion| all.document.statements.get(one.at).is_some_and(|s| EXCUSED.is_in(&s.lower));
    let open: Vec<&Assertion> = open.into_iter().filter(|one| !(explained(one) || form && is_box(one))).collect();
    // What has to be there first is so called, and is examined or failed, or stands right before the verdict. What only the place lacks where it will run says nothing of the thing itself, nor
    // does what somebody does there.
    let weighs = |one: &&Assertion| {
        let text = all.document.statements.get(one.at).map_or("", |s| s.lower.as_str());
        let shown = EXAMINED.is_in(text) || (ready.section == one.section && ready.at > one.at);
        // A box and a row are open by their form, and a sign by itself. An item without says what is to be done; one with an explanation behind its name tells of more.
        let statement = all.document.statements.get(one.at);
        let explains = labelled(without_marks(text)).is_some();
        let signed = statement.is_some_and(|s| matches!(s.place, Place::Item { done: Some(_), .. } | Place::Row { .. }) || !explains && s.lower.contains(['⏳', '❌', '☐', '🔴']))
            || TO_DO.is_in(without_marks(text));
        shown && signed && !MINOR.is_in(all.document.heading(one.section)) && is_demanded(all, one) && !THERE.is_in(all.document.heading(one.section)) && !ENVIRONMENT.is_in(text) && !STEP.is_in(without_marks(text)) && !text.contains('(')
    };
    let open: Vec<&Assertion> = open.into_iter().filter(weighs).collect();
    let pairs = pairs(all);
    let short = pairs.iter().filter(|pair| !pair.met && is_far(pair) && pair.claim.modality == Modality::Done && missed(pair) && !is_accepted(all, pair.claim) && is_standard(all, pair)).map(|pair| pair.claim);
    let mut open: Vec<&Assertion> = open.into_iter().chain(short).filter(|one| one.at != ready.at).collect();
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

pattern!(RELEASE, r"\b(production|release|launch|go-?live|required|mandatory|must)\b");

/// Whether the report demands the target again, of what is released.
fn is_standard(all: &Assertions<'_>, pair: &Pair<'_>) -> bool {
    let again = |s: &Statement| RELEASE.is_in(&s.lower) && s.quantities.iter().any(|q| q.bound.is_some() && q.kind == pair.target.kind && q.value == pair.target.value);
    all.document.statements.iter().enumerate().any(|(at, s)| at != pair.claim.at && again(s))
}
