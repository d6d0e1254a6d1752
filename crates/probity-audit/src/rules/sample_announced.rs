//! A sample announced that is not the one counted.

use crate::document::{Document, Place, Statement, Table};
use crate::finding::{Finding, Rule, Severity};
use crate::words::{pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "sample-announced",
    severity: Severity::Error,
    title: "The sample that is counted is not the one announced.",
    explanation: "An announcement (\"10 attempts per service\", \"each board was booted 50 times\", \"sample size: 10 \
        restores\") is held against the denominators and counts that follow it under the same heading. If the text \
        says that something was left out, aborted or added, it keeps silent.",
    example: "Starts (10 attempts per service):\n\n| Service | Starts |\n|---|---|\n| web | 19/20 |\n| db | 18/20 |",
};

const UNIT: &str = r"(attempt|run|trial|iteration|sample|request|installation|repetition|restart|start|boot|test|measurement|page|restore|shot|call|cycle|login|reading|ping|scan|transfer|upload|round|order|message|query|device|unit|system|host|site)";

pattern!(
    PER,
    &format!(
        r"(\d[\d,]*) (?:\w+ )?{UNIT}(?:e?s|ies)? (?:per|each|for each|to each|for every|on each|from each|of each|in each)\b"
    )
);
pattern!(
    TIMES,
    r"\beach\b[^.|]*\b(\d[\d,]*) times\b|\b(\d[\d,]*) times\b[^.|]*\beach\b|\b(\d[\d,]*) times each\b|\b(?:on|in|at|for|from) (?:every|each) \w+,? (\d[\d,]*) (?:\w+ ){1,3}(?:are|were|will be) (?:\w+ed|taken|made|sent|read|run)\b"
);
pattern!(
    SIZE,
    &format!(
        r"^\W*(?:sample size|number of \w+|sample|planned sample)\W+(?:of |n ?= ?)?(\d[\d,]*)(?: {UNIT}(?:e?s)?)?"
    )
);
pattern!(
    EXPLAINED,
    r"\b(aborted|abandoned|excluded|left out|discarded|dropped|instead of|only|skipped|fewer|additional|added|repeated|further|remaining|not counted|missing|lost|withdrawn|broke|stopped after|cancelled|cut short|shortened|ended early|was ended|of which|planned|plus|extra|interrupted|extended|removed|because)\b"
);
pattern!(
    SYSTEMS,
    r"\((\d+) (?:\w+ )?(?:systems?|attempts?|runs?|installations?|machines?|trials?|samples?)\)"
);
pattern!(ATTEMPT, r"^(attempt|run|trial|installation|iteration|system|sample)\b ?#?\d+$");
pattern!(
    COUNT_HEAD,
    r"^(boots|attempts|runs|trials|starts|restarts|requests|tries|iterations|samples|repetitions|n|number|cycles|measurements|calls|sent|pages|executions|tests)$"
);

pattern!(PER_WHAT, r"\b(?:per|each|every) ([a-z]+)\b");

/// Whether a table has a row for each thing announced ("10 attempts per service" over `| Service | Starts |`), and this row
/// is for one of them.
fn is_of_one(table: &Table, line: usize, statement: &Statement) -> bool {
    let what = PER_WHAT.captures(&statement.lower).and_then(|parts| parts.get(1));
    let head = table.header.first().map_or("", |head| head.words());
    let row = table.rows.iter().find(|row| row.line == line).and_then(|row| row.cells.first());
    what.is_some_and(|what| what.as_str() == head)
        && row.is_some_and(|cell| {
            !cell.words().is_empty() && !cell.lower.contains([',', '+', '&', '/']) && !cell.lower.contains(" and ")
        })
}

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for (number, statement) in document.statements.iter().enumerate() {
        if statement.quantities.is_empty() || matches!(statement.place, Place::Row { .. }) {
            continue;
        }
        let each = count(&PER, statement).or_else(|| count(&TIMES, statement));
        let whole = count(&SIZE, statement);
        if each.is_none() && whole.is_none() && !SYSTEMS.is_in(&statement.lower) {
            continue;
        }
        // What follows, up to the next heading.
        let heading =
            if matches!(statement.place, Place::Heading(_)) { Some(number) } else { statement.heading };
        let after: Vec<&Statement> = document.statements[number + 1..]
            .iter()
            .take_while(|s| s.heading == heading && !matches!(s.place, Place::Heading(_)))
            .take(60)
            .collect();
        if after.iter().chain([&statement]).any(|s| EXPLAINED.is_in(&s.lower)) {
            rows_named(document, statement, number, found);
            continue;
        }
        if let Some(each) = each {
            per_each(document, statement, each, &after, found);
        } else if let Some(whole) = whole {
            in_all(statement, whole, &after, found);
        } else {
            rows_named(document, statement, number, found);
        }
    }
}

