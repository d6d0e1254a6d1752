//! Whether what is planned can settle what is claimed.

use std::time::Duration;

use probity_diagnostic::Level;
use probity_plan::model::Starts;
use probity_plan::units::{Percent, Share, Span};
use probity_plan::{Form, Plan, Probe};

use super::{Compiled, Found};
use crate::multiplicity::confidence;
use crate::statistics;
use crate::verdict::Rules;
use crate::wording::finding::short_block;

pub(super) fn check(plan: &Plan, rules: &Rules<'_>, claims: &[Compiled<'_>], found: &mut Found) {
    companions(plan, found);
    for compiled in claims {
        let name = &compiled.claim.name;
        let of = &compiled.claim.of;
        match &compiled.claim.form {
            Form::Rate { .. } => rate(plan, rules, compiled, found),
            Form::Periodic { every, tolerance, periods, starts } => {
                periodic(compiled, [*every, *tolerance], *periods, starts, found);
            }
            Form::Stable { .. } if compiled.probe.planned() < 2 => found.push(
                Level::Error,
                "one-look",
                &compiled.claim.at,
                format!("`{name}` says that facts do not change, and `{of}` looks once"),
                format!("let `{of}` look several times: `every` and `for`, or `repeat`"),
            ),
            Form::Compare { against, .. } if against == of && compiled.probe.planned() < 2 => found.push(
                Level::Error,
                "one-look",
                &compiled.claim.at,
                format!("`{name}` compares the first look of `{of}` with its last, and `{of}` looks once"),
                format!("let `{of}` look several times: `every` and `for`, or `repeat`"),
            ),
            Form::Compare { against, .. } => compare(plan, compiled, against, found),
            Form::Each { .. } | Form::Stable { .. } => {}
        }
    }
}

/// What looks while another probe does has to end with it: later looks are not made.
fn companions(plan: &Plan, found: &mut Found) {
    for probe in &plan.probes {
        let Some(with) = probe.with.as_ref().and_then(|with| plan.probe(with)) else { continue };
        let (schedule, rows) = (&with.schedule, u32::try_from(with.cells.len()).unwrap_or(u32::MAX));
        let (Some(every), Some(lasting)) = (probe.schedule.every, probe.schedule.lasting) else { continue };
        let last = every.0.saturating_mul(probe.planned().saturating_sub(1));
        // Without a schedule nobody knows how long it takes, but for its time-outs.
        let (surely, longest) = match schedule.lasting {
            Some(surely) => (surely.0, schedule.longest().saturating_mul(rows)),
            None => (Duration::ZERO, schedule.longest().saturating_mul(rows)),
        };
        if last < surely {
            continue;
        }
        let (level, may) = if last > longest { (Level::Error, "is") } else { (Level::Warning, "may be") };
        found.push(
            level,
            "with",
            &probe.at,
            format!(
                "`{}` looks for {lasting} while `{}` does, which {may} over before: what is then left is not looked at",
                probe.name, with.name
            ),
            match schedule.lasting {
                Some(lasting) => format!("let `{}` look for at most {lasting}, or `{}` for longer", probe.name, with.name),
                None => format!("let `{}` look for less long than `{}` takes", probe.name, with.name),
            },
        );
    }
}

/// Which look is compared with which has to be known.
fn compare(plan: &Plan, compiled: &Compiled<'_>, against: &str, found: &mut Found) {
    let (own, other) = (compiled.probe.planned(), plan.probe(against).map_or(1, Probe::planned));
    if compiled.claim.of != against && other != 1 && own != other {
        found.push(
            Level::Error,
            "compare",
            &compiled.claim.at,
            format!(
                "`{}` compares {} of `{}` with {other} of `{against}`, and which with which is not known",
                compiled.claim.name,
                counted(own.into(), "look"),
                compiled.claim.of
            ),
            format!("plan as many looks of both, or one of `{against}`"),
        );
    }
}

/// How many trials a rate is decided on, at most: blocks of time instead of looks where it says so.
fn trials(compiled: &Compiled<'_>, block: Option<Span>, pooled: bool) -> u64 {
    let schedule = &compiled.probe.schedule;
    let looks = u64::from(compiled.probe.planned());
    let each = match (block, schedule.every) {
        (Some(block), Some(every)) => {
            let blocks = (every.0.as_micros() * u128::from(looks)).div_ceil(block.0.as_micros().max(1));
            looks.min(u64::try_from(blocks).unwrap_or(u64::MAX))
        }
        _ => looks,
    };
    if pooled { each.saturating_mul(compiled.probe.cells.len() as u64) } else { each }
}

