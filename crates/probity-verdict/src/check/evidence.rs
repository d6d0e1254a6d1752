//! Whether what the claims read can show what they say.

use std::collections::BTreeMap;

use probity_diagnostic::Level;
use probity_plan::model::{Cell, Starts};
use probity_plan::{
    Barrier, Blocked, Claim, Denied, Fact, FactType, Form, Impact, Plan, Probe, Shows, Value,
};

use super::{Compiled, Found};
use crate::condition::{Budget, Check};
use crate::judge::control::SameForOthers;
use crate::judge::denial::{ALL, MAX_ROWS, Question, ShownByControls};
use crate::truth::Truth4;

/// Worlds that are tried for one check.
const MAX_WORLDS: usize = 4096;

/// The longest list or text that is made to be tried, in elements or characters.
const MAX_LENGTH: i64 = 10_000;

pub(super) fn check(plan: &Plan, claims: &[Compiled<'_>], found: &mut Found) {
    presence(claims, found);
    timed_beside_load(plan, claims, found);
    let mut controls = ShownByControls::default();
    for compiled in claims {
        denial(plan, compiled, claims, &mut controls, found);
        always(compiled, found);
        selected(compiled, found);
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
    let form = &compiled.claim.form;
    let change = matches!(form, Form::Periodic { starts: Starts::Changes(_), .. })
        || form.against() == Some(compiled.claim.of.as_str());
    let spec = compiled.probe.spec();
    let mut shown = compiled.reads().into_iter().filter_map(|name| spec.shows_of(name, change));
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

/// A check that only a denial satisfies, without the observation that shows that it could have been otherwise; and a
/// control that shows nothing of the kind.
fn denial(
    plan: &Plan,
    compiled: &Compiled<'_>,
    claims: &[Compiled<'_>],
    controls: &mut ShownByControls,
    found: &mut Found,
) {
    let claim = compiled.claim;
    let Some(check) = compiled.check else { return of_more_looks(compiled, claims, found) };
    let question = Question::new(compiled.probe, check, compiled.filter, claims.len());
    if !question.states() {
        return;
    }
    let cells = || compiled.probe.cells.iter().take(MAX_ROWS);
    if let Some(name) = &claim.control {
        let Some(control) = claims.iter().find(|other| other.claim.name == *name) else { return };
        let mut shown_to =
            |probe: &Probe| controls.of(plan, control.claim, control.check, control.filter, probe.spec());
        let shown = shown_to(compiled.probe);
        let own = |what| {
            question.reads_of(what)
                && !shown.includes(what)
                && cells().any(|cell| question.possible(cell).includes(what))
        };
        let other = claim.form.against().and_then(|against| plan.probe(against));
        let other = other.map(|other| (other, shown_to(other)));
        let against = |what| {
            other.is_some_and(|(other, shown)| {
                let possible = |cell| question.possible_against(other.spec(), cell).includes(what);
                !shown.includes(what) && cells().any(possible)
            })
        };
        // A check that cannot be read is an error already.
        let readable = control.check.is_some() || !control.claim.form.is_of_single_looks();
        if let Some(what) = ALL.into_iter().find(|what| own(*what) || against(*what))
            && readable
        {
            let (message, hint) = no_control(claim, control, what, claims.len());
            found.push(Level::Error, "control", &claim.at, message, hint);
        }
        return;
    }
    // Rows that are counted together cannot stand for each other.
    let pooled = matches!(claim.form, Form::Rate { pooled: true, .. } | Form::Compare { .. });
    let (denied, others): (Vec<&Cell>, Vec<&Cell>) = cells().partition(|cell| question.only_denied(cell));
    let granted = |cell: &&Cell| !pooled && question.holds_granted(cell, Denied::Request);
    let controls = SameForOthers::of(others.into_iter().filter(granted));
    if denied.iter().any(|cell| !controls.includes(cell)) {
        let hint = "name the claim that shows the same thing succeeding where it should: `control: CLAIM`";
        found.push(
            Level::Warning,
            "denial",
            &claim.at,
            format!("`{}` holds only of a denial, and names no `control`", claim.name),
            if compiled.probe.cells.len() > 1 && !pooled {
                format!("{hint}; or add rows that ask the same as somebody who may")
            } else {
                hint.to_owned()
            },
        );
    }
}

/// A claim without a check of its own, of facts that deny, beside a control that shows no denial.
fn of_more_looks(compiled: &Compiled<'_>, claims: &[Compiled<'_>], found: &mut Found) {
    let claim = compiled.claim;
    let named = claim.control.as_ref();
    let control = named.and_then(|name| claims.iter().find(|other| other.claim.name == *name));
    let Some(control) = control.filter(|control| !control.claim.form.is_of_single_looks()) else { return };
    let denied = claim.form.facts().into_iter().find_map(|name| compiled.probe.spec().fact(name)?.denial);
    if let Some((what, _)) = denied {
        let (message, hint) = no_control(claim, control, what, claims.len());
        found.push(Level::Error, "control", &claim.at, message, hint);
    }
}

/// Why a control is none, and what one would be; one of so many claims.
fn no_control(claim: &Claim, control: &Compiled<'_>, what: Denied, claims: usize) -> (String, String) {
    let kind = control.probe.spec().name;
    let granted = match what {
        Denied::Connection => "a connection was made",
        Denied::Answer => "a whole answer came",
        Denied::Request => "the request was granted",
        Denied::Name => "the name is there",
    };
    let message = format!(
        "`{}` is no positive control of `{}`: it can hold although nothing shows that {granted}",
        control.claim.name, claim.name
    );
    if !control.claim.form.is_of_single_looks() {
        let hint = "name a claim whose `check` is asked of each single look: without `against`, `stable` and `periodic`";
        return (message, hint.to_owned());
    }
    let grants: Vec<&str> = control.probe.spec().grants(what).map(|(name, _)| name).collect();
    let withdrawing = control.check.and_then(|check| {
        let question = Question::new(control.probe, check, control.filter, claims);
        question.withdrawing(what)
    });
    if let (Some(fact), false) = (withdrawing, grants.is_empty()) {
        let hint = format!(
            "let its check ask for `{fact}.size() == 0` too, or let `{}` follow none: where a redirect led may be another page",
            control.probe.name
        );
        return (message, hint);
    }
    let hint = if grants.is_empty() || (kind != claim_kind(claim, control) && what != Denied::Connection) {
        "name a claim about a probe of the same kind that is granted what is denied here".to_owned()
    } else {
        format!("let its check ask for {} as it is where that is so", grants.join(" or "))
    };
    (message, hint)
}

/// The kind that a control has to be of; its own where that cannot be told.
fn claim_kind(claim: &Claim, control: &Compiled<'_>) -> &'static str {
    if claim.of == control.claim.of { control.probe.spec().name } else { "" }
}

/// A check that is true whatever is seen shows nothing.
fn always(compiled: &Compiled<'_>, found: &mut Found) {
    let Some(check) = compiled.check.filter(|check| check.reads_against().next().is_none()) else {
        return;
    };
    let spec = compiled.probe.spec();
    let worlds = worlds(check, |name| spec.fact(name).map(|fact| fact.ty));
    let cells = compiled.probe.cells.iter().take(MAX_ROWS.div_ceil(worlds.len().max(1)));
    let true_in = |cell: &Cell, world: &BTreeMap<&str, Value>| {
        let fact = |name: &str| match (world.get(name).or_else(|| cell.row.get(name)), name) {
            (Some(value), _) => Fact::Known(value.clone()),
            (None, "attempt") => Fact::Known(1.into()),
            (None, "slot") => Fact::Known(0.into()),
            (None, _) => Fact::Unknown(Blocked::new(Barrier::NotMade, "")),
        };
        check.evaluate(&fact, &mut Budget::trial()).truth == Truth4::True
    };
    let all = |cell: &Cell| worlds.iter().all(|world| true_in(cell, world));
    if !worlds.is_empty() && cells.clone().all(all) {
        found.push(
            Level::Warning,
            "always",
            &compiled.claim.at,
            format!(
                "`{}` holds whatever is seen, as far as was tried: its check says nothing",
                compiled.claim.name
            ),
            "compare with what would be wrong",
        );
    }
}

/// What the facts might be that a check reads: every combination of a few values of their types, at most [`MAX_WORLDS`]. None
/// where no few values can tell.
fn worlds(check: &Check, ty: impl Fn(&str) -> Option<FactType>) -> Vec<BTreeMap<&str, Value>> {
    let Some(tried) = Tried::of(check) else { return Vec::new() };
    let mut worlds: Vec<BTreeMap<&str, Value>> = vec![BTreeMap::new()];
    let mut any = false;
    for name in check.reads() {
        let Some(ty) = ty(name) else { continue };
        any = true;
        let values = tried.of_type(ty);
        worlds = worlds
            .iter()
            .flat_map(|world| {
                values.iter().map(|value| [(name, value.clone())].into_iter().chain(world.clone()).collect())
            })
            .take(MAX_WORLDS)
            .collect();
    }
    if any { worlds } else { Vec::new() }
}

/// Values on which a check may turn.
struct Tried {
    numbers: Vec<Value>,
    texts: Vec<Value>,
    /// Longer than any length that it mentions.
    length: usize,
}

impl Tried {
    /// `None` where it may turn on others: a text that a regular expression finds, a list of a million.
    fn of(check: &Check) -> Option<Self> {
        let mentioned = check.turning_values();
        let of_check = || mentioned.iter().filter(|value| value.as_i64().is_none_or(|number| number >= 0));
        let numbers = [0, 1, 7, 404, 1_i64 << 40].map(Value::from).into_iter();
        let numbers = numbers.chain(of_check().filter(|value| value.as_f64().is_some()).cloned()).take(20);
        let texts = ["", "x"].map(Value::from).into_iter();
        let texts = texts.chain(of_check().filter(|value| value.as_text().is_some()).cloned()).take(12);
        let most = mentioned.iter().filter_map(Value::as_i64).max().unwrap_or(0).max(3);
        let measures = check.text().contains("size(");
        if check.has_patterns() || measures && most > MAX_LENGTH {
            return None;
        }
        let length = if measures { usize::try_from(most).unwrap_or(0) + 1 } else { 4 };
        Some(Self { numbers: numbers.collect(), texts: texts.collect(), length })
    }

    fn of_type(&self, ty: FactType) -> Vec<Value> {
        let moment = |text| probity_plan::Moment::parse(text).map(Value::Moment);
        let moments = || ["1970-01-01T00:00:00Z", "2100-01-01T00:00:00Z"].into_iter().filter_map(moment);
        match ty {
            FactType::Bool => vec![true.into(), false.into()],
            FactType::Int | FactType::Float => self.numbers.clone(),
            FactType::Interval => {
                let ends = self.numbers.iter().filter_map(Value::as_f64);
                ends.map(|end| Value::interval(end, Some(end))).collect()
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

/// A rate of what was chosen by what was seen.
fn selected(compiled: &Compiled<'_>, found: &mut Found) {
    let claim = compiled.claim;
    let Some(filter) = compiled.filter.filter(|_| claim.form.objective().is_some()) else {
        return;
    };
    let seen: Vec<&str> = filter.reads_sight(compiled.probe).collect();
    if claim.selected || seen.is_empty() {
        return;
    }
    found.push(
        Level::Warning,
        "selected",
        &claim.at,
        format!(
            "`{}` is a rate of the observations that `where` chooses by what was seen ({}): where it leaves some out, no \
             acceptance rests on it",
            claim.name,
            seen.join(", ")
        ),
        "let `check` say it, as in `!(A) || B`; or say `selected: true`, if the rate is meant to be about those alone",
    );
}

/// A refused connection has no status: a check of `status` alone is then undetermined, and many mean it to fail.
fn status_alone(compiled: &Compiled<'_>, found: &mut Found) {
    let reads = |name| {
        let checks = compiled.check.into_iter().chain(compiled.filter);
        checks.flat_map(Check::reads).any(|read| read == name)
    };
    let Some(check) = compiled.check else { return };
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
