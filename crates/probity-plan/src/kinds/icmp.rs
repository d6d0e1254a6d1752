//! `icmp`: one echo request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values, server};

/// Sends one echo request (ping) and waits for its reply. Loss over a time is a claim's share: `every: 1s, for: 60s`, and
/// `share: ">= 99%"` of `answered`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Icmp {
    /// A host or an address; of a host's addresses the first one is asked.
    pub icmp: String,
}

impl Kind for Icmp {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "icmp",
        doc: "Sends one ICMP echo request and waits for its reply.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "CAP_NET_RAW, or a group within the kernel's net.ipv4.ping_group_range; without CAP_NET_RAW it is unknown by \
                    whom and with which code a request was turned away, and mostly whether it was",
        facts: &[
            FactSpec::new("address", FactType::Text, "the address that was asked").aside().unconnected(),
            FactSpec::new(
                "answered",
                FactType::Bool,
                "whether the reply to this request came; false where there was none by the time-out, or somebody on the way \
                 turned the request away; unknown where it could not be sent",
            )
            .shows_connection(),
            FactSpec::new(
                "unreachable",
                FactType::Bool,
                "whether the request was turned away: the host, its network or the protocol is not reachable, the packet went \
                 too far or was too large; false where nobody said so",
            )
            .denies(Denied::Connection, Values::True),
            FactSpec::new("unreachable_type", FactType::Int, "by which type of message, by the IANA's registry: 3 of ICMP, 1 of ICMPv6")
                .between(0, 255)
                .denies(Denied::Connection, Values::Range(0, 255)),
            FactSpec::new("unreachable_code", FactType::Int, "with which code of that type, such as 1 (host unreachable) or 13 (prohibited)")
                .between(0, 255)
                .denies(Denied::Connection, Values::Range(0, 255)),
            FactSpec::new("unreachable_by", FactType::Text, "the address of who turned it away"),
            FactSpec::new(
                "round_trip_ms",
                FactType::Interval,
                "from the request to its reply, in milliseconds; without an end where there was none by the time-out",
            )
            .aside(),
            server::ELAPSED,
        ],
    };

    fn flaw(&self) -> Option<String> {
        let host = self.icmp.as_str();
        let address = host.split('%').next().unwrap_or(host).parse::<std::net::IpAddr>();
        let odd = |c: char| c.is_whitespace() || matches!(c, ':' | '/' | '[');
        (host.is_empty() || address.is_err() && host.contains(odd))
            .then(|| format!("`{host}` is no host: write its name or address alone"))
    }

    fn describe(&self) -> String {
        format!("ping -n -c 1 {}", self.icmp)
    }
}
