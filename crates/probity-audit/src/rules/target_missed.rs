//! A target that is missed and yet marked as achieved.

use crate::document::{Document, Place, Row, Statement, Table};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Bound, Kind, Quantity};
use crate::rules::outcome_column;
use crate::words::{FAIL, NEGATED, TARGET, passes, pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "target-missed",
    severity: Severity::Error,
    title: "A target is missed and yet marked as achieved.",
    explanation: "Compares target and measured value in the rows of a table, in a list item, or in a sentence and its \
        neighbours, where the outcome is marked as achieved. The direction comes from the words (at least, within, \
        at most); a bare percentage of success, availability or coverage is a least one.",
    example: "| Criterion | Target | Achieved | Status |\n|---|---|---|---|\n| Starts | 100 % reliable | 95 % reliable | ✅ ACHIEVED |",
};

pattern!(
    RATE,
    r"success|reliab|availab|uptime|coverage|pass|correct|accura|complete|deliver|detect|within|found"
);
pattern!(
    CALLED,
    r"\b(target|goal|objective|required|requirement)s?:? (is |was |of )?(at least|at most|more than|less than|below|within|>=|<=|<|>)? ?$"
);
pattern!(CONFIDENCE, r"\b(confidence|lower bound|interval)\b");
pattern!(
    MET,
    r"✅|✔|\b(met|achieved|fulfilled|satisfied|reached|passed|complied with|exceeded|exceeds|meets)\b"
);
pattern!(
    MEASURED,
    r"^(achieved|actual|measured|observed|result|value|reached|found|current|obtained|actual value|measured value|seen|reading|ist)$"
);
pattern!(
    WANTED,
    r"^(target|goal|objective|required|requirement|threshold|limit|expected|minimum|criterion|acceptance|slo|sla|target value|demanded|specification|spec|acceptance criterion|needed|maximum|allowed)$"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        for row in &table.rows {
            in_row(table, row, found);
        }
    }
    for (number, statement) in document.statements.iter().enumerate() {
        if matches!(statement.place, Place::Prose | Place::Item { .. }) {
            in_text(document, number, statement, found);
        }
    }
}

/// The columns of target and measured value.
pub(super) fn columns(table: &Table) -> Option<(usize, usize)> {
    // The first column names the criterion.
    let wanted = (1..table.header.len()).find(|c| WANTED.is_in(table.header[*c].words()))?;
    let measured =
        (0..table.header.len()).find(|c| *c != wanted && MEASURED.is_in(table.header[*c].words()))?;
    Some((wanted, measured))
}

/// The direction of a target.
pub(super) fn direction(target: &Quantity, words: &str) -> Option<Bound> {
    if let Some(bound) = target.bound {
        return Some(bound);
    }
    if words.contains("maximum") || words.contains("limit") || words.contains("at most") {
        return Some(Bound::Most);
    }
    if words.contains("minimum") {
        return Some(Bound::Least);
    }
    let bad = ["error", "loss", "fail", "false", "reject", "miss", "risk", "defect"]
        .iter()
        .any(|bad| words.contains(bad));
    (matches!(target.kind, Kind::Percent) && RATE.is_in(words) && !bad).then_some(Bound::Least)
}

fn in_row(table: &Table, row: &Row, found: &mut Vec<Finding>) {
    let Some((wanted, measured)) = columns(table) else { return };
    let status = outcome_column(table)
        .filter(|c| *c != wanted && *c != measured)
        .or_else(|| (measured + 1 < table.header.len()).then_some(table.header.len() - 1));
    let Some(status) = status.and_then(|status| row.cells.get(status)) else { return };
    if !passes(&status.lower) {
        return;
    }
    let ([target], Some(value)) =
        (row.cells[wanted].quantities.as_slice(), row.cells[measured].quantities.first())
    else {
        return;
    };
    let words = row
        .cells
        .iter()
        .map(|cell| cell.lower.as_str())
        .chain([table.header[wanted].words()])
        .collect::<Vec<_>>()
        .join(" ");
    let Some(bound) = direction(target, &words) else { return };
    compare(target, bound, value, [row.line], found);
}

