//! A percentage beside the counts it is of.

use super::tally::{self, Counted, Tally};
use crate::assertions::{Assertions, MAX_SENTENCE};
use crate::document::{Place, Row, Statement, Table};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity, seconds};
use crate::words::{pattern, show, tail, rounded};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "percent-not-fraction",
    level: Level::Error,
    title: "A percentage is not that of the counts beside it.",
    explanation: "A percentage right beside its fraction (\"171 of 180 (92 %)\"), or the pass rate beside the numbers of tests, of passed and of failed \
        ones in one row, list or sentence, where it is near enough to be meant for them or called the pass rate. Rounding, cutting off and the share of the rest are accepted.",
    example: "The pages answered 171 of 180 times (92 %).",
};

// What may stand between a fraction and its percentage.
pattern!(
    LINK,
    r"^[\s(),:=|*]*((i\.e\.|or|that is|which is|=|->|→|giving|equals?|a|an|the|to|is|was|of|and|succeeded|passed|completed|success|pass|rate|share|ratio)[\s(),:=|]*)*(about |roughly |approx\.? |~ ?|approximately )?$"
);
pattern!(ELSE, r"^\W{0,2}(improvement|faster|slower|increase|decrease|reduction|growth|confidence|coverage|of [a-z]+|average|avg|mean|weighted|more|less|better|threshold|target|min|max|up|down|change|discount|off)\b|^\+");
pattern!(SAME, r"^[\s)*]*($|[^a-z0-9\s→⟶>-]|-(?:[^>]|$)|(pass|success|complet|done|work|met\b|ok\b|rate|compl|correct|succe|of (all|the|them)|and|were|was|are|is|answered|found|failed)[a-z]*)");
// "100 % (16/20 passed, 4 not run)", "100 % of runnable tests".
pattern!(NOT_RUN, r"\b(not (run|executed|tested)|skipped|of (runnable|executed|active|all run|applicable)|excluding|remaining|plus|partial\w*)\b");
// Lines are covered wholly or in part: by lines, by statements or by branches.
pattern!(LINES, r"\b(lines?|loc|statements?|stmts?|branches|coverage|covered)\b|تغطية|سطر|行|覆盖|покрыт|строк|couverture|cobertura|abdeckung|kapsam");
pattern!(COMPLETION, r"\b(completion|progress)\W*$");
pattern!(EQUATED, r"\b(which is|that is|equals?)\b|=");
pattern!(VERSUS, r"\b(vs|versus|score|points)\b|->|→");
pattern!(RATE, r"\b(pass|success) rate\W*$");
pattern!(OTHER, r"\b(confidence|accuracy|scores?|rating|grade|readiness|average|avg|mean|probability|weeks?|days?)\b|->|→|⟶|\b(improv\w+|increase\w*|decrease\w*|grew|growth|versus|vs)\b");

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    for statement in all.document.statements.iter().filter(|s| s.place != Place::Code && s.quantities.len() >= 2 && s.lower.len() <= MAX_SENTENCE) {
        match all.document.cells(statement) {
            Some((table, row)) => {
                // A coverage is of lines, whatever is counted beside it.
                let coverage = row.cells.first().is_some_and(|name| name.lower.contains("coverage"));
                let cells = row.cells.iter().enumerate().filter(|(at, _)| !coverage && table.header.get(*at).is_none_or(|head| !LINES.is_in(&head.lower)));
                cells.for_each(|(_, cell)| pairs(&cell.lower, &cell.quantities, statement, found));
                columns(table, row, found);
            }
            None => pairs(&statement.lower, &statement.quantities, statement, found),
        }
    }
    found.extend(tally::all(all).iter().filter_map(rate));
}

pattern!(COUNTED, r"^(tests? )?(passed|tests?|results?|counts?|tools|cases|checks|successful|succeeded|completed?|done|success|progress|met|covered|score|implemented)$");
pattern!(SHARE, r"^(pass |success |completion )?(rate|%|percent|percentage|share)$|^(pass|success|completion) (rate|%)$");

