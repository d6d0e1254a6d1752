//! Counts in brackets: that of a heading or line against those of the headings or items below it.

use crate::assertions::{Assertions, MAX_SENTENCE, singular, without_marks};
use crate::document::{Place, Statement};
use crate::finding::Finding;
use crate::quantity::Quantity;
use crate::rules::{parts_not_total::near, words_of};
use crate::words::{not_the_sum, pattern, show};

// "Core modules (19 total)", "Phase 1 (5 modules)", "`agent.py` (6) - the main loop".
pattern!(BRACKET, r"\((\d[\d,]*)(?: (?:new |total )?([a-z]+(?: [a-z]+)?))?\)(?:[^a-z0-9]*$|:? - |: )");
// Times are added where they are said to be.
pattern!(TIME, r"^(s|sec\w*|min\w*|hours?|hrs?|h|days?|weeks?|months?|years?|ms|am|pm)$");
pattern!(CATEGORIES, r"\bcategor");
pattern!(
    ROUGH,
    r"~|≈|\d\+|\b(about|approx\w*|over|up to|at least|estimat\w*|planned|remaining of|of which|including)\b"
);

/// A count in brackets at the end of a heading, or behind the name of an item.
struct Bracketed<'d> {
    count: f64,
    /// What is counted, in the singular; empty where nothing is said.
    noun: &'d str,
    /// Whether a word before it says which of these: "30 required fields".
    some: bool,
    at: usize,
}

fn bracketed<'d>(statements: &'d [Statement], at: usize) -> Option<Bracketed<'d>> {
    // What is ticked is a criterion, and may be shown by some of what is counted.
    let ticked = |s: &Statement| matches!(s.place, Place::Item { done: Some(_), .. });
    let counts = |s: &&Statement| s.lower.contains('(') && s.lower.len() <= MAX_SENTENCE && !ticked(s);
    let statement = statements.get(at).filter(counts)?;
    let parts = BRACKET.captures(&statement.lower)?;
    let noun = parts.get(2).map_or("", |noun| noun.as_str().rsplit(' ').next().unwrap_or(""));
    let some = parts.get(2).is_some_and(|noun| noun.as_str().contains(' '));
    let count = parts.get(1)?.as_str().replace(',', "").parse().ok()?;
    // "Created" counts no things of one kind.
    let thing = !noun.ends_with("ed") && noun != "lines" && !TIME.is_in(noun);
    (thing && !ROUGH.is_in(&statement.lower)).then_some(Bracketed { count, noun: singular(noun), some, at })
}

pattern!(SELECTED, r"\b(top \d|examples?|selected)");

/// Whether the heading over a line tells of some of many.
fn is_selected(all: &Assertions<'_>, statement: &Statement) -> bool {
    let parent = statement.heading.map_or("", |at| all.document.heading(Some(at)));
    SELECTED.is_in(parent)
}

/// Finds headings and lines whose count is not the sum of those right below them, which count the same.
pub(super) fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let statements = &all.document.statements;
    for (at, statement) in statements.iter().enumerate() {
        // "(149 issues), by category" may count one twice.
        let Some(whole) = bracketed(statements, at)
            .filter(|_| !CATEGORIES.is_in(&statement.lower) && !is_selected(all, statement))
        else {
            continue;
        };
        let below = below(statements, at);
        let parts: Option<Vec<Bracketed<'_>>> = below.iter().map(|at| bracketed(statements, *at)).collect();
        let Some(parts) = parts.filter(|parts| parts.len() >= 2 && same(statement, &whole, parts)) else {
            continue;
        };
        let counts: Vec<f64> = parts.iter().map(|part| part.count).collect();
        let sum: f64 = counts.iter().sum();
        // "8 modules (1,549 lines)" over six of them leaves two out.
        let marks = statement.lower.len() - without_marks(&statement.lower).len();
        let counts_parts = |q: &&Quantity| q.is_count() && q.value != whole.count && q.start >= marks;
        let named = statement.quantities.iter().filter(counts_parts);
        if u32::try_from(counts.len()).is_ok_and(|parts| named.clone().any(|q| q.value > f64::from(parts))) {
            continue;
        }
        // Documents, and what was only changed, come last and may not count as created.
        if counts.last().is_some_and(|last| sum - last == whole.count) {
            continue;
        }
        // What is as many as the parts counts them.
        let of_them = u32::try_from(counts.len()).is_ok_and(|parts| f64::from(parts) == whole.count);
        if sum != whole.count && !of_them && near(sum, whole.count) {
            let message = format!("{}: {}", words_of(all, at), not_the_sum(&counts, &show(whole.count)));
            let lines = parts.iter().filter_map(|part| statements.get(part.at)).map(|s| s.line);
            found.push(Finding::new(message, [statement.line].into_iter().chain(lines)));
        }
    }
}

/// Whether whole and parts count the same: by one noun, or where the parts have none.
fn same(statement: &Statement, whole: &Bracketed<'_>, parts: &[Bracketed<'_>]) -> bool {
    let noun = parts.first().map_or("", |part| part.noun);
    let alike = parts.iter().all(|part| part.noun == noun);
    let bare = noun.is_empty() && whole.some;
    let total = whole.noun == "total" && (noun.is_empty() || statement.lower.contains(noun));
    alike
        && !bare
        && (total
            || (!whole.noun.is_empty() && (noun.is_empty() || noun == whole.noun))
            || (whole.noun.is_empty() && noun.is_empty()))
}

/// The headings of the next level in the section of a heading, or else the items of the list right below.
fn below(statements: &[Statement], at: usize) -> Vec<usize> {
    let Some(place) = statements.get(at).map(|s| s.place) else { return Vec::new() };
    let rest = || statements.iter().enumerate().skip(at + 1);
    if let Place::Heading(level) = place {
        let headings = rest().filter_map(|(at, s)| match s.place {
            Place::Heading(own) => Some((at, own)),
            _ => None,
        });
        let inside: Vec<(usize, u8)> = headings.take_while(|(_, own)| *own > level).collect();
        let next = inside.iter().map(|(_, own)| *own).min();
        if next.is_some() {
            return inside.into_iter().filter(|(_, own)| Some(*own) == next).map(|(at, _)| at).collect();
        }
    }
    let depth = match place {
        Place::Heading(_) | Place::Prose => 0,
        Place::Item { depth, .. } => depth,
        Place::Code | Place::Row { .. } => return Vec::new(),
    };
    let Some(block) = statements.get(at + 1).map(|s| s.block) else { return Vec::new() };
    let items = rest().take_while(|(_, s)| {
        s.block == block && matches!(s.place, Place::Item { depth: own, .. } if own > depth)
    });
    let mut items: Vec<(usize, usize)> = items
        .filter(|(_, s)| matches!(s.place, Place::Item { depth: own, .. } if own == depth + 1))
        .map(|(at, s)| (at, s.line))
        .collect();
    // Further sentences of an item are no items.
    items.dedup_by_key(|(_, line)| *line);
    items.into_iter().map(|(at, _)| at).collect()
}
