//! Files that bear a time which is not to be believed: they were written by a clock that was not trusted. Kept over restarts, since the next
//! start may find the right time, by which a recording of an hour ago would be as old as the wrong clock was.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use camera_media::Moment;
use camera_storage::FileName;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use service_setup::files::{Owner, write_whole};

use super::Kind;
use super::state_file::{self, Form};

/// So many are remembered, the oldest forgotten first.
const MAX_FILES: usize = 10_000;
/// Lines of the file on the disk, beyond which it is written anew.
const MAX_LINES: usize = 2 * MAX_FILES;
const VERSION: u32 = 1;

/// A file that bears a time which is not to be believed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Undated {
    pub(super) kind: Kind,
    pub(super) name: FileName,
    /// The moment at which it was begun or finished; `None` if that was in an earlier run.
    pub(super) moment: Option<Moment>,
}

/// All of them, in the order in which they were finished, and where they are kept.
#[derive(Default)]
pub(super) struct UndatedFiles {
    files: Mutex<Vec<Undated>>,
    kept: Option<Mutex<KeptLines>>,
}

/// The file on the disk: the form it has, then a line for each.
struct KeptLines {
    path: PathBuf,
    count: usize,
}

#[derive(Serialize, Deserialize)]
struct Line {
    kind: String,
    name: String,
}

impl UndatedFiles {
    /// Reads what earlier runs kept; a line that a power failure cut is left out.
    ///
    /// # Errors
    /// It cannot be read, or is of a newer version, in a sentence.
    pub(super) fn open(path: &Path) -> Result<UndatedFiles, String> {
        let bytes = state_file::read(path, VERSION)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mut files = Vec::new();
        for line in text.lines().skip(1).filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            if let (Some(kind), Ok(name)) = (Kind::from_link(&line.kind), line.name.parse()) {
                put(&mut files, Undated { kind, name, moment: None });
            }
        }
        let mut kept = KeptLines { path: path.to_owned(), count: files.len() };
        if !text.is_empty() {
            // What is appended is to begin a line of its own.
            kept.write(&files);
        }
        Ok(UndatedFiles { files: Mutex::new(files), kept: Some(Mutex::new(kept)) })
    }

    pub(super) fn list(&self) -> Vec<Undated> {
        self.files.lock().clone()
    }

    /// The place of each among those of its kind: the newest has the highest.
    pub(super) fn places(&self, kind: Kind) -> HashMap<FileName, usize> {
        let files = self.files.lock();
        let of_kind = files.iter().enumerate().filter(|(_, file)| file.kind == kind);
        of_kind.map(|(place, file)| (file.name.clone(), place)).collect()
    }

    /// Adds one that was begun or finished now, as the newest. Writes to the disk.
    pub(super) fn add(&self, kind: Kind, name: FileName) {
        self.put(&Undated { kind, name, moment: Some(Moment::now()) });
    }

    /// Adds one of an earlier run, if that left any. Writes to the disk.
    pub(super) fn add_recovered(&self, kind: Kind, name: FileName) {
        if !self.files.lock().is_empty() {
            self.put(&Undated { kind, name, moment: None });
        }
    }

    fn put(&self, file: &Undated) {
        let files = {
            let mut files = self.files.lock();
            put(&mut files, file.clone());
            files.clone()
        };
        let Some(kept) = &self.kept else { return };
        kept.lock().append(file, &files);
    }

    /// Forgets all: their times are right. Writes to the disk.
    pub(super) fn clear(&self) {
        if std::mem::take(&mut *self.files.lock()).is_empty() {
            return;
        }
        if let Some(kept) = &self.kept {
            kept.lock().write(&[]);
        }
    }
}

/// Puts a file at the end; there is each once.
fn put(files: &mut Vec<Undated>, file: Undated) {
    files.retain(|other| (other.kind, &other.name) != (file.kind, &file.name));
    if files.len() >= MAX_FILES {
        files.remove(0);
    }
    files.push(file);
}

