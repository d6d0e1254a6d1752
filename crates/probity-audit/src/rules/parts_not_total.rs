//! Counts that do not add up to the total given for them.

use std::collections::HashMap;

use crate::document::{Document, Place, Statement, Table};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::Kind;
use crate::rules::{numbers, total_row};
use crate::words::{pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "parts-not-total",
    severity: Severity::Error,
    title: "Counts or fractions do not add up to their total.",
    explanation: "Adds up the columns of whole numbers and of fractions over a row called total, the outcomes of a row beside \
        their total, and sentences such as \"120 cases: 110 passed, 8 failed\" or \"Passed: 40, failed: 5. Total: 50\" (what was skipped may \
        stand outside the total). Columns of averages, rates, times \
        and scores are not added.",
    example: "| Table | Rows |\n|---|---|\n| a | 10 |\n| b | 20 |\n| Total | 31 |",
};

pattern!(
    NOT_SUMMED,
    r"avg|average|mean|median|rate|%|percent|time|duration|max|min|p9|latency|score|points|weight|distinct|unique|peak|version|year|date|no\.|number$|^#|id|factor|^of$|rank|remaining|cumulative|balance|running|severity|uncertainty|target|limit"
);
pattern!(
    OUTCOME,
    r"^(passed|failed|skipped|blocked|errors?|pass|fail|succeeded|successful|failures?|not run|aborted|ok|rejected|ignored|pending|open|closed|successes)$"
);
pattern!(
    SPLIT,
    r"(\d[\d,]*) (?:were |was |have |had |are |is |could |did |of them |of these |)?(?:been )?(?:successfully )?(passed|failed|skipped|blocked|succeeded|ignored|aborted|errored|not run|rejected|imported|migrated|pending|delivered|lost|bounced|accepted|missing)\b"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        totals(table, found);
        rows(table, found);
    }
    sentences(document, found);
    labels(document, found);
    lists(document, found);
    lists_below(document, found);
    shares(document, found);
    overall(document, found);
}

fn totals(table: &Table, found: &mut Vec<Finding>) {
    let Some(last) = total_row(table) else { return };
    for (column, head) in table.header.iter().enumerate().skip(1) {
        let (Some(parts), Some(total)) =
            (numbers(table, column, last), table.rows[last].cells[column].number())
        else {
            continue;
        };
        if NOT_SUMMED.is_in(head.words()) || parts.iter().any(|(_, part)| part.bound.is_some()) {
            continue;
        }
        let whole =
            |kind: Kind, decimals: usize| decimals == 0 && !matches!(kind, Kind::Percent | Kind::Seconds(_));
        if !parts.iter().chain([&(0, total)]).all(|(_, part)| whole(part.kind, part.decimals)) {
            continue;
        }
        let sum: f64 = parts.iter().map(|(_, part)| part.value).sum();
        let of: Option<f64> = parts.iter().map(|(_, part)| part.of()).sum();
        let lines = [table.rows[last].line].into_iter().chain(parts.iter().map(|(line, _)| *line));
        let terms = |values: Vec<f64>| values.into_iter().map(show).collect::<Vec<_>>().join(" + ");
        if (sum - total.value).abs() > 1e-6 {
            let parts = terms(parts.iter().map(|(_, part)| part.value).collect());
            found.push(Finding::new(format!("{parts} = {}, not {}", show(sum), show(total.value)), lines));
            return;
        } else if let (Some(of), Some(total)) = (of, total.of())
            && (of - total).abs() > 1e-6
        {
            let parts = terms(parts.iter().filter_map(|(_, part)| part.of()).collect());
            found.push(Finding::new(format!("{parts} = {}, not {}", show(of), show(total)), lines));
            return;
        }
    }
}

/// A row with its outcomes beside their total.
fn rows(table: &Table, found: &mut Vec<Finding>) {
    let Some(total) = table.column(|head| {
        matches!(head, "total" | "tests" | "cases" | "executed" | "attempts" | "runs" | "sum")
    }) else {
        return;
    };
    let parts: Vec<usize> =
        (0..table.header.len()).filter(|column| OUTCOME.is_in(table.header[*column].words())).collect();
    if parts.len() < 2 {
        return;
    }
    for row in &table.rows {
        let count = |column: usize| row.cells[column].number().filter(|q| q.is_count()).map(|q| q.value);
        let (Some(total), Some(counts)) =
            (count(total), parts.iter().map(|part| count(*part)).collect::<Option<Vec<_>>>())
        else {
            continue;
        };
        let sum: f64 = counts.iter().sum();
        if sum != total {
            let terms = counts.into_iter().map(show).collect::<Vec<_>>().join(" + ");
            found.push(Finding::new(format!("{terms} = {}, not {}", show(sum), show(total)), [row.line]));
        }
    }
}

