//! What the switches report, beside what is intended: wiring against LLDP, generations, heartbeats. An observation says something about
//! the fabric; whether NetBox is in step is decided without it.

use crate::source::spec::{AgentInterface, Connection, LldpNeighbor, Spec};
use crate::source::{Kind, Snapshot, SourceRef};
use crate::unread::Unread;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How a link's end as LLDP sees it compares to the wiring.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cabling {
    /// The neighbour is the device, and the port if it can be told, that is intended.
    AsIntended,
    /// Another device is plugged in, or another port of it: what LLDP says, as `DEVICE/PORT`.
    Otherwise {
        /// What should be there, as `DEVICE/PORT`.
        intended: String,
        /// What is there.
        observed: Vec<String>,
    },
    /// Nothing is heard at this port.
    Silent {
        /// What should be there, as `DEVICE/PORT`.
        intended: String,
    },
}

/// What is known of one switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchObservation {
    /// The switch.
    pub switch: SourceRef,
    /// What its agent reports; None where it has no agent.
    pub report: Option<AgentReport>,
    /// Why what its agent reports cannot be understood, if so.
    pub malformed: Option<String>,
}

/// What an agent reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentReport {
    /// The generation that is desired, of the Agent object.
    pub desired_generation: Option<i64>,
    /// The generation that the switch applied.
    pub applied_generation: Option<i64>,
    /// When it last said anything.
    pub last_heartbeat: Option<Timestamp>,
    /// Its ports that are wired, by name.
    pub ports: BTreeMap<String, Cabling>,
}

/// What the switches report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observations {
    /// Why nothing is known, if the agents, the switches or the connections could not be read.
    pub unread: Option<(Kind, Unread)>,
    /// One a switch.
    pub switches: Vec<SwitchObservation>,
}

impl AgentReport {
    /// Whether the switch has applied what is desired; None where either is not known.
    pub fn is_applied(&self) -> Option<bool> {
        Some(self.applied_generation? >= self.desired_generation?)
    }

    /// How long ago it last said anything, at `now`.
    pub fn heartbeat_age(&self, now: Timestamp) -> Option<SignedDuration> {
        self.last_heartbeat.map(|last| now.duration_since(last))
    }
}

/// What the switches of `snapshot` report.
pub fn observe(snapshot: &Snapshot) -> Observations {
    let needed = [Kind::Switch, Kind::Connection, Kind::Agent];
    let unread =
        needed.into_iter().find_map(|kind| snapshot.unread(kind).map(|unread| (kind, unread.clone())));
    if unread.is_some() {
        return Observations { unread, switches: Vec::new() };
    }
    let agents: BTreeMap<(&str, &str), _> = snapshot
        .objects(Kind::Agent)
        .iter()
        .map(|agent| ((agent.reference.namespace.as_str(), agent.reference.name.as_str()), agent))
        .collect();
    let intended = intended_neighbors(snapshot);
    let switches = snapshot.objects(Kind::Switch).iter().map(|switch| {
        let SourceRef { namespace, name, .. } = &switch.reference;
        let report = agents.get(&(namespace.as_str(), name.as_str())).and_then(|object| {
            let Spec::Agent(agent) = &object.spec else { return None };
            let wired = intended.range((namespace.clone(), name.clone(), String::new())..);
            let wired = wired.take_while(|((of, device, _), _)| of == namespace && device == name);
            let ports = wired.map(|((_, _, port), intended)| {
                let interface = agent.status.state.interfaces.get(port);
                (port.clone(), compare(intended, interface))
            });
            Some(AgentReport {
                desired_generation: object.generation,
                applied_generation: agent.status.last_applied_gen,
                last_heartbeat: agent.status.last_heartbeat.as_deref().and_then(|time| time.parse().ok()),
                ports: ports.collect(),
            })
        });
        let agent = SourceRef::new(Kind::Agent, namespace, name);
        let mut malformed = snapshot.malformed().filter(|(kind, _)| *kind == Kind::Agent);
        let malformed = malformed.find(|(_, each)| each.reference.as_ref() == Some(&agent));
        let malformed = malformed.map(|(_, each)| each.reason.clone());
        SwitchObservation { switch: switch.reference.clone(), report, malformed }
    });
    Observations { unread: None, switches: switches.collect() }
}

