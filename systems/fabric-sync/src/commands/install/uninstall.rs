//! `uninstall`: stops the service and takes away what is the program's; what is the operator's only with `--purge`. NetBox keeps all it
//! has.

use service_setup::account;
use service_setup::steps::{Done, Step, remove_empty, remove_folder};

use super::SERVICE;
use crate::commands::Failure;
use crate::home::Home;

/// Takes the service off this machine. Configuration, secrets and history stay, unless `purge`.
///
/// # Errors
/// Not root, a service that does not stop, something that cannot be removed.
pub fn uninstall(home: &Home, purge: bool) -> Result<(), Failure> {
    let home = Home::new(SERVICE.checked(home.folder())?);
    SERVICE.stop()?;
    SERVICE.remove(&home.executable())?;
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
        remove_folder(folder)?;
    }
    remove_empty(home.folder())?;
    if home.folder().exists() {
        Step::of(home.folder()).is(Done::Left("there are files in it that are not the service's".into()));
    }
    Ok(account::remove(SERVICE.0)?)
}
