//! Totals against what they are the total of.

use super::{bracketed, overall};
use super::tally::{self, Counted, Tally};
use super::{EXPLAINED, TOTAL as ANY_TOTAL};
use crate::assertions::{Assertion, Assertions, Form, MAX_SENTENCE, Modality, singular};
use crate::document::{Place, Row, Statement, Table};
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::words::{not_the_sum, pattern, show};

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "parts-not-total",
    level: Level::Error,
    title: "A total or an average is not that of its parts.",
    explanation: "Adds up the columns of a table above a row that calls itself total and nothing else, the items of a list that ends with its total, counts in brackets below \
        a count in brackets (\"Modules (19)\" over \"Core (5)\" and \"Tools (15)\"), passed, failed and skipped beside the number of all, findings by severity, equations (2 + 4 + 1 = 8), a whole of 100 % whose parts are given as less, \
        and averages and overall scores that none of their values allows. A total has to be that of these parts: near it, or right in another column. Rates, averages, approximate numbers and what overlaps are not added.",
    example: "| Ward | Beds |\n|---|---|\n| North | 14 |\n| South | 9 |\n| Total | 25 |",
};

pattern!(TOTAL, r"^(grand )?totals?$|^sum$|^total (count|issues|findings|tests|lines|files|points|cost|items)$");
pattern!(BEFORE, r"\b(in total|altogether|total number)\b|^total [a-z]+( [a-z]+)?$");
pattern!(SUBTOTAL, r"\b(sub-?totals?|totals?|of which|thereof|including|incl\.|overall|all|combined|sum)\b");
pattern!(
    NOT_ADDED,
    r"%|\b(rate|percent\w*|avg|average|mean|median|max\w*|min\w*|ratio|p\d\d|latency|change|trend|weight\w*|unique|distinct|coverage|id|year|version|per|speed|throughput|rps|time|duration|score|grade|size|peak|after|start\w*|begin\w*|end|ending|status|cumulative|running|priority|actual|progress|planned?|target|goal|current|complexity|quality|#)\b"
);
pattern!(NOT_AVERAGED, r"\b(weight\w*|share|target|goal|maximum|max|change|gain|improvement|delta|coverage)\b|Δ");
pattern!(AVERAGE, r"^(average|avg\.?|mean|overall average|average score)$");
pattern!(OPEN, r"⏳|🔄|📋|❌|\b(pending|deferred|planned|not started|todo|in progress|future|optional|ready|skip\w*)\b|^0 ?%");
pattern!(ELSEWHERE, r"\b(buffer|by design|exclud\w*|includ\w*|excl|incl|plus|not counted|without)\b");
pattern!(OVERLAP, r"\b(unique|distinct|overlap\w*)\b");
pattern!(SPELT, r"\b0[0-9x]|\b(bytes?|digits?|bits?|chars|characters)\b|байт");
pattern!(BUDGET, r"\b(budgets?|limits?|max(imum)?|targets?|allowed|thresholds?|timeouts?)\b");
pattern!(MERGED, r"\b(tbd|merged|overlap\w*|dedup\w*|duplicates? removed)\b");
pattern!(EFFORT, r"\b(effort|estimated?|hours|days)\b");
pattern!(KINDS, r"^(critical|high|medium|low|minor|major|info(rmational)?|passed|passing|failed|failing|skipped|pending|complete[d]?|done|open|closed|fixed|resolved|remaining|in progress|get|post|put|delete|patch|unit|integration|e2e)( [a-z]+)?$");
pattern!(SEVERITY, r"^(critical|high|medium|low|info|informational|gas|notes?|major|minor)( severity| risk| issues| findings| vulnerabilities)?$");
pattern!(ALL_FOUND, r"^total( number of)?( issues| findings| vulnerabilities| bugs)?( found)?$");
pattern!(PURE, r"^\W*([a-z][a-z-]*( [a-z-]+){0,2})?\W*($|\()");
pattern!(PART, r"^\W*[a-z][a-z -]{1,30}[: ]\W*$");
pattern!(NOT_PART, r"\b(target|goal|was|previous|before|min\w*|threshold|required|baseline|vs|up|from|to|confidence|and)\b");

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    found.extend(tally::all(all).iter().filter_map(outcomes));
    for table in &all.document.tables {
        rows(table, found);
    }
    bracketed::check(all, found);
    overall::check(all, found);
    lists(all, found);
    total_before(all, found);
    let text = |s: &&Statement| !matches!(s.place, Place::Code | Place::Row { .. }) && s.lower.len() <= MAX_SENTENCE;
    for statement in all.document.statements.iter().filter(text) {
        equation(statement, found);
        breakdown(statement, found);
        whole(statement, found);
    }
}

