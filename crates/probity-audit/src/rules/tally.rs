//! Counts that belong together: how many there were, passed, failed, were skipped, and the rate beside them.

use std::collections::HashMap;

use crate::assertions::{Assertion, Assertions, Form, Modality};
use crate::document::MAX_LISTED;
use crate::quantity::{Kind, Quantity};
use crate::words::pattern;

/// What a count counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// All of them.
    Total,
    /// Those that passed.
    Passed,
    /// Those that failed.
    Failed,
    /// Those with any other outcome.
    Other,
    /// The share of those that passed.
    Rate,
}

/// Counts of one row, one list or one sentence.
#[derive(Debug, Default)]
pub(super) struct Tally<'a> {
    /// Each with its line.
    pub(super) counts: HashMap<Counted, (&'a Quantity, usize)>,
    /// Other outcomes, added up.
    pub(super) other: f64,
    /// A number beside them that may be one of their parts.
    pub(super) unknown: bool,
    /// The heading over them.
    section: Option<usize>,
}

pattern!(
    TOTAL,
    r"^(total|sum|(total )?(number of )?(tests?|test cases|cases|checks|scenarios|requests|runs|attempts|assertions|specs|transactions|tasks)( run| executed| total| in total)?|total (tests?|test cases|cases|checks|scenarios|requests|runs|attempts))$"
);
pattern!(
    PASSED,
    r"^((tests?|requests|checks|cases|scenarios) )?(pass(ed|ing|es)?|succeeded|successful|successes)( tests?| test cases| cases| checks| requests| scenarios)?$"
);
pattern!(
    FAILED,
    r"^((tests?|requests|checks|cases|scenarios) )?(fail(ed|ing|ures?|s)?)( tests?| test cases| cases| checks| requests| scenarios)?$"
);
pattern!(
    OTHER,
    r"^((tests?|checks|cases) )?(skip(ped|s)?|pending|ignored|blocked|not run|not tested|todo|warnings?|warn|partial(ly)?|xfail|xfailed|errors?|errored|deselected|unknown|in progress|manual|n/?a|inconclusive|aborted|cancell?ed|timed? ?outs?|remaining|deferred|untested)( tests?| cases)?$"
);
pattern!(
    RATE,
    r"^(test |overall |tests )?(pass(ing)?|success)( rate| percentage| ?%)( \(?%\)?)?$|^test pass rate$"
);

pattern!(OUTCOME, r"\b(pass\w*|fail\w*|skip\w*|success\w*|pending)\b");

fn counted(name: &str) -> Option<Counted> {
    let name = name.trim();
    [
        (&TOTAL, Counted::Total),
        (&PASSED, Counted::Passed),
        (&FAILED, Counted::Failed),
        (&OTHER, Counted::Other),
        (&RATE, Counted::Rate),
    ]
    .into_iter()
    .find(|(pattern, _)| pattern.is_in(name))
    .map(|(_, counted)| counted)
}

/// Whether a name is that of an outcome: "passed", "skipped tests".
pub(super) fn is_outcome(name: &str) -> bool {
    matches!(counted(name), Some(Counted::Passed | Counted::Failed | Counted::Other))
}

impl<'a> Tally<'a> {
    /// Notes one; `None` if there is another of the kind.
    fn note(&mut self, counted: Counted, q: &'a Quantity, line: usize) -> Option<()> {
        let fits = if counted == Counted::Rate { matches!(q.kind, Kind::Percent) } else { q.is_count() };
        if !fits || q.rough || q.negative || q.bound.is_some() {
            return None;
        }
        if counted == Counted::Other {
            self.other += q.value;
        } else if self
            .counts
            .get(&counted)
            .is_some_and(|(before, _)| !std::ptr::eq(*before, q) && before.value != q.value)
        {
            return None;
        }
        self.counts.insert(counted, (q, line));
        Some(())
    }
    /// The count.
    pub(super) fn value(&self, counted: Counted) -> Option<f64> {
        self.counts.get(&counted).map(|(q, _)| q.value)
    }
    /// Its lines, in order.
    pub(super) fn lines(&self) -> Vec<usize> {
        let mut lines: Vec<usize> = self.counts.values().map(|(_, line)| *line).collect();
        lines.sort_unstable();
        lines
    }
}

