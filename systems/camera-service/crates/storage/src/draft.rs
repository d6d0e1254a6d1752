//! A file that appears in its library whole or not at all: written under a hidden name, then renamed.

use crate::{FileInfo, FileName, Library, StorageError, library::noted, recording_name};
use jiff::Timestamp;
use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags},
    io::Errno,
};
use std::{
    fs::File,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

const PREFIX: &str = ".draft-";
const SUFFIX: &str = ".part";

/// A file being written. Dropping it deletes it.
#[derive(Debug)]
pub struct Draft {
    library: Library,
    hidden: String,
    committed: bool,
}

impl Library {
    /// Begins a draft; its name starts with a dot, so that it is in no list.
    pub fn draft(&self) -> Result<Draft, StorageError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let folder = self.folder()?;
        let process = std::process::id();
        loop {
            let hidden = format!("{PREFIX}{process}-{}{SUFFIX}", COUNT.fetch_add(1, Ordering::Relaxed));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            match rustix::fs::openat(&folder, hidden.as_str(), flags, Mode::from_raw_mode(0o640)) {
                Ok(_) => return Ok(Draft { library: self.clone(), hidden, committed: false }),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(StorageError::from_errno("make", self.path.join(&hidden), errno)),
            }
        }
    }

    /// Deletes the drafts of an earlier process that was killed, and notes of files that are gone, and says how many. Only at start, before
    /// the first draft.
    pub fn sweep(&self) -> Result<usize, StorageError> {
        let folder = self.folder()?;
        let failed = |errno| self.failed("list the folder", None, errno);
        let mut swept = 0;
        for entry in Dir::read_from(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            let gone =
                |name: &FileName| matches!(self.info_in(&folder, name), Err(StorageError::NotFound(_)));
            let is_left =
                (name.starts_with(PREFIX) && name.ends_with(SUFFIX)) || noted(name).is_some_and(|n| gone(&n));
            if !is_left || !matches!(entry.file_type(), FileType::RegularFile | FileType::Unknown) {
                continue;
            }
            match rustix::fs::unlinkat(&folder, name, AtFlags::empty()) {
                Ok(()) => swept += 1,
                Err(Errno::NOENT) => {}
                // It is in no list, and the next start tries again.
                Err(errno) => {
                    let error = StorageError::from_errno("delete", self.path.join(name), errno);
                    tracing::warn!(%error, "what an earlier run left stays behind");
                }
            }
        }
        Ok(swept)
    }
}

impl Draft {
    /// Where to write, for this program or another. The extension says nothing of the format.
    pub fn path(&self) -> PathBuf {
        self.library.path.join(&self.hidden)
    }

    /// The file, for writing from its start.
    pub fn writer(&self) -> Result<File, StorageError> {
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(self.library.folder()?, self.hidden.as_str(), flags, Mode::empty())
            .map(File::from)
            .map_err(|errno| StorageError::from_errno("write", self.path(), errno))
    }

    /// Puts the file, which must not be empty, under `name` and answers once it is there and on the disk. Never overwrites; if it fails
    /// the draft is still there, for another name.
    pub fn commit(&mut self, name: &FileName) -> Result<FileInfo, StorageError> {
        let folder = self.library.folder()?;
        let failed = |doing, errno| StorageError::from_errno(doing, self.path(), errno);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder, self.hidden.as_str(), flags, Mode::empty())
            .map_err(|e| failed("open", e))?;
        if rustix::fs::fstat(&file).map_err(|e| failed("look at", e))?.st_size == 0 {
            return Err(StorageError::Empty(name.clone()));
        }
        rustix::fs::fsync(&file).map_err(|e| failed("write out", e))?;
        let (from, to) = (self.hidden.as_str(), name.as_str());
        let renamed = match rustix::fs::renameat_with(&folder, from, &folder, to, RenameFlags::NOREPLACE) {
            // Network file systems do not know the flag; a second link also never overwrites.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(&folder, from, &folder, to, AtFlags::empty())
                    .and_then(|()| rustix::fs::unlinkat(&folder, from, AtFlags::empty()))
            }
            other => other,
        };
        match renamed {
            Ok(()) => self.committed = true,
            Err(Errno::EXIST) => return Err(StorageError::AlreadyExists(name.clone())),
            Err(errno) => return Err(StorageError::from_errno("make", self.library.path_of(name), errno)),
        }
        // Some file systems cannot write out a folder; the file itself is.
        let _ = rustix::fs::fsync(&folder);
        self.library.info_in(&folder, name)
    }

    /// Puts the file under a hidden name, in the place of what is there.
    pub(crate) fn commit_hidden(mut self, hidden: &str) -> Result<(), StorageError> {
        let folder = self.library.folder()?;
        rustix::fs::renameat(&folder, self.hidden.as_str(), &folder, hidden)
            .map_err(|errno| StorageError::from_errno("make", self.library.path.join(hidden), errno))?;
        self.committed = true;
        Ok(())
    }

    /// As [`Draft::commit`], under the first free name for what `camera` begins at `began`: `CAMERA_2026-01-31_23-59-59.EXTENSION`, with
    /// `_2`, `_3`... if that is taken.
    pub fn commit_as(
        &mut self,
        camera: &str,
        began: Timestamp,
        extension: &str,
    ) -> Result<FileInfo, StorageError> {
        let mut number = 1;
        loop {
            let name = recording_name(camera, began, extension, number).map_err(|error| {
                let path = self.library.path.clone();
                StorageError::Failed { doing: "name a file", path, why: error.to_string() }
            })?;
            match self.commit(&name) {
                Err(StorageError::AlreadyExists(_)) if number < 100_000 => number += 1,
                committed => return committed,
            }
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        if let Ok(folder) = self.library.folder()
            && let Err(error) = rustix::fs::unlinkat(&folder, self.hidden.as_str(), AtFlags::empty())
        {
            tracing::warn!(path = %self.path().display(), %error, "a draft stays behind until the next start");
        }
    }
}
