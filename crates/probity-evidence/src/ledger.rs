//! The operator's run ledger: one line of JSON a run, each with the digest of the line before, so that two bundles of one
//! operator show whether runs lie between them. Who holds the file can drop it; then the next bundle says "run 1".

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::{self, OpenFile};
use crate::entry::LedgerHead;
use crate::hex::hex;

/// The longest line, in bytes.
const MAX_LINE: u64 = 64 << 10;

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Its number, from 1.
    pub run: u64,
    /// When it began, by the observer's clock.
    pub at: Timestamp,
    /// The run's id, as in its bundle.
    pub id: String,
    /// The plan's title.
    pub plan: String,
    /// SHA-256 of the resolved plan, in hexadecimal.
    pub resolved_sha256: String,
    /// SHA-256 of the line before, without its newline, in hexadecimal; absent in the first line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<String>,
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The system refused.
    #[error("the ledger {}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not what the one before leads to.
    #[error("the ledger {} is damaged in line {line}: {reason}; move it away to begin a new one, which bundles will then say", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// The line's number, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

/// A ledger held for one run: nobody else can append until this is dropped.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    head: LedgerHead,
}

impl Ledger {
    /// Opens the ledger, making it (0600) if it is not there, waits for its lock, and checks it from its first line.
    ///
    /// # Errors
    /// [`LedgerError`] if it cannot be opened or is damaged.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let failed = |source| LedgerError::File { path: path.to_owned(), source };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            disk::create_private_dir_all(parent).map_err(failed)?;
        }
        // A pipe that is opened to be read and written is one whose end never comes.
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(failed(io::Error::other("it is not a plain file")));
        }
        let mut options = disk::private_file();
        let file =
            disk::never_wait(&mut options).read(true).append(true).create(true).open(path).map_err(failed)?;
        file.lock().map_err(failed)?;
        let head = check(BufReader::new(&file)).map_err(|error| match error {
            CheckError::Io(source) => failed(disk::said(source)),
            CheckError::Line(line, reason) => LedgerError::Damaged { path: path.to_owned(), line, reason },
        })?;
        Ok(Self { path: path.to_owned(), file, head })
    }

    /// The head before this run, for the first entry.
    pub fn head_before(&self) -> LedgerHead {
        self.head.clone()
    }

    /// Appends this run, lets go of the ledger and returns its file. The line is with the kernel when this returns, and
    /// survives a power cut only after the next checkpoint of the writer whose [`crate::Writer::also_sync`] is given it.
    ///
    /// # Errors
    /// [`LedgerError::File`].
    pub fn append(
        mut self,
        at: Timestamp,
        id: &str,
        plan: &str,
        resolved_sha256: &str,
    ) -> Result<OpenFile, LedgerError> {
        let line = Line {
            run: self.head.run,
            at,
            id: id.to_owned(),
            plan: plan.chars().take(1000).collect(),
            resolved_sha256: resolved_sha256.to_owned(),
            prev: self.head.head.clone(),
        };
        let mut bytes = serde_json::to_vec(&line).unwrap_or_default();
        bytes.push(b'\n');
        match self.file.write_all(&bytes).and_then(|()| self.file.unlock()) {
            Ok(()) => Ok(OpenFile::new(self.path, self.file)),
            Err(source) => Err(LedgerError::File { path: self.path, source }),
        }
    }
}

/// Why a ledger's content is none.
#[derive(Debug)]
pub enum CheckError {
    /// It cannot be read.
    Io(io::Error),
    /// This line (from 1) is wrong, for this reason.
    Line(u64, String),
}

/// Checks a ledger's content from its first line; returns the head for the next run.
///
/// # Errors
/// [`CheckError`] at the first line that does not follow from the one before.
pub fn check(mut content: impl BufRead) -> Result<LedgerHead, CheckError> {
    let mut head = LedgerHead { run: 1, head: None, began: None };
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let read =
            content.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut bytes).map_err(CheckError::Io)?;
        if read == 0 {
            return Ok(head);
        }
        let damaged = |reason: String| CheckError::Line(head.run, reason);
        let Some(text) = bytes.strip_suffix(b"\n") else {
            return Err(damaged("it is cut or too long".to_owned()));
        };
        let line: Line = serde_json::from_slice(text).map_err(|error| damaged(error.to_string()))?;
        if line.run != head.run {
            return Err(damaged(format!("it is for run {}, not {}", line.run, head.run)));
        }
        if line.prev != head.head {
            return Err(damaged("it does not follow from the line before".to_owned()));
        }
        let next = line.run.checked_add(1).ok_or_else(|| damaged("no number follows".to_owned()))?;
        head = LedgerHead { run: next, head: Some(hex(&Sha256::digest(text))), began: Some(line.at) };
    }
}