/// By namespace, device and port: `DEVICE/PORT` at the other end.
fn intended_neighbors(snapshot: &Snapshot) -> BTreeMap<(String, String, String), String> {
    let mut intended = BTreeMap::new();
    for object in snapshot.objects(Kind::Connection) {
        let Spec::Connection(connection) = &object.spec else { continue };
        for (a, b) in links(connection) {
            for (here, there) in [(a, b), (b, a)] {
                if let Some((device, port)) = here.split_once('/') {
                    let place = (object.reference.namespace.clone(), device.to_owned(), port.to_owned());
                    intended.insert(place, there.to_owned());
                }
            }
        }
    }
    intended
}

/// Both ends of each link between devices that speak LLDP. A loop back into the same switch is none.
fn links(connection: &Connection) -> Vec<(&str, &str)> {
    let mut links = Vec::new();
    links.extend(connection.unbundled.iter().map(|one| (&one.link.switch.port, &one.link.server.port)));
    for bundle in [&connection.bundled, &connection.eslag, &connection.mclag].into_iter().flatten() {
        links.extend(bundle.links.iter().map(|link| (&link.switch.port, &link.server.port)));
    }
    if let Some(domain) = &connection.mclag_domain {
        let both = domain.peer_links.iter().chain(&domain.session_links);
        links.extend(both.map(|link| (&link.switch1.port, &link.switch2.port)));
    }
    if let Some(fabric) = &connection.fabric {
        links.extend(fabric.links.iter().map(|link| (&link.spine.port, &link.leaf.port)));
    }
    if let Some(mesh) = &connection.mesh {
        links.extend(mesh.links.iter().map(|link| (&link.leaf1.port, &link.leaf2.port)));
    }
    if let Some(gateway) = &connection.gateway {
        links.extend(gateway.links.iter().map(|link| (&link.switch.port, &link.gateway.port)));
    }
    links.into_iter().map(|(a, b)| (a.as_str(), b.as_str())).collect()
}

fn compare(intended: &str, interface: Option<&AgentInterface>) -> Cabling {
    let neighbors = interface.map(|interface| interface.lldp_neighbors.as_slice()).unwrap_or_default();
    if neighbors.is_empty() {
        return Cabling::Silent { intended: intended.into() };
    }
    if neighbors.iter().any(|neighbor| is_intended(neighbor, intended)) {
        return Cabling::AsIntended;
    }
    let observed =
        neighbors.iter().map(|neighbor| format!("{}/{}", device(neighbor), neighbor.port_id)).collect();
    Cabling::Otherwise { intended: intended.into(), observed }
}

fn device(neighbor: &LldpNeighbor) -> &str {
    if neighbor.system_name.is_empty() { &neighbor.name } else { &neighbor.system_name }
}

/// A switch calls its ports by the names of its operating system (`Ethernet4`), a server may send a MAC address: where a port's name is
/// of another form than the intended one, the device alone decides.
fn is_intended(neighbor: &LldpNeighbor, intended: &str) -> bool {
    let Some((wanted, port)) = intended.split_once('/') else { return false };
    if device(neighbor) != wanted && neighbor.name != wanted {
        return false;
    }
    let form = |name: &str| name.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default().to_owned();
    let told = [&neighbor.port_id, &neighbor.port_description];
    let mut comparable =
        told.into_iter().filter(|name| !name.is_empty() && form(name) == form(port)).peekable();
    comparable.peek().is_none() || comparable.any(|name| name == port)
}

impl fmt::Display for Cabling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsIntended => f.write_str("as intended"),
            Self::Otherwise { intended, observed } => {
                write!(f, "{} is plugged in where {intended} should be", observed.join(", "))
            }
            Self::Silent { intended } => write!(f, "nothing is heard where {intended} should be"),
        }
    }
}
