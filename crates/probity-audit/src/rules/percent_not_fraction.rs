//! A percentage beside its fraction that is another one.

use crate::document::{Document, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::words::{TARGET, pattern, show, tail};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "percent-not-fraction",
    severity: Severity::Error,
    title: "A percentage is not that of the fraction beside it.",
    explanation: "Compares `95 % (19/20)`, `19 of 20 (95 %)`, \"19 of 20, a rate of 95 %\", and rows of a table with a \
        column for each. Rounding either way is accepted, and the percentage of the others (misses instead of hits). A \
        percentage that is a target is not compared.",
    example: "The pages answered 171 of 180 times (92 %).",
};

pattern!(
    LINK,
    r"^[\s(),:=|*]*((i\.e\.|or|that is|which is|=|->|→|giving|equals?|a|an|the|to|is|was|of|and|succeeded|passed|completed|success|pass|rate|share|ratio|accuracy)[\s(),:=|]*)*(about |roughly |approx\.? |~ ?|approximately )?$"
);
pattern!(RATE, r"rate|%|percent|share|ratio|quota|accuracy|success|reliab|availab");
pattern!(ROUGH, r"(about|roughly|approx\.?|~|approximately|nearly|almost|around|some)\s*$");

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for statement in &document.statements {
        if let Some((table, row)) = document.cells(statement) {
            let mut told = false;
            for cell in &row.cells {
                told |= pairs(&cell.lower, &cell.quantities, statement, found);
            }
            if told {
                continue;
            }
            let mut fractions =
                row.cells.iter().filter_map(|cell| cell.number().filter(|q| q.of().is_some()));
            let of_columns = columns(table, row);
            let fraction = match (fractions.next(), fractions.next()) {
                (Some(one), None) => Some((one.value, one.of().unwrap_or(0.0))),
                (None, _) => of_columns,
                _ => None,
            };
            let mut percents = table.header.iter().zip(&row.cells).filter_map(|(head, cell)| {
                let rate = RATE.is_in(&head.lower) && !TARGET.is_in(&head.lower);
                cell.number().filter(|q| {
                    rate && q.bound.is_none()
                        && (q.kind == Kind::Percent || (head.lower.contains('%') && q.kind == Kind::Plain))
                })
            });
            if let (Some((part, whole)), Some(percent), None) = (fraction, percents.next(), percents.next()) {
                compare(part, whole, percent, false, statement, found);
            }
        } else {
            pairs(&statement.lower, &statement.quantities, statement, found);
        }
    }
}

/// `Passed` and `Total` columns.
fn columns(table: &crate::document::Table, row: &crate::document::Row) -> Option<(f64, f64)> {
    let count = |wanted: &[&str]| {
        let mut columns = table.header.iter().enumerate().filter(|(_, cell)| wanted.contains(&cell.words()));
        let (column, _) = columns.next()?;
        columns.next().is_none().then_some(())?;
        row.cells.get(column)?.number().filter(|q| q.is_count()).map(|q| q.value)
    };
    let part = count(&[
        "passed",
        "succeeded",
        "successful",
        "ok",
        "successes",
        "pass",
        "completed",
        "correct",
        "delivered",
        "detected",
        "found",
    ])?;
    let whole = count(&[
        "total", "attempts", "runs", "tests", "cases", "trials", "executed", "requests", "samples",
        "planned", "sent", "checks", "of", "tried",
    ])?;
    Some((part, whole))
}

fn pairs(lower: &str, quantities: &[Quantity], statement: &Statement, found: &mut Vec<Finding>) -> bool {
    let before = found.len();
    for pair in quantities.windows(2) {
        let (fraction, percent) = match (pair[0].kind, pair[1].kind) {
            (Kind::Of(_), Kind::Percent) => (&pair[0], &pair[1]),
            (Kind::Percent, Kind::Of(_)) => (&pair[1], &pair[0]),
            _ => continue,
        };
        let between = &lower[pair[0].end..pair[1].start];
        // The noun of the fraction may stand between.
        let between = between.trim_start().strip_prefix(fraction.unit.as_str()).unwrap_or(between);
        let close = LINK.is_in(between) && !between.contains('|');
        if close && percent.bound.is_none() && fraction.bound.is_none() {
            let rough = ROUGH.is_in(tail(&lower[..percent.start]));
            compare(fraction.value, fraction.of().unwrap_or(0.0), percent, rough, statement, found);
        }
    }
    found.len() > before
}

fn compare(
    part: f64,
    whole: f64,
    percent: &Quantity,
    rough: bool,
    statement: &Statement,
    found: &mut Vec<Finding>,
) {
    if whole <= 0.0 || part > whole {
        return;
    }
    let real = 100.0 * part / whole;
    let tolerance = percent.half_digit() * if rough { 6.0 } else { 2.0 } + 1e-9;
    let off = |real: f64| (real - percent.value).abs() >= tolerance;
    if off(real) && off(100.0 - real) {
        let message = format!(
            "{} / {} is {} %, not {} %",
            show(part),
            show(whole),
            show((real * 100.0).round() / 100.0),
            show(percent.value)
        );
        found.push(Finding::new(message, [statement.line]));
    }
}
