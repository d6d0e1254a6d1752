//! What the kernel says of a network interface of the observer's own network namespace (rtnetlink(7)). `/sys/class/net`
//! would not do: it shows the interfaces of whoever mounted it.

use std::time::Duration;

use netlink_packet_core::{NLM_F_REQUEST, NLMSG_ERROR, NetlinkBuffer, NlasIterator};
use probity_plan::{Barrier, Blocked};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::look::barrier_of;

/// Of include/uapi/linux/rtnetlink.h.
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
/// The message before its attributes: `struct ifinfomsg`.
const INFO_BYTES: usize = 16;
/// Where in it the interface's number stands.
const INDEX: std::ops::Range<usize> = 4..8;
/// Of include/uapi/linux/if_link.h.
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_OPERSTATE: u16 = 16;

/// The header of a message: `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// An answer about one interface is shorter.
const MAX_ANSWER: usize = 64 << 10;

/// An interface.
#[derive(Debug, PartialEq, Eq)]
pub struct Link {
    /// The longest packet it carries, in bytes.
    pub mtu: u32,
    /// Its operational state (RFC 2863), in the words of `/sys/class/net/NAME/operstate`.
    pub state: &'static str,
}

/// Asks for the interface of this name. Blocks, at most 10 s.
///
/// # Errors
/// `unreachable` where there is none (any more); `protocol` where the answer is about another one or none.
pub fn see(name: &str) -> Result<Link, Blocked> {
    let failed = |error: Errno| match error {
        Errno::NODEV => Blocked::new(Barrier::Unreachable, format!("there is no interface {name} any more")),
        error => barrier_of(&format!("ask the kernel for {name}"), &error.into()),
    };
    let index = nix::net::if_::if_nametoindex(name)
        .map_err(|error| failed(Errno::from_raw_os_error(error as i32)))?;
    // Its protocol 0 is NETLINK_ROUTE.
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
            .map_err(failed)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(10)))
        .map_err(failed)?;
    rustix::net::send(&socket, &request(index), SendFlags::empty()).map_err(failed)?;
    let mut buffer = vec![0_u8; MAX_ANSWER];
    let (_, length) = rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::TRUNC).map_err(failed)?;
    match answer(name, buffer.get(..length).unwrap_or_default()) {
        Ok(found) => found.map_err(failed),
        Err(why) => Err(Blocked::new(Barrier::Protocol, format!("the kernel of {name}: {why}"))),
    }
}

fn request(index: u32) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES + INFO_BYTES];
    let mut message = NetlinkBuffer::new(&mut bytes);
    message.set_length((HEADER_BYTES + INFO_BYTES) as u32);
    message.set_message_type(RTM_GETLINK);
    message.set_flags(NLM_F_REQUEST);
    message.payload_mut()[INDEX].copy_from_slice(&index.to_ne_bytes());
    bytes
}

/// What was answered, or the kernel's error.
fn answer(name: &str, bytes: &[u8]) -> Result<Result<Link, Errno>, String> {
    let message = NetlinkBuffer::new_checked(bytes).map_err(|error| error.to_string())?;
    let payload = message.payload();
    let number = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    match message.message_type() {
        RTM_NEWLINK => {}
        NLMSG_ERROR => {
            let code = number(payload).ok_or("an error without its number")?;
            return Ok(Err(Errno::from_raw_os_error(code.cast_signed().wrapping_neg())));
        }
        other => return Err(format!("a message of type {other}")),
    }
    let (mut is_called, mut mtu, mut state) = (false, None, None);
    for attribute in NlasIterator::new(payload.get(INFO_BYTES..).unwrap_or_default()) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        match attribute.kind() {
            IFLA_IFNAME => is_called = attribute.value().strip_suffix(b"\0") == Some(name.as_bytes()),
            IFLA_MTU => mtu = number(attribute.value()),
            IFLA_OPERSTATE => state = attribute.value().first().copied(),
            _ => {}
        }
    }
    if !is_called {
        return Err("its number belongs to another interface by now".to_owned());
    }
    let state = match state.ok_or("no state")? {
        0 => "unknown",
        1 => "notpresent",
        2 => "down",
        3 => "lowerlayerdown",
        4 => "testing",
        5 => "dormant",
        6 => "up",
        other => return Err(format!("the state {other}")),
    };
    Ok(Ok(Link { mtu: mtu.ok_or("no MTU")?, state }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_interface_that_is_gone_is_an_error() {
        assert_eq!(see("probity-none").unwrap_err().barrier, Barrier::Unreachable);
        assert_eq!(see("lo").unwrap().state, "unknown");
    }

    proptest! {
        #[test]
        fn no_answer_is_more_than_nonsense(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            _ = answer("lo", &bytes);
            let mut message = request(1);
            message[4] = RTM_NEWLINK.to_le_bytes()[0];
            message.extend(&bytes);
            message[0] = u8::try_from(message.len()).unwrap();
            prop_assert!(answer("lo", &message).is_err());
        }
    }
}
