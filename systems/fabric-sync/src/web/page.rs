//! The status page: one line a fabric, and one page for each. No script; it loads itself again.

use fabric_model::Summary;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use crate::report::{Report, ago, kinds_line, span};

/// Seconds between loads.
const RELOAD: u32 = 5;

fn frame(title: &str, note: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="refresh" content=(RELOAD);
                title { (title) }
                link rel="stylesheet" href="/style.css";
            }
            body {
                @if let Some(note) = note { p.note role="note" { (note) } }
                main { (body) }
                footer {
                    "fabric-sync " (env!("CARGO_PKG_VERSION"))
                    " · " a href="/status.json" { "status.json" }
                    " · " a href="/metrics" { "metrics" }
                }
            }
        }
    }
}

/// All fabrics.
pub(super) fn overview(reports: &[Report], note: Option<&str>, now: Timestamp) -> Markup {
    let body = html! {
        h1 { "Fabrics" }
        div.scroll {
            table {
                thead {
                    tr {
                        th { "Fabric" } th { "State" }
                        @for (title, _) in COUNTS { th.number { (title) } }
                        th { "Both sides read" } th { "Writes" }
                    }
                }
                tbody {
                    @for report in reports {
                        tr {
                            td { a href={ "/fabrics/" (report.fabric) } { (report.fabric) } }
                            td { (badge(report)) }
                            @for (_, count) in COUNTS { td.number { (count(report)) } }
                            td { (ago(report.whole_as_of, now)) }
                            td { (writes(report)) }
                        }
                    }
                }
            }
        }
    };
    frame("Fabrics", note, &body)
}

type Count = fn(&Report) -> usize;

const COUNTS: [(&str, Count); 6] = [
    ("Same", |report| report.counts.same),
    ("Differs", |report| report.counts.differs),
    ("Missing", |report| report.counts.missing),
    ("Extra", |report| report.counts.extra),
    ("Unknown", |report| report.counts.unknown),
    ("Refused", |report| report.quarantine.len()),
];

fn badge(report: &Report) -> Markup {
    let class = match (report.as_of, report.summary) {
        (None, _) | (_, Summary::Unknown) => "unknown",
        (_, Summary::InSync) => "same",
        (_, Summary::OutOfSync) => "differs",
    };
    let text =
        if report.as_of.is_none() { "not looked at yet".to_owned() } else { report.summary.to_string() };
    html! { span.badge.(class) { (text) } }
}

fn writes(report: &Report) -> Markup {
    html! {
        @match (&report.writing, &report.standstill) {
            (Some(progress), _) => { "now: " (progress.done) " of " (progress.of) " changes" },
            (None, Some(standstill)) => (standstill),
            (None, None) if report.leader => "as needed",
            (None, None) => "not yet",
        }
    }
}

/// One fabric.
pub(super) fn fabric(report: &Report, note: Option<&str>, now: Timestamp) -> Markup {
    let body = html! {
        p.back { a href="/" { "← all fabrics" } }
        h1 { (report.fabric) " " (badge(report)) }
        dl {
            dt { "NetBox site" } dd { (report.site) }
            dt { "Both sides read whole" } dd { (ago(report.whole_as_of, now)) }
            @if let Some(since) = report.differs_since {
                dt { "Differs since" } dd { (span(now.duration_since(since))) }
            }
            @if let Some(since) = report.waiting_since {
                dt { "A change waits since" } dd { (span(now.duration_since(since))) }
            }
            dt { "Writes" } dd { (writes(report)) }
            @if let Some(run) = &report.last_run {
                dt { "Last run that wrote" }
                dd {
                    (ago(Some(run.ended), now)) ", " (run.ending) ": " (run.written) " written, " (run.refused) " refused, " (run.open) " left open ("
                    code { (run.run) } ")"
                }
            }
            @if let Some(fault) = &report.history { dt { "History" } dd.bad { (fault) } }
        }
        ul.counts {
            @for (title, count) in COUNTS { li { b { (count(report)) } " " (title.to_lowercase()) } }
        }
        (unread(report))
        (objects(report))
        (list("Source objects that cannot be mapped", report.counts.problems, &report.problems))
        (quarantine(report, now))
        (held(report))
        (observed(report))
        @if report.unrepresented > 0 {
            p {
                (report.unrepresented) " fields of the source have no place of their own in NetBox; "
                code { "fabric-sync plan" } " names them."
            }
        }
        @if let Some(kinds) = kinds_line(&report.unrepresented_kinds, report.kinds_unread.as_ref()) {
            p { "Not represented: " (kinds) }
        }
    };
    frame(&report.fabric, note, &body)
}

