//! What runs make and remove again, the machines of their trials and the copies of the program on other machines: each is written
//! down before it is made and struck once it is removed, so that what a run left over that was killed is found by whoever comes
//! next. Whose run still lives is locked.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use probity_plan::units::Span;
use serde::{Deserialize, Serialize};

use crate::disk;

/// The longest note, in bytes.
const MAX_NOTE: u64 = 1 << 20;

/// What is about to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// The version of what follows: 1.
    pub format: u32,
    /// Its name, which no other has.
    pub name: String,
    /// The run it is made for.
    pub run: String,
    /// The process of that run.
    pub process: u32,
    /// The command that removes it.
    pub down: Vec<String>,
    /// The folder in which that runs.
    pub folder: PathBuf,
    /// How long it may take.
    pub within: Span,
}

/// A note that is held: as long as it is, everybody else sees that its run lives.
#[derive(Debug)]
pub struct LockedNote {
    path: PathBuf,
    _locked: File,
}

impl LockedNote {
    /// It is removed.
    ///
    /// # Errors
    /// If the note cannot be.
    pub fn strike(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

/// What stands in the folder of notes.
#[derive(Debug)]
pub enum Standing {
    /// Its run lives.
    Alive(Note),
    /// It does not: whoever holds this is to remove what was made.
    LeftOver(Note, LockedNote),
    /// This is no note, and why.
    Strange(PathBuf, String),
}

/// The folder of notes.
#[derive(Clone, Debug)]
pub struct Notes(PathBuf);

impl Notes {
    /// Those in this folder, which need not be there.
    pub const fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Writes one down; it is on the disk when this returns.
    ///
    /// # Errors
    /// If it cannot be, or there is one of this name.
    pub fn write_down(&self, note: &Note) -> io::Result<LockedNote> {
        disk::create_private_dir_all(&self.0)?;
        let path = self.0.join(format!("{}.json", note.name));
        let partial = self.0.join(format!("{}{}", note.name, disk::PARTIAL));
        let mut file = disk::private_file().write(true).create_new(true).open(&partial)?;
        let placed = (|| {
            // Before anybody can find it.
            file.lock()?;
            file.write_all(&serde_json::to_vec(note)?)?;
            file.sync_all()?;
            // Unlike a rename it never replaces.
            std::fs::hard_link(&partial, &path)
        })();
        let removed = std::fs::remove_file(&partial);
        placed.and(removed)?;
        disk::sync_dir(&self.0)?;
        Ok(LockedNote { path, _locked: file })
    }

    /// What stands there, by name.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn read(&self) -> io::Result<Vec<Standing>> {
        let folder = match std::fs::read_dir(&self.0) {
            Ok(folder) => folder,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut paths = folder.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        Ok(paths.iter().filter_map(|path| standing(path).transpose()).map(strange).collect())
    }
}

type Failed = (PathBuf, String);

fn strange(standing: Result<Standing, Failed>) -> Standing {
    standing.unwrap_or_else(|(path, why)| Standing::Strange(path, why))
}

/// Nothing of what somebody else removed meanwhile.
fn standing(path: &Path) -> Result<Option<Standing>, Failed> {
    let failed = |why: String| (path.to_owned(), why);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let is_free = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => return Err(failed(error.to_string())),
    };
    if path.extension().is_some_and(|extension| extension == "partial") {
        // Of a run that was killed before it began to make anything.
        if is_free {
            _ = std::fs::remove_file(path);
        }
        return Ok(None);
    }
    // Whoever held it until now may have struck it.
    let bytes = match disk::read_plain_capped(path, MAX_NOTE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    let note: Note = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    if note.format != 1 {
        return Err(failed(format!("it is of format {}, which this version does not know", note.format)));
    }
    let held = LockedNote { path: path.to_owned(), _locked: file };
    Ok(Some(if is_free { Standing::LeftOver(note, held) } else { Standing::Alive(note) }))
}
