//! Averages and weighted sums that do not come out.

use crate::document::{Document, Place, Table};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::rules::{TOTAL, is_empty};
use crate::words::{pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "weighted-sum",
    severity: Severity::Error,
    title: "An average, a weighted score or a weighted sum does not come out.",
    explanation: "In tables with a score and a weight (and perhaps their product) each product and the sum are computed \
        again, and so is a row or sentence that gives the average of what stands above it. What rounding of the rows \
        explains is accepted: a sum may be that of the rounded or of the exact products.",
    example: "| Part | Weight | Score | Weighted |\n|---|---|---|---|\n| a | 0.4 | 80 | 32 |\n| b | 0.6 | 90 | 54 |\n| Overall | | | 88 |",
};

pattern!(MEAN, r"^(overall )?(average|mean|avg)\b|^ø");
pattern!(
    STATED,
    r"\b(overall|total|weighted|final|combined|composite)\b[^.|]{0,40}\b(score|sum|result|average|rating|risk|total|mark|index|grade)\b"
);
pattern!(
    LISTED,
    r"\b(average|mean) (?:\S+ ){0,5}?(?:of|over|from) ([\d., and%/ms]+?)(?: \w+)? (?:is|was|=|comes to|gives|of|to|are|makes|equals) (?:about )?(\d[\d.]*)"
);

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    for table in &document.tables {
        if !weighted(document, table, found) {
            means(table, found);
        }
    }
    listed(document, found);
    items(document, found);
    weighted_items(document, found);
}

fn value(quantity: &Quantity) -> f64 {
    quantity.value
}

fn weighted(document: &Document, table: &Table, found: &mut Vec<Finding>) -> bool {
    let product = table.column(|head| {
        head.starts_with("weighted")
            || head.starts_with("contribution")
            || head.contains("weighted")
            || head.contains(" x ")
            || head == "product"
    });
    let weight = (0..table.header.len())
        .find(|c| Some(*c) != product && table.header[*c].words().starts_with("weight"));
    let score = (0..table.header.len()).find(|c| {
        let head = table.header[*c].words();
        Some(*c) != product
            && Some(*c) != weight
            && ["score", "points", "rating", "risk score", "mark", "grade", "value", "result"]
                .iter()
                .any(|word| head.starts_with(word))
    });
    let (Some(weight), Some(score)) = (weight, score) else { return false };
    let body = table
        .rows
        .iter()
        .take_while(|row| {
            !row.cells.first().is_some_and(|cell| TOTAL.is_in(cell.words()) || MEAN.is_in(cell.words()))
        })
        .count();
    let mut rows = Vec::new();
    for row in &table.rows[..body] {
        let (Some(w), Some(s)) = (row.cells[weight].number(), row.cells[score].number()) else { return true };
        let w_value = if w.kind == Kind::Percent { w.value / 100.0 } else { w.value };
        rows.push((row, w, w_value, s));
    }
    if rows.len() < 2 {
        return true;
    }
    let weights: f64 = rows.iter().map(|(_, _, w, _)| w).sum();
    // Weights such as 5, 3, 2 or 40, 35, 25 are shares of their sum.
    let scale = if weights > 2.0 { weights } else { 1.0 };
    let mut rounded = Some(0.0);
    if let Some(column) = product {
        for (row, w, w_value, s) in &rows {
            let Some(p) = row.cells[column].number() else {
                rounded = None;
                continue;
            };
            rounded = rounded.map(|sum: f64| sum + p.value);
            let real = [w_value * value(s), w_value * value(s) / scale, w_value * value(s) / 100.0];
            if real.iter().all(|real| (real - p.value).abs() > p.half_digit() * 1.2 + 1e-9) {
                let message = format!(
                    "{} x {} = {}, not {}",
                    show(w.value),
                    show(s.value),
                    show(real[0]),
                    show(p.value)
                );
                found.push(Finding::new(message, [row.line]));
                return true;
            }
        }
    } else {
        rounded = None;
    }
    let sum: f64 = rows.iter().map(|(_, _, w, s)| w * value(s)).sum();
    // The total: in the row below, or in the first sentence after the table that names a score.
    let below = table.rows.get(body).and_then(|row| {
        let columns = product.map_or_else(|| vec![score], |product| vec![product, score]);
        columns.into_iter().find_map(|column| Some((row.line, row.cells[column].number()?)))
    });
    let stated = below.or_else(|| {
        let after = document
            .statements
            .iter()
            .filter(|s| s.block > table.block && s.heading == table.heading)
            .take(3);
        after
            .filter(|s| !matches!(s.place, Place::Row { .. } | Place::Heading(_)) && STATED.is_in(&s.lower))
            .find_map(|s| {
                let first = s
                    .quantities
                    .iter()
                    .find(|q| matches!(q.kind, Kind::Plain | Kind::Percent | Kind::Of(_)))?;
                Some((s.line, first))
            })
    });
    let Some((line, total)) = stated else { return true };
    let mut allowed = vec![sum, sum / scale, sum / 100.0];
    if (weights - 1.0).abs() > 1e-9 && scale == 1.0 {
        allowed.push(sum / weights);
    }
    allowed.extend(rounded);
    let near = |real: f64| (real - total.value).abs() <= total.half_digit() * 2.0 + 1e-9;
    if !allowed.iter().any(|real| near(*real) || (total.kind == Kind::Percent && near(real * 100.0))) {
        let terms: Vec<_> =
            rows.iter().map(|(_, w, _, s)| format!("{} x {}", show(w.value), show(s.value))).collect();
        let real = if scale > 1.0 { sum / scale } else { sum };
        let divided = if scale > 1.0 { format!(", divided by {}", show(scale)) } else { String::new() };
        let message = format!("{}{divided} = {}, not {}", terms.join(" + "), show(real), show(total.value));
        found.push(Finding::new(message, [line].into_iter().chain(rows.iter().map(|(row, ..)| row.line))));
    }
    true
}

