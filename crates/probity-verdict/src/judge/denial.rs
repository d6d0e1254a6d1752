//! What a condition can mean for denials, told before any look: whether a denial satisfies it, whether nothing else does,
//! and whether it can hold where nothing was granted (design.md, rule 4).
//!
//! Must not know: what was observed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use probity_plan::kinds::{Denied, KindSpec, Values};
use probity_plan::model::Cell;
use probity_plan::{Claim, Plan, Probe, Value};

use crate::condition::{AGAINST, Budget, Check, Reading};

/// Rows of a matrix that are tried, each unlike the others in what is read.
pub(crate) const MAX_ROWS: usize = 1000;
/// Codes of a fact that are tried: all that it can be, or the least ones.
const MAX_CODES: usize = 1000;
/// Literals of a condition that are tried as values.
const MAX_LITERALS: usize = 30;

/// Everything that can be denied, each at the place of its number.
pub(crate) const ALL: [Denied; 4] = [Denied::Connection, Denied::Request, Denied::Name, Denied::Answer];

/// Which denials are shown to be able to be otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants([bool; ALL.len()]);

impl Grants {
    /// All of them for which `shown` says so.
    pub(crate) fn of(shown: impl Fn(Denied) -> bool) -> Self {
        Self(ALL.map(shown))
    }
    /// Whether this one is.
    pub(crate) const fn includes(self, what: Denied) -> bool {
        // What nothing grants, nothing shows.
        !matches!(what, Denied::Answer) && self.0[what as usize]
    }
}

/// Which denials a control shows to be able to be otherwise, for each side of a comparison; any other claim has one side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShownOfSides {
    pub(crate) own: Grants,
    pub(crate) against: Grants,
}

impl ShownOfSides {
    /// Those of either side.
    pub(crate) fn either(self) -> Grants {
        Grants::of(|what| self.own.includes(what) || self.against.includes(what))
    }
}

/// What a claim's condition reads, row by row, and what it needs to be true.
pub(crate) struct Question<'a> {
    pub(crate) probe: &'a Probe,
    pub(crate) check: &'a Check,
    pub(crate) filter: Option<&'a Check>,
    /// What trying it may still cost.
    budget: RefCell<Budget>,
}

impl<'a> Question<'a> {
    /// One of so many of a plan.
    pub(crate) fn new(probe: &'a Probe, check: &'a Check, filter: Option<&'a Check>, of: usize) -> Self {
        Self { probe, check, filter, budget: RefCell::new(Budget::of_trials(of)) }
    }

    /// Whether what it reads says anything about outcome or content: a claim about the speed of a page that denies needs no
    /// control.
    pub(crate) fn states(&self) -> bool {
        self.check.reads().any(|name| self.probe.spec().states(name))
    }

    /// What a look may deny that satisfies it.
    pub(crate) fn possible(&self, cell: &Cell) -> Grants {
        Grants::of(|what| {
            let denying = |values| among(values, self.literals(cell));
            let facts = self.probe.spec().facts.iter();
            let denials =
                facts.filter_map(|fact| Some((fact.name, fact.denial.filter(|(of, _)| *of == what)?.1)));
            denials.into_iter().any(|(name, values)| {
                denying(values)
                    .into_iter()
                    .any(|value| self.can_hold(cell, what, &[(name, Reading::Is(value))]))
            })
        })
    }

    /// What the look beside it, of this kind, may deny that satisfies it, as far as it reads a fact that tells so.
    pub(crate) fn possible_against(&self, other: &KindSpec, cell: &Cell) -> Grants {
        Grants::of(|what| {
            let denies = other.facts.iter().filter_map(|fact| Some((fact.name, fact.denial?)));
            let mut denies = denies.filter(|(_, (of, _))| *of == what);
            self.check.reads_against().any(|name| about(other, name, what))
                && denies.any(|(name, (_, values))| {
                    let name = format!("{AGAINST}{name}");
                    among(values, self.literals(cell))
                        .into_iter()
                        .any(|value| self.readable(cell, &[(&name, Reading::Is(value))], |_| Reading::Any))
                })
        })
    }

