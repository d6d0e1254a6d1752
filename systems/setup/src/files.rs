//! Files of an installation: written whole or not at all, and given to whom they belong when root writes them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

impl Owner {
    /// The administrator.
    pub const ROOT: Owner = Owner { user: 0, group: 0 };

    /// Who runs this program.
    #[must_use]
    pub fn myself() -> Self {
        Owner { user: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
    }

    /// Whose the nearest thing on this path is that exists.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        let found = path.ancestors().find_map(|path| std::fs::symlink_metadata(path).ok());
        found.map_or_else(Self::myself, |found| Owner { user: found.uid(), group: found.gid() })
    }

    /// Makes it theirs, where we are root; others cannot give anything away.
    ///
    /// # Errors
    /// The system refuses.
    pub fn give(self, path: &Path) -> io::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return Ok(());
        }
        std::os::unix::fs::lchown(path, Some(self.user), Some(self.group))
    }
}

/// The folder a file is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name beside `path` for what is to take its place, or has left it: hidden, so that it is in no list.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_start_matches('.');
    // A name may have 255 bytes, and so may this one.
    let end = name.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 200).last();
    let name = &name[..end.unwrap_or(0)];
    folder_of(path).join(format!(".{name}.{suffix}"))
}

/// A file under a name that nobody uses yet. Dropping it deletes it.
#[derive(Debug)]
pub struct Unplaced {
    path: PathBuf,
    placed: bool,
}

impl Unplaced {
    /// Makes it beside `path`, only for its owner; what an earlier process left there under that name goes.
    ///
    /// # Errors
    /// The system refuses.
    pub fn beside(path: &Path, suffix: &str) -> io::Result<(Self, File)> {
        let path = beside(path, suffix);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).read(true).create_new(true).mode(0o600).open(&path)?;
        Ok((Unplaced { path, placed: false }, file))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in its place, over whatever is there, and answers once that will survive a power failure.
    ///
    /// # Errors
    /// The system refuses; it is deleted then.
    pub fn place(mut self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, path)?;
        self.placed = true;
        File::open(folder_of(path))?.sync_all()
    }

    /// Puts it in its place, unless something is there.
    ///
    /// # Errors
    /// Something is there, or the system refuses; it is deleted then.
    pub fn place_new(mut self, path: &Path) -> io::Result<()> {
        // A second link never overwrites, on any file system.
        std::fs::hard_link(&self.path, path)?;
        self.placed = true;
        std::fs::remove_file(&self.path)?;
        File::open(folder_of(path))?.sync_all()
    }
}

impl Drop for Unplaced {
    fn drop(&mut self) {
        if !self.placed {
            // It is of no use to anybody, and the next one of its name begins by removing it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes a file whole: after a power failure there is the old one or the new one.
///
/// # Errors
/// The system refuses; the old one is untouched then.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32, owner: Owner) -> io::Result<()> {
    let (new, mut file) = Unplaced::beside(path, "new")?;
    owner.give(new.path())?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    new.place(path)
}
