//! Why something was not written, and what is recorded instead.

use std::io;
use std::path::{Path, PathBuf};

use probity_plan::{Barrier, Blocked, Cause};

use crate::bundle::MAX_SMALL_FILE;
use crate::checkpoint::CheckpointError;
use crate::declared::Undeclared;
use crate::key::KeyError;
use crate::line::MAX_LINE;

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

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    |source| WriteError::File { path, source }
}