    /// Whether a denial satisfies it, and nothing else does, as far as the facts tell that it reads.
    pub(crate) fn only_denied(&self, cell: &Cell) -> bool {
        let possible = self.possible(cell);
        let read: Vec<&str> =
            self.check.reads().chain(self.filter.iter().flat_map(|filter| filter.reads())).collect();
        ALL.into_iter().filter(|what| possible.includes(*what)).any(|what| {
            let of = |declared: Option<(Denied, Values)>| {
                declared.filter(|(of, _)| *of == what).map(|(_, values)| values)
            };
            let mut worlds: Vec<Vec<(&str, Reading)>> = vec![Vec::new()];
            for fact in self.probe.spec().facts.iter().filter(|fact| read.contains(&fact.name)) {
                let literals = || self.literals(cell);
                let values = match (of(fact.denial), of(fact.grant)) {
                    (Some(denial), _) => other_than(denial, literals()),
                    (None, Some(Values::Any) | None) => continue,
                    (None, Some(grant)) => among(grant, literals()).into_iter().map(Reading::Is).collect(),
                };
                worlds = (worlds.iter())
                    .flat_map(|world| {
                        values
                            .iter()
                            .map(move |value| [world.as_slice(), &[(fact.name, value.clone())]].concat())
                    })
                    .take(MAX_ROWS)
                    .collect();
            }
            let told = worlds.first().is_some_and(|world| !world.is_empty());
            told && worlds.iter().all(|world| !self.readable(cell, world, |_| Reading::Any))
        })
    }

    /// Whether it reads a fact that itself tells whether this was denied or granted.
    pub(crate) fn reads_of(&self, what: Denied) -> bool {
        let reads = self.check.reads().chain(self.filter.iter().flat_map(|filter| filter.reads()));
        reads.into_iter().any(|name| about(self.probe.spec(), name, what))
    }

    /// Whether it can hold where this was granted.
    pub(crate) fn holds_granted(&self, cell: &Cell, what: Denied) -> bool {
        self.probe.spec().grants(what).any(|(name, values)| {
            among(values, self.literals(cell))
                .into_iter()
                .any(|value| self.can_hold(cell, what, &[(name, Reading::Is(value))]))
        })
    }

    /// Whether it can hold where this was not granted. Where it cannot, a claim of it that holds is a positive control.
    pub(crate) fn holds_ungranted(&self, what: Denied) -> bool {
        let spec = self.probe.spec();
        if spec.grants(what).next().is_none() {
            return true;
        }
        // Where it may be another page than was asked for, what it grants is not what was asked for.
        if self.withdrawing(what).is_some() {
            return true;
        }
        // Of what was not tried, anything may be.
        let Some(cells) = self.cells_that_differ() else { return true };
        cells.into_iter().any(|cell| {
            let holds = |world: &[(&str, Reading)]| self.can_hold(cell, what, world);
            if what == Denied::Connection {
                // Nothing is said over a connection that was not made.
                let own = spec.grants(what).filter(|(name, _)| about(spec, name, what));
                let mut worlds: Vec<Vec<(&str, Reading)>> = vec![Vec::new()];
                for (name, values) in own {
                    let readings = ungranted(spec, name, values);
                    let with = |world: &Vec<_>, reading: &Reading| {
                        [world.as_slice(), &[(name, reading.clone())]].concat()
                    };
                    worlds = (worlds.iter())
                        .flat_map(|world| readings.iter().map(move |reading| with(world, reading)))
                        .collect();
                }
                return worlds.iter().any(|world| holds(world));
            }
            spec.grants(what).all(|(name, values)| {
                // One stands for all where it is not read.
                let tried = if self.reads(name) { usize::MAX } else { 1 };
                let mut readings = ungranted(spec, name, values).into_iter().take(tried);
                readings.any(|reading| holds(&[(name, reading)]))
            })
        })
    }

