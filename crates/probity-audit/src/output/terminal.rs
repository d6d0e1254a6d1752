//! For a terminal: findings like a compiler's.

use std::fmt::Write;

use super::{Report, compared, count, lines, listed, nothing, of_severity, quoted, some, title};
use crate::finding::{Finding, Severity};
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
        let (errors, warnings) = (of_severity(alone, Severity::Error), of_severity(alone, Severity::Warning));
        _ = writeln!(out, "{errors:>6}  {warnings:>8}  {accepted:>8}  {}", visible(&report.name));
    }
    _ = writeln!(out, "{}: {}", some(reports.len(), "report"), count(reports));
}

fn one(report: &Report, of_many: bool, colour: bool, out: &mut String) {
    let (name, audit) = (visible(&report.name), &report.audit);
    let paint = |code: &str, text: &str| {
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    for finding in audit.findings.iter().filter(|finding| !listed(finding)) {
        let (code, word) = match (&finding.accepted, finding.severity) {
            (Some(_), _) => ("2", "accepted"),
            (_, Severity::Error) => ("1;31", "error"),
            (_, Severity::Warning) => ("1;33", "warning"),
            (_, Severity::Unsupported) => ("1;36", "unsupported"),
        };
        _ = writeln!(out, "{}: {}", paint(code, &format!("{word}[{}]", finding.rule)), title(finding.rule));
        let about = finding.lines.first().copied().unwrap_or(1);
        let lines = lines(audit, finding);
        let width = lines.last().map_or(1, |last| last.to_string().len());
        _ = writeln!(out, "{:width$}--> {name}:{about}", "");
        let mut before = None;
        for line in lines {
            if before.is_some_and(|before: usize| before + 1 < line) {
                _ = writeln!(out, "{:width$} ...", "");
            }
            before = Some(line);
            let mark = if line == about { paint(code, ">") } else { " ".to_owned() };
            _ = writeln!(out, "{line:width$} |{mark} {}", quoted(audit, line));
        }
        _ = writeln!(out, "{:width$} = {}", "", visible(&finding.message));
        if let Some(reason) = &finding.accepted {
            _ = writeln!(out, "{:width$} = accepted: {}", "", visible(reason.words()));
        }
        out.push('\n');
    }
    let unsupported: Vec<&Finding> = audit.findings.iter().filter(|finding| listed(finding)).collect();
    if let [first, ..] = unsupported.as_slice() {
        _ = writeln!(
            out,
            "{}: {}",
            paint("1;36", &format!("unsupported[{}]", first.rule)),
            title(first.rule)
        );
        let line = |finding: &Finding| finding.lines.first().copied().unwrap_or(1);
        let width = unsupported.iter().map(|finding| line(finding).to_string().len()).max().unwrap_or(1);
        _ = writeln!(out, "{:width$}--> {name}:{}", "", line(first));
        for finding in unsupported {
            _ = writeln!(out, "{:width$} |  {}", line(finding), visible(&finding.message));
        }
        out.push('\n');
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
