//! `interface`: a network interface.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Looks at a network interface of the observer's network namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interface {
    /// Its name; `all` lists every interface.
    pub interface: String,
}

impl Kind for Interface {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "interface",
        doc: "Looks at a network interface: state, addresses, MTU, counters.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new("exists", FactType::Bool, "whether there is such an interface (not with `all`)"),
            FactSpec::new("up", FactType::Bool, "whether it is switched on"),
            FactSpec::new("running", FactType::Bool, "whether it is switched on and can carry traffic"),
            FactSpec::new("loopback", FactType::Bool, "whether it reaches this machine only"),
            FactSpec::new(
                "state",
                FactType::Text,
                "as the driver says (RFC 2863): up, down, dormant, lowerlayerdown, testing, notpresent, unknown (usual for lo)",
            ),
            FactSpec::new(
                "addresses",
                FactType::List,
                "its addresses with prefix, sorted: `127.0.0.1/8`; without those that the kernel does not use, since another machine has them or that is not yet known",
            ),
            FactSpec::new(
                "mac",
                FactType::Text,
                "its hardware address, such as 02:00:00:00:00:01; empty if it has none",
            ),
            FactSpec::new("mtu_bytes", FactType::Int, "the longest packet it carries, in bytes"),
            FactSpec::new("received_bytes", FactType::Int, "bytes received since it exists"),
            FactSpec::new("sent_bytes", FactType::Int, "bytes sent since it exists"),
            FactSpec::new("received_packets", FactType::Int, "packets received"),
            FactSpec::new("sent_packets", FactType::Int, "packets sent"),
            FactSpec::new("received_errors", FactType::Int, "packets received damaged"),
            FactSpec::new("sent_errors", FactType::Int, "packets that could not be sent"),
            FactSpec::new("received_dropped", FactType::Int, "packets received and dropped"),
            FactSpec::new("sent_dropped", FactType::Int, "packets dropped before they were sent"),
            FactSpec::new(
                "interfaces",
                FactType::List,
                "with `all`: each as a map: name, up, running, loopback, addresses, mac",
            ),
        ],
    };

    fn flaw(&self) -> Option<String> {
        // What the kernel takes for none (`dev_valid_name`). A `:` is in the label of an address, such as eth0:1.
        let odd = |c: char| c.is_whitespace() || matches!(c, '/' | ':');
        let none = matches!(self.interface.as_str(), "" | "." | "..") || self.interface.contains(odd);
        none.then(|| format!("`{}` is no name of an interface", self.interface))
    }

    fn describe(&self) -> String {
        if self.interface == "all" {
            "ip address".to_owned()
        } else {
            format!("ip -s address show dev {}", self.interface)
        }
    }
}
