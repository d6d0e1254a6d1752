//! One folder of recordings or snapshots: what is in it, and deleting from it. The folder is opened anew for each act, so that a disk
//! mounted or replaced meanwhile is seen; within it only plain files are touched, by name, without following links.

use crate::{FileName, StorageError};
use jiff::Timestamp;
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps},
    io::Errno,
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

const NOTE: &str = ".note";
/// Bytes of a note that are read.
const MAX_NOTE: u64 = 64 << 10;

/// A folder of recordings or snapshots.
#[derive(Clone, Debug)]
pub struct Library {
    pub(crate) path: PathBuf,
}

/// A file in a library.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FileInfo {
    /// Its name.
    pub name: FileName,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: Timestamp,
    /// When it was begun: by its name if the service named it, otherwise as `modified`.
    pub created: Timestamp,
}

/// Some of the files, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Those asked for. One that somebody deletes meanwhile is left out.
    pub files: Vec<FileInfo>,
    /// How many there are in all.
    pub total: usize,
}

/// A file that is gone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Deleted {
    /// Its length in bytes.
    pub bytes: u64,
}

impl Library {
    /// The library in the folder `path`, which must exist and be a folder.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let library = Self { path: path.into() };
        library.folder()?;
        Ok(library)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the file is or would be, for programs that write there. Opening it by this path would follow a link: read with [`Library::read`].
    pub fn path_of(&self, name: &FileName) -> PathBuf {
        self.path.join(name.as_str())
    }

    pub(crate) fn folder(&self) -> Result<OwnedFd, StorageError> {
        rustix::fs::open(&self.path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| self.failed("open the folder", None, errno))
    }

    pub(crate) fn failed(&self, doing: &'static str, name: Option<&FileName>, errno: Errno) -> StorageError {
        match name {
            Some(name) if matches!(errno, Errno::NOENT | Errno::LOOP) => StorageError::NotFound(name.clone()),
            Some(name) => StorageError::from_errno(doing, self.path_of(name), errno),
            None => StorageError::from_errno(doing, self.path.clone(), errno),
        }
    }

