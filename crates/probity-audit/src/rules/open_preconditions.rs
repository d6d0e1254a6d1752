//! Ready, while what has to be there first is open.

use super::target_missed::{missed, pairs};
use crate::assertions::{Assertion, Assertions, Modality, Said};
use crate::document::Place;
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::rules::words_of;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "open-preconditions",
    level: Level::Warning,
    title: "It is called ready or approved while its own preconditions are open.",
    explanation: "The whole is said to be production ready, approved or complete, without a condition, in a report that lists as open what has to be \
        there first: boxes not ticked under \"before the release\" or a readiness checklist, pending or failed rows there, blockers, \
        immediate actions, or a target that the report itself says is missed. What waits until after the release is fine.",
    example: "Must be complete before the release:\n\n- [ ] rollback tested\n\nDecision: approved for production.",
};

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
    let open = open.into_iter().filter(|one| !(form && is_box(one)));
    let pairs = pairs(all);
    let short = pairs.iter().filter(|pair| !pair.met && pair.claim.modality == Modality::Done && missed(pair)).map(|pair| pair.claim);
    let mut open: Vec<&Assertion> = open.chain(short).filter(|one| one.at != ready.at).collect();
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