    /// The fact, if any, that may say of a look which satisfies it that nothing shows that this was granted.
    pub(crate) fn withdrawing(&self, what: Denied) -> Option<&'static str> {
        let may = |cell: &Cell| cell.act.may_withdraw();
        if !self.probe.cells.iter().any(may) {
            return None;
        }
        let Some(cells) = self.cells_that_differ() else {
            return self.probe.spec().withdrawals(what).map(|(name, _)| name).next();
        };
        let holds = |name, values| {
            let worlds = among(values, Vec::new());
            worlds.into_iter().any(|value| {
                let world = [(name, Reading::Is(value))];
                cells.iter().any(|cell| self.can_hold(cell, what, &world))
            })
        };
        self.probe.spec().withdrawals(what).find(|(name, values)| holds(name, *values)).map(|(name, _)| name)
    }

    fn reads(&self, name: &str) -> bool {
        let mut reads = self.check.reads().chain(self.filter.iter().flat_map(|filter| filter.reads()));
        reads.any(|read| read == name)
    }

    /// The rows that differ in a column that it reads; nothing if they are more than are tried.
    fn cells_that_differ(&self) -> Option<Vec<&Cell>> {
        let reads = || self.check.reads().chain(self.filter.iter().flat_map(|filter| filter.reads()));
        let mut seen = BTreeSet::new();
        let mut cells = Vec::new();
        for cell in &self.probe.cells {
            let row: Vec<Option<&Value>> = reads().map(|name| cell.row.get(name)).collect();
            if seen.insert(serde_json::to_string(&row).ok()?) {
                cells.push(cell);
            }
            if cells.len() > MAX_ROWS {
                return None;
            }
        }
        Some(cells)
    }

    fn can_hold(&self, cell: &Cell, what: Denied, world: &[(&str, Reading)]) -> bool {
        let spec = self.probe.spec();
        self.readable(cell, world, |name| match spec.fact(name) {
            // What is not said about the connection itself is not known without one.
            Some(fact)
                if what == Denied::Connection
                    && !fact.aside
                    && !fact.unconnected
                    && !about(spec, name, what) =>
            {
                Reading::Never
            }
            _ => Reading::Any,
        })
    }

    fn readable(&self, cell: &Cell, world: &[(&str, Reading)], rest: impl Fn(&str) -> Reading) -> bool {
        let reading = |name: &str| {
            let given = world.iter().find(|(given, _)| *given == name).map(|(_, reading)| reading.clone());
            let of_row = || match self.probe.spec().fact(name) {
                Some(_) => rest(name),
                None => cell.row.get(name).cloned().map_or(Reading::Any, Reading::Is),
            };
            given.unwrap_or_else(of_row)
        };
        let mut budget = self.budget.borrow_mut();
        self.filter.is_none_or(|filter| filter.can_hold(&reading, &mut budget))
            && self.check.can_hold(&reading, &mut budget)
    }

    /// Values that the condition or the row mentions.
    fn literals(&self, cell: &Cell) -> Vec<Value> {
        let checks = std::iter::once(self.check).chain(self.filter);
        let mut literals: Vec<Value> = cell.row.values().cloned().collect();
        literals.extend(checks.flat_map(Check::turning_values));
        literals.truncate(3 * MAX_LITERALS);
        literals
    }
}

/// Whether a fact itself says that this was denied or granted.
fn about(spec: &KindSpec, name: &str, what: Denied) -> bool {
    spec.fact(name).is_some_and(|fact| {
        let of = |declared: Option<(Denied, Values)>| declared.is_some_and(|(of, _)| of == what);
        of(fact.denial) || of(fact.grant)
    })
}

/// Values that are among these.
fn among(values: Values, literals: Vec<Value>) -> Vec<Value> {
    let given: Vec<Value> = match values {
        Values::False => vec![false.into()],
        Values::True => vec![true.into()],
        Values::Empty => vec!["".into()],
        Values::Codes(codes) => codes.iter().copied().map(Value::from).collect(),
        Values::Range(first, last) => vec![first.into(), last.into()],
        Values::Texts(texts) | Values::Prefixes(texts) => texts.iter().copied().map(Value::from).collect(),
        Values::Filled => vec![vec!["something"].into()],
        Values::AnyKey(keys) | Values::OnlyKeys(keys) => keys.iter().map(|key| of_key(key)).collect(),
        // That the last of them is one, another fact tells.
        Values::Errors | Values::Any => Vec::new(),
    };
    given.into_iter().chain(literals.into_iter().filter(|value| values.include(value))).collect()
}

/// A map of this key alone.
fn of_key(key: &str) -> Value {
    Value::Map([(key.to_owned(), Value::from(1))].into())
}

