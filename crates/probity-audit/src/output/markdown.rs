//! Markdown, for reading.

use std::fmt::Write;

use super::{Report, compared, count, lines, listed, nothing, quoted, title};
use crate::finding::Finding;
use crate::visible::visible;

/// A part for each report; lines of the report stand in code blocks longer than any fence inside them.
pub fn markdown(reports: &[Report]) -> String {
    let mut out = String::new();
    for report in reports {
        one(report, &mut out);
    }
    out
}

fn one(report: &Report, out: &mut String) {
    let audit = &report.audit;
    let counts = format!("{}.", count(std::slice::from_ref(report)));
    let summary = if audit.findings.is_empty() { nothing(audit) } else { counts };
    _ = writeln!(out, "# Audit of {}\n\n{summary}", code(&report.name));
    for sentence in audit.against.iter().flat_map(compared) {
        _ = writeln!(out, "\n{}", code(&sentence));
    }
    for finding in audit.findings.iter().filter(|finding| !listed(finding)) {
        let word = if finding.accepted.is_some() { "accepted" } else { finding.level.word() };
        _ = writeln!(out, "\n## {word}: {}\n\n{}\n", finding.rule, title(finding.rule));
        let quotes: Vec<String> =
            lines(audit, finding).iter().map(|line| format!("{line}: {}", quoted(audit, *line))).collect();
        let fence = "`".repeat(longest(&quotes.join("\n")).max(2) + 1);
        _ = writeln!(out, "{fence}text\n{}\n{fence}\n\n{}", quotes.join("\n"), code(&finding.message));
        if let Some(reason) = &finding.accepted {
            _ = writeln!(out, "\nAccepted: {}", code(reason.words()));
        }
    }
    let unsupported: Vec<&Finding> = audit.findings.iter().filter(|finding| listed(finding)).collect();
    if let [first, ..] = unsupported.as_slice() {
        _ = writeln!(out, "\n## unsupported: {}\n\n{}\n", first.rule, title(first.rule));
        for finding in unsupported {
            let line = finding.lines.first().copied().unwrap_or(1);
            _ = writeln!(out, "- line {line}: {}", code(&finding.message));
        }
    }
}

/// The longest run of backticks.
fn longest(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn code(text: &str) -> String {
    let text = visible(text);
    let fence = "`".repeat(longest(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}
