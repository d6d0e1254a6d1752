//! What the plan's author excused or declared, and what a probe does.

use probity_plan::Plan;
use probity_plan::units::counted;
use probity_verdict::judgement::WaivedBy;

use crate::contents::Contents;

/// A waiver of the plan with what became of it.
pub(crate) struct Waived<'a> {
    pub claim: &'a str,
    pub reason: &'a str,
    pub owner: &'a str,
    pub until: &'a str,
    pub became: &'static str,
}

/// Every waiver of the plan.
pub(crate) fn waivers<'a>(contents: &Contents<'a>) -> Vec<Waived<'a>> {
    let judgement = contents.judgement;
    let same = |by: &WaivedBy, reason: &str, until: &str| by.reason == reason && by.until == until;
    contents
        .plan
        .waivers
        .iter()
        .map(|waiver| {
            let counts =
                |claim: &str, by: &WaivedBy| claim == waiver.claim && same(by, &waiver.reason, &waiver.until);
            let in_verdict = judgement.verdict.waivers.iter().any(|(claim, by)| counts(claim, by));
            let in_finding = judgement
                .findings
                .iter()
                .any(|it| it.waived.as_ref().is_some_and(|by| counts(&it.claim, by)));
            let became = match (in_verdict, in_finding) {
                (true, _) => "counts in the verdict",
                (false, true) => "in force; the verdict did not need it",
                (false, false) => "not used: expired, or nothing to cover",
            };
            Waived {
                claim: &waiver.claim,
                reason: &waiver.reason,
                owner: &waiver.owner,
                until: &waiver.until,
                became,
            }
        })
        .collect()
}

/// Probes whose author calls them less harmful than their kind: name, impact, the kind's floor, what they do.
pub(crate) fn declared_harmless(plan: &Plan) -> Vec<(&str, &'static str, &'static str, String)> {
    plan.probes
        .iter()
        .filter(|probe| probe.declared_harmless)
        .map(|probe| (probe.name.as_str(), probe.impact.name(), probe.nature().name(), what_it_does(probe)))
        .collect()
}

/// The first act of a probe, as a person would type it, and how many more there are.
pub(crate) fn what_it_does(probe: &probity_plan::Probe) -> String {
    match probe.cells.as_slice() {
        [] => String::new(),
        [cell] => cell.act.describe(),
        [cell, more @ ..] => {
            format!("{} (and {})", cell.act.describe(), counted(more.len() as u64, "more row", "more rows"))
        }
    }
}
