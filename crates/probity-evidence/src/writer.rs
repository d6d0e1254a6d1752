//! Writes a bundle while a run goes on.
//!
//! A bundle is made in a folder beside its place and renamed, so that a run killed before is no bundle at all. After that,
//! each entry is with the kernel before `append` returns, and a thread of its own makes what was appended durable and signs
//! the head of the tree, so that the thread that probes never waits for a disk.
//!
//! Must not know: what a claim means, what a report says. The clock is the caller's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use probity_plan::{Barrier, Blocked, Cause, Impact, Observation};
use sha2::{Digest, Sha256};

use crate::bundle::MAX_SMALL_FILE;
use crate::checkpoint::{CheckpointError, RunKey};
use crate::declared::{Declared, Undeclared};
use crate::disk::{self, Held, Unplaced, Unsynced};
use crate::entry::{Body, Close, Endorsement, Identity, LedgerHead, Start};
use crate::hex::hex;
use crate::key::{Key, KeyError};
use crate::line::{self, MAX_LINE};
use crate::names::{self, Names};
use crate::store::{LOG, MAX_FILES};
use crate::tree::{Frontier, Hash, leaf};

/// The default of `--max-size`, in bytes: log and artifacts together.
pub const DEFAULT_MAX_SIZE: u64 = 1 << 30;

