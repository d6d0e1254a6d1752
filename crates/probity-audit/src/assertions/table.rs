//! What a row of a table asserts: its name is the subject, the heading of a column says what the cell is.

use super::{Assertion, Assertions, Form, Modality, Outcome, Said, Subject, outcome};
use crate::document::{Cell, MAX_LISTED, Table};
use crate::quantity::{self, Quantity};
use crate::words::pattern;

pattern!(
    WANTED,
    r"^(targets?|goal|objective|required|requirement|thresholds?|limit|expected|minimum|criterion|acceptance|slo|sla|target value|demanded|specification|spec|acceptance criterion|needed|maximum|allowed|budget|gate)$"
);
pattern!(
    ACTUAL,
    r"^(achieved|actual|actuals|measured|observed|results?|values?|reached|found|current|currently|obtained|actual value|measured value|seen|reading|amount|figure|percentage|%)$"
);
pattern!(
    OUTCOME,
    r"^((overall |test |final |current |pass )?(status|result|outcome|verdict|assessment|state|evaluation|judgement|conclusion|decision)|met|achieved|pass(ed)?|ok|met\?|pass/fail|pass\?|complete[d]?|done|compliant|compliance|implemented|tested|validated)$"
);
pattern!(
    WAS,
    r"\b(before|previous(ly)?|baseline|old|original|was|initial|after|change|improvement|delta|diff|difference|new|now|planned|estimated?|expected|projected|legacy|v\d)\b"
);
pattern!(NUMBER, r"^(#|no\.?|nr\.?|id|step|rank|priority|date|time)$");
pattern!(TOTAL, r"^(grand )?(total|sum|totals|all|overall)$");

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The names of the rows.
    Name,
    /// What a value has to be.
    Target,
    /// The value, called no more than that.
    Actual,
    /// What became of it.
    Outcome,
    /// What was before, is planned, or has changed.
    Was,
    /// What its heading says.
    Own,
}

/// What the columns of a table hold.
#[derive(Debug)]
pub(crate) struct Columns {
    /// One for each column.
    pub(crate) roles: Vec<Role>,
    /// Whether a heading demands what stands below it.
    demands: bool,
}

impl Columns {
    /// Reads the headings.
    pub(super) fn of(table: &Table) -> Self {
        let name = table.header.iter().position(|cell| !NUMBER.is_in(cell.lower.trim())).unwrap_or(0);
        let mut roles: Vec<Role> = table
            .header
            .iter()
            .enumerate()
            .map(|(at, cell)| match cell.words() {
                _ if at == name => Role::Name,
                words if WANTED.is_in(words) => Role::Target,
                words if OUTCOME.is_in(words) => Role::Outcome,
                words if ACTUAL.is_in(words) => Role::Actual,
                words if WAS.is_in(words) => Role::Was,
                _ => Role::Own,
            })
            .collect();
        // "Result" and "Achieved" are values where they hold numbers.
        for (at, role) in roles.iter_mut().enumerate() {
            let cells = || {
                table.rows.iter().filter_map(|row| row.cells.get(at)).filter(|cell| !cell.words().is_empty())
            };
            let numbers = cells().filter(|cell| !cell.quantities.is_empty()).count();
            if *role == Role::Outcome && numbers > 0 && numbers * 2 >= cells().count() {
                *role = Role::Actual;
            }
        }
        // Of a value before and after, the one after is held against the target.
        if roles.contains(&Role::Target) && !roles.contains(&Role::Actual) {
            let after = |cell: &Cell| {
                matches!(cell.words(), "after" | "now" | "new" | "final" | "current" | "optimized")
            };
            if let Some(role) = table.header.iter().position(after).and_then(|at| roles.get_mut(at)) {
                *role = Role::Actual;
            }
        }
        Self { roles, demands: table.header.iter().any(|cell| super::section::requires(&cell.lower)) }
    }