/// The one fraction of a row beside its one rate.
fn columns(table: &Table, row: &Row, found: &mut Vec<Finding>) {
    let counted = table.header.iter().zip(&row.cells).filter(|(head, _)| COUNTED.is_in(head.words()));
    let mut fractions = counted.filter_map(|(_, cell)| cell.number()).filter(|q| q.of().is_some());
    let rates = table.header.iter().zip(&row.cells).filter(|(head, _)| SHARE.is_in(head.words()));
    let mut rates = rates.filter_map(|(_, cell)| cell.number()).filter(|q| q.kind == Kind::Percent && q.bound.is_none());
    let (Some(fraction), None, Some(rate), None) = (fractions.next(), fractions.next(), rates.next(), rates.next()) else { return };
    let (part, whole) = (fraction.value, fraction.of().unwrap_or(0.0));
    if whole > 0.0 && part <= whole && !fraction.rough && near(100.0 * part / whole, rate, MAX_RATES_APART) && differs(100.0 * part / whole, rate) {
        let message = format!("{} / {} is {}, not {}", show(part), show(whole), rounded(100.0 * part / whole), rate.written());
        found.push(Finding::new(message, [row.line]));
    }
}

/// Fractions right beside a percentage.
fn pairs(lower: &str, quantities: &[Quantity], statement: &Statement, found: &mut Vec<Finding>) {
    for (at, pair) in quantities.windows(2).enumerate() {
        let (fraction, percent) = match (pair[0].kind, pair[1].kind) {
            (Kind::Of(_), Kind::Percent) => (&pair[0], &pair[1]),
            (Kind::Percent, Kind::Of(_)) => (&pair[1], &pair[0]),
            _ => continue,
        };
        let between = lower.get(pair[0].end..pair[1].start).unwrap_or("");
        // The noun of the fraction may stand between.
        let between = between.trim_start().strip_prefix(fraction.unit.as_str()).unwrap_or(between);
        let after = lower.get(percent.end..).unwrap_or("");
        // What stands in quotation marks is an example of what a program shows.
        let before = lower.get(..pair[0].start).unwrap_or("");
        let lines = LINES.is_in(before) || LINES.is_in(after.split(')').next().unwrap_or("")) || LINES.is_in(&fraction.unit);
        if before.matches('"').count() % 2 == 1 || lines {
            continue;
        }
        // "~25 %" is near enough to what it is meant for.
        let plain = percent.bound.is_none() && !percent.rough && fraction.bound.is_none() && !fraction.rough;
        // What is complete to 88 % may be so with parts of what is left: "Completion: 88 % (9 of 10 products)".
        let partly = percent.start < fraction.start && COMPLETION.is_in(before);
        // "75/100 (95 % production ready)" tells of two things.
        // So does "Banks at 100 %: 5 of 16".
        let named = percent.start < fraction.start && between.trim_start_matches('*').starts_with(':');
        if named || partly || NOT_RUN.is_in(after) || VERSUS.is_in(after.split(')').next().unwrap_or("")) || (percent.start > fraction.start && !SAME.is_in(after)) {
            continue;
        }
        // A percentage between two fractions may be that of either.
        let other = quantities.get(at + 2).is_some_and(|q| q.of().is_some()) && percent.start > fraction.start
            && lower.get(percent.end..quantities[at + 2].start).is_some_and(|text| LINK.is_in(text));
        // "95 % (8/8 of the first, 3/4 of the second)", "99.9 % (19 of 20 at 100 %)": it is that of neither.
        let bracketed = after.split(')').next().map_or(percent.end, |text| percent.end + text.len());
        let several = percent.start < fraction.start && quantities.get(at + 2).is_some_and(|q| q.start < bracketed);
        let other = other || several;
        // "4/8 complete (50 %), 3/8 in progress": it is that of the fraction before it.
        let earlier = at.checked_sub(1).and_then(|before| quantities.get(before)).is_some_and(|q| q.of().is_some());
        let other = other || earlier && percent.start < fraction.start && between.starts_with(')');
        if !LINK.is_in(between) || !plain || ELSE.is_in(after) || other || OTHER.is_in(tail(before)) {
            continue;
        }
        let (part, whole) = (fraction.value, fraction.of().unwrap_or(0.0));
        // "Law No. 27/2022 (100 %)".
        let year = (1900.0..=2100.0).contains(&whole) && (part <= 31.0 || part >= 1900.0);
        // What is done by a time is no share of the time.
        let time = seconds(&fraction.unit).is_some() || fraction.unit.starts_with(['周', '天']);
        // All of them, and a mark below it.
        let mark = part == whole && percent.value < 100.0;
        if whole <= 0.0 || part > whole || year || time || mark {
            continue;
        }
        let real = 100.0 * part / whole;
        let meant = whole >= MIN_COUNTED && near(real, percent, if RATE.is_in(before) || EQUATED.is_in(between) { MAX_RATES_APART } else { MAX_APART });
        if meant && differs(real, percent) && differs(100.0 - real, percent) {
            let message = format!("{} / {} is {}, not {}", show(part), show(whole), rounded(real), percent.written());
            found.push(Finding::new(message, [statement.line]));
        }
    }
}

