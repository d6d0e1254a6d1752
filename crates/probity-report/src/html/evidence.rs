//! The appendix: which entries each finding rests on, and those that tell most, as recorded.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::VisibleText;
use crate::contents::{Contents, wanted_entries};
use crate::said;
use crate::visible::excerpt;

/// How many characters of an entry's facts are shown.
const MAX_FACTS: usize = 600;

/// Links to those entries that the appendix shows; the others by their number.
pub(super) fn links(contents: &Contents, entries: &[u64]) -> Markup {
    let shown = wanted_entries(contents.judgement);
    html! {
        @for (at, entry) in entries.iter().enumerate() {
            @if at > 0 { ", " }
            @if shown.contains(entry) { a href={ "#e" (entry) } { (entry) } } @else { (entry) }
        }
    }
}

/// The appendix.
pub(super) fn appendix(contents: &Contents) -> Markup {
    let bundle = said::quoted(contents.bundle);
    let wanted: BTreeSet<u64> = wanted_entries(contents.judgement);
    html! {
        section {
            h2 id="evidence" { "Evidence" }
            p {
                "The log holds " (contents.entries) " entries before its closing one, " (contents.observations)
                " of them observations. Every entry can be read with " code { "probity show " (VisibleText(&bundle)) " NUMBER" } "."
            }
            table.rows {
                caption { "Which entries each finding rests on" }
                thead { tr {
                    th scope="col" style="width:22%" { "Claim" }
                    th scope="col" style="width:14%" { "Probe" }
                    th scope="col" style="width:30%" { "Entries" }
                    th scope="col" { "To read the first" }
                } }
                tbody {
                    @for (number, finding) in contents.judgement.findings.iter().enumerate() {
                        tr id={ "ev" (number) } {
                            th scope="row" { a href={ "#c" (number) } { (VisibleText(&finding.claim)) } }
                            td data-label="Probe" { (VisibleText(&finding.of)) }
                            td data-label="Entries" {
                                @if finding.entries.is_empty() { "none" }
                                @else {
                                    (said::ranges(&finding.entries))
                                    " (" (said::entry_count(&finding.entries)) ")"
                                }
                            }
                            td data-label="To read the first" {
                                @if let Some((first, _)) = finding.entries.first() {
                                    code { "probity show " (VisibleText(&bundle)) " " (first) }
                                }
                            }
                        }
                    }
                }
            }
            @if !wanted.is_empty() {
                table.rows {
                    caption {
                        "Entries that decided against a claim or could not be decided, at most 20 of each claim and "
                        (crate::contents::MAX_TELLING) " in all"
                    }
                    thead { tr {
                        th scope="col" style="width:8%" { "Entry" }
                        th scope="col" style="width:18%" { "Began" }
                        th scope="col" style="width:18%" { "Probe" }
                        th scope="col" { "What it recorded" }
                    } }
                    tbody { @for entry in wanted { (telling(contents, &bundle, entry)) } }
                }
            }
        }
    }
}

fn telling(contents: &Contents, bundle: &str, entry: u64) -> Markup {
    let found = contents.telling.binary_search_by_key(&entry, |(number, _)| *number);
    let observation = found.ok().map(|at| &contents.telling[at].1);
    html! {
        tr id={ "e" (entry) } {
            th scope="row" data-label="Entry" { (entry) }
            @if let Some(observation) = observation {
                td data-label="Began" { (said::moment(observation.started)) }
                td data-label="Probe" {
                    (VisibleText(&observation.probe))
                    @if !observation.cell.is_empty() { br; code { (VisibleText(&said::cell_line(observation))) } }
                    @if observation.attempt > 1 || observation.superseded {
                        br; span.small.muted { "attempt " (observation.attempt) }
                    }
                }
                td data-label="What it recorded" { code { (excerpt(&said::facts_line(observation), MAX_FACTS)) } }
            } @else {
                td {} td {}
                td data-label="What it recorded" { code { "probity show " (VisibleText(bundle)) " " (entry) } }
            }
        }
    }
}
