//! Scores, the tables of findings, and what is still open.

use maud::{Markup, html};

use probity_verdict::wording::finding as wording;
use probity_verdict::{Finding, Outcome};

use super::{VisibleText, Worded, evidence, plots};
use crate::contents::Contents;
use crate::said;
use crate::visible::excerpt;

/// The class and the word of an outcome.
pub(super) fn badge(outcome: Outcome) -> Markup {
    html! { span.badge.(class(outcome)) { (outcome.name()) } }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Fails => "fails",
        Outcome::Undetermined => "undetermined",
        Outcome::NotApplicable => "not-applicable",
    }
}

/// How many findings there are of each outcome.
pub(super) fn tally(contents: &Contents) -> Markup {
    let findings = &contents.judgement.findings;
    let outcomes = [Outcome::Holds, Outcome::Fails, Outcome::Undetermined, Outcome::NotApplicable];
    html! {
        ul.tally aria-label={ "Of " (findings.len()) " claims" } {
            li { "Of " (findings.len()) @if findings.len() == 1 { " claim:" } @else { " claims:" } }
            @for outcome in outcomes {
                @let count = findings.iter().filter(|finding| finding.outcome == outcome).count();
                @if count > 0 { li { strong { (count) } " " (badge(outcome)) } }
            }
        }
    }
}

/// Scores as intervals.
pub(super) fn scores(contents: &Contents) -> Markup {
    let scores = &contents.judgement.scores;
    html! {
        @if !scores.is_empty() {
            section {
                h2 id="scores" { "Scores" }
                p.small.muted {
                    "A score is a weighted mean of findings between 0 and 1: what holds counts 1, what fails 0, and what "
                    "is undetermined leaves it open, so a score is an interval. Solid: surely reached. Pale: still open."
                }
                table.rows.score {
                    thead { tr {
                        th scope="col" style="width:18%" { "Score" }
                        th scope="col" { "From 0 to 1" }
                        th scope="col" style="width:16%" { "Value" }
                        th scope="col" style="width:18%" { "Weight that applies" }
                        th scope="col" style="width:18%" { "Find out next" }
                    } }
                    tbody {
                        @for score in scores {
                            tr {
                                th scope="row" { (VisibleText(&score.name)) }
                                td data-label="From 0 to 1" {
                                    (plots::interval_bar(score.lower, score.upper, &score.name))
                                }
                                td data-label="Value" { (said::score(score)) }
                                td data-label="Weight that applies" { (said::weight(score)) }
                                td data-label="Find out next" {
                                    @if let Some(next) = score.open.first() { (claim_link(contents, next)) }
                                    @else { "nothing open" }
                                }
                            }
                        }
                    }
                }
                @for score in scores {
                    p.small {
                        strong { (VisibleText(&score.name)) } " is made of: "
                        @for (at, (weight, outcome, claims)) in alike(&score.parts).iter().enumerate() {
                            @if at > 0 { "; " }
                            @for (at, claim) in claims.iter().enumerate() {
                                @if at > 0 { ", " }
                                (claim_link(contents, claim))
                            }
                            " (" (said::number(*weight)) @if claims.len() > 1 { " each" } ", " (outcome.name()) ")"
                        }
                    }
                }
            }
        }
    }
}

/// The parts of a score that weigh the same and came out the same, each group where its first part stands.
fn alike(parts: &[(String, f64, Outcome)]) -> Vec<(f64, Outcome, Vec<&str>)> {
    let mut groups: Vec<(f64, Outcome, Vec<&str>)> = Vec::new();
    for (claim, weight, outcome) in parts {
        match groups.iter_mut().find(|group| group.0.total_cmp(weight).is_eq() && group.1 == *outcome) {
            Some(group) => group.2.push(claim),
            None => groups.push((*weight, *outcome, vec![claim])),
        }
    }
    groups
}

