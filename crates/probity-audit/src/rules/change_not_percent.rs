//! The percentage of a change beside the values before and after.

use crate::assertions::Assertions;
use crate::document::{Place, Row, Table};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::words::{pattern, rounded, show, tail};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "change-not-percent",
    level: Level::Error,
    title: "The percentage of a change is not that of the values before and after.",
    explanation: "\"2,000 -> 23 (-97.5 %)\" in a sentence or item, and rows with columns before, after and change. The change may be told by the \
        value before, by the one after, as the ratio, or as speed, and as a multiple (10x); only a percentage that is none of these is found, and what rounding of the \
        values explains is accepted.",
    example: "- Dependencies: 2,000 -> 23 (-97.5%)",
};

pattern!(ARROW, r"^[\s*`]*([a-z]{1,12})?[\s*`]*(->|→|⟶|-->|=>)[\s*`]*$");
pattern!(FROM, r"\bfrom \W{0,3}$");
pattern!(TO, r"^[\s*`]*([a-z]{1,12})?[\s*`]* ?(down |up )?to[\s*`]*$");
pattern!(CLOSE, r"^\W{0,4}((a|an|is|that is|=|by|improvement|reduction|decrease|increase)\W{0,3}){0,3}$");
pattern!(BACK, r"^\W{0,4}((reduction|decrease|increase|improvement|faster|smaller|slower|growth|drop|less|more|fewer)\W{0,3}){0,2}$");
pattern!(ELSE, r"\b(target|goal|of (the )?(goal|target|total|plan)|coverage|complete|confidence|avg|average|up to|cumulative)\b");
pattern!(CHANGE, r"\b(improv|reduc|decreas|increas|faster|slower|smaller|larger|grow|drop|gain|less|more|fewer|better|worse|sav|chang|up|down)\w*");
pattern!(BEFORE, r"^(before|previous|baseline|old|original|was|initial)( value)?$");
pattern!(AFTER, r"^(after|current|new|now|optimi[sz]ed|final|improved)( value)?$");
pattern!(CHANGED, r"^(change|improvement|reduction|delta|difference|gain|increase|decrease|diff|savings?|% change|change %|speedup)( \(%\))?$");

pattern!(SOME, r"^x? ?(reduction|decrease|increase|improvement|drop|gain|growth|faster|slower|better|fewer|less|more) (of|in|for|on) ");
pattern!(NO_CHANGE, r"\b(accurate|correct|wrong)\b");
pattern!(PER, r"/ ?(day|week|month|year|quarter|sprint|hour|minute)|\b(per|a) (day|week|month|year|quarter|sprint|hour|minute)\b");
pattern!(WORKING, r"^(days?|weeks?|months?)$");

/// Numbers of a sentence; one with more is data.
const MAX_NUMBERS: usize = 8;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    // What the line before ended with, where its list goes on: "100 s -> 70 s (3.2x)" may tell all that was gained so far.
    let mut last: Option<(usize, f64)> = None;
    for statement in &all.document.statements {
        let few = (3..=MAX_NUMBERS).contains(&statement.quantities.len());
        let hoped = all.section(statement.heading).planned;
        if matches!(statement.place, Place::Row { .. } | Place::Code) || !few || hoped || ELSE.is_in(&statement.lower) {
            continue;
        }
        for three in statement.quantities.windows(3) {
            let between = |at: usize| statement.lower.get(three[at].end..three[at + 1].start).unwrap_or("");
            let arrow = |text: &str| text.contains(['→', '⟶', '>']);
            let before = tail(statement.lower.get(..three[0].start).unwrap_or(""));
            if (arrow(between(0)) && arrow(between(1))) || before.trim_end().ends_with(['→', '⟶', '>']) {
                continue;
            }
            let (before, after, percent) = match () {
                () if (ARROW.is_in(between(0)) || (TO.is_in(between(0)) && FROM.is_in(tail(statement.lower.get(..three[0].start).unwrap_or(""))))) && CLOSE.is_in(between(1)) => (&three[0], &three[1], &three[2]),
                () if ARROW.is_in(between(1)) && BACK.is_in(between(0)) && between(0).contains('(') => (&three[1], &three[2], &three[0]),
                () => continue,
            };
            // "24,987 -> 26,107 (30.7 %)" may be a share of a whole.
            let text = (tail(statement.lower.get(..percent.start).unwrap_or("")), statement.lower.get(percent.end..).unwrap_or(""));
            if !(percent.negative || text.0.ends_with(['+', '-']) || CHANGE.is_in(text.0) || CHANGE.is_in(text.1.get(..40).unwrap_or(text.1))) && percent.kind == Kind::Percent {
                continue;
            }
            // "62 % reduction of critical issues" is of some of them.
            if SOME.is_in(text.1) {
                continue;
            }
            // A chain of three values has no one change.
            let chain = statement.lower.get(three[2].end..).is_some_and(|rest| rest.trim_start().starts_with(['→', '⟶']) || rest.trim_start().starts_with("->"));
            let goes_on = last.replace((statement.block, after.base())) == Some((statement.block, before.base()));
            if !chain && !goes_on && let Some(message) = wrong(before, after, percent) {
                found.push(Finding::new(message, [statement.line]));
            }
        }
    }
    for table in all.document.tables.iter().filter(|table| !all.section(table.heading).planned) {
        rows(table, found);
    }
}

