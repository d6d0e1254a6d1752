//! Which run this is, how the observer was doing, and what must be known before anything else is read.

use std::collections::{BTreeMap, BTreeSet};

use probity_evidence::entry::Observer;
use probity_evidence::{Check, CheckId, Status};
use probity_plan::units::counted;
use probity_plan::{Agent, Introduction, Probe};
use probity_verdict::wording::verdict;

use super::value::{lasted, moment, number, shown};
use crate::contents::Contents;

/// So many entries, and ways that machines were reached, are named.
const MAX_WAYS: usize = 5;

/// "120 entries, 113 of them observations". The closing entry counts, as `verify` counts it: a run that ended has one.
pub(crate) fn log(contents: &Contents) -> String {
    let entries = contents.entries + u64::from(contents.ended.is_some());
    let of_them = if contents.observations == 1 { "an observation" } else { "observations" };
    format!("{}, {} of them {of_them}", counted(entries, "entry", "entries"), contents.observations)
}

/// Which run this is, by whom and of what: names and values, for a table.
pub(crate) fn identity(contents: &Contents) -> Vec<(&'static str, String)> {
    let start = contents.start;
    let mut rows = vec![
        ("run", start.run.clone()),
        ("began", moment(start.started)),
        ("ended", contents.ended.map_or_else(|| "unknown: no closing entry".to_owned(), moment)),
        ("plan as resolved, SHA-256", start.resolved_sha256.clone()),
    ];
    rows.extend([
        ("operator's key", start.operator_key.clone()),
        ("run key", start.run_key.clone()),
        ("observer", format!("{} on {}", start.observer.user, start.observer.host)),
        ("observer's system", start.observer.system.clone()),
        ("observed with", format!("Probity {}", start.observer.version)),
        ("impact allowed", start.allow.to_string()),
        ("log", log(contents)),
    ]);
    if let Some(only) = &start.only {
        rows.push(("restricted to", only.join(", ")));
    }
    rows
}

/// When it ran: "2026-11-21 20:00:03 UTC, for 8 min 3 s", or that it did not end.
pub(crate) fn when(contents: &Contents) -> String {
    let started = moment(contents.start.started);
    match contents.ended {
        None => format!("{started}; the log has no closing entry"),
        Some(ended) => format!("{started}, for {}", lasted(contents.start.started, ended)),
    }
}

/// How the observer was doing: each fact with its range over the run.
pub(crate) fn observer(contents: &Contents) -> Vec<(String, String)> {
    let mut facts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut ranges: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let mut add = |name, text: String| {
        let texts: &mut Vec<String> = facts.entry(name).or_default();
        if !texts.contains(&text) && texts.len() < 5 {
            texts.push(text);
        }
    };
    for (_, observer) in contents.observers.iter().filter(|(_, observer)| observer.id == 0) {
        for (name, value) in &observer.facts {
            match value {
                probity_plan::Value::Number(number) => {
                    let number = number.to_f64();
                    let range = ranges.entry(name).or_insert((number, number));
                    *range = (range.0.min(number), range.1.max(number));
                }
                value => add(name, shown(value)),
            }
        }
        for (name, blocked) in &observer.unknown {
            add(name, format!("unknown: {} {}", blocked.barrier, blocked.why()).trim_end().to_owned());
        }
    }
    for (name, (least, greatest)) in ranges {
        let text = match least == greatest {
            true => number(least),
            false => format!("{} to {}", number(least), number(greatest)),
        };
        facts.entry(name).or_default().insert(0, text);
    }
    facts.into_iter().map(|(name, texts)| (name.to_owned(), texts.join("; "))).collect()
}

/// What somebody looks for, of these trials or wherever.
fn looked_for(contents: &Contents, name: &str, trials: Option<&str>) -> String {
    let of = |probe: &&Probe| {
        let same = probe.trial.as_ref().map(|group| group.name.as_str()) == trials;
        probe.on.as_deref() == Some(name) && (same || trials.is_none())
    };
    let probes: Vec<&str> = contents.plan.probes.iter().filter(of).map(|probe| probe.name.as_str()).collect();
    format!("looks for {}", probes.join(", "))
}

/// Who somebody is, by its own word.
fn own_word(agent: &Agent) -> String {
    let Agent { user, host, system, version, sha256, .. } = agent;
    format!("by its own word {user} on {host}, {system}, Probity {version}, program SHA-256 {sha256}")
}

