//! `run --dry-run`: what would be done, in which order, and what it would take.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use probity_plan::units::{Span, counted};
use probity_plan::{Claim, Impact, Lane, Loaded, MACHINE, Machine, Plan, Probe, TrialGroup};
use probity_probe::MAX_UNDO;
use probity_probe::schedule::{Stage, stages};
use probity_verdict::{Conditions, facts_read, timed_probes};

/// The text of a dry run, with the digest by which a bundle names the plan.
pub fn describe(loaded: &Loaded, conditions: &Conditions, allow: Impact, only: &[String]) -> String {
    let plan = &loaded.plan;
    let digest = probity_evidence::digest(loaded.resolved().as_bytes());
    let heading = format!(
        "The resolved plan's SHA-256: {digest}\nNothing was done. A run with --allow {allow} would do this, in this order:"
    );
    // What it would take to run the others too is told with them.
    let done = |probe: &Probe| only.is_empty() || only.contains(&probe.name);
    stages_of(plan, conditions, (allow, only), done, &heading)
}

/// What is about to be done.
pub fn announce(plan: &Plan, conditions: &Conditions, allow: Impact, only: &[String]) -> String {
    let heading = format!("This is done now, with --allow {allow}, in this order:");
    let held_back = held_back(plan, allow, only);
    let done = |probe: &Probe| !held_back.contains_key(probe.name.as_str());
    stages_of(plan, conditions, (allow, only), done, &heading)
}

fn stages_of(
    plan: &Plan,
    conditions: &Conditions,
    (allow, only): (Impact, &[String]),
    done: impl Fn(&Probe) -> bool,
    heading: &str,
) -> String {
    let timed = timed_probes(plan, &facts_read(plan, conditions));
    let mut out = format!("{}\n{heading}\n", probity_report::visible(&plan.title));
    let mut longest = Duration::ZERO;
    let plain: Vec<&Probe> = plan.probes_of(None).filter(|probe| done(probe)).collect();
    for (number, stage) in (1..).zip(stages(&plain, &timed)) {
        longest += describe_stage(&mut out, plan, &number.to_string(), &stage);
    }
    for group in &plan.trials {
        let probes: Vec<&Probe> = plan.probes_of(Some(&group.name)).filter(|probe| done(probe)).collect();
        if probes.is_empty() {
            continue;
        }
        let (mut each, mut within) = (String::new(), Duration::ZERO);
        for (number, stage) in (1..).zip(stages(&probes, &timed)) {
            within += describe_stage(&mut each, plan, &format!("{}.{number}", group.name), &stage);
        }
        if let Some(machine) = plan.machine(&group.machine) {
            within += machine.within.0.saturating_mul(2);
            describe_trials(&mut out, group, machine, within);
        }
        longest += within.saturating_mul(group.repeat.div_ceil(group.at_once));
        out += &each;
    }
    _ = writeln!(out, "\nAt most {} in all.", Span(longest));
    let held_back = held_back(plan, allow, only);
    for (name, why) in plan.probes.iter().filter_map(|probe| held_back.get_key_value(probe.name.as_str())) {
        let claims: Vec<&str> = plan
            .claims
            .iter()
            .filter(|claim| reads(claim).any(|probe| probe == *name))
            .map(|claim| claim.name.as_str())
            .collect();
        let open = if claims.is_empty() { "no claim".to_owned() } else { claims.join(", ") };
        _ = writeln!(out, "Not run: {name} ({why}); stays undetermined: {open}.");
    }
    let open = open(plan, &held_back);
    for claim in plan.claims.iter().filter(|claim| !open.contains(claim.name.as_str())) {
        if let Some(control) = claim.control.as_deref().filter(|control| open.contains(control)) {
            _ = writeln!(
                out,
                "No denial counts for {}: its control {control} stays undetermined.",
                claim.name
            );
        }
    }
    out
}

/// The probes that would not be run, each with the reason: for its own sake, or for that of another one.
fn held_back<'a>(plan: &'a Plan, allow: Impact, only: &[String]) -> BTreeMap<&'a str, String> {
    let mut held = BTreeMap::new();
    loop {
        let open = open(plan, &held);
        let why = |probe: &Probe| {
            if !only.is_empty() && !only.contains(&probe.name) {
                return Some("left out by --only".to_owned());
            }
            if probe.asks() > allow {
                return Some(format!("needs --allow {}", probe.asks()));
            }
            let needs = probe.needs.as_deref().filter(|claim| open.contains(claim));
            let with = probe.with.as_deref().filter(|with| held.contains_key(with));
            needs
                .map(|claim| format!("needs the claim {claim}, which stays undetermined"))
                .or_else(|| with.map(|with| format!("runs with {with}, which is not run")))
        };
        let more: BTreeMap<&str, String> =
            plan.probes.iter().filter_map(|probe| Some((probe.name.as_str(), why(probe)?))).collect();
        if more.len() == held.len() {
            return held;
        }
        held = more;
    }
}

