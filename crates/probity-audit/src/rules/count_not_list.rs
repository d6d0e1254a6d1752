//! A number of things against the list of them.

use std::collections::HashSet;

use crate::assertions::{Assertions, MAX_SENTENCE, labelled, without_marks};
use crate::document::{Cell, Place, Statement};
use super::{numbered, ticked};
use crate::quantity::Quantity;
use probity_diagnostic::Level;

use crate::finding::{Finding, Rule};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "count-not-list",
    level: Level::Error,
    title: "As many are announced as are not listed.",
    explanation: "A heading or line that ends with a number of things (\"Extensions (8 new fields)\", \"Tools (12)\") and is followed by one list of single items, \
        or one table, and nothing else, whose number is another; a number of things right before their names (\"7 models: a, b, c\"), or over headings or items that are \
        numbered from one on; and \"Pages (5/8)\" over eight rows or items of which another number is ticked. Lists that \
        say they are examples, or whose items hold several things, are not counted.",
    example: "### Resource extensions (8 new fields)\n\n- `a`\n- `b`\n- `c`",
};

pattern!(
    ANNOUNCED,
    r"(?:[(:] ?(\d+) (?:new |different |separate |additional |unique |individual |mcp |core )?(?:fields|endpoints|services|modules|components|files|tables|columns|methods|functions|commands|tools|hooks|routes|models|parameters|options|rules|agents|classes|packages|workflows|scenarios|queries|indexes|indices|metrics|permissions|roles|events|test cases|checks|categories|bugs|languages|plugins|screens|views|types)\)?[^a-z0-9%]*$| \((\d+)(?: total)?\)[^a-z0-9%]*$)"
);
// "Publishing (6/6) - ✅ COMPLETE" over a table of five.
pattern!(WHOLE, r" \((\d+)/(\d+)\)[^a-z0-9%]*(?:completed?)?[^a-z0-9%]*$");
pattern!(
    NAMED,
    r"\b(\d+) ((?:[a-z][a-z-]* ){0,2}(?:fields|services|modules|components|tables|models|agents|agent types|types|roles|categories|languages|plugins|strategies|modes|phases|stages|themes|providers|layers|levels|methods|browsers|platforms|formats|environments))(?: available| supported| implemented| defined| active| total)?(?:: | \()([^():;]{6,300})"
);
// "Phase 2 services" are those of the second phase.
pattern!(REFERENCE, r"\b(phase|tier|level|step|stage|wave|week|day|priority|group|batch|part) ?$");
pattern!(
    NOT_ALL,
    r"\b(including|include[sd]?|such as|e\.g|examples?|key|main|top|notable|selected|some|most|highlights?|etc|and more|others?|another|remaining|plus|first|over|more|than|least|like|with|each|per|was|were|see)\b|\.\.\.|…|\d+\+|->|→|\d"
);

/// Bytes; a longer name tells more than one thing.
const MAX_NAME: usize = 70;

/// A list that is shorter by more names groups or examples.
pub(super) const MAX_APART: usize = 2;

