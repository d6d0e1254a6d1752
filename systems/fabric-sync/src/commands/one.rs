//! What the commands about one fabric begin with: the configuration, and which fabric is meant.

use fabric_netbox::NetBox;

use super::{Failure, check};
use crate::config::Config;
use crate::fabric::Fabric;
use crate::history::{self, History};
use crate::home::Home;

/// The fabric that is meant; the only one if no name is given.
///
/// # Errors
/// The configuration, or a name that it does not know.
pub fn find(home: &Home, name: Option<&str>) -> Result<(Config, Fabric), Failure> {
    let config = check::read_whole(home)?;
    let names = || config.fabrics.iter().map(|fabric| fabric.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = match (name, config.fabrics.as_slice()) {
        (None, [only]) => only,
        (None, _) => return Err(Failure::Wrong(format!("which fabric? --fabric with one of: {}", names()))),
        (Some(name), fabrics) => fabrics.iter().find(|fabric| fabric.name == name).ok_or_else(|| {
            Failure::Wrong(format!("the configuration has no fabric `{name}`; it has: {}", names()))
        })?,
    };
    let netbox = NetBox::new(config.netbox.options()).map_err(|error| Failure::Wrong(error.to_string()))?;
    let fabric = Fabric::new(found, &netbox, home, &crate::run::instance()).map_err(Failure::Wrong)?;
    Ok((config, fabric))
}

/// The fabric's history, to append to.
///
/// # Errors
/// The file or the key.
pub fn history(config: &Config, fabric: &Fabric) -> Result<History, Failure> {
    let key = config.history.key_file.as_deref().map(history::read_key).transpose();
    let key = key.map_err(|error| Failure::Wrong(error.to_string()))?;
    fabric.history(key).map_err(|error| Failure::Failed(error.to_string()))
}
