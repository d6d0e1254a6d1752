//! The files of a bundle against what was signed of them: only those that belong there, each with its digest.

use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use probity_plan::file_names::is_plan_file;
use sha2::{Digest, Sha256};

use crate::bundle::MAX_SMALL_FILE;
use crate::entry::{Close, Start};
use crate::hex::{hex, is_hex};
use crate::key;
use crate::pipeline::WORKERS;
use crate::store::{Section, Store};

use super::found::{FileProblem, Found, Objection, Obstacle, Shown};
use super::log::Log;

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
) -> Result<(), FileProblem> {
    let file = name.to_owned();
    match store.read_within(name, most).and_then(|section| digest(section, read)) {
        Ok(found) if found == expected => Ok(()),
        Ok(_) => Err(FileProblem::Altered { file }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FileProblem::Missing { file }),
        Err(error) => Err(FileProblem::Unreadable { file, error: error.to_string() }),
    }
}

/// Only what belongs to a bundle is there. What a killed run leaves behind is allowed until the run is complete.
pub(super) fn belonging(store: &Store, start: &Start, complete: bool) -> Found {
    let mut extra = store.strange().to_vec();
    let (mut half_written, mut more) = (0, 0);
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
            half_written += 1;
        } else if extra.len() < 2 * MAX_NAMED {
            extra.push(FileProblem::Foreign { file: name.clone() });
        } else {
            more += 1;
        }
    }
    let (format, files) = (start.format, store.files().len() as u64);
    match (extra.is_empty(), half_written) {
        (false, _) => Objection::Files { files: extra, more }.into(),
        (true, 0) => Shown::OnlyItsFiles { format, files }.into(),
        (true, _) => Shown::AlsoHalfWritten { format, files, half_written }.into(),
    }
}

fn is_artifact(name: &str) -> bool {
    name.strip_prefix("artifacts/").is_some_and(|digest| is_hex(digest, 32))
}

pub(super) fn plan(store: &Store, start: &Start, read: &(dyn Fn(u64) + Sync)) -> Found {
    if !start.files.contains_key("plan.yaml") {
        return Objection::NoPlan.into();
    }
    let wrong: Vec<FileProblem> = start
        .files
        .iter()
        .filter_map(|(name, expected)| match is_plan_file(name) {
            true => compare(store, name, expected, MAX_SMALL_FILE, read).err(),
            false => Some(FileProblem::NoPlaceForPlans { file: name.clone() }),
        })
        .take(MAX_NAMED)
        .collect();
    match wrong.is_empty() {
        true => Shown::PlanAsRun { files: start.files.len() }.into(),
        false => Objection::Files { files: wrong, more: 0 }.into(),
    }
}

pub(super) fn artifacts(store: &Store, log: &Log, complete: bool, read: &(dyn Fn(u64) + Sync)) -> Found {
    let mut wrong = log.missing.clone();
    let more = log.missing_count - wrong.len();
    let stored = store.files().keys().filter(|name| is_artifact(name));
    let unused: Vec<&String> = stored.filter(|name| !log.referenced.contains(name.as_str())).collect();
    if complete && let Some(first) = unused.first() {
        wrong.push(FileProblem::Unreferenced { count: unused.len(), first: (*first).clone() });
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
    altered.sort_by_key(FileProblem::to_string);
    altered.truncate(MAX_NAMED);
    wrong.extend(altered);
    if !wrong.is_empty() {
        return Objection::Files { files: wrong, more }.into();
    }
    Shown::ArtifactsAsRecorded { referenced: names.len(), unreferenced: unused.len() }.into()
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
            Ok(()) => Shown::AsNamed.into(),
            Err(file) => Objection::Files { files: vec![file], more: 0 }.into(),
        },
        (None, _) if !there => Obstacle::DigestNotNamed.into(),
        (None, Some(close)) => match compare(store, name, digest_of(close), MAX_SMALL_FILE, read) {
            Ok(()) => Obstacle::DigestNotSigned.into(),
            Err(file) => Objection::Files { files: vec![file], more: 0 }.into(),
        },
        (None, None) => Objection::NamedByNothing.into(),
    }
}

pub(super) fn checkpoint_signature(
    store: &Store,
    checkpoint: Option<&[u8]>,
    start: &Start,
    closed: bool,
) -> Found {
    let Some(checkpoint) = checkpoint else { return Obstacle::NoCheckpoint.into() };
    let signature = match store.read_all("checkpoint.sig", 1 << 16) {
        Ok(signature) => signature,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return if closed { Obstacle::EndNotSigned } else { Obstacle::NotEnded }.into();
        }
        Err(error) => return Objection::FileUnreadable { error: error.to_string() }.into(),
    };
    let text = String::from_utf8_lossy(&signature);
    match key::check(&start.operator_key, checkpoint, &text) {
        Ok(()) => Shown::OperatorSigned.into(),
        Err(error) => Objection::WrongSignature { error: error.to_string() }.into(),
    }
}
