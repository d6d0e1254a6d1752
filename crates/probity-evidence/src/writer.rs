//! Writes a bundle while a run goes on.
//!
//! A bundle is made in a folder beside its place and renamed, so that a run killed before is no bundle at all. After that,
//! each entry is with the kernel before `append` returns, and a thread of its own makes what was appended durable and signs
//! the head of the tree, so that the thread that probes never waits for a disk.
//!
//! Must not know: what a claim means, what a report says. The clock is the caller's.

mod build;
mod error;
mod log;
mod signing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use probity_plan::file_names::{self, Names};
use probity_plan::{Cause, Impact};
use sha2::{Digest, Sha256};

use crate::bundle::MAX_SMALL_FILE;
use crate::checkpoint::RunKey;
use crate::declared::Declared;
use crate::disk::{self, OpenFile, Unsynced};
use crate::entry::{Body, Close, Identity, LedgerHead};
use crate::hex::hex;
use crate::key::Key;
use error::at;
use log::Shared;

pub use error::WriteError;

/// The default of `--max-size`, in bytes: log and artifacts together.
pub const DEFAULT_MAX_SIZE: u64 = 1 << 30;

/// The file that keeps room on the disk for the end of a run; gone from a finished bundle.
const RESERVE_NAME: &str = "reserve.partial";

/// What the caller knows when a run begins; the writer adds format, run id, keys and digests.
#[derive(Clone, Debug)]
pub struct Opening {
    /// See [`crate::Start::rules`].
    pub rules: u32,
    /// See [`crate::Start::started`].
    pub started: jiff::Timestamp,
    /// See [`crate::Start::plan`].
    pub plan: String,
    /// The files of the plan, exactly as they were read, by their path in the bundle: `plan.yaml`, `includes/...`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// See [`crate::Start::declared`].
    pub declared: Declared,
    /// See [`crate::Start::resolved_sha256`].
    pub resolved_sha256: String,
    /// See [`crate::Start::inputs`].
    pub inputs: BTreeMap<String, String>,
    /// See [`crate::Start::allow`].
    pub allow: Impact,
    /// See [`crate::Start::only`].
    pub only: Option<Vec<String>>,
    /// See [`crate::Start::challenge`].
    pub challenge: Option<String>,
    /// See [`crate::Start::ledger`].
    pub ledger: LedgerHead,
    /// See [`crate::Start::reproduces`].
    pub reproduces: Option<String>,
    /// See [`crate::Start::observer`].
    pub observer: Identity,
}

/// The signed head of a finished bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// How many entries it covers.
    pub size: u64,
    /// The root hash, in hexadecimal.
    pub root: String,
}

/// A bundle being written. Dropped without [`Writer::finish`], it signs a last checkpoint and stays incomplete.
pub struct Writer {
    shared: Arc<Shared>,
    signing: Option<JoinHandle<()>>,
    key: Key,
    run: String,
}

