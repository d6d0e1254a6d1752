//! `run --dry-run`: what would be done, in which order, and what it would take.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use probity_plan::units::{Span, counted};
use probity_plan::{Impact, Lane, Plan, Probe};
use probity_probe::schedule::stages;

/// The text of a dry run.
pub fn describe(plan: &Plan, allow: Impact, only: &[String], timed: &BTreeSet<String>) -> String {
    let mut out = format!(
        "{}\nNothing was done. A run with --allow {allow} would do this, in this order:\n",
        probity_report::visible(&plan.title)
    );
    let mut longest = Duration::ZERO;
    let mut held_back = Vec::new();
    for (number, stage) in stages(plan, timed).iter().enumerate() {
        let lane = match stage.lane {
            Lane::Parallel => "beside each other",
            Lane::Quiet => "alone",
        };
        let stage_longest = stage.probes.iter().map(|probe| longest_of(probe)).max().unwrap_or_default();
        longest += stage_longest;
        _ = writeln!(out, "\n{}. {lane}, at most {}", number + 1, Span(stage_longest));
        for probe in &stage.probes {
            describe_probe(&mut out, probe);
            let left_out = !only.is_empty() && !only.contains(&probe.name);
            if probe.impact > allow || left_out {
                held_back.push((
                    probe.name.clone(),
                    if left_out { "--only".to_owned() } else { format!("--allow {}", probe.impact) },
                ));
            }
        }
    }
    _ = writeln!(out, "\nAt most {} in all.", Span(longest));
    for (name, needs) in &held_back {
        let claims: Vec<&str> =
            plan.claims.iter().filter(|claim| &claim.of == name).map(|claim| claim.name.as_str()).collect();
        let open = if claims.is_empty() { "no claim".to_owned() } else { claims.join(", ") };
        let why = if needs == "--only" { "left out by --only".to_owned() } else { format!("needs {needs}") };
        _ = writeln!(out, "Not run: {name} ({why}); stays undetermined: {open}.");
    }
    out
}

fn longest_of(probe: &Probe) -> Duration {
    probe.schedule.longest().saturating_mul(u32::try_from(probe.cells.len()).unwrap_or(u32::MAX))
}

fn describe_probe(out: &mut String, probe: &Probe) {
    let spec = probe.spec();
    let harmless = if probe.declared_harmless { ", declared harmless by the author" } else { "" };
    _ = writeln!(out, "   {} ({}; impact {}{harmless})", probe.name, spec.name, probe.impact);
    for cell in probe.cells.iter().take(5) {
        _ = writeln!(out, "      {}", probity_report::visible(&cell.act.describe()));
    }
    if probe.cells.len() > 5 {
        _ = writeln!(
            out,
            "      and {} of its matrix",
            counted(probe.cells.len() as u64 - 5, "more row", "more rows")
        );
    }
    let schedule = &probe.schedule;
    let mut when = match (schedule.every, schedule.lasting, schedule.repeat) {
        (Some(every), Some(lasting), _) => {
            format!("every {every} for {lasting}: {}", counted(schedule.slots().into(), "look", "looks"))
        }
        (_, _, Some(repeat)) => counted(repeat.into(), "look", "looks"),
        _ => "once".to_owned(),
    };
    if let (Some(until), Some(within)) = (&schedule.until, schedule.within) {
        _ = write!(when, ", each again until {} within {within}", probity_report::visible(&until.source));
    }
    _ = writeln!(out, "      {when}, time-out {}", schedule.timeout);
    if let Some(needs) = &probe.needs {
        _ = writeln!(out, "      only if the claim {needs} holds");
    }
    if let Some(with) = &probe.with {
        _ = writeln!(out, "      while {with} runs");
    }
    if let Some(undo) = &probe.undo {
        _ = writeln!(out, "      afterwards, always: {}", probity_report::visible(&undo.describe()));
    }
    if !spec.privilege.is_empty() {
        _ = writeln!(out, "      without root it does not see: {}", spec.privilege);
    }
}
