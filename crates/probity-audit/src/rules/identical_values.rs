//! Identical values where measurements would vary.

use crate::document::{Document, Place, Table};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "identical-values",
    severity: Severity::Warning,
    title: "Values are identical where measurements would vary.",
    explanation: "Five or more measured values with three significant digits or more (112.4 ms, 512.38 g) that are all \
        the same, in a column, a list or a sentence. Counts, settings, limits, nominal values, checksums and coarse values vary little and are \
        not looked at.",
    example: "| Run | Time (ms) |\n|---|---|\n| 1 | 112.4 |\n| 2 | 112.4 |\n| 3 | 112.4 |\n| 4 | 112.4 |\n| 5 | 112.4 |",
};

pattern!(
    SET,
    r"target|limit|timeout|time-out|time out|expected|nominal|configured|setting|set ?point|required|threshold|maximum|minimum|interval|weight|version|size|budget|tariff|price|fee|rate of|vat|constant|simulat|fixed|spec|quant|resolution|version|rows|count|allowed|planned|default|schedule|charge|amount|salary|resistor|frequency|sampling|score|points|deterministic|clock ticks|steps of|rounded to"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        for column in 1..table.header.len() {
            if !SET.is_in(&table.header[column].lower) {
                in_column(table, column, found);
            }
        }
    }
    let mut at = 0;
    while let Some(first) = document.statements.get(at) {
        let block = first.block;
        let end = document.statements[at..]
            .iter()
            .position(|s| s.block != block)
            .map_or(document.statements.len(), |n| at + n);
        let part = &document.statements[at..end];
        let intro =
            at.checked_sub(1).and_then(|at| document.statements.get(at)).map_or("", |s| s.lower.as_str());
        let set = SET.is_in(intro);
        at = end;
        if matches!(first.place, Place::Row { .. } | Place::Heading(_)) {
            continue;
        }
        let is_item = matches!(first.place, Place::Item { .. });
        if is_item {
            let values: Vec<(usize, &Quantity)> = part
                .iter()
                .filter_map(|s| match s.quantities.as_slice() {
                    [.., one] => Some((s.line, one)),
                    [] => None,
                })
                .collect();
            if !set && values.len() == part.len() && !part.iter().any(|s| SET.is_in(&s.lower)) {
                tell(&values, found);
            }
        } else {
            for s in part.iter().filter(|s| !SET.is_in(&s.lower)) {
                let values: Vec<(usize, &Quantity)> = s.quantities.iter().map(|q| (s.line, q)).collect();
                tell(&values, found);
            }
        }
    }
}

fn in_column(table: &Table, column: usize, found: &mut Vec<Finding>) {
    let values: Option<Vec<_>> =
        table.rows.iter().map(|row| Some((row.line, row.cells[column].number()?))).collect();
    let Some(values) = values else { return };
    let head = &table.header[column].lower;
    let unit = [
        "ms",
        "(s)",
        "sec",
        "(g)",
        "mm",
        "mb",
        "°",
        "µ",
        "volt",
        "(v)",
        "(a)",
        "time",
        "latency",
        "duration",
        "measured",
        "reading",
        "weight",
        "temperature",
        "pressure",
    ];
    if unit.iter().any(|unit| head.contains(unit)) || values.iter().all(|(_, q)| !q.unit.is_empty()) {
        tell(&values, found);
    }
}

fn tell(values: &[(usize, &Quantity)], found: &mut Vec<Finding>) {
    let [(_, first), ..] = values else { return };
    let digits = format!("{}", first.value).chars().filter(char::is_ascii_digit).count();
    let measured =
        matches!(first.kind, Kind::Seconds(_)) || (first.kind == Kind::Plain && first.decimals > 0);
    if values.len() >= 5
        && measured
        && digits >= 3
        && first.decimals > 0
        && values.iter().all(|(_, q)| q.value == first.value && q.kind == first.kind && q.bound.is_none())
    {
        let message = format!("{} measurements are all {} {}", values.len(), first.value, first.unit);
        found.push(Finding::new(message.trim_end().to_owned(), values.iter().map(|(line, _)| *line)));
    }
}
