//! "Pages (5/8)" against the ticks of the table or list right below it, each row or item of which has a sign.

use crate::assertions::Assertions;
use crate::document::{Place, Statement, Table};
use crate::finding::Finding;
use crate::quantity::Quantity;
use crate::rules::words_of;
use crate::words::{TICKS, pattern, show};

// What is counted may be what is open, a place in a row of stages, or what was before.
pattern!(
    OTHER,
    r"\b(remaining|pending|missing|not|failing|failed|broken|open|todo|left|blocked|no|without|score|points|rating|(stage|step|phase|day|week|sprint|part|level) \d+/\d+)\b|❌|⏳|🔴|⚠|->|→|%\)? = |= ?0 ?%"
);
pattern!(DENIED, r"❌|✗|⏳|🔄|📋|🚧|⏸|☐|\[ \]");
pattern!(PARTLY, r"⚠|🟡|🟠|🔶|\bpartial\w*");
pattern!(COLOURED, r"🔴|🟢|🔵");

/// Bytes of a heading or line over a list.
const MAX_LINE: usize = 120;

/// A fraction of so many may be marks.
pub(super) const MARKS: [f64; 3] = [5.0, 10.0, 100.0];

/// What the signs of one row or item say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Ticked,
    Partly,
    Denied,
}

fn sign(text: &str) -> Option<Sign> {
    match () {
        () if COLOURED.is_in(text) => None,
        () if PARTLY.is_in(text) => Some(Sign::Partly),
        () if DENIED.is_in(text) => Some(Sign::Denied),
        () => text.contains(TICKS).then_some(Sign::Ticked),
    }
}

/// Finds.
pub(super) fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let statements = &all.document.statements;
    for (at, statement) in statements.iter().enumerate() {
        if !matches!(statement.place, Place::Heading(_) | Place::Prose) || statement.lower.len() > MAX_LINE {
            continue;
        }
        let [fraction] = statement.quantities.iter().filter(|q| q.of().is_some()).collect::<Vec<_>>()[..]
        else {
            continue;
        };
        if !told(statement, fraction) {
            continue;
        }
        let Some(next) = statements.get(at + 1) else { continue };
        let of = fraction.of().unwrap_or_default();
        let signs = match next.place {
            Place::Row { table, .. } => all.document.tables.get(table).map(columns).unwrap_or_default(),
            Place::Item { depth: 1, .. } => items(statements, at + 1).into_iter().collect(),
            _ => Vec::new(),
        };
        let counts =
            |signs: &[Sign], wanted: Sign| signs.iter().filter(|sign| **sign == wanted).count() as f64;
        let fits = |signs: &Vec<Sign>| {
            let (ticked, partly) = (counts(signs, Sign::Ticked), counts(signs, Sign::Partly));
            // It may be the number of those that are open, and a list of nothing but these is one of things to do.
            (ticked..=ticked + partly).contains(&fraction.value)
                || fraction.value == of - ticked
                || ticked + partly == 0.0 && fraction.value == of
        };
        if signs.is_empty() || !signs.iter().all(|signs| signs.len() as f64 == of) || signs.iter().any(fits) {
            continue;
        }
        let ticked = signs.iter().map(|signs| counts(signs, Sign::Ticked)).fold(0.0, f64::max);
        let message = format!(
            "{} says {} of {}, and {} of them are ticked",
            words_of(all, at),
            show(fraction.value),
            show(of),
            show(ticked)
        );
        found.push(Finding::new(message, [statement.line, next.line]));
    }
}

/// Whether a line tells how many of those below it are done.
fn told(statement: &Statement, q: &Quantity) -> bool {
    let of = q.of().unwrap_or_default();
    let text = statement.lower.get(q.start..q.end).unwrap_or("");
    let counts = q.decimals == 0
        && of.fract() == 0.0
        && q.value <= of
        && of >= 2.0
        && !MARKS.contains(&of)
        && !q.rough
        && q.bound.is_none();
    counts && text.contains('/') && !OTHER.is_in(&statement.lower)
}

/// The signs of each column that has one in every row.
fn columns(table: &Table) -> Vec<Vec<Sign>> {
    let column = |at: usize| {
        table.rows.iter().map(|row| row.cells.get(at).and_then(|cell| sign(&cell.lower))).collect()
    };
    (1..table.header.len()).filter_map(column).collect()
}

/// The signs of the items of a list, if every one has one.
fn items(statements: &[Statement], from: usize) -> Option<Vec<Sign>> {
    let block = statements.get(from)?.block;
    let list = statements.iter().skip(from).take_while(|s| s.block == block);
    let mut lines: Vec<(usize, Option<Sign>)> = list
        .filter_map(|s| match s.place {
            Place::Item { depth: 1, done } => Some((
                s.line,
                match done {
                    Some(false) => Some(Sign::Denied),
                    Some(true) => sign(&s.lower).or(Some(Sign::Ticked)),
                    None => sign(&s.lower),
                },
            )),
            _ => None,
        })
        .collect();
    lines.dedup_by_key(|(line, _)| *line);
    lines.into_iter().map(|(_, sign)| sign).collect()
}
