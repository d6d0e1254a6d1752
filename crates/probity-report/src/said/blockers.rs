//! Claims that stand in the way of an acceptance: those that a rule was decided by, itself or through a score.

use probity_verdict::judgement::Why;
use probity_verdict::truth::Truth;
use probity_verdict::{Finding, Outcome};

use super::finding::how_to_settle;
use crate::contents::Contents;

/// A claim that stands in the way of an acceptance.
pub(crate) struct Blocker<'a> {
    /// Its place among the findings.
    pub number: usize,
    /// What was found.
    pub finding: &'a Finding,
    /// What read it: "rule 1, NOT READY", "score.required of rule 1, NOT READY".
    pub read_by: String,
    /// What to do: the author's remedy of a failure, or what would settle what is undetermined; may be empty.
    pub to_do: String,
}

/// What stands in the way, failures first, then in the order of the rules; nothing where the verdict is an acceptance.
pub(crate) fn blockers<'a>(contents: &Contents<'a>) -> Vec<Blocker<'a>> {
    let mut all: Vec<Blocker> = Vec::new();
    if contents.judgement.verdict.accepted == Some(true) {
        return all;
    }
    for why in &contents.judgement.verdict.why {
        let Why::Rule { rule, label, truth, claims, scores, .. } = why else { continue };
        let accepts = contents.plan.rules.get(rule.saturating_sub(1)).is_some_and(|rule| rule.accepted);
        // A rule that would accept and does not, or one that does not accept and may apply.
        let hinders = if accepts { *truth != Truth::True } else { *truth != Truth::False };
        if !hinders {
            continue;
        }
        let by_rule = format!("rule {rule}, {label}");
        for read in claims.iter().filter(|read| read.waived.is_none()) {
            add(&mut all, contents, &read.claim, by_rule.clone());
        }
        for read in scores {
            let parts = contents.judgement.scores.iter().filter(|score| score.name == read.score);
            for (claim, _, outcome) in parts.flat_map(|score| &score.parts) {
                if matches!(outcome, Outcome::Fails | Outcome::Undetermined) {
                    add(&mut all, contents, claim, format!("score.{} of {by_rule}", read.score));
                }
            }
        }
    }
    all.sort_by_key(|blocker| blocker.finding.outcome != Outcome::Fails);
    all
}

/// The claim, once, however many rules read it.
fn add<'a>(all: &mut Vec<Blocker<'a>>, contents: &Contents<'a>, claim: &str, read_by: String) {
    let mut findings = contents.judgement.findings.iter().enumerate();
    let Some((number, finding)) = findings.find(|(_, finding)| finding.claim == claim) else { return };
    if all.iter().any(|blocker| blocker.number == number) {
        return;
    }
    let to_do = match finding.outcome {
        Outcome::Fails => finding.remedy.clone(),
        Outcome::Undetermined => how_to_settle(contents, finding),
        Outcome::Holds | Outcome::NotApplicable => None,
    };
    all.push(Blocker { number, finding, read_by, to_do: to_do.unwrap_or_default() });
}
