//! The target repeated as the result.

use crate::assertions::{Assertions, Form, Outcome, Role, Said};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "target-repeated",
    level: Level::Warning,
    title: "The target stands as the result: nothing measured is shown.",
    explanation: "A row that exceeds its target by a result that is the target again, sign and all (\"< 50 ms\" beside \"< 50 ms\"). What would have to be shown: \
        the value that was measured.",
    example: "| Metric | Required | Achieved | Status |\n|---|---|---|---|\n| Loading | <50ms | <50ms | ✅ EXCEEDED |",
};

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let mut last = None;
    for claim in all.done().filter(|one| one.said == Said::Outcome(Outcome::Passed)) {
        let Form::Cell(table, row, _) = claim.form else { continue };
        let (Some(columns), Some(cells)) = (all.columns.get(table), all.document.tables.get(table).and_then(|t| t.rows.get(row))) else {
            continue;
        };
        let (Some(wanted), Some(actual)) = (columns.only(Role::Target), columns.only(Role::Actual)) else { continue };
        let (Some(wanted), Some(actual)) = (cells.cells.get(wanted), cells.cells.get(actual)) else { continue };
        let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '✅' | '✔')).collect::<String>();
        // What repeats its target may meet it; it does not exceed it.
        let exceeds = cells.cells.iter().any(|cell| cell.lower.contains("exceed"));
        let bounded = exceeds && actual.quantities.first().is_some_and(|q| q.bound.is_some() && q.value != 0.0 && q.start <= 4);
        if bounded && bare(&wanted.lower) == bare(&actual.lower) && last != Some(claim.line) {
            let message = format!("\"{}\" is the target of \"{}\" and its result", actual.text, claim.name);
            found.push(Finding::new(message, [claim.line]));
            last = Some(claim.line);
        }
    }
}
