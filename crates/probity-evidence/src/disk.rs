//! Files of our own: private, whole or not there. (Reading a stranger's bundle is `store`.)

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The content of a small text file; an error if it is longer than `cap` bytes or not UTF-8.
pub fn read_to_string_capped(path: &Path, cap: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(cap + 1).read_to_string(&mut text)?;
    if text.len() as u64 > cap {
        return Err(io::Error::other(format!("it is longer than {cap} bytes")));
    }
    Ok(text)
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

/// A new file with mode 0600 and this content, on the disk when this returns; an error if it exists. The name appears
/// with the whole content or not at all.
pub(crate) fn create_new_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    // Two processes may do this at the same moment.
    let partial = partial(&path.with_extension(std::process::id().to_string()));
    write_synced(&partial, content)?;
    // A hard link, unlike a rename, never replaces.
    let linked = std::fs::hard_link(&partial, path);
    std::fs::remove_file(&partial)?;
    linked
}

/// Writes a file with mode 0600, without waiting for the disk.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    private_file().write(true).create(true).truncate(true).open(path)?.write_all(content)
}

/// How many threads wait for a disk at once.
const WAITING: usize = 8;

/// Makes the content of files and the names in folders durable: all at the same time, since a disk that is waited for
/// eight times takes eight times as long. On an error, the path it is about.
pub(crate) fn sync_together(paths: &[PathBuf]) -> Result<(), (PathBuf, io::Error)> {
    let sync = |path: &PathBuf| sync(path).map_err(|error| (path.clone(), error));
    std::thread::scope(|scope| {
        let part = paths.len().div_ceil(WAITING).max(1);
        let waiting: Vec<_> =
            paths.chunks(part).map(|some| scope.spawn(move || some.iter().try_for_each(sync))).collect();
        let stopped = |_| Err((PathBuf::new(), io::Error::other("a thread that waits for the disk stopped")));
        waiting.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(stopped))
    })
}

fn sync(path: &Path) -> io::Result<()> {
    if path.is_dir() { sync_dir(path) } else { File::open(path)?.sync_data() }
}

/// Where a file is written before it gets its name. A killed run may leave one.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PARTIAL);
    path.with_file_name(name)
}

/// What such names end in.
pub(crate) const PARTIAL: &str = ".partial";

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = private_file().write(true).create(true).truncate(true).open(path)?;
    file.write_all(content)?;
    file.sync_data()
}

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