    /// The only column of this role.
    pub(crate) fn only(&self, wanted: Role) -> Option<usize> {
        let mut found = self.roles.iter().enumerate().filter(|(_, role)| **role == wanted).map(|(at, _)| at);
        found.next().filter(|_| found.next().is_none())
    }
}

/// What the row asserts.
pub(super) fn read(
    all: &Assertions<'_>,
    at: usize,
    (table, row): (usize, usize),
    found: &mut Vec<Assertion>,
) {
    let Some(columns) = all.columns.get(table) else { return };
    let (number, Some(table)) = (table, all.document.tables.get(table)) else { return };
    let Some(row) = table.rows.get(row).filter(|_| table.rows.len() <= MAX_LISTED) else { return };
    let Some(name) = columns.only(Role::Name).and_then(|name| row.cells.get(name)) else { return };
    let section = all.section(table.heading);
    let modality = match () {
        () if section.was => Modality::Was,
        // What is measured and decided is as it is, under whatever heading.
        () if columns.roles.contains(&Role::Actual) && columns.roles.contains(&Role::Outcome) => {
            Modality::Done
        }
        () if section.planned => Modality::Planned,
        () if section.wished
            && !(columns.roles.contains(&Role::Actual) || columns.roles.contains(&Role::Outcome)) =>
        {
            Modality::Planned
        }
        () => Modality::Done,
    };
    if name.words().is_empty() || name.lower.len() > 120 || TOTAL.is_in(name.words()) {
        return;
    }
    let compared = columns.roles.contains(&Role::Was);
    for (column, (cell, role)) in row.cells.iter().zip(&columns.roles).enumerate() {
        let assertion = |said: Said, name: String, modality: Modality| Assertion {
            subject: Subject::of(&name),
            name,
            said,
            modality,
            form: Form::Cell(number, row_number(all, at), column),
            at,
            line: row.line,
            section: table.heading,
            block: table.block,
        };
        let head = table.header.get(column).map_or("", Cell::words);
        if *role != Role::Name && super::text::is_limit(&cell.lower) {
            found.push(assertion(Said::Limit, name.words().to_owned(), Modality::Done));
        }
        match role {
            Role::Name => {}
            Role::Target => {
                let beside = format!("{head} {}", cell.lower);
                let bound =
                    |q: &Quantity| quantity::direction(q, &beside, &format!("{} {beside}", name.lower));
                if let [q] = cell.quantities.as_slice()
                    && let Some(bound) = bound(q)
                {
                    found.push(assertion(Said::Target(q.clone(), bound), name.words().to_owned(), modality));
                }
            }
            Role::Outcome => {
                if let Some(outcome) = outcome::of(&cell.lower) {
                    let compared = compared && !columns.roles.contains(&Role::Target);
                    let modality =
                        if compared && modality == Modality::Done { Modality::Was } else { modality };
                    found.push(assertion(Said::Outcome(outcome), name.words().to_owned(), modality));
                    if outcome != Outcome::Passed && (section.required || columns.demands) {
                        found.push(assertion(Said::Open, name.words().to_owned(), modality));
                    }
                }
            }
            Role::Was => {}
            Role::Actual | Role::Own => {
                let Some(q) = cell.quantities.first().filter(|q| {
                    (!compared || *role == Role::Actual) && q.start <= 4 && cell.quantities.len() <= 2
                }) else {
                    continue;
                };
                let after = cell.lower.get(q.end..).unwrap_or("").trim();
                // "4 test cases" beside "Error handling".
                let counted = if q.is_count() && after.len() <= 30 { after } else { "" };
                let own = if *role == Role::Own && counted.is_empty() { head } else { "" };
                found.push(assertion(
                    Said::Measured(q.clone()),
                    format!("{} {own} {counted}", name.words()),
                    modality,
                ));
            }
        }
    }
}

fn row_number(all: &Assertions<'_>, at: usize) -> usize {
    match all.document.statements.get(at).map(|statement| statement.place) {
        Some(crate::document::Place::Row { row, .. }) => row,
        _ => 0,
    }
}
