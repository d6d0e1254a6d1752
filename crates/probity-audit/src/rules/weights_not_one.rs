//! Weights that do not sum to one.

use crate::document::{Document, Place};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::rules::{TOTAL, is_empty};
use crate::words::{pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "weights-not-one",
    severity: Severity::Error,
    title: "Weights do not sum to 1 (or 100 %).",
    explanation: "Adds up a column of weights, list items that name a weight each, or weights listed in a sentence, if they are \
        percentages or all less than 1. What rounding explains is accepted (0.33 three times). Weights such as 5, 3 \
        and 2 are shares of their sum and are not looked at.",
    example: "| Part | Weight |\n|---|---|\n| a | 0.5 |\n| b | 0.4 |\n| c | 0.3 |",
};

pattern!(ITEM, r"\b(weight(ed|ing|s)?\b[^\d]{0,12}\d|\d[\d.]* ?%? weight)");
pattern!(
    INTRODUCED,
    r"^\W*(the )?weights?( are| used| of the \w+)?:?\W*$|\bweights( are| used)?:$|\bweighted as follows"
);
pattern!(LIST, r"\bweight(s|ed|ing|ings)?\b");

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        let Some(column) = table.column(|head| head.starts_with("weight") && !head.starts_with("weighted"))
        else {
            continue;
        };
        let body = table.rows.iter().take_while(|row| {
            !row.cells.first().is_some_and(|cell| TOTAL.is_in(cell.words()) || is_empty(&row.cells[column]))
        });
        let parts: Option<Vec<_>> = body.map(|row| Some((row.line, row.cells[column].number()?))).collect();
        if let Some(parts) = parts {
            tell(&parts, table.header[column].lower.contains('%'), found);
        }
    }
    let mut run: Vec<(usize, &Quantity)> = Vec::new();
    let mut block = 0;
    let mut introduced = false;
    for statement in &document.statements {
        if !matches!(statement.place, Place::Item { .. }) || statement.block != block {
            tell(&run, false, found);
            run.clear();
            block = statement.block;
            if !matches!(statement.place, Place::Item { .. }) {
                introduced = INTRODUCED.is_in(&statement.lower);
            }
        }
        if let (Place::Item { .. }, true, [one]) =
            (statement.place, introduced, statement.quantities.as_slice())
        {
            run.push((statement.line, one));
            continue;
        }
        if let (Place::Item { .. }, Some(place)) = (statement.place, ITEM.find(&statement.lower)) {
            let near = statement.quantities.iter().find(|q| (place.start()..place.end()).contains(&q.start));
            run.extend(near.map(|q| (statement.line, q)));
        } else if matches!(statement.place, Place::Prose) && LIST.is_in(&statement.lower) {
            let parts: Vec<_> = statement.quantities.iter().map(|q| (statement.line, q)).collect();
            if parts.len() >= 3 {
                tell(&parts, false, found);
            }
        }
    }
    tell(&run, false, found);
}

fn tell(parts: &[(usize, &Quantity)], percent: bool, found: &mut Vec<Finding>) {
    if parts.len() < 2 || parts.iter().any(|(_, q)| q.bound.is_some()) {
        return;
    }
    let one = if percent || parts.iter().all(|(_, q)| q.kind == Kind::Percent) {
        100.0
    } else if parts.iter().all(|(_, q)| q.kind == Kind::Plain && q.value < 1.0 && q.decimals > 0) {
        1.0
    } else {
        return;
    };
    let sum: f64 = parts.iter().map(|(_, q)| q.value).sum();
    let slack: f64 = parts.iter().map(|(_, q)| q.half_digit()).sum();
    // Rounding of thirds and sevenths, not of weights that are round themselves.
    let round =
        parts.iter().all(|(_, q)| (q.value * 20.0 / one - (q.value * 20.0 / one).round()).abs() < 1e-9);
    if (sum - one).abs() > if round { 1e-9 } else { slack + 1e-9 } {
        let terms = parts.iter().map(|(_, q)| show(q.value)).collect::<Vec<_>>().join(" + ");
        found.push(Finding::new(
            format!("the weights {terms} sum to {}, not {one}", show(sum)),
            parts.iter().map(|(line, _)| *line),
        ));
    }
}
