//! Files of our own that hold secrets or decide who gets in: private to their owner, read again when they changed,
//! replaced in one step, and changed by one process at a time.

use rustix::fs::{FlockOperation, Mode, OFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use zeroize::Zeroizing;

/// The largest file of ours that is read, in bytes.
const MAX_SIZE: u64 = 16 << 20;
/// How long a change waits for another process's change.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a file of ours cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system said no.
    #[error("{path}: cannot {doing}: {source}")]
    System {
        /// The file.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// The system's word.
        source: io::Error,
    },
    /// Others may read or write it.
    #[error("{path} has mode {mode:03o}, so others than its owner can reach it: chmod 600 {path}")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not a file, too large, or not what we write.
    #[error("{path}: {problem}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Another process keeps the lock.
    #[error("{path}: another process has been changing it for 5 s; look with `fuser {path}`")]
    Locked {
        /// The folder that is locked.
        path: PathBuf,
    },
}

fn system(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::System { path: path.to_owned(), doing, source }
}

fn content(path: &Path, problem: impl Into<String>) -> StoreError {
    StoreError::Content { path: path.to_owned(), problem: problem.into() }
}

/// Reads a file that only its owner can reach.
pub(crate) fn read_private(path: &Path, largest: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    read_open(&open_private(path)?, path, largest)
}

fn open_private(path: &Path) -> Result<File, StoreError> {
    // Without waiting: a named pipe in the file's place must not hold the service up.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let fd = rustix::fs::open(path, flags, Mode::empty())
        .map_err(io::Error::from)
        .map_err(system(path, "open it"))?;
    let file = File::from(fd);
    let metadata = file.metadata().map_err(system(path, "look at it"))?;
    if !metadata.is_file() {
        return Err(content(path, "is not a regular file"));
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Mode { path: path.to_owned(), mode });
    }
    Ok(file)
}

fn read_open(mut file: &File, path: &Path, largest: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let size = file.metadata().map_err(system(path, "look at it"))?.len();
    if size > largest {
        return Err(content(path, format!("has {size} bytes; at most {largest} are read")));
    }
    // In one piece: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    Read::by_ref(&mut file).take(largest).read_to_end(&mut bytes).map_err(system(path, "read it"))?;
    Ok(bytes)
}

/// What the file looked like when it was read. The file is kept open, so that its inode cannot be given to one that
/// replaces it: a replaced file always differs, also within one tick of the file system's clock.
struct Stamp {
    _file: File,
    seen: Seen,
}

#[derive(PartialEq, Eq)]
struct Seen {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl Seen {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
        }
    }
}

/// A value kept as JSON in a private file, the same for all processes that open it.
pub(crate) struct Store<T> {
    path: PathBuf,
    loaded: RwLock<Loaded<T>>,
}

struct Loaded<T> {
    value: Arc<T>,
    stamp: Stamp,
    /// Counts up with each value, so that what was derived from an older one can be told.
    generation: u64,
}

/// What a [`Store`] keeps: it says its own version and checks what was read.
pub(crate) trait Document: Clone + Default + Serialize + DeserializeOwned {
    /// Written, and the newest that is read.
    const VERSION: u32;
    /// What the serde type cannot say.
    fn check(&self) -> Result<(), String>;
}

/// Only to see which version a file has before it is read as one.
#[derive(serde::Deserialize)]
struct Versioned {
    version: u32,
}

