//! Who is one client by address.

use std::net::IpAddr;

/// An IPv4 address (also one written as IPv6), or the /64 that an IPv6 subscriber has to himself. Whatever is counted by address is
/// counted by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subnet(u128);

impl Subnet {
    /// The one that the address belongs to.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            // A bit that no IPv4 address has: no /64 is the same number as one.
            IpAddr::V6(v6) => v6.to_bits() >> 64 << 64 | 1 << 63,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_64_is_one_client_and_an_ipv4_address_is_one_however_it_is_written() {
        let of = |text: &str| Subnet::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1:2:3"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("0.0.0.1"), of("::1"));
    }
}
