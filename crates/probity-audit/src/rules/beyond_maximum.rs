//! Scores beyond their maximum, and maxima that are not the sum of their parts.

use std::collections::{HashMap, HashSet};

use crate::document::{Document, Place, Table};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::rules::{labelled, total_row};
use crate::words::{pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "beyond-maximum",
    severity: Severity::Error,
    title: "A score is beyond its maximum, or the maximum is not the sum of its parts.",
    explanation: "Looks at scores and points written as `170/120` or \"21 of 20\", at columns for points and their maximum, at \
        rates and coverages above 100 %, and at the maxima of scores that are added up to a total. Growth, load and \
        comparisons (150 % of last year) have no maximum.",
    example: "Quality: 170/120 points.",
};

pattern!(SCORE, r"\b(score[sd]?|scoring|points?|rated|rating|grade[sd]?|mark)\b");
pattern!(
    COUNTED,
    r"\b(passed|succeeded|successful|tests?|cases|checks|criteria|requirements|completed|items|attempts)\b"
);
pattern!(
    RATE,
    r"\b(success rate|pass rate|coverage|availability|uptime|completion|completeness|reliability|passed|succeeded|successful|score)\b"
);
pattern!(
    FREE,
    r"\b(of (the )?(baseline|plan|last|previous|nominal|rated|normal|budget|expected|typical)|growth|increase|faster|more|load|cpu|capacity|utili[sz]ation|compared|overload|than|bonus|extra|surge|ratio|throughput|hence|never|cannot|maximum of|above 100|over 100|beyond)\b"
);
pattern!(TOTAL, r"\btotal\b|\boverall\b|\bsum\b|\baltogether\b");

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let mut told = HashSet::new();
    let scored = scored(document);
    for statement in &document.statements {
        if let Some((table, row)) = document.cells(statement) {
            let part = table.column(|head| {
                head == "points"
                    || head == "score"
                    || head == "achieved"
                    || head == "awarded"
                    || head == "reached"
                    || head.starts_with("points")
                    || head.starts_with("score")
            });
            let most = most(table);
            if let (Some(part), Some(most)) = (part, most)
                && let (Some(part), Some(most)) = (row.cells[part].number(), row.cells[most].number())
                && part.kind == Kind::Plain
                && most.kind == Kind::Plain
                && part.value > most.value
            {
                beyond(part.value, most.value, statement.line, &mut told, found);
            }
        }
        if statement.quantities.is_empty() {
            continue;
        }
        let heading = document.heading(statement.heading);
        let is_score = scored
            || SCORE.is_in(&statement.lower)
            || SCORE.is_in(heading)
            || document
                .cells(statement)
                .is_some_and(|(table, _)| table.header.iter().any(|head| SCORE.is_in(&head.lower)));
        // A line of more numbers than that is data.
        for q in statement.quantities.iter().take(200) {
            match q.kind {
                Kind::Of(of)
                    if q.value > of && of > 0.0 && !(q.value == 24.0 && of == 7.0) && q.bound.is_none() =>
                {
                    let words = statement.lower[q.start..q.end].contains(" of ")
                        || statement.lower[q.start..q.end].contains(" out of ");
                    if (is_score || (words && COUNTED.is_in(&statement.lower)))
                        && !FREE.is_in(&statement.lower)
                    {
                        beyond(q.value, of, statement.line, &mut told, found);
                    }
                }
                Kind::Percent if q.value > 100.0 && q.bound.is_none() => {
                    let head = document.cells(statement).map_or(String::new(), |(table, row)| {
                        let column = row.cells.iter().position(|cell| {
                            cell.quantities.iter().any(|c| c.value == q.value && c.kind == q.kind)
                        });
                        column
                            .and_then(|c| table.header.get(c))
                            .map_or(String::new(), |head| head.lower.clone())
                    });
                    if (RATE.is_in(&statement.lower) || RATE.is_in(&head))
                        && !FREE.is_in(&statement.lower)
                        && !FREE.is_in(heading)
                        && !FREE.is_in(&head)
                    {
                        beyond(q.value, 100.0, statement.line, &mut told, found);
                    }
                }
                _ => {}
            }
        }
    }
    announced(document, found);
    tables(document, found);
    maxima(document, found);
}

/// Whether a heading announces scores.
fn scored(document: &Document) -> bool {
    document.statements.iter().any(|s| matches!(s.place, Place::Heading(_)) && SCORE.is_in(&s.lower))
}

