//! The files of a bundle against what was signed of them: only those that belong there, each with its digest.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use probity_plan::file_names::is_plan_file;
use probity_plan::units::counted;
use sha2::{Digest, Sha256};

use crate::bundle::MAX_SMALL_FILE;
use crate::entry::{Close, Start};
use crate::hex::{hex, is_hex};
use crate::key;
use crate::pipeline::WORKERS;
use crate::quoted::quoted;
use crate::store::{Section, Store};

use super::log::Log;
use super::{Found, failed, not_made, passed};

/// The longest artifact, in bytes.
const MAX_ARTIFACT: u64 = 1 << 30;
/// How many wrong files are named.
const MAX_NAMED: usize = 5;
/// What a killed run may leave half-written; beside these, artifacts.
const HALF_WRITTEN: [&str; 5] = [
    "reserve.partial",
    "checkpoint.partial",
    "checkpoint.sig.partial",
    "findings.json.partial",
    "report.html.partial",
];

pub(super) fn missing(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound { "it is missing".to_owned() } else { error.to_string() }
}

/// SHA-256 of a file, as a stream.
fn digest(mut file: Section, read: &(dyn Fn(u64) + Sync)) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            bytes => {
                hash.update(&buffer[..bytes]);
                read(bytes as u64);
            }
        }
    }
}

fn compare(
    store: &Store,
    name: &str,
    expected: &str,
    most: u64,
    read: &(dyn Fn(u64) + Sync),
) -> Result<(), String> {
    match store.read_within(name, most).and_then(|file| digest(file, read)) {
        Ok(found) if found == expected => Ok(()),
        Ok(_) => Err(format!("{} is not what was signed", quoted(name))),
        Err(error) => Err(format!("{}: {}", quoted(name), missing(&error))),
    }
}

/// Only what belongs to a bundle is there. What a killed run leaves behind is allowed until the run is complete.
pub(super) fn belonging(store: &Store, start: &Start, complete: bool) -> Found {
    let mut extra: Vec<String> = store.strange().to_vec();
    let (mut left_over, mut more) = (0_u64, 0_u64);
    for name in store.files().keys() {
        let expected = match name.as_str() {
            "evidence.jsonl" | "checkpoint" | "checkpoint.sig" | "findings.json" | "report.html" => true,
            _ => start.files.contains_key(name) || is_artifact(name),
        };
        let half = || {
            HALF_WRITTEN.contains(&name.as_str()) || name.strip_suffix(".partial").is_some_and(is_artifact)
        };
        if expected {
        } else if !complete && half() {
            left_over += 1;
        } else if extra.len() < 2 * MAX_NAMED {
            extra.push(format!("{} does not belong there", quoted(name)));
        } else {
            more += 1;
        }
    }
    if more > 0 {
        extra.push(format!("and {more} more"));
    }
    let files = counted(store.files().len() as u64, "file", "files");
    match (extra.is_empty(), left_over) {
        (false, _) => failed(extra.join("; ")),
        (true, 0) => passed(format!("format {}; {files}, all of them a bundle's", start.format)),
        (true, n) => passed(format!(
            "format {}; {files}, of them {} that a killed run left",
            start.format,
            counted(n, "half-written one", "half-written ones")
        )),
    }
}

fn is_artifact(name: &str) -> bool {
    name.strip_prefix("artifacts/").is_some_and(|digest| is_hex(digest, 32))
}

pub(super) fn plan(store: &Store, start: &Start, read: &(dyn Fn(u64) + Sync)) -> Found {
    if !start.files.contains_key("plan.yaml") {
        return failed("the first entry names no plan.yaml");
    }
    let wrong: Vec<String> = start
        .files
        .iter()
        .filter_map(|(name, expected)| match is_plan_file(name) {
            true => compare(store, name, expected, MAX_SMALL_FILE, read).err(),
            false => Some(format!("{} is no place for a file of a plan", quoted(name))),
        })
        .take(MAX_NAMED)
        .collect();
    match (wrong.is_empty(), start.files.len()) {
        (true, 1) => passed("plan.yaml is the one that ran"),
        (true, n) => passed(format!("{n} files are those that ran")),
        (false, _) => failed(wrong.join("; ")),
    }
}