fn rate(plan: &Plan, rules: &Rules<'_>, compiled: &Compiled<'_>, found: &mut Found) {
    if let (Form::Rate { block: Some(block), .. }, Some(every)) =
        (&compiled.claim.form, compiled.probe.schedule.every)
        && block.0 < every.0.saturating_mul(2)
    {
        let message = format!("`{}`: {}", compiled.claim.name, short_block(*block, every));
        let hint = format!("say a `block` of at least {}, or leave it out", Span(every.0.saturating_mul(2)));
        found.push(Level::Error, "block", &compiled.claim.at, message, hint);
        return;
    }
    let Form::Rate { share, block, pooled, expect, .. } = compiled.claim.form else { return };
    let (claim, at) = (&compiled.claim.name, &compiled.claim.at);
    let alpha = statistics::alpha(plan.confidence);
    let trials = trials(compiled, block, pooled);
    let least = statistics::least_if_all_succeed(share, alpha);
    let objective = Percent(share.0);
    let unit = if block.is_some() { "block" } else { "sample" };
    if trials < least {
        let can = statistics::round_down(statistics::lower(trials, trials, alpha));
        let hint = if trials == 1 && block.is_none() {
            format!("`{}` looks once; give it `every` and `for`, or `repeat: {least}`", compiled.claim.of)
        } else {
            format!("plan {least}, or claim at most {}, which {} show", Percent(can), counted(trials, unit))
        };
        let message = format!("`{claim}`: {} cannot settle {objective}, {least} can", counted(trials, unit));
        found.push(Level::Error, "sample", at, message, hint);
        return;
    }
    if trials == 1 {
        let message = format!("`{claim}` is a rate and plans one trial");
        found.push(Level::Warning, "sample", at, message, "leave `share` out, or plan more trials");
    }
    in_rules(plan, rules, compiled, (trials, share), found);
    if let Some(expect) = expect {
        let chance = statistics::chance_settled(trials, share, alpha, expect.0);
        let mut message = format!(
            "`{claim}`: {} settle {objective} in {} of runs if the rate is {expect}, as expected",
            counted(trials, unit),
            Percent((chance * 100.0).floor().clamp(0.0, 100.0) / 100.0)
        );
        if chance >= 0.8 {
            found.push(Level::Note, "expect", at, message, "");
        } else {
            let likely = statistics::likely_to_settle(share, alpha, expect.0);
            message += &likely.map_or_else(
                || "; no number of trials settles it in 8 of 10".to_owned(),
                |likely| format!("; {likely} settle it in 8 of 10"),
            );
            found.push(Level::Warning, "expect", at, message, "plan more trials, or claim a lower share");
        }
    }
}

/// A rule that decides its rates more strictly may need more trials than the claim itself.
fn in_rules(
    plan: &Plan,
    rules: &Rules<'_>,
    compiled: &Compiled<'_>,
    (trials, share): (u64, Share),
    found: &mut Found,
) {
    let name = &compiled.claim.name;
    for (number, rule) in plan.rules.iter().enumerate() {
        let divisor = rules.divisor(number);
        if divisor == 1 || !rules.decides(number, name) {
            continue;
        }
        let alpha = statistics::alpha(plan.confidence) / f64::from(divisor);
        let least = statistics::least_if_all_succeed(share, alpha);
        if trials < least {
            let message = format!(
                "`{name}`: rule {} ({}) rests on {divisor} rates of which any could be mistaken and decides each at {}; \
                 {} cannot settle {} there, {least} can",
                number + 1,
                rule.label,
                confidence(plan, divisor),
                counted(trials, "sample"),
                Percent(share.0),
            );
            found.push(Level::Warning, "sample", &compiled.claim.at, message, format!("plan {least}"));
        }
    }
}

fn periodic(
    compiled: &Compiled<'_>,
    [every, tolerance]: [Span; 2],
    periods: u32,
    starts: &Starts,
    found: &mut Found,
) {
    let (claim, at) = (&compiled.claim.name, &compiled.claim.at);
    let Starts::Changes(fact) = starts else { return };
    let (Some(poll), Some(lasting)) = (compiled.probe.schedule.every, compiled.probe.schedule.lasting) else {
        found.push(
            Level::Error,
            "watch",
            at,
            format!(
                "`{claim}` watches for changes of `{fact}`, and `{}` does not look at intervals",
                compiled.claim.of
            ),
            format!("give `{}` `every` and `for`", compiled.claim.of),
        );
        return;
    };
    // A gap between two changes is known to within one poll at either end: an interval two polls wide, which has to
    // lie within tolerance on either side.
    if poll > tolerance {
        found.push(
            Level::Error,
            "polling",
            at,
            format!(
                "`{claim}`: `{}` looks every {poll}, too slowly to see a gap surely within a tolerance of {tolerance}",
                compiled.claim.of
            ),
            format!("look at least every {tolerance}"),
        );
    }
    let shortest: Duration = (every.0 - tolerance.0.min(every.0)).saturating_mul(periods);
    if lasting.0 <= shortest {
        let needed = Span(every.0.saturating_mul(periods.saturating_add(1)) + tolerance.0);
        found.push(
            Level::Error,
            "watch",
            at,
            format!("`{claim}`: a watch of {lasting} cannot see {periods} complete gaps of {every}"),
            format!("watch for {needed}, or ask for fewer `periods`"),
        );
    }
}

/// `1 sample`, `17 samples`.
fn counted(number: u64, what: &str) -> String {
    probity_plan::units::counted(number, what, &format!("{what}s"))
}
