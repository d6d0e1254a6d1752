//! A missed target that is marked as achieved.

use crate::assertions::{MAX_SENTENCE, Assertion, Assertions, Form, Modality, Outcome, Role, Said};
use probity_diagnostic::Level;

use crate::document::{Place, Statement};
use crate::finding::{Finding, Rule};
use crate::quantity::{Bound, Kind, Quantity};
use crate::words::pattern;

/// See [`Rule::explanation`].
pub const RULE: Rule = Rule {
    id: "target-missed",
    level: Level::Warning,
    title: "A target is missed and yet marked as achieved.",
    explanation: "Compares target and value in a row of a table, an item or a sentence that is ticked or says that it is met. The direction comes \
        from the words (at least, within, at most); a bare percentage of success, availability or coverage is a least one, a bare latency a \
        most one. A number of required things that is not reached, ticked, is missed too.",
    example: "| Criterion | Target | Achieved | Status |\n|---|---|---|---|\n| Starts | 100 % reliable | 95 % reliable | ✅ ACHIEVED |",
};

pattern!(MET, r"✅|✔|☑|\b(met|achieved|fulfilled|satisfied|reached|exceeds|exceeded|exceeding|meets)\b|\bpass(ed)?\W*$");
pattern!(NOT_MET, r"❌|⚠|🔴|🟡|\b(not|no|below|missed|fail\w*|short|almost|near|nearly|progress|acceptable|close|partial\w*|pending|gap|under|despite|lower|less|however|but|if|should|must|will|better|configured|range|good|great|excellent|fair|per|track|scope|after|budget|minor|issues?)\b|\*|->|→");
// What is safe of a limit does not reach it.
pattern!(ALARM, r"\b(safe|clean|stable|normal|healthy|quiet|alarm|alert|(from|above|over) baseline)\b");
pattern!(NAMED, r"\b(target|goal|required|requirements?|threshold|standard|slo|sla|exceed\w*|meets?|met)\b");
pattern!(TOLD_MET, r"\b(met|meets|achieved|fulfilled|satisfied|reached|exceed\w*|pass(ed)?)\b");
pattern!(CALLED, r"\b(target|goal|required?|requirements?|threshold|standard|slo|sla)\W*((is|of|was)\W+)?((at least|at most|less than|more than)\W+)?$");
pattern!(WANTED, r"\b(coverage|pass\w*|success\w*|availab\w+|uptime|accura\w+|complet\w+|compliance|score|quality|stability|reliab\w+|confidence|rates?|found|detect\w*|progress)\b");
pattern!(FORECAST, r"\b(estimated?|expected|projected|forecast|planned)\b");
// "Login required: 45/47" tells of what they are.
pattern!(REQUIRED, r"^(all |the )?(required|mandatory)\b");

/// A target with the value beside it.
pub(super) struct Pair<'a> {
    /// What is demanded.
    pub(super) target: &'a Quantity,
    /// In which direction.
    pub(super) bound: Bound,
    /// What was measured.
    pub(super) value: &'a Quantity,
    /// The assertion of the value.
    pub(super) claim: &'a Assertion,
    /// Whether it is marked as achieved.
    pub(super) met: bool,
}

/// Every target with the one value that stands in the same row or sentence.
pub(super) fn pairs<'a>(all: &'a Assertions<'_>) -> Vec<Pair<'a>> {
    let mut out = Vec::new();
    for statement in all.all.chunk_by(|one, other| one.line == other.line && one.block == other.block) {
        // What is called target comes before a limit in the name of what is measured.
        let targets = |form: fn(Form) -> bool| {
            let mut found = statement.iter().filter(|one| matches!(one.said, Said::Target(..)) && form(one.form));
            found.next().filter(|_| found.next().is_none())
        };
        let called = targets(|form| form != Form::Label);
        let Some(wanted) = called.or_else(|| targets(|form| form == Form::Label)) else { continue };
        let Said::Target(target, bound) = &wanted.said else { continue };
        // A sentence after it on the same line may say that it is met.
        let (from, to) = (statement.first().map_or(0, |one| one.at), statement.last().map_or(0, |one| one.at + 2));
        let near = all.document.statements.get(from..to.min(all.document.statements.len())).unwrap_or_default();
        let near = near.iter().filter(|s| s.line == wanted.line).map(|s| s.lower.as_str());
        let text = near.collect::<Vec<_>>().join(" ");
        let values = statement.iter().filter_map(|one| Some((one, one.measured()?)));
        let actual = |one: &Assertion| match (one.form, wanted.form) {
            (Form::Cell(table, _, column), Form::Cell(..)) => all.columns.get(table).is_some_and(|c| c.roles.get(column) == Some(&Role::Actual)),
            _ => true,
        };
        let mut values = values.filter(|(one, q)| actual(one) && like(target, q) && !q.rough && !q.negative);
        let Some((claim, value)) = values.next() else { continue };
        if values.any(|(_, other)| (other.start, other.value) != (value.start, value.value)) || target.rough {
            continue;
        }
        let passed = statement.iter().any(|one| one.said == Said::Outcome(Outcome::Passed));
        let met = match claim.form {
            Form::Cell(..) => passed && MET.is_in(&text) && !NOT_MET.is_in(&text),
            _ => MET.is_in(&text) && !NOT_MET.is_in(&text) && !is_unticked(all, claim),
        };
        out.push(Pair { target, bound: *bound, value, claim, met });
    }
    out
}