/// All that a fact can be where it is not one of the values that grant something: each code, or any other text.
fn ungranted(spec: &KindSpec, name: &str, values: Values) -> Vec<Reading> {
    match values {
        Values::Any => vec![Reading::Never],
        Values::False => vec![Reading::Is(true.into())],
        Values::True => vec![Reading::Is(false.into())],
        Values::Codes(_) | Values::Range(..) => {
            let range = spec.fact(name).and_then(|fact| fact.range);
            let Some((first, last)) = range else { return vec![Reading::Any] };
            let codes = (first..=last).take(MAX_CODES).map(Value::from);
            codes.filter(|code| !values.include(code)).map(Reading::Is).collect()
        }
        Values::Filled => vec![Reading::Is(Value::List(Vec::new())), Reading::Never],
        Values::AnyKey(_) => vec![Reading::Is(of_key("404")), Reading::Is(of_key("401")), Reading::Never],
        Values::OnlyKeys(_) | Values::Errors => vec![Reading::Any],
        Values::Empty | Values::Texts(_) | Values::Prefixes(_) => vec![Reading::Other(values)],
    }
}

/// A few values that are not among these.
fn other_than(values: Values, literals: Vec<Value>) -> Vec<Reading> {
    let usual: Vec<Value> = match values {
        Values::False | Values::True => vec![true.into(), false.into()],
        Values::Codes(_) | Values::Range(..) => {
            [-1, 0, 1, 100, 200, 204, 302, 404, 429, 500].map(Value::from).into()
        }
        Values::Empty | Values::Texts(_) | Values::Prefixes(_) => vec!["something else".into(), "".into()],
        Values::Filled => return vec![Reading::Is(Value::List(Vec::new())), Reading::Never],
        Values::AnyKey(_) | Values::OnlyKeys(_) | Values::Errors => return vec![Reading::Any],
        Values::Any => return vec![Reading::Never],
    };
    let same_class = |value: &Value| {
        usual.first().is_some_and(|one| std::mem::discriminant(one) == std::mem::discriminant(value))
    };
    let literals: Vec<Value> = literals.into_iter().filter(same_class).collect();
    usual.into_iter().chain(literals).filter(|value| !values.include(value)).map(Reading::Is).collect()
}

/// What each control shows to claims about probes of each kind, found out once.
#[derive(Default)]
pub(crate) struct ShownByControls(BTreeMap<(String, &'static str), Grants>);

impl ShownByControls {
    /// What a claim that holds shows to be granted, to a claim about a probe of this kind.
    pub(crate) fn of(
        &mut self,
        plan: &Plan,
        claim: &Claim,
        check: Option<&Check>,
        filter: Option<&Check>,
        to: &KindSpec,
    ) -> Grants {
        let shown = self.0.entry((claim.name.clone(), to.name));
        *shown.or_insert_with(|| shown_by(plan, claim, check, filter, to))
    }
}

fn shown_by(
    plan: &Plan,
    claim: &Claim,
    check: Option<&Check>,
    filter: Option<&Check>,
    to: &KindSpec,
) -> Grants {
    let (Some(probe), Some(check)) = (plan.probe(&claim.of), check) else { return Grants::default() };
    if !claim.form.is_of_single_looks() {
        return Grants::default();
    }
    let controls: BTreeSet<&String> = plan.claims.iter().filter_map(|claim| claim.control.as_ref()).collect();
    let question = Question::new(probe, check, filter, controls.len());
    let same_kind = probe.spec().name == to.name;
    Grants::of(|what| (same_kind || what == Denied::Connection) && !question.holds_ungranted(what))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn each_stands_at_the_place_of_its_number() {
        for (place, what) in ALL.into_iter().enumerate() {
            assert_eq!(what as usize, place);
            // Nothing shows that a whole answer could have come.
            assert_eq!(Grants::of(|shown| shown == what).includes(what), what != Denied::Answer);
        }
    }

    struct Text;
    impl probity_plan::Sources for Text {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            let text = "plan: P\nprobes: { p: { http: http://x } }\nclaims: { c: { of: p, check: answered && status == 200 } }\n\
                        verdict: [ label: A ]\n";
            Ok(text.as_bytes().to_vec())
        }
    }

    #[test]
    fn what_there_are_no_steps_to_try_may_be() {
        let plan = probity_plan::load("p.yaml", &Text, &BTreeMap::new()).unwrap().plan;
        let conditions = crate::Conditions::new(&plan);
        let check = conditions.claim(0).check().unwrap();
        let question = |of: usize| Question::new(&plan.probes[0], check, None, of);
        assert!(!question(1).holds_ungranted(Denied::Request));
        assert!(question(usize::MAX).holds_ungranted(Denied::Request));
    }
}
