//! `uninstall`: stops the service and takes away what is the program's; what is the operator's only with `--purge`.

use std::path::{Path, PathBuf};

use camera_config::Config;
use service_setup::account;
use service_setup::files::folder_of;
use service_setup::steps::{Done, Step, remove_empty, remove_file, remove_folder};

use super::{LOGROTATE_FILE, SERVICE, chosen, firewall};
use crate::commands::Failure;
use crate::home::Home;
use crate::lock::{Lock, LockError};

/// Takes the service off this machine. Configuration, secrets and media stay, unless `purge`.
///
/// # Errors
/// Not root, a service that does not stop, something that cannot be removed.
pub fn uninstall(home: &Home, purge: bool) -> Result<(), Failure> {
    let home = Home::new(SERVICE.checked(home.folder())?);
    // Where it cannot be read, only what it names elsewhere is not known.
    let config = home.read().map(|(config, _)| config).ok();
    SERVICE.stop()?;
    if let Err(LockError::Held { folder, process }) = Lock::look(&home) {
        return Err(Failure::Failed(format!(
            "a camera service{process} still runs in {}, which systemd did not start: end it first",
            folder.display()
        )));
    }
    SERVICE.remove(&home.executable())?;
    remove_file(Path::new(LOGROTATE_FILE))?;
    firewall::close();
    if purge {
        return purge_all(&home, config.as_ref());
    }
    if home.folder().exists() {
        let why = "configuration, secrets, recordings and snapshots; --purge deletes them";
        Step::of(home.folder()).is(Done::Left(why.into()));
    }
    Ok(())
}

fn purge_all(home: &Home, config: Option<&Config>) -> Result<(), Failure> {
    let at = home.folder();
    let folders = ["config", "security", "state", "recordings", "snapshots"].map(|name| at.join(name));
    if !home.config().exists() && folders.iter().any(|folder| folder.exists()) {
        return Err(Failure::Wrong(format!(
            "{} has no config/camera-service.yaml, so it may be somebody else's: nothing in it is deleted",
            at.display()
        )));
    }
    // The configuration last: while it is there, this can be tried again.
    for folder in folders.iter().rev() {
        remove_folder(folder)?;
    }
    remove_file(&home.env_file())?;
    let usual = Path::new(chosen::LOGS);
    remove_folder(usual)?;
    if let Some(config) = config {
        // Somebody chose these, perhaps for other things too.
        let storage = &config.storage;
        let keys = folder_of(&config.security.api_keys).to_owned();
        let elsewhere: Vec<PathBuf> =
            vec![storage.recordings.clone(), storage.snapshots.clone(), config.audit_log.clone(), keys];
        for path in
            elsewhere.iter().filter(|path| !path.starts_with(at) && !path.starts_with(usual) && path.exists())
        {
            Step::of(path).is(Done::Left(format!(
                "it is not below {}: delete it yourself if nobody needs it",
                at.display()
            )));
        }
    }
    remove_empty(at)?;
    if at.exists() {
        Step::of(at).is(Done::Left("there are files in it that are not the service's".into()));
    }
    Ok(account::remove(SERVICE.0)?)
}
