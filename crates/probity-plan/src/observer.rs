//! Who looks from elsewhere: how a plan says that it is reached, and how it introduces itself in the evidence.

use std::collections::BTreeMap;

use probity_diagnostic::Position;
use serde::{Deserialize, Serialize};

use crate::observation::Trial;
use crate::value::unique;

/// Somebody of a plan who looks from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Observer {
    /// Its name.
    pub name: String,
    /// How it is reached.
    pub reach: Reach,
    /// Where it is declared.
    pub at: Position,
}

/// How an observer is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Inside of all namespaces of this process, by its number here.
    Pid(u32),
    /// Inside of this running container: of systemd-nspawn, Docker, Podman or LXC.
    Container(String),
    /// In this network namespace of ip-netns(8), with the files, processes and users of here.
    Netns(String),
    /// On another machine.
    Ssh(Ssh),
}

impl Reach {
    /// Whether it is on another machine, whose clock is another one.
    pub const fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Ssh(_))
    }
}

/// Another machine, by the operator's own OpenSSH.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ssh {
    /// As ssh(1) takes it: a host of its configuration, `USER@HOST`, `ssh://USER@HOST:PORT`.
    pub destination: String,
    /// Whether the program becomes root there, by `sudo` without a password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sudo: bool,
    /// The fingerprint that the host's key must have, `SHA256:...`, beside being a known host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
}

impl std::fmt::Display for Reach {
    /// As a plan has it: `container camera-lab`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pid(pid) => write!(f, "pid {pid}"),
            Self::Container(name) => write!(f, "container {name}"),
            Self::Netns(name) => write!(f, "netns {name}"),
            Self::Ssh(Ssh { destination, sudo, .. }) => {
                write!(f, "ssh {destination}{}", if *sudo { ", become sudo" } else { "" })
            }
        }
    }
}

/// An observer that was reached: who it is, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// Its name in the plan; `machine`, `machine.NAME` for those of a trial's machine.
    pub name: String,
    /// The trial to whose machine it belongs; absent for the plan's own observers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// How the plan says that it is reached, or, for `machine`, as `up` said.
    pub reach: Reach,
    /// What was met on the way.
    pub passage: Passage,
    /// Who it is, by its own word.
    pub agent: Agent,
    /// How far its clock was before that of the program that ran the plan, in microseconds: at least, and at most.
    pub clock_ahead_us: (i64, i64),
}

/// What was met on the way to an observer, as the program that ran the plan saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passage {
    /// The process whose namespaces were entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Who says that it is the container's: `docker`, `podman`, `lxc`, `systemd-nspawn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The digest of the container's image, as its engine tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The fingerprint of the host's key, as ssh(1) was shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// Where the program was copied to, which unlinks itself as it starts; absent where the same one was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_to: Option<String>,
    /// Whether that copy could not be removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_behind: bool,
}

/// The program at the far side, by its own word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Its version of Probity.
    pub version: String,
    /// The SHA-256 of the program, in lower-case hexadecimal; empty where it cannot read itself.
    pub sha256: String,
    /// The kinds of probe that it knows.
    pub kinds: Vec<String>,
    /// The host's name.
    pub host: String,
    /// The user's name, with its number.
    pub user: String,
    /// Operating system and kernel.
    pub system: String,
    /// Its effective capabilities, in hexadecimal; empty where the kernel does not tell.
    pub capabilities: String,
    /// The namespaces that it is in, by their kind.
    #[serde(deserialize_with = "unique")]
    pub namespaces: BTreeMap<String, String>,
}