/// The claims that stay undetermined without these probes.
fn open<'a>(plan: &'a Plan, held: &BTreeMap<&str, String>) -> BTreeSet<&'a str> {
    let open = plan.claims.iter().filter(|claim| reads(claim).any(|probe| held.contains_key(probe)));
    open.map(|claim| claim.name.as_str()).collect()
}

/// The probes that a claim is about.
fn reads(claim: &Claim) -> impl Iterator<Item = &str> {
    std::iter::once(claim.of.as_str()).chain(claim.form.against())
}

fn describe_trials(out: &mut String, group: &TrialGroup, machine: &Machine, each: Duration) {
    let side_by_side = if group.at_once > 1 { format!(", {} at once", group.at_once) } else { String::new() };
    let say = |command: Vec<String>| probity_report::visible(&command.join(" ")).into_owned();
    _ = writeln!(
        out,
        "\n{}: {}{side_by_side}, each at most {}, on a machine `{}` of its own (impact write)",
        group.name,
        counted(group.repeat.into(), "trial", "trials"),
        Span(each),
        machine.name
    );
    _ = writeln!(out, "      first: {}", say(machine.up("NAME")));
    _ = writeln!(out, "      afterwards, always: {}", say(machine.down("NAME")));
}

/// The longest that the stage can take.
fn describe_stage(out: &mut String, plan: &Plan, number: &str, stage: &Stage<'_>) -> Duration {
    let lane = match stage.lane {
        Lane::Parallel => "beside each other",
        Lane::Quiet => "alone",
    };
    let looks = stage.probes.iter().map(|probe| longest_of(probe)).max().unwrap_or_default();
    let undos = stage.probes.iter().filter(|probe| probe.undo.is_some()).count();
    let longest = looks + MAX_UNDO.saturating_mul(u32::try_from(undos).unwrap_or(u32::MAX));
    _ = writeln!(out, "\n{number}. {lane}, at most {}", Span(longest));
    for probe in &stage.probes {
        describe_probe(out, plan, probe);
    }
    longest
}

fn longest_of(probe: &Probe) -> Duration {
    probe.schedule.longest().saturating_mul(u32::try_from(probe.cells.len()).unwrap_or(u32::MAX))
}

fn describe_probe(out: &mut String, plan: &Plan, probe: &Probe) {
    let spec = probe.spec();
    let harmless = if probe.declared_harmless { ", declared harmless by the author" } else { "" };
    _ = writeln!(out, "   {} ({}; impact {}{harmless})", probe.name, spec.name, probe.impact);
    if let Some(observer) = probe.on.as_deref().and_then(|name| plan.observer(name)) {
        _ = writeln!(out, "      from {} ({})", observer.name, observer.reach);
    }
    let machine = probe.trial.as_ref().and_then(|group| plan.machine(&group.machine));
    if let (Some(machine), Some(on)) = (machine, probe.on.as_deref()) {
        let other = machine.observers("NAME").into_iter().find(|observer| observer.name == on);
        match other {
            Some(observer) => _ = writeln!(out, "      from {on} ({})", observer.reach),
            None if on == MACHINE => _ = writeln!(out, "      from the machine"),
            None => {}
        }
    }
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
    let acts = probe.cells.iter().map(|cell| &cell.act).chain(&probe.undo);
    for exposure in acts.flat_map(probity_plan::Act::exposes).collect::<BTreeSet<_>>() {
        _ = writeln!(out, "      warning: {exposure}; {}", exposure.to.remedy());
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
        _ = writeln!(
            out,
            "      afterwards, always, for at most {}: {}",
            Span(MAX_UNDO),
            probity_report::visible(&undo.describe())
        );
    }
    // Who is root sees it. Who somebody elsewhere is nobody knows yet.
    if !spec.privilege.is_empty() && probe.on.is_none() && !rustix::process::geteuid().is_root() {
        _ = writeln!(out, "      without root it does not see: {}", spec.privilege);
    }
}
