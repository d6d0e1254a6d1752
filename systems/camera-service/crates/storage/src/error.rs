//! What can go wrong with a file, told apart as callers must tell it apart.

use crate::FileName;
use std::path::PathBuf;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such file: not found.
    #[error("there is no file `{0}`")]
    NotFound(FileName),
    /// The file is being written: invalid state.
    #[error("`{0}` is being recorded: stop the recording first")]
    InUse(FileName),
    /// There is such a file already: invalid state.
    #[error("there is a file `{0}` already: take another name")]
    AlreadyExists(FileName),
    /// Nothing was written into the file: dependency failed.
    #[error("nothing was written into `{0}`")]
    Empty(FileName),
    /// The disk is full or has reached the blocking level: dependency failed.
    #[error("the disk is full: {0}; delete files, shorten the retention, or give it more room")]
    Full(String),
    /// The file system refuses: dependency failed.
    #[error("{}: cannot {doing}: {why}", path.display())]
    Failed {
        /// What was tried, as a verb: "delete".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's word, and what to do where that is known.
        why: String,
    },
}

impl StorageError {
    /// The system's error for what was tried on `path`.
    pub(crate) fn from_errno(doing: &'static str, path: PathBuf, errno: rustix::io::Errno) -> Self {
        use rustix::io::Errno;
        let why = match errno {
            Errno::NOSPC => return Self::Full(format!("no space is left for {}", path.display())),
            Errno::DQUOT => return Self::Full(format!("the quota is used up for {}", path.display())),
            Errno::ROFS => "the file system is mounted read-only".into(),
            Errno::ACCESS | Errno::PERM => {
                format!("{errno}: the service's user must own the folder, and the file may not be immutable")
            }
            other => other.to_string(),
        };
        Self::Failed { doing, path, why }
    }
}
