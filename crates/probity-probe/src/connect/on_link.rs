//! Link-local addresses in URLs, with the interface of ours whose link they are of. Must not know what is said there.

use std::borrow::Cow;
use std::net::{Ipv6Addr, SocketAddr};

use percent_encoding::percent_decode_str;
use probity_plan::{Blocked, Zoned};

use super::zone_number;

/// A link-local address, with the number of our interface on its link.
#[derive(Clone, Copy)]
pub struct OnLink {
    ip: Ipv6Addr,
    interface: u32,
}

impl OnLink {
    /// A URL without the zone of its address, which names an interface of ours (RFC 6874) and goes to nobody; and that address, if
    /// it has a zone.
    ///
    /// # Errors
    /// There is no such interface here.
    pub fn take_from(url: &str) -> Result<(Cow<'_, str>, Option<Self>), Blocked> {
        let Some(zoned) = Zoned::of(url) else { return Ok((Cow::Borrowed(url), None)) };
        let interface = zone_number(&percent_decode_str(zoned.zone).decode_utf8_lossy())?;
        Ok((Cow::Owned(zoned.plain()), Some(Self { ip: zoned.address, interface })))
    }

    /// These addresses, with the number of the interface where one is this.
    pub fn set_in(self, addresses: &mut [SocketAddr]) {
        for address in addresses {
            if let SocketAddr::V6(address) = address
                && *address.ip() == self.ip
            {
                address.set_scope_id(self.interface);
            }
        }
    }
}
