//! What a rule is, what it finds, and running the rules over a report.

use std::collections::HashMap;

pub use probity_diagnostic::Acceptance;
use probity_diagnostic::Level;

use crate::against::{self, BundleView, Compared};
use crate::assertions::{Assertions, Read};
use crate::document::Document;
use crate::output::Report;
use crate::{parallel, rules};

/// Lines; a shorter report is done before another thread is there.
const LONG: usize = 2000;

/// A rule, with what `docs/audit-rules.md` says about it.
pub struct Rule {
    /// Its name on the command line and in an accepting comment.
    pub id: &'static str,
    /// How much its findings matter to somebody who has to rely on the report. An error: the report contradicts itself. A warning:
    /// what is claimed is more than what is shown. Unsupported: the bundle shows nothing of the kind.
    pub level: Level,
    /// One sentence: what is wrong where it finds something.
    pub title: &'static str,
    /// When it speaks, when it keeps silent, and what would have to be shown.
    pub explanation: &'static str,
    /// Markdown in which it finds something, and no other rule does.
    pub example: &'static str,
}

/// Something a report contradicts in itself or claims beyond what it shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// The rule's level.
    pub level: Level,
    /// What is wrong, with the arithmetic.
    pub message: String,
    /// The lines it rests on, counted from 1, the one it is about first.
    pub lines: Vec<usize>,
    /// Why it does not count.
    pub accepted: Option<Acceptance>,
}

impl Finding {
    /// A finding of a rule; `audit` fills in rule and level.
    pub(crate) fn new(message: impl Into<String>, lines: impl IntoIterator<Item = usize>) -> Self {
        let mut unique = Vec::new();
        for line in lines {
            if !unique.contains(&line) {
                unique.push(line);
            }
        }
        Self { rule: "", level: Level::Warning, message: message.into(), lines: unique, accepted: None }
    }
}

/// The result: what was found in which text.
#[derive(Debug)]
pub struct Audit {
    /// The report as it was read.
    pub document: Document,
    /// What was found, in the order of the report; accepted ones too.
    pub findings: Vec<Finding>,
    /// How much was read that could be checked.
    pub read: Read,
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
pub fn audit(text: &str, only: &[String], bundle: Option<&BundleView<'_>>) -> Audit {
    let mut document = Document::read(text);
    let assertions = Assertions::read(&document);
    let read = assertions.count();
    let wanted = |rule: &Rule| only.is_empty() || only.iter().any(|id| id == rule.id);
    let mut findings = Vec::new();
    let mut take = |rule: &Rule, found: Vec<Finding>| {
        for finding in found {
            let accepted = document.accepted(rule.id, &finding.lines).map(Acceptance::Comment);
            findings.push(Finding { rule: rule.id, level: rule.level, accepted, ..finding });
        }
    };
    let chosen = rules::ALONE.iter().zip(rules::CHECKS).filter(|(rule, _)| wanted(rule));
    let mut chosen: Vec<_> = chosen.map(|(rule, check)| (rule, check, Vec::new())).collect();
    // The rules know nothing of each other.
    let at_a_time = if document.lines.len() < LONG { chosen.len() } else { 1 };
    parallel::each(&mut chosen, at_a_time, |(_, check, found)| check(&assertions, found));
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
    let mut findings = merged(findings);
    findings.sort_by_key(|finding| finding.lines.first().copied());
    drop(assertions);
    document.forget_statements();
    Audit { document, findings, read, against }
}

/// Rules that find the same wrong number from two sides: the pass rate, and the counts it is of.
const ARITHMETIC: [&str; 3] = ["percent-not-fraction", "parts-not-total", "change-not-percent"];

/// Places of one finding; more say nothing more.
const MAX_PLACES: usize = 24;

/// One finding for one cause: those of one rule that share a line are one, with all its places.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    let mut by_line: HashMap<(&str, usize), usize> = HashMap::new();
    for finding in findings {
        let family = if ARITHMETIC.contains(&finding.rule) { ARITHMETIC[0] } else { finding.rule };
        let known = |line: &usize| by_line.get(&(family, *line)).copied();
        // What is held against a bundle is said of each number.
        let same = finding
            .lines
            .iter()
            .find_map(known)
            .filter(|_| !against::RULES.iter().any(|rule| rule.id == finding.rule));
        let at = same.unwrap_or(out.len());
        by_line.extend(finding.lines.iter().map(|line| ((family, *line), at)));
        match out.get_mut(at) {
            Some(first) => {
                first
                    .lines
                    .extend(finding.lines.into_iter().take(MAX_PLACES.saturating_sub(first.lines.len())));
                *first = Finding {
                    rule: first.rule,
                    level: first.level,
                    accepted: first.accepted.take(),
                    ..Finding::new(first.message.clone(), first.lines.iter().copied())
                };
            }
            None => out.push(finding),
        }
    }
    out.dedup();
    out
}

/// Audits many reports, several at a time, as [`audit`] does one; in their order.
pub fn audit_all(
    texts: &[(String, String)],
    only: &[String],
    bundle: Option<&BundleView<'_>>,
) -> Vec<Report> {
    let mut all: Vec<(&(String, String), Option<Audit>)> = texts.iter().map(|text| (text, None)).collect();
    parallel::each(&mut all, 1, |((_, text), done)| *done = Some(audit(text, only, bundle)));
    all.into_iter()
        .filter_map(|((name, _), audit)| Some(Report { name: name.clone(), audit: audit? }))
        .collect()
}
