//! Whether a check can be other than true: alone, or of the looks that `where` chooses.

use std::collections::BTreeMap;

use probity_diagnostic::Level;
use probity_plan::model::Cell;
use probity_plan::{Barrier, Blocked, Fact, FactType, Number, Value};

use super::{Compiled, Problems};
use crate::condition::{Budget, Check};
use crate::judge::denial::MAX_ROWS;
use crate::truth::Truth4;

/// Worlds that are tried for one check.
const MAX_WORLDS: usize = 4096;

/// The longest list or text that is made to be tried, in elements or characters.
const MAX_LENGTH: i64 = 10_000;

/// Values that are tried of one fact.
const MAX_NUMBERS: usize = 20;
const MAX_TEXTS: usize = 12;

/// A check that is true whatever is seen, or of whatever its `where` chooses, shows nothing.
pub(super) fn check(compiled: &Compiled<'_>, found: &mut Problems) {
    let Some(check) = compiled.check.filter(|check| check.reads_against().next().is_none()) else {
        return;
    };
    let name = &compiled.claim.name;
    let message = if always(compiled, check) {
        format!("`{name}` holds whatever is seen, as far as was tried: its check says nothing")
    } else if compiled.filter.is_some_and(|filter| chosen_by_itself(compiled, check, filter)) {
        format!(
            "`{name}` holds of whatever its `where` chooses, as far as was tried: its check says nothing of it"
        )
    } else {
        return;
    };
    found.push(Level::Warning, "always", &compiled.claim.at, message, "compare with what would be wrong");
}

/// Whether a check is true in every world that is tried.
fn always(compiled: &Compiled<'_>, check: &Check) -> bool {
    let spec = compiled.probe.spec();
    let worlds = worlds(check, |name| spec.fact(name).map(|fact| fact.ty));
    let mut cells = compiled.probe.cells.iter().take(MAX_ROWS.div_ceil(worlds.len().max(1)));
    let all = |cell: &Cell| worlds.iter().all(|world| truth_in(check, cell, world) == Truth4::True);
    !worlds.is_empty() && cells.all(all)
}

/// Whether a check is true in every world in which `where` is, and that in some. Said only where few values tell of all: of facts
/// that a `where` compares with what is written out.
fn chosen_by_itself(compiled: &Compiled<'_>, check: &Check, filter: &Check) -> bool {
    let spec = compiled.probe.spec();
    let ty = |name: &str| match name {
        "slot" | "attempt" => Some(FactType::Int),
        name => spec.fact(name).map(|fact| fact.ty),
    };
    if filter.reads_sight(compiled.probe).next().is_none() || filter.reads_against().next().is_some() {
        return false;
    }
    if check.text() == filter.text() {
        return true;
    }
    let simple = |ty| {
        !matches!(ty, FactType::Moment | FactType::Moments | FactType::List | FactType::Map | FactType::Any)
    };
    let mut read: Vec<&str> = check.reads().chain(filter.reads()).collect();
    read.sort_unstable();
    read.dedup();
    if !filter.compares_plainly() || !filter.reads().filter_map(ty).all(simple) {
        return false;
    }
    let columns = compiled.probe.cells.iter().take(MAX_ROWS).flat_map(|cell| &cell.row);
    let columns = columns.filter(|(name, _)| read.contains(&name.as_str())).map(|(_, value)| value.clone());
    let Some(tried) = Tried::of_all(&[check, filter], columns.collect()).filter(Tried::is_whole) else {
        return false;
    };
    let facts: Vec<(&str, Vec<Value>)> =
        read.iter().filter_map(|name| Some((*name, tried.of_type(ty(name)?)))).collect();
    let count = facts.iter().try_fold(1_usize, |count, (_, values)| count.checked_mul(values.len()));
    let Some(count) = count.filter(|count| *count <= MAX_WORLDS) else { return false };
    let worlds = combined(&facts);
    let cells = compiled.probe.cells.iter();
    if compiled.probe.cells.len().saturating_mul(count) > MAX_ROWS.max(MAX_WORLDS) {
        return false;
    }
    let mut chosen = false;
    for (cell, world) in cells.flat_map(|cell| worlds.iter().map(move |world| (cell, world))) {
        match truth_in(filter, cell, world) {
            Truth4::False => continue,
            Truth4::True => chosen = true,
            Truth4::Unknown | Truth4::Error => {}
        }
        if truth_in(check, cell, world) != Truth4::True {
            return false;
        }
    }
    chosen
}

/// What a condition is of a look at this row, of which the facts are these.
fn truth_in(check: &Check, cell: &Cell, world: &BTreeMap<&str, Value>) -> Truth4 {
    let fact = |name: &str| match (world.get(name).or_else(|| cell.row.get(name)), name) {
        (Some(value), _) => Fact::Known(value.clone()),
        (None, "attempt") => Fact::Known(1.into()),
        (None, "slot") => Fact::Known(0.into()),
        (None, _) => Fact::Unknown(Blocked::new(Barrier::NotMade, "")),
    };
    check.evaluate(&fact, &mut Budget::trial()).truth
}

/// Every combination of these values, at most [`MAX_WORLDS`].
fn combined<'n>(facts: &[(&'n str, Vec<Value>)]) -> Vec<BTreeMap<&'n str, Value>> {
    let mut worlds: Vec<BTreeMap<&str, Value>> = vec![BTreeMap::new()];
    for (name, values) in facts {
        worlds = worlds
            .iter()
            .flat_map(|world| {
                values.iter().map(|value| [(*name, value.clone())].into_iter().chain(world.clone()).collect())
            })
            .take(MAX_WORLDS)
            .collect();
    }
    worlds
}

