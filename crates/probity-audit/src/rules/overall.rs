//! An overall score against those of the table that it stands in or right after: it is none of its least and none of its most.

use super::parts_not_total::exceeds;
use crate::assertions::{Assertions, labelled, without_marks};
use crate::document::{Place, Row, Statement, Table};
use crate::finding::Finding;
use crate::quantity::{Kind, Quantity};
use crate::words::{pattern, show};

pattern!(ROW, r"^(overall|overall (score|rating|grade|average|quality)|combined( score)?)$");
pattern!(LABEL, r"^(overall|average|combined|mean|final score|total score)\b");
// Of what is weighed, changes or is to come the scores of the rows are not the whole; of what is covered or done they may be some.
pattern!(
    OTHER,
    r"\b(weight\w*|share|targets?|goals?|maximum|max|change|gain|improv\w*|increase\w*|reduc\w*|delta|coverage|covered|progress|complet\w*|before|was|from|previous\w*|initial\w*|vs|percentage|confidence|estimate\w*|risk|count)\b|->|→|%\)|\+ ?\d"
);

/// Rows that a score is of.
const MIN_ROWS: usize = 3;

/// Finds.
pub(super) fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let statements = &all.document.statements;
    for (at, statement) in statements.iter().enumerate() {
        let Some((table, row)) = all.document.cells(statement) else { continue };
        if table.rows.last().is_none_or(|last| last.line != row.line)
            || table.rows.len() < MIN_ROWS
            || OTHER.is_in(all.document.heading(table.heading))
        {
            continue;
        }
        in_row(table, found);
        if let Some(next) = statements.get(at + 1).filter(|next| next.heading == table.heading) {
            in_line(table, next, found);
        }
    }
}

/// Whether a value is a score: a share of a hundred, or marks.
fn score(q: &Quantity) -> bool {
    matches!(q.kind, Kind::Percent | Kind::Of(_)) && !q.rough && !q.negative && q.bound.is_none()
}

/// Whether two scores are on one scale.
fn alike(one: &Quantity, other: &Quantity) -> bool {
    one.of() == other.of() && (one.kind == Kind::Percent) == (other.kind == Kind::Percent)
}

/// Whether these are scores as the one that is told is.
fn are_scores(told: &Quantity, values: &[&Quantity]) -> bool {
    values.len() >= MIN_ROWS && values.iter().all(|q| score(q) && alike(q, told))
}

/// Whether what is told is less than the least, or more than the most.
fn outside(told: &Quantity, values: &[&Quantity]) -> Option<String> {
    let (least, most) = values
        .iter()
        .fold((f64::INFINITY, 0.0_f64), |(least, most), q| (least.min(q.value), most.max(q.value)));
    let slack = told.half_digit();
    (are_scores(told, values) && (told.value < least - slack || told.value > most + slack))
        .then(|| format!("the overall {} is not between {} and {}", told.written(), show(least), show(most)))
}

/// Whether all is said of what is not all, whatever each weighs: rounding makes no whole of it.
fn full(told: &Quantity, values: &[&Quantity]) -> Option<String> {
    let mean = values.iter().map(|q| q.value).sum::<f64>() / values.len() as f64;
    let least = values.iter().map(|q| q.value).fold(f64::INFINITY, f64::min);
    let whole = told.value == told.of().unwrap_or(100.0);
    // Nothing may be as good as all: "false alarms: 0 %".
    (are_scores(told, values) && whole && least > 0.0 && mean < told.value - told.half_digit())
        .then(|| format!("the overall {} has a part of {}", told.written(), show(least)))
}

/// The last row of a table, held against each column.
fn in_row(table: &Table, found: &mut Vec<Finding>) {
    let Some((last, parts)) = table.rows.split_last().filter(|(_, parts)| parts.len() >= MIN_ROWS) else {
        return;
    };
    let named = last.cells.first().is_some_and(|cell| ROW.is_in(cell.words()));
    if !named
        || table.header.iter().any(|head| OTHER.is_in(&head.lower) && head.lower.contains("weight"))
        || (1..table.header.len()).any(|column| exceeds(last, parts, column))
    {
        return;
    }
    for (column, head) in table
        .header
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, head)| head.lower.contains("before") || !OTHER.is_in(&head.lower))
    {
        let number = |row: &'_ Row| {
            row.cells
                .get(column)
                .filter(|cell| !cell.lower.contains('+'))
                .and_then(|cell| cell.number())
                .cloned()
        };
        let values: Option<Vec<Quantity>> = parts.iter().map(number).collect();
        let (Some(told), Some(values)) = (number(last).filter(score), values) else { continue };
        let values: Vec<&Quantity> = values.iter().collect();
        if let Some(message) = outside(&told, &values).or_else(|| full(&told, &values)) {
            let lines = [last.line].into_iter().chain(parts.iter().map(|row| row.line));
            found.push(Finding::new(format!("\"{}\": {message}", head.text), lines));
        }
    }
}

/// A line right after a table, held against every score in it.
fn in_line(table: &Table, line: &Statement, found: &mut Vec<Finding>) {
    let text = without_marks(&line.lower);
    let own = matches!(line.place, Place::Prose | Place::Item { depth: 1, .. });
    let named = labelled(text).is_some_and(|(label, _)| LABEL.is_in(label));
    let [told] = line.quantities.as_slice() else { return };
    let heads = table.header.iter().any(|head| OTHER.is_in(&head.lower));
    if !own || !named || heads || OTHER.is_in(&line.lower) || !score(told) {
        return;
    }
    let every = table.rows.iter().flat_map(|row| row.cells.iter().skip(1)).flat_map(|cell| &cell.quantities);
    let values: Vec<&Quantity> = every.filter(|q| q.kind == Kind::Percent || q.of().is_some()).collect();
    // Each row has one.
    let each = table
        .rows
        .iter()
        .all(|row| row.cells.iter().skip(1).any(|cell| cell.number().is_some_and(|q| alike(q, told))));
    let column = |at: usize| -> Option<Vec<&Quantity>> {
        let cells = table.rows.iter().map(|row| row.cells.get(at).and_then(|cell| cell.number()));
        cells.map(|q| q.filter(|q| alike(q, told))).collect()
    };
    let columns: Vec<Vec<&Quantity>> = (1..table.header.len()).filter_map(column).collect();
    let one = <[_; 1]>::try_from(columns).ok();
    if let Some(message) = outside(told, &values).filter(|_| each).or_else(|| full(told, &one?[0])) {
        found.push(Finding::new(
            message,
            [line.line].into_iter().chain(table.rows.iter().map(|row| row.line)),
        ));
    }
}
