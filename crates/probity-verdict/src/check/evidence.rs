//! Whether what the claims read can show what they say.

use probity_diagnostic::Level;
use probity_plan::model::{Cell, Starts};
use probity_plan::{Claim, Denied, FactType, Form, Impact, Plan, Probe, Shows};

use super::{Compiled, Problems};
use crate::condition::Check;
use crate::judge::control::SameForOthers;
use crate::judge::denial::{ALL, MAX_ROWS, Question, ShownByControls};

pub(super) fn check(plan: &Plan, claims: &[Compiled<'_>], found: &mut Problems) {
    presence(claims, found);
    timed_beside_load(plan, claims, found);
    let mut controls = ShownByControls::default();
    for compiled in claims {
        denial(plan, compiled, claims, &mut controls, found);
        super::always::check(compiled, found);
        selected(compiled, found);
        status_alone(compiled, found);
    }
}

/// One note for all: they show that something is there, not that it works.
fn presence(claims: &[Compiled<'_>], found: &mut Problems) {
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
fn timed_beside_load(plan: &Plan, claims: &[Compiled<'_>], found: &mut Problems) {
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
    found: &mut Problems,
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
    let controls = SameForOthers::of(others.into_iter().filter(granted), Denied::Request);
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
fn of_more_looks(compiled: &Compiled<'_>, claims: &[Compiled<'_>], found: &mut Problems) {
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

/// A rate of what was chosen by what was seen.
fn selected(compiled: &Compiled<'_>, found: &mut Problems) {
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
fn status_alone(compiled: &Compiled<'_>, found: &mut Problems) {
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
