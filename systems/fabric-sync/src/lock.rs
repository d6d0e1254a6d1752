//! One writer a fabric on this machine: a lock that the kernel lets go when its holder ends, however it ends. Between machines it is the
//! lease that decides.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock is the open file's")] File);

/// Why we do not write.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process does.
    #[error("a fabric-sync{process} works on this fabric already ({}): stop it, or wait for it", path.display())]
    Held {
        /// The lock.
        path: PathBuf,
        /// Which process, as far as it is known: ` (process 12)`.
        process: String,
    },
    /// The lock's file cannot be used.
    #[error("{}: {source}; `fabric-sync install` makes the folder", path.display())]
    File {
        /// The lock.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// Somebody holds it, or it cannot be made.
    pub fn take(path: &Path) -> Result<Lock, LockError> {
        let failed = |source: std::io::Error| LockError::File { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut number = String::new();
                // Only for the message.
                let _ = file.take(20).read_to_string(&mut number);
                let process = number
                    .trim()
                    .parse::<u32>()
                    .map_or(String::new(), |number| format!(" (process {number})"));
                return Err(LockError::Held { path: path.to_owned(), process });
            }
            Err(error) => return Err(failed(error.into())),
        }
        file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Lock(file))
    }
}
