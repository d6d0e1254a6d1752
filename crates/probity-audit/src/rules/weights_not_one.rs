//! Weights that do not sum to one.

use super::TOTAL;
use crate::assertions::Assertions;
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::words::{show, terms};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "weights-not-one",
    severity: Severity::Error,
    title: "Weights do not sum to 1 (or 100 %).",
    explanation: "Adds up a column of weights, if they are percentages or all less than 1. What rounding explains is accepted (0.33 three times). \
        Weights such as 5, 3 and 2 are shares of their sum and are not looked at.",
    example: "| Part | Weight |\n|---|---|\n| a | 0.5 |\n| b | 0.4 |\n| c | 0.3 |",
};

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    for table in &all.document.tables {
        let Some(column) = table.column(|head| matches!(head, "weight" | "weights" | "weighting" | "weight (%)" | "weight %")) else { continue };
        let body = table.rows.iter().take_while(|row| row.cells.first().is_some_and(|cell| !TOTAL.is_in(cell.words())));
        let parts: Option<Vec<(usize, &Quantity)>> = body.map(|row| Some((row.line, row.cells.get(column)?.number()?))).collect();
        let Some(parts) = parts.filter(|parts| parts.len() >= 2 && parts.iter().all(|(_, q)| q.bound.is_none() && !q.rough)) else { continue };
        let percent = table.header[column].lower.contains('%') || parts.iter().all(|(_, q)| q.kind == Kind::Percent);
        let fractions = parts.iter().all(|(_, q)| q.kind == Kind::Plain && q.value < 1.0 && q.decimals > 0);
        let one = match (percent, fractions) {
            (true, _) => 100.0,
            (_, true) => 1.0,
            _ => continue,
        };
        let sum: f64 = parts.iter().map(|(_, q)| q.value).sum();
        // Rounding of thirds and sevenths, not of weights that are round themselves.
        let round = parts.iter().all(|(_, q)| (q.value * 20.0 / one - (q.value * 20.0 / one).round()).abs() < 1e-9);
        let slack: f64 = if round { 1e-9 } else { parts.iter().map(|(_, q)| q.half_digit()).sum::<f64>() + 1e-9 };
        if (sum - one).abs() > slack {
            let parts_of_one: Vec<f64> = parts.iter().map(|(_, q)| q.value).collect();
            let message = format!("the weights {} sum to {}, not {one}", terms(&parts_of_one), show(sum));
            found.push(Finding::new(message, parts.iter().map(|(line, _)| *line)));
        }
    }
}