/// Passed, failed and skipped against all.
fn outcomes(tally: &Tally<'_>) -> Option<Finding> {
    let (passed, failed, total) = (tally.value(Counted::Passed)?, tally.value(Counted::Failed)?, tally.value(Counted::Total)?);
    let sum = passed + failed + tally.other;
    // What neither passed nor failed was not run.
    if passed + failed == 0.0 {
        return None;
    }
    // What is not named may be among those missing, and what was only warned of among those that passed.
    let wrong = if sum > total { passed + failed > total } else { sum < total && !tally.unknown };
    // Without a failure, those that are missing may have been skipped; so may a few.
    let (missing, share) = (total - sum, total * SHARE_SKIPPED);
    let few = if tally.counts.contains_key(&Counted::Other) { missing <= FEW_SKIPPED.min(share) } else { failed == 0.0 || missing <= FEW_SKIPPED.max(share) };
    let skipped = few && sum < total;
    (wrong && !skipped && near(sum, total)).then(|| {
        let other = if tally.other > 0.0 { format!(" + {} others", show(tally.other)) } else { String::new() };
        let message = format!("{} passed + {} failed{other} = {}, not {}", show(passed), show(failed), show(sum), show(total));
        Finding::new(message, tally.lines())
    })
}

/// So many tests are skipped without a word.
const FEW_SKIPPED: f64 = 3.0;

/// The same as a share of all.
const SHARE_SKIPPED: f64 = 0.03;

/// The values of a column, each as often as another column counts.
fn times(parts: &[Row], count: usize, column: usize) -> Option<f64> {
    let value = |row: &Row| {
        let value = row.cells.get(column)?.number().map_or(0.0, |q| q.value);
        Some(row.cells.get(count)?.quantities.first()?.value * value)
    };
    parts.iter().map(value).sum()
}

/// Whether the last row counts more than the others together.
pub(super) fn exceeds(last: &Row, parts: &[Row], column: usize) -> bool {
    let count = |row: &Row| row.cells.get(column)?.number().filter(|q| q.is_count()).map(|q| q.value);
    let sum: Option<f64> = parts.iter().map(count).sum();
    count(last).zip(sum).is_some_and(|(all, sum)| all > sum)
}