/// A link to the finding about a claim, or its bare name if there is none.
pub(super) fn claim_link(contents: &Contents, claim: &str) -> Markup {
    let number = contents.judgement.findings.iter().position(|finding| finding.claim == claim);
    html! {
        @match number {
            Some(number) => a href={ "#c" (number) } { (VisibleText(claim)) },
            None => (VisibleText(claim)),
        }
    }
}

/// One table a section, with its plots.
pub(super) fn sections(contents: &Contents) -> Markup {
    html! {
        @for (number, (section, findings)) in said::sections(contents.judgement).iter().enumerate() {
            section {
                h2 id={ "section-" (number) } { (VisibleText(section)) }
                p.muted.small { (said::tally(findings.iter().map(|(_, finding)| *finding))) }
                @let columns = Columns::of(findings);
                table {
                    thead { tr {
                        th scope="col" style="width:16%" { "Claim, finding" }
                        th scope="col" { "The author says" }
                        th scope="col" { "What was decided" }
                        th scope="col" style="width:12%" { "Measured" }
                        @if columns.objective { th scope="col" style="width:10%" { "Objective" } }
                        @if columns.bounds { th scope="col" style="width:11%" { "Bounds" } }
                        th scope="col" style="width:9%" { "Rests on" }
                    } }
                    @for (number, finding) in findings { (row(contents, *number, finding, columns)) }
                }
                @for (_, finding) in findings { (plots::plot_of(contents, finding)) }
            }
        }
        @if !contents.judgement.findings.is_empty() {
            p.small.muted { (said::RESTS_ON) }
            p.small.muted { (said::BOUNDS) }
        }
    }
}

/// Which columns the table of a section has beside those that every one has.
#[derive(Clone, Copy)]
struct Columns {
    objective: bool,
    bounds: bool,
}

impl Columns {
    fn of(findings: &[(usize, &Finding)]) -> Self {
        Self {
            objective: findings.iter().any(|(_, finding)| !wording::objective(finding).is_empty()),
            bounds: findings.iter().any(|(_, finding)| finding.bounds.is_some()),
        }
    }

    fn count(self) -> usize {
        5 + usize::from(self.objective) + usize::from(self.bounds)
    }
}

fn row(contents: &Contents, number: usize, finding: &Finding, columns: Columns) -> Markup {
    let objective = contents.plan.claim(&finding.claim).and_then(|claim| claim.form.objective());
    let objective = objective.map(|share| share.0);
    html! {
        tbody id={ "c" (number) } {
            tr {
                th scope="row" {
                    (VisibleText(&finding.claim)) br;
                    (badge(finding.outcome))
                    @if finding.waived.is_some() { " " a href="#waivers" { "waived" } }
                }
                td.says data-label="The author says" { @if let Some(says) = &finding.says { (VisibleText(says)) } }
                td.decided data-label="What was decided" { (VisibleText(&said::decided(finding))) }
                td data-label="Measured" {
                    a href={ "#ev" (number) } {
                        @let measured = wording::measured(finding);
                        @if measured.is_empty() { "entries" } @else { (VisibleText(&measured)) }
                    }
                }
                @if columns.objective { td data-label="Objective" { (VisibleText(&wording::objective(finding))) } }
                @if columns.bounds { td data-label="Bounds" {
                    @if let Some(bounds) = finding.bounds {
                        (said::number(bounds.lower)) " to " (said::number(bounds.upper))
                        (plots::interval_bar_between(bounds.lower, bounds.upper, objective, &finding.claim))
                        span.small.muted { "each at " (said::number(bounds.confidence * 100.0)) " %" }
                    }
                } }
                td data-label="Rests on" { strong { (said::rests_on(finding)) } }
            }
            tr.why { td colspan=(columns.count()) {
                p { (Worded(&wording::reason(finding))) }
                (cells(finding))
                @for note in &said::notes(finding) { p { (Worded(note)) } }
                @if !finding.telling.is_empty() {
                    p { @if finding.telling.len() == 1 { "See entry " } @else { "See entries " } (evidence::links(contents, &finding.telling)) "." }
                }
                @if let Some(waived) = &finding.waived {
                    p { "Waived by " (VisibleText(&waived.owner)) " until " (VisibleText(&waived.until)) ": " (VisibleText(&waived.reason)) }
                }
            } }
        }
    }
}