/// Points of a percentage; further apart, it is of something else.
const MAX_APART: f64 = 5.0;

/// The same of what is called the rate of what passed, or said to be the share.
const MAX_RATES_APART: f64 = 15.0;

/// Things; a share of fewer may count them by their weight.
const MIN_COUNTED: f64 = 5.0;

/// Whether a percentage can be meant for a share; whole tens are often said of what is near them.
fn near(real: f64, percent: &Quantity, most: f64) -> bool {
    let apart = (real - percent.value).abs();
    apart < most && !(percent.decimals == 0 && percent.value % 10.0 == 0.0 && percent.value < 100.0 && apart < 5.0)
}

fn differs(real: f64, percent: &Quantity) -> bool {
    // Hardly anything is often said to be nothing.
    if percent.value == 0.0 && real < 1.0 {
        return false;
    }
    let slack = percent.half_digit() * if percent.rough { 6.0 } else { 2.0 } + 1e-9;
    (real - percent.value).abs() >= slack
}

/// A rate beside counts; every way to count that makes it right is accepted.
fn rate(tally: &Tally<'_>) -> Option<Finding> {
    let (percent, line) = *tally.counts.get(&Counted::Rate)?;
    let (passed, failed) = (tally.value(Counted::Passed), tally.value(Counted::Failed));
    let total = tally.value(Counted::Total).or_else(|| Some(passed? + failed?))?;
    let mut ways = Vec::new();
    if let Some(passed) = passed {
        ways.push((passed, total));
        ways.push((passed, total - tally.other));
        ways.push((passed + tally.other, total));
        ways.extend(failed.map(|failed| (passed, passed + failed)));
        ways.push((passed, passed + failed.unwrap_or(0.0) + tally.other));
    }
    if let Some(failed) = failed {
        ways.push((total - failed, total));
        ways.push((total - failed - tally.other, total));
        ways.push((total - failed, total - tally.other));
    }
    ways.retain(|(part, whole)| *whole > 0.0 && *part >= 0.0 && part <= whole);
    if ways.iter().any(|(part, whole)| !differs(100.0 * part / whole, percent)) {
        return None;
    }
    let (part, whole) = ways.into_iter().find(|(part, whole)| near(100.0 * part / whole, percent, MAX_RATES_APART))?;
    let message = format!("{} of {} is {}, not {}", show(part), show(whole), rounded(100.0 * part / whole), percent.written());
    Some(Finding::new(message, [line].into_iter().chain(tally.lines())))
}
