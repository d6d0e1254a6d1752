//! What was and was not permitted, what the signature shows, how to verify, and which run this was.

use maud::{Markup, html};
use probity_evidence::Status;

use super::{VisibleText, Worded};
use crate::contents::Contents;
use crate::said;

/// What was not permitted, and what the author declared harmless.
pub(super) fn permissions(contents: &Contents) -> Markup {
    let not_made = said::not_made(contents);
    let harmless = said::declared_harmless(contents.plan);
    html! {
        @if !not_made.is_empty() {
            section {
                h2 { "What was not permitted or left out" }
                p { "The operator allowed impact " strong { (contents.start.allow) } "." }
                ul {
                    @for (probe, impact, does, why) in not_made {
                        li { strong { (VisibleText(&probe)) } " (" (impact) ", " (why) "): " code { (VisibleText(&does)) } }
                    }
                }
            }
        }
        @if !harmless.is_empty() {
            section {
                h2 { "Declared harmless by the author" }
                p.small.muted {
                    "These probes are of a kind that may do more; the plan says that, with these parameters, they do not."
                }
                ul {
                    @for (probe, impact, floor, does) in harmless {
                        li { strong { (VisibleText(probe)) } ": " (impact) " instead of " (floor) ": " code { (VisibleText(&does)) } }
                    }
                }
            }
        }
    }
}

/// What the signature shows, which of the five things are present, which checks were made, how to look again.
pub(super) fn signature(contents: &Contents) -> Markup {
    html! {
        section {
            h2 id="signature" { "What the signature shows, and what not" }
            p { (Worded(said::SIGNATURE_SHOWS)) }
            p { (said::SIGNATURE_DOES_NOT_SHOW) }
            table.rows {
                caption { "Five things narrow this. In this bundle:" }
                thead { tr {
                    th scope="col" style="width:27%" { "Thing" }
                    th scope="col" style="width:12%" { "In this bundle" }
                    th scope="col" { "What it says" }
                } }
                tbody {
                    @for thing in said::five_things(contents) {
                        tr {
                            th scope="row" { (thing.thing) }
                            td data-label="In this bundle" {
                                @if thing.present { span.present { "present" } } @else { span.absent { "absent" } }
                            }
                            td data-label="What it says" { (Worded(&thing.says)) }
                        }
                    }
                }
            }
            @if let Some(checks) = contents.verification {
                table.rows.checks {
                    caption { "What verification checked, and what it did not:" }
                    thead { tr {
                        th scope="col" style="width:40%" { "Check" }
                        th scope="col" style="width:12%" { "Result" }
                        th scope="col" { "Detail" }
                    } }
                    tbody {
                        @for check in checks {
                            tr {
                                th scope="row" { (check.id.title()) }
                                td data-label="Result" {
                                    @match check.status() {
                                        Status::Failed => span.failed { "failed" },
                                        status => (status.name()),
                                    }
                                }
                                td data-label="Detail" { (VisibleText(&check.detail())) }
                            }
                        }
                    }
                }
            }
        }
        section {
            h2 id="verify" { "How to verify, and how to look again" }
            table.rows {
                thead { tr {
                    th scope="col" style="width:50%" { "Command" }
                    th scope="col" { "What it does" }
                } }
                tbody {
                    @for (command, does) in said::commands(contents) {
                        tr { td data-label="Command" { code { (VisibleText(&command)) } } td data-label="What it does" { (Worded(does)) } }
                    }
                }
            }
        }
    }
}

/// Who looked from elsewhere, and what that is worth; nothing where nobody did.
pub(super) fn observers(contents: &Contents) -> Markup {
    let observers = said::observers(contents);
    html! {
        @if !observers.is_empty() {
            section {
                h2 id="observers" { "Who looked from elsewhere" }
                p { (said::WORD_OF_OTHERS) }
                table.rows {
                    thead { tr {
                        th scope="col" style="width:27%" { "Observer" }
                        th scope="col" { "How it was reached, and who it says it is" }
                    } }
                    tbody {
                        @for (name, says) in observers {
                            tr { th scope="row" { (VisibleText(&name)) } td { (VisibleText(&says)) } }
                        }
                    }
                }
            }
        }
    }
}

/// Which run this was, how the observer was doing, and what befell it.
pub(super) fn run(contents: &Contents) -> Markup {
    html! {
        section {
            h2 id="run" { "The run" }
            table.rows {
                thead { tr {
                    th scope="col" style="width:27%" { "What" }
                    th scope="col" { "As the log has it" }
                } }
                tbody {
                    @for (name, value) in said::identity(contents) {
                        tr { th scope="row" { (name) } td { (VisibleText(&value)) } }
                    }
                    @for (name, value) in &contents.start.inputs {
                        tr { th scope="row" { "input " (VisibleText(name)) } td { (VisibleText(value)) } }
                    }
                    @for (name, digest) in &contents.start.files {
                        tr { th scope="row" { (VisibleText(name)) ", SHA-256" } td { (VisibleText(digest)) } }
                    }
                    @for (name, value) in said::observer(contents) {
                        tr { th scope="row" { "observer: " (VisibleText(&name)) } td { (VisibleText(&value)) } }
                    }
                    @for (entry, event) in contents.events {
                        tr {
                            th scope="row" { "entry " (entry) }
                            td { (VisibleText(&event.what.to_string())) ", " (said::moment(event.at)) }
                        }
                    }
                }
            }
        }
    }
}
