//! What stands in the way of an acceptance, and the trials that were made.

use maud::{Markup, html};

use probity_verdict::wording::finding as wording;

use super::findings::badge;
use super::{VisibleText, Worded};
use crate::contents::Contents;
use crate::said;

/// What stands in the way; nothing where the verdict is an acceptance.
pub(super) fn blockers(contents: &Contents) -> Markup {
    let blockers = said::blockers(contents);
    html! {
        @if !blockers.is_empty() {
            section {
                h2 id="blockers" { "Blockers: what stands in the way of an acceptance" }
                table.rows {
                    thead { tr {
                        th scope="col" style="width:20%" { "Claim, finding" }
                        th scope="col" style="width:20%" { "Read by" }
                        th scope="col" { "Why" }
                        th scope="col" style="width:27%" { "What to do" }
                    } }
                    tbody {
                        @for it in blockers {
                            tr {
                                th scope="row" {
                                    a href={ "#c" (it.number) } { (VisibleText(&it.finding.claim)) } br;
                                    (badge(it.finding.outcome))
                                }
                                td data-label="Read by" { (VisibleText(&it.read_by)) }
                                td data-label="Why" { (Worded(&wording::reason(it.finding))) }
                                td data-label="What to do" { (Worded(&it.to_do)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The trials, what became of their machines, and what is claimed over them.
pub(super) fn trials(contents: &Contents) -> Markup {
    let trials = said::trials(contents);
    html! {
        @if !trials.is_empty() {
            section {
                h2 id="trials" { "Trials" }
                p.small.muted { (Worded(said::TRIALS)) }
                table.rows {
                    thead { tr {
                        th scope="col" style="width:16%" { "Trials" }
                        th scope="col" style="width:12%" { "Machine" }
                        th scope="col" { "Planned" }
                        th scope="col" { "At once" }
                        th scope="col" { "Made" }
                        th scope="col" { "Reached" }
                        th scope="col" { "Removed" }
                        th scope="col" style="width:36%" { "Claims over them" }
                    } }
                    tbody {
                        @for it in trials {
                            tr {
                                th scope="row" { (VisibleText(it.name)) }
                                td data-label="Machine" { (VisibleText(it.machine)) }
                                td data-label="Planned" { (it.planned) }
                                td data-label="At once" { (it.at_once) }
                                td data-label="Made" { (it.made) }
                                td data-label="Reached" { (it.reached) }
                                td data-label="Removed" { (it.removed) }
                                td data-label="Claims over them" {
                                    @for (at, (number, finding)) in it.claims.iter().enumerate() {
                                        @if at > 0 { br; }
                                        a href={ "#c" (number) } { (VisibleText(&finding.claim)) } " " (badge(finding.outcome))
                                        @let measured = wording::measured(finding);
                                        @if !measured.is_empty() { " " (VisibleText(&measured)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
