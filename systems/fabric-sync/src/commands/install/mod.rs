//! `install` and `uninstall`: the service on a machine with systemd. Each step looks first, changes only what is not right yet, and
//! says what it did; a configuration, a secret or a history is never overwritten.

mod account;
mod steps;
mod texts;
mod uninstall;

use std::path::Path;

use self::steps::{Done, Step, command, look, text_file};
use super::{Failure, because};
use crate::files::{Owner, folder_of};
use crate::home::{self, Home};

pub use uninstall::uninstall;

/// The user and group that the service runs as.
const USER: &str = "fabric-sync";
const UNIT: &str = "fabric-sync.service";
const UNIT_FILE: &str = "/etc/systemd/system/fabric-sync.service";
/// So that it can be called by its name.
const LINK: &str = "/usr/local/bin/fabric-sync";
const ROOT: Owner = Owner { user: 0, group: 0 };

/// Sets the service up. It is started only once its configuration is the operator's and `config check` finds it well.
///
/// # Errors
/// What is missing on this machine, or which step failed. What was done until then stays, and the next run goes on from there.
pub fn install(home: &Home, start: bool) -> Result<(), Failure> {
    let home = checked(home)?;
    if start && !has_systemd() {
        return Err(Failure::Failed(
            "systemd does not run here, so the service cannot be started by it: --no-start installs the files only".into(),
        ));
    }
    let service = account::ensure(USER, home.folder())?;
    let at = home.folder();
    let config = home.config();
    for (path, mode, owner) in [
        (at, 0o755, ROOT),
        (&at.join("bin"), 0o755, ROOT),
        (folder_of(&config), 0o755, ROOT),
        (&home.secrets(), 0o700, service),
        (&home.state(), 0o750, service),
    ] {
        steps::folder(path, mode, owner)?;
    }
    steps::own_files(&home.secrets(), Some(0o600), service)?;
    steps::own_files(&home.state(), None, service)?;
    let first = !config.exists();
    if first {
        text_file(&config, &texts::configuration(&home), 0o644, ROOT)?;
    } else {
        steps::keep(&config, 0o644, ROOT)?;
    }
    let executable = executable(&home)?;
    let unit = text_file(Path::new(UNIT_FILE), &texts::unit(&home), 0o644, ROOT)?;
    if !start || first {
        println!(
            "Nothing was started. Write {} and the files that it names, then: fabric-sync config check && fabric-sync install",
            config.display()
        );
        return Ok(());
    }
    super::check::read_whole(&home)?;
    start_unit(executable != Done::AlreadySo || unit != Done::AlreadySo)
}

/// The folder, as a unit file can name it; and root.
fn checked(home: &Home) -> Result<Home, Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::Failed(
            "this makes users, folders and units, which only root may: sudo fabric-sync ...".into(),
        ));
    }
    let folder = std::path::absolute(home.folder()).map_err(because(home.folder().display()))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if folder.parent().is_none() || !folder.to_str().is_some_and(|text| text.chars().all(plain)) {
        return Err(Failure::Wrong(format!(
            "{}: --home is a folder of its own, whose path has only letters, digits, `.`, `_` and `-`",
            folder.display()
        )));
    }
    Ok(Home::new(folder))
}

fn has_systemd() -> bool {
    // As sd_booted(3) finds out.
    Path::new("/run/systemd/system").is_dir()
}

/// Puts this program in its place in one step, so that a running one goes on with the old one.
fn executable(home: &Home) -> Result<Done, Failure> {
    let failed = |error: std::io::Error| Failure::Failed(format!("this program cannot be read: {error}"));
    let from = std::env::current_exe().map_err(failed)?;
    let to = home.executable();
    let bytes = std::fs::read(&from).map_err(failed)?;
    let done = steps::file(&to, &bytes, 0o755, ROOT)?;
    let link = Path::new(LINK);
    match std::fs::read_link(link) {
        Ok(target) if target == to => Step::of(link).is(Done::AlreadySo),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::os::unix::fs::symlink(&to, link).map_err(because(link.display()))?;
            Step::of(link).is(Done::Made);
        }
        _ => Step::of(link)
            .is(Done::Left("something else has this name; call the program by its whole path".into())),
    }
    Ok(done)
}

fn start_unit(changed: bool) -> Result<(), Failure> {
    command("systemctl", &["daemon-reload"])?;
    if look(Path::new("systemctl"), &["is-enabled", "--quiet", UNIT]).is_ok() {
        Step::named("start with the machine").is(Done::AlreadySo);
    } else {
        command("systemctl", &["enable", "--quiet", UNIT])?;
        Step::named("start with the machine").is(Done::Made);
    }
    let active = look(Path::new("systemctl"), &["is-active", "--quiet", UNIT]).is_ok();
    let step = Step::named("the service runs");
    if active && !changed {
        step.is(Done::AlreadySo);
        return Ok(());
    }
    // Earlier failures must not keep it from being started now.
    let _ = look(Path::new("systemctl"), &["reset-failed", UNIT]);
    if let Err(failure) = command("systemctl", &["restart", UNIT]) {
        let journal = look(Path::new("journalctl"), &["-u", UNIT, "-n", "20", "--no-pager", "-o", "cat"])
            .unwrap_or_default();
        let said = journal.trim_end();
        return Err(Failure::Failed(format!("the service did not start ({failure}). It said:\n{said}")));
    }
    step.is(if active { Done::Changed("restarted".into()) } else { Done::Made });
    println!("How it is: fabric-sync status");
    Ok(())
}

/// Whether it is the usual folder, so that nobody needs `--home`.
fn is_default(home: &Home) -> bool {
    home.folder() == Path::new(home::DEFAULT)
}
