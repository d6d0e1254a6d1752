//! The folder of a bundle before it has its name: the plan's files, room for the end, the first two entries, the first checkpoint.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use sha2::{Digest, Sha256};

use super::error::{WriteError, at};
use super::log::{Log, Salts, Shared};
use super::{Opening, RESERVE_NAME};
use crate::checkpoint::RunKey;
use crate::disk::{self, OpenFile, Unsynced};
use crate::entry::{Body, Endorsement, Start};
use crate::hex::hex;
use crate::key::Key;
use crate::store::LOG;
use crate::tree::Frontier;

/// Room kept on the disk for the end of a run, in bytes: when the disk is full, a run can still be closed and signed.
const RESERVE: usize = 1 << 20;

pub(super) fn build(
    dir: &Path,
    opening: Opening,
    key: &Key,
    run: String,
    run_key: RunKey,
    max_size: u64,
) -> Result<Shared, WriteError> {
    disk::create_private_dir(dir).map_err(at(dir))?;
    let artifacts = dir.join("artifacts");
    disk::create_private_dir(&artifacts).map_err(at(&artifacts))?;
    let mut unsynced = BTreeSet::new();
    for (name, content) in &opening.files {
        let path = dir.join(name);
        if let Some(parent) = path.parent() {
            disk::create_private_dir_all(parent).map_err(at(parent))?;
        }
        disk::write(&path, content).map_err(at(&path))?;
        let parts = Path::new(name).ancestors().filter(|part| !part.as_os_str().is_empty());
        unsynced.extend(parts.map(|part| dir.join(part)));
    }
    let start = Start {
        format: crate::FORMAT,
        rules: opening.rules,
        run,
        started: opening.started,
        plan: opening.plan,
        files: opening
            .files
            .iter()
            .map(|(name, content)| (name.clone(), hex(&Sha256::digest(content))))
            .collect(),
        declared: opening.declared.clone(),
        resolved_sha256: opening.resolved_sha256,
        inputs: opening.inputs,
        allow: opening.allow,
        only: opening.only,
        run_key: run_key.public()?,
        operator_key: key.public(),
        challenge: opening.challenge,
        ledger: opening.ledger,
        reproduces: opening.reproduces,
        observer: opening.observer,
    };
    let path = dir.join(RESERVE_NAME);
    let reserve = disk::private_file().write(true).create_new(true).open(&path);
    reserve.and_then(|file| keep_room(&file)).map_err(at(&path))?;
    let path = dir.join(LOG);
    let file = disk::private_file().append(true).create_new(true).open(&path).map_err(at(&path))?;
    let shared = Shared {
        path: dir.to_owned(),
        run_key,
        log: Mutex::new(Log {
            file: Arc::new(OpenFile::new(path.clone(), file)),
            frontier: Frontier::default(),
            bytes: 0,
            artifact_bytes: 0,
            max_size,
            declared: opening.declared,
            salts: Salts { bytes: [0; 4096], used: 4096 },
            buffer: Vec::new(),
            leaves: Vec::new(),
            artifacts: HashMap::new(),
            unsynced: unsynced.into_iter().map(Unsynced::At).collect(),
            full: false,
            signed: None,
            stalled: None,
            stopping: false,
        }),
        storing: Mutex::new(()),
        stop: Condvar::new(),
    };
    shared.append(&[Body::Start(start)])?;
    let first = std::fs::read(&path).map_err(at(&path))?;
    let signature = key.sign(first.trim_ascii_end())?;
    shared.append(&[Body::Endorsement(Endorsement { signature })])?;
    shared.checkpoint()?;
    Ok(shared)
}

/// Takes the room for a file's content on its disk.
fn keep_room(mut file: &File) -> io::Result<()> {
    // Not every file system can without being written to.
    #[cfg(target_os = "linux")]
    if rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, RESERVE as u64).is_ok() {
        return Ok(());
    }
    file.write_all(&vec![0; RESERVE])
}
