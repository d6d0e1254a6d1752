//! A bundle being read: its entries as a stream, its plan, its artifacts. Nothing here is verified; that is `verify`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::OnceLock;

use probity_plan::file_names::is_plan_file;

use crate::declared::Declared;
use crate::entry::{Body, Close, Entry, Start};
use crate::line::{self, LineError, MAX_LINE};
use crate::store::{LOG, Section, Store, StoreError};

/// The longest file of a plan, and the longest of `findings.json` and `report.html`, in bytes.
pub const MAX_SMALL_FILE: u64 = 64 << 20;
/// Every so many entries, it is remembered where in the log they begin.
pub(crate) const INDEXED: u64 = 256;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Its files cannot be listed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read.
    #[error("`{name}` in the bundle: {source}")]
    File {
        /// Its path in the bundle.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A line of the log is no entry.
    #[error("entry {number}: {source}")]
    Line {
        /// Its number, from 0.
        number: u64,
        /// Why.
        source: LineError,
    },
    /// A line of the log does not end, or is too long.
    #[error("entry {0} is cut, or longer than 4 MiB")]
    Cut(u64),
    /// The log does not begin with a first entry.
    #[error("the log does not begin with the entry that starts a run")]
    NoStart,
    /// There never was such a format.
    #[error("the bundle says it has format 0; the first one is 1")]
    NoFormat,
    /// The format is newer than this program.
    #[error("the bundle has format {found}; this program reads up to {}: use a newer one", crate::FORMAT)]
    Newer {
        /// Its format.
        found: u32,
    },
}

/// A bundle: a folder, or a tar read in place.
#[derive(Debug)]
pub struct Bundle {
    store: Store,
    first_line: Vec<u8>,
    start: Start,
    /// Where in the log the entries 0, [`INDEXED`], twice that, ... begin, once a verification read all of it.
    index: OnceLock<Vec<u64>>,
}

