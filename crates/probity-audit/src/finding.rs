//! What a rule is, what it finds, and running the rules over a report.

use serde::Serialize;

use crate::against::{self, Compared, Shown};
use crate::document::Document;
use crate::{parallel, rules};

/// Lines; a shorter report is done before another thread is there.
const LONG: usize = 2000;

/// How much a finding matters to somebody who has to rely on the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Neither right nor wrong by the bundle: it shows nothing of the kind. Listed together, after everything else.
    Unsupported,
    /// Looks wrong or careless; the conclusion may stand.
    Note,
    /// What is claimed is more than what is shown.
    Warning,
    /// The report contradicts itself.
    Error,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A rule, with what `docs/audit-rules.md` says about it.
pub struct Rule {
    /// Its name on the command line and in an accepting comment.
    pub id: &'static str,
    /// How much its findings matter.
    pub severity: Severity,
    /// One sentence: what is wrong where it finds something.
    pub title: &'static str,
    /// When it speaks, when it keeps silent, and what would have to be shown.
    pub explanation: &'static str,
    /// Markdown in which it finds something, and no other rule does.
    pub example: &'static str,
}

/// Something a report contradicts in itself or claims beyond what it shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's severity.
    pub severity: Severity,
    /// What is wrong, with the arithmetic.
    pub message: String,
    /// The lines it rests on, counted from 1, the one it is about first.
    pub lines: Vec<usize>,
    /// The reason with which a comment in the report accepts it.
    pub accepted: Option<String>,
}

impl Finding {
    /// A finding of a rule; `audit` fills in rule and severity.
    pub(crate) fn new(message: impl Into<String>, lines: impl IntoIterator<Item = usize>) -> Self {
        let mut unique = Vec::new();
        for line in lines {
            if !unique.contains(&line) {
                unique.push(line);
            }
        }
        Self { rule: "", severity: Severity::Note, message: message.into(), lines: unique, accepted: None }
    }
}

/// The result: what was found in which text.
#[derive(Debug)]
pub struct Audit {
    /// The report as it was read.
    pub document: Document,
    /// What was found, in the order of the report; accepted ones too.
    pub findings: Vec<Finding>,
    /// What was held against a bundle, if one was given.
    pub against: Option<Compared>,
}

impl Audit {
    /// Findings that no comment accepts.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.accepted.is_none())
    }
}

/// Audits a report by the rules named, or by all if none is. With a bundle, what the report says of its claims is held
/// against what they were found to be.
pub fn audit(text: &str, only: &[String], bundle: Option<&Shown<'_>>) -> Audit {
    let document = Document::read(text);
    let wanted = |rule: &Rule| only.is_empty() || only.iter().any(|id| id == rule.id);
    let mut findings = Vec::new();
    let mut take = |rule: &Rule, found: Vec<Finding>| {
        for finding in found {
            let accepted = document.accepted(rule.id, &finding.lines);
            findings.push(Finding { rule: rule.id, severity: rule.severity, accepted, ..finding });
        }
    };
    let chosen = rules::ALONE.iter().zip(rules::CHECKS).filter(|(rule, _)| wanted(rule));
    let mut chosen: Vec<_> = chosen.map(|(rule, check)| (rule, check, Vec::new())).collect();
    // The rules know nothing of each other.
    let at_a_time = if document.lines.len() < LONG { chosen.len() } else { 1 };
    parallel::each(&mut chosen, at_a_time, |(_, check, found)| check(&document, found));
    for (rule, _, found) in chosen {
        take(rule, found);
    }
    let against = bundle.map(|bundle| {
        let (compared, found) = against::compare(&document, bundle);
        for (rule, found) in found {
            if wanted(rule) {
                take(rule, vec![found]);
            }
        }
        compared
    });
    findings.sort_by_key(|finding| finding.lines.first().copied());
    findings.dedup();
    Audit { document, findings, against }
}