/// The last row of a table that calls itself total, or average.
fn rows(table: &Table, found: &mut Vec<Finding>) {
    let Some((last, parts)) = table.rows.split_last().filter(|(_, parts)| parts.len() >= 2) else { return };
    let name = last.cells.first().map_or("", |cell| cell.words());
    let (total, average) = (TOTAL.is_in(name), AVERAGE.is_in(name));
    let nested = || parts.iter().any(|row| row.cells.first().is_some_and(|cell| SUBTOTAL.is_in(&cell.lower) || AVERAGE.is_in(cell.words()) || cell.lower.starts_with(['-', '└', '├', '↳'])));
    // "Test files" above "passed" and "failed" are no tests.
    let outcomes = parts.iter().filter(|row| row.cells.first().is_some_and(|cell| tally::is_outcome(cell.words()))).count();
    if !(total || average) || nested() || outcomes >= 2 && outcomes < parts.len() {
        return;
    }
    // Where all counts more than the rows do, the rows are some of what the average is of.
    if average && table.header.iter().enumerate().skip(1).any(|(column, _)| exceeds(last, parts, column)) {
        return;
    }
    // "14 + 2 by design".
    if last.cells.iter().any(|cell| cell.lower.contains(" + ") || ELSEWHERE.is_in(&cell.lower)) {
        return;
    }
    // What is merged may stand in several rows.
    if table.rows.iter().any(|row| row.cells.iter().any(|cell| MERGED.is_in(&cell.lower))) {
        return;
    }
    let mut wrong = Vec::new();
    let mut fits = false;
    for (column, head) in table.header.iter().enumerate().skip(1) {
        let Some(said) = last.cells.get(column).filter(|cell| !cell.lower.contains(['~', '≈', '*'])).and_then(|cell| cell.number()) else { continue };
        let cells = parts.iter().map(|row| row.cells.get(column));
        let values: Option<Vec<Option<&Quantity>>> = cells.map(|cell| cell.and_then(|cell| if cell.words().is_empty() { Some(None) } else { cell.number().map(Some) })).collect();
        // A row that is cut short by a bar in its text has its numbers elsewhere.
        let cut = |row: &Row| row.cells.get(column).is_some_and(|cell| cell.lower.trim().is_empty()) && row.cells.iter().skip(1).any(|cell| !cell.lower.trim().is_empty());
        let Some(values) = values.filter(|_| !parts.iter().any(cut)) else { continue };
        let values: Vec<&Quantity> = values.into_iter().flatten().collect();
        let plain = |q: &Quantity| !q.rough && !q.negative && q.bound.is_none() && same_kind(q, said);
        // Marks on one scale are not added; what is as much as one of its parts is the most of them, or the last.
        let scale = said.of().is_some() && values.iter().all(|q| q.of() == said.of());
        let grows = values.iter().any(|q| q.value >= said.value);
        if average && NOT_AVERAGED.is_in(&head.lower) || !average && (scale || grows) {
            continue;
        }
        // "47.6 KB" among lines are no lines.
        let alike = values.iter().all(|q| values.first().is_some_and(|first| singular(&first.unit) == singular(&q.unit)) || matches!(q.kind, Kind::Seconds(_)));
        if values.len() < 2 || !alike || !plain(said) || !values.iter().all(|q| plain(q)) {
            continue;
        }
        let numbers = values.iter().map(|q| q.value);
        let sum: f64 = numbers.clone().sum();
        if average {
            let (least, most) = (numbers.clone().fold(f64::INFINITY, f64::min), numbers.fold(0.0, f64::max));
            let scale = said.kind == Kind::Percent || said.decimals > 0 || said.of().is_some() && values.iter().all(|q| q.of() == said.of());
            if (scale || name.contains('v')) && said.kind == Kind::Plain && said.decimals == 0 && values.iter().any(|q| q.decimals > 0) {
                continue;
            }
            // What is called average may be the sum all the same.
            if said.value != sum && (said.value < least - said.half_digit() * 2.0 || said.value > most + said.half_digit() * 2.0) {
                wrong.push((format!("the average {} is not between {} and {}", show(said.value), show(least), show(most)), true));
            }
        } else if (!NOT_ADDED.is_in(&head.lower) && matches!(said.kind, Kind::Plain | Kind::Of(_)))
            || (EFFORT.is_in(&head.lower) && matches!(said.kind, Kind::Seconds(_)) && values.iter().all(|q| q.unit == said.unit && q.base() == q.value * said.base() / said.value))
        {
            let slack: f64 = values.iter().map(|q| q.half_digit()).filter(|half| *half < 0.5).sum::<f64>() + 1e-6;
            // "$37M" is said of 37.6.
            let cut = values.iter().any(|q| q.decimals > said.decimals);
            let slack = slack + if cut { 2.0 * said.half_digit() } else { 0.0 };
            let wholes: f64 = values.iter().filter_map(|q| q.of()).sum();
            // "10 Gi" of each of three.
            if (1..column).any(|count| times(parts, count, column) == Some(said.value)) {
                continue;
            }
            let wholly = said.of().is_none_or(|of| (of - wholes).abs() <= 1e-6 || values.iter().all(|q| q.of() == Some(of)));
            if (sum - said.value).abs() <= slack && wholly {
                fits |= sum > 0.0;
                continue;
            }
            // What is not done yet may not count.
            let is_open = |row: &Row| row.cells.iter().any(|cell| OPEN.is_in(&cell.lower));
            let those = |wanted: bool| parts.iter().filter(|row| is_open(row) == wanted).filter_map(|row| row.cells.get(column)?.number()).map(|q| q.value).sum::<f64>();
            if those(false) == said.value || those(true) == said.value {
                continue;
            }
            // What stands last may be counted apart, where it says so.
            let apart = parts.last().is_some_and(|row| row.cells.iter().any(|cell| EXPLAINED.is_in(&cell.lower)));
            if apart && values.last().is_some_and(|last| sum - last.value == said.value) {
                return;
            }
            let parts: Vec<f64> = values.iter().map(|q| q.value).collect();
            wrong.push((format!("\"{}\": {}", head.text, not_the_sum(&parts, &said.written())), near(sum, said.value)));
        }
    }
    // A total is that of these rows where another of its columns is, or where it is near.
    let wrong: Vec<String> = wrong.into_iter().filter(|(_, near)| fits || *near).map(|(message, _)| message).collect();
    if !wrong.is_empty() {
        let lines = [last.line].into_iter().chain(parts.iter().map(|row| row.line).take(12));
        found.push(Finding::new(wrong.join("; "), lines));
    }
}