/// A higher number is a year, a percentage or a measure.
pub(super) const MAX_TOLD: usize = 40;

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    numbered::check(all, found);
    ticked::check(all, found);
    let statements = &all.document.statements;
    let counts = |s: &Statement| s.lower.len() <= MAX_SENTENCE && s.lower.bytes().any(|byte| byte.is_ascii_digit());
    for (at, announced) in statements.iter().enumerate().filter(|(_, s)| counts(s)) {
        let place = matches!(announced.place, Place::Heading(_) | Place::Prose) && announced.lower.len() < 100;
        if let Some(told) = ANNOUNCED.captures(&announced.lower).filter(|_| place).and_then(|parts| number(parts.get(1).or_else(|| parts.get(2)))) {
            if let Some((listed, first, bare)) = listed(all, announced, statements.get(at + 1..).unwrap_or_default(), told)
                && listed != told
                && (listed.abs_diff(told) <= MAX_APART || bare)
                // A line with a number in brackets names a group, of which the list may hold what is left.
                && (listed.abs_diff(told) == 1 || announced.place != Place::Prose || !announced.lower.contains('('))
                && (2..=MAX_TOLD).contains(&told)
            {
                let message = format!("{told} are announced, and {listed} are listed");
                found.push(Finding::new(message, [announced.line, first.line]));
            }
        } else if let Some(told) = whole(announced)
            && matches!(statements.get(at + 1).map(|s| s.place), Some(Place::Row { .. }))
            && let Some((listed, first, _)) = listed(all, announced, statements.get(at + 1..).unwrap_or_default(), told)
            && (1..=MAX_APART).contains(&listed.abs_diff(told))
        {
            let message = format!("{told} of {told} are announced, and {listed} are listed");
            found.push(Finding::new(message, [announced.line, first.line]));
        } else if matches!(announced.place, Place::Prose | Place::Item { .. }) && announced.lower.contains(", ") {
            found.extend(named(announced));
        }
    }
}

fn number(text: Option<regex::Match<'_>>) -> Option<usize> {
    // "Roles (04)" is the fourth.
    text.map(|number| number.as_str()).filter(|number| !number.starts_with('0'))?.parse().ok()
}

/// A heading's "(6/6)": all there are, where these are no marks.
fn whole(announced: &Statement) -> Option<usize> {
    let parts = WHOLE.captures(&announced.lower).filter(|_| matches!(announced.place, Place::Heading(_)))?;
    let (told, of) = (number(parts.get(1))?, number(parts.get(2))?);
    (told == of && (2..=MAX_TOLD).contains(&told) && !ticked::MARKS.contains(&(told as f64))).then_some(told)
}

/// How many single things the list or table holds that follows, if nothing else stands in the section; whether they are bare names.
fn listed<'d>(all: &'d Assertions<'_>, announced: &Statement, rest: &'d [Statement], told: usize) -> Option<(usize, &'d Statement, bool)> {
    // A line that repeats the name may stand between.
    let repeats = rest.first().is_some_and(|line| {
        line.place == Place::Prose && line.lower.ends_with(':') && announced.lower.starts_with(line.lower.trim_end_matches(':'))
    });
    let rest = rest.get(usize::from(repeats)..)?;
    let first = rest.first()?;
    let list: Vec<&Statement> = rest.iter().take_while(|s| s.block == first.block).collect();
    let ends = rest.get(list.len()).is_none_or(|next| matches!(next.place, Place::Heading(_)));
    let lines = list.windows(2).all(|pair| pair[0].line != pair[1].line);
    if !ends || !lines || list.len() < 2 || EXAMPLES.is_in(&announced.lower) {
        return None;
    }
    if let Place::Row { table, .. } = first.place {
        let rows = &all.document.tables.get(table)?.rows;
        // A row with a name and nothing else is a heading within the table.
        let rows: Vec<_> = rows.iter().filter(|row| row.cells.iter().skip(1).any(|cell| !cell.lower.is_empty()) || row.cells.len() == 1).collect();
        let names: HashSet<&str> = rows.iter().filter_map(|row| row.cells.first()).map(Cell::words).collect();
        // Endpoints begin with their method.
        let unique = names.len() == rows.len() || announced.lower.contains("endpoint");
        let plain = unique && names.iter().all(|name| !TOTALS.is_in(name) && single(name));
        return plain.then_some((rows.len(), first, false));
    }
    // Items with counts of their own are groups.
    let items = list.iter().all(|s| matches!(s.place, Place::Item { depth: 1, .. }) && !s.quantities.iter().any(Quantity::is_count) && !EXAMPLES.is_in(&s.lower) && single(&s.lower));
    // Files are listed by their names.
    let files = !announced.lower.contains("file") || list.iter().all(|s| s.lower.contains(['.', '`']));
    let items = items && files && !announced.lower.contains("tests (");
    // What only a number in brackets announces is known by its names being names.
    let names = |s: &&Statement| s.lower.starts_with(['`', '✅', '✔', '☑', '✓']) || s.text.starts_with(char::is_numeric);
    let kind = announced.lower.trim_end().ends_with(')') && BRACKETS.is_in(&announced.lower);
    let items = items && (!kind || list.iter().all(names));
    // Endpoints have a path.
    let paths = !announced.lower.contains("endpoint") && !announced.lower.contains("routes") || list.iter().all(|s| s.lower.contains(['/', '`']));
    // "Failure counters" are several.
    let several = list.len() < told && list.iter().any(|s| !s.lower.contains('`') && labelled(without_marks(&s.lower)).is_none() && without_marks(&s.lower).contains(' ') && PLURAL.is_in(without_marks(&s.lower).trim()));
    let items = items && paths && !several;
    let bare = list.iter().all(|s| !without_marks(&s.lower).trim().contains(' '));
    items.then_some((list.len(), first, bare))
}

