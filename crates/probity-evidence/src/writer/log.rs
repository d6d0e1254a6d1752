//! What is recorded: entries and artifacts, with the kernel before anybody counts on them.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use probity_plan::Observation;
use sha2::{Digest, Sha256};

use super::RESERVE_NAME;
use super::error::{WriteError, at};
use crate::checkpoint::RunKey;
use crate::declared::Declared;
use crate::disk::{OpenFile, Unplaced, Unsynced};
use crate::entry::Body;
use crate::hex::hex;
use crate::line::{self, MAX_LINE};
use crate::store::{LOG, MAX_FILES};
use crate::tree::{Frontier, Hash, leaf};

/// What the caller's threads and the signing thread share.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) run_key: RunKey,
    pub(super) log: Mutex<Log>,
    /// One artifact is stored at a time.
    pub(super) storing: Mutex<()>,
    pub(super) stop: Condvar,
}

/// The log as far as it is with the kernel.
pub(super) struct Log {
    pub(super) file: Arc<OpenFile>,
    pub(super) frontier: Frontier,
    /// The log's length in bytes; beyond it is at most a torn write.
    pub(super) bytes: u64,
    pub(super) artifact_bytes: u64,
    pub(super) max_size: u64,
    pub(super) declared: Declared,
    pub(super) salts: Salts,
    pub(super) buffer: Vec<u8>,
    pub(super) leaves: Vec<Hash>,
    /// Sizes of the artifacts stored, by digest.
    pub(super) artifacts: HashMap<String, u64>,
    /// Files and folders that are not yet durable: the next checkpoint waits for them.
    pub(super) unsynced: Vec<Unsynced>,
    /// The disk is full: only what ends the run is still written.
    pub(super) full: bool,
    pub(super) signed: Option<u64>,
    pub(super) stalled: Option<String>,
    pub(super) stopping: bool,
}

/// Random bytes for salts, fetched from the operating system 256 entries at a time.
pub(super) struct Salts {
    pub(super) bytes: [u8; 4096],
    pub(super) used: usize,
}

impl Salts {
    pub(super) fn next(&mut self) -> Result<[u8; 16], getrandom::Error> {
        if self.used == self.bytes.len() {
            getrandom::getrandom(&mut self.bytes)?;
            self.used = 0;
        }
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.bytes[self.used..self.used + 16]);
        self.used += 16;
        Ok(salt)
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn append(&self, bodies: &[Body]) -> Result<u64, WriteError> {
        let log = &mut *self.lock();
        if let Some(reason) = &log.stalled {
            return Err(WriteError::Stalled(reason.clone()));
        }
        let first = log.frontier.size();
        log.buffer.clear();
        log.leaves.clear();
        for (number, body) in (first..).zip(bodies) {
            if let Body::Observation(observation) = body {
                if log.full {
                    return Err(at(&self.path)(io::ErrorKind::StorageFull.into()));
                }
                log.accept(observation)?;
            }
            let from = log.buffer.len();
            let salt = log.salts.next()?;
            line::encode(&mut log.buffer, number, salt, body)?;
            let bytes = log.buffer.len() - from;
            if bytes > MAX_LINE {
                return Err(WriteError::LineTooLong { bytes });
            }
            log.leaves.push(leaf(&log.buffer[from..]));
            log.buffer.push(b'\n');
            let facts = matches!(body, Body::Observation(observation) if !observation.facts.is_empty());
            if facts && log.bytes + log.buffer.len() as u64 + log.artifact_bytes > log.max_size {
                return Err(WriteError::TooLarge { limit: log.max_size });
            }
        }
        if let Err(error) = log.file.file().write_all(&log.buffer) {
            // Half a line may be there: take it away, so that the log goes on or ends with whole lines.
            let _ = log.file.file().set_len(log.bytes);
            if error.kind() == io::ErrorKind::StorageFull {
                log.full = true;
                self.release_reserve();
            }
            return Err(at(&self.path.join(LOG))(error));
        }
        log.bytes += log.buffer.len() as u64;
        log.leaves.iter().for_each(|leaf| log.frontier.push(*leaf));
        Ok(first)
    }

    pub(super) fn artifact(&self, bytes: &[u8]) -> Result<String, WriteError> {
        let digest = hex(&Sha256::digest(bytes));
        let size = bytes.len() as u64;
        let _one_at_a_time = self.storing.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let log = &mut *self.lock();
            if log.artifacts.contains_key(&digest) {
                return Ok(digest);
            }
            if log.bytes + log.artifact_bytes + size > log.max_size || log.artifacts.len() >= MAX_FILES / 2 {
                return Err(WriteError::TooLarge { limit: log.max_size });
            }
            log.artifact_bytes += size;
        }
        let path = self.path.join("artifacts").join(&digest);
        let written = Unplaced::write(&path, bytes).and_then(Unplaced::replace);
        let log = &mut *self.lock();
        if let Err(error) = written {
            log.artifact_bytes -= size;
            return Err(at(&path)(error));
        }
        log.artifacts.insert(digest.clone(), size);
        log.unsynced.push(Unsynced::At(path));
        Ok(digest)
    }

    pub(super) fn release_reserve(&self) {
        // It may be gone already.
        let _ = std::fs::remove_file(self.path.join(RESERVE_NAME));
    }
}

impl Log {
    /// Whether an observation can be read back as it is.
    fn accept(&self, observation: &Observation) -> Result<(), WriteError> {
        self.declared.fits(observation)?;
        for (fact, value) in observation.cell.iter().chain(&observation.facts) {
            let refused = |reason| WriteError::Unrecordable { fact: fact.clone(), reason };
            line::recordable(value, 0).map_err(refused)?;
        }
        for (fact, artifact) in &observation.artifacts {
            if self.artifacts.get(&artifact.sha256) != Some(&artifact.size_bytes) {
                let reason = "its artifact was not stored";
                return Err(WriteError::Unrecordable { fact: fact.clone(), reason });
            }
        }
        Ok(())
    }
}