/// How often the head is signed; with the time a sync takes, at least once a second on a disk that keeps up.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// Room kept on the disk for the end of a run, in bytes: when the disk is full, a run can still be closed and signed.
const RESERVE: usize = 1 << 20;
/// The file that keeps it; gone from a finished bundle.
const RESERVE_NAME: &str = "reserve.partial";

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing is overwritten.
    #[error("{} exists; a bundle is never overwritten: name another place or move it away", .0.display())]
    Exists(PathBuf),
    /// A file of the plan has a name that a bundle cannot hold.
    #[error("`{0}` cannot be a file of a bundle: use plan.yaml, or plain names below includes/")]
    Name(String),
    /// Two files of the plan would be one on another machine.
    #[error("`{0}` and `{1}` are one name to some file systems: a bundle cannot hold both")]
    Alike(String, String),
    /// The findings or the report are longer than a reader would read.
    #[error("{name} of {bytes} bytes is longer than the {MAX_SMALL_FILE} that readers accept")]
    FileTooLong {
        /// Which.
        name: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// The disk or the file system refused. What was recorded before stays.
    #[error("{}: {source}{}", path.display(), if source.kind() == io::ErrorKind::StorageFull { "; what was recorded before is kept" } else { "" })]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no room for the beginning of a bundle.
    #[error("{}: {source}; nothing was recorded", path.display())]
    NoRoom {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `--max-size` is reached.
    #[error("the bundle has reached its limit of {limit} bytes (--max-size)")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// One entry is longer than a reader would read.
    #[error("an entry of {bytes} bytes is longer than the {MAX_LINE} that readers accept")]
    LineTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A fact that could not be read back as it is.
    #[error("the fact `{fact}` cannot be recorded: {reason}")]
    Unrecordable {
        /// Its name.
        fact: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It says what its kind cannot.
    #[error("the observation cannot be recorded: {0}")]
    Undeclared(#[from] Undeclared),
    /// The thread that signs checkpoints cannot.
    #[error("the last checkpoint could not be written ({0}); nothing is recorded that cannot be signed")]
    Stalled(String),
    /// An entry could not be written as JSON.
    #[error("the entry cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The checkpoint could not be signed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The operator's key did not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The run key has no OpenSSH form.
    #[error("the run key: {0}")]
    RunKey(#[from] ssh_key::Error),
    /// No random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

impl WriteError {
    /// The barrier to record instead of the facts, if only this observation was refused and the log goes on.
    pub fn barrier(&self) -> Option<Blocked> {
        let barrier = match self {
            Self::TooLarge { limit } => return Some(Blocked::by(Cause::SizeLimit { bytes: *limit })),
            Self::LineTooLong { .. } => Barrier::TooLarge,
            Self::Unrecordable { .. } | Self::Undeclared(_) => Barrier::Protocol,
            _ => return None,
        };
        Some(Blocked::new(barrier, self.to_string()))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    |source| WriteError::File { path, source }
}

/// What the caller knows when a run begins; the writer adds format, run id, keys and digests.
#[derive(Clone, Debug)]
pub struct Opening {
    /// See [`Start::rules`].
    pub rules: u32,
    /// See [`Start::started`].
    pub started: jiff::Timestamp,
    /// See [`Start::plan`].
    pub plan: String,
    /// The files of the plan, exactly as they were read, by their path in the bundle: `plan.yaml`, `includes/...`.
    pub files: BTreeMap<String, Vec<u8>>,
    /// See [`Start::declared`].
    pub declared: Declared,
    /// See [`Start::resolved_sha256`].
    pub resolved_sha256: String,
    /// See [`Start::inputs`].
    pub inputs: BTreeMap<String, String>,
    /// See [`Start::allow`].
    pub allow: Impact,
    /// See [`Start::only`].
    pub only: Option<Vec<String>>,
    /// See [`Start::challenge`].
    pub challenge: Option<String>,
    /// See [`Start::ledger`].
    pub ledger: LedgerHead,
    /// See [`Start::reproduces`].
    pub reproduces: Option<String>,
    /// See [`Start::observer`].
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

/// What the caller's threads and the signing thread share.
struct Shared {
    path: PathBuf,
    run_key: RunKey,
    log: Mutex<Log>,
    /// One artifact is stored at a time.
    storing: Mutex<()>,
    stop: Condvar,
}

/// A checkpoint that is not yet placed.
struct Due {
    head: Head,
    /// What has to be durable before it is placed, beside the log.
    unsynced: Vec<Unsynced>,
}

/// The log as far as it is with the kernel.
struct Log {
    file: Arc<Held>,
    frontier: Frontier,
    /// The log's length in bytes; beyond it is at most a torn write.
    bytes: u64,
    artifact_bytes: u64,
    max_size: u64,
    declared: Declared,
    salts: Salts,
    buffer: Vec<u8>,
    leaves: Vec<Hash>,
    /// Sizes of the artifacts stored, by digest.
    artifacts: HashMap<String, u64>,
    /// Files and folders that are not yet durable: the next checkpoint waits for them.
    unsynced: Vec<Unsynced>,
    /// The disk is full: only what ends the run is still written.
    full: bool,
    signed: Option<u64>,
    stalled: Option<String>,
    stopping: bool,
}

/// Random bytes for salts, fetched from the operating system 256 entries at a time.
struct Salts {
    bytes: [u8; 4096],
    used: usize,
}

impl Salts {
    fn next(&mut self) -> Result<[u8; 16], getrandom::Error> {
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
        if let Some(name) = opening.files.keys().find(|name| !names::is_plan_file(name)) {
            return Err(WriteError::Name(name.clone()));
        }
        let mut names = Names::default();
        if let Some((name, other)) = opening.files.keys().find_map(|name| Some((name, names.add(name)?))) {
            return Err(WriteError::Alike(name.clone(), other));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Opened before anything is done: a folder whose names cannot be made durable holds no bundle.
        let parent = Held::folder(parent).map_err(at(parent))?;
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
        let made = Self::build(&building, opening, &key, run.clone(), run_key, max_size).and_then(|shared| {
            std::fs::rename(&building, path).map_err(at(path))?;
            shared.lock().unsynced.extend(parent.map(|parent| Unsynced::Held(Arc::new(parent))));
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

    fn build(
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
        reserve.and_then(|mut file| file.write_all(&vec![0; RESERVE])).map_err(at(&path))?;
        let path = dir.join(LOG);
        let file = disk::private_file().append(true).create_new(true).open(&path).map_err(at(&path))?;
        let shared = Shared {
            path: dir.to_owned(),
            run_key,
            log: Mutex::new(Log {
                file: Arc::new(Held::new(path.clone(), file)),
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
    pub fn also_sync(&self, held: Held) {
        self.shared.lock().unsynced.push(Unsynced::Held(Arc::new(held)));
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

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, bodies: &[Body]) -> Result<u64, WriteError> {
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

    fn artifact(&self, bytes: &[u8]) -> Result<String, WriteError> {
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

    fn release_reserve(&self) {
        // It may be gone already.
        let _ = std::fs::remove_file(self.path.join(RESERVE_NAME));
    }

    /// Makes durable what was appended, and signs the head over it.
    fn checkpoint(&self) -> Result<(), WriteError> {
        {
            let log = self.lock();
            if log.signed == Some(log.frontier.size()) && log.unsynced.is_empty() {
                return Ok(());
            }
        }
        let (mut due, note) = self.due()?;
        self.place(&mut due, &[("checkpoint", &note)])
    }

    /// A checkpoint over what was appended so far, with its bytes.
    fn due(&self) -> Result<(Due, Vec<u8>), WriteError> {
        let (frontier, unsynced) = {
            let log = self.lock();
            (log.frontier.clone(), log.unsynced.clone())
        };
        let (size, root) = (frontier.size(), frontier.root());
        let note = self.run_key.sign(size, &root)?;
        Ok((Due { head: Head { size, root: hex(&root) }, unsynced }, note))
    }

    /// Makes durable what the checkpoint covers, and these files; then they get their names, in this order.
    fn place(&self, due: &mut Due, files: &[(&str, &[u8])]) -> Result<(), WriteError> {
        let mut unsynced = std::mem::take(&mut due.unsynced);
        let settled = unsynced.len();
        if unsynced
            .iter()
            .any(|what| what.path().parent().is_some_and(|folder| folder.ends_with("artifacts")))
        {
            unsynced.push(Unsynced::At(self.path.join("artifacts")));
        }
        unsynced.push(Unsynced::Held(Arc::clone(&self.lock().file)));
        let mut unplaced = Vec::new();
        for (name, content) in files {
            let path = self.path.join(name);
            let file = Unplaced::write(&path, content).map_err(at(&path))?;
            unsynced.push(file.unsynced());
            unplaced.push((path, file));
        }
        disk::sync_together(&unsynced).map_err(|(path, source)| WriteError::File { path, source })?;
        for (path, file) in unplaced {
            file.replace().map_err(at(&path))?;
        }
        disk::sync_dir(&self.path).map_err(at(&self.path))?;
        let log = &mut *self.lock();
        log.unsynced.drain(..settled);
        log.signed = Some(due.head.size);
        Ok(())
    }

    /// Says why nothing can be recorded, or that it can be again; what may be lost of the log is lost for good.
    fn stall(&self, reason: Option<String>) {
        let log = &mut *self.lock();
        if log.stalled.is_none() || !log.file.lost() {
            log.stalled = reason;
        }
    }

    /// The signing thread.
    fn keep_signing(&self) {
        let _guard = Signing(self);
        loop {
            let waited = self.stop.wait_timeout_while(self.lock(), CHECKPOINT_EVERY, |log| !log.stopping);
            let (log, _) = waited.unwrap_or_else(PoisonError::into_inner);
            // Whoever stops it signs the last checkpoint.
            if log.stopping {
                return;
            }
            drop(log);
            // The next checkpoint may succeed again: then recording goes on.
            let stalled = self.checkpoint().err().map(|error| error.to_string());
            self.stall(stalled);
        }
    }
}

/// A signing thread that ends by a panic is not missed in silence.
struct Signing<'s>(&'s Shared);

impl Drop for Signing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stall(Some("the thread that signs checkpoints has stopped".to_owned()));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that ends with the test, and a writer below it.
    fn writer(name: &str) -> (PathBuf, Writer) {
        let place = std::env::temp_dir().join(format!("probity-writer-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let opening = Opening {
            rules: 1,
            started: jiff::Timestamp::UNIX_EPOCH,
            plan: "A plan".to_owned(),
            files: BTreeMap::from([("plan.yaml".to_owned(), b"plan: A plan\n".to_vec())]),
            declared: Declared::default(),
            resolved_sha256: "0".repeat(64),
            inputs: BTreeMap::new(),
            allow: Impact::Observe,
            only: None,
            challenge: None,
            ledger: LedgerHead { run: 1, head: None, began: None },
            reproduces: None,
            observer: Identity {
                version: String::new(),
                host: String::new(),
                user: String::new(),
                system: String::new(),
            },
        };
        let key = Key::default_at(&place.join("config")).unwrap();
        let writer = Writer::create(&place.join("b.probity"), opening, key, DEFAULT_MAX_SIZE).unwrap();
        (place, writer)
    }

    #[test]
    fn a_log_that_could_not_be_synced_once_is_never_signed_again() {
        let (place, mut writer) = writer("lost");
        writer.stop_signing();
        let shared = &writer.shared;
        let log = shared.lock().file.file().try_clone().unwrap();
        let null = std::fs::OpenOptions::new().append(true).open("/dev/null").unwrap();
        shared.lock().file = Arc::new(Held::new(PathBuf::from("evidence.jsonl"), null));
        shared.append(&[]).unwrap();
        shared.lock().signed = None;
        let error = shared.checkpoint().unwrap_err().to_string();
        assert!(error.starts_with("evidence.jsonl: "), "{error}");
        shared.stall(Some(error));
        shared.stall(None);
        assert!(matches!(shared.append(&[]), Err(WriteError::Stalled(_))));
        assert!(shared.checkpoint().is_err());
        // Another reason may pass.
        shared.lock().file = Arc::new(Held::new(PathBuf::from("evidence.jsonl"), log));
        shared.stall(None);
        shared.append(&[]).unwrap();
        shared.checkpoint().unwrap();
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_signing_thread_that_panics_stops_recording() {
        let (place, mut writer) = writer("panic");
        writer.stop_signing();
        let shared = Arc::clone(&writer.shared);
        shared.append(&[]).unwrap();
        let died = std::thread::spawn(move || {
            let _guard = Signing(&shared);
            panic!("as a test wants it");
        });
        assert!(died.join().is_err());
        let error = writer.append_all(&[]).unwrap_err().to_string();
        assert!(error.contains("the thread that signs checkpoints has stopped"), "{error}");
        std::fs::remove_dir_all(place).unwrap();
    }
}
