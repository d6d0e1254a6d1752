//! What came of a claim, in words.

use probity_verdict::judgement::CellFinding;
use probity_verdict::wording::{barrier, finding as wording};
use probity_verdict::{Finding, Judgement, Outcome};

use crate::contents::Contents;

use super::value::number;

/// "3 hold, 1 fails, 2 undetermined".
pub(crate) fn tally<'a>(findings: impl Iterator<Item = &'a Finding>) -> String {
    let outcomes: Vec<Outcome> = findings.map(|finding| finding.outcome).collect();
    let count = |outcome| outcomes.iter().filter(|it| **it == outcome).count();
    let words = [
        (count(Outcome::Holds), "holds", "hold"),
        (count(Outcome::Fails), "fails", "fail"),
        (count(Outcome::Undetermined), "undetermined", "undetermined"),
        (count(Outcome::NotApplicable), "not applicable", "not applicable"),
    ];
    let parts: Vec<String> = words
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    if parts.is_empty() { "no claims".to_owned() } else { parts.join(", ") }
}

/// Findings under their headings, in the order in which the headings first appear; `Claims` for those without one.
pub(crate) fn sections(judgement: &Judgement) -> Vec<(&str, Vec<(usize, &Finding)>)> {
    let mut sections: Vec<(&str, Vec<(usize, &Finding)>)> = Vec::new();
    for (number, finding) in judgement.findings.iter().enumerate() {
        let name = finding.section.as_deref().unwrap_or("Claims");
        match sections.iter_mut().find(|(section, _)| *section == name) {
            Some((_, findings)) => findings.push((number, finding)),
            None => sections.push((name, vec![(number, finding)])),
        }
    }
    sections
}

/// "at least 0.817413, at most 0.97; each with 95 % confidence".
pub(crate) fn bounds(finding: &Finding) -> String {
    finding.bounds.map_or_else(String::new, |bounds| {
        let (lower, upper) = (number(bounds.lower), number(bounds.upper));
        format!("{lower} to {upper} (each at {} %)", number(bounds.confidence * 100.0))
    })
}

/// The weakest thing a finding rests on, or that there was nothing.
pub(crate) fn rests_on(finding: &Finding) -> &'static str {
    finding.rests_on.map_or("nothing", |shows| shows.name())
}

/// What was decided, with what it rests on.
pub(crate) fn decided(finding: &Finding) -> String {
    wording::decided(&finding.decided, finding.rests_on)
}

/// What is said beside a finding: what its control is worth, what the count assumes, and what to do about a failure, by the
/// author.
pub(crate) fn notes(finding: &Finding) -> Vec<String> {
    let control = finding.control.as_ref().map(|control| {
        let rests_on = control.rests_on.map_or("nothing", |shows| shows.name());
        format!(
            "its positive control `{}` {}, resting on {rests_on}: {}",
            control.claim,
            control.outcome.name(),
            wording::decided(&control.decided, control.rests_on)
        )
    });
    let failed = finding.remedy.as_ref().filter(|_| finding.outcome == Outcome::Fails);
    let remedy = failed.map(|remedy| format!("what to do, by the plan's author: {remedy}"));
    wording::notes(finding).into_iter().chain(control).chain(remedy).collect()
}

/// Undetermined findings, each with what would settle it.
pub(crate) fn to_settle<'a>(contents: &Contents<'a>) -> Vec<(usize, &'a Finding, String)> {
    let judgement = contents.judgement;
    let open = judgement.findings.iter().enumerate().filter(|(_, it)| it.outcome == Outcome::Undetermined);
    open.map(|(number, finding)| {
        let how = how_to_settle(contents, finding).unwrap_or_else(|| wording::reason(finding));
        (number, finding, how)
    })
    .collect()
}

/// What would settle an undetermined finding: more looks, or passing the barriers that were met.
pub(super) fn how_to_settle(contents: &Contents, finding: &Finding) -> Option<String> {
    wording::settle(contents.plan, finding).or_else(|| {
        let probe = contents.plan.probe(&finding.of)?;
        let mut remedies: Vec<String> = Vec::new();
        for met in &finding.barriers {
            let remedy = barrier::remedy(probe, met);
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        Some(remedies.join("; ")).filter(|remedies| !remedies.is_empty())
    })
}

/// How many cells of a matrix are listed one by one.
const MAX_CELLS: usize = 100;

/// The cells of a matrix, what fails first, then what is undetermined; and how many more there are.
pub(crate) fn cells(finding: &Finding) -> (Vec<&CellFinding>, usize) {
    let mut cells: Vec<_> = finding.cells.iter().collect();
    cells.sort_by_key(|cell| match cell.outcome {
        Outcome::Fails => 0,
        Outcome::Undetermined => 1,
        Outcome::Holds | Outcome::NotApplicable => 2,
    });
    let more = cells.len().saturating_sub(MAX_CELLS);
    cells.truncate(MAX_CELLS);
    (cells, more)
}

/// What came of a cell: "0 of 1", with what was not seen and the bounds of its rate.
pub(crate) fn cell_counts(cell: &CellFinding) -> String {
    let counts = cell.counts;
    let mut text = format!("{} of {}", counts.successes, counts.planned);
    if counts.blocked > 0 {
        text = format!("{text}, {} not seen", counts.blocked);
    }
    if let Some(bounds) = cell.bounds {
        text = format!("{text}, {} to {}", number(bounds.lower), number(bounds.upper));
    }
    text
}