impl Writer {
    /// Makes the bundle with its first two entries and a first checkpoint. `max_size` is in bytes, log and artifacts
    /// together ([`DEFAULT_MAX_SIZE`]).
    ///
    /// # Errors
    /// [`WriteError`]; then there is no bundle at `path`.
    pub fn create(path: &Path, opening: Opening, key: Key, max_size: u64) -> Result<Self, WriteError> {
        if path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists(path.to_owned()));
        }
        if let Some(name) = opening.files.keys().find(|name| !file_names::is_plan_file(name)) {
            return Err(WriteError::Name(name.clone()));
        }
        let mut names = Names::default();
        if let Some((name, other)) = opening.files.keys().find_map(|name| Some((name, names.add(name)?))) {
            return Err(WriteError::Alike(name.clone(), other));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Opened before anything is done: a folder whose names cannot be made durable holds no bundle.
        let parent = OpenFile::folder(parent).map_err(at(parent))?;
        let mut random = [0; 16];
        getrandom::getrandom(&mut random)?;
        let run = hex(&random);
        let mut seed = [0; 32];
        getrandom::getrandom(&mut seed)?;
        let run_key = RunKey::new(&run, &seed);

        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(format!(".{}{}", &run[..8], disk::PARTIAL));
        let building = path.with_file_name(name);
        let made =
            build::build(&building, opening, &key, run.clone(), run_key, max_size).and_then(|shared| {
                std::fs::rename(&building, path).map_err(at(path))?;
                shared.lock().unsynced.extend(parent.map(|parent| Unsynced::OpenFile(Arc::new(parent))));
                Ok(Shared { path: path.to_owned(), ..shared })
            });
        let shared = match made {
            Ok(shared) => Arc::new(shared),
            Err(error) => {
                // The error that matters is the first one.
                let _ = std::fs::remove_dir_all(&building);
                return Err(match error {
                    WriteError::File { path, source } if source.kind() == io::ErrorKind::StorageFull => {
                        WriteError::NoRoom { path, source }
                    }
                    other => other,
                });
            }
        };
        let signing = std::thread::Builder::new().name("checkpoints".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.keep_signing()
        });
        Ok(Self { signing: Some(signing.map_err(at(path))?), shared, key, run })
    }

    /// The run's id.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Where the bundle is.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Appends one entry and returns its number. Its bytes are with the kernel then: a killed process loses nothing that
    /// was acknowledged.
    ///
    /// # Errors
    /// If [`WriteError::barrier`] names a barrier, this entry alone was refused: record the barrier instead (an observation
    /// without facts is accepted beyond the size limit too). Any other error means that recording cannot go on; what was
    /// recorded before stays, and [`Writer::finish`] may still work: on a full disk there is room kept for it.
    pub fn append(&self, body: &Body) -> Result<u64, WriteError> {
        self.append_all(std::slice::from_ref(body))
    }

    /// Appends entries in one write and returns the number of the first: all of them, or on an error none.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn append_all(&self, bodies: &[Body]) -> Result<u64, WriteError> {
        self.shared.append(bodies)
    }

    /// Stores bytes as an artifact and returns their SHA-256; refer to it in an observation's `artifacts`.
    ///
    /// # Errors
    /// As [`Writer::append`].
    pub fn artifact(&self, bytes: &[u8]) -> Result<String, WriteError> {
        self.shared.artifact(bytes)
    }

    /// Ends the run: writes findings and report, the closing entry, the last checkpoint, and the operator's signature over it.
    /// `interrupted` says why the run ended before its plan did.
    ///
    /// # Errors
    /// [`WriteError`]; the bundle then stays incomplete, with all that was recorded.
    pub fn finish(
        mut self,
        findings_json: &[u8],
        report_html: &[u8],
        ended: jiff::Timestamp,
        interrupted: Option<Cause>,
    ) -> Result<Head, WriteError> {
        self.stop_signing();
        self.shared.release_reserve();
        for (name, content) in [("findings.json", findings_json), ("report.html", report_html)] {
            if content.len() as u64 > MAX_SMALL_FILE {
                return Err(WriteError::FileTooLong { name, bytes: content.len() });
            }
        }
        self.shared.append(&[Body::Close(Close {
            ended,
            interrupted,
            findings_sha256: hex(&Sha256::digest(findings_json)),
            report_sha256: hex(&Sha256::digest(report_html)),
        })])?;
        let (mut due, note) = self.shared.due()?;
        // In this order: what a broken end leaves is no complete bundle, and no closing entry is signed without its files.
        let mut files =
            vec![("findings.json", findings_json), ("report.html", report_html), ("checkpoint", &note[..])];
        if !self.key.at_hand() {
            // Its holder may be asked, and may not answer: what is to be signed is safe by then.
            self.shared.place(&mut due, &std::mem::take(&mut files))?;
        }
        let signature = self.key.sign(&note)?;
        files.push(("checkpoint.sig", signature.as_bytes()));
        self.shared.place(&mut due, &files)?;
        Ok(due.head)
    }

    /// Makes another file durable with the next checkpoint: the ledger.
    pub fn also_sync(&self, held: OpenFile) {
        self.shared.lock().unsynced.push(Unsynced::OpenFile(Arc::new(held)));
    }

    /// Ends the signing thread; false if it had ended before. A checkpoint is then due from this one.
    fn stop_signing(&mut self) -> bool {
        let Some(thread) = self.signing.take() else { return false };
        self.shared.lock().stopping = true;
        self.shared.stop.notify_all();
        // A panic there has been printed.
        let _ = thread.join();
        // What kept it from signing may be over; the end of the run is tried in any case.
        self.shared.stall(None);
        true
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.stop_signing() {
            // There is nobody left to tell; what an earlier checkpoint covers verifies.
            let _ = self.shared.checkpoint();
        }
    }
}
