//! One service for each installation, and for each folder of media: locks that the kernel lets go when their holder ends, however it ends.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::home::Home;
use service_setup::files::Owner;

/// How long one who looks may hold it, at most.
const LOOK: Duration = Duration::from_millis(50);

/// The lock of a folder of media; hidden, so that it is in no list.
const MEDIA_LOCK: &str = ".camera-service.lock";

/// Held as long as it lives.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock is the open file's")] File);

/// Why a folder is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A service runs there.
    #[error("a camera service{process} runs in {} already: stop it (systemctl stop camera-service), or give another folder with --home", folder.display())]
    Held {
        /// The installation.
        folder: PathBuf,
        /// Which process, as far as it is known: ` (process 12)`.
        process: String,
    },
    /// Another installation keeps its files there.
    #[error("another camera service{process} keeps its files in {}: each installation needs folders of its own (storage.recordings, storage.snapshots)", folder.display())]
    Shared {
        /// The folder of media.
        folder: PathBuf,
        /// Which process, as far as it is known.
        process: String,
    },
    /// The lock's file cannot be used.
    #[error("{}: {source}; `camera-service install` makes the folder, or: mkdir -m 700 -p {}", path.display(), path.parent().unwrap_or(path).display())]
    File {
        /// The lock.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

impl Lock {
    /// Takes the folder's lock; makes the folder `state` if there is none.
    ///
    /// # Errors
    /// Somebody holds it, or it cannot be made.
    pub fn take(home: &Home) -> Result<Lock, LockError> {
        let path = home.lock();
        let failed = |source: std::io::Error| LockError::File { path: path.clone(), source };
        let folder = home.state();
        if !folder.exists() && home.folder().is_dir() {
            DirBuilder::new().mode(0o700).create(&folder).map_err(failed)?;
            Owner::of(home.folder()).give(&folder).map_err(failed)?;
        }
        match acquire(&path, &folder)? {
            Ok(lock) => Ok(lock),
            Err(process) => Err(LockError::Held { folder: home.folder().to_owned(), process }),
        }
    }

    /// Takes a folder of media, so that no other installation begins to keep its files there and finishes or deletes ours.
    ///
    /// # Errors
    /// Another installation has it, or the lock cannot be made.
    pub fn take_media(folder: &Path) -> Result<Lock, LockError> {
        match acquire(&folder.join(MEDIA_LOCK), folder)? {
            Ok(lock) => Ok(lock),
            Err(process) => Err(LockError::Shared { folder: folder.to_owned(), process }),
        }
    }

    /// Says that an installation keeps its files in this folder of media now; changes nothing.
    ///
    /// # Errors
    /// [`LockError::Shared`], and nothing else.
    pub fn look_media(folder: &Path) -> Result<(), LockError> {
        match holder(&folder.join(MEDIA_LOCK)) {
            Some(process) => Err(LockError::Shared { folder: folder.to_owned(), process }),
            None => Ok(()),
        }
    }

    /// Says that a service runs there, if one does; changes nothing.
    ///
    /// # Errors
    /// [`LockError::Held`], and nothing else.
    pub fn look(home: &Home) -> Result<(), LockError> {
        match holder(&home.lock()) {
            Some(process) => Err(LockError::Held { folder: home.folder().to_owned(), process }),
            None => Ok(()),
        }
    }
}

/// Takes a lock; else which process holds it, as far as it is known: ` (process 12)`.
fn acquire(path: &Path, folder: &Path) -> Result<Result<Lock, String>, LockError> {
    let failed = |source: std::io::Error| LockError::File { path: path.to_owned(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0))
        .open(path)
        .map_err(failed)?;
    // Somebody who only looks whether it is held lets go at once.
    for attempt in 0.. {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(rustix::io::Errno::WOULDBLOCK) if attempt < 5 => std::thread::sleep(LOOK),
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(Err(process_in(&file))),
            Err(error) => return Err(failed(error.into())),
        }
    }
    // What root leaves behind, the service must be able to open.
    Owner::of(folder).give(path).map_err(failed)?;
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(Ok(Lock(file)))
}

/// Who holds a lock, if anybody does. What cannot be opened is held by nobody that we could know of.
fn holder(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let held = flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK);
    held.then(|| process_in(&file))
}

fn process_in(file: &File) -> String {
    let mut number = String::new();
    // Only for the message.
    let _ = file.take(20).read_to_string(&mut number);
    number.trim().parse::<u32>().map_or(String::new(), |number| format!(" (process {number})"))
}
