//! JSON, for programs: a contract (docs/command-line.md).

use serde::Serialize;
use serde_json::{Value, json};

use super::{Report, title};
use crate::against::Compared;
use crate::assertions::Read;
use crate::finding::{Acceptance, Severity};

/// One report as an object; many as `{"open": N, "reports": [...]}`.
pub fn json(reports: &[Report], many: bool) -> String {
    let objects: Vec<Json<'_>> = reports.iter().map(object).collect();
    let open = objects.iter().map(|report| report.open).sum::<usize>();
    // Strings and numbers: this cannot fail.
    match objects.as_slice() {
        [one] if !many => serde_json::to_string(one).unwrap_or_default(),
        all => json!({ "open": open, "reports": all }).to_string(),
    }
}

fn object(report: &Report) -> Json<'_> {
    let audit = &report.audit;
    let text = |line: usize| audit.document.lines.get(line.saturating_sub(1)).map(String::as_str);
    let findings = audit.findings.iter().map(|finding| JsonFinding {
        accepted: finding.accepted.as_ref().map(Acceptance::words),
        lines: finding.lines.iter().map(|line| JsonLine { line: *line, text: text(*line) }).collect(),
        message: &finding.message,
        rule: finding.rule,
        severity: finding.severity,
        title: title(finding.rule),
    });
    let notes = audit.document.notes.iter().map(|(line, note)| json!({ "line": line, "note": note }));
    Json {
        against: audit.against.as_ref(),
        findings: findings.collect(),
        notes: notes.collect(),
        open: audit.open().count(),
        read: audit.read,
        report: &report.name,
    }
}

/// In the order of the alphabet.
#[derive(Serialize)]
struct Json<'a> {
    against: Option<&'a Compared>,
    findings: Vec<JsonFinding<'a>>,
    notes: Vec<Value>,
    open: usize,
    read: Read,
    report: &'a str,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    accepted: Option<&'a str>,
    lines: Vec<JsonLine<'a>>,
    message: &'a str,
    rule: &'a str,
    severity: Severity,
    title: &'a str,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    line: usize,
    text: Option<&'a str>,
}
