//! The rules, one file each. A rule says nothing rather than something wrong.

use crate::document::{Cell, Document, Place, Statement, Table};
use crate::finding::{Finding, Rule};
use crate::words::pattern;

macro_rules! rules {
    ($($name:ident),* $(,)?) => {
        $(mod $name;)*
        /// The rules that look at the report alone, in the order of the documentation.
        pub const ALONE: &[&Rule] = &[$(&$name::RULE),*];
        /// What each of them does.
        pub(crate) const CHECKS: &[fn(&Document, &mut Vec<Finding>)] = &[$($name::check),*];
    };
}

rules![
    percent_not_fraction,
    parts_not_total,
    weighted_sum,
    weights_not_one,
    beyond_maximum,
    two_values,
    sample_announced,
    target_missed,
    sample_too_small,
    label_off_scale,
    severity_action,
    beyond_its_limits,
    open_preconditions,
    passed_unchecked,
    denial_without_control,
    repeated_as_new,
    effort_as_evidence,
    existence_as_function,
    identical_values,
    too_precise,
    dates_off,
    self_approval,
];

/// All rules: those that look at the report alone, then those that hold it against a bundle.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    ALONE.iter().copied().chain(crate::against::RULES)
}

pattern!(TOTAL, r"^(grand |overall |sub)?(total|sum|overall|all|altogether|together|in total|result)s?\b");

/// The place of a row's total among its table's rows: the last row that calls itself one.
fn total_row(table: &Table) -> Option<usize> {
    let last = table.rows.len().checked_sub(1)?;
    let first = table.rows.get(last)?.cells.first()?;
    (last >= 2 && TOTAL.is_in(first.words())).then_some(last)
}

/// A cell's number in a column, where the cell is nothing but that number.
fn numbers(table: &Table, column: usize, rows: usize) -> Option<Vec<(usize, &crate::quantity::Quantity)>> {
    table.rows.iter().take(rows).map(|row| Some((row.line, row.cells.get(column)?.number()?))).collect()
}

/// `Label: value`, as a list item, a line of its own, or a row of two cells.
fn labelled<'d>(document: &'d Document, statement: &'d Statement) -> Option<(&'d str, &'d str)> {
    if let Some((table, row)) = document.cells(statement) {
        return match row.cells.as_slice() {
            [label, value] if table.header.len() == 2 => Some((label.words(), &value.lower)),
            _ => None,
        };
    }
    if matches!(statement.place, Place::Heading(_)) {
        return None;
    }
    let (label, value) = statement.lower.split_once(": ")?;
    let label = label.trim_matches(|c: char| !c.is_alphanumeric());
    (label.len() <= 50 && !label.is_empty()).then_some((label, value.trim()))
}

/// The column that holds what became of each row.
fn outcome_column(table: &Table) -> Option<usize> {
    table.header.iter().rposition(|cell| {
        matches!(
            cell.words(),
            "status"
                | "result"
                | "outcome"
                | "verdict"
                | "assessment"
                | "met"
                | "achieved"
                | "pass"
                | "passed"
                | "ok"
                | "state"
                | "overall status"
                | "evaluation"
                | "rating"
                | "judgement"
                | "conclusion"
                | "decision"
                | "met?"
        )
    })
}

/// Content words of a text, for comparing what two statements are about.
fn content(text: &str) -> Vec<&str> {
    const EMPTY: [&str; 40] = [
        "the", "and", "for", "with", "from", "that", "this", "was", "were", "are", "has", "have", "had",
        "into", "all", "not", "its", "per", "our", "their", "each", "been", "will", "must", "should",
        "during", "after", "before", "which", "than", "but", "out", "one", "two", "took", "over", "under",
        "about", "between", "only",
    ];
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| {
            word.len() > 2 && !word.starts_with(|c: char| c.is_ascii_digit()) && !EMPTY.contains(word)
        })
        .collect()
}

/// The word without the endings that grammar gives it.
fn stem(word: &str) -> &str {
    let word = word
        .strip_suffix("ing")
        .or_else(|| word.strip_suffix("ed"))
        .or_else(|| word.strip_suffix("es"))
        .unwrap_or(word);
    word.strip_suffix('s').unwrap_or(word)
}

/// Whether a cell is empty or a dash.
fn is_empty(cell: &Cell) -> bool {
    cell.words().is_empty()
}
