//! Whether what the claims read can show what they say.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::kinds::{FactSpec, Values};
use probity_plan::model::{Cell, Starts};
use probity_plan::{Barrier, Blocked, Fact, FactType, Form, Impact, Plan, Probe, Shows, Value};

use super::{Compiled, Found, Level};
use crate::condition::Check;
use crate::judge::control::SameForOthers;
use crate::truth::Truth;

/// Rows of a matrix that are tried; the rest are like them.
const ROWS: usize = 1000;

pub(super) fn check(plan: &Plan, claims: &[Compiled<'_>], found: &mut Found) {
    presence(claims, found);
    timed_beside_load(plan, claims, found);
    for compiled in claims {
        denial(compiled, found);
        status_alone(compiled, found);
    }
}

/// One note for all: they show that something is there, not that it works.
fn presence(claims: &[Compiled<'_>], found: &mut Found) {
    let resting: Vec<&Compiled<'_>> = claims.iter().filter(|compiled| presence_alone(compiled)).collect();
    if let Some(first) = resting.first() {
        let names: Vec<String> =
            resting.iter().map(|compiled| format!("`{}`", compiled.claim.name)).collect();
        let (rest, them) = if names.len() == 1 { ("rests", "it shows") } else { ("rest", "they show") };
        found.push(
            Level::Note,
            "presence",
            &first.claim.at,
            format!(
                "{} {rest} on presence alone: {them} that something is there, not that it works",
                names.join(", ")
            ),
            "",
        );
    }
}

fn presence_alone(compiled: &Compiled<'_>) -> bool {
    // A difference between two looks may show more than one look does.
    let change = match &compiled.claim.form {
        Form::Each { .. } | Form::Rate { .. } => false,
        Form::Stable { .. } | Form::Periodic { starts: Starts::Recorded(_), .. } => false,
        Form::Periodic { starts: Starts::Changes(_), .. } => true,
        Form::Compare { against, .. } => *against == compiled.claim.of,
    };
    let spec = compiled.probe.spec();
    let mut shown = compiled.reads().into_iter().filter_map(|name| spec.fact(name)).map(|fact| {
        let look = fact.shows.unwrap_or(spec.shows);
        if change { fact.change_shows.unwrap_or(look) } else { look }
    });
    // No fact of the kind at all: the condition could not be read, or reads only its matrix.
    let Some(first) = shown.next() else { return false };
    shown.fold(first, Shows::max) == Shows::Presence
}

/// A time that is measured while something else loads the target is not the time it usually takes.
fn timed_beside_load(plan: &Plan, claims: &[Compiled<'_>], found: &mut Found) {
    let timed = |probe: &Probe| {
        let spec = probe.spec();
        claims.iter().filter(|compiled| compiled.probe.name == probe.name).any(|compiled| {
            compiled
                .reads()
                .into_iter()
                .any(|name| spec.fact(name).is_some_and(|fact| fact.ty == FactType::Interval))
        })
    };
    for probe in &plan.probes {
        let Some(beside) = probe.with.as_ref().and_then(|with| plan.probe(with)) else { continue };
        let siblings = plan.probes.iter().filter(|other| other.with == probe.with && other.name < probe.name);
        for other in std::iter::once(beside).chain(siblings) {
            for (slow, loads) in [(probe, other), (other, probe)] {
                if timed(slow) && loads.impact >= Impact::Load {
                    found.push(
                        Level::Warning,
                        "load",
                        &probe.at,
                        format!(
                            "`{}` is timed while `{}` runs, whose impact is `{}`",
                            slow.name, loads.name, loads.impact
                        ),
                        "leave `with` out, unless the time under that load is what the claim is about",
                    );
                }
            }
        }
    }
}

/// A check that only a denial satisfies, without the observation that shows that it could have been otherwise.
fn denial(compiled: &Compiled<'_>, found: &mut Found) {
    let claim = compiled.claim;
    let Some(check) = compiled.check.as_ref().filter(|_| claim.control.is_none()) else { return };
    let spec = compiled.probe.spec();
    let facts: Vec<&FactSpec> = check.reads().filter_map(|name| spec.fact(name)).collect();
    if facts.iter().all(|fact| fact.denial.is_none()) {
        return;
    }
    let row_alone = |cell: &Cell, name: &str| match cell.row.get(name).filter(|_| spec.fact(name).is_none()) {
        Some(value) => Fact::Known(value.clone()),
        None => unseen(),
    };
    let about = |cell: &&Cell| {
        compiled
            .filter
            .as_ref()
            .is_none_or(|filter| filter.evaluate(&|name| row_alone(cell, name)).truth != Truth::False)
    };
    let rows = compiled.probe.cells.iter().take(ROWS).filter(about);
    // Rows that are counted together cannot stand for each other.
    let pooled = matches!(claim.form, Form::Rate { pooled: true, .. } | Form::Compare { .. });
    let (denied, others): (Vec<&Cell>, Vec<&Cell>) =
        rows.partition(|cell| surely_false(check, cell, &facts, otherwise));
    let granted = others.into_iter().filter(|cell| !surely_false(check, cell, &facts, granted));
    let controls = SameForOthers::of(granted.filter(|_| !pooled));
    if denied.iter().any(|cell| !controls.includes(cell)) {
        let denials = facts.iter().filter(|fact| fact.denial.is_some());
        let names: Vec<String> = denials.map(|fact| format!("`{}`", fact.name)).collect();
        found.push(
            Level::Warning,
            "denial",
            &claim.at,
            format!(
                "`{}` holds only if {} is a denial, and names no `control`",
                claim.name,
                names.join(" or ")
            ),
            if compiled.probe.cells.len() > 1 && !pooled {
                "name the claim that shows the same thing succeeding where it should: `control: CLAIM`; or add rows that \
                 ask the same as somebody who may"
            } else {
                "name the claim that shows the same thing succeeding where it should: `control: CLAIM`"
            },
        );
    }
}

/// Whether the check is surely false, whichever of these values the facts have that have some.
fn surely_false(
    check: &Check,
    cell: &Cell,
    facts: &[&FactSpec],
    values: fn(&Check, &Cell, &FactSpec) -> Vec<Value>,
) -> bool {
    let mut worlds: Vec<BTreeMap<&str, Value>> = vec![BTreeMap::new()];
    for fact in facts {
        let values = values(check, cell, fact);
        if values.is_empty() {
            continue;
        }
        worlds = worlds
            .into_iter()
            .flat_map(|world| {
                values.iter().map(move |value| {
                    let mut world = world.clone();
                    world.insert(fact.name, value.clone());
                    world
                })
            })
            .collect();
    }
    worlds.iter().all(|world| {
        let fact = |name: &str| match world.get(name).or_else(|| cell.row.get(name)) {
            Some(value) => Fact::Known(value.clone()),
            None => unseen(),
        };
        check.evaluate(&fact).truth == Truth::False
    })
}

fn unseen() -> Fact {
    Fact::Unknown(Blocked::new(Barrier::NotMade, ""))
}

/// Values that are no denial: for codes, a few that are usual, and those that the check or the row mentions with their
/// neighbours. None for a fact that is never a denial.
fn otherwise(check: &Check, cell: &Cell, fact: &FactSpec) -> Vec<Value> {
    match fact.denial {
        None => Vec::new(),
        Some((_, Values::False)) => vec![Value::Bool(true)],
        Some((_, Values::True)) => vec![Value::Bool(false)],
        Some((_, denial)) => {
            let digits = |text: &str| -> Vec<i64> {
                text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
            };
            let mut numbers: BTreeSet<i64> = BTreeSet::from([0, 200, 302, 404, 500]);
            let row = cell.row.values().filter_map(Value::as_i64);
            for number in digits(check.text()).into_iter().chain(row).take(30) {
                numbers.extend([number.saturating_sub(1), number, number.saturating_add(1)]);
            }
            numbers.into_iter().map(Value::from).filter(|value| !denial.include(value)).collect()
        }
    }
}

/// Values with which what was asked was granted: those that are no denial, as far as they are.
fn granted(check: &Check, cell: &Cell, fact: &FactSpec) -> Vec<Value> {
    let values = otherwise(check, cell, fact);
    match fact.grant {
        None => values,
        Some((_, Values::Empty)) => vec![Value::from("")],
        Some((_, grant)) => values.into_iter().filter(|value| grant.include(value)).collect(),
    }
}

/// A refused connection has no status: a check of `status` alone is then undetermined, and many mean it to fail.
fn status_alone(compiled: &Compiled<'_>, found: &mut Found) {
    let reads = |name| {
        let checks = compiled.check.iter().chain(&compiled.filter);
        checks.flat_map(Check::reads).any(|read| read == name)
    };
    let Some(check) = &compiled.check else { return };
    if compiled.probe.spec().name == "http"
        && check.reads().any(|read| read == "status")
        && !reads("answered")
    {
        let joined = check.text().contains("||") || check.text().contains('?');
        let text = if joined { format!("({})", check.text()) } else { check.text().to_owned() };
        found.push(
            Level::Warning,
            "status",
            &compiled.claim.at,
            format!("`{}` is undetermined, not failing, while nothing answers: a refused connection leaves `status` unknown", compiled.claim.name),
            format!("write `answered && {text}` to have it fail"),
        );
    }
}
