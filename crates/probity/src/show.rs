//! `show`: walks the evidence.

use std::fmt::Write;

use probity_evidence::{Body, Bundle, Entry};
use probity_plan::{Observation, Value};

use crate::cli::{Output, ShowArgs};
use crate::exit::{Exit, Failure};
use crate::terminal;

/// `show`.
pub fn run(args: &ShowArgs) -> Result<Exit, Failure> {
    if let (Some(entry), Some(probe)) = (args.entry, &args.probe) {
        return Err(Failure::wrong(format!(
            "name an entry or a probe, not both: {entry} and --probe {probe}"
        )));
    }
    let bundle = Bundle::open(&args.bundle).map_err(Failure::wrong)?;
    let mut shown = 0_u64;
    for entry in bundle.entries().map_err(Failure::wrong)? {
        let entry = entry.map_err(Failure::wrong)?;
        let chosen = match (args.entry, &args.probe) {
            (Some(number), _) => entry.entry == number,
            (None, Some(probe)) => {
                matches!(&entry.body, Body::Observation(observation) if &observation.probe == probe)
            }
            (None, None) => true,
        };
        if chosen {
            shown += 1;
            terminal::print(&match (args.format, args.entry) {
                (Output::Json, _) => serde_json::to_string(&entry).map_err(Failure::failed)?,
                (Output::Text, Some(_)) => whole(&entry)?,
                (Output::Text, None) => line(&entry),
            })?;
        }
        if args.entry.is_some_and(|number| entry.entry >= number) {
            break;
        }
    }
    if shown == 0 {
        return Err(Failure::wrong(match &args.probe {
            Some(probe) => format!("the bundle has no observation of a probe `{probe}`"),
            None => "the bundle has no such entry".to_owned(),
        }));
    }
    Ok(Exit::Fine)
}

/// One entry in a line.
fn line(entry: &Entry) -> String {
    let said = match &entry.body {
        Body::Start(start) => format!("start        {} {}", start.started, start.plan),
        Body::Endorsement(_) => "endorsement  the operator's signature over entry 0".to_owned(),
        Body::Observer(observer) => {
            let who = observer.introduction.as_ref();
            let who = who.map_or_else(String::new, |who| {
                let trial =
                    who.trial.as_ref().map_or_else(String::new, |trial| format!(" of {}", trial.label()));
                format!(" {}: {}{trial} ({})", observer.id, who.name, who.reach)
            });
            format!("observer     {}{who} {}", observer.at, facts(&observer.facts))
        }
        Body::Event(event) => format!("event        {} {}", event.at, event.what),
        Body::Close(close) => {
            let why = close.interrupted.as_ref().map_or_else(String::new, |why| format!(" {why}"));
            format!("close        {}{why}", close.ended)
        }
        Body::Observation(observation) => observed(observation),
    };
    let text = probity_report::visible(&format!("{:>7}  {said}", entry.entry)).into_owned();
    text.chars().take(160).collect()
}

fn observed(observation: &Observation) -> String {
    let row: Vec<String> =
        observation.cell.iter().map(|(column, value)| format!("{column}={}", json(value))).collect();
    let trial =
        observation.trial.as_ref().map_or_else(String::new, |trial| format!(" trial {}", trial.number));
    let attempt =
        if observation.attempt > 1 { format!(" attempt {}", observation.attempt) } else { String::new() };
    let mut unknown: Vec<String> =
        observation.unknown.iter().map(|(fact, blocked)| format!("{fact}: {}", blocked.barrier)).collect();
    unknown.truncate(3);
    format!(
        "observation  {} {}{trial} {}{attempt} {} {}",
        observation.started,
        observation.probe,
        row.join(" "),
        facts(&observation.facts),
        unknown.join(" ")
    )
}

fn facts(facts: &std::collections::BTreeMap<String, Value>) -> String {
    facts.iter().map(|(name, value)| format!("{name}={}", json(value))).collect::<Vec<_>>().join(" ")
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// One entry, whole.
fn whole(entry: &Entry) -> Result<String, Failure> {
    let json = serde_json::to_string_pretty(entry).map_err(Failure::failed)?;
    let mut out = String::new();
    for line in json.lines() {
        _ = writeln!(out, "{}", probity_report::visible(line));
    }
    Ok(out)
}
