//! The firewall: nothing to open while only this machine is served. It is set where ufw is in charge, and told where it is not ours.

use std::path::Path;

use camera_config::Config;

use service_setup::steps::{Done, Step, look};

/// The ports that other machines are to reach.
fn ports(config: &Config) -> Vec<u16> {
    [config.server.listen, config.server.health]
        .iter()
        .filter(|address| !address.ip().to_canonical().is_loopback())
        .map(std::net::SocketAddr::port)
        .collect()
}

fn ufw(arguments: &[&str]) -> Option<String> {
    look(Path::new("ufw"), arguments).ok()
}

fn ufw_is_active() -> bool {
    ufw(&["status"]).is_some_and(|said| said.contains("Status: active"))
}

/// Opens what is to be reached, or says how.
pub(super) fn open(config: &Config) {
    let ports = ports(config);
    let step = Step::named("firewall");
    if ports.is_empty() {
        step.is(Done::Left("only this machine is served, so nothing is to be opened".into()));
        return;
    }
    let active = ufw_is_active();
    for port in ports {
        let rule = format!("{port}/tcp");
        if active && let Some(said) = ufw(&["allow", &rule, "comment", "camera-service"]) {
            let step = Step::named(&format!("ufw allow {rule}"));
            step.is(if said.contains("Skipping") { Done::AlreadySo } else { Done::Made });
        } else {
            step.is(Done::Left(format!(
                "if there is one, open port {port}, such as: ufw allow {rule}\n            or: nft add rule inet filter input tcp dport {port} accept"
            )));
        }
    }
}

/// Closes what was opened.
pub(super) fn close(config: &Config) {
    let ports = ports(config);
    if ports.is_empty() || !ufw_is_active() {
        return;
    }
    for port in ports {
        let rule = format!("{port}/tcp");
        if ufw(&["delete", "allow", &rule]).is_some_and(|said| said.contains("deleted")) {
            Step::named(&format!("ufw allow {rule}")).is(Done::Removed);
        }
    }
}