/// What the facts might be that a check reads: every combination of a few values of their types, at most [`MAX_WORLDS`]. None
/// where no few values can tell.
fn worlds(check: &Check, ty: impl Fn(&str) -> Option<FactType>) -> Vec<BTreeMap<&str, Value>> {
    let Some(tried) = Tried::of_all(&[check], Vec::new()) else { return Vec::new() };
    let facts: Vec<(&str, Vec<Value>)> =
        check.reads().filter_map(|name| Some((name, tried.of_type(ty(name)?)))).collect();
    if facts.is_empty() { Vec::new() } else { combined(&facts) }
}

/// Values on which a check may turn.
struct Tried {
    numbers: Vec<Value>,
    texts: Vec<Value>,
    /// Longer than any length that it mentions.
    length: usize,
    /// Whether those that are mentioned are all among them.
    whole: bool,
}

impl Tried {
    /// `None` where it may turn on others: a text that a regular expression finds, a list of a million.
    fn of_all(checks: &[&Check], beside: Vec<Value>) -> Option<Self> {
        let mentioned = checks.iter().flat_map(|check| check.turning_values()).chain(beside);
        let mentioned: Vec<Value> = mentioned.collect();
        let of_checks = || mentioned.iter().filter(|value| value.as_i64().is_none_or(|number| number >= 0));
        let numbers = [0, 1, 7, 404, 1_i64 << 40].map(Value::from).into_iter();
        let numbers = numbers.chain(of_checks().filter(|value| value.as_f64().is_some()).cloned());
        let (numbers, all_numbers) = first_of(numbers, MAX_NUMBERS);
        let texts = ["", "x"].map(Value::from).into_iter();
        let texts = texts.chain(of_checks().filter(|value| value.as_text().is_some()).cloned());
        let (texts, all_texts) = first_of(texts, MAX_TEXTS);
        let most = mentioned.iter().filter_map(Value::as_i64).max().unwrap_or(0).max(3);
        let measures = checks.iter().any(|check| check.text().contains("size("));
        if checks.iter().any(|check| check.has_patterns()) || measures && most > MAX_LENGTH {
            return None;
        }
        let length = if measures { usize::try_from(most).unwrap_or(0) + 1 } else { 4 };
        Some(Self { numbers, texts, length, whole: all_numbers && all_texts })
    }

    const fn is_whole(&self) -> bool {
        self.whole
    }

    /// The numbers, and those between.
    fn decimals(&self) -> Vec<f64> {
        let mut numbers: Vec<f64> = self.numbers.iter().filter_map(Value::as_f64).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        let between: Vec<f64> = numbers.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])).collect();
        [numbers, between].concat()
    }

    fn of_type(&self, ty: FactType) -> Vec<Value> {
        let moment = |text| probity_plan::Moment::parse(text).map(Value::Moment);
        let moments = || ["1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"].into_iter().filter_map(moment);
        match ty {
            FactType::Bool => vec![true.into(), false.into()],
            FactType::Int => self.numbers.clone(),
            FactType::Float => {
                self.decimals().into_iter().filter_map(Number::from_f64).map(Value::from).collect()
            }
            FactType::Interval => {
                self.decimals().into_iter().map(|end| Value::interval(end, Some(end))).collect()
            }
            FactType::Text | FactType::Mode | FactType::Version => self.texts(),
            FactType::Moment => moments().collect(),
            FactType::Moments => {
                vec![Value::List(moments().collect()), Value::List(moments().take(1).collect())]
            }
            FactType::List => self.lists(),
            FactType::Map => self.maps(),
            FactType::Any => {
                let plain = [Value::Null, true.into(), false.into()].into_iter();
                plain
                    .chain(self.numbers.clone())
                    .chain(self.texts())
                    .chain(self.lists())
                    .chain(self.maps())
                    .collect()
            }
        }
    }

    fn texts(&self) -> Vec<Value> {
        let long = Value::Text("y".repeat(self.length));
        self.texts.iter().cloned().chain([long]).collect()
    }

    /// None, one of each, all of them, many.
    fn lists(&self) -> Vec<Value> {
        let alone = self.texts.iter().chain(self.numbers.first()).map(|value| vec![value.clone()]);
        let several = [
            Vec::new(),
            self.texts.clone(),
            vec!["y".into(); self.length],
            vec![Value::Map(BTreeMap::new())],
        ];
        alone.chain(several).map(Value::List).collect()
    }

    fn maps(&self) -> Vec<Value> {
        let keys = || self.texts.iter().filter_map(Value::as_text).map(str::to_owned);
        let of = |keys: Vec<String>| Value::Map(keys.into_iter().map(|key| (key, "x".into())).collect());
        let many = (0..self.length).map(|number| format!("y{number}")).collect();
        [Vec::new(), keys().collect(), many].map(of).into()
    }
}

/// The first so many different ones, and whether these are all.
fn first_of(values: impl Iterator<Item = Value>, most: usize) -> (Vec<Value>, bool) {
    let mut first = Vec::new();
    for value in values {
        if first.contains(&value) {
            continue;
        }
        if first.len() == most {
            return (first, false);
        }
        first.push(value);
    }
    (first, true)
}
