//! The program in its place, and its unit.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::Owner;
use crate::steps::{self, Done, Step, command, look};
use crate::{Failure, because};

/// A service of this name, which its program, user and unit have too.
#[derive(Debug, Clone, Copy)]
pub struct Service(pub &'static str);

impl Service {
    /// As systemd calls it.
    #[must_use]
    pub fn unit(self) -> String {
        format!("{}.service", self.0)
    }

    /// Where its unit is written.
    #[must_use]
    pub fn unit_file(self) -> PathBuf {
        Path::new("/etc/systemd/system").join(self.unit())
    }

    /// So that the program can be called by its name.
    fn link(self) -> PathBuf {
        Path::new("/usr/local/bin").join(self.0)
    }

    /// The folder, absolute, as a unit file can name it; and that this is root.
    ///
    /// # Errors
    /// Neither is so.
    pub fn checked(self, folder: &Path) -> Result<PathBuf, Failure> {
        if !rustix::process::geteuid().is_root() {
            return Err(Failure::Failed(format!(
                "this makes users, folders and units, which only root may: sudo {} ...",
                self.0
            )));
        }
        let folder = std::path::absolute(folder).map_err(because(folder.display()))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
        if folder.parent().is_none() || !folder.to_str().is_some_and(|text| text.chars().all(plain)) {
            return Err(Failure::Wrong(format!(
                "{}: --home is a folder of its own, whose path has only letters, digits, `.`, `_` and `-`",
                folder.display()
            )));
        }
        Ok(folder)
    }

    /// Puts this program in its place in one step, so that a running one goes on with the old one.
    ///
    /// # Errors
    /// The system refuses.
    pub fn place(self, to: &Path) -> Result<Done, Failure> {
        let failed = |error: io::Error| Failure::Failed(format!("this program cannot be read: {error}"));
        let from = std::env::current_exe().map_err(failed)?;
        let done = steps::file(to, &std::fs::read(&from).map_err(failed)?, 0o755, Owner::ROOT)?;
        let link = self.link();
        match std::fs::read_link(&link) {
            Ok(target) if target == to => Step::of(&link).is(Done::AlreadySo),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::os::unix::fs::symlink(to, &link).map_err(because(link.display()))?;
                Step::of(&link).is(Done::Made);
            }
            _ => Step::of(&link)
                .is(Done::Left("something else has this name; call the program by its whole path".into())),
        }
        Ok(done)
    }

    /// Starts it now and with the machine; anew where something changed.
    ///
    /// # Errors
    /// It did not become ready; what it said last.
    pub fn start(self, changed: bool) -> Result<(), Failure> {
        let unit = self.unit();
        command("systemctl", &["daemon-reload"])?;
        let step = Step::named("start with the machine");
        if look(Path::new("systemctl"), &["is-enabled", "--quiet", &unit]).is_ok() {
            step.is(Done::AlreadySo);
        } else {
            command("systemctl", &["enable", "--quiet", &unit])?;
            step.is(Done::Made);
        }
        let active = look(Path::new("systemctl"), &["is-active", "--quiet", &unit]).is_ok();
        let step = Step::named("the service runs");
        if active && !changed {
            step.is(Done::AlreadySo);
            return Ok(());
        }
        // Earlier failures must not keep it from being started now.
        let _ = look(Path::new("systemctl"), &["reset-failed", &unit]);
        if let Err(failed) = command("systemctl", &["restart", &unit]) {
            let journal =
                look(Path::new("journalctl"), &["-u", &unit, "-n", "20", "--no-pager", "-o", "cat"]);
            let said = journal.unwrap_or_default();
            return Err(Failure::Failed(format!(
                "the service did not become ready ({failed}). It said:\n{}",
                said.trim_end()
            )));
        }
        step.is(if active { Done::Changed("restarted".into()) } else { Done::Made });
        Ok(())
    }

    /// Stops it, now and with the machine.
    ///
    /// # Errors
    /// It does not stop.
    pub fn stop(self) -> Result<(), Failure> {
        if self.unit_file().exists() && has_systemd() {
            command("systemctl", &["disable", "--now", "--quiet", &self.unit()])?;
            Step::named("the service is stopped, and does not start with the machine").is(Done::Removed);
        }
        Ok(())
    }

    /// Removes the unit and the program, with the folder that held it if that is empty then.
    ///
    /// # Errors
    /// The system refuses.
    pub fn remove(self, program: &Path) -> Result<(), Failure> {
        let has_unit = self.unit_file().exists();
        steps::remove_file(&self.unit_file())?;
        if has_unit && has_systemd() {
            command("systemctl", &["daemon-reload"])?;
            // A failure of the past would be listed for ever.
            let _ = look(Path::new("systemctl"), &["reset-failed", &self.unit()]);
        }
        if std::fs::read_link(self.link()).is_ok_and(|target| target == program) {
            steps::remove_file(&self.link())?;
        }
        steps::remove_file(program)?;
        steps::remove_empty(crate::files::folder_of(program))
    }
}

/// Whether systemd runs this machine, as sd_booted(3) finds out.
#[must_use]
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The version of systemd on this machine, such as 252; `None` where that cannot be asked.
#[must_use]
pub fn systemd_version() -> Option<u32> {
    version_in(&look(Path::new("systemctl"), &["--version"]).ok()?)
}

/// `systemd 252 (252.39-1~deb12u1)`, and more lines.
fn version_in(said: &str) -> Option<u32> {
    said.strip_prefix("systemd ")?.split([' ', '.', '~', '-', '\n']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_number_after_the_name() {
        assert_eq!(version_in("systemd 252 (252.39-1~deb12u1)\n+PAM +AUDIT\n"), Some(252));
        assert_eq!(version_in("systemd 257.9\n"), Some(257));
        assert_eq!(version_in("init 1\n"), None);
    }
}
