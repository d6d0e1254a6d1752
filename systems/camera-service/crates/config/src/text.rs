//! Values that are written as one text: how such a type is read, written and described, and the addresses among them.

use std::{fmt, str::FromStr};

/// Reads a value from its text; `expecting` is what the error shows when something else than a text stands there.
pub(crate) struct TextVisitor<T>(pub(crate) &'static str, pub(crate) std::marker::PhantomData<T>);

impl<T: FromStr<Err = String>> serde::de::Visitor<'_> for TextVisitor<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

/// Serde and schema of a type with `Display` and `FromStr<Err = String>`.
macro_rules! text_type {
    ($type:ty, $expecting:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str($crate::text::TextVisitor($expecting, std::marker::PhantomData))
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $expecting })
            }
        }
    };
}
pub(crate) use text_type;

/// An `http`, `https` or `rtsp` address that paths are added to: no user, password, query or fragment, no slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    pub(crate) fn local(scheme: &str, port: u16) -> Self {
        Self(format!("{scheme}://127.0.0.1:{port}"))
    }

    /// The address without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `http`, `https` or `rtsp`.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// The host, and the port if it is not the scheme's usual one.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or(rest)
    }

    /// Where its host is, by name resolution, which may take long; with the scheme's usual port if it names none.
    ///
    /// # Errors
    /// As name resolution has it.
    pub fn socket_addrs(&self) -> std::io::Result<Vec<std::net::SocketAddr>> {
        let url = url::Url::parse(&self.0).map_err(std::io::Error::other)?;
        // RFC 7826, section 4.2; of the other schemes the crate `url` knows it.
        url.socket_addrs(|| (url.scheme() == "rtsp").then_some(554))
    }
}

impl FromStr for BaseUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // The text itself is not repeated in these errors: it may hold a password.
        let url = url::Url::parse(text)
            .map_err(|error| format!("not an address ({error}): write one such as http://127.0.0.1:9997"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a user or password does not belong into this address; for MediaMTX write `user:`, and its password into \
                        the variable CAMERA_SERVICE_MEDIAMTX_PASSWORD"
                .into());
        }
        if !matches!(url.scheme(), "http" | "https" | "rtsp") || !url.has_host() {
            return Err("an address starts with http://, https:// or rtsp:// and a host, such as http://127.0.0.1:9997".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("nothing may follow `?` or `#` here: paths are added to this address".into());
        }
        Ok(Self(url.as_str().trim_end_matches('/').into()))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_type!(BaseUrl, "an address such as \"http://127.0.0.1:9997\"");

/// Where an identity provider publishes its keys: `https`, or `http` on this machine, where nobody can put others in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySetUrl(url::Url);

impl KeySetUrl {
    /// The address.
    pub fn url(&self) -> &url::Url {
        &self.0
    }
}

impl FromStr for KeySetUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|error| format!("not an address ({error})"))?;
        let here = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        let user = !url.username().is_empty() || url.password().is_some();
        if user || !(url.scheme() == "https" || url.scheme() == "http" && here) {
            return Err(
                "write an address with https:// (http:// on this machine only) and without a user, such as \
                        https://login.example.org/keys"
                    .into(),
            );
        }
        Ok(Self(url))
    }
}

impl fmt::Display for KeySetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(KeySetUrl, "an address such as \"https://login.example.org/keys\"");

/// The name of a host, without a port: `cameras.example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl FromStr for HostName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let parts = text.split('.').all(|part| (1..=63).contains(&part.len()) && part.chars().all(named));
        if text.len() <= 253 && parts && text.parse::<std::net::IpAddr>().is_err() {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        Err(format!(
            "`{text}` is not the name of a host: write one such as cameras.example.org, without a port"
        ))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(HostName, "the name of a host such as \"cameras.example.org\"");

/// A range of IP addresses, written `192.168.1.0/24` or `2001:db8::/64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(ipnet::IpNet);

impl Network {
    /// The range as addresses.
    pub fn net(&self) -> ipnet::IpNet {
        self.0
    }
}

impl FromStr for Network {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<std::net::IpAddr>() {
            return Err(format!(
                "`{text}` is one address: write {} for this one alone, or a range such as 192.168.1.0/24",
                ipnet::IpNet::from(address)
            ));
        }
        let net: ipnet::IpNet = text
            .parse()
            .map_err(|_| format!("`{text}` is not a range of addresses: write one such as 192.168.1.0/24"))?;
        if net != net.trunc() {
            return Err(format!("`{text}` is not where a range begins: write {}", net.trunc()));
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

text_type!(Network, "a range of addresses such as \"192.168.1.0/24\"");

/// Socket addresses, with an error that shows one.
pub(crate) mod listen {
    use std::net::SocketAddr;

    struct Listen(SocketAddr);

    impl std::str::FromStr for Listen {
        type Err = String;
        fn from_str(text: &str) -> Result<Self, String> {
            text.parse().map(Self).map_err(|_| {
                format!(
                    "`{text}` is not an address with a port: write 127.0.0.1:8002, [::1]:8002 or 0.0.0.0:8002"
                )
            })
        }
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SocketAddr, D::Error> {
        let expecting = "an address with a port, such as \"127.0.0.1:8002\"";
        deserializer
            .deserialize_str(super::TextVisitor::<Listen>(expecting, std::marker::PhantomData))
            .map(|listen| listen.0)
    }
}