fn count(pattern: &crate::words::Words, statement: &Statement) -> Option<f64> {
    let parts = pattern.captures(&statement.lower)?;
    let first = parts
        .iter()
        .skip(1)
        .flatten()
        .find(|part| part.as_str().starts_with(|c: char| c.is_ascii_digit()))?;
    // The number is one, not the end of a date.
    let whole = statement.quantities.iter().find(|q| q.start == first.start())?;
    (whole.value >= 2.0).then_some(whole.value)
}

fn per_each(
    document: &Document,
    statement: &Statement,
    each: f64,
    after: &[&Statement],
    found: &mut Vec<Finding>,
) {
    // Denominators in the first block that has any.
    let first = after.iter().find_map(|s| {
        let (table, _) = document.cells(s)?;
        Some((table, table.column(|head| COUNT_HEAD.is_in(head))))
    });
    let counted: Vec<(usize, f64)> = if let Some((table, column)) = first {
        let body = table
            .rows
            .iter()
            .filter(|row| !row.cells.first().is_some_and(|cell| super::TOTAL.is_in(cell.words())));
        body.filter_map(|row| {
            let own = column.and_then(|column| row.cells.get(column)?.number());
            // 9/10 starts are ten.
            let own = own.map(|q| q.of().unwrap_or(q.value));
            let of =
                || row.cells.iter().flat_map(|cell| &cell.quantities).find_map(crate::quantity::Quantity::of);
            Some((row.line, own.filter(|_| column.is_some()).or_else(of)?))
        })
        .collect()
    } else {
        prose_counts(after)
    };
    let wrong: Vec<_> = counted.iter().filter(|(_, count)| *count != each).collect();
    let sum: f64 = counted.iter().map(|(_, count)| count).sum();
    if let (Some((line, count)), true) = (wrong.first(), sum != each || counted.len() == 1) {
        // One count of everything together is not a count of each.
        let multiple = counted.len() == 1
            && (count % each).abs() < 1e-9
            && !first.is_some_and(|(table, _)| is_of_one(table, *line, statement));
        if !multiple {
            let message = format!("announced are {} each, counted are {}", show(each), show(*count));
            found.push(Finding::new(
                message,
                [*line, statement.line].into_iter().chain(wrong.iter().map(|(line, _)| *line)),
            ));
        }
    }
}

pattern!(COUNTED, r"\b(?:of|in) (?:the |all )?(\d[\d,]*) [a-z]+|\ball (\d[\d,]*) [a-z]+");

/// "of the 40 pages", "all 25 pages", `19/20`.
fn prose_counts(after: &[&Statement]) -> Vec<(usize, f64)> {
    let mut out = Vec::new();
    for statement in after {
        for q in &statement.quantities {
            if let Some(of) = q.of() {
                out.push((statement.line, of));
            }
        }
        let Some(pattern) = COUNTED.0.as_ref() else { continue };
        for parts in pattern.captures_iter(&statement.lower) {
            let Some(number) = parts.iter().skip(1).flatten().next() else { continue };
            if let Some(q) = statement.quantities.iter().find(|q| q.start == number.start() && q.is_count()) {
                out.push((statement.line, q.value));
            }
        }
    }
    out
}

pattern!(OUTCOME_OF, r"\b(?:outcome|result|results) of the (\d+) ");

fn in_all(statement: &Statement, whole: f64, after: &[&Statement], found: &mut Vec<Finding>) {
    for other in after {
        let stated = count(&OUTCOME_OF, other);
        if let Some(stated) = stated.filter(|stated| *stated != whole) {
            let message = format!("announced are {}, counted are {}", show(whole), show(stated));
            found.push(Finding::new(message, [other.line, statement.line]));
            return;
        }
    }
    let of: Vec<(usize, f64)> =
        after.iter().flat_map(|s| s.quantities.iter().filter_map(|q| Some((s.line, q.of()?)))).collect();
    if let [(line, of)] = of.as_slice()
        && *of != whole
    {
        let message = format!("announced are {}, counted are {}", show(whole), show(*of));
        found.push(Finding::new(message, [*line, statement.line]));
    }
}

/// "(5 clean systems)" over rows `Attempt 1` to `Attempt 4`.
fn rows_named(document: &Document, statement: &Statement, number: usize, found: &mut Vec<Finding>) {
    let Some(announced) = count(&SYSTEMS, statement) else { return };
    let Some((table, _)) = document.statements.get(number + 1).and_then(|next| document.cells(next)) else {
        return;
    };
    let named = table
        .rows
        .iter()
        .filter(|row| row.cells.first().is_some_and(|cell| ATTEMPT.is_in(cell.words())))
        .count();
    let counted = f64::from(u32::try_from(named).unwrap_or(0));
    if named == table.rows.len() && counted != announced {
        let message = format!("announced are {}, the table has {named}", show(announced));
        found.push(Finding::new(message, [table.line, statement.line]));
    }
}
