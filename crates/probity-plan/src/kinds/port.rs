//! `port`: who listens, or whether one can connect from here.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values};

/// Looks at listening sockets in the kernel's tables; with `connect`, tries to connect instead.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Port {
    /// The port number, 1 to 65535; the path of a Unix socket (`/run/x.sock`, `@name` in the abstract namespace); or
    /// `all` for every listening socket.
    pub port: Socket,
    /// `tcp` (the default) or `udp`. Only with a number.
    #[serde(default, skip_serializing_if = "is_tcp")]
    pub protocol: Protocol,
    /// Connects to the port on this host, by name or address, over TCP, and sends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<String>,
}

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Every listening socket.
    All,
    /// A port of TCP or UDP.
    Number(u16),
    /// A Unix socket by its path, or by its name after `@`.
    Unix(String),
}

/// A protocol with port numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP. "Listening" is a socket that is bound and not connected.
    Udp,
}

impl Protocol {
    /// The word used in plans and facts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_tcp(protocol: &Protocol) -> bool {
    *protocol == Protocol::Tcp
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Port {
            port: Socket,
            protocol: Option<Protocol>,
            connect: Option<String>,
        }
        let read = Port::deserialize(deserializer)?;
        let wrong = match (&read.port, read.protocol, &read.connect) {
            (Socket::Number(_), Some(Protocol::Udp), Some(_)) => {
                "UDP has no connections; leave `connect` out"
            }
            (Socket::Number(_), ..) | (_, None, None) => {
                let protocol = read.protocol.unwrap_or_default();
                return Ok(Self { port: read.port, protocol, connect: read.connect });
            }
            (_, Some(_), _) => "`protocol` goes with a port number",
            (_, _, Some(_)) => "`connect` needs a port number",
        };
        Err(serde::de::Error::custom(wrong))
    }
}

impl Serialize for Socket {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Number(number) => serializer.serialize_u16(*number),
            Self::Unix(path) => serializer.serialize_str(path),
        }
    }
}

impl<'de> Deserialize<'de> for Socket {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Socket;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a port number from 1 to 65535, the path of a Unix socket, or all")
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Socket, E> {
                match u16::try_from(number) {
                    Ok(number) if number > 0 => Ok(Socket::Number(number)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(number), &self)),
                }
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Socket, E> {
                let number = u64::try_from(number)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(number), &self))?;
                self.visit_u64(number)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Socket, E> {
                match text {
                    "all" => Ok(Socket::All),
                    path if path.starts_with(['/', '@']) && path.len() > 1 => {
                        Ok(Socket::Unix(path.to_owned()))
                    }
                    other => match other.parse() {
                        Ok(number) => self.visit_u64(number),
                        Err(_) => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                    },
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Socket {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Socket".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 65535 },
                { "type": "string", "pattern": "^([/@].+|all|[0-9]{1,5}|\\$.+)$" }
            ]
        })
    }
}

impl Kind for Port {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "port",
        doc: "Looks at listening sockets, the addresses they are bound to and who owns them; or connects from here.",
        shows: Shows::Presence,
        floor: Impact::Observe,
        privilege: "the processes that own other users' sockets; Unix sockets of other network namespaces",
        facts: &[
            FactSpec::new(
                "listening",
                FactType::Bool,
                "whether a socket listens there, in the observer's network namespace; a Unix socket that is a file in any (not with `connect`)",
            ).unconnected(),
            FactSpec::new(
                "addresses",
                FactType::List,
                "the addresses it is bound to, sorted: `0.0.0.0` is every IPv4 address, `::` every IPv6 address and, unless its socket is for IPv6 alone, which only `connect` shows, every IPv4 address too; a Unix socket's path",
            ).unconnected(),
            FactSpec::new(
                "loopback_only",
                FactType::Bool,
                "whether every one of these addresses is reached from this machine only; unknown where nothing listens",
            ).unconnected(),
            FactSpec::new("users", FactType::List, "the names of the users who opened the sockets, sorted; not of Unix sockets").unconnected(),
            FactSpec::new(
                "sockets",
                FactType::List,
                "each listening TCP and UDP socket as a map: protocol, address, port, loopback, user, uid",
            ).unconnected(),
            FactSpec::new(
                "owners",
                FactType::List,
                "each pair of socket and process as a map: what `sockets` has, and pid, executable, process_user; \
                 unknown if one owner is hidden, or nobody is found who holds a socket (the kernel's own)",
            ).unconnected()
            .on_demand(),
            FactSpec::new("pids", FactType::List, "the numbers of the processes that hold the sockets, sorted").unconnected().on_demand(),
            FactSpec::new(
                "unix_sockets",
                FactType::List,
                "with `all`: the paths of listening Unix sockets, sorted; `@` begins an abstract name",
            ).unconnected()
            .on_demand(),
            FactSpec::new(
                "connected",
                FactType::Bool,
                "with `connect`: whether the connection was taken; false where it was refused, reset, unreachable or silent",
            )
            .shows_connection(),
            FactSpec::new(
                "outcome",
                FactType::Text,
                "with `connect`: connected, refused, unreachable or timed-out",
            )
            .denies(Denied::Connection, Values::Texts(&["refused", "unreachable", "timed-out"]))
            .grants(Denied::Connection, Values::Texts(&["connected"])),
            FactSpec::new(
                "connect_ms",
                FactType::Interval,
                "with `connect`: time to connect, name resolution included, in milliseconds; without an end where it timed out, \
                 unknown where it was refused or unreachable",
            ).aside(),
        ],
    };

    fn describe(&self) -> String {
        match (&self.port, &self.connect) {
            (Socket::Number(port), Some(host)) => format!("nc -z {host} {port}"),
            (Socket::Number(port), None) if self.protocol == Protocol::Udp => {
                format!("ss -lunp sport = :{port}")
            }
            (Socket::Number(port), None) => format!("ss -ltnp sport = :{port}"),
            (Socket::Unix(path), _) => format!("ss -lx src {path}"),
            (Socket::All, _) => "ss -ltunp".to_owned(),
        }
    }
}
