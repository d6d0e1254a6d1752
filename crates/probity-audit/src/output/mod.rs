//! Findings in every form: for a terminal, JSON, SARIF 2.1.0, Markdown, annotations of a code host. One
//! file a form. Text of the report is hostile.

mod github;
mod json;
mod markdown;
mod sarif;
mod terminal;

use std::fmt::Write;
use std::sync::Arc;

use probity_diagnostic::{Diagnostic, Level, Lines, Place, Position};

use crate::against::Compared;
use crate::finding::{Audit, Finding};
use crate::rules;
use crate::visible::visible;

pub use github::github;
pub use json::json;
pub use markdown::markdown;
pub use sarif::sarif;
pub use terminal::terminal;

/// Characters of a line that are quoted.
const MAX_QUOTED: usize = 160;

/// A report that was audited.
#[derive(Debug)]
pub struct Report {
    /// What it is called: its path as it was given.
    pub name: String,
    /// What was found in it.
    pub audit: Audit,
}

impl Report {
    /// What was found, in the order of the report; accepted ones too.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let file: Arc<str> = self.name.as_str().into();
        self.audit.findings.iter().map(|finding| self.diagnostic(&file, finding)).collect()
    }

    fn diagnostic(&self, file: &Arc<str>, finding: &Finding) -> Diagnostic {
        let number = |line: usize| u32::try_from(line).unwrap_or(u32::MAX);
        let mut places = finding.lines.iter().map(|line| Place {
            at: Position { file: Arc::clone(file), line: number(*line), column: 0 },
            length: 0,
            last_line: number(self.audit.document.until(*line)),
        });
        let place = places.next().unwrap_or_default();
        Diagnostic {
            title: title(finding.rule),
            related: places.collect(),
            accepted: finding.accepted.clone(),
            ..Diagnostic::new(finding.level, finding.rule, place, finding.message.clone())
        }
    }
}

impl Lines for Report {
    fn line(&self, _: &str, line: u32) -> Option<&str> {
        self.audit.document.lines.get((line as usize).checked_sub(1)?).map(String::as_str)
    }
}

fn quoted(audit: &Audit, line: usize) -> String {
    let text = audit.document.lines.get(line.saturating_sub(1)).map_or("", String::as_str);
    let text = visible(text.trim_end());
    match text.char_indices().nth(MAX_QUOTED) {
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

/// Findings of a level that nothing accepts.
fn of_level(reports: &[Report], level: Level) -> usize {
    reports.iter().flat_map(|report| report.audit.open()).filter(|finding| finding.level == level).count()
}

fn count(reports: &[Report]) -> String {
    let of = |level| of_level(reports, level);
    let accepted =
        reports.iter().map(|report| report.audit.findings.len() - report.audit.open().count()).sum::<usize>();
    let mut out = format!("{}, {}", some(of(Level::Error), "error"), some(of(Level::Warning), "warning"));
    let unsupported = of(Level::Unsupported);
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
    finding.level == Level::Unsupported && finding.accepted.is_none()
}

/// Why what reports were held against is not evidence that the reader accepts, each once: for forms that say nothing else of the
/// bundle.
pub fn obstacles(reports: &[Report]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for against in reports.iter().filter_map(|report| report.audit.against.as_ref()) {
        for remark in against.remarks.iter().map(|remark| format!("{}: {remark}", against.bundle)) {
            if !out.contains(&remark) {
                out.push(remark);
            }
        }
    }
    out
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

const NOTHING_AGAINST: &str = "No rule found the text to contradict itself or the bundle, and every number in it is one that the bundle shows.";

/// What "nothing found" is worth: what was there to check, and how much of what a reader finds the rules find.
fn nothing(audit: &Audit) -> String {
    let read = audit.read;
    let kinds = [
        (read.measured, "value"),
        (read.targets, "target"),
        (read.outcomes, "outcome"),
        (read.approvals, "approval"),
        (read.preconditions, "open precondition"),
        (read.limits, "limitation"),
        (read.times, "time"),
    ];
    let kinds: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| some(*count, kind)).collect();
    let read = if kinds.is_empty() { "no value, target or outcome".to_owned() } else { kinds.join(", ") };
    let against = if audit.against.is_some() { format!(" {NOTHING_AGAINST}") } else { String::new() };
    format!("Nothing found.{against} Read: {read}. {}", crate::measured::silence())
}
