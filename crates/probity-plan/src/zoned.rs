//! Link-local addresses in URLs, with the name of an interface on whose link they are (RFC 6874). Must not know which interfaces there are.

use std::net::Ipv6Addr;

/// A URL with such an address for a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zoned<'u> {
    /// What stands before the `[`.
    before: &'u str,
    /// The address.
    pub address: Ipv6Addr,
    /// The interface, percent-encoded as it stands.
    pub zone: &'u str,
    /// What stands behind the `]`.
    after: &'u str,
}

impl<'u> Zoned<'u> {
    /// The parts of a URL, if it is one of these.
    #[must_use]
    pub fn of(url: &'u str) -> Option<Self> {
        let (before, after) = url.split_once("%25")?;
        let (before, address) = before.rsplit_once('[')?;
        let (zone, after) = after.split_once(']')?;
        let is_host = before.split_once("//").is_some_and(|(_, user)| !user.contains(['/', '?', '#']));
        let address =
            address.parse().ok().filter(|address: &Ipv6Addr| is_host && address.is_unicast_link_local())?;
        Some(Self { before, address, zone, after })
    }

    /// The URL without the interface.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{}[{}]{}", self.before, self.address, self.after)
    }
}
