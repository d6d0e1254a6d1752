//! `config check`: what a start would find, and whether both ends let us read what we need to. Reads only: whether they let us write,
//! and have the lease, is not tried.

use std::path::Path;

use fabric_model::{Kind, ObjectKind};
use fabric_netbox::NetBox;
use service_setup::say;

use super::Failure;
use crate::config::{self, Config, Problem};
use crate::fabric::Fabric;
use crate::history;
use crate::home::Home;
use crate::report::group_unread;

/// Reads the configuration with all its problems.
///
/// # Errors
/// It cannot be read, or says what cannot be; every problem is named.
pub fn read_whole(home: &Home) -> Result<Config, Failure> {
    let config = config::load(&home.config())?;
    let problems = config::problems(&config);
    if problems.is_empty() { Ok(config) } else { Err(wrong(&home.config(), &problems)) }
}

/// Reads the configuration with the problems of its fabrics, each of which concerns that fabric alone.
///
/// # Errors
/// It cannot be read, or says what cannot be for any fabric.
pub fn read_general(home: &Home) -> Result<(Config, Vec<Problem>), Failure> {
    let config = config::load(&home.config())?;
    let (own, general): (Vec<_>, Vec<_>) =
        config::problems(&config).into_iter().partition(|problem| problem.fabric.is_some());
    if general.is_empty() { Ok((config, own)) } else { Err(wrong(&home.config(), &general)) }
}

/// The configuration is wrong for these.
pub(super) fn wrong(path: &Path, problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
    Failure::Wrong(format!("{} cannot be as it is:\n{}", path.display(), lines.join("\n")))
}

/// Checks the configuration and, unless `offline`, asks both ends.
///
/// # Errors
/// What is wrong, and what would be right.
pub async fn run(home: &Home, offline: bool) -> Result<(), Failure> {
    let config = read_whole(home)?;
    say!("{}: {} fabric(s), every key as it should be", home.config().display(), config.fabrics.len());
    let mut faults = 0;
    let mut tell = |what: &str, found: Result<String, String>| match found {
        Ok(text) => say!("  well   {what}: {text}"),
        Err(text) => {
            faults += 1;
            say!("  fault  {what}: {text}");
        }
    };
    if let Some(path) = &config.history.key_file {
        let key = history::read_key(path)
            .map(|key| format!("{}", key.public_key().fingerprint(ssh_key::HashAlg::Sha256)));
        tell("history.key_file", key.map_err(|error| error.to_string()));
    }
    let state = home.state();
    let writable = rustix::fs::access(&state, rustix::fs::Access::WRITE_OK);
    tell(
        "state",
        writable
            .map(|()| state.display().to_string())
            .map_err(|error| format!("{}: {error}", state.display())),
    );
    let netbox = NetBox::new(config.netbox.options()).map_err(|error| error.to_string());
    match (&netbox, offline) {
        (Err(error), _) => tell("netbox", Err(error.clone())),
        (Ok(_), true) => tell("netbox", Ok("not asked".into())),
        (Ok(netbox), false) => {
            let setup = netbox.check_setup().await;
            tell(
                "netbox",
                match setup {
                    Ok(setup) if setup.problems.is_empty() => Ok(format!(
                        "{}, version {}, ready",
                        config.netbox.url,
                        super::harmless(&setup.version)
                    )),
                    Ok(setup) => Err(format!(
                        "{}; `fabric-sync prepare` makes what is missing",
                        setup.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                    )),
                    Err(error) => Err(error.to_string()),
                },
            );
        }
    }
    if let (Ok(netbox), false) = (&netbox, offline) {
        for fabric in &config.fabrics {
            let fabric = Fabric::new(fabric, netbox, home, "config check").map_err(Failure::Wrong)?;
            let look = fabric.look().await;
            let snapshot = &look.reading.snapshot;
            let unread = Kind::ALL.into_iter();
            let unread = unread.filter_map(|kind| Some((kind.to_string(), snapshot.unread(kind)?)));
            let unread = group_unread(unread);
            let found = if unread.is_empty() {
                Ok(format!("{}: {} objects read", fabric.config.access(), snapshot.object_count()))
            } else {
                Err(format!("{}: {}", fabric.config.access(), unread.join("; ")))
            };
            tell(&format!("fabric {}, Kubernetes", fabric.name()), found);
            let inventory = &look.inventory;
            let unread = ObjectKind::ALL.into_iter();
            let unread = unread.filter_map(|kind| Some((kind.to_string(), inventory.unread(kind)?)));
            let unread = group_unread(unread);
            let found = if unread.is_empty() {
                Ok(format!("{} objects read", inventory.object_count()))
            } else {
                Err(unread.join("; "))
            };
            tell(&format!("fabric {}, NetBox", fabric.name()), found);
        }
    }
    match faults {
        0 => Ok(()),
        faults => Err(Failure::Failed(format!("{faults} fault(s), see above"))),
    }
}
