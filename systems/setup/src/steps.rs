//! One step of an installation: looked at, put right if need be, told.

use std::ffi::OsStr;
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::files::{self, Owner};
use crate::{Failure, because, say};

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is there now.
    Made,
    /// Nothing was to be done.
    AlreadySo,
    /// What was changed.
    Changed(String),
    /// What was taken away.
    Removed,
    /// It was looked at, and is as it should be.
    Seen,
    /// It stays, and why.
    Left(String),
}

/// What a step is about.
#[derive(Debug)]
pub struct Step(String);

impl Step {
    /// A path.
    pub fn of(path: &Path) -> Self {
        Step(path.display().to_string())
    }

    /// Something else, in words.
    pub fn named(name: &str) -> Self {
        Step(name.to_owned())
    }

    /// Tells what it came to.
    pub fn is(&self, done: Done) {
        let what = &self.0;
        match done {
            Done::Made => say!("made        {what}"),
            Done::AlreadySo => say!("already so  {what}"),
            Done::Changed(how) => say!("changed     {what}: {how}"),
            Done::Removed => say!("removed     {what}"),
            Done::Seen => say!("seen        {what}"),
            Done::Left(why) => say!("left        {what}: {why}"),
        }
    }
}

/// A folder of that mode and owner.
///
/// # Errors
/// The system refuses, or something else is there.
pub fn folder(path: &Path, mode: u32, owner: Owner) -> Result<(), Failure> {
    let failed = |error: io::Error| because::<io::Error>(path.display())(error);
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => keep(path, mode, owner),
        // A folder on another disk may be linked to.
        Ok(found) if found.is_symlink() && path.is_dir() => {
            Step::of(path)
                .is(Done::Left("it is a link to a folder, whose mode and owner are yours to set".into()));
            Ok(())
        }
        Ok(_) => Err(Failure::Failed(format!("{} is there and is no folder: move it away", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = files::folder_of(path);
            if !above.exists() {
                folder(above, 0o755, Owner::ROOT)?;
            }
            DirBuilder::new().mode(0o700).create(path).map_err(failed)?;
            owner.give(path).map_err(failed)?;
            std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
            Step::of(path).is(Done::Made);
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// Mode and owner of what is there; its content is nobody's business here.
///
/// # Errors
/// The system refuses, or something else is there.
pub fn keep(path: &Path, mode: u32, owner: Owner) -> Result<(), Failure> {
    let done = match put_right(path, Some(mode), owner)? {
        None => Done::AlreadySo,
        Some(changes) => Done::Changed(changes),
    };
    Step::of(path).is(done);
    Ok(())
}

/// Sets the mode alone, where it is not so.
///
/// # Errors
/// The system refuses, or something else is there.
pub fn mode(path: &Path, mode: u32) -> Result<(), Failure> {
    let owner = Owner::of(path);
    if let Some(changes) = put_right(path, Some(mode), owner)? {
        Step::of(path)
            .is(Done::Changed(format!("{changes}; change what is in it if somebody may have read it")));
    }
    Ok(())
}

/// Gives every file in the folder whose name `is_own` knows this owner and, if it is given, mode. Told only where that was not so.
///
/// # Errors
/// The system refuses, or something else is there.
pub fn own_files(
    folder: &Path,
    mode: Option<u32>,
    owner: Owner,
    is_own: &dyn Fn(&str) -> bool,
) -> Result<(), Failure> {
    let failed = |error: io::Error| because::<io::Error>(folder.display())(error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().map_err(failed)?.is_file()
            && is_own(&entry.file_name().to_string_lossy())
            && let Some(changes) = put_right(&entry.path(), mode, owner)?
        {
            Step::of(&entry.path()).is(Done::Changed(changes));
        }
    }
    Ok(())
}

fn put_right(path: &Path, mode: Option<u32>, owner: Owner) -> Result<Option<String>, Failure> {
    let failed = |error: io::Error| because::<io::Error>(path.display())(error);
    let found = std::fs::symlink_metadata(path).map_err(failed)?;
    if found.is_symlink() {
        return Err(Failure::Failed(format!("{} is a link: put the file itself there", path.display())));
    }
    let mut changes = Vec::new();
    let (user, group) = (found.uid(), found.gid());
    if (user, group) != (owner.user, owner.group) {
        owner.give(path).map_err(failed)?;
        changes.push(format!("owner {user}:{group} to {}:{}", owner.user, owner.group));
    }
    let was = found.mode() & 0o7777;
    if let Some(mode) = mode.filter(|mode| *mode != was) {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
        changes.push(format!("mode {was:o} to {mode:o}"));
    }
    Ok(Some(changes.join(", ")).filter(|changes| !changes.is_empty()))
}

/// A file of this text, which is ours to write.
///
/// # Errors
/// The system refuses, or something else is there.
pub fn text_file(path: &Path, text: &str, mode: u32, owner: Owner) -> Result<Done, Failure> {
    file(path, text.as_bytes(), mode, owner)
}

/// A file of this content, which is ours to write.
///
/// # Errors
/// The system refuses, or something else is there.
pub fn file(path: &Path, bytes: &[u8], mode: u32, owner: Owner) -> Result<Done, Failure> {
    let failed = |error: io::Error| because::<io::Error>(path.display())(error);
    let done = match std::fs::read(path) {
        Ok(found) if found == bytes => {
            put_right(path, Some(mode), owner)?.map_or(Done::AlreadySo, Done::Changed)
        }
        Ok(_) => Done::Changed("another content".into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Done::Made,
        Err(error) => return Err(failed(error)),
    };
    if done == Done::Made || done == Done::Changed("another content".into()) {
        let above = files::folder_of(path);
        if !above.exists() {
            folder(above, 0o755, Owner::ROOT)?;
        }
        files::write_whole(path, bytes, mode, owner).map_err(failed)?;
    }
    Step::of(path).is(done.clone());
    Ok(done)
}

/// Runs a program that must succeed.
///
/// # Errors
/// It cannot be run, or fails; what it said on standard error.
pub fn command(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    look(Path::new(program), arguments)
}

/// Runs a program with the search path that units have; its output if it succeeds.
///
/// # Errors
/// It cannot be run, or fails; what it said on standard error.
pub fn look(program: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let words = || arguments.join(" ");
    let output = Command::new(program)
        .args(arguments.iter().map(OsStr::new))
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::Failed(format!("{} cannot be run: {error}", program.display())))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim();
    let colon = if said.is_empty() { "" } else { ": " };
    Err(Failure::Failed(format!("{} {}: {}{colon}{said}", program.display(), words(), output.status)))
}

/// Removes a file, if it is there.
///
/// # Errors
/// The system refuses.
pub fn remove_file(path: &Path) -> Result<(), Failure> {
    removed(path, std::fs::remove_file(path))
}

/// Removes a folder with all that is in it; of a link to a folder elsewhere, the link alone.
///
/// # Errors
/// The system refuses.
pub fn remove_folder(path: &Path) -> Result<(), Failure> {
    let link = path.symlink_metadata().is_ok_and(|found| found.is_symlink());
    removed(path, if link { std::fs::remove_file(path) } else { std::fs::remove_dir_all(path) })
}

/// Removes a folder, if nothing is in it.
///
/// # Errors
/// The system refuses.
pub fn remove_empty(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        other => removed(path, other),
    }
}

fn removed(path: &Path, outcome: io::Result<()>) -> Result<(), Failure> {
    match outcome {
        Ok(()) => Step::of(path).is(Done::Removed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(because(path.display())(error)),
    }
    Ok(())
}