/// "15 issues (3 critical, 5 high, 8 medium)".
fn breakdown(statement: &Statement, found: &mut Vec<Finding>) {
    for (at, whole) in statement.quantities.iter().enumerate().filter(|(_, q)| q.is_count() && !q.rough && q.bound.is_none()) {
        let rest = statement.lower.get(whole.end..).unwrap_or("");
        let Some((noun, inside)) = rest.split_once('(').and_then(|(noun, rest)| Some((noun, rest.split_once(')')?.0))) else { continue };
        if noun.len() > 40 || noun.contains(|c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '(' | ';' | ':' | '/' | '*' | '=' | '+')) || before_list(statement, whole) {
            continue;
        }
        // "10 digits (01 + 8 digits)", "5 bytes (0xFE + 4 bytes)" spell a number.
        if SPELT.is_in(inside) || SPELT.is_in(noun) {
            continue;
        }
        let plus = inside.contains(" + ");
        let pieces: Vec<&str> = inside.split(if plus { " + " } else { ", " }).map(|piece| piece.trim().trim_start_matches("and ")).collect();
        let parts = statement.quantities.get(at + 1..).unwrap_or_default().iter().take(pieces.len());
        let parts: Vec<&Quantity> = parts.filter(|q| q.end <= whole.end + noun.len() + 1 + inside.len()).collect();
        let plain = pieces.len() >= 2 && parts.len() == pieces.len() && parts.iter().all(|q| q.is_count() && !q.rough && q.bound.is_none());
        let kinds = pieces.iter().all(|piece| {
            let name = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',').trim();
            piece.starts_with(|c: char| c.is_ascii_digit()) && (KINDS.is_in(name) || (plus && name.len() >= 3 && !name.contains(|c: char| c.is_ascii_digit() || c == '=')))
        });
        let parts: Vec<f64> = parts.iter().map(|q| q.value).collect();
        let sum: f64 = parts.iter().sum();
        if plain && kinds && sum != whole.value && near(sum, whole.value) {
            found.push(Finding::new(not_the_sum(&parts, &show(whole.value)), [statement.line]));
        }
    }
}

/// Whether a number is one of several before the brackets: "3 of 5", "2 x 4".
fn before_list(statement: &Statement, whole: &Quantity) -> bool {
    let before = statement.lower.get(..whole.start).unwrap_or("").trim_end();
    before.ends_with(['/', '+', '-', 'x', '×', '*', '=', ',']) || before.ends_with("->") || before.ends_with('→')
}

fn same_kind(one: &Quantity, other: &Quantity) -> bool {
    let kind = std::mem::discriminant(&one.kind) == std::mem::discriminant(&other.kind);
    kind && (one.unit == other.unit || one.kind != Kind::Plain || one.unit.is_empty() || other.unit.is_empty())
}

/// Fewer items are any things beside a total that does not say what it is of.
const MIN_LISTED: usize = 3;