/// "120 cases: 110 passed, 8 failed".
fn sentences(document: &Document, found: &mut Vec<Finding>) {
    let Some(pattern) = SPLIT.0.as_ref() else { return };
    for statement in &document.statements {
        if statement.quantities.len() < 3 || matches!(statement.place, Place::Row { .. } | Place::Heading(_))
        {
            continue;
        }
        let parts: Vec<(usize, f64)> = pattern
            .captures_iter(&statement.lower)
            .filter_map(|part| {
                Some((part.get(0)?.start(), part.get(1)?.as_str().replace(',', "").parse().ok()?))
            })
            .collect();
        let [(first, _), rest @ ..] = parts.as_slice() else { continue };
        let totals: Vec<_> = statement.quantities.iter().filter(|q| q.start < *first).collect();
        let [total] = totals.as_slice() else { continue };
        let clean = statement.quantities.len() == parts.len() + 1;
        if rest.is_empty() || !clean || !total.is_count() || statement.lower.contains("at least") {
            continue;
        }
        tell(statement, &parts.iter().map(|(_, part)| *part).collect::<Vec<_>>(), total.value, found);
    }
}

pattern!(
    LABELLED,
    r"\b(passed|succeeded|failed|skipped|ignored|not run|blocked|aborted)(?: tests| cases| checks| runs)? ?[:=] ?(\d[\d,]*)"
);
pattern!(
    TOTAL_LABELLED,
    r"\b(?:total|in total|sum|altogether)(?: tests| cases| checks| runs| executed)? ?[:=] ?(\d[\d,]*)"
);

/// "Passed: 40, failed: 5, skipped: 2. Total: 50."
fn labels(document: &Document, found: &mut Vec<Finding>) {
    let (Some(part), Some(whole)) = (LABELLED.0.as_ref(), TOTAL_LABELLED.0.as_ref()) else { return };
    let number = |text: &str| text.replace(',', "").parse::<f64>().ok();
    let mut counted: Vec<(usize, Vec<(&str, f64)>)> = Vec::new();
    let mut under: HashMap<Option<usize>, usize> = HashMap::new();
    for (at, statement) in document.statements.iter().enumerate() {
        if statement.quantities.is_empty() || matches!(statement.place, Place::Row { .. } | Place::Heading(_)) {
            continue;
        }
        let parts: Vec<(&str, f64)> = part
            .captures_iter(&statement.lower)
            .filter_map(|part| Some((part.get(1)?.as_str(), number(part.get(2)?.as_str())?)))
            .collect();
        if !parts.is_empty() {
            *under.entry(statement.heading).or_default() += 1;
            counted.push((at, parts));
        }
    }
    for (at, parts) in counted {
        let statement = &document.statements[at];
        let has = |names: &[&str]| parts.iter().any(|(name, _)| names.contains(name));
        if !has(&["passed", "succeeded"]) || !has(&["failed"]) {
            continue;
        }
        // The total stands among them, or is the next sentence and nothing else; of several counts it may be that of all.
        let next = document.statements.get(at + 1).filter(|next| {
            under.get(&statement.heading) == Some(&1)
                && next.block == statement.block && next.place == statement.place && next.quantities.len() == 1
        });
        let (among, all) = (parts.len() + 1, statement.quantities.len());
        let source = if all == among { Some(statement) } else { next.filter(|_| all == parts.len()) };
        let Some(total) = source.and_then(|source| {
            let mut all = whole.captures_iter(&source.lower);
            let first = all.next().filter(|_| all.next().is_none())?;
            number(first.get(1)?.as_str())
        }) else {
            continue;
        };
        // Some count what was not run in the total, some do not.
        let run = parts.iter().filter(|(name, _)| matches!(*name, "passed" | "succeeded" | "failed"));
        if run.map(|(_, value)| value).sum::<f64>() != total {
            tell(statement, &parts.iter().map(|(_, value)| *value).collect::<Vec<_>>(), total, found);
        }
    }
}

