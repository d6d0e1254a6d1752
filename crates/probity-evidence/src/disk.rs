//! Files of our own: private, whole or not there. (Reading a stranger's bundle is `store`.)

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;

/// The content of a small text file; an error if it is longer than `cap` bytes or not UTF-8.
pub fn read_to_string_capped(path: &Path, cap: u64) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.take(cap + 1).read_to_string(&mut text).map_err(said)?;
    if text.len() as u64 > cap {
        return Err(io::Error::other(format!("it is longer than {cap} bytes")));
    }
    Ok(text)
}

/// The content of a plain file of at most `most` bytes; whatever else stands there is refused without waiting for it.
pub(crate) fn read_plain_capped(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Before it is opened: opening a pipe waits.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let too_long = |size: u64| io::Error::other(format!("{size} bytes; at most {most} are read"));
    if metadata.len() > most {
        return Err(too_long(metadata.len()));
    }
    let mut content = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut content).map_err(said)?;
    if content.len() as u64 > most { Err(too_long(content.len() as u64)) } else { Ok(content) }
}

/// How long somebody is waited for who writes into a pipe, at most, before each read.
#[cfg(unix)]
const MAX_WAIT: rustix::time::Timespec = rustix::time::Timespec { tv_sec: 20, tv_nsec: 0 };

/// Opens a file to be read. Where the system calls it a plain file, reading it never waits, as it would at `/proc/kmsg`; else
/// not longer than [`MAX_WAIT`].
#[cfg(unix)]
fn open(path: &Path) -> io::Result<impl Read> {
    use rustix::event::{PollFd, PollFlags, poll};
    struct Patient {
        file: File,
        waits: bool,
    }
    impl Read for Patient {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.waits && poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&MAX_WAIT))? == 0 {
                let why = format!("nobody wrote into it for {} s", MAX_WAIT.tv_sec);
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            self.file.read(buffer)
        }
    }
    let file = never_wait(&mut OpenOptions::new()).read(true).open(path)?;
    let waits = !file.metadata()?.is_file();
    Ok(Patient { file, waits })
}

/// Opens a file to be read.
#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Reading what is opened so fails instead of waiting.
pub(crate) fn never_wait(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    open_with(options, rustix::fs::OFlags::NONBLOCK);
    options
}

/// What is opened so is opened with these flags of open(2).
#[cfg(unix)]
pub(crate) fn open_with(options: &mut OpenOptions, flags: rustix::fs::OFlags) {
    // Their bits fit an int.
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.bits().cast_signed());
}

/// The same error; that reading would wait in words of ours.
pub(crate) fn said(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            io::Error::other("it is no plain file: reading it waits for somebody who writes")
        }
        _ => error,
    }
}

/// The permission bits; 0o600 where the system has none.
pub(crate) fn mode(path: &Path) -> io::Result<u32> {
    let metadata = std::fs::metadata(path)?;
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
    #[cfg(not(unix))]
    let mode = if metadata.is_file() { 0o600 } else { 0o700 };
    Ok(mode)
}

fn private_dir() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// A new folder with mode 0700; an error if it exists.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    private_dir().create(path)
}

/// A folder with mode 0700, and those above it; nothing happens if it exists.
pub(crate) fn create_private_dir_all(path: &Path) -> io::Result<()> {
    private_dir().recursive(true).create(path)
}

/// Options for our files: mode 0600.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A file that is written whole beside its place before it gets its name, so that the name never stands for half of it. One
/// that is dropped before leaves nothing; a killed process leaves its partial file.
#[derive(Debug)]
pub(crate) struct Unplaced {
    partial: PathBuf,
    path: PathBuf,
}

impl Unplaced {
    /// Writes the content beside `path`, with mode 0600, without waiting for the disk.
    pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<Self> {
        Self::write_as(partial(path), path, content)
    }

    fn write_as(partial: PathBuf, path: &Path, content: &[u8]) -> io::Result<Self> {
        let unplaced = Self { partial, path: path.to_owned() };
        let mut file = private_file().write(true).create(true).truncate(true).open(&unplaced.partial)?;
        file.write_all(content)?;
        Ok(unplaced)
    }

    /// What makes its content durable.
    pub(crate) fn unsynced(&self) -> Unsynced {
        Unsynced::At(self.partial.clone())
    }

    /// Gives it its name, in place of what had it.
    pub(crate) fn replace(self) -> io::Result<()> {
        std::fs::rename(&self.partial, &self.path)
    }

    /// Gives it its name; an error if something has it.
    fn create(self) -> io::Result<()> {
        // A hard link, unlike a rename, never replaces.
        std::fs::hard_link(&self.partial, &self.path)
    }
}

impl Drop for Unplaced {
    fn drop(&mut self) {
        // It is gone where it got its name by a rename.
        let _ = std::fs::remove_file(&self.partial);
    }
}

/// A new file with mode 0600 and this content, on the disk when this returns; an error if it exists.
pub(crate) fn create_new_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    // Two processes may do this at the same moment.
    let partial = partial(&path.with_extension(std::process::id().to_string()));
    let unplaced = Unplaced::write_as(partial, path, content)?;
    unplaced.unsynced().sync().map_err(|(_, error)| error)?;
    unplaced.create()
}

/// Writes a file with mode 0600, without waiting for the disk.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    private_file().write(true).create(true).truncate(true).open(path)?.write_all(content)
}

