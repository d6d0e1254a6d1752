//! `history`: what was read, compared and written, run by run, and whether anybody changed the record.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use service_setup::{complain, say};
use ssh_key::PublicKey;

use super::{Failure, because, harmless};
use crate::config;
use crate::history::{self, Entry};
use crate::home::Home;
use crate::record::Record;

/// Shows the last records and checks all of them.
///
/// # Errors
/// There is none, or it is not as it was written.
pub fn run(
    home: &Home,
    fabric: Option<&str>,
    keys: &[PathBuf],
    last: usize,
    json: bool,
) -> Result<(), Failure> {
    let name = match fabric {
        Some(name) => name.to_owned(),
        None => {
            let config = config::load(&home.config())?;
            match config.fabrics.as_slice() {
                [only] => only.name.clone(),
                fabrics => {
                    let names: Vec<&str> = fabrics.iter().map(|fabric| fabric.name.as_str()).collect();
                    return Err(Failure::Wrong(format!(
                        "which fabric? --fabric with one of: {}",
                        names.join(", ")
                    )));
                }
            }
        }
    };
    let keys = keys.iter().map(|path| read_public(path)).collect::<Result<Vec<_>, _>>()?;
    let path = home.history(&name);
    let (mut count, mut faults, mut shown) = (0, Vec::new(), VecDeque::new());
    let result = history::read(&path, &keys, |entry| {
        count += 1;
        faults.extend(entry.fault.map(|fault| (entry.line, fault)));
        shown.push_back(entry);
        if shown.len() > last {
            shown.pop_front();
        }
    });
    result.map_err(|error| Failure::Failed(error.to_string()))?;
    for entry in &shown {
        if json { say!("{}", entry.record) } else { show(entry) }
    }
    let head = shown.back().map_or("none", |entry| entry.hash.as_str());
    let checked = if !keys.is_empty() { "chained and signed" } else { "chained" };
    if !faults.is_empty() {
        for (line, fault) in &faults {
            complain!("fabric-sync: {}, line {line}: {fault}", path.display());
        }
        return Err(Failure::Failed(format!(
            "{} of {count} records are not as they were written",
            faults.len()
        )));
    }
    complain!("{count} records, {checked} as they were written; the last has the hash {head}");
    Ok(())
}

fn read_public(path: &Path) -> Result<PublicKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(because(path.display()))?;
    PublicKey::from_openssh(&text).map_err(|error| {
        Failure::Wrong(format!(
            "{}: {error}; an OpenSSH public key is a line `ssh-ed25519 ...`",
            path.display()
        ))
    })
}

fn show(entry: &Entry) {
    let Ok(record) = serde_json::from_str::<Record>(&entry.record) else {
        say!("{:>6}  {}", entry.line, harmless(&entry.record));
        return;
    };
    let text = match record {
        Record::Looked { run, trigger, ended, summary, counts, changes, held, standstill, .. } => {
            let standstill = standstill.map(|why| format!("; nothing is written: {why}")).unwrap_or_default();
            format!(
                "{ended}  {run}  looked ({}): {summary}; {} same, {} differ, {} missing, {} extra, {} unknown; {changes} changes, {held} held back{standstill}",
                trigger.name(),
                counts.same,
                counts.differs,
                counts.missing,
                counts.extra,
                counts.unknown
            )
        }
        Record::Began { run, at, changes, plan, by, lease, .. } => {
            let lease =
                lease.map(|term| format!(", the lease's holder after {} transitions", term.transitions));
            format!(
                "{at}  {run}  began {changes} changes of plan {} as {by}{}",
                plan.get(..16).unwrap_or(&plan),
                lease.unwrap_or_default()
            )
        }
        Record::Wrote { run, writes } => {
            for write in &writes {
                let detail = write.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
                let text = format!(
                    "{:>6}  {run}  {} {:?} {} [{}]{detail}",
                    entry.line,
                    write.outcome.name(),
                    write.action,
                    write.object,
                    write.fields.join(", ")
                );
                say!("{}", harmless(&text));
            }
            return;
        }
        Record::Adopted { run, at, object, id, outcome, .. } => {
            format!("{at}  {run}  adoption of {object} (number {id}): {outcome}")
        }
        Record::Ended { run, at, written, refused, open, stopped, ending } => {
            let ending = ending.map(|ending| format!(" {ending}")).unwrap_or_default();
            let stopped = stopped.map(|why| format!("; stopped: {why}")).unwrap_or_default();
            format!("{at}  {run}  ended{ending}: {written} written, {refused} refused, {open} open{stopped}")
        }
    };
    say!("{:>6}  {}", entry.line, harmless(&text));
}
