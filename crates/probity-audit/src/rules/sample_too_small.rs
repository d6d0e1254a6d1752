//! A sample that is too small for the target it is said to meet.

use std::collections::HashSet;

use probity_verdict::statistics;

use crate::document::{Document, Place, Statement};
use crate::finding::{Finding, Rule, Severity};
use crate::quantity::{Bound, Kind, Quantity};
use crate::rules::{outcome_column, target_missed};
use crate::words::{FAIL, NEGATED, passes, pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "sample-too-small",
    severity: Severity::Warning,
    title: "The sample is too small to show the target it is said to meet.",
    explanation: "A rate target (\"at least 95 %\") that is marked as met by a counted sample (8 of 8) is held against the exact \
        (Clopper-Pearson) lower bound of that sample at 95 %, one-sided. If the bound is below the target, the sample does not \
        show it; the finding names the number of trials that would, if all succeed. A target of 100 %, and a percentage \
        missed already by the count itself, are left to other rules. What is a census (coverage, all rows) is left alone.",
    example: "| Criterion | Required | Observed | Result |\n|---|---|---|---|\n| Starts succeed | >= 95 % | 8 of 8 | ✅ met |",
};

pattern!(
    CENSUS,
    r"\bcoverage\b|\bcovered\b|\bcensus\b|\bevery (row|record|file|entry)\b|\ball (rows|records|files|entries)\b|\binventory\b|\bcomplete list\b|\bno sample|\bnot a sample|\bentire\b|\brows\b|\btickets?\b|\brequirements\b"
);
pattern!(
    MET,
    r"✅|✔|☑|\b(met|achieved|fulfilled|satisfied|exceeds|exceeded|meets|reached|demonstrated|shown|proven|proves|proved|confirmed|passed)\b"
);
pattern!(
    MODEST,
    r"\b(does not show|not shown|undetermined|undecided|too few|too small|indicat|not yet|cannot|lower bound|confidence|preliminary|no claim|not enough|too little|only a first|would need|would take)\b"
);
pattern!(ALL_OF_THEM, r"\b(all|every one) (?:of )?(?:the |these )?(?:(\w+)(?: of them)?|of them)\b");
pattern!(
    DID,
    r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty)\b"
);