    /// The file, for reading. Anything but a plain file (a link, a folder, a device) is not found.
    pub fn read(&self, name: &FileName) -> Result<(File, FileInfo), StorageError> {
        // Not blocking: somebody may have put a fifo there.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.folder()?, name.as_str(), flags, Mode::empty())
            .map_err(|errno| self.failed("open", Some(name), errno))?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| self.failed("look at", Some(name), errno))?;
        let info = plain(name, &stat).ok_or_else(|| StorageError::NotFound(name.clone()))?;
        Ok((file.into(), info))
    }

    /// Length and times of the file.
    pub fn info(&self, name: &FileName) -> Result<FileInfo, StorageError> {
        self.info_in(&self.folder()?, name)
    }

    pub(crate) fn info_in(&self, folder: &OwnedFd, name: &FileName) -> Result<FileInfo, StorageError> {
        let stat = rustix::fs::statat(folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| self.failed("look at", Some(name), errno))?;
        plain(name, &stat).ok_or_else(|| StorageError::NotFound(name.clone()))
    }

    /// Up to `limit` files after the first `offset`, newest first by when they were begun. Files that the service named are sorted by
    /// their names alone; only the others and those listed are looked at.
    pub fn list(&self, limit: usize, offset: usize) -> Result<Listing, StorageError> {
        let folder = self.folder()?;
        let mut files: Vec<(Timestamp, FileName)> = self
            .names(&folder)?
            .into_iter()
            .filter_map(|name| {
                let began =
                    name.began().or_else(|| self.info_in(&folder, &name).ok().map(|info| info.modified))?;
                Some((began, name))
            })
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        let total = files.len();
        let files = files
            .iter()
            .skip(offset)
            .take(limit)
            .filter_map(|(_, name)| self.info_in(&folder, name).ok())
            .collect();
        Ok(Listing { files, total })
    }

    /// Every file with its length and times, in no order.
    pub fn all(&self) -> Result<Vec<FileInfo>, StorageError> {
        let folder = self.folder()?;
        let names = self.names(&folder)?;
        Ok(names.iter().filter_map(|name| self.info_in(&folder, name).ok()).collect())
    }

    /// The names of the plain files; drafts, hidden files and names that could not be asked for are left out.
    fn names(&self, folder: &OwnedFd) -> Result<Vec<FileName>, StorageError> {
        let failed = |errno| self.failed("list the folder", None, errno);
        let mut names = Vec::new();
        for entry in Dir::read_from(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Some(name) = entry.file_name().to_str().ok().and_then(|name| name.parse::<FileName>().ok())
            else {
                continue;
            };
            let is_file = match entry.file_type() {
                FileType::RegularFile => true,
                // Some file systems do not say.
                FileType::Unknown => self.info_in(folder, &name).is_ok(),
                _ => false,
            };
            if is_file {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Says when the file was last written to, where the clock was wrong by then.
    pub fn set_modified(&self, name: &FileName, at: Timestamp) -> Result<(), StorageError> {
        let folder = self.folder()?;
        self.info_in(&folder, name)?;
        let at = Timespec { tv_sec: at.as_second(), tv_nsec: at.subsec_nanosecond().max(0).into() };
        let times = Timestamps { last_access: at, last_modification: at };
        rustix::fs::utimensat(&folder, name.as_str(), &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| self.failed("set the time of", Some(name), errno))
    }

    /// Keeps what is to be known of a file, beside it, until it is deleted. Replaces what was kept of it.
    pub fn keep_note(&self, name: &FileName, text: &str) -> Result<(), StorageError> {
        let draft = self.draft()?;
        let failed = |error| StorageError::Failed {
            doing: "write",
            path: self.path.join(note_of(name)),
            why: std::io::Error::to_string(&error),
        };
        draft.writer()?.write_all(text.as_bytes()).map_err(failed)?;
        draft.commit_hidden(&note_of(name))
    }

    /// What was kept of a file; `None` if nothing was, or it cannot be read.
    pub fn note(&self, name: &FileName) -> Option<String> {
        let mut text = String::new();
        self.note_file(name)?.1.take(MAX_NOTE).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// The hidden file in which that is kept, and its name.
    pub fn note_file(&self, name: &FileName) -> Option<(String, File)> {
        let hidden = note_of(name);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.folder().ok()?, hidden.as_str(), flags, Mode::empty()).ok()?;
        Some((hidden, file.into()))
    }

    /// Deletes the file and answers once it is seen to be gone. `in_use` says which files are being written; they are refused.
    pub fn delete(
        &self,
        name: &FileName,
        in_use: &dyn Fn(&FileName) -> bool,
    ) -> Result<Deleted, StorageError> {
        self.delete_in(&self.folder()?, name, in_use)
    }

    pub(crate) fn delete_in(
        &self,
        folder: &OwnedFd,
        name: &FileName,
        in_use: &dyn Fn(&FileName) -> bool,
    ) -> Result<Deleted, StorageError> {
        let look = || rustix::fs::statat(folder, name.as_str(), AtFlags::SYMLINK_NOFOLLOW);
        let before = look().map_err(|errno| self.failed("look at", Some(name), errno))?;
        let info = plain(name, &before).ok_or_else(|| StorageError::NotFound(name.clone()))?;
        if in_use(name) {
            return Err(StorageError::InUse(name.clone()));
        }
        rustix::fs::unlinkat(folder, name.as_str(), AtFlags::empty())
            .map_err(|errno| self.failed("delete", Some(name), errno))?;
        // What was to be known of it goes with it.
        let _ = rustix::fs::unlinkat(folder, note_of(name).as_str(), AtFlags::empty());
        match look() {
            Ok(after) if (after.st_ino, after.st_dev) == (before.st_ino, before.st_dev) => {
                Err(StorageError::Failed {
                    doing: "delete",
                    path: self.path_of(name),
                    why: "the system says it did, but the file is still there".into(),
                })
            }
            _ => Ok(Deleted { bytes: info.bytes }),
        }
    }
}

/// The hidden file in which something is kept of a file.
fn note_of(name: &FileName) -> String {
    format!(".{name}{NOTE}")
}

/// The file of which something is kept in the hidden file of that name.
pub(crate) fn noted(hidden: &str) -> Option<FileName> {
    hidden.strip_prefix('.')?.strip_suffix(NOTE)?.parse().ok()
}

/// What the system says of the file, if it is a plain one.
fn plain(name: &FileName, stat: &Stat) -> Option<FileInfo> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let modified = Timestamp::new(stat.st_mtime, i32::try_from(stat.st_mtime_nsec).unwrap_or(0))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    Some(FileInfo {
        name: name.clone(),
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        modified,
        created: name.began().unwrap_or(modified),
    })
}
