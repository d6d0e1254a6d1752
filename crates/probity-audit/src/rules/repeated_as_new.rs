//! Measurements presented as new ones that are those given before.

use crate::document::{Document, Place, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::Kind;
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "repeated-as-new",
    severity: Severity::Error,
    title: "Measurements presented as new are those given before.",
    explanation: "Three or more measured values (with a unit or decimals) that stand a second time under another heading or \
        after another introduction, in the same order and beside the same subjects. A summary, or a text that says that they are repeated, \
        is fine.",
    example: "# Before\n\n- a: 21.4 s\n- b: 22.9 s\n- c: 20.7 s\n\n# After\n\n- a: 21.4 s\n- b: 22.9 s\n- c: 20.7 s",
};

pattern!(
    RECAP,
    r"\b(summary|overview|recap|as (above|before|shown|measured)|repeated (from|here)|copied|taken from|same (figures|values|numbers|table)|see section|from section|from the|conclusion|at a glance|again for|appendix|for comparison|for reference|target|limit|planned|nominal|identical|unchanged|specification|configured|settings?)\b"
);

type Values = Vec<(String, u64)>;

struct Series {
    line: usize,
    last: usize,
    values: Values,
    recap: bool,
    heading: Option<usize>,
}

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let mut all: Vec<Series> = Vec::new();
    let mut at = 0;
    while at < document.statements.len() {
        let block = document.statements[at].block;
        let place = std::mem::discriminant(&document.statements[at].place);
        let end = document.statements[at..]
            .iter()
            .position(|s| s.block != block || std::mem::discriminant(&s.place) != place)
            .map_or(document.statements.len(), |n| at + n);
        if !matches!(document.statements[at].place, Place::Heading(_)) {
            all.extend(series(document, at, end));
        }
        at = end;
    }
    let mut seen: std::collections::HashMap<&Values, usize> = std::collections::HashMap::new();
    for (number, one) in all.iter().enumerate() {
        match seen.get(&one.values) {
            None => {
                seen.insert(&one.values, number);
            }
            Some(first) => {
                let before = &all[*first];
                if !one.recap && !before.recap && (one.heading != before.heading || one.line > before.last) {
                    let message = format!(
                        "all {} values are those of line {}, digit for digit",
                        one.values.len(),
                        before.line
                    );
                    found.push(Finding::new(message, [one.line, before.line]));
                }
            }
        }
    }
}

fn series(document: &Document, at: usize, end: usize) -> Option<Series> {
    let first = document.statements.get(at)?;
    let part: &[Statement] = document.statements.get(at..end)?;
    let values: Values = part
        .iter()
        .flat_map(|s| {
            let mut from = 0;
            s.quantities.iter().filter_map(move |q| {
                let measured =
                    matches!(q.kind, Kind::Seconds(_)) || (q.kind == Kind::Plain && q.decimals > 0);
                let label = s.lower.get(from..q.start).unwrap_or("");
                from = q.end;
                let label: String = label.chars().filter(|c| c.is_alphanumeric()).rev().take(8).collect();
                (measured && q.bound.is_none()).then(|| {
                    (
                        if matches!(s.place, Place::Row { .. }) { String::new() } else { label },
                        q.base().to_bits(),
                    )
                })
            })
        })
        .collect();
    let different = values.windows(2).any(|pair| pair[0].1 != pair[1].1);
    let before =
        at.checked_sub(1).and_then(|at| document.statements.get(at)).map_or("", |s| s.lower.as_str());
    let after = document.statements.get(end).map_or("", |s| s.lower.as_str());
    let heads = document
        .cells(first)
        .is_some_and(|(table, _)| table.header.iter().any(|cell| RECAP.is_in(&cell.lower)));
    let recap = RECAP.is_in(before)
        || RECAP.is_in(after)
        || heads
        || RECAP.is_in(document.heading(first.heading))
        || (matches!(first.place, Place::Prose) && part.iter().any(|s| RECAP.is_in(&s.lower)));
    // In prose the first label holds the date; the values alone are compared.
    let values = if matches!(first.place, Place::Prose) {
        values.into_iter().map(|(_, bits)| (String::new(), bits)).collect()
    } else {
        values
    };
    (values.len() >= 3 && different).then(|| Series {
        line: first.line,
        last: part.last().map_or(first.line, |s| s.line),
        values,
        recap,
        heading: first.heading,
    })
}
