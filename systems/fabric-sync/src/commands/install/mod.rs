//! `install` and `uninstall`: the service on a machine with systemd. Each step looks first, changes only what is not right yet, and
//! says what it did; a configuration, a secret or a history is never overwritten.

mod texts;
mod uninstall;

use std::path::Path;

use service_setup::account;
use service_setup::files::{Owner, folder_of};
use service_setup::say;
use service_setup::steps::{self, Done, text_file};
use service_setup::unit::{Service, has_systemd};

use super::Failure;
use crate::home::{self, Home};

pub use uninstall::uninstall;

/// The service; the user and group that it runs as have its name.
const SERVICE: Service = Service("fabric-sync");

/// Sets the service up. It is started only once its configuration is the operator's and `config check` finds it well.
///
/// # Errors
/// What is missing on this machine, or which step failed. What was done until then stays, and the next run goes on from there.
pub fn install(home: &Home, start: bool) -> Result<(), Failure> {
    let home = Home::new(SERVICE.checked(home.folder())?);
    if start && !has_systemd() {
        return Err(Failure::Failed(
            "systemd does not run here, so the service cannot be started by it: --no-start installs the files only".into(),
        ));
    }
    let service = account::ensure(SERVICE.0, "Fabric sync", home.folder())?;
    let at = home.folder();
    let config = home.config();
    for (path, mode, owner) in [
        (at, 0o755, Owner::ROOT),
        (&at.join("bin"), 0o755, Owner::ROOT),
        (folder_of(&config), 0o755, Owner::ROOT),
        (&home.secrets(), 0o700, service),
        (&home.state(), 0o750, service),
    ] {
        steps::folder(path, mode, owner)?;
    }
    steps::own_files(&home.secrets(), Some(0o600), service, &|_| true)?;
    steps::own_files(&home.state(), None, service, &|_| true)?;
    let first = !config.exists();
    if first {
        text_file(&config, &texts::configuration(&home), 0o644, Owner::ROOT)?;
    } else {
        steps::keep(&config, 0o644, Owner::ROOT)?;
    }
    let executable = SERVICE.place(&home.executable())?;
    let unit = text_file(&SERVICE.unit_file(), &texts::unit(&home), 0o644, Owner::ROOT)?;
    if !start || first {
        say!(
            "Nothing was started. Write {} and the files that it names, then: fabric-sync config check && fabric-sync install",
            config.display()
        );
        return Ok(());
    }
    super::check::read_whole(&home)?;
    SERVICE.start(executable != Done::AlreadySo || unit != Done::AlreadySo)?;
    say!("How it is: fabric-sync status");
    Ok(())
}

/// Whether it is the usual folder, so that nobody needs `--home`.
fn is_default(home: &Home) -> bool {
    home.folder() == Path::new(home::DEFAULT)
}
