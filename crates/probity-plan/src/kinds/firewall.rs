//! `firewall`: which rules the kernel holds packets against.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FactSpec, FactType, Impact, Kind, KindSpec, Shows};

/// Reads the rules of nftables that are loaded in the observer's network namespace, and what ufw says. That a port is open
/// or closed is what `port` with `connect` shows from outside; this says why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Firewall {
    /// `all`: every rule.
    pub firewall: Scope,
}

/// Which rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Every rule.
    All,
}

impl Kind for Firewall {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "firewall",
        doc: "Reads which rules of nftables the kernel has loaded, those of iptables-nft among them, and what ufw says of itself.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "every fact: the kernel shows its rules to who may administer the network",
        facts: &[
            FactSpec::new(
                "active",
                FactType::Bool,
                "whether a loaded rule, or the policy of a chain, can turn a packet away: the policy of a chain of type filter that a hook leads to is drop, or such a chain has or leads to a rule that drops or rejects; unknown where only a rule that is not understood may",
            ),
            FactSpec::new("tables", FactType::List, "the loaded tables: maps with family, name, dormant"),
            FactSpec::new(
                "chains",
                FactType::List,
                "the loaded chains: maps with family, table, name, and of those that a hook leads to type, hook, priority, policy (else empty text, and null for the priority); rules is their number in it",
            ),
            FactSpec::new(
                "rules",
                FactType::List,
                "the loaded rules in their order: maps with family, table, chain, hook (empty where none leads to the chain itself), text as nft(8) prints it without counters (`tcp dport 22 accept`), comment (empty where none)",
            ),
            FactSpec::new(
                "input_policy",
                FactType::Text,
                "what becomes of an IPv4 packet to this machine that no rule decides: drop if the policy of a chain at the hook input is, else accept",
            ),
            FactSpec::new("input_policy_ipv6", FactType::Text, "the same of an IPv6 packet"),
            FactSpec::new(
                "open_ports",
                FactType::List,
                "the ports that are open to everybody: at which the rules let a new connection or datagram in, whatever interface but loopback and whatever address it comes from, whether or not anybody listens: maps with family (ip, ip6), protocol (tcp, udp), first, last; what is open to less than everybody is in `open_to_some`; unknown where a rule is not understood: one that jumps, names a set, turns only some away, or lets some in by anything but their addresses and interfaces, such as a rate, a flag or an address of the machine's",
            ),
            FactSpec::new(
                "open_to_some",
                FactType::List,
                "in the same form, the ports that are open to no more than who comes from the addresses, or by the interfaces, that rules name: a machine may have no other interface; unknown where `open_ports` is, as where those addresses are together all there are",
            ),
            FactSpec::new(
                "legacy_tables",
                FactType::List,
                "the tables that iptables-legacy has loaded beside nftables, sorted, such as filter; their rules are not read",
            ),
            FactSpec::new(
                "ufw",
                FactType::Text,
                "what ufw says of itself: active, inactive, or absent where there is no such program",
            ),
            FactSpec::new(
                "ufw_default_input",
                FactType::Text,
                "what an active ufw does by default with what comes in: deny, reject or allow",
            ),
            FactSpec::new(
                "ufw_rules",
                FactType::List,
                "the rules of an active ufw: maps with to, action, from, as it prints them (`22/tcp`, `ALLOW IN`, `Anywhere`)",
            ),
        ],
    };

    fn describe(&self) -> String {
        "nft list ruleset; ufw status verbose".to_owned()
    }
}
