//! A sample that cannot show the target it is said to meet.

use std::cell::LazyCell;

use probity_verdict::statistics;

use super::target_missed::{Pair, missed, pairs};
use crate::assertions::{Assertion, Assertions, Said};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::quantity::{Bound, Kind};
use crate::words::{pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "sample-too-small",
    level: Level::Warning,
    title: "The sample is too small to show the target it is said to meet.",
    explanation: "A rate of success, reliability or detection that is marked as meeting its target, counted in the same row or sentence (8 of 8), \
        or out of a number of trials that the report gives once, is held against the exact (Clopper-Pearson) lower bound of that \
        sample at 95 %, one-sided. The finding names the number of trials that would show it, if all succeed. A target of 100 %, scores, fixed \
        checklists, test suites and coverage are no samples.",
    example: "| Criterion | Required | Observed | Result |\n|---|---|---|---|\n| Starts succeed | >= 95 % | 8 of 8 | ✅ met |",
};

pattern!(
    SAMPLE,
    r"\b(success|succeed\w*|reliab\w+|detect\w*|accura\w+|recall|precision|starts?|attempts?|trials?|runs?|install\w*|requests?|deliver\w*|restor\w+|works?)\b"
);
pattern!(
    CENSUS,
    r"\b(coverage|covered|checklist|requirements?|score|points?|compliance|controls?|rows|files|records|stories|tasks|items|features|tests?|suite|documents?|implemented|complete\w*)\b"
);
pattern!(TRIED, r"^(tests?|endpoints?( were tested)?|attempts?|trials?|runs?|total (tests|attempts|runs|trials)|sample size|samples?)$");

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let pairs = pairs(all);
    let trials = LazyCell::new(|| trials(all));
    for pair in pairs.iter().filter(|pair| pair.met && !missed(pair)) {
        let text = all.document.statements.get(pair.claim.at).map_or("", |statement| statement.lower.as_str());
        let least = matches!(pair.bound, Bound::Least | Bound::Above) && pair.target.kind == Kind::Percent;
        if !least || !SAMPLE.is_in(text) || CENSUS.is_in(text) || !(50.0..100.0).contains(&pair.target.value) {
            continue;
        }
        let beside = all.document.statements.get(pair.claim.at).into_iter().flat_map(|s| &s.quantities).find_map(|q| Some((q.value, q.of().filter(|_| q.unit.is_empty() || SAMPLE.is_in(&q.unit))?)));
        let (count, of, lines) = match (beside, *trials) {
            // Marks out of ten or a hundred are no trials.
            (Some((_, 10.0 | 100.0)), _) => continue,
            (Some((count, of)), _) => (count, of, vec![pair.claim.line]),
            (None, Some((of, line))) => {
                let count = (pair.value.value * of / 100.0).round();
                let fits = (100.0 * count / of - pair.value.value).abs() <= pair.value.half_digit();
                // A share without decimals is that of too many numbers.
                if !fits || pair.value.kind != Kind::Percent || pair.value.decimals == 0 {
                    continue;
                }
                (count, of, vec![pair.claim.line, line])
            }
            _ => continue,
        };
        found.extend(judge(pair, count, of).map(|message| Finding::new(message, lines)));
    }
}

/// The number of trials, where the report gives it once.
fn trials(all: &Assertions<'_>) -> Option<(f64, usize)> {
    let mut counts = all.done().filter_map(|one| match &one.said {
        Said::Measured(q) if q.is_count() && TRIED.is_in(one.name.trim()) && !is_per(all, one, q.end) => Some((q.value, one.line)),
        _ => None,
    });
    let first = counts.next()?;
    counts.all(|(other, _)| other == first.0).then_some(first)
}

fn judge(pair: &Pair<'_>, count: f64, of: f64) -> Option<String> {
    let objective = pair.target.value / 100.0;
    let whole = |value: f64| value.fract() == 0.0 && (1.0..1e7).contains(&value);
    if !whole(count) || !whole(of) || count > of || count / of < objective {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and at most 1e7")]
    let (count, of) = (count as u64, of as u64);
    let bound = statistics::round_down(statistics::lower(count, of, statistics::alpha(0.95)));
    let enough = statistics::least_if_all_succeed(probity_plan::units::Share(objective), statistics::alpha(0.95));
    (bound < objective).then(|| {
        format!(
            "{count} of {of} shows at least {} % (one-sided, at 95 % confidence), not {} %; {enough} of {enough} would do",
            show((bound * 1000.0).floor() / 10.0),
            show(pair.target.value)
        )
    })
}

/// "10 attempts per service" are not all of them.
fn is_per(all: &Assertions<'_>, one: &Assertion, from: usize) -> bool {
    let after = all.document.statements.get(one.at).and_then(|s| s.lower.get(from..)).unwrap_or("");
    after.split(|c: char| !c.is_alphabetic()).take(4).any(|word| matches!(word, "per" | "each" | "every"))
}
