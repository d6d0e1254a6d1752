//! Scores beyond their maximum; values that cannot be.

use std::collections::BTreeMap;

use crate::assertions::Assertions;
use crate::document::{Place, Statement};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::words::{pattern, show, tail};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "beyond-maximum",
    level: Level::Error,
    title: "A value is beyond what it can be.",
    explanation: "A score written as 170/120 points, a column of points beside one of their maximum, availability or coverage above 100 %, a \
        negative overhead in a sentence. Growth, comparisons, points of a bonus and percentages of something have no \
        maximum, and a round negative overhead is a change.",
    example: "Quality: 170/120 points.",
};

pattern!(POINTS, r"^ (points?|marks)\b");
pattern!(TOTAL, r"\btotal( score| points)?\W*$");
pattern!(RATE, r"\b(test coverage|code coverage|line coverage|availability|uptime)\W{0,6}(is |was |of |at )?\W{0,3}$");
pattern!(
    FREE,
    r"\b(growth|increase\w*|decrease\w*|improv\w*|faster|more|load|bonus|extra|ratio|throughput|never|cannot|maximum of|above|over|beyond|exceed\w*|target|goal|required|up|compared|gain|times|attempt|per|raised?|v\d|aspect|capped|cap|limit|overflow|should|if|would|invalid|errors?|bugs?|wrong|violation|day|page|step)\b|->|→|\+ ?\d|\+$"
);
pattern!(OVERHEAD, r"\boverhead\W{1,4}$");

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    // One score, wherever it stands, is one cause.
    let mut beyond: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for statement in all.document.statements.iter().filter(|s| s.place != Place::Code && s.quantities.len() <= 12) {
        for q in &statement.quantities {
            if let Some(message) = wrong(all, statement, q) {
                beyond.entry(message).or_default().push(statement.line);
            }
        }
    }
    for (message, lines) in beyond {
        found.push(Finding::new(message, lines));
    }
    columns(all, found);
}

fn wrong(all: &Assertions<'_>, statement: &Statement, q: &Quantity) -> Option<String> {
    let row = matches!(statement.place, Place::Row { .. });
    let before = tail(statement.lower.get(..q.start).unwrap_or(""));
    let after = statement.lower.get(q.end..).unwrap_or("");
    let possible = match q.kind {
        Kind::Of(of) => q.value > of,
        Kind::Percent => q.value > 100.0 || q.negative,
        _ => false,
    };
    if !possible || q.bound.is_some() || FREE.is_in(&statement.lower) || FREE.is_in(all.document.heading(statement.heading)) {
        return None;
    }
    match q.kind {
        Kind::Of(of) if q.value > of && of >= 5.0 && q.value < of * 5.0 && !row && !(q.value == 24.0 && of == 7.0) && q.value + of != 100.0 => {
            let whole = q.value.fract() == 0.0 && of.fract() == 0.0;
            ((POINTS.is_in(after) || TOTAL.is_in(before)) && whole && !q.rough).then(|| format!("{} is more than the maximum of {}", show(q.value), show(of)))
        }
        Kind::Percent if q.value > 100.0 && !row => {
            // "120 % of the requirement" is a ratio.
            (RATE.is_in(before) && !after.starts_with(" of ")).then(|| format!("{} is more than all", q.written()))
        }
        // In a list of figures, or round, it is a change.
        Kind::Percent if q.negative && q.decimals > 0 && statement.place == Place::Prose && OVERHEAD.is_in(before.trim_end_matches('-')) && !explains_noise(all) => Some(format!("an overhead of -{} is none", q.written())),
        _ => None,
    }
}

/// Whether the report speaks of the noise of its measurements.
fn explains_noise(all: &Assertions<'_>) -> bool {
    all.document.statements.iter().any(|s| s.lower.contains("noise"))
}

/// A column of points beside that of their maximum.
fn columns(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    for table in &all.document.tables {
        let part = table.column(|head| matches!(head, "points" | "score" | "awarded" | "points awarded" | "earned"));
        let most = table.column(|head| matches!(head, "maximum" | "max" | "out of" | "possible" | "max points" | "maximum points" | "max score" | "points possible"));
        let (Some(part), Some(most)) = (part, most) else { continue };
        for row in &table.rows {
            if let (Some(one), Some(limit)) = (row.cells.get(part).and_then(|c| c.number()), row.cells.get(most).and_then(|c| c.number()))
                && one.kind == Kind::Plain
                && limit.kind == Kind::Plain
                && !one.negative
                && one.value > limit.value
            {
                found.push(Finding::new(format!("{} is more than the maximum of {}", show(one.value), show(limit.value)), [row.line]));
            }
        }
    }
}