fn word_number(word: &str) -> Option<f64> {
    const WORDS: [(&str, f64); 16] = [
        ("two", 2.0),
        ("three", 3.0),
        ("four", 4.0),
        ("five", 5.0),
        ("six", 6.0),
        ("seven", 7.0),
        ("eight", 8.0),
        ("nine", 9.0),
        ("ten", 10.0),
        ("eleven", 11.0),
        ("twelve", 12.0),
        ("fifteen", 15.0),
        ("twenty", 20.0),
        ("thirty", 30.0),
        ("forty", 40.0),
        ("fifty", 50.0),
    ];
    WORDS.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// Finds.
pub fn check(document: &Document, found: &mut Vec<Finding>) {
    let mut told: HashSet<usize> = HashSet::new();
    for table in &document.tables {
        let Some((wanted, measured)) = target_missed::columns(table) else { continue };
        let status = outcome_column(table).filter(|c| *c != wanted && *c != measured);
        for row in &table.rows {
            let fine =
                status.and_then(|status| row.cells.get(status)).is_some_and(|cell| passes(&cell.lower));
            let ([target], true) = (row.cells[wanted].quantities.as_slice(), fine) else { continue };
            let text = row.cells.iter().map(|cell| cell.lower.as_str()).collect::<Vec<_>>().join(" ");
            let count = row
                .cells
                .iter()
                .enumerate()
                .filter(|(c, _)| *c != wanted)
                .flat_map(|(_, cell)| &cell.quantities)
                .find(|q| q.of().is_some());
            if let Some((count, of)) = count.and_then(|q| Some((q, q.of()?))) {
                judge(target, count.value, of, &text, [row.line], &mut told, found);
            }
        }
    }
    for (number, statement) in document.statements.iter().enumerate() {
        if matches!(statement.place, Place::Prose | Place::Item { .. }) {
            in_text(document, number, statement, &mut told, found);
        }
    }
}

fn in_text(
    document: &Document,
    number: usize,
    statement: &Statement,
    told: &mut HashSet<usize>,
    found: &mut Vec<Finding>,
) {
    if !MET.is_in(&statement.lower)
        || FAIL.is_in(&statement.lower)
        || NEGATED.is_in(&statement.lower.replace("no more than", ""))
    {
        return;
    }
    let from = number.saturating_sub(3);
    let near: Vec<&Statement> = document.statements[from..=number]
        .iter()
        .filter(|s| s.block == statement.block && (s.place == Place::Prose || s.line == statement.line))
        .collect();
    let words = near.iter().map(|s| s.lower.as_str()).collect::<Vec<_>>().join(" ");
    if MODEST.is_in(&words) {
        return;
    }
    let targets: Vec<&Quantity> = near
        .iter()
        .flat_map(|s| {
            s.quantities.iter().filter(|q| {
                let after = &s.lower[q.end..];
                q.kind == Kind::Percent
                    && (matches!(q.bound, Some(Bound::Least | Bound::Above))
                        || after.starts_with(" minimum")
                        || after.starts_with(" target"))
            })
        })
        .collect();
    let Some(target) = targets.first().filter(|first| targets.iter().all(|q| q.value == first.value)) else {
        return;
    };
    let fractions: Vec<(f64, f64, usize)> = near
        .iter()
        .flat_map(|s| s.quantities.iter().filter_map(|q| Some((q.value, q.of()?, s.line))))
        .collect();
    if let [(count, of, line)] = fractions.as_slice() {
        judge(target, *count, *of, &words, [statement.line, *line], told, found);
    } else if fractions.is_empty() {
        // "ten leaks ... found all ten of them".
        for s in &near {
            let Some(count) =
                ALL_OF_THEM.captures(&s.lower).and_then(|parts| word_number(parts.get(2)?.as_str()))
            else {
                continue;
            };
            let named = DID.captures(&s.lower).and_then(|parts| word_number(parts.get(1)?.as_str()));
            if named == Some(count) {
                judge(target, count, count, &words, [statement.line, s.line], told, found);
                return;
            }
        }
    }
}

fn judge(
    target: &Quantity,
    count: f64,
    of: f64,
    words: &str,
    lines: impl IntoIterator<Item = usize>,
    told: &mut HashSet<usize>,
    found: &mut Vec<Finding>,
) {
    let objective = target.value / 100.0;
    let least = matches!(target.bound, Some(Bound::Least | Bound::Above) | None);
    let whole = |value: f64| value.fract() == 0.0 && (0.0..1e7).contains(&value);
    if target.kind != Kind::Percent
        || !least
        || !(0.5..1.0).contains(&objective)
        || !whole(count)
        || !whole(of)
        || of < 1.0
        || CENSUS.is_in(words)
    {
        return;
    }
    if count / of < objective || count > of {
        return;
    }
    let finding = {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and below 1e7")]
        let (count, of) = (count as u64, of as u64);
        let bound = statistics::round_down(statistics::lower(count, of, statistics::alpha(0.95)));
        if bound >= objective {
            return;
        }
        let enough =
            statistics::least_if_all_succeed(probity_plan::units::Share(objective), statistics::alpha(0.95));
        let message = format!(
            "{count} of {of} shows at least {} % (one-sided, at 95 % confidence), not {} %; {enough} of {enough} would do",
            show((bound * 1000.0).floor() / 10.0),
            show(target.value)
        );
        Finding::new(message, lines)
    };
    let line = finding.lines.first().copied().unwrap_or(0);
    if told.insert(line) {
        found.push(finding);
    }
}
