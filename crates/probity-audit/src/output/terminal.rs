//! For a terminal: each finding as every diagnostic is printed, and what was read.

use std::fmt::Write;

use probity_diagnostic::{Diagnostic, Level, NoLines, text};

use super::{Report, compared, count, nothing, of_level, some};
use crate::visible::visible;

/// Each finding with its lines quoted and marked; of many reports, a table of counts at the end.
pub fn terminal(reports: &[Report], colour: bool) -> String {
    let mut out = String::new();
    for report in reports {
        one(report, reports.len() > 1, colour, &mut out);
    }
    if reports.len() > 1 {
        table(reports, &mut out);
    }
    out
}

fn table(reports: &[Report], out: &mut String) {
    let found: Vec<&Report> = reports.iter().filter(|report| !report.audit.findings.is_empty()).collect();
    if !found.is_empty() {
        _ = writeln!(out, "errors  warnings  accepted  report");
    }
    for report in found {
        let alone = std::slice::from_ref(report);
        let accepted = report.audit.findings.len() - report.audit.open().count();
        let (errors, warnings) = (of_level(alone, Level::Error), of_level(alone, Level::Warning));
        _ = writeln!(out, "{errors:>6}  {warnings:>8}  {accepted:>8}  {}", visible(&report.name));
    }
    _ = writeln!(out, "{}: {}", some(reports.len(), "report"), count(reports));
}

fn one(report: &Report, of_many: bool, colour: bool, out: &mut String) {
    let (name, audit) = (visible(&report.name), &report.audit);
    let (listed, shown): (Vec<_>, Vec<_>) = report
        .diagnostics()
        .into_iter()
        .partition(|one| one.level == Level::Unsupported && one.accepted.is_none());
    for one in shown {
        _ = writeln!(out, "{}", text(&[one], report, colour));
    }
    if let Some(first) = listed.first() {
        // One for all, without their lines: the sentence names the number.
        let say = |one: &Diagnostic| format!("line {}: {}", one.place.at.line, one.message);
        let place = first.place.clone();
        let mut all = Diagnostic::new(first.level, first.rule, place, first.title);
        all.notes = listed.iter().map(say).collect();
        _ = writeln!(out, "{}", text(&[all], &NoLines, colour));
    }
    if let Some((line, note)) = audit.document.notes.first() {
        let (many, verb) = match audit.document.notes.len() {
            1 => ("1 line".to_owned(), "holds"),
            many => (some(many, "line"), "hold"),
        };
        _ = writeln!(out, "note: {many} {verb} {note}, the first is line {line}");
    }
    for sentence in audit.against.iter().flat_map(compared) {
        _ = writeln!(out, "{}", visible(&sentence));
    }
    if of_many {
        return;
    }
    if audit.findings.is_empty() {
        _ = writeln!(out, "{}", nothing(audit));
    } else {
        _ = writeln!(out, "{name}: {}", count(std::slice::from_ref(report)));
    }
}