impl Bundle {
    /// Opens a bundle and reads its first entry.
    ///
    /// # Errors
    /// [`ReadError`] if it is none or has a newer format.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        Self::over(Store::open(path)?)
    }

    /// A bundle over its files.
    ///
    /// # Errors
    /// As [`Bundle::open`].
    pub fn over(store: Store) -> Result<Self, ReadError> {
        let mut lines = Lines::open(&store)?;
        let first = lines.next_line()?.ok_or(ReadError::NoStart)?;
        match line::format_of(first) {
            Some(found) if found > crate::FORMAT => return Err(ReadError::Newer { found }),
            Some(0) => return Err(ReadError::NoFormat),
            _ => {}
        }
        let entry = line::decode(first, None).map_err(|source| ReadError::Line { number: 0, source })?;
        let Body::Start(start) = entry.body else { return Err(ReadError::NoStart) };
        let first_line = first.to_vec();
        drop(lines);
        Ok(Self { store, first_line, start, index: OnceLock::new() })
    }

    /// The first entry.
    pub const fn start(&self) -> &Start {
        &self.start
    }

    /// The exact bytes of the first entry's line, without its newline.
    pub fn first_line(&self) -> &[u8] {
        &self.first_line
    }

    /// The closing entry, if the log ends with one. Reads the whole log.
    ///
    /// # Errors
    /// [`ReadError`] if a line cannot be read.
    pub fn close(&self) -> Result<Option<Close>, ReadError> {
        let mut last = None;
        for entry in self.entries()? {
            last = Some(entry?);
        }
        Ok(last.and_then(|entry| if let Body::Close(close) = entry.body { Some(close) } else { None }))
    }

    /// The entries in their order, signed or not; [`crate::Verification::signed`] says how many are.
    ///
    /// # Errors
    /// [`ReadError::File`] if the log cannot be opened.
    pub fn entries(&self) -> Result<Entries<'_>, ReadError> {
        Ok(Entries { lines: Lines::open(&self.store)?, declared: &self.start.declared, ended: false })
    }

    /// The entries of these numbers, in their order; the others are passed over unread.
    ///
    /// # Errors
    /// [`ReadError`] if one of them is none, or the log cannot be read as far as the last.
    pub fn entries_at(&self, numbers: &BTreeSet<u64>) -> Result<Vec<Entry>, ReadError> {
        let mut lines = Lines::open(&self.store)?;
        let mut entries = Vec::new();
        for wanted in numbers {
            let index = self.index.get().zip(usize::try_from(wanted / INDEXED).ok());
            if let Some(begins) = index.and_then(|(index, at)| index.get(at))
                && wanted - wanted % INDEXED > lines.number
            {
                lines = Lines::over(
                    self.store.read(LOG).map_err(log_error)?.after(*begins),
                    wanted - wanted % INDEXED,
                );
            }
            while lines.number < *wanted && lines.next_line()?.is_some() {}
            let Some(line) = lines.next_line()? else { break };
            entries.push(
                line::decode(line, Some(&self.start.declared))
                    .map_err(|source| ReadError::Line { number: *wanted, source })?,
            );
        }
        Ok(entries)
    }

    /// The whole log, of which the first line is the one that was read.
    pub(crate) fn log(&self) -> io::Result<impl Read + '_> {
        let rest = self.store.read(LOG)?.after(self.first_line.len() as u64 + 1);
        Ok(self.first_line.chain(&b"\n"[..]).chain(rest))
    }

    /// Remembers where entries begin.
    pub(crate) fn indexed(&self, index: Vec<u64>) {
        // One is as good as another.
        _ = self.index.set(index);
    }

    /// The files of the plan: `plan.yaml`, `includes/...`.
    ///
    /// # Errors
    /// [`ReadError::File`] if one cannot be read or is longer than 64 MiB.
    pub fn files(&self) -> Result<BTreeMap<String, Vec<u8>>, ReadError> {
        let names = self.start.files.keys().filter(|name| is_plan_file(name));
        names.map(|name| Ok((name.clone(), self.small_file(name)?))).collect()
    }

    /// An artifact by its digest, as a stream.
    ///
    /// # Errors
    /// [`ReadError::File`] if it is not there.
    pub fn artifact(&self, sha256: &str) -> Result<Section, ReadError> {
        let name = format!("artifacts/{sha256}");
        self.store.read(&name).map_err(|source| ReadError::File { name, source })
    }

    /// Another small file: `findings.json`, `report.html`, `checkpoint`.
    ///
    /// # Errors
    /// [`ReadError::File`] if it is not there or longer than 64 MiB.
    pub fn small_file(&self, name: &str) -> Result<Vec<u8>, ReadError> {
        self.store
            .read_all(name, MAX_SMALL_FILE)
            .map_err(|source| ReadError::File { name: name.to_owned(), source })
    }

    /// Its files.
    pub const fn store(&self) -> &Store {
        &self.store
    }
}

/// The lines of a log.
struct Lines {
    log: BufReader<Section>,
    number: u64,
    line: Vec<u8>,
}

impl Lines {
    fn open(store: &Store) -> Result<Self, ReadError> {
        Ok(Self::over(store.read(LOG).map_err(log_error)?, 0))
    }

    /// From the entry of this number on.
    fn over(log: Section, number: u64) -> Self {
        Self { log: BufReader::with_capacity(1 << 16, log), number, line: Vec::new() }
    }

    fn next_line(&mut self) -> Result<Option<&mut [u8]>, ReadError> {
        self.line.clear();
        let mut capped = self.log.by_ref().take(MAX_LINE as u64 + 1);
        if capped.read_until(b'\n', &mut self.line).map_err(log_error)? == 0 {
            return Ok(None);
        }
        let line = match self.line.split_last_mut() {
            Some((b'\n', line)) => line,
            _ => return Err(ReadError::Cut(self.number)),
        };
        self.number += 1;
        Ok(Some(line))
    }
}

fn log_error(source: io::Error) -> ReadError {
    ReadError::File { name: LOG.to_owned(), source }
}

/// The entries of a log; ends after an error.
pub struct Entries<'a> {
    lines: Lines,
    declared: &'a Declared,
    ended: bool,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let number = self.lines.number;
        let entry = match self.lines.next_line() {
            Ok(None) => return None,
            Ok(Some(line)) => {
                line::decode(line, Some(self.declared)).map_err(|source| ReadError::Line { number, source })
            }
            Err(error) => Err(error),
        };
        self.ended = entry.is_err();
        Some(entry)
    }
}
