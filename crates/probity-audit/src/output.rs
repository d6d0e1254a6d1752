//! Findings as text: for a terminal (like a compiler), JSON, SARIF 2.1.0, Markdown. Text of the report is hostile.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::finding::{Audit, Finding, Severity};
use crate::rules::ALL;
use crate::visible::visible;

/// Characters of a line that are quoted.
const QUOTED: usize = 160;

fn quoted(audit: &Audit, line: usize) -> String {
    let text = audit.document.lines.get(line.saturating_sub(1)).map_or("", String::as_str);
    let text = visible(text.trim_end());
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
        None => text,
    }
}

fn title(id: &str) -> &'static str {
    ALL.iter().find(|rule| rule.id == id).map_or("", |rule| rule.title)
}

fn count(audit: &Audit) -> String {
    let of = |severity| audit.open().filter(|finding| finding.severity == severity).count();
    let accepted = audit.findings.len() - audit.open().count();
    let mut out = format!(
        "{} errors, {} warnings, {} notes",
        of(Severity::Error),
        of(Severity::Warning),
        of(Severity::Note)
    );
    if accepted > 0 {
        _ = write!(out, ", {accepted} accepted");
    }
    out
}

const NOTHING: &str = "Nothing found. That is not a word for the report: only what a text contradicts in itself can be found in it.";

/// For a terminal: each finding with its lines quoted and marked.
pub fn terminal(audit: &Audit, name: &str, colour: bool) -> String {
    let name = visible(name);
    let paint = |code: &str, text: &str| {
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    for finding in &audit.findings {
        let (code, word) = match (&finding.accepted, finding.severity) {
            (Some(_), _) => ("2", "accepted"),
            (_, Severity::Error) => ("1;31", "error"),
            (_, Severity::Warning) => ("1;33", "warning"),
            (_, Severity::Note) => ("1;36", "note"),
        };
        _ = writeln!(out, "{}: {}", paint(code, &format!("{word}[{}]", finding.rule)), title(finding.rule));
        let about = finding.lines.first().copied().unwrap_or(1);
        let mut lines = finding.lines.clone();
        lines.sort_unstable();
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
            _ = writeln!(out, "{:width$} = accepted: {}", "", visible(reason));
        }
        out.push('\n');
    }
    if let Some((line, note)) = audit.document.notes.first() {
        _ = writeln!(out, "note: {} lines hold {note}, the first is line {line}", audit.document.notes.len());
    }
    if audit.findings.is_empty() {
        _ = writeln!(out, "{NOTHING}");
    } else {
        _ = writeln!(out, "{name}: {}", count(audit));
    }
    out
}

/// JSON, for programs: a contract (docs/command-line.md).
pub fn json(audit: &Audit, name: &str) -> String {
    let findings: Vec<Value> = audit
        .findings
        .iter()
        .map(|finding| {
            let lines: Vec<Value> = finding
                .lines
                .iter()
                .map(|line| json!({ "line": line, "text": audit.document.lines.get(line.saturating_sub(1)) }))
                .collect();
            json!({
                "rule": finding.rule,
                "severity": finding.severity,
                "title": title(finding.rule),
                "message": finding.message,
                "lines": lines,
                "accepted": finding.accepted,
            })
        })
        .collect();
    let notes: Vec<Value> =
        audit.document.notes.iter().map(|(line, note)| json!({ "line": line, "note": note })).collect();
    json!({ "report": name, "open": audit.open().count(), "findings": findings, "notes": notes }).to_string()
}

/// SARIF 2.1.0 (OASIS), so that code hosts show the findings beside the lines.
pub fn sarif(audit: &Audit, uri: &str) -> String {
    let rules: Vec<Value> = ALL
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.explanation },
                "defaultConfiguration": { "level": rule.severity.word() },
            })
        })
        .collect();
    let place = |line: &usize| json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": { "startLine": line } } });
    let results: Vec<Value> = audit
        .findings
        .iter()
        .map(|finding: &Finding| {
            let mut result = json!({
                "ruleId": finding.rule,
                "ruleIndex": ALL.iter().position(|rule| rule.id == finding.rule),
                "level": finding.severity.word(),
                "message": { "text": format!("{} {}", title(finding.rule), finding.message) },
                "locations": finding.lines.iter().take(1).map(place).collect::<Vec<_>>(),
                "relatedLocations": finding.lines.iter().skip(1).map(place).collect::<Vec<_>>(),
            });
            if let (Some(reason), Some(result)) = (&finding.accepted, result.as_object_mut()) {
                let suppressed =
                    json!([{ "kind": "inSource", "status": "accepted", "justification": reason }]);
                result.insert("suppressions".to_owned(), suppressed);
            }
            result
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "probity audit", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
    .to_string()
}

/// Markdown; lines of the report stand in code blocks longer than any fence inside them.
pub fn markdown(audit: &Audit, name: &str) -> String {
    let mut out = format!("# Audit of {}\n\n", code(name));
    _ = writeln!(
        out,
        "{}",
        if audit.findings.is_empty() { NOTHING.to_owned() } else { format!("{}.", count(audit)) }
    );
    for finding in &audit.findings {
        let word = if finding.accepted.is_some() { "accepted" } else { finding.severity.word() };
        _ = writeln!(out, "\n## {word}: {}\n\n{}\n", finding.rule, title(finding.rule));
        let mut lines = finding.lines.clone();
        lines.sort_unstable();
        let quotes: Vec<String> =
            lines.iter().map(|line| format!("{line}: {}", quoted(audit, *line))).collect();
        let fence = "`".repeat(longest(&quotes.join("\n")).max(2) + 1);
        _ = writeln!(out, "{fence}text\n{}\n{fence}\n\n{}", quotes.join("\n"), code(&finding.message));
        if let Some(reason) = &finding.accepted {
            _ = writeln!(out, "\nAccepted: {}", code(reason));
        }
    }
    out
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