/// A list of counts that ends with its total, or with findings by severity beside the number of all.
fn lists(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let labels: Vec<&Assertion> = all.done().filter(|one| one.form == Form::Label && one.modality == Modality::Done && one.measured().is_some()).collect();
    for list in labels.chunk_by(|one, other| one.block == other.block && one.section == other.section) {
        // Durations may be limits, or run at once.
        let plain = |one: &&Assertion| one.measured().is_some_and(|q| q.is_count() && !q.rough && !q.negative && q.bound.is_none());
        // Nothing but the number, its unit and what stands in brackets, on a line of its own.
        let whole = |one: &Assertion| {
            let statement = all.document.statements.get(one.at);
            let rest = statement.zip(one.measured()).and_then(|(s, q)| s.lower.get(q.end..));
            rest.is_some_and(|rest| PURE.is_in(rest))
        };
        if list.windows(2).any(|pair| pair[0].line == pair[1].line) {
            continue;
        }
        let severities: Vec<&&Assertion> = list.iter().filter(|one| SEVERITY.is_in(one.name.trim())).collect();
        let total = list.iter().find(|one| ALL_FOUND.is_in(one.name.trim()));
        let (total, parts) = match (total, list.split_last()) {
            (Some(total), _) if severities.len() >= 3 && list.len() == severities.len() + 1 => (total, severities),
            (_, Some((last, parts))) if parts.len() >= 2 && (TOTAL.is_in(last.name.trim()) || last.name.starts_with("total ")) => {
                let items = all.document.statements.iter().skip(parts[0].at).take(last.at - parts[0].at);
                // Every item before the total has to be a part of it.
                let every = items.filter(|s| s.block == last.block).count() == parts.len();
                let same_unit = |one: &Assertion, other: &Assertion| one.measured().map(|q| &q.unit) == other.measured().map(|q| &q.unit);
                let same = parts.iter().all(|part| same_unit(part, parts[0]) && !ANY_TOTAL.is_in(part.name.trim()) && !SUBTOTAL.is_in(&part.name));
                let fits = last.measured().is_some_and(|q| q.unit.is_empty()) || same_unit(last, parts[0]);
                if !every || !same || !fits {
                    continue;
                }
                (last, parts.iter().collect())
            }
            _ => continue,
        };
        // The budget of all is more than what is known to be in it.
        let before = all.document.statements.get(..parts[0].at).unwrap_or_default().iter().next_back();
        if BUDGET.is_in(&total.name) || BUDGET.is_in(all.document.heading(total.section)) || before.is_some_and(|s| BUDGET.is_in(&s.lower)) {
            continue;
        }
        // "Total visas" is of what is called visas, where some of it is; "test files" are no tests.
        let has = |word: &str| word != "total" && total.subject.has(word);
        let of_it = |part: &Assertion| has(singular(part.name.trim().rsplit(' ').next().unwrap_or("")));
        let shares_word = |part: &Assertion| part.subject.words().any(has);
        let bare = TOTAL.is_in(total.name.trim()) || ALL_FOUND.is_in(total.name.trim());
        if !parts.iter().all(|part| of_it(part)) && (!bare || parts.len() < MIN_LISTED || parts.iter().any(|part| shares_word(part))) {
            continue;
        }
        // "32 + 8*n bytes" is a formula.
        let single = all.document.statements.get(total.at).is_some_and(|s| s.quantities.len() == 1);
        let more = all.document.statements.get(total.at).is_some_and(|s| ELSEWHERE.is_in(&s.lower));
        if more || overlap(all, total, &parts) || !plain(total) || !single || !parts.iter().all(|part| plain(part) && whole(part)) {
            continue;
        }
        let value = |one: &Assertion| one.measured().map_or(0.0, |q| q.value);
        let values: Vec<f64> = parts.iter().map(|part| value(part)).collect();
        let sum: f64 = values.iter().sum();
        // What is as much as one of its parts is that part, or the most of them.
        let held = values.iter().any(|part| *part >= value(total));
        if !held && sum != value(total) && near(sum, value(total)) {
            let message = not_the_sum(&values, &show(value(total)));
            found.push(Finding::new(message, [total.line].into_iter().chain(parts.iter().map(|part| part.line))));
        }
    }
}

/// Percentages that are more together are shares of what overlaps; rounding makes no more of them.
const MAX_SHARES: f64 = 101.0;

/// Whether a total or its parts say that the parts overlap: in words, or by shares that are together more than a whole.
fn overlap(all: &Assertions<'_>, total: &Assertion, parts: &[&&Assertion]) -> bool {
    let at = parts.iter().map(|part| part.at).chain([total.at]);
    let lines: Vec<&Statement> = at.filter_map(|at| all.document.statements.get(at)).collect();
    let shares = lines.iter().flat_map(|s| &s.quantities).filter(|q| q.kind == Kind::Percent);
    shares.map(|q| q.value).sum::<f64>() > MAX_SHARES || lines.iter().any(|s| OVERLAP.is_in(&s.lower))
}

/// More than that share of a total may stand elsewhere than in the list behind it.
const UNLISTED: f64 = 0.1;