/// Who looked at the machines of trials: a row for each way, however many there were.
fn observers_of_machines(contents: &Contents) -> Vec<(String, String)> {
    let mut ways: BTreeMap<(&str, &str), Vec<(u64, &Introduction)>> = BTreeMap::new();
    for (entry, observer) in contents.observers {
        if let Some(who) = &observer.introduction
            && let Some(trial) = &who.trial
        {
            ways.entry((&trial.name, &who.name)).or_default().push((*entry, who));
        }
    }
    let row = |((trials, name), all): ((&str, &str), Vec<(u64, &Introduction)>)| {
        let distinct = |of: &dyn Fn(&Introduction) -> String| {
            let all: BTreeSet<String> = all.iter().map(|(_, who)| of(who)).collect();
            all.into_iter().take(MAX_WAYS).collect::<Vec<_>>()
        };
        let mut says = vec![format!("reached {}", counted(all.len() as u64, "time", "times"))];
        let entries: Vec<String> = all.iter().take(MAX_WAYS).map(|(entry, _)| entry.to_string()).collect();
        let more = if all.len() > MAX_WAYS { ", ..." } else { "" };
        says.push(format!("by {}{more}", distinct(&|who| who.reach.to_string()).join(", ")));
        says.extend(distinct(&|who| own_word(&who.agent)));
        let least = all.iter().map(|(_, who)| who.clock_ahead_us.0).min().unwrap_or_default();
        let most = all.iter().map(|(_, who)| who.clock_ahead_us.1).max().unwrap_or_default();
        says.push(format!("its clock {least} to {most} µs ahead"));
        says.push(looked_for(contents, name, Some(trials)));
        (format!("{name} of {trials} (entries {}{more})", entries.join(", ")), says.join("; "))
    };
    ways.into_iter().map(row).collect()
}

/// Who looked from elsewhere: name and number, for each time that one was reached; how, and who that is by its own word; and
/// what it looked for. Of one that was never reached there is that.
pub(crate) fn observers(contents: &Contents) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (entry, observer) in contents.observers {
        let Some(who) = observer.introduction.as_ref().filter(|who| who.trial.is_none()) else { continue };
        let mut says = vec![format!("reached by {} at {}", who.reach, moment(observer.at))];
        let passage = &who.passage;
        says.extend(passage.engine.as_ref().map(|engine| format!("which {engine} named")));
        says.extend(passage.pid.map(|pid| format!("entered the namespaces of process {pid}")));
        says.extend(passage.host_key.as_ref().map(|key| format!("host key {key}")));
        says.extend(passage.copied_to.as_ref().map(|path| {
            let left = if passage.left_behind { "COULD NOT BE REMOVED" } else { "was removed as it started" };
            format!("the program was copied to {path}, which {left}")
        }));
        says.extend(passage.image.as_ref().map(|image| format!("image {image}")));
        says.push(own_word(&who.agent));
        let (least, most) = who.clock_ahead_us;
        says.push(format!("its clock {least} to {most} µs ahead"));
        says.push(looked_for(contents, &who.name, None));
        rows.push((format!("{} ({}, entry {entry})", who.name, observer.id), says.join("; ")));
    }
    rows.extend(observers_of_machines(contents));
    let unreached = contents.plan.observers.iter().filter(|planned| {
        let of =
            |observer: &Observer| observer.introduction.as_ref().is_some_and(|who| who.name == planned.name);
        !contents.observers.iter().any(|(_, observer)| of(observer))
    });
    rows.extend(unreached.map(|planned| {
        let says =
            format!("never reached by {}; {}", planned.reach, looked_for(contents, &planned.name, None));
        (planned.name.clone(), says)
    }));
    rows
}

/// What must be known before anything else is read: sentences, worst first.
pub(crate) fn warnings(contents: &Contents) -> Vec<String> {
    let mut warnings: Vec<String> = contents.unacceptable.map(super::unacceptable).into_iter().collect();
    let (signer, others): (Vec<&Check>, Vec<&Check>) =
        contents.verification.unwrap_or_default().iter().partition(|check| check.id == CheckId::Signer);
    let failed: Vec<&str> = others
        .iter()
        .filter(|check| check.status() == Status::Failed)
        .map(|check| check.id.title())
        .collect();
    if !failed.is_empty() {
        warnings.push(format!("Verification failed: {}.", failed.join("; ")));
    }
    let unknown = signer.into_iter().filter(|check| check.status() != Status::Passed);
    warnings.extend(unknown.map(|check| format!("The signer is unknown to you: {}.", check.detail())));
    let times = others.iter().filter(|it| it.id == CheckId::Times && it.status() == Status::NotMade);
    warnings.extend(times.map(|check| format!("The times of this run: {}.", check.detail())));
    warnings.extend(verdict::limits(contents.judgement));
    if contents.after_the_fact {
        warnings.push(
            "These claims were chosen after the fact: the plan judged here is not the one that ran.".into(),
        );
    }
    if contents.ended.is_none() {
        warnings.push("The run is incomplete: its log has no closing entry.".into());
    }
    if contents.unsigned > 0 {
        let follow = counted(
            contents.unsigned,
            "entry follows the last checkpoint, is unsigned,",
            "entries follow the last checkpoint, are unsigned,",
        );
        warnings.push(format!("{follow} and decided nothing."));
    }
    if let Some(only) = &contents.start.only {
        let mut names: Vec<String> = Vec::new();
        for name in only.iter().map(|name| format!("`{name}`")) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let left_out = contents.plan.probes.iter().filter(|probe| !only.contains(&probe.name)).count() as u64;
        let left_out = counted(left_out, "probe of the plan was", "probes of the plan were");
        // A plan that did not run does not tell which probes the one that ran had.
        let left_out = if contents.after_the_fact { String::new() } else { format!("; {left_out} left out") };
        warnings
            .push(format!("The operator restricted the run to {} (`--only`){left_out}.", names.join(", ")));
    }
    if let Some(why) = contents.interrupted {
        warnings.push(format!("The run ended before its plan did: {why}."));
    }
    warnings
}
