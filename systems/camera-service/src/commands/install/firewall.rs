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

/// What marks the rules that `install` made, in ufw's own list: any other rule is the operator's.
const COMMENT: &str = "camera-service";

/// A rule that lets everybody reach a port.
#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// `8002/tcp`
    port: String,
    is_own: bool,
}

/// Those in what `ufw show added` says: the commands that make them, one a line.
fn rules_in(said: &str) -> Vec<Rule> {
    let rule = |line: &str| {
        let words = line.strip_prefix("ufw allow ")?;
        let (port, comment) = words.split_once(" comment ").unwrap_or((words, ""));
        (!port.contains(' '))
            .then(|| Rule { port: port.to_owned(), is_own: comment.trim_matches('\'') == COMMENT })
    };
    said.lines().filter_map(rule).collect()
}

fn rules() -> Vec<Rule> {
    ufw(&["show", "added"]).map(|said| rules_in(&said)).unwrap_or_default()
}

/// Opens what is to be reached, or says how; and closes what was opened for an earlier configuration.
pub(super) fn open(config: &Config) {
    let wanted: Vec<String> = ports(config).iter().map(|port| format!("{port}/tcp")).collect();
    let active = ufw_is_active();
    let there = if active { rules() } else { Vec::new() };
    for rule in there.iter().filter(|rule| rule.is_own && !wanted.contains(&rule.port)) {
        delete(&rule.port);
    }
    if wanted.is_empty() {
        let why = "only this machine is served, so nothing is to be opened";
        Step::named("firewall").is(Done::Left(why.into()));
    }
    for port in wanted {
        let step = Step::named(&format!("ufw allow {port}"));
        if there.iter().any(|rule| rule.port == port) {
            step.is(Done::AlreadySo);
        } else if active && ufw(&["allow", &port, "comment", COMMENT]).is_some() {
            step.is(Done::Made);
        } else {
            let number = port.trim_end_matches("/tcp");
            Step::named("firewall").is(Done::Left(format!(
                "if there is one, open port {number}, such as: ufw allow {port}\n            or: nft add rule inet filter input tcp dport {number} accept"
            )));
        }
    }
}

/// Closes what `install` opened, and nothing that the operator did.
pub(super) fn close() {
    if ufw_is_active() {
        rules().iter().filter(|rule| rule.is_own).for_each(|rule| delete(&rule.port));
    }
}

fn delete(port: &str) {
    if ufw(&["delete", "allow", port]).is_some() {
        Step::named(&format!("ufw allow {port}")).is(Done::Removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_that_install_made_are_told_from_the_operator_s() {
        let said = "Added user rules (see 'ufw status' for running firewall):\n\
                    ufw allow 22/tcp\n\
                    ufw allow 8002/tcp comment 'camera-service'\n\
                    ufw allow 8003/tcp comment 'prometheus'\n\
                    ufw deny 8004/tcp comment 'camera-service'\n\
                    ufw allow from 192.0.2.1 to any port 8005 proto tcp comment 'camera-service'\n";
        let found: Vec<(String, bool)> =
            rules_in(said).into_iter().map(|rule| (rule.port, rule.is_own)).collect();
        let expected = [("22/tcp", false), ("8002/tcp", true), ("8003/tcp", false)];
        assert_eq!(found, expected.map(|(port, is_own)| (port.to_owned(), is_own)));
    }
}