/// "Incidents in total: 61" right before a list of counts and nothing else.
fn total_before(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let labels: Vec<&Assertion> = all.done().filter(|one| one.form == Form::Label && one.measured().is_some_and(|q| q.is_count() && !q.rough)).collect();
    for (at, total) in labels.iter().enumerate().filter(|(_, one)| BEFORE.is_in(&one.name)) {
        let Some(next) = labels.get(at + 1).filter(|next| next.at == total.at + 1 && next.block != total.block) else { continue };
        let parts: Vec<&&Assertion> = labels[at + 1..].iter().take_while(|part| part.block == next.block).collect();
        let items = all.document.statements.iter().skip(next.at).take_while(|s| s.block == next.block);
        let plain = items.clone().all(|s| matches!(s.place, Place::Item { depth: 1, .. }) && s.quantities.len() == 1) && items.count() == parts.len();
        let value = |one: &Assertion| one.measured().map_or(0.0, |q| q.value);
        let values: Vec<f64> = parts.iter().map(|part| value(part)).collect();
        // "Audited: 74, safe: 74" of 74 are no parts of it.
        let single = parts.iter().all(|part| !SUBTOTAL.is_in(&part.name) && value(part) != value(total));
        // What stands last may be some of them.
        let apart = values.last().is_some_and(|last| values.iter().sum::<f64>() - last == value(total));
        // There may be more than is listed, if much is missing.
        let sum: f64 = values.iter().sum();
        let listed = sum >= value(total) * (1.0 - UNLISTED);
        if plain && single && !apart && !overlap(all, total, &parts) && listed && parts.len() >= 3 && sum != value(total) && near(sum, value(total)) {
            let message = not_the_sum(&values, &show(value(total)));
            found.push(Finding::new(message, [total.line].into_iter().chain(parts.iter().map(|part| part.line))));
        }
    }
}

/// Sums further apart, as a share of the greater, are of two things.
const MAX_APART: f64 = 0.28;

/// Whether a total can be meant for a sum: far apart, they are of two things.
pub(super) fn near(one: f64, other: f64) -> bool {
    (one - other).abs() <= MAX_APART * one.max(other)
}

/// "2 + 4 + 6 = 13".
fn equation(statement: &Statement, found: &mut Vec<Finding>) {
    let all = &statement.quantities;
    let between = |at: usize| all.get(at).zip(all.get(at + 1)).and_then(|(one, next)| statement.lower.get(one.end..next.start)).unwrap_or("").trim();
    let mut at = 0;
    while at + 2 < all.len() {
        let terms = (at..all.len()).take_while(|at| between(*at) == "+").count() + 1;
        let result = at + terms;
        let before = statement.lower.get(..all[at].start).unwrap_or("").trim_end();
        let own = before.ends_with(['+', '-', '*', '/', '=', 'x', '^', '%', ')', '×']);
        if terms >= 3 && result < all.len() && between(result - 1) == "=" && !own {
            let parts = &all[at..result];
            let kinds = parts.iter().chain([&all[result]]).all(|q| same_kind(q, &all[at]) && q.kind == Kind::Plain && !q.negative && !q.rough);
            let after = statement.lower.get(all[result].end..).unwrap_or("").trim_start();
            let sum: f64 = parts.iter().map(|q| q.value).sum();
            let slack: f64 = parts.iter().map(Quantity::half_digit).filter(|half| *half < 0.5).sum::<f64>() + 1e-6;
            if kinds && (sum - all[result].value).abs() > slack && !after.starts_with(['+', '-', '*', '/', 'x', '×', '^']) {
                let parts: Vec<f64> = parts.iter().map(|q| q.value).collect();
                found.push(Finding::new(not_the_sum(&parts, &show(all[result].value)), [statement.line]));
            }
        }
        at = result;
    }
}

/// "100 % (functional: 100 %, non-functional: 95 %)".
fn whole(statement: &Statement, found: &mut Vec<Finding>) {
    let [whole, parts @ ..] = statement.quantities.as_slice() else { return };
    let opens = statement.lower.get(whole.end..).is_some_and(|rest| rest.trim_start_matches(['*', ' ']).starts_with('('));
    let percent = |q: &Quantity| q.kind == Kind::Percent && q.bound.is_none() && !q.rough;
    if !opens || parts.len() < 2 || whole.value != 100.0 || !percent(whole) || !parts.iter().all(percent) {
        return;
    }
    let mut from = whole.end;
    for part in parts {
        let label = statement.lower.get(from..part.start).unwrap_or("");
        if !PART.is_in(label.trim_start_matches([' ', '(', ',', '*', ';'])) || NOT_PART.is_in(label) || label.contains(')') {
            return;
        }
        from = part.end;
    }
    if let Some(part) = parts.iter().find(|part| part.value < 100.0) {
        let message = format!("the whole is given as 100 %, and one of its parts as {}", part.written());
        found.push(Finding::new(message, [statement.line]));
    }
}