impl<T: Document> Store<T> {
    /// Opens the file, or makes it with an empty value where there is none. From then on its absence is an error:
    /// a list of revocations that vanished must let nobody in.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        if let Err(source) = std::fs::symlink_metadata(path) {
            if source.kind() != io::ErrorKind::NotFound {
                return Err(system(path, "look at it")(source));
            }
            let _lock = lock_folder(path)?;
            if !path.exists() {
                replace(path, &T::default())?;
            }
        }
        let (value, stamp) = load(path)?;
        Ok(Self {
            path: path.to_owned(),
            loaded: RwLock::new(Loaded { value: Arc::new(value), stamp, generation: 0 }),
        })
    }

    /// The value as last read or written here, and its generation; no look at the disk.
    pub(crate) fn remembered(&self) -> (Arc<T>, u64) {
        let loaded = self.read();
        (Arc::clone(&loaded.value), loaded.generation)
    }

    /// The value as it is on disk now, and its generation: one `stat`, and a read where it changed.
    pub(crate) fn current(&self) -> Result<(Arc<T>, u64), StoreError> {
        let metadata = std::fs::metadata(&self.path).map_err(system(&self.path, "look at it"))?;
        let seen = Seen::of(&metadata);
        {
            let loaded = self.read();
            if loaded.stamp.seen == seen {
                return Ok((Arc::clone(&loaded.value), loaded.generation));
            }
        }
        let mut loaded = self.write();
        if loaded.stamp.seen != seen {
            let (value, stamp) = load(&self.path)?;
            *loaded = Loaded { value: Arc::new(value), stamp, generation: loaded.generation + 1 };
        }
        Ok((Arc::clone(&loaded.value), loaded.generation))
    }

    /// Changes the value as it is on disk now, while no other process can. It is on disk when this returns.
    pub(crate) fn change<R, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
        let _lock = lock_folder(&self.path)?;
        let mut loaded = self.write();
        let (mut value, _) = load(&self.path)?;
        let result = change(&mut value)?;
        replace(&self.path, &value)?;
        let (value, stamp) = load(&self.path)?;
        *loaded = Loaded { value: Arc::new(value), stamp, generation: loaded.generation + 1 };
        Ok(result)
    }

    fn read(&self) -> RwLockReadGuard<'_, Loaded<T>> {
        // A value is replaced whole or not at all, so one that a panic left behind is a good one.
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Loaded<T>> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load<T: Document>(path: &Path) -> Result<(T, Stamp), StoreError> {
    let file = open_private(path)?;
    let seen = Seen::of(&file.metadata().map_err(system(path, "look at it"))?);
    let bytes = read_open(&file, path, MAX_SIZE)?;
    let Versioned { version } = serde_json::from_slice(&bytes)
        .map_err(|error| content(path, format!("is damaged: {error}; put it back from a backup")))?;
    if version > T::VERSION {
        return Err(content(
            path,
            format!("has version {version}; this program knows {} and older", T::VERSION),
        ));
    }
    let value: T = serde_json::from_slice(&bytes)
        .map_err(|error| content(path, format!("is damaged: {error}; put it back from a backup")))?;
    value.check().map_err(|problem| content(path, problem))?;
    Ok((value, Stamp { _file: file, seen }))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Locks the folder itself: a lock file would need an owner, a mode and somebody to clear it away.
fn lock_folder(path: &Path) -> Result<File, StoreError> {
    let folder = folder(path);
    let opened = File::open(folder).map_err(system(folder, "open it"))?;
    let pause = Duration::from_millis(5);
    for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
        match rustix::fs::flock(&opened, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(opened),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => std::thread::sleep(pause),
            Err(error) => return Err(system(folder, "lock it")(error.into())),
        }
    }
    Err(StoreError::Locked { path: folder.to_owned() })
}

/// Writes beside the file, syncs, renames, syncs the folder: a crash leaves the old file or the new one.
fn replace<T: Serialize>(path: &Path, value: &T) -> Result<(), StoreError> {
    let name = path.file_name().ok_or_else(|| content(path, "names no file"))?;
    let temporary = folder(path).join(format!(".{}.new", name.to_string_lossy()));
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| content(path, error.to_string()))?;
    text.push(b'\n');
    // What a crash left; nobody else writes it while we hold the lock.
    match std::fs::remove_file(&temporary) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(system(&temporary, "remove it")(source));
        }
        _ => {}
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::open(&temporary, flags, Mode::RUSR | Mode::WUSR)
        .map_err(io::Error::from)
        .map_err(system(&temporary, "make it"))?;
    let mut file = File::from(fd);
    keep_owner(&file, path).map_err(system(&temporary, "give it its owner"))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(system(&temporary, "write it"))?;
    std::fs::rename(&temporary, path).map_err(system(path, "replace it"))?;
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(system(folder(path), "sync it"))
}

/// Root changes keys on the command line, the service reads them as its own user: the file stays whose it was, a new
/// one belongs to whom the folder belongs.
fn keep_owner(file: &File, path: &Path) -> io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let of = std::fs::metadata(path).or_else(|_| std::fs::metadata(folder(path)))?;
    fchown(file, Some(of.uid()), Some(of.gid()))
}