/// Every tally of a report.
pub(super) fn all<'a>(all: &'a Assertions<'_>) -> Vec<Tally<'a>> {
    let mut out: Vec<Tally<'a>> = rows(all);
    // "More than 1000 tests with a pass rate of 82 %" compares, and "53 failing tests into a pass rate of 100 %" tells of before and after.
    let compares = |one: &Assertion| {
        one.form == Form::Phrase
            && all
                .document
                .statements
                .get(one.at)
                .is_some_and(|s| s.lower.contains(" than ") || s.lower.contains(" into "))
    };
    let text = |one: &&Assertion| {
        !compares(one)
            && !matches!(one.form, Form::Cell(..))
            // "Skipped: 8 (expected)" were skipped.
            && (matches!(one.modality, Modality::Done | Modality::Quoted)
                || one.form == Form::Label && counted(&one.name) == Some(Counted::Other))
    };
    // Labels of one list; phrases of one sentence.
    let mut groups: Vec<Vec<&Assertion>> = Vec::new();
    let mut places: HashMap<(bool, usize, Option<usize>), usize> = HashMap::new();
    for one in all.all.iter().filter(text).filter(|one| one.measured().is_some()) {
        let key = if one.form == Form::Label {
            (true, one.block, one.section)
        } else {
            (false, one.line, one.section)
        };
        let group = *places.entry(key).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[group].push(one);
    }
    out.extend(groups.iter().filter_map(|group| of(all, group)));
    // "49 failing tests, 74 %": the total stands once in the same section.
    let mut totals: HashMap<Option<usize>, Vec<(&Quantity, usize)>> = HashMap::new();
    // "Total: 409 (217 passed, 18 skipped)" tells by itself what became of them.
    // "Failed: 5 tests" is no total.
    let bare = |one: &&Assertion| {
        all.document
            .statements
            .get(one.at)
            .is_some_and(|s| s.quantities.len() == 1 && !OUTCOME.is_in(&s.lower))
    };
    let totals_alone = all.done().filter(|one| one.form == Form::Label && TOTAL.is_in(one.name.trim()));
    for one in totals_alone.filter(bare) {
        if let Some(q) = one.measured() {
            totals.entry(one.section).or_default().push((q, one.line));
        }
    }
    let alone =
        |tally: &Tally<'_>| tally.value(Counted::Total).is_none() && tally.value(Counted::Rate).is_some();
    for tally in out.iter_mut().filter(|tally| alone(tally)) {
        if let Some([(q, line)]) = totals.get(&tally.section).map(Vec::as_slice) {
            _ = tally.note(Counted::Total, q, *line);
        }
    }
    out
}

fn of<'a>(all: &Assertions<'_>, group: &[&'a Assertion]) -> Option<Tally<'a>> {
    let mut tally = Tally { section: group.first()?.section, ..Tally::default() };
    // "Tests: 27 passing, 9 failing" has no total.
    let total = |one: &Assertion| counted(&one.name) == Some(Counted::Total);
    let passing = |one: &Assertion| {
        let start = one.measured().map(|q| q.start);
        group.iter().any(|other| {
            other.at == one.at
                && other.measured().map(|q| q.start) == start
                && counted(&other.name).is_some()
                && !total(other)
        })
    };
    for one in group.iter().filter(|one| !(total(one) && passing(one))) {
        let q = one.measured()?;
        match counted(&one.name) {
            // "100 % of runnable tests".
            Some(Counted::Rate) if is_of_some(all, one, q) => return None,
            Some(counted) => tally.note(counted, q, one.line)?,
            None => tally.unknown |= q.is_count(),
        }
        // "4 (1 pending)".
        let others = all
            .document
            .statements
            .get(one.at)
            .is_some_and(|s| s.quantities.iter().any(|other| other.start > q.end && other.is_count()));
        tally.unknown |= others && one.form == Form::Label;
    }
    // "Expected failures: 17" in the same list.
    let first = group.first()?;
    if first.form == Form::Label {
        let counted = |at: usize| group.iter().any(|one| one.at == at);
        let statements = &all.document.statements;
        let here = |at: &usize| statements.get(*at).is_some_and(|s| s.block == first.block);
        let list = (0..first.at)
            .rev()
            .take(MAX_LISTED)
            .take_while(here)
            .chain((first.at..statements.len()).take(MAX_LISTED).take_while(here));
        let other = list
            .filter(|at| !counted(*at))
            .filter_map(|at| statements.get(at))
            .filter(|s| s.heading == first.section);
        tally.unknown |= other.flat_map(|s| &s.quantities).any(|q| q.is_count() && q.value > 0.0);
    }
    (tally.counts.len() >= 2).then_some(tally)
}

/// Whether a fraction stands beside a rate, which is then that of it.
fn has_fraction(all: &Assertions<'_>, one: &Assertion) -> bool {
    all.document.statements.get(one.at).is_some_and(|s| s.quantities.iter().any(|q| q.of().is_some()))
}

/// Whether a rate is said to be that of some.
fn is_of_some(all: &Assertions<'_>, one: &Assertion, q: &Quantity) -> bool {
    all.document
        .statements
        .get(one.at)
        .and_then(|s| s.lower.get(q.end..))
        .is_some_and(|after| after.starts_with(" of "))
        || has_fraction(all, one)
}

/// The rows of tables whose headings name them.
fn rows<'a>(all: &'a Assertions<'_>) -> Vec<Tally<'a>> {
    let mut out = Vec::new();
    for table in all.document.tables.iter().filter(|table| table.rows.len() <= MAX_LISTED) {
        let heads: Vec<Option<Counted>> = table.header.iter().map(|head| counted(head.words())).collect();
        let times = |wanted: Counted| heads.iter().flatten().filter(|counted| **counted == wanted).count();
        if times(Counted::Total) != 1
            || times(Counted::Passed) > 1
            || times(Counted::Failed) > 1
            || times(Counted::Rate) > 1
        {
            continue;
        }
        for row in &table.rows {
            let mut tally = Tally { section: table.heading, ..Tally::default() };
            let read = row.cells.iter().zip(&heads).skip(1).try_for_each(|(cell, head)| {
                let number = cell.number().filter(|q| q.unit.is_empty() || q.kind == Kind::Percent);
                match (head, number) {
                    (Some(counted), Some(q)) => tally.note(*counted, q, row.line),
                    (Some(_), None) => cell.words().is_empty().then_some(()),
                    (None, Some(q)) => {
                        tally.unknown |= q.is_count();
                        Some(())
                    }
                    // "2 skipped (expected)" in a remark.
                    (None, None) => {
                        tally.unknown |= !cell.quantities.is_empty();
                        Some(())
                    }
                }
            });
            if read.is_some() && tally.counts.len() >= 2 {
                out.push(tally);
            }
        }
    }
    out
}
