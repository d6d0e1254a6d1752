//! `plan check`: finds before the run what cannot work, and what would not show what its author thinks.
//!
//! A plan that loads is well-formed; this looks at what it can mean. Must not know: what was observed.

mod always;
mod clocks;
mod companions;
mod evidence;
mod rules;
mod secrets;

use unicode_normalization::UnicodeNormalization;

use probity_diagnostic::{Diagnostic, Level, Position};
use probity_plan::model::Cell;
use probity_plan::{Barrier, Blocked, Claim, Declared, Fact, Plan, Probe, Refused};

use crate::condition::{Budget, Check, Conditions};
use crate::truth::Truth4;
use crate::verdict::Rules;

/// How many planned looks are tried in a `where`, each by its row and slot.
const MAX_LOOKS: u64 = 10_000;

/// Everything there is to say about a plan before it runs, by place. No [`Level::Error`] among it: it can work.
pub fn check(plan: &Plan, conditions: &Conditions) -> Vec<Diagnostic> {
    check_on(plan, conditions, None)
}

/// The same, with waivers whose last day was before `today`.
pub fn check_on(plan: &Plan, conditions: &Conditions, today: Option<jiff::civil::Date>) -> Vec<Diagnostic> {
    // Without a day every waiver counts: its last day is not before the first one.
    let midnight = today.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    let rules = Rules::new(plan, midnight.map_or(jiff::Timestamp::MIN, |midnight| midnight.timestamp()));
    let mut found = Problems { problems: Vec::new() };
    let claims = compiled(plan, conditions, &rules, &mut found);
    companions::check(plan, &mut found);
    for compiled in &claims {
        nothing_chosen(compiled, &mut found);
        crate::judge::check_planned(plan, &rules, compiled, &mut found);
    }
    rules::check(plan, &rules, &mut found);
    evidence::check(plan, &claims, &mut found);
    rows_alike(plan, &mut found);
    sees_nothing(plan, &mut found);
    secrets::check(plan, &mut found);
    clocks::check(plan, &claims, &mut found);
    found.problems.sort_by(|a, b| (&a.place.at, a.level, a.rule).cmp(&(&b.place.at, b.level, b.rule)));
    found.problems
}

/// The errors in the conditions and rules of a plan that did not load, by place: as far as they do not follow from what
/// is wrong with it already.
pub fn check_refused(refused: &Refused) -> Vec<Diagnostic> {
    let mut found = Problems { problems: Vec::new() };
    claims(&refused.part, &Conditions::new(&refused.part), &mut found);
    if let Some(Declared { claims, scores }) = &refused.declared {
        let claims: Vec<&str> = claims.iter().map(String::as_str).collect();
        let scores: Vec<&str> = scores.iter().map(String::as_str).collect();
        for when in refused.part.rules.iter().filter_map(|rule| rule.when.as_ref()) {
            if let Err(error) = crate::rule::parse(when, &claims, &scores) {
                found.problems.push(error.diagnostic());
            }
        }
    }
    let known = |at: &Position| refused.errors.list.iter().any(|error| error.place.at == *at);
    found.problems.retain(|problem| !known(&problem.place.at));
    found.problems.sort_by(|a, b| a.place.at.cmp(&b.place.at));
    found.problems
}

/// A `where` that leaves out every look before any is made.
fn nothing_chosen(compiled: &Compiled<'_>, found: &mut Problems) {
    let claim = compiled.claim;
    if compiled.filter.is_none() || claim.empty_ok || compiled.chosen.iter().any(|looks| *looks > 0) {
        return;
    }
    let looks = u64::from(compiled.probe.planned()) * compiled.probe.cells.len() as u64;
    let message = format!(
        "`{}`: its `where` chooses none of the {} that the plan makes of `{}`: it stays undetermined",
        claim.name,
        counted(looks, "look"),
        claim.of
    );
    let hint = "compare with what the matrix has, and slots from 0 on; or say `empty: ok`";
    // It may be meant so: what nobody can observe keeps its weight in a score.
    found.push(Level::Note, "nothing-chosen", &claim.at, message, hint);
}