/// A last row called average.
fn means(table: &Table, found: &mut Vec<Finding>) {
    let Some(at) =
        table.rows.iter().position(|row| row.cells.first().is_some_and(|cell| MEAN.is_in(cell.words())))
    else {
        return;
    };
    let row = &table.rows[at];
    for column in 1..table.header.len() {
        let Some(mean) = row.cells[column].number() else { continue };
        let above: Option<Vec<_>> = table.rows[..at]
            .iter()
            .filter(|row| !is_empty(&row.cells[column]))
            .map(|row| row.cells[column].number())
            .collect();
        let Some(above) = above.filter(|above| above.len() >= 2 && above.len() == at) else { continue };
        if above.iter().any(|q| q.of().is_some() || q.unit != mean.unit || q.bound.is_some())
            || mean.of().is_some()
        {
            continue;
        }
        let scale = |q: &Quantity| q.value;
        let real =
            above.iter().map(|q| scale(q)).sum::<f64>() / f64::from(u32::try_from(above.len()).unwrap_or(1));
        let slack = above.iter().map(|q| q.half_digit()).fold(0.0, f64::max);
        if (real - mean.value).abs() > mean.half_digit() * 2.0 + slack + 1e-9 {
            let terms = above.iter().map(|q| show(q.value)).collect::<Vec<_>>().join(" + ");
            let message = format!("({terms}) / {} = {}, not {}", above.len(), show(real), show(mean.value));
            found.push(Finding::new(
                message,
                [row.line].into_iter().chain(table.rows[..at].iter().map(|row| row.line)),
            ));
            return;
        }
    }
}

/// "the average of 3, 4 and 5 is 4.5".
fn listed(document: &Document, found: &mut Vec<Finding>) {
    for statement in &document.statements {
        // Cheaper than the patterns, and most sentences have neither.
        if statement.quantities.len() < 3
            || !(statement.lower.contains("average") || statement.lower.contains("mean"))
        {
            continue;
        }
        let Some(parts) = LISTED.captures(&statement.lower).or_else(|| RATINGS.captures(&statement.lower))
        else {
            continue;
        };
        let last = parts.len() - 1;
        let (Some(list), Some(mean)) = (parts.get(last - 1), parts.get(last)) else { continue };
        let values: Vec<&Quantity> =
            statement.quantities.iter().filter(|q| (list.start()..list.end()).contains(&q.start)).collect();
        let mean = statement.quantities.iter().find(|q| q.start == mean.start());
        let (Some(mean), true) = (mean, values.len() >= 2 && values.iter().all(|q| q.of().is_none())) else {
            continue;
        };
        tell(&values.iter().map(|q| (statement.line, *q)).collect::<Vec<_>>(), statement.line, mean, found);
    }
}

pattern!(WEIGHT_ITEM, r"\(?weight:? (\d[\d.]*)( ?%)?\)?");
pattern!(
    RATINGS,
    r"\b(?:were|was|are|of|:) ((?:\d[\d.]*(?:, and |, | and ))+\d[\d.]*)[^.;:\d]{0,60}? (?:an|the|on|in) average (?:of )?(\d[\d.]*)"
);

