//! One quantity with two values.

use std::collections::{HashMap, HashSet};

use probity_diagnostic::Level;

use crate::assertions::{Assertion, Assertions, Form, Modality, Role, is_generic, singular, words};
use crate::document::Place;
use crate::finding::{Finding, Rule};
use crate::quantity::{Kind, Quantity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "two-values",
    level: Level::Warning,
    title: "The same quantity has two values.",
    explanation: "Compares values of the same subject in two sections, one of which sums up (the title, a summary, a conclusion). \
        Sections whose headings name different things are not compared, nor are values before and after, planned ones, targets, \
        or a label that stands more than four times. A subject of common words alone (\"test count\") is compared only between sections \
        about the whole report, and a \"success rate\" not where something is counted beside it.",
    example: "## Summary\n\nDuration of the restore: 38 minutes\n\n## Details\n\nDuration of the restore: 47 minutes",
};

/// A label that stands more often is a form that is filled in again and again.
const MAX_PLACES: usize = 4;

/// Words of a name that says by itself what is counted, whatever the headings over it.
const NAMED_WHOLLY: usize = 3;

/// Where a value is said, and the value.
type Value<'a> = (&'a Assertion, &'a Quantity);

pattern!(MEASURED, r"\b(coverage|rates?|availability|uptime|duration|downtime|latency|accuracy|test cases?|tests?|checks?|incidents?|failures?|errors?)\b");
pattern!(QUALIFIED, r"\b(overall|total|all|average|mean|combined|final|initial|maximum|minimum|peak|current)\b");

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    let counts = all.all.iter().filter(|one| one.measured().is_some_and(Quantity::is_count));
    let counted: HashSet<usize> = counts.map(|one| one.block).collect();
    let mut groups: HashMap<(&str, &str), Vec<Value<'_>>> = HashMap::new();
    for one in &all.all {
        let Some(q) = one.measured().filter(|q| !q.negative) else { continue };
        // "99 platforms" under "integrations" is of something else; of several columns of values one may be the share of a target.
        let other = one.form == Form::Label && is_of_another(all, one, q);
        let shares = matches!(one.form, Form::Cell(table, ..) if all.columns.get(table).is_some_and(|columns| columns.roles.contains(&Role::Was) || columns.only(Role::Actual).is_none() && columns.roles.contains(&Role::Actual)));
        // A bare number beside a label may count anything, and a mark is on a scale of its own.
        let bare = match q.kind {
            Kind::Percent | Kind::Seconds(_) => false,
            Kind::Plain => q.unit.is_empty() || !one.subject.has(singular(&q.unit)),
            Kind::Of(_) => true,
        };
        // Within a sentence a number may be of any part of the subject.
        let part = one.form == Form::Phrase && !begins(all, one, q);
        // "92 % -> 95 %" tells of before and after.
        let after = all.document.statements.get(one.at).and_then(|s| s.lower.get(q.end..)).unwrap_or("").trim_start();
        let changes = after.starts_with("->") || after.starts_with('→');
        // "Success rate" is that of whatever is counted beside it.
        let of_any = one.subject.specific() == 0 && one.subject.has("rate") && counted.contains(&one.block);
        // How far a thing is grows from section to section; what is measured does not.
        let grows = !matches!(q.kind, Kind::Seconds(_)) && !MEASURED.is_in(&one.name) && !MEASURED.is_in(&q.unit);
        if other || shares || part || bare || changes || of_any || grows {
            continue;
        }
        let quoted = one.modality == Modality::Quoted && one.form == Form::Label;
        let named = one.subject.specific() >= if one.form == Form::Phrase { 2 } else { 1 } || one.subject.words().nth(1).is_some();
        if (one.modality == Modality::Done || quoted) && named {
            groups.entry((one.subject.key(), unit(q))).or_default().push((one, q));
        }
    }
    // A label or a row that names wholly what it counts, in one place about the whole.
    let by_itself = |one: &Assertion, other: &Assertion| {
        let labels = one.form == Form::Label && other.form == Form::Label;
        let rows = one.form != Form::Phrase && other.form != Form::Phrase && (all.over(one).whole || all.over(other).whole);
        // Sections beside each other are of different things.
        let beside = one.section != other.section && all.over(one).parent == all.over(other).parent;
        one.subject.specific() >= NAMED_WHOLLY && (labels || rows) && !beside
    };
    for places in groups.values().filter(|places| (2..=MAX_PLACES).contains(&places.len())) {
        let (one, first) = places[0];
        let Some((other, second)) = places.iter().find(|(_, q)| !q.agrees(first)) else { continue };
        // "31 tests" and "510 lines" are of two things.
        let units = [&first.unit, &second.unit].map(|unit| singular(unit));
        let two = places.iter().all(|(_, q)| q.agrees(first) || q.agrees(second)) && (units[0] == units[1] || !units.contains(&"line"));
        let output = |one: &Assertion| one.modality == Modality::Quoted;
            let apart = (one.section != other.section || output(one) != output(other)) && (all.comparable(one, other) || (by_itself(one, other) && first.value != 0.0 && second.value != 0.0));
        // The overall rate is not that of one run.
        let apart = apart && QUALIFIED.is_in(&one.name) == QUALIFIED.is_in(&other.name);
        let sums_up = all.over(one).summary || all.over(other).summary;
        // "About 20" is another value only than none at all.
        let rough = places.iter().any(|(_, q)| q.rough) && first.value != 0.0 && second.value != 0.0;
        if two && apart && sums_up && !rough {
            let message = format!(
                "\"{}\" is {} in line {} and {} in line {}",
                one.name.trim(),
                first.written(),
                one.line,
                second.written(),
                other.line
            );
            let rest = places.iter().map(|(place, _)| place.line);
            found.push(Finding::new(message, [one.line, other.line].into_iter().chain(rest)));
        }
    }
}

