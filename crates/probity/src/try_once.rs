//! `try`: looks once and prints what a plan could ask about. Never evidence.

use std::fmt::Write;
use std::path::Path;

use probity_case::machines::Maker;
use probity_plan::kinds::KINDS;
use probity_plan::{Barrier, Blocked, FactType, Impact, KindSpec, Observation, Plan, Probe, Value};
use probity_probe::{Began, Observers, Secrets, look_once, single_probe};

use crate::cli::{Output, TryArgs};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::run::notes;
use crate::{plan, terminal};

/// `try`.
pub fn run(args: &TryArgs, environment: &Environment) -> Result<Exit, Failure> {
    let is_plan = args.what.ends_with(".yaml") || args.what.ends_with(".yml");
    let loaded = match probity_plan::kinds::kind(&args.what) {
        Some(spec) if !is_plan => ad_hoc(spec, &args.parameters)?,
        _ if is_plan => plan::load(Path::new(&args.what), &args.inputs)?.plan,
        _ => {
            let kinds: Vec<&str> = KINDS.iter().map(|spec| spec.name).collect();
            let what = &args.what;
            return Err(Failure::wrong(format!(
                "`{what}` is neither a plan (*.yaml) nor a kind: {}",
                kinds.join(", ")
            )));
        }
    };
    let secrets =
        Secrets::read(&loaded, |name| environment.get(name)).map_err(|all| Failure::wrong(all.join("\n")))?;
    let chosen = if is_plan { args.parameters.as_slice() } else { &[] };
    if let Some(option) = chosen.iter().find(|name| name.starts_with('-')) {
        return Err(Failure::wrong(format!(
            "write options before the plan: probity try {option} ... {}",
            args.what
        )));
    }
    if let Some(unknown) = chosen.iter().find(|name| loaded.probe(name).is_none()) {
        return Err(Failure::wrong(format!("the plan has no probe `{unknown}`")));
    }
    if let Some(twice) = (1..chosen.len()).find(|at| chosen[..*at].contains(&chosen[*at])) {
        return Err(Failure::wrong(format!("the probe `{}` is named twice; name it once", chosen[twice])));
    }
    let notes = environment.state().ok().map(|state| notes(&state));
    let maker = Maker::new(notes.as_ref(), "of `probity try`");
    let observers = Observers::new(&loaded, &secrets, Began::now(), args.allow.into(), &maker);
    let mut seen_all = true;
    let mut json = Vec::new();
    for probe in loaded.probes.iter().filter(|probe| chosen.is_empty() || chosen.contains(&probe.name)) {
        if probe.trial.is_some() {
            terminal::complain(&format!("{}: it is part of trials, which `probity run` makes", probe.name));
            seen_all = false;
            continue;
        }
        // What a person types on a command line is their own word; what a plan does needs the operator's.
        if is_plan && probe.impact > Impact::from(args.allow) {
            let impact = probe.impact;
            terminal::complain(&format!(
                "{}: its impact is `{impact}`; allow it with --allow {impact}",
                probe.name
            ));
            seen_all = false;
            continue;
        }
        for cell in &probe.cells {
            let observation = look_once(&observers, probe, cell, &secrets).map_err(Failure::failed)?;
            seen_all &= is_seen(&observation);
            match args.format {
                Output::Json => json.push(serde_json::to_string(&observation).map_err(Failure::failed)?),
                Output::Text => terminal::print(&describe(probe, &observation))?,
            }
        }
    }
    if args.format == Output::Json {
        terminal::print(&format!("[{}]", json.join(",")))?;
    }
    Ok(if seen_all { Exit::Fine } else { Exit::Open })
}

/// Whether the look met no obstacle. That these parameters do not ask for a fact, that such a thing does not have it, or
/// that a text is no JSON, is none.
fn is_seen(observation: &Observation) -> bool {
    let fine = |(fact, blocked): (&String, &Blocked)| match blocked.barrier {
        Barrier::NotMade | Barrier::Unsupported => true,
        Barrier::Protocol => fact != "*",
        _ => false,
    };
    !observation.facts.is_empty() && observation.unknown.iter().all(fine)
}

/// A plan of one probe, from the words of a command line.
fn ad_hoc(spec: &KindSpec, parameters: &[String]) -> Result<Plan, Failure> {
    let mut map = serde_json::Map::new();
    if spec.name == "command" {
        map.insert("command".to_owned(), parameters.iter().map(|word| escaped(word)).collect());
    } else {
        let mut words = parameters.iter();
        let first = words
            .next()
            .ok_or_else(|| Failure::wrong(format!("say what to look at: probity try {} WHAT", spec.name)))?;
        map.insert(spec.name.to_owned(), scalar(first));
        for word in words {
            let (name, value) = word
                .split_once('=')
                .ok_or_else(|| Failure::wrong(format!("`{word}`: write further parameters as key=value")))?;
            map.insert(name.to_owned(), scalar(value));
        }
    }
    // JSON is YAML.
    let probe = serde_json::Value::from(map).to_string();
    single_probe("command line", &probe).map_err(Failure::wrong)
}

/// A word as the number, the truth value or the text it looks like.
fn scalar(word: &str) -> serde_json::Value {
    match word.parse::<i64>() {
        Ok(number) => number.into(),
        Err(_) => word.parse::<bool>().map_or_else(|_| escaped(word), Into::into),
    }
}

fn escaped(word: &str) -> serde_json::Value {
    word.replace('$', "$$").into()
}

/// The facts with their types, in the order of the reference.
fn describe(probe: &Probe, observation: &Observation) -> String {
    let spec = probe.spec();
    let row: Vec<String> =
        observation.cell.iter().map(|(column, value)| format!("{column}={}", json(value))).collect();
    let mut out = format!("{} ({}) {}\n", probe.name, spec.name, row.join(" "));
    let width = spec.facts.iter().map(|fact| fact.name.len()).max().unwrap_or(0);
    let mut rest = Vec::new();
    for fact in spec.facts {
        let said = match (observation.facts.get(fact.name), observation.unknown.get(fact.name)) {
            (Some(value), _) => shown(fact.ty, value),
            (None, Some(blocked)) => format!("unknown: {} ({})", blocked.barrier, blocked.why()),
            (None, None) => {
                rest.push(fact.name);
                continue;
            }
        };
        _ = writeln!(out, "  {:width$}  {:8}  {}", fact.name, fact.ty.name(), probity_report::visible(&said));
    }
    if let (Some(blocked), false) = (observation.unknown.get("*"), rest.is_empty()) {
        let why = format!("{} ({})", blocked.barrier, blocked.why());
        _ = writeln!(out, "  unknown: {}\n  behind: {}", rest.join(", "), probity_report::visible(&why));
    }
    out
}

/// A value as a condition would write it, cut to a few lines' length.
fn shown(ty: FactType, value: &Value) -> String {
    let text = match (ty, value.ends()) {
        (FactType::Interval, Some((least, most))) if most.is_finite() => format!("{least} to {most}"),
        (FactType::Interval, Some((least, _))) => format!("at least {least}"),
        _ => json(value),
    };
    let cut: String = text.chars().take(400).collect();
    if cut.len() < text.len() {
        format!("{cut}... ({} bytes; --format json shows all)", text.len())
    } else {
        cut
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