/// The text with a code for whatever is not ASCII.
fn telling(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

/// Rows of a matrix that nobody can tell apart where they are printed.
fn rows_alike(plan: &Plan, found: &mut Problems) {
    for probe in plan.probes.iter().filter(|probe| !probe.columns.is_empty()) {
        let mut seen = std::collections::BTreeMap::new();
        for (number, cell) in probe.cells.iter().enumerate() {
            let name = crate::judge::words::row(probe, &cell.row);
            if let Some(first) = seen.insert(printed(&name), number) {
                let message = format!(
                    "rows {} and {} of `{}` look alike where they are printed ({}), and are not the same",
                    first + 1,
                    number + 1,
                    probe.name,
                    telling(&name)
                );
                found.push(
                    Level::Warning,
                    "rows-alike",
                    &probe.at,
                    message,
                    "write them with characters that show",
                );
                break;
            }
        }
    }
}

/// A text as people see it printed: without what does not show, and with one form of what looks alike.
fn printed(text: &str) -> String {
    let shown = |c: &char| !probity_text::is_hidden(*c);
    // What is ASCII is its own normal form.
    if text.is_ascii() { text.chars().filter(shown).collect() } else { text.nfkc().filter(shown).collect() }
}

/// Probes whose parameters alone show that no look sees anything.
fn sees_nothing(plan: &Plan, found: &mut Problems) {
    for probe in &plan.probes {
        if let Some(flaw) = probe.cells.iter().find_map(|cell| cell.act.flaw()) {
            let message = format!("`{}` can see nothing, wherever it looks: {flaw}", probe.name);
            found.push(Level::Warning, "sees-nothing", &probe.at, message, "");
        }
    }
}

/// Problems found so far.
pub(crate) struct Problems {
    problems: Vec<Diagnostic>,
}

impl Problems {
    pub(crate) fn push(
        &mut self,
        level: Level,
        rule: &'static str,
        at: &Position,
        message: String,
        remedy: impl Into<String>,
    ) {
        self.problems.push(Diagnostic::new(level, rule, at.into(), message).with_remedy(remedy));
    }
}

/// A claim with its probe and what of its conditions can be read.
pub(crate) struct Compiled<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) probe: &'a Probe,
    check: Option<&'a Check>,
    filter: Option<&'a Check>,
    /// How many of the planned looks of each row its `where` may choose.
    pub(crate) chosen: Vec<u64>,
}

impl Compiled<'_> {
    /// The facts its form reads of the probe it is about, in no order.
    fn reads(&self) -> Vec<&str> {
        self.check.into_iter().flat_map(Check::reads).chain(self.claim.form.facts()).collect()
    }
}

/// How many of the planned looks of each row a `where` may choose, as far as columns and slots tell.
fn chosen(probe: &Probe, filter: Option<&Check>) -> Vec<u64> {
    let (slots, trials) = (probe.schedule.slots(), u64::from(probe.trials()));
    let looks = u64::from(slots) * probe.cells.len() as u64;
    let by_slot = filter.is_some_and(|filter| filter.reads().any(|name| name == "slot"));
    let may = |cell: &Cell, slot: Option<u32>| {
        let fact = |name: &str| match (cell.row.get(name), slot) {
            (Some(value), _) => Fact::Known(value.clone()),
            (None, Some(slot)) if name == "slot" => Fact::Known(slot.into()),
            (None, _) => Fact::Unknown(Blocked::new(Barrier::NotMade, "")),
        };
        filter.is_none_or(|filter| filter.evaluate(&fact, &mut Budget::trial()).truth != Truth4::False)
    };
    let of_cell = |cell: &Cell| {
        if by_slot && looks <= MAX_LOOKS {
            (0..slots).filter(|slot| may(cell, Some(*slot))).count() as u64
        } else {
            u64::from(may(cell, None)) * u64::from(slots)
        }
    };
    probe.cells.iter().map(|cell| of_cell(cell) * trials).collect()
}

/// The claims with their conditions; those that cannot be read are errors at their column.
fn compiled<'a>(
    plan: &'a Plan,
    conditions: &'a Conditions,
    rules: &Rules<'_>,
    found: &mut Problems,
) -> Vec<Compiled<'a>> {
    found.problems.extend(rules.errors.iter().map(|(_, error)| error.diagnostic()));
    claims(plan, conditions, found)
}

/// The same without the conditions of rules.
fn claims<'a>(plan: &'a Plan, conditions: &'a Conditions, found: &mut Problems) -> Vec<Compiled<'a>> {
    found.problems.extend(conditions.errors(plan));
    let mut compiled = Vec::new();
    for (at, claim) in plan.claims.iter().enumerate() {
        let Some(probe) = plan.probe(&claim.of) else { continue };
        let (check, filter) = (conditions.claim(at).check(), conditions.claim(at).filter());
        if let (Some(read), Some(check)) = (check, claim.form.check())
            && !read.sees(probe)
        {
            let nothing = format!("this condition reads nothing that `{}` sees", probe.name);
            // How many attempts there were is known of a look that saw nothing: such a claim is never decided.
            let (level, rule, message) = if read.reads().any(|name| name == "attempt") {
                (Level::Warning, "attempts", format!("{nothing}: `{}` stays undetermined", claim.name))
            } else {
                (Level::Error, "condition", nothing)
            };
            found.push(level, rule, &check.at, message, "name one of its facts");
        }
        let chosen = chosen(probe, filter);
        compiled.push(Compiled { claim, probe, check, filter, chosen });
    }
    compiled
}

/// `1 sample`, `17 samples`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    probity_plan::units::counted(number, what, &format!("{what}s"))
}

#[cfg(test)]
mod tests;