/// Items with a weight and a score each, and the weighted score after them.
fn weighted_items(document: &Document, found: &mut Vec<Finding>) {
    let mut parts: Vec<(usize, f64, f64)> = Vec::new();
    let mut block = 0;
    for statement in &document.statements {
        // The product may stand behind the two, if it is theirs.
        let pair = match statement.quantities.as_slice() {
            [a, b] => Some((a, b)),
            [a, b, product] => Some((a, b))
                .filter(|_| (a.value * b.value - product.value).abs() <= product.half_digit() + 1e-9),
            _ => None,
        };
        if let (Place::Item { .. }, Some((weight, score)), true) =
            (statement.place, pair, WEIGHT_ITEM.is_in(&statement.lower))
        {
            if statement.block != block {
                parts.clear();
                block = statement.block;
            }
            let (weight, score) = if WEIGHT_ITEM
                .find(&statement.lower)
                .is_some_and(|place| (place.start()..place.end()).contains(&weight.start))
            {
                (weight, score)
            } else {
                (score, weight)
            };
            let scale = if weight.kind == Kind::Percent { 100.0 } else { 1.0 };
            parts.push((statement.line, weight.value / scale, score.value));
        } else if matches!(statement.place, Place::Item { .. }) && statement.block == block {
            parts.clear();
        } else if parts.len() >= 2
            && STATED.is_in(&statement.lower)
            && !matches!(statement.place, Place::Heading(_))
        {
            let Some(total) = statement
                .quantities
                .first()
                .filter(|q| matches!(q.kind, Kind::Plain | Kind::Percent | Kind::Of(_)))
            else {
                continue;
            };
            let weights: f64 = parts.iter().map(|(_, weight, _)| weight).sum();
            let sum: f64 = parts.iter().map(|(_, weight, score)| weight * score).sum();
            let near = |real: f64| (real - total.value).abs() <= total.half_digit() * 2.0 + 1e-9;
            if !near(sum) && !near(sum / weights) {
                let terms: Vec<_> = parts
                    .iter()
                    .map(|(_, weight, score)| format!("{} x {}", show(*weight), show(*score)))
                    .collect();
                let message = format!("{} = {}, not {}", terms.join(" + "), show(sum), show(total.value));
                found.push(Finding::new(
                    message,
                    [statement.line].into_iter().chain(parts.iter().map(|(line, ..)| *line)),
                ));
            }
            parts.clear();
        }
    }
}

pattern!(MEAN_ITEM, r"^\W*(overall |the )?(average|mean)\b[^:\d]{0,40}:? ?[^\d]{0,12}\d");

/// List items with one number each, and the last the average.
fn items(document: &Document, found: &mut Vec<Finding>) {
    for (number, mean) in document.statements.iter().enumerate() {
        if !matches!(mean.place, Place::Item { .. } | Place::Prose) || !MEAN_ITEM.is_in(&mean.lower) {
            continue;
        }
        let [q] = mean.quantities.as_slice() else { continue };
        let mut parts = Vec::new();
        for part in document.statements[..number].iter().rev().take(200) {
            let Place::Item { .. } = part.place else { break };
            if part.heading != mean.heading {
                break;
            }
            match part.quantities.as_slice() {
                [one] if one.unit == q.unit && one.of().is_none() && one.bound.is_none() => {
                    parts.push((part.line, one));
                }
                _ => {
                    parts.clear();
                    break;
                }
            }
        }
        if parts.len() >= 3 {
            parts.reverse();
            tell(&parts, mean.line, q, found);
        }
    }
}

fn tell(parts: &[(usize, &Quantity)], line: usize, mean: &Quantity, found: &mut Vec<Finding>) {
    let real =
        parts.iter().map(|(_, q)| q.value).sum::<f64>() / f64::from(u32::try_from(parts.len()).unwrap_or(1));
    // Whole numbers without a unit are ratings or counts, not rounded measurements.
    let rounded = |q: &Quantity| q.decimals > 0 || q.kind != Kind::Plain;
    let slack = parts.iter().filter(|(_, q)| rounded(q)).map(|(_, q)| q.half_digit()).fold(0.0, f64::max);
    if (real - mean.value).abs() > mean.half_digit() * 2.0 + slack + 1e-9 {
        let terms = parts.iter().map(|(_, q)| show(q.value)).collect::<Vec<_>>().join(" + ");
        let message = format!("({terms}) / {} = {}, not {}", parts.len(), show(real), show(mean.value));
        found.push(Finding::new(message, [line].into_iter().chain(parts.iter().map(|(line, _)| *line))));
    }
}