fn beyond(value: f64, most: f64, line: usize, told: &mut HashSet<usize>, found: &mut Vec<Finding>) {
    if told.insert(line) {
        found.push(Finding::new(
            format!("{} is more than the maximum of {}", show(value), show(most)),
            [line],
        ));
    }
}

pattern!(
    MOST,
    r"\b(?:up to|at most|maximum of|max\.?|out of) (\d+) points? (?:in each|for each|per|each|a|in every|for every) "
);
pattern!(
    RECEIVED,
    r"\b(?:received|receives|got|gets|was given|scored|achieved|earned|is given) (\d+)(?: points?)?\b"
);

/// "up to 10 points in each category ... received 12 points".
fn announced(document: &Document, found: &mut Vec<Finding>) {
    let mut most: Option<(f64, usize, Option<usize>)> = None;
    for statement in &document.statements {
        if let Some(value) =
            MOST.captures(&statement.lower).and_then(|parts| parts.get(1)?.as_str().parse().ok())
        {
            most = Some((value, statement.line, statement.heading));
        }
        let (Some((most, line, heading)), Some(received)) = (most, RECEIVED.captures(&statement.lower))
        else {
            continue;
        };
        let value: Option<f64> = received.get(1).and_then(|number| number.as_str().parse().ok());
        if let Some(value) = value.filter(|value| {
            *value > most
                && heading == statement.heading
                && statement.lower.contains("point")
                && !TOTAL.is_in(&statement.lower)
        }) {
            let message = format!("{} points are more than the maximum of {}", show(value), show(most));
            found.push(Finding::new(message, [statement.line, line]));
        }
    }
}

/// The column of what each row could have at most.
fn most(table: &Table) -> Option<usize> {
    table.column(|head| {
        matches!(
            head,
            "maximum"
                | "max"
                | "of"
                | "out of"
                | "possible"
                | "maximum points"
                | "max points"
                | "points possible"
                | "available"
                | "max score"
                | "maximum score"
                | "max. points"
                | "maximum possible"
        )
    })
}

/// A column of maxima above a total.
fn tables(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        let Some(last) = total_row(table) else { continue };
        let Some(column) = most(table) else { continue };
        let Some(parts) = crate::rules::numbers(table, column, last) else { continue };
        let Some(total) = table.rows[last].cells[column].number() else { continue };
        let sum: f64 = parts.iter().map(|(_, q)| q.value).sum();
        if parts.iter().all(|(_, q)| q.kind == Kind::Plain) && (sum - total.value).abs() > 1e-6 {
            let lines = [table.rows[last].line].into_iter().chain(parts.iter().map(|(line, _)| *line));
            found.push(Finding::new(
                format!("the maxima add up to {}, not {}", show(sum), show(total.value)),
                lines,
            ));
        }
    }
}

/// Scores `60/60`, `60/60`, `50/50` under a total `170/120`.
fn maxima(document: &Document, found: &mut Vec<Finding>) {
    let scored = scored(document);
    let mut parts: HashMap<usize, Vec<(usize, &Quantity)>> = HashMap::new();
    for statement in &document.statements {
        let label =
            labelled(document, statement).map_or_else(|| statement.lower.as_str(), |(label, _)| label);
        let [q] = statement.quantities.as_slice() else { continue };
        let (Kind::Of(of), true) = (q.kind, scored || SCORE.is_in(&statement.lower)) else { continue };
        // Scores in headings of one level are parts of one total, and so are those of one block.
        let group = match statement.place {
            Place::Heading(level) => usize::from(level) + 1_000_000_000,
            _ => statement.block,
        };
        if TOTAL.is_in(label) {
            let last = parts
                .values()
                .filter(|group| group.len() >= 2)
                .max_by_key(|group| group.last().map(|(line, _)| *line));
            if let Some(group) = last {
                let sum: f64 = group.iter().filter_map(|(_, q)| q.of()).sum();
                let points: f64 = group.iter().map(|(_, q)| q.value).sum();
                let same = group.iter().all(|(_, q)| q.of() == Some(of));
                if sum != of
                    && (points == q.value || matches!(statement.place, Place::Prose))
                    && !same
                    && points <= sum
                {
                    let lines = [statement.line].into_iter().chain(group.iter().map(|(line, _)| *line));
                    let terms =
                        group.iter().filter_map(|(_, q)| q.of()).map(show).collect::<Vec<_>>().join(" + ");
                    found.push(Finding::new(
                        format!("the maxima {terms} = {}, not {}", show(sum), show(of)),
                        lines,
                    ));
                }
            }
            parts.clear();
        } else {
            parts.entry(group).or_default().push((statement.line, q));
        }
    }
}