/// Whether nothing but signs or a label stands before the number, and its noun after it.
fn begins(all: &Assertions<'_>, one: &Assertion, q: &Quantity) -> bool {
    let Some(statement) = all.document.statements.get(one.at) else { return false };
    // What stands below an item is of that item.
    let below = matches!(statement.place, Place::Item { depth: 2.., .. });
    let before = statement.lower.get(..q.start).unwrap_or("a");
    let labelled = before.strip_suffix(": ").is_some_and(|label| words(label).all(|word| is_generic(word) && !word.starts_with(|c: char| c.is_ascii_digit()) && !matches!(word, "target" | "goal")));
    // "60 % test coverage of the critical paths" is of these.
    let ends = statement.lower.get(q.end..).is_some_and(|after| after.trim().trim_end_matches(|c: char| !c.is_alphanumeric()) == one.name);
    !below && ends && (!before.contains(char::is_alphabetic) || labelled)
}

fn unit(q: &Quantity) -> &str {
    match q.kind {
        Kind::Percent => "%",
        Kind::Of(_) => "of",
        Kind::Seconds(_) => "time",
        Kind::Plain => "",
    }
}

/// Whether the noun after a labelled number is not what the label names: "99 platforms", "76.8 % efficiency".
fn is_of_another(all: &Assertions<'_>, one: &Assertion, q: &Quantity) -> bool {
    let after = all.document.statements.get(one.at).and_then(|s| s.lower.get(q.end..)).unwrap_or("");
    let noun = after.strip_prefix(' ').unwrap_or("").split(|c: char| !c.is_alphabetic()).next().unwrap_or("");
    let last = one.name.trim().rsplit(' ').next().unwrap_or("");
    let measured = matches!(q.kind, Kind::Seconds(_)) || noun.is_empty() || singular(noun) == singular(last);
    !(measured || is_generic(noun) || (q.kind == Kind::Percent && one.subject.has(singular(noun))))
}
