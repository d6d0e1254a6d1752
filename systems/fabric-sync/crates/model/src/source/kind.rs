//! The kinds of objects that a fabric consists of (API groups of `githedgehog.com`, version `v1beta1`).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A kind of source object. The first twelve say what is intended; [`Kind::Agent`] says what the switches report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "these are the kinds' own names")]
pub enum Kind {
    VLANNamespace,
    IPv4Namespace,
    SwitchGroup,
    Switch,
    Server,
    Connection,
    VPC,
    VPCAttachment,
    VPCPeering,
    External,
    ExternalAttachment,
    ExternalPeering,
    Agent,
}

impl Kind {
    /// All thirteen.
    pub const ALL: [Self; 13] = [
        Self::VLANNamespace,
        Self::IPv4Namespace,
        Self::SwitchGroup,
        Self::Switch,
        Self::Server,
        Self::Connection,
        Self::VPC,
        Self::VPCAttachment,
        Self::VPCPeering,
        Self::External,
        Self::ExternalAttachment,
        Self::ExternalPeering,
        Self::Agent,
    ];

    /// The twelve that say what is intended, without [`Kind::Agent`]: only of these does NetBox hold objects.
    pub fn intended() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| *kind != Self::Agent)
    }

    /// The name in a manifest's `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Self::VLANNamespace => "VLANNamespace",
            Self::IPv4Namespace => "IPv4Namespace",
            Self::SwitchGroup => "SwitchGroup",
            Self::Switch => "Switch",
            Self::Server => "Server",
            Self::Connection => "Connection",
            Self::VPC => "VPC",
            Self::VPCAttachment => "VPCAttachment",
            Self::VPCPeering => "VPCPeering",
            Self::External => "External",
            Self::ExternalAttachment => "ExternalAttachment",
            Self::ExternalPeering => "ExternalPeering",
            Self::Agent => "Agent",
        }
    }

    /// The resource's name in a path of the API.
    pub fn plural(self) -> &'static str {
        match self {
            Self::VLANNamespace => "vlannamespaces",
            Self::IPv4Namespace => "ipv4namespaces",
            Self::SwitchGroup => "switchgroups",
            Self::Switch => "switches",
            Self::Server => "servers",
            Self::Connection => "connections",
            Self::VPC => "vpcs",
            Self::VPCAttachment => "vpcattachments",
            Self::VPCPeering => "vpcpeerings",
            Self::External => "externals",
            Self::ExternalAttachment => "externalattachments",
            Self::ExternalPeering => "externalpeerings",
            Self::Agent => "agents",
        }
    }

    /// The API group.
    pub fn group(self) -> &'static str {
        match self {
            Self::VLANNamespace | Self::SwitchGroup | Self::Switch | Self::Server | Self::Connection => {
                "wiring.githedgehog.com"
            }
            Self::Agent => "agent.githedgehog.com",
            _ => "vpc.githedgehog.com",
        }
    }

    /// The API version.
    pub fn version(self) -> &'static str {
        "v1beta1"
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No kind has this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no kind of a fabric; kinds are {}", Kind::ALL.map(Kind::name).join(", "))]
pub struct UnknownKind {
    /// What was there.
    pub name: String,
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownKind { name: text.into() })
    }
}
