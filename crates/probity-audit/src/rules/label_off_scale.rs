//! A label that contradicts the scale the report gives for it.

use crate::document::{Document, Place, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Kind, Quantity};
use crate::words::{pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "label-off-scale",
    severity: Severity::Error,
    title: "A label contradicts the report's own scale.",
    explanation: "Reads a scale from a sentence or list that gives two or more labels their ranges (\"HIGH from 85, MEDIUM from 60 \
        to 84, LOW below 60\") and compares the labels of scores in tables, items and the sentences after it. Without a \
        scale it keeps silent.",
    example: "Scale: HIGH from 85, LOW below 85.\n\n| Service | Score | Label |\n|---|---|---|\n| search | 72 | HIGH |",
};

const LABELS: &str = "very high|very low|high|medium|moderate|low|good|fair|poor|excellent|acceptable|unacceptable|strong|adequate|weak|critical|green|yellow|amber|red|severe|minor|major|negligible|sufficient|insufficient|satisfactory|gold|silver|bronze|fast|slow|stable|unstable|ready|conditional|a|b|c|d";

pattern!(LABEL, &format!(r"\b({LABELS})\b"));
pattern!(
    SCALE,
    r"\b(scale|legend|levels?|ratings?|classes|classification|thresholds?|labels?|means|mean|counts as|called|calls|defined|grades?|bands?|key|rated|rates)\b"
);

struct Range {
    label: String,
    from: f64,
    to: f64,
    line: usize,
    /// In percent, where the scale says so.
    percent: bool,
}

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let (scale, from, last) = scale(document);
    if scale.len() < 2 {
        return;
    }
    // Labels from A to D are read only in cells.
    for table in &document.tables {
        let columns = |wanted: &[&str]| {
            (0..table.header.len())
                .find(|c| wanted.iter().any(|word| table.header[*c].words().contains(word)))
        };
        let Some(score) = columns(&[
            "score", "points", "value", "risk", "rate", "result", "coverage", "measured", "percent", "%",
        ]) else {
            continue;
        };
        for row in &table.rows {
            let Some(number) = row.cells[score].number().filter(|q| q.of().is_none()) else { continue };
            let label = row
                .cells
                .iter()
                .enumerate()
                .skip(1)
                .rev()
                .filter(|(c, _)| *c != score)
                .find_map(|(_, cell)| scale.iter().find(|range| range.label == cell.words()));
            if let Some(label) = label.filter(|_| !(from..=last).contains(&row.line)) {
                compare(&scale, number, &label.label, row.line, found);
            }
        }
    }
    for (at, statement) in document.statements.iter().enumerate() {
        if !matches!(statement.place, Place::Prose | Place::Item { .. }) || (from..=last).contains(&at) {
            continue;
        }
        let labels: Vec<_> = LABEL
            .0
            .iter()
            .flat_map(|pattern| pattern.find_iter(&statement.lower))
            .map(|found| found.as_str())
            .filter(|label| label.len() > 1 && scale.iter().any(|range| range.label == *label))
            .collect();
        let [label] = labels.as_slice() else { continue };
        // "risk 12 (low)": the last number before the label; else that of the sentence before.
        let place = statement.lower.find(label).unwrap_or(0);
        let before = statement.quantities.iter().rfind(|q| q.end <= place && q.of().is_none());
        let direct = before.filter(|q| {
            let between = statement.lower[q.end..place].trim();
            between.len() <= 14 && !between.contains([',', ';', '.'])
        });
        let limits = statement.lower.contains("by these limits")
            || statement.lower.contains("by this scale")
            || statement.lower.contains("on this scale")
            || statement.lower.contains("according to")
            || statement.lower.contains("therefore")
            || statement.lower.contains("hence")
            || statement.lower.contains("thus");
        let previous = || {
            let s = document.statements[..at]
                .last()
                .filter(|s| limits && s.block == statement.block && statement.quantities.is_empty())?;
            s.quantities
                .iter()
                .rfind(|q| q.of().is_none())
                .filter(|q| !scale[0].percent || q.kind == Kind::Percent)
        };
        if let Some(number) = direct.or_else(previous) {
            compare(&scale, number, label, statement.line, found);
        }
    }
}

/// The ranges, and the statements they stand in, first and last.
fn scale(document: &Document) -> (Vec<Range>, usize, usize) {
    for (at, statement) in document.statements.iter().enumerate() {
        if !matches!(statement.place, Place::Prose | Place::Item { .. })
            || statement.quantities.len() < 2
            || !SCALE.is_in(&statement.lower)
        {
            continue;
        }
        let ranges = ranges(statement);
        if ranges.len() >= 2 {
            return (ranges, at, at);
        }
    }
    (Vec::new(), 0, 0)
}

/// Labels and numbers alternate: either label first or range first.
fn ranges(statement: &Statement) -> Vec<Range> {
    let text = &statement.lower;
    let labels: Vec<_> = LABEL
        .0
        .iter()
        .flat_map(|pattern| pattern.find_iter(text))
        .filter(|found| found.as_str().len() > 1)
        .collect();
    let [first, ..] = labels.as_slice() else { return Vec::new() };
    let Some(number) = statement.quantities.first() else { return Vec::new() };
    let label_first = first.start() < number.start;
    let mut out = Vec::new();
    for (at, label) in labels.iter().enumerate() {
        let (from, to) = if label_first {
            (label.end(), labels.get(at + 1).map_or(text.len(), regex::Match::start))
        } else {
            (at.checked_sub(1).and_then(|at| labels.get(at)).map_or(0, regex::Match::end), label.start())
        };
        let numbers: Vec<&Quantity> =
            statement.quantities.iter().filter(|q| (from..to).contains(&q.start)).collect();
        let piece = &text[from..to];
        let percent = numbers.iter().any(|q| q.kind == Kind::Percent);
        let says = |words: &[&str]| words.iter().any(|word| piece.contains(word));
        let (least, most) = match numbers.as_slice() {
            [a, b] => (a.value, b.value),
            [a] if says(&["below", "under", "less", "<", "up to", "at most"]) => {
                let inclusive = says(&["up to", "at most", "<="]);
                (f64::NEG_INFINITY, if inclusive { a.value } else { a.value - 1e-9 })
            }
            [a] if says(&["from", "at least", "above", "over", "more", ">", "and up", "or more", "+"]) => {
                let strict = says(&["over", "more than", ">"]) && !says(&[">=", "or more", "and above"]);
                (if strict { a.value + 1e-9 } else { a.value }, f64::INFINITY)
            }
            _ => return Vec::new(),
        };
        out.push(Range {
            label: label.as_str().to_owned(),
            from: least,
            to: most,
            line: statement.line,
            percent,
        });
    }
    out
}

fn compare(scale: &[Range], number: &Quantity, label: &str, line: usize, found: &mut Vec<Finding>) {
    let mut own = scale.iter().filter(|range| range.label == label);
    let (Some(range), None) = (own.next(), own.next()) else { return };
    // 0.95 on a scale in percent, and the other way round, is no contradiction.
    let value = number.value;
    if scale.iter().any(|range| range.percent) != (number.kind == Kind::Percent)
        && scale.iter().any(|range| range.percent)
    {
        return;
    }
    let inside = scale.iter().find(|range| (range.from..=range.to).contains(&value));
    if let Some(right) =
        inside.filter(|right| right.label != range.label && !(range.from..=range.to).contains(&value))
    {
        let message = format!("{} is {} by the report's own scale, not {label}", show(value), right.label);
        found.push(Finding::new(message, [line, range.line]));
    }
}
