//! `dns`: one question to one name server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Denied, FactSpec, FactType, Impact, Kind, KindSpec, Shows, Values};

/// Asks a name server for the records of a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The name, always taken as complete: no search domains. With escapes as in a zone file (RFC 1035, 5.1): `\032` is a byte in decimal,
    /// `\.` a dot within a label.
    pub dns: String,
    /// The type of record; `A` without it.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub record: Record,
    /// The name server as `ip:port` or `ip`, with its interface where it needs one (`fe80::1%eth0`, `[fe80::1%eth0]:53`); without it, the first of `/etc/resolv.conf`, which is the observer's own: if
    /// that one refuses or is silent, nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

/// A type of record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Record {
    /// IPv4 addresses.
    #[default]
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Mail exchangers, as `10 mail.example.org.`.
    Mx,
    /// Texts.
    Txt,
    /// Name servers.
    Ns,
    /// What the name is an alias of.
    Cname,
    /// Start of authority.
    Soa,
    /// Services, as `priority weight port host`.
    Srv,
    /// Names of an address, asked as `1.0.0.127.in-addr.arpa`.
    Ptr,
    /// Which authorities may issue certificates, as `0 issue "ca.example"`.
    Caa,
}

impl Record {
    /// The name in the protocol: `AAAA`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Ns => "NS",
            Self::Cname => "CNAME",
            Self::Soa => "SOA",
            Self::Srv => "SRV",
            Self::Ptr => "PTR",
            Self::Caa => "CAA",
        }
    }
}

fn is_default(record: &Record) -> bool {
    *record == Record::default()
}

/// Whether it is `ip` or `ip:port`, perhaps with an interface (`fe80::1%eth0`).
fn is_address(server: &str) -> bool {
    let plain = match server.split_once('%') {
        Some((ip, zone)) => format!("{ip}{}", zone.find(']').map_or("", |end| &zone[end..])),
        None => server.to_owned(),
    };
    plain.parse::<std::net::IpAddr>().is_ok() || plain.parse::<std::net::SocketAddr>().is_ok()
}

impl Kind for Dns {
    const SPEC: &'static KindSpec = &KindSpec {
        name: "dns",
        doc: "Asks one name server one question over UDP, and over TCP where the answer was cut short. Asks once: a lost \
              datagram is a time-out.",
        shows: Shows::Response,
        floor: Impact::Observe,
        privilege: "",
        facts: &[
            FactSpec::new(
                "connected",
                FactType::Bool,
                "whether anything came back from it; false where it refused or was silent",
            )
            .shows_connection(),
            FactSpec::new(
                "answered",
                FactType::Bool,
                "whether the name server answered the question whole; false is a fact where it refused the connection, was \
                 silent, or answered otherwise; unknown where the answer was cut short and the rest did not come over TCP",
            )
            .shows_connection(),
            FactSpec::new("server", FactType::Text, "the name server asked, as ip:port").aside(),
            FactSpec::new(
                "rcode",
                FactType::Text,
                "the response code by its RFC name: NOERROR, NXDOMAIN, SERVFAIL, REFUSED, ...; unknown where it says that there is no such name and tells its records",
            )
            .denies(Denied::Request, Values::Texts(&["REFUSED", "NOTAUTH", "NOTIMP", "FORMERR", "SERVFAIL", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTZONE", "DSOTYPENI"]))
            // A server that refers to others says so too, and not that there is the name.
            .grants(Denied::Request, Values::Texts(&["NOERROR"])),
            FactSpec::new(
                "nxdomain",
                FactType::Bool,
                "whether it said that there is no such name, or none that its `aliases` lead to; unknown where it reported \
                 another error, or referred to other servers",
            )
            .denies(Denied::Name, Values::True)
            .grants(Denied::Name, Values::False),
            FactSpec::new(
                "refused",
                FactType::Bool,
                "whether it refused to answer this question to this observer",
            )
            .denies(Denied::Request, Values::True),
            FactSpec::new(
                "records",
                FactType::List,
                "the records of the type asked for, sorted, as in a zone file: addresses, names with \
                 their last dot and as they are sent (`xn--`), texts without quotes, the value of CAA in them; an empty list if the server says that there are none. Unknown where it reported an \
                 error, only referred to other servers, told an alias and not what is at its end, or contradicted itself (as by an alias with records of its own), \
                 and where one is not UTF-8",
            )
            .grants(Denied::Request, Values::Any)
            .grants_further(Denied::Name, Values::Filled),
            FactSpec::new(
                "aliases",
                FactType::List,
                "the names that the name is an alias of (CNAME), in order, when another type was asked for",
            ),
            FactSpec::new("count", FactType::Int, "how many records of the type asked for")
                .between(0, i64::MAX)
                .grants(Denied::Name, Values::Range(1, i64::MAX)),
            FactSpec::new("ttl_s", FactType::Int, "the least time to live of them, in seconds")
                .grants(Denied::Name, Values::Any),
            FactSpec::new("authoritative", FactType::Bool, "whether the server answered as an authority for the name"),
            FactSpec::new("over_tcp", FactType::Bool, "whether the answer was too long for UDP").aside(),
            FactSpec::new(
                "elapsed_ms",
                FactType::Interval,
                "from the question to the answer, in milliseconds; without an end where it timed out",
            ).aside(),
        ],
    };

    fn flaw(&self) -> Option<String> {
        // What is escaped is within a label (RFC 1035, 5.1).
        let name =
            ["\\\\", "\\.", "\\ "].iter().fold(self.dns.clone(), |name, escaped| name.replace(escaped, "x"));
        let name = name.strip_suffix('.').unwrap_or(&name);
        let address = name.split('%').next().unwrap_or(name).parse::<std::net::IpAddr>();
        let server = self.server.as_ref().filter(|server| !is_address(server));
        if self.dns.is_empty() || name.contains(char::is_whitespace) || name.contains("://") {
            Some(format!("`{}` is no name", self.dns))
        } else if address.is_ok() {
            Some(format!(
                "`{}` is an address and no name: its name is below in-addr.arpa or ip6.arpa",
                self.dns
            ))
        } else if !name.is_empty() && name.split('.').any(str::is_empty) {
            Some(format!("a label of `{}` is empty", self.dns))
        } else {
            server.map(|server| format!("the server `{server}`; write ip or ip:port, such as 127.0.0.1:53"))
        }
    }

    fn describe(&self) -> String {
        let server = self.server.as_ref().map_or_else(String::new, |server| {
            match server.parse::<std::net::SocketAddr>() {
                Ok(address) => format!("@{} -p {} ", address.ip(), address.port()),
                Err(_) => format!("@{server} "),
            }
        });
        format!("dig +tries=1 {server}{} {}", self.dns, self.record.name())
    }
}