impl KeptLines {
    fn append(&mut self, file: &Undated, all: &[Undated]) {
        if self.count == 0 || self.count >= MAX_LINES {
            return self.write(all);
        }
        let append = || {
            let mut kept = std::fs::File::options().append(true).open(&self.path)?;
            kept.write_all(line(file).as_bytes())?;
            kept.sync_data()
        };
        match append() {
            Ok(()) => self.count += 1,
            Err(error) => not_kept(&self.path, &error),
        }
    }

    fn write(&mut self, files: &[Undated]) {
        let head = serde_json::to_string(&Form { version: VERSION }).unwrap_or_default();
        let text: String = std::iter::once(head + "\n").chain(files.iter().map(line)).collect();
        match write_whole(&self.path, text.as_bytes(), 0o600, Owner::of(&self.path)) {
            Ok(()) => self.count = files.len(),
            Err(error) => not_kept(&self.path, &error),
        }
    }
}

fn line(file: &Undated) -> String {
    let line = Line { kind: file.kind.in_links().to_owned(), name: file.name.to_string() };
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

fn not_kept(path: &Path, error: &std::io::Error) {
    let path = path.display();
    tracing::warn!(%path, %error, "which files bear a wrong time is not known any more after a restart");
}

impl Undated {
    /// When it was last written to, if that can be told now: the clock was set, or is trusted. Those of earlier runs are told by a trusted clock
    /// only, which knows no more than that they are no older than this; a hair apart, so that they keep their order.
    pub(super) fn right_time(&self, clock: ClockNews, newer: usize) -> Option<Timestamp> {
        let before_now = || {
            let apart = std::time::Duration::from_millis(u64::try_from(newer).unwrap_or(u64::MAX));
            Timestamp::now().checked_sub(apart).ok()
        };
        match (self.moment, clock) {
            (Some(moment), ClockNews { set: true, .. }) => Some(moment.timestamp()),
            (None, ClockNews { trusted: true, .. }) => before_now(),
            _ => None,
        }
    }
}

/// What is new of the clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockNews {
    /// It was set since it was looked at last.
    pub(super) set: bool,
    /// It is trusted.
    pub(super) trusted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &UndatedFiles) -> Vec<String> {
        files.list().iter().map(|file| format!("{}/{}", file.kind.in_links(), file.name)).collect()
    }

    #[test]
    fn what_a_run_kept_the_next_one_knows_in_its_order_but_for_a_line_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("undated.jsonl");
        let files = UndatedFiles::open(&path).unwrap();
        for (kind, name) in [
            (Kind::Recordings, "yard_1970-01-01_00-01-00.mp4"),
            (Kind::Snapshots, "mine.jpg"),
            (Kind::Recordings, "web_1970-01-01_00-01-00.mp4"),
            (Kind::Recordings, "yard_1970-01-01_00-01-00.mp4"),
        ] {
            files.add(kind, name.parse().unwrap());
        }
        let expected = [
            "snapshots/mine.jpg",
            "recordings/web_1970-01-01_00-01-00.mp4",
            "recordings/yard_1970-01-01_00-01-00.mp4",
        ];
        assert_eq!(names(&files), expected);
        let mut kept = std::fs::File::options().append(true).open(&path).unwrap();
        kept.write_all(b"{\"kind\":\"recordings\",\"na").unwrap();
        let files = UndatedFiles::open(&path).unwrap();
        assert_eq!(names(&files), expected);
        assert!(files.list().iter().all(|file| file.moment.is_none()), "they are of an earlier run");
        files.add(Kind::Recordings, "after.mp4".parse().unwrap());
        assert_eq!(names(&UndatedFiles::open(&path).unwrap()).last().unwrap(), "recordings/after.mp4");
        files.clear();
        assert_eq!(names(&UndatedFiles::open(&path).unwrap()), [""; 0]);
        std::fs::write(&path, "{\"version\":2}\n").unwrap();
        assert!(UndatedFiles::open(&path).err().unwrap().contains("newer version"));
    }
}
