//! Files of an installation: written whole or not at all, and given to whom they belong when root writes them.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
}

impl Owner {
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

    /// Who runs this program.
    #[must_use]
    pub fn myself() -> Self {
        Owner { user: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
    }
}

/// The folder a file is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file whole: after a power failure there is the old one or the new one.
///
/// # Errors
/// The system refuses; the old one is untouched then.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32, owner: Owner) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let new = folder_of(path).join(format!(".{name}.{}.new", std::process::id()));
    let written = write_new(&new, bytes, mode, owner).and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // It is of no use to anybody.
        let _ = std::fs::remove_file(&new);
    }
    written?;
    File::open(folder_of(path))?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8], mode: u32, owner: Owner) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    owner.give(path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}