fn unread(report: &Report) -> Markup {
    html! {
        @if !report.unread.is_empty() {
            section {
                h2 { "Could not be read whole (" (report.unread.len()) ")" }
                p { "Nothing that rests on these is decided, and nothing is deleted." }
                div.scroll { table {
                    thead { tr { th { "Where" } th { "List" } th { "Why" } } }
                    tbody {
                        @for list in &report.unread {
                            tr {
                                td { (list.side) }
                                td { (list.list) }
                                td { (list.why) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn objects(report: &Report) -> Markup {
    let counts = report.counts;
    let all = counts.differs + counts.missing + counts.extra + counts.unknown;
    html! {
        @if all > 0 {
            section {
                h2 { "Not the same (" (all) ")" }
                @if all > report.objects.len() { p { "The first " (report.objects.len()) " of them." } }
                div.scroll { table {
                    thead { tr { th { "Object of NetBox" } th { "Stands for" } th { "Status" } th { "What" } } }
                    tbody {
                        @for line in &report.objects {
                            tr {
                                td { (line.object) }
                                td { @if let Some(source) = &line.source { (source) } }
                                td { span.badge.(line.status) { (line.status) } }
                                td { (line.detail) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn quarantine(report: &Report, now: Timestamp) -> Markup {
    html! {
        @if !report.quarantine.is_empty() {
            section {
                h2 { "Refused by NetBox (" (report.quarantine.len()) ")" }
                div.scroll { table {
                    thead { tr { th { "Object" } th { "NetBox says" } th.number { "Times" } th { "Next try" } } }
                    tbody {
                        @for line in &report.quarantine {
                            tr {
                                td { (line.object) }
                                td { (line.reason) }
                                td.number { (line.failures) }
                                td { "in " (span(line.until.duration_since(now))) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

fn held(report: &Report) -> Markup {
    html! {
        @if !report.held.is_empty() {
            section {
                h2 { "Held back (" (report.held_count) ")" }
                @if report.held_count > report.held.len() { p { "The first " (report.held.len()) " of them." } }
                @if report.deletions_to_confirm > 0 {
                    p {
                        (report.deletions_to_confirm) " deletions wait for somebody's word: "
                        code { "fabric-sync plan --fabric " (report.fabric) " --confirm-deletions -o PLAN" } ", then "
                        code { "fabric-sync apply PLAN" } "."
                    }
                }
                div.scroll { table {
                    thead { tr { th { "Object" } th { "Why" } } }
                    tbody { @for line in &report.held { tr { td { (line.object) } td { (line.reason) } } } }
                } }
            }
        }
    }
}

fn observed(report: &Report) -> Markup {
    let observed = &report.observed;
    html! {
        section {
            h2 { "Intended beside observed" }
            p { (observed.same) " as intended, " (observed.differs.len()) " otherwise, " (observed.unknown.len()) " not known." }
            (list("Otherwise", observed.differs.len(), &observed.differs))
            (list("Not known", observed.unknown.len(), &observed.unknown))
        }
    }
}

fn list(title: &str, count: usize, lines: &[String]) -> Markup {
    html! {
        @if count > 0 {
            section {
                h2 { (title) " (" (count) ")" }
                ul { @for line in lines { li { (line) } } }
            }
        }
    }
}
