//! What the commands about one fabric begin with: the configuration, and which fabric is meant.

use fabric_netbox::NetBox;

use super::{Failure, check};
use crate::config::{Config, Problem};
use crate::fabric::Fabric;
use crate::history::{History, HistoryError};
use crate::home::Home;

/// The fabric that is meant; the only one if no name is given.
///
/// # Errors
/// The configuration, or a name that it does not know.
pub fn find(home: &Home, name: Option<&str>) -> Result<(Config, Fabric), Failure> {
    let (config, problems) = check::read_general(home)?;
    let names = || config.fabrics.iter().map(|fabric| fabric.name.as_str()).collect::<Vec<_>>().join(", ");
    let index = match (name, config.fabrics.as_slice()) {
        (None, [_]) => 0,
        (None, _) => return Err(Failure::Wrong(format!("which fabric? --fabric with one of: {}", names()))),
        (Some(name), fabrics) => fabrics.iter().position(|fabric| fabric.name == name).ok_or_else(|| {
            Failure::Wrong(format!("the configuration has no fabric `{name}`; it has: {}", names()))
        })?,
    };
    // What another fabric's problem is stops no work on this one.
    let own: Vec<Problem> = problems.into_iter().filter(|problem| problem.fabric == Some(index)).collect();
    let found = config.fabrics.get(index).filter(|_| own.is_empty());
    let found = found.ok_or_else(|| check::wrong(&home.config(), &own))?;
    let netbox = NetBox::new(config.netbox.options()).map_err(|error| Failure::Wrong(error.to_string()))?;
    let fabric = Fabric::new(found, &netbox, home, &crate::run::instance()).map_err(Failure::Wrong)?;
    Ok((config, fabric))
}

/// The fabric's history, to append to.
///
/// # Errors
/// The file or the key.
pub fn history(config: &Config, fabric: &Fabric) -> Result<History, Failure> {
    fabric.history(config.history.key_file.clone()).map_err(|error| match error {
        HistoryError::Key { .. } => Failure::Wrong(error.to_string()),
        HistoryError::File { .. } => Failure::Failed(error.to_string()),
    })
}
