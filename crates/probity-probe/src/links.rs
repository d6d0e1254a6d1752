//! What the kernel says of the network interfaces of the observer's own network namespace and of their addresses (rtnetlink(7)). `/sys/class/net`
//! would not do: it shows the interfaces of whoever mounted it.

use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer, NlasIterator,
};
use probity_plan::{Barrier, Blocked};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::look::barrier_of;

/// Of include/uapi/linux/rtnetlink.h.
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
/// The message before its attributes: `struct ifinfomsg`.
const INFO_BYTES: usize = 16;
/// Where in it the interface's number stands.
const INDEX: std::ops::Range<usize> = 4..8;
/// Of include/uapi/linux/if_link.h.
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_OPERSTATE: u16 = 16;
/// The message of an address before its attributes, `struct ifaddrmsg`: family, length of the prefix, flags, scope, and the interface's number.
const ADDRESS_BYTES: usize = 8;
/// Of include/uapi/linux/if_addr.h: the address, which for a point-to-point one is the other end's, and our own.
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// The kernel does not use it: somebody else has it (`IFA_F_DADFAILED`), or that is not yet known (`IFA_F_TENTATIVE`).
const UNUSABLE: u8 = 0x08 | 0x40;

/// The header of a message: `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;
/// An answer about one interface, and a part of one about all addresses, is shorter.
const MAX_ANSWER: usize = 64 << 10;
/// The most parts of an answer that are read.
const MAX_PARTS: usize = 10_000;

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
    let socket = ask(&request(index)).map_err(failed)?;
    let mut buffer = vec![0_u8; MAX_ANSWER];
    let (_, length) = rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::TRUNC).map_err(failed)?;
    match answer(name, buffer.get(..length).unwrap_or_default()) {
        Ok(found) => found.map_err(failed),
        Err(why) => Err(Blocked::new(Barrier::Protocol, format!("the kernel of {name}: {why}"))),
    }
}

/// An address, by the number of the interface that has it, whatever its label says.
#[derive(Debug, PartialEq, Eq)]
pub struct Address {
    /// The interface's number.
    pub index: u32,
    /// The address itself.
    pub ip: IpAddr,
    /// The length of its network's prefix, in bits.
    pub prefix: u8,
}

/// The addresses that the kernel uses, of all interfaces. Blocks, at most 10 s for each part of the answer.
///
/// # Errors
/// `changed` where they changed meanwhile; `protocol` where the answer is none.
pub fn addresses() -> Result<Vec<Address>, Blocked> {
    let failed = |error: Errno| barrier_of("ask the kernel for addresses", &error.into());
    let socket = ask(&message(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, ADDRESS_BYTES)).map_err(failed)?;
    let (mut buffer, mut found) = (vec![0_u8; MAX_ANSWER], Vec::new());
    for _ in 0..MAX_PARTS {
        let (_, length) =
            rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::TRUNC).map_err(failed)?;
        match part(buffer.get(..length).unwrap_or_default(), &mut found) {
            Ok(Part::More) => {}
            Ok(Part::Last) => return Ok(found),
            Ok(Part::Interrupted) => {
                let why = "addresses changed while they were listed";
                return Err(Blocked::new(Barrier::Changed, why));
            }
            Ok(Part::Refused(error)) => return Err(failed(error)),
            Err(why) => {
                return Err(Blocked::new(Barrier::Protocol, format!("the kernel of addresses: {why}")));
            }
        }
    }
    Err(Blocked::new(Barrier::TooLarge, format!("more than {MAX_PARTS} parts of a list of addresses")))
}

/// What a part of an answer means for the others.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    More,
    Last,
    Interrupted,
    Refused(Errno),
}

/// Takes the addresses out of a part of the answer, which holds several messages.
fn part(mut bytes: &[u8], found: &mut Vec<Address>) -> Result<Part, String> {
    while !bytes.is_empty() {
        let message = NetlinkBuffer::new_checked(bytes).map_err(|error| error.to_string())?;
        if message.flags() & NLM_F_DUMP_INTR != 0 {
            return Ok(Part::Interrupted);
        }
        match message.message_type() {
            RTM_NEWADDR => found.extend(address(message.payload())?),
            NLMSG_DONE => return Ok(Part::Last),
            NLMSG_ERROR => return Ok(Part::Refused(error_of(message.payload())?)),
            other => return Err(format!("a message of type {other}")),
        }
        // Each begins at a multiple of four bytes.
        let length = (message.length() as usize).next_multiple_of(4).max(HEADER_BYTES);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(Part::More)
}

/// The address of a message, if it is one that is used.
fn address(payload: &[u8]) -> Result<Option<Address>, String> {
    let [_, prefix, flags, _, a, b, c, d] = *payload.first_chunk().ok_or("an address cut short")?;
    let (mut ip, mut own) = (None, None);
    for attribute in NlasIterator::new(payload.get(ADDRESS_BYTES..).unwrap_or_default()) {
        let attribute = attribute.map_err(|error| error.to_string())?;
        match attribute.kind() {
            IFA_ADDRESS => ip = address_of(attribute.value()),
            IFA_LOCAL => own = address_of(attribute.value()),
            _ => {}
        }
    }
    let ip = own.or(ip).ok_or("an address without its bytes")?;
    let index = u32::from_ne_bytes([a, b, c, d]);
    Ok((flags & UNUSABLE == 0).then_some(Address { index, ip, prefix }))
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let four = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from).or_else(four)
}

/// A socket on which the kernel answers this message.
fn ask(message: &[u8]) -> Result<OwnedFd, Errno> {
    // Its protocol 0 is NETLINK_ROUTE.
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(10)))?;
    rustix::net::send(&socket, message, SendFlags::empty())?;
    Ok(socket)
}

fn message(kind: u16, flags: u16, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES + payload];
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    let mut message = NetlinkBuffer::new(&mut bytes);
    message.set_length(length);
    message.set_message_type(kind);
    message.set_flags(flags);
    bytes
}

fn request(index: u32) -> Vec<u8> {
    let mut bytes = message(RTM_GETLINK, NLM_F_REQUEST, INFO_BYTES);
    bytes[HEADER_BYTES..][INDEX].copy_from_slice(&index.to_ne_bytes());
    bytes
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

fn error_of(payload: &[u8]) -> Result<Errno, String> {
    let code = number(payload).ok_or("an error without its number")?;
    Ok(Errno::from_raw_os_error(code.cast_signed().wrapping_neg()))
}

/// What was answered, or the kernel's error.
fn answer(name: &str, bytes: &[u8]) -> Result<Result<Link, Errno>, String> {
    let message = NetlinkBuffer::new_checked(bytes).map_err(|error| error.to_string())?;
    let payload = message.payload();
    match message.message_type() {
        RTM_NEWLINK => {}
        NLMSG_ERROR => return Ok(Err(error_of(payload)?)),
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

    #[test]
    fn every_interface_has_its_own_addresses() {
        let loopback = nix::net::if_::if_nametoindex("lo").unwrap();
        let one = Address { index: loopback, ip: IpAddr::from([127, 0, 0, 1]), prefix: 8 };
        assert!(addresses().unwrap().contains(&one), "{:?}", addresses());
    }

    proptest! {
        #[test]
        fn no_answer_is_more_than_nonsense(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            _ = answer("lo", &bytes);
            _ = part(&bytes, &mut Vec::new());
            let mut message = request(1);
            message[4] = RTM_NEWLINK.to_le_bytes()[0];
            message.extend(&bytes);
            message[0] = u8::try_from(message.len()).unwrap();
            prop_assert!(answer("lo", &message).is_err());
        }
    }
}