fn tell(statement: &Statement, parts: &[f64], total: f64, found: &mut Vec<Finding>) {
    let sum: f64 = parts.iter().sum();
    if sum != total {
        let terms = parts.iter().copied().map(show).collect::<Vec<_>>().join(" + ");
        found.push(Finding::new(format!("{terms} = {}, not {}", show(sum), show(total)), [statement.line]));
    }
}

pattern!(
    TOTAL_FIRST,
    r"\b(in total|total|in all|altogether|overall)\b\W*:?\W*\d[\d,]*\W*$|\b\d[\d,]* [a-z]+ in (total|all)\W*$"
);
pattern!(
    TOTAL_ITEM,
    r"^\W*(grand |overall |in )?(total|sum|together|altogether|overall)\b[^:]{0,40}: *\**\d"
);
pattern!(SCORE, r"score|points|average|mean|rate:");

/// List items with one count each, and the last the total.
fn lists(document: &Document, found: &mut Vec<Finding>) {
    for (number, total) in document.statements.iter().enumerate() {
        if !matches!(total.place, Place::Item { .. } | Place::Prose)
            || !TOTAL_ITEM.is_in(&total.lower)
            || SCORE.is_in(&total.lower)
        {
            continue;
        }
        let Some(sum) = total.quantities.first() else { continue };
        let mut parts = Vec::new();
        for part in document.statements[..number].iter().rev().take(200) {
            if !matches!(part.place, Place::Item { .. }) || part.heading != total.heading {
                break;
            }
            // A note below an item of its own level is part of the item.
            if let (Place::Item { depth, .. }, Place::Item { depth: least, .. }) = (part.place, total.place)
                && depth > least
            {
                continue;
            }
            if parts.last().is_some_and(|(block, _, _): &(usize, usize, f64)| *block != part.block) {
                break;
            }
            let counted =
                part.lower.split_once(": ").is_some() || part.quantities.first().is_some_and(|q| q.start < 4);
            // "API: passed: 10, failed: 1" has no one count.
            let several =
                LABELLED.0.as_ref().is_some_and(|labelled| labelled.find_iter(&part.lower).count() > 1);
            let same = part.quantities.first().filter(|q| {
                q.decimals == 0
                    && counted
                    && !several
                    && (q.of().is_some() == sum.of().is_some())
                    && matches!(q.kind, Kind::Plain | Kind::Of(_))
                    && (q.unit == sum.unit || q.unit.is_empty() || sum.unit.is_empty())
            });
            match same {
                Some(q) => parts.push((part.block, part.line, q.value)),
                None => {
                    parts.clear();
                    break;
                }
            }
        }
        let unit = matches!(sum.kind, Kind::Plain | Kind::Of(_)) && sum.decimals == 0;
        let real: f64 = parts.iter().map(|(_, _, value)| value).sum();
        if unit && parts.len() >= 2 && (real - sum.value).abs() > 1e-6 {
            parts.reverse();
            let terms = parts.iter().map(|(_, _, value)| show(*value)).collect::<Vec<_>>().join(" + ");
            let lines = [total.line].into_iter().chain(parts.iter().map(|(_, line, _)| *line));
            found.push(Finding::new(format!("{terms} = {}, not {}", show(real), show(sum.value)), lines));
        }
    }
}

/// "Incidents in total: 61", and below a list of all of them.
fn lists_below(document: &Document, found: &mut Vec<Finding>) {
    for (at, total) in document.statements.iter().enumerate() {
        let [sum] = total.quantities.as_slice() else { continue };
        if !matches!(total.place, Place::Prose)
            || !sum.is_count()
            || !TOTAL_FIRST.is_in(&total.lower)
            || SCORE.is_in(&total.lower)
        {
            continue;
        }
        let block = document.statements.get(at + 1).map(|s| s.block);
        let items = document.statements[at + 1..]
            .iter()
            .take_while(|s| Some(s.block) == block && matches!(s.place, Place::Item { depth: 1, .. }));
        let parts: Option<Vec<(usize, f64)>> = items
            .map(|s| match s.quantities.as_slice() {
                [q] if q.is_count() && s.lower.contains(": ") => Some((s.line, q.value)),
                _ => None,
            })
            .collect();
        let Some(parts) = parts.filter(|parts| parts.len() >= 2) else { continue };
        let real: f64 = parts.iter().map(|(_, value)| value).sum();
        if real != sum.value {
            let terms = parts.iter().map(|(_, value)| show(*value)).collect::<Vec<_>>().join(" + ");
            let lines = [total.line].into_iter().chain(parts.iter().map(|(line, _)| *line));
            found.push(Finding::new(format!("{terms} = {}, not {}", show(real), show(sum.value)), lines));
        }
    }
}