fn compare(
    target: &Quantity,
    bound: Bound,
    value: &Quantity,
    lines: impl IntoIterator<Item = usize>,
    found: &mut Vec<Finding>,
) {
    if !target.comparable(value)
        && !(target.kind == value.kind && (target.unit.is_empty() || value.unit.is_empty()))
    {
        return;
    }
    let (limit, real) = match (target.kind, value.kind) {
        (Kind::Percent, Kind::Of(_)) => (target.value, value.percent().unwrap_or(target.value)),
        _ => (target.base(), value.base()),
    };
    // "more than 95 %" in an outcome is often meant as "at least".
    let bound = if bound == Bound::Above { Bound::Least } else { bound };
    if !bound.holds(real, limit) && value.bound.is_none() {
        let sign = match bound {
            Bound::Least | Bound::Above => "at least",
            Bound::Most => "at most",
            Bound::Below => "less than",
        };
        let text = match (target.kind, value.kind) {
            (Kind::Percent, _) => {
                format!("{} % is not {sign} {} %", show((real * 100.0).round() / 100.0), show(limit))
            }
            _ => format!(
                "{} {} is not {sign} {} {}",
                show(value.value),
                value.unit,
                show(target.value),
                target.unit
            ),
        };
        found.push(Finding::new(format!("marked as achieved, but {text}"), lines));
    }
}

fn in_text(document: &Document, number: usize, statement: &Statement, found: &mut Vec<Finding>) {
    if !MET.is_in(&statement.lower)
        || CONFIDENCE.is_in(&statement.lower)
        || FAIL.is_in(&statement.lower)
        || NEGATED.is_in(&statement.lower)
        || statement.lower.contains(" if ")
    {
        return;
    }
    // A target and one value in the statement itself, or in the two before it in the same paragraph.
    let from = number.saturating_sub(2);
    let near: Vec<&Statement> = document.statements[from..=number]
        .iter()
        .filter(|s| {
            s.block == statement.block
                && s.place == statement.place
                && (s.line == statement.line || statement.place == Place::Prose)
        })
        .collect();
    if !near
        .iter()
        .any(|s| TARGET.is_in(&s.lower) || s.lower.contains("demands") || s.lower.contains("specification"))
    {
        return;
    }
    let all: Vec<(&Statement, &Quantity)> =
        near.iter().flat_map(|s| s.quantities.iter().map(move |q| (*s, q))).collect();
    let mut targets = all.iter().filter(|(s, q)| {
        let before = &s.lower[..q.start];
        let named = before.rfind("target").is_some_and(|at| before.len() - at < 16)
            || s.lower[q.end..].starts_with(" target")
            || s.lower[q.end..].starts_with(" minimum");
        (q.bound.is_some() && (TARGET.is_in(&s.lower) || s.lower.contains("demands"))) || named
    });
    let (mut first, second) = (targets.next(), targets.next());
    if second.is_some() {
        // The name of a criterion may hold a limit of its own; the target is the one called so.
        let mut called = all.iter().filter(|(s, q)| CALLED.is_in(crate::words::tail(&s.lower[..q.start])));
        first = called.next();
        if called.next().is_some() {
            return;
        }
    }
    let Some((at, target)) = first else { return };
    let words = near.iter().map(|s| s.lower.as_str()).collect::<Vec<_>>().join(" ");
    let Some(bound) = direction(target, &words) else { return };
    // A target of 80 % that is said to be exceeded states its value before it or beside it.
    let values: Vec<_> = all
        .iter()
        .filter(|(_, q)| {
            !std::ptr::eq(*q, *target)
                && q.bound.is_none()
                && std::mem::discriminant(&q.kind) == std::mem::discriminant(&target.kind)
                && (q.kind != Kind::Plain || q.unit == target.unit)
        })
        .collect();
    if let [(said, value)] = values.as_slice() {
        compare(target, bound, value, [statement.line, said.line, at.line], found);
    }
}
