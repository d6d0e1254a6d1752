//! Findings as text: for a terminal (like a compiler), JSON, SARIF 2.1.0, Markdown. Text of the report is hostile.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::against::Compared;
use crate::finding::{Audit, Finding, Severity};
use crate::rules;
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
    rules::all().find(|rule| rule.id == id).map_or("", |rule| rule.title)
}

/// `1 note`, `2 notes`.
fn some(count: usize, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

fn count(audit: &Audit) -> String {
    let of = |severity| audit.open().filter(|finding| finding.severity == severity).count();
    let accepted = audit.findings.len() - audit.open().count();
    let mut out = format!(
        "{}, {}, {}",
        some(of(Severity::Error), "error"),
        some(of(Severity::Warning), "warning"),
        some(of(Severity::Note), "note")
    );
    let unsupported = of(Severity::Unsupported);
    if unsupported > 0 {
        _ = write!(out, ", {} with unsupported numbers", some(unsupported, "line"));
    }
    if accepted > 0 {
        _ = write!(out, ", {accepted} accepted");
    }
    out
}

/// The lines of a finding in order, each sentence to its end.
fn lines(audit: &Audit, finding: &Finding) -> Vec<usize> {
    let mut lines: Vec<usize> =
        finding.lines.iter().flat_map(|line| *line..=audit.document.until(*line)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// Whether a finding stands in the list at the end.
fn listed(finding: &Finding) -> bool {
    finding.severity == Severity::Unsupported && finding.accepted.is_none()
}

/// What was held against a bundle, in sentences.
fn compared(against: &Compared) -> Vec<String> {
    let names = |claims: &[(String, probity_verdict::Outcome)]| {
        let each: Vec<_> =
            claims.iter().map(|(claim, outcome)| format!("{claim} ({})", outcome.name())).collect();
        each.join(", ")
    };
    let mut out = vec![format!("Held against {}, whose verdict is {}.", against.bundle, against.verdict)];
    out.extend(against.remarks.iter().cloned());
    let all = against.cited.len() + against.not_cited.len();
    if against.cited.is_empty() {
        out.push(format!("The report cites none of its {}.", some(all, "claim")));
    } else {
        out.push(format!(
            "The report cites {} of its {}: {}.",
            against.cited.len(),
            some(all, "claim"),
            names(&against.cited)
        ));
        if !against.not_cited.is_empty() {
            out.push(format!("Not cited: {}.", names(&against.not_cited)));
        }
    }
    out.push(format!(
        "Of its numbers the bundle shows {}, shows {} otherwise, and does not show {}.",
        against.shown, against.otherwise, against.unsupported
    ));
    out
}

const NOTHING: &str = "Nothing found. That is not a word for the report: only what a text contradicts in itself can be found in it.";
const NOTHING_AGAINST: &str = "Nothing found: the text contradicts neither itself nor the bundle, and every number in it is one that the bundle shows.";

fn nothing(audit: &Audit) -> &'static str {
    if audit.against.is_some() { NOTHING_AGAINST } else { NOTHING }
}

/// For a terminal: each finding with its lines quoted and marked.
pub fn terminal(audit: &Audit, name: &str, colour: bool) -> String {
    let name = visible(name);
    let paint = |code: &str, text: &str| {
        if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    for finding in audit.findings.iter().filter(|finding| !listed(finding)) {
        let (code, word) = match (&finding.accepted, finding.severity) {
            (Some(_), _) => ("2", "accepted"),
            (_, Severity::Error) => ("1;31", "error"),
            (_, Severity::Warning) => ("1;33", "warning"),
            (_, Severity::Note | Severity::Unsupported) => ("1;36", "note"),
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
            _ = writeln!(out, "{:width$} = accepted: {}", "", visible(reason));
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
    if audit.findings.is_empty() {
        _ = writeln!(out, "{}", nothing(audit));
    } else {
        _ = writeln!(out, "{name}: {}", count(audit));
    }
    out
}

/// JSON, for programs: a contract (docs/command-line.md).
pub fn json(audit: &Audit, name: &str) -> String {
    let text = |line: usize| audit.document.lines.get(line.saturating_sub(1)).map(String::as_str);
    let findings = audit.findings.iter().map(|finding| JsonFinding {
        accepted: finding.accepted.as_deref(),
        lines: finding.lines.iter().map(|line| JsonLine { line: *line, text: text(*line) }).collect(),
        message: &finding.message,
        rule: finding.rule,
        severity: finding.severity,
        title: title(finding.rule),
    });
    let notes = audit.document.notes.iter().map(|(line, note)| json!({ "line": line, "note": note }));
    let report = Json {
        against: audit.against.as_ref(),
        findings: findings.collect(),
        notes: notes.collect(),
        open: audit.open().count(),
        report: name,
    };
    // Strings and numbers: this cannot fail.
    serde_json::to_string(&report).unwrap_or_default()
}

/// What [`json`] writes, in the order of the alphabet.
#[derive(Serialize)]
struct Json<'a> {
    against: Option<&'a Compared>,
    findings: Vec<JsonFinding<'a>>,
    notes: Vec<Value>,
    open: usize,
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

/// SARIF 2.1.0 (OASIS), so that code hosts show the findings beside the lines.
///
/// `path` is the report's, as it was named; it becomes a URI reference. An unsupported number is of the kind `open`: what
/// there is to see does not tell whether it is right.
pub fn sarif(audit: &Audit, path: &str) -> String {
    let uri = reference(path);
    let rules: Vec<Value> = rules::all()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.title },
                "fullDescription": { "text": rule.explanation },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    let place = |line: &usize| {
        let region = json!({ "startLine": line, "endLine": audit.document.until(*line) });
        json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": region } })
    };
    let ids: Vec<&str> = rules::all().map(|rule| rule.id).collect();
    let results: Vec<Value> = audit
        .findings
        .iter()
        .map(|finding: &Finding| {
            let mut result = json!({
                "ruleId": finding.rule,
                "ruleIndex": ids.iter().position(|id| *id == finding.rule),
                "kind": if finding.severity == Severity::Unsupported { "open" } else { "fail" },
                "level": level(finding.severity),
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

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Unsupported => "none",
        other => other.word(),
    }
}

/// A path as a URI reference (RFC 3986): relative as it was named, absolute as a `file:` URI.
fn reference(path: &str) -> String {
    const OUTSIDE: percent_encoding::AsciiSet =
        percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let encoded = percent_encoding::utf8_percent_encode(path, &OUTSIDE);
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded.to_string() }
}

/// Markdown; lines of the report stand in code blocks longer than any fence inside them.
pub fn markdown(audit: &Audit, name: &str) -> String {
    let mut out = format!("# Audit of {}\n\n", code(name));
    _ = writeln!(
        out,
        "{}",
        if audit.findings.is_empty() { nothing(audit).to_owned() } else { format!("{}.", count(audit)) }
    );
    for sentence in audit.against.iter().flat_map(compared) {
        _ = writeln!(out, "\n{}", code(&sentence));
    }
    for finding in audit.findings.iter().filter(|finding| !listed(finding)) {
        let word = if finding.accepted.is_some() { "accepted" } else { finding.severity.word() };
        _ = writeln!(out, "\n## {word}: {}\n\n{}\n", finding.rule, title(finding.rule));
        let quotes: Vec<String> =
            lines(audit, finding).iter().map(|line| format!("{line}: {}", quoted(audit, *line))).collect();
        let fence = "`".repeat(longest(&quotes.join("\n")).max(2) + 1);
        _ = writeln!(out, "{fence}text\n{}\n{fence}\n\n{}", quotes.join("\n"), code(&finding.message));
        if let Some(reason) = &finding.accepted {
            _ = writeln!(out, "\nAccepted: {}", code(reason));
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