/// Whether another column of the table tells what is expected, for which the tick may be.
fn is_forecast(all: &Assertions<'_>, claim: &Assertion) -> bool {
    let Form::Cell(table, ..) = claim.form else { return false };
    all.document.tables.get(table).is_some_and(|table| table.column(|head| FORECAST.is_in(head)).is_some())
}

/// Whether it stands in a box that is not ticked.
fn is_unticked(all: &Assertions<'_>, claim: &Assertion) -> bool {
    let statement = all.document.statements.get(claim.at);
    statement.is_some_and(|s| matches!(s.place, Place::Item { done: Some(false), .. }))
}

/// Whether a value can be held against a target.
fn like(target: &Quantity, value: &Quantity) -> bool {
    let percent = target.kind == Kind::Percent && value.percent().is_some();
    percent || (target.comparable(value) && target.kind != Kind::Percent && (target.unit == value.unit || matches!(target.kind, Kind::Seconds(_))))
}

/// Finds.
pub fn check(all: &Assertions<'_>, found: &mut Vec<Finding>) {
    for pair in pairs(all).iter().filter(|pair| pair.met && pair.claim.modality == Modality::Done && missed(pair)) {
        // A long line tells of many things, and so does one with more numbers of the kind than these two.
        let kinds = |s: &Statement| s.quantities.iter().filter(|q| q.kind == pair.target.kind).count();
        let cell = matches!(pair.claim.form, Form::Cell(..));
        // "Exceeds 5000 ms" and "42.7 % custom code (target: 45 %) exceeded" may be meant either way.
        let told = pair.target.bound.is_some() || cell;
        // A tick alone, beside a target that is not called so before its number, may be for coming nearer.
        let before = |s: &Statement| s.lower.get(..pair.target.start).is_some_and(|before| CALLED.is_in(before));
        let unsure = |s: &Statement| !cell && (!NAMED.is_in(&s.lower) || !(TOLD_MET.is_in(&s.lower) || pair.target.bound.is_some() || before(s)) || match pair.target.kind {
            Kind::Seconds(_) => s.lower.contains("exceed"),
            Kind::Percent => !told && !WANTED.is_in(&s.lower),
            _ => false,
        });
        let other = |s: &Statement| unsure(s) || is_forecast(all, pair.claim) || ALARM.is_in(&s.lower) || s.lower.len() > MAX_SENTENCE || !cell && kinds(s) > 2;
        if all.document.statements.get(pair.claim.at).is_some_and(other) {
            continue;
        }
        let (value, target) = (pair.value.written(), pair.target.written());
        let sign = match pair.bound {
            Bound::Least => "at least",
            Bound::Above => "more than",
            Bound::Most => "at most",
            Bound::Below => "less than",
        };
        let message = format!("marked as achieved, but {value} is not {sign} {target}");
        found.push(Finding::new(message, [pair.claim.line]));
    }
    for statement in all.all.chunk_by(|one, other| one.at == other.at) {
        let short = statement.iter().find(|one| {
            let fraction = one.measured().and_then(|q| Some((q.value, q.of()?)));
            fraction.is_some_and(|(value, of)| value < of) && REQUIRED.is_in(&one.name) && one.form == Form::Label
        });
        let passed = statement.iter().any(|one| one.said == Said::Outcome(Outcome::Passed) && one.modality == Modality::Done);
        if let (Some(short), true) = (short, passed) {
            let value = short.measured().map_or(String::new(), Quantity::written);
            found.push(Finding::new(format!("\"{}\" is ticked, but only {value}", short.name), [short.line]));
        }
    }
}

/// Whether the value misses the target. "More than 95 %" in a table is often meant as "at least".
pub(super) fn missed(pair: &Pair<'_>) -> bool {
    let (value, target) = match (pair.target.kind, pair.value.percent()) {
        (Kind::Percent, Some(percent)) => (percent, pair.target.value),
        _ => (pair.value.base(), pair.target.base()),
    };
    let bound = match (pair.bound, pair.claim.form) {
        (Bound::Above, Form::Cell(..)) => Bound::Least,
        (Bound::Below, _) => Bound::Most,
        (bound, _) => bound,
    };
    // What is rounded to the target reaches it.
    !bound.holds(value, target) && (value == target || (value - target).abs() > pair.target.half_digit() * pair.target.base() / pair.target.value.max(f64::MIN_POSITIVE))
}