pub(super) fn artifacts(store: &Store, log: &Log, complete: bool, read: &(dyn Fn(u64) + Sync)) -> Found {
    let mut wrong = log.missing.clone();
    if log.missing_count > wrong.len() {
        wrong.push(format!("and {} more", log.missing_count - wrong.len()));
    }
    let stored = store.files().keys().filter(|name| is_artifact(name));
    let unused: Vec<&String> = stored.filter(|name| !log.referenced.contains(name.as_str())).collect();
    if complete && let Some(first) = unused.first() {
        wrong.push(format!("{} that no entry refers to, such as {}", unused.len(), quoted(first)));
    }
    let names: Vec<&str> = log.referenced.iter().copied().collect();
    let next = AtomicUsize::new(0);
    let altered = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(names.len()) {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let expected = name.trim_start_matches("artifacts/");
                    if let Err(reason) = compare(store, name, expected, MAX_ARTIFACT, read) {
                        altered.lock().unwrap_or_else(PoisonError::into_inner).push(reason);
                    }
                }
            });
        }
    });
    let mut altered = altered.into_inner().unwrap_or_else(PoisonError::into_inner);
    altered.sort();
    altered.truncate(MAX_NAMED);
    wrong.extend(altered);
    if !wrong.is_empty() {
        return failed(wrong.join("; "));
    }
    let more = match unused.len() {
        0 => String::new(),
        n => format!("; {n} that no signed entry refers to"),
    };
    match names.len() {
        0 => passed(format!("the log refers to none{more}")),
        1 => passed(format!("one is there as recorded{more}")),
        n => passed(format!("{n} are there as recorded{more}")),
    }
}

/// What was derived from the log and is named by its closing entry. `signed` is that entry; `unsigned` one that no
/// checkpoint covers: a run that was killed while it ended leaves its files, and nobody else does.
pub(super) fn derived(
    store: &Store,
    name: &str,
    signed: Option<&Close>,
    unsigned: Option<&Close>,
    digest_of: fn(&Close) -> &str,
    read: &(dyn Fn(u64) + Sync),
) -> Found {
    let there = store.files().contains_key(name);
    match (signed, unsigned) {
        (Some(close), _) => match compare(store, name, digest_of(close), MAX_SMALL_FILE, read) {
            Ok(()) => passed("as the closing entry names it"),
            Err(reason) => failed(reason),
        },
        (None, _) if !there => not_made("no signed closing entry names its digest"),
        (None, Some(close)) => match compare(store, name, digest_of(close), MAX_SMALL_FILE, read) {
            Ok(()) => not_made("it is as the closing entry names it, which nobody signed"),
            Err(reason) => failed(reason),
        },
        (None, None) => failed("no closing entry names it, and only a run that ends writes it: it was added"),
    }
}

pub(super) fn checkpoint_signature(
    store: &Store,
    checkpoint: Option<&[u8]>,
    start: &Start,
    closed: bool,
) -> Found {
    let Some(checkpoint) = checkpoint else { return not_made("there is no checkpoint to sign") };
    let signature = match store.read_all("checkpoint.sig", 1 << 16) {
        Ok(signature) => signature,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let why = match closed {
                true => {
                    "it is missing: the run was closed, but the operator's key did not sign its last checkpoint"
                }
                false => "it is missing: the run did not come to its end",
            };
            return not_made(why);
        }
        Err(error) => return failed(error.to_string()),
    };
    let text = String::from_utf8_lossy(&signature);
    match key::check(&start.operator_key, checkpoint, &text) {
        Ok(()) => passed("the operator's key signed the checkpoint"),
        Err(error) => failed(error.to_string()),
    }
}
