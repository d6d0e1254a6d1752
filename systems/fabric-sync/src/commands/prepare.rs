//! `prepare`: makes the custom fields and tags that NetBox must have, with an administrator's token, once. The service's own token need
//! not be able to.

use std::path::Path;

use fabric_netbox::NetBox;
use service_setup::say;

use super::{Failure, check, harmless};
use crate::home::Home;

/// Makes what is missing.
///
/// # Errors
/// NetBox refuses, or has something else under one of these names.
pub async fn run(home: &Home, token_file: &Path) -> Result<(), Failure> {
    let (config, _) = check::read_general(home)?;
    let mut options = config.netbox.options();
    token_file.clone_into(&mut options.token_file);
    let netbox = NetBox::new(options).map_err(|error| Failure::Wrong(error.to_string()))?;
    let failed = |error: fabric_netbox::NetBoxError| Failure::Failed(harmless(&error.to_string()));
    let made = netbox.prepare().await.map_err(failed)?;
    if made.is_empty() {
        say!("nothing was missing");
    }
    for name in made {
        say!("made  {name}");
    }
    let setup = netbox.check_setup().await.map_err(failed)?;
    if setup.problems.is_empty() {
        say!("NetBox {} is ready", harmless(&setup.version));
        return Ok(());
    }
    let problems: Vec<String> = setup.problems.iter().map(ToString::to_string).collect();
    Err(Failure::Failed(harmless(&problems.join("; "))))
}