fn rows(table: &Table, found: &mut Vec<Finding>) {
    let column = |wanted: &crate::words::Words| table.column(|head| wanted.is_in(head));
    let (Some(before), Some(after), Some(change)) = (column(&BEFORE), column(&AFTER), column(&CHANGED)) else { return };
    // What changes is then the time that is not up.
    let up = |row: &Row| row.cells.iter().any(|cell| cell.lower.contains("uptime") || NO_CHANGE.is_in(&cell.lower));
    for row in table.rows.iter().filter(|row| !up(row)) {
        let cell = |at: usize| row.cells.get(at).filter(|cell| !PER.is_in(&cell.lower)).and_then(crate::document::Cell::number);
        if let (Some(before), Some(after), Some(percent)) = (cell(before), cell(after), cell(change))
            && let Some(message) = wrong(before, after, percent)
        {
            found.push(Finding::new(message, [row.line]));
        }
    }
}

/// What a quantity may have been before it was rounded, in its base: the least, itself, the most.
fn span(q: &Quantity) -> [f64; 3] {
    let half = q.half_digit() * if q.value == 0.0 { 1.0 } else { q.base() / q.value };
    [q.base() - half, q.base(), q.base() + half]
}

/// What is wrong with the percentage, if no way of telling the change gives it.
fn wrong(before: &Quantity, after: &Quantity, percent: &Quantity) -> Option<String> {
    // A working day has eight hours, and a working week five days.
    if [before, after].iter().any(|q| WORKING.is_in(&q.unit)) && before.unit.trim_end_matches('s') != after.unit.trim_end_matches('s') {
        return None;
    }
    let plain = |q: &Quantity| q.bound.is_none() && !q.rough && !q.negative && q.value > 0.0;
    let same = matches!((before.kind, after.kind), (Kind::Seconds(_), Kind::Seconds(_)))
        || (before.kind == after.kind && matches!(before.kind, Kind::Plain | Kind::Percent) && (before.unit == after.unit || before.unit.is_empty()));
    if same && plain(before) && plain(after) && percent.unit == "x" && percent.kind == Kind::Plain && percent.value > 0.0 && !percent.rough && percent.bound.is_none() {
        // Over the whole range between two roundings, and as what was added.
        let ratios = || span(before).into_iter().flat_map(|a| span(after).map(|b| (a / b).max(b / a))).filter(|ratio| ratio.is_finite());
        let (least, most) = (ratios().fold(f64::INFINITY, f64::min), ratios().fold(0.0, f64::max));
        let ratio = (before.base() / after.base()).max(after.base() / before.base());
        let slack = (percent.half_digit() * 2.0).max(ratio * 0.12);
        let off = [0.0, 1.0].iter().all(|added| !(least - slack..=most + slack).contains(&(percent.value + added)));
        return off.then(|| format!("from {} to {} is {} times, not {}", before.written(), after.written(), show((ratio * 10.0).round() / 10.0), show(percent.value)));
    }
    if !same || !plain(before) || !plain(after) || percent.kind != Kind::Percent || percent.rough || percent.bound.is_some() || percent.value == 0.0 {
        return None;
    }
    let told = percent.value;
    // "40 %" is said of 37.5 % as well.
    let tens = match percent.decimals {
        0 if told % 10.0 == 0.0 && told < 100.0 => 4.0,
        0 if told % 5.0 == 0.0 => 2.0,
        _ => 0.0,
    };
    let slack = (percent.half_digit() * 2.0).max(tens) + 1e-9;
    // Every way of telling it, over the whole range between two roundings.
    let mut ranges = [(f64::INFINITY, f64::NEG_INFINITY); 6];
    for a in span(before).into_iter().filter(|a| *a > 0.0) {
        for b in span(after).into_iter().filter(|b| *b > 0.0) {
            // Points of percentages.
            // So they are of scores up to 1.
            let scores = a <= 1.0 && b <= 1.0 && before.decimals > 0;
            // And of bare numbers up to 100, which may be marks.
            let marks = [before, after].iter().all(|q| q.kind == Kind::Plain && q.unit.is_empty() && q.value <= 100.0);
            let points = match before.kind {
                Kind::Percent => (b - a).abs(),
                _ if scores => 100.0 * (b - a).abs(),
                _ if marks => (b - a).abs(),
                _ => 100.0 * (b - a).abs() / a,
            };
            let shares = [(b - a).abs() / a, (b - a).abs() / b, b / a, a / b, (b - a).abs() / (a + b) * 2.0, points / 100.0];
            for ((least, most), share) in ranges.iter_mut().zip(shares) {
                (*least, *most) = (least.min(100.0 * share), most.max(100.0 * share));
            }
        }
    }
    let real = 100.0 * (after.base() - before.base()).abs() / before.base();
    let slack = slack.max(real * 0.005);
    let fits = ranges.iter().any(|(least, most)| (least - slack..=most + slack).contains(&told));
    (!fits).then(|| {
        format!("from {} to {} is {}, not {}", before.written(), after.written(), rounded(real), percent.written())
    })
}