// What is none of the others is no entry.
pattern!(REST, r"^`?(unknown|none|other|default|undefined|unspecified|n/a)`?$");
pattern!(PLURAL, r"[a-z]{3}[^sui]s$");
pattern!(TOTALS, r"\b(sub-?totals?|totals?|sum|overall|all)\b");
pattern!(BRACKETS, r" \(\d+( total)?\)[^a-z0-9%]*$");
pattern!(EXAMPLES, r"\b(including|include[sd]?|such as|e\.g|examples?|key|main|top|notable|selected|highlights?|etc|and more|others?|remaining|plus|first|over|more than|at least|crud|management|operations)\b|\.\.\.|…|\d\+");

/// Whether an item names one thing.
fn single(lower: &str) -> bool {
    let text = without_marks(lower);
    let name = labelled(text).map_or(text, |(label, _)| label);
    let described = matches!(name, "status" | "location" | "file" | "files" | "purpose" | "description" | "impact" | "result" | "note" | "type" | "total");
    !described && !REST.is_in(name) && name.len() <= MAX_NAME && !name.contains([',', '&', '/', '+', '(', '*']) && !name.contains(" and ") && !name.contains(char::is_numeric)
}

/// "7 models: a, b, c" in a sentence.
fn named(statement: &Statement) -> Option<Finding> {
    let parts = NAMED.captures(&statement.lower)?;
    let (told, things, names) = (number(parts.get(1))?, parts.get(2)?.as_str(), parts.get(3)?.as_str());
    let whole = parts.get(0)?;
    let after = statement.lower.get(whole.end()..).unwrap_or("");
    let ends = after.is_empty() || after.starts_with(')') || names.trim_end().ends_with('.');
    let before = statement.lower.get(..whole.start()).unwrap_or("");
    let names: Vec<&str> = names.trim_end_matches(['.', ' ']).split(", ").flat_map(|name| name.split(" and ")).map(str::trim).filter(|name| !name.is_empty()).collect();
    let short = names.iter().all(|name| name.len() <= 40 && name.split(' ').count() <= 5 && !name.contains(['&', '+', '/']) && !name.contains(" or "));
    let plain = short && ends && names.len() >= 3 && !NOT_ALL.is_in(parts.get(3)?.as_str()) && !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '~' | '+' | ','));
    // "4 components (tables, uploads, dashboards)" names their kinds.
    let kinds = names.iter().all(|name| name.ends_with('s'));
    let plain = plain && !kinds && !names.iter().any(|name| REST.is_in(name)) && !REFERENCE.is_in(before) && !before.ends_with("of ") && !things.split(' ').any(|word| matches!(word, "across" | "in" | "of" | "from" | "with"));
    let apart = names.len() > told || names.len() + 1 == told;
    (plain && (2..=20).contains(&told) && apart).then(|| {
        Finding::new(format!("{told} {things} are announced, and {} are named: {}", names.len(), names.join(", ")), [statement.line])
    })
}
