//! What of a plan cannot settle a rate, or hardly.

use probity_diagnostic::Level;
use probity_plan::units::{Percent, Share, Span};
use probity_plan::{Form, MAX_LOOKS, Plan};

use crate::check::{Compiled, Problems, counted};
use crate::multiplicity::confidence;
use crate::statistics;
use crate::verdict::Rules;
use crate::wording::finding::short_block;

/// How many trials a rate is decided on, at most, of what `where` may leave; of the row that has least, where each is decided
/// for itself. Whole blocks of time instead of looks where it says so. None where `where` leaves nothing.
fn trials(compiled: &Compiled<'_>, block: Option<Span>, pooled: bool) -> Option<u64> {
    let probe = compiled.probe;
    let of_row = |looks: u64| match (block, probe.schedule.every) {
        // A block counts with whatever is left of it.
        (Some(block), Some(every)) => {
            let planned = u64::from(probe.planned());
            let blocks = every.0.as_micros() * u128::from(planned) / block.0.as_micros().max(1);
            looks.min(u64::try_from(blocks).unwrap_or(u64::MAX))
        }
        _ => looks,
    };
    let rows = compiled.chosen.iter().copied().filter(|looks| *looks > 0).map(of_row);
    if pooled { rows.reduce(u64::saturating_add) } else { rows.min() }
}

pub(crate) fn check(plan: &Plan, rules: &Rules<'_>, compiled: &Compiled<'_>, found: &mut Problems) {
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
    if let Some((wrong, remedy)) = several_votes(compiled, block, pooled) {
        found.push(
            Level::Error,
            "one-vote",
            at,
            format!("`{claim}`: each trial is one vote, and {wrong}"),
            remedy,
        );
        return;
    }
    let alpha = statistics::alpha(plan.confidence);
    let Some(trials) = trials(compiled, block, pooled) else { return };
    let least = statistics::least_if_all_succeed(share, alpha);
    let objective = Percent(share.0);
    let unit = if block.is_some() { "block" } else { "sample" };
    if trials < least {
        let can = statistics::round_down(statistics::lower(trials, trials, alpha));
        let hint = if trials == 1 && compiled.probe.planned() == 1 && block.is_none() {
            format!("`{}` looks once; give it `every` and `for`, or `repeat: {least}`", compiled.claim.of)
        } else {
            let show = if trials == 1 { "shows" } else { "show" };
            format!("plan {least}, or claim at most {}, which {} {show}", Percent(can), counted(trials, unit))
        };
        let hint = if least > MAX_LOOKS {
            let can = statistics::round_down(statistics::lower(MAX_LOOKS, MAX_LOOKS, alpha));
            format!("no plan may look more than {MAX_LOOKS} times, which show at most {}", Percent(can))
        } else {
            hint
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
                || format!("; no number of trials up to {} settles it in 8 of 10", statistics::MAX_TRIALS),
                |likely| format!("; {likely} settle it in 8 of 10"),
            );
            found.push(Level::Warning, "expect", at, message, "plan more trials, or claim a lower share");
        }
    }
}

/// Why a trial would count more than once, and what to do.
fn several_votes(compiled: &Compiled<'_>, block: Option<Span>, pooled: bool) -> Option<(String, String)> {
    compiled.probe.trial.as_ref()?;
    let of = &compiled.claim.of;
    if compiled.probe.schedule.slots() > 1 {
        let wrong = format!("`{of}` looks {} times in each", compiled.probe.schedule.slots());
        return Some((
            wrong,
            format!("let `{of}` look once (`until` waits for something), or leave `share` out"),
        ));
    }
    if pooled && compiled.probe.cells.len() > 1 {
        let wrong = format!("`{of}` has {} rows in each", compiled.probe.cells.len());
        return Some((wrong, "leave `pooled` out: each row is then decided for itself".to_owned()));
    }
    block.map(|_| ("`block` counts stretches of time".to_owned(), "leave `block` out".to_owned()))
}

/// A rule that decides its rates more strictly may need more trials than the claim itself.
fn in_rules(
    plan: &Plan,
    rules: &Rules<'_>,
    compiled: &Compiled<'_>,
    (trials, share): (u64, Share),
    found: &mut Problems,
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
