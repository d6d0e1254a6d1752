//! The same quantity with two values.

use std::collections::HashMap;

use crate::document::{Document, Place, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::rules::{content, labelled, stem};
use crate::words::{TARGET, pattern};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "two-values",
    severity: Severity::Error,
    title: "The same quantity has two values.",
    explanation: "Compares a number in a summary or conclusion (or in the opening lines) with one under the same words \
        elsewhere. Numbers of different sections are not compared with each other, nor targets, nor numbers to which a time, \
        a phase or a place is given that the other does not have. A label of one word (\"Availability: 99.5 %\") is compared only \
        between what stands under the title and the summary.",
    example: "## Summary\n\nDuration of the restore: 38 minutes\n\n## Details\n\nDuration of the restore: 47 minutes",
};

pattern!(
    SUMMARY,
    r"summary|overview|conclusion|key (findings|figures|results)|in short|at a glance|abstract|assessment|management|headline|result"
);
pattern!(
    OPENING,
    r"^\W*(summary|in short|in a nutshell|overview|conclusion|all in all|result|to sum up|in summary)\b"
);
pattern!(
    APART,
    r"\b(first|second|third|fourth|before|after|previous(ly)?|last|earlier|later|old|new|then|now|run \d|round|phase|week|month|monday|tuesday|wednesday|thursday|friday|january|february|march|april|may|june|july|august|september|october|november|december|initial(ly)?|originally|corrected|staging|production|north|south|site|excluding|including|without|with|when|if|at least|at most|up to|about|roughly|median|maximum|minimum|peak|best|worst|slowest|fastest|longest|shortest|largest|smallest|each|p\d+|retry|again|planned|estimated|expected|forecast|rehearsal|remaining|of which|target|limit|allowed|cold|warm|only|other|another|additional|further)\b"
);

struct Said<'d> {
    line: usize,
    /// Under a heading of a summary, or (a label) directly under the title.
    under: Under,
    words: Vec<&'d str>,
    quantity: &'d Quantity,
    summary: bool,
    apart: Vec<&'d str>,
}

/// Where a label of one word stands: only a summary and what stands over all sections speak of the same thing by it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    Summary,
    Title,
    Section,
}

/// `first` is the report's first heading.
fn under(document: &Document, statement: &Statement, first: Option<usize>) -> Under {
    let level = |number: usize| match document.statements.get(number)?.place {
        Place::Heading(level) => Some(level),
        _ => None,
    };
    match statement.heading {
        Some(own) if level(own) > first.and_then(level) && SUMMARY.is_in(document.heading(Some(own))) => {
            Under::Summary
        }
        own if own.is_none() || own == first => Under::Title,
        _ => Under::Section,
    }
}

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let mut index: HashMap<&str, Vec<Said<'_>>> = HashMap::new();
    let first = document.statements.iter().position(|s| matches!(s.place, Place::Heading(_)));
    for (number, statement) in document.statements.iter().enumerate() {
        let Some(said) = said(document, statement, number, first) else { continue };
        // Filed under each of its words' rarest candidates: the longest one.
        let Some(key) = said.words.iter().max_by_key(|word| (word.len(), **word)).copied() else { continue };
        index.entry(key).or_default().push(said);
    }
    let mut told = Vec::new();
    for group in index.values().filter(|group| (2..=12).contains(&group.len())) {
        for (at, one) in group.iter().enumerate() {
            for other in &group[at + 1..] {
                if (one.summary || other.summary) && one.line != other.line && differs(one, other) {
                    told.push((other, one));
                }
            }
        }
    }
    told.sort_by_key(|(other, one)| (other.line, one.line));
    for (other, one) in told {
        let show = |q: &Quantity| match q.kind {
            Kind::Percent => format!("{} %", crate::words::show(q.value)),
            _ => format!("{} {}", crate::words::show(q.value), q.unit).trim().to_owned(),
        };
        let message = format!(
            "\"{}\" is {} here and {} there",
            one.words.join(" "),
            show(one.quantity),
            show(other.quantity)
        );
        found.push(Finding::new(message, [one.line, other.line]));
    }
}

fn said<'d>(
    document: &'d Document,
    statement: &'d Statement,
    number: usize,
    first: Option<usize>,
) -> Option<Said<'d>> {
    let heading = document.heading(statement.heading);
    let (text, quantity) = match labelled(document, statement) {
        Some((label, _)) if !OPENING.is_in(label) => {
            let from = statement.lower.find(label)? + label.len();
            let mut values = statement.quantities.iter().filter(|q| q.start >= from);
            let first = values.next()?;
            if statement.lower[from..first.start].chars().filter(|c| c.is_alphabetic()).count() > 3 {
                return None;
            }
            (label, first)
        }
        _ => {
            if !matches!(statement.place, Place::Prose | Place::Item { .. }) {
                return None;
            }
            let measured = |q: &&Quantity| q.kind != Kind::Plain || q.value >= 20.0;
            let mut values = statement.quantities.iter().filter(measured);
            let first = values.next()?;
            (statement.lower.get(..first.start)?, first)
        }
    };
    let text = OPENING.find(text).map_or(text, |opening| text.get(opening.end()..).unwrap_or(text));
    let words: Vec<&str> = content(text).into_iter().map(stem).collect();
    let plain = matches!(quantity.kind, Kind::Percent | Kind::Seconds(_))
        || !quantity.unit.is_empty()
        || labelled(document, statement).is_some();
    let least = if labelled(document, statement).is_some_and(|(label, _)| label == text) { 1 } else { 2 };
    if !(least..=9).contains(&words.len()) || quantity.bound.is_some() || TARGET.is_in(text) || !plain {
        return None;
    }
    let summary = SUMMARY.is_in(heading)
        || OPENING.is_in(&statement.lower)
        || (number <= 2 && matches!(statement.place, Place::Prose));
    let apart = APART.0.as_ref().map_or_else(Vec::new, |pattern| {
        pattern.find_iter(&statement.lower).map(|found| found.as_str()).collect()
    });
    Some(Said { line: statement.line, under: under(document, statement, first), words, quantity, summary, apart })
}

fn differs(one: &Said<'_>, other: &Said<'_>) -> bool {
    let (a, b) = (one.quantity, other.quantity);
    let same_kind = match (a.kind, b.kind) {
        (Kind::Seconds(_), Kind::Seconds(_)) | (Kind::Percent, Kind::Percent) => true,
        (Kind::Plain, Kind::Plain) => stem(&a.unit) == stem(&b.unit),
        _ => false,
    };
    let mut mine = one.apart.clone();
    let mut theirs = other.apart.clone();
    mine.sort_unstable();
    theirs.sort_unstable();
    let covers = |a: &[&str], b: &[&str]| a.iter().all(|word| b.contains(word));
    let words = covers(&one.words, &other.words) || covers(&other.words, &one.words);
    let single = one.words.len() == 1 || other.words.len() == 1;
    let places = matches!(
        (one.under, other.under),
        (Under::Title, Under::Summary) | (Under::Summary, Under::Title)
    );
    if single && (!places || one.words != other.words || a.kind == Kind::Plain) {
        return false;
    }
    let step = 2.0 * f64::max(a.half_digit() * scale(a), b.half_digit() * scale(b));
    same_kind && words && mine == theirs && (a.base() - b.base()).abs() >= step
}

fn scale(q: &Quantity) -> f64 {
    if q.value == 0.0 { 1.0 } else { q.base() / q.value }
}