/// The cells of a matrix, those that do not hold first.
fn cells(finding: &Finding) -> Markup {
    let (cells, more) = said::cells(finding);
    html! {
        @if !cells.is_empty() {
            ul {
                @for cell in cells {
                    li {
                        span.(class(cell.outcome)) { strong { (cell.outcome.name()) } } " "
                        code { (VisibleText(&cell.cell)) } ": " (said::cell_counts(cell))
                    }
                }
                @if more > 0 { li { "and " (more) " more cells" } }
            }
        }
    }
}

/// What could not be seen, and what would let us see it.
pub(super) fn unseen(contents: &Contents) -> Markup {
    let unseen = said::unseen(contents);
    html! {
        @if !unseen.is_empty() {
            section {
                h2 id="unseen" { "What could not be seen, and what would let us see it" }
                table.rows {
                    thead { tr {
                        th scope="col" style="width:16%" { "Probe, facts" }
                        th scope="col" style="width:15%" { "Barrier" }
                        th scope="col" style="width:27%" { "Detail" }
                        th scope="col" style="width:14%" { "Claims" }
                        th scope="col" { "What would let us see it" }
                    } }
                    tbody {
                        @for it in unseen {
                            tr {
                                th scope="row" { (VisibleText(&it.probe)) br; code { (VisibleText(&it.facts.join(", "))) } }
                                td data-label="Barrier" {
                                    (it.barrier) br;
                                    @let number = it.claims.first().map_or(0, |(number, _)| *number);
                                    a href={ "#ev" (number) } {
                                        (it.times) @if it.times == 1 { " time" } @else { " times" }
                                    }
                                }
                                td data-label="Detail" { code { (excerpt(&it.detail, 300)) } }
                                td data-label="Claims" {
                                    @for (at, (number, claim)) in it.claims.iter().enumerate() {
                                        @if at > 0 { ", " }
                                        a href={ "#c" (number) } { (VisibleText(claim)) }
                                    }
                                }
                                td data-label="What would let us see it" { (Worded(&it.remedy)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whether anything is undetermined.
pub(super) fn has_open(contents: &Contents) -> bool {
    !contents.judgement.verdict.settle.is_empty() || !said::to_settle(contents).is_empty()
}

/// What would settle what is undetermined.
pub(super) fn to_settle(contents: &Contents) -> Markup {
    html! {
        @if has_open(contents) {
            section {
                h2 id="settle" { "What would settle what is undetermined" }
                ul {
                    @for how in &said::settle_verdict(contents) { li { strong { "The verdict" } ": " (Worded(how)) } }
                    @for (number, finding, how) in said::to_settle(contents) {
                        li { a href={ "#c" (number) } { (VisibleText(&finding.claim)) } ": " (Worded(&how)) }
                    }
                }
            }
        }
    }
}

/// Waivers and what became of them.
pub(super) fn waivers(contents: &Contents) -> Markup {
    let waivers = said::waivers(contents);
    html! {
        @if !waivers.is_empty() {
            section {
                h2 id="waivers" { "Waivers" }
                table.rows {
                    thead { tr {
                        th scope="col" { "Claim" }
                        th scope="col" style="width:32%" { "Reason" }
                        th scope="col" { "Owner" }
                        th scope="col" { "Until" }
                        th scope="col" { "In this verdict" }
                    } }
                    tbody {
                        @for it in waivers {
                            tr {
                                th scope="row" { (claim_link(contents, it.claim)) }
                                td data-label="Reason" { (VisibleText(it.reason)) }
                                td data-label="Owner" { (VisibleText(it.owner)) }
                                td data-label="Until" { (VisibleText(it.until)) }
                                td data-label="In this verdict" { (it.became) }
                            }
                        }
                    }
                }
            }
        }
    }
}
