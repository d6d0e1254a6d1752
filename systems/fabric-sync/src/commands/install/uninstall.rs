//! `uninstall`: stops the service and takes away what is the program's; what is the operator's only with `--purge`. NetBox keeps all it
//! has.

use std::io;
use std::path::Path;

use super::steps::{Done, Step, command, look};
use super::{LINK, UNIT, UNIT_FILE, USER, account, checked, has_systemd};
use crate::commands::{Failure, because};
use crate::home::Home;

/// Takes the service off this machine. Configuration, secrets and history stay, unless `purge`.
///
/// # Errors
/// Not root, a service that does not stop, something that cannot be removed.
pub fn uninstall(home: &Home, purge: bool) -> Result<(), Failure> {
    let home = checked(home)?;
    let has_unit = Path::new(UNIT_FILE).exists();
    if has_unit && has_systemd() {
        command("systemctl", &["disable", "--now", "--quiet", UNIT])?;
        Step::named("the service is stopped, and does not start with the machine").is(Done::Removed);
    }
    removed(Path::new(UNIT_FILE), std::fs::remove_file(UNIT_FILE))?;
    if has_unit && has_systemd() {
        command("systemctl", &["daemon-reload"])?;
        // A failure of the past would be listed for ever.
        let _ = look(Path::new("systemctl"), &["reset-failed", UNIT]);
    }
    if std::fs::read_link(LINK).is_ok_and(|target| target == home.executable()) {
        removed(Path::new(LINK), std::fs::remove_file(LINK))?;
    }
    removed(&home.executable(), std::fs::remove_file(home.executable()))?;
    remove_empty(&home.folder().join("bin"))?;
    if !purge {
        if home.folder().exists() {
            let why = "configuration, secrets and history; --purge deletes them";
            Step::of(home.folder()).is(Done::Left(why.into()));
        }
        return Ok(());
    }
    let config = home.config();
    let folders = [home.state(), home.secrets(), home.folder().join("config")];
    if !config.exists() && folders.iter().any(|folder| folder.exists()) {
        return Err(Failure::Wrong(format!(
            "{} is not there, so the folder may be somebody else's: nothing in it is deleted",
            config.display()
        )));
    }
    // The configuration last: while it is there, this can be tried again.
    for folder in &folders {
        // A link to a folder elsewhere is removed, not what it leads to.
        let link = folder.symlink_metadata().is_ok_and(|found| found.is_symlink());
        removed(folder, if link { std::fs::remove_file(folder) } else { std::fs::remove_dir_all(folder) })?;
    }
    remove_empty(home.folder())?;
    if home.folder().exists() {
        Step::of(home.folder()).is(Done::Left("there are files in it that are not the service's".into()));
    }
    account::remove(USER)
}

fn remove_empty(path: &Path) -> Result<(), Failure> {
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