pattern!(
    IN_N,
    r"\b(\d[\d,]*) (?:[a-z]+ )?([a-z]+s) (?:in|on|at|from|to) (two|three|four|five|six) ([a-z]+)s\b"
);

/// "48 sensors in three halls. In hall 1 there were 17 sensors, in hall 2 ...".
fn shares(document: &Document, found: &mut Vec<Finding>) {
    const NUMBERS: [&str; 5] = ["two", "three", "four", "five", "six"];
    for (at, statement) in document.statements.iter().enumerate() {
        if statement.quantities.is_empty() {
            continue;
        }
        let Some(parts) = IN_N.captures(&statement.lower) else { continue };
        let (Some(total), Some(thing), Some(count), Some(place)) =
            (parts.get(1), parts.get(2), parts.get(3), parts.get(4))
        else {
            continue;
        };
        let Some(next) = document.statements.get(at + 1).filter(|next| next.block == statement.block) else {
            continue;
        };
        let count = NUMBERS.iter().position(|word| *word == count.as_str()).map_or(0, |at| at + 2);
        let label = format!("{} ", place.as_str());
        if next.lower.matches(&label).count() != count || !next.lower.contains(thing.as_str()) {
            continue;
        }
        // "hall 1" names a place; what is counted are the others.
        let values: Vec<f64> = next
            .quantities
            .iter()
            .filter(|q| !next.lower[..q.start].ends_with(&label) && q.is_count())
            .map(|q| q.value)
            .collect();
        let Some(whole) =
            total.as_str().replace(',', "").parse::<f64>().ok().filter(|_| values.len() == count)
        else {
            continue;
        };
        let real: f64 = values.iter().sum();
        if real != whole {
            let terms = values.into_iter().map(show).collect::<Vec<_>>().join(" + ");
            found.push(Finding::new(
                format!("{terms} = {}, not {}", show(real), show(whole)),
                [next.line, statement.line],
            ));
        }
    }
}

pattern!(OVERALL, r"\b(overall|total|in all|altogether|together)\b");

/// A fraction called overall below a table of fractions.
fn overall(document: &Document, found: &mut Vec<Finding>) {
    let mut by_heading: HashMap<Option<usize>, Vec<&Table>> = HashMap::new();
    for table in &document.tables {
        by_heading.entry(table.heading).or_default().push(table);
    }
    for statement in &document.statements {
        if statement.quantities.is_empty()
            || matches!(statement.place, Place::Row { .. } | Place::Heading(_))
            || !OVERALL.is_in(&statement.lower)
            || SCORE.is_in(&statement.lower.replace("success rate:", ""))
        {
            continue;
        }
        let fractions: Vec<_> = statement.quantities.iter().filter(|q| q.of().is_some()).collect();
        let ([total], Some([table])) =
            (fractions.as_slice(), by_heading.get(&statement.heading).map(Vec::as_slice))
        else {
            continue;
        };
        let each: Option<Vec<_>> = table
            .rows
            .iter()
            .map(|row| {
                let mut all = row.cells.iter().flat_map(|cell| &cell.quantities).filter(|q| q.of().is_some());
                all.next()
                    .filter(|_| all.next().is_none())
                    .map(|q| (q.value, q.of().unwrap_or(0.0), row.line))
            })
            .collect();
        let Some(each) = each.filter(|each| each.len() >= 2 && total_row(table).is_none()) else { continue };
        let (part, whole) = each.iter().fold((0.0, 0.0), |(part, whole), (a, b, _)| (part + a, whole + b));
        if part != total.value || Some(whole) != total.of() {
            let message = format!(
                "the rows add up to {}/{}, not {}/{}",
                show(part),
                show(whole),
                show(total.value),
                show(total.of().unwrap_or(0.0))
            );
            found.push(Finding::new(
                message,
                [statement.line].into_iter().chain(each.iter().map(|each| each.2)),
            ));
        }
    }
}
