//! Whether moments of different clocks are held against each other: nothing that a run records says how far those were apart when
//! something happened there.

use probity_diagnostic::Level;
use probity_plan::{FactType, Form, Plan, Probe};

use super::{Compiled, Problems};

pub(super) fn check(plan: &Plan, claims: &[Compiled<'_>], found: &mut Problems) {
    for Compiled { claim, probe, check, .. } in claims {
        let Form::Compare { against, check: condition } = &claim.form else { continue };
        let (Some(other), Some(check)) = (plan.probe(against), check) else { continue };
        let elsewhere = |probe: &Probe| {
            let Some(name) = probe.on.as_deref() else { return false };
            // One that the plan does not declare is of a trial's machine: how that is reached is known once there is one.
            plan.observer(name).is_none_or(|it| it.reach.is_elsewhere())
        };
        if probe.on == other.on || !elsewhere(probe) && !elsewhere(other) {
            continue;
        }
        let is_moment = |probe: &Probe, name: &str| {
            probe.spec().fact(name).is_some_and(|fact| match fact.ty {
                FactType::Moment | FactType::Moments => true,
                // What the plan makes a moment is one of these.
                FactType::Text | FactType::List | FactType::Map | FactType::Any => check.makes_moments(),
                _ => false,
            })
        };
        if check.reads().any(|name| is_moment(probe, name))
            && check.reads_against().any(|name| is_moment(other, name))
        {
            let message = format!(
                "`{}` and `{}` are seen on machines with clocks of their own: times of one say nothing beside times of the other",
                probe.name, other.name
            );
            let hint = "hold each against the time of its own look, or look at both from one machine";
            found.push(Level::Error, "two-clocks", &condition.at, message, hint);
        }
    }
}