/// How many threads wait for a disk at once.
const WAITING: usize = 8;

/// A file or folder that stays open until the run ends, so that its place may be moved, and so that an error of writing
/// back, which the system tells each open file once, is told to us.
#[derive(Debug)]
pub struct OpenFile {
    path: PathBuf,
    file: File,
    /// Whether a sync failed: what was written may be lost then, and a later one that succeeds shows nothing of it.
    lost: AtomicBool,
}

impl OpenFile {
    pub(crate) fn new(path: PathBuf, file: File) -> Self {
        Self { path, file, lost: AtomicBool::new(false) }
    }

    /// A folder, to make the names in it durable; `None` where the system does not do that.
    pub(crate) fn folder(path: &Path) -> io::Result<Option<Self>> {
        #[cfg(unix)]
        let held = Some(Self::new(path.to_owned(), File::open(path)?));
        #[cfg(not(unix))]
        let held = path.metadata().map(|_| None)?;
        Ok(held)
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Whether what was written may be lost, for good.
    pub(crate) fn lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    fn sync(&self) -> io::Result<()> {
        if self.lost() {
            return Err(io::Error::other(
                "an earlier sync of it failed, and what was written then may be lost",
            ));
        }
        let folder = self.file.metadata()?.is_dir();
        let synced = if folder { self.file.sync_all() } else { self.file.sync_data() };
        synced.inspect_err(|_| self.lost.store(true, Ordering::SeqCst))
    }
}

/// What is not yet durable.
#[derive(Clone, Debug)]
pub(crate) enum Unsynced {
    /// What is opened to be synced: there may be too many to hold.
    At(PathBuf),
    OpenFile(Arc<OpenFile>),
}

impl Unsynced {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::At(path) => path,
            Self::OpenFile(held) => &held.path,
        }
    }

    fn sync(&self) -> Result<(), (PathBuf, io::Error)> {
        let synced = match self {
            Self::At(path) if path.is_dir() => sync_dir(path),
            Self::At(path) => File::open(path).and_then(|file| file.sync_data()),
            Self::OpenFile(held) => held.sync(),
        };
        synced.map_err(|error| (self.path().to_owned(), error))
    }
}

/// Makes the content of files and the names in folders durable: all at the same time, since a disk that is waited for
/// eight times takes eight times as long. On an error, the path it is about.
pub(crate) fn sync_together(unsynced: &[Unsynced]) -> Result<(), (PathBuf, io::Error)> {
    sync_on(unsynced, Builder::new)
}

/// On threads made so; what the system gives no thread for is waited for here.
fn sync_on(unsynced: &[Unsynced], thread: fn() -> Builder) -> Result<(), (PathBuf, io::Error)> {
    std::thread::scope(|scope| {
        let part = unsynced.len().div_ceil(WAITING).max(1);
        let sync = |some: &[Unsynced]| some.iter().try_for_each(Unsynced::sync);
        let waiting: Vec<_> = unsynced
            .chunks(part)
            .map(|some| thread().spawn_scoped(scope, move || sync(some)).map_err(|_| sync(some)))
            .collect();
        let stopped = |_| Err((PathBuf::new(), io::Error::other("a thread that waits for the disk stopped")));
        waiting.into_iter().try_for_each(|part| match part {
            Ok(thread) => thread.join().unwrap_or_else(stopped),
            Err(synced) => synced,
        })
    })
}

/// Where a file is written before it gets its name.
fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    path.with_file_name(name)
}

/// What such names end in.
pub(crate) const PARTIAL: &str = ".partial";

/// Makes names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

/// `Ok` if the error is that the file exists.
pub(crate) fn already_there(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Open, and refuses to be synced.
    fn unsyncable() -> OpenFile {
        OpenFile::new(PathBuf::from("/dev/null"), File::open("/dev/null").unwrap())
    }

    /// Only root may open it; of anybody else it is refused before.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_whose_reading_waits_is_not_waited_for() {
        let kernel = Path::new("/proc/kmsg");
        read_plain_capped(kernel, 1 << 20).unwrap_err();
        read_to_string_capped(kernel, 1 << 20).unwrap_err();
        crate::Ledger::open(kernel).unwrap_err();
    }

    #[test]
    fn a_failed_sync_of_what_is_held_stays_failed() {
        let held = unsyncable();
        assert!(!held.lost());
        let first = held.sync().unwrap_err().to_string();
        assert!(held.lost());
        let second = held.sync().unwrap_err().to_string();
        assert!(second.contains("an earlier sync of it failed"), "{first}, then {second}");
    }

    #[test]
    fn what_the_system_gives_no_thread_for_is_synced_all_the_same() {
        // No address space has room for this stack.
        let none = || Builder::new().stack_size(1 << 60);
        assert!(none().spawn(|| ()).is_err());
        let good = Arc::new(OpenFile::folder(Path::new("/")).unwrap().unwrap());
        let mut unsynced = vec![Unsynced::OpenFile(good); 20];
        sync_on(&unsynced, none).unwrap();
        unsynced.push(Unsynced::OpenFile(Arc::new(unsyncable())));
        for thread in [none, Builder::new as fn() -> Builder] {
            let (path, _) = sync_on(&unsynced, thread).unwrap_err();
            assert_eq!(path, Path::new("/dev/null"));
        }
    }
}
