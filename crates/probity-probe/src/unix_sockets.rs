//! The names of listening Unix sockets, from the kernel's socket diagnostics (sock_diag(7)). `/proc/net/unix` would not
//! do: a name may hold a newline and forge a line of it.

use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::unix::nlas::UnixDiagName;
use netlink_packet_sock_diag::unix::{ShowFlags, StateFlags, UnixRequest};
use probity_plan::{Barrier, Blocked};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};

use crate::look::barrier_of;

/// The kernel's answers come in pieces of at most 32 KiB.
const PIECE: usize = 64 << 10;

/// The names of listening Unix sockets of this network namespace, as bytes; a name in the abstract namespace begins with
/// a zero. Sockets without a name are left out: nobody can connect to one. Blocks, at most 10 s between two pieces.
///
/// # Errors
/// `unsupported` if the kernel has no socket diagnostics.
pub fn listening() -> Result<Vec<Vec<u8>>, Blocked> {
    let failed = |error: rustix::io::Errno| {
        let blocked = barrier_of("ask the kernel for Unix sockets", &error.into());
        // No such family, module or protocol: this kernel cannot tell.
        let unsupported =
            [rustix::io::Errno::NOENT, rustix::io::Errno::INVAL, rustix::io::Errno::PROTONOSUPPORT];
        if unsupported.contains(&error) {
            Blocked::new(Barrier::Unsupported, blocked.detail)
        } else {
            blocked
        }
    };
    let odd =
        |error: &dyn std::fmt::Display| Blocked::new(Barrier::Protocol, format!("Unix sockets: {error}"));
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .map_err(failed)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(10)))
        .map_err(failed)?;
    rustix::net::send(&socket, &request(), SendFlags::empty()).map_err(failed)?;
    let mut names = Vec::new();
    let mut buffer = vec![0_u8; PIECE];
    loop {
        let (_, length) =
            rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::TRUNC).map_err(failed)?;
        let mut rest = buffer.get(..length).ok_or_else(|| odd(&"a piece longer than 64 KiB"))?;
        while !rest.is_empty() {
            let message =
                NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(|error| odd(&error))?;
            match message.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::UnixResponse(found)) => match found.name() {
                    Some(UnixDiagName::Pathname(path)) => {
                        names.push(path.as_bytes().to_vec());
                    }
                    Some(UnixDiagName::Abstract(name)) => names.push([&[0], name.as_slice()].concat()),
                    None => {}
                },
                NetlinkPayload::Done(_) => return Ok(names),
                NetlinkPayload::Error(error) => {
                    return Err(failed(
                        rustix::io::Errno::from_io_error(&error.to_io()).unwrap_or(rustix::io::Errno::PROTO),
                    ));
                }
                _ => {}
            }
            // Messages are padded to four bytes.
            let next = usize::try_from(message.header.length)
                .map_or(usize::MAX, |length| length.saturating_add(3) & !3);
            rest = rest.get(next..).unwrap_or_default();
        }
    }
}

fn request() -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let ask = UnixRequest {
        state_flags: StateFlags::LISTEN,
        inode: 0,
        show_flags: ShowFlags::NAME,
        cookie: [0xff; 8],
    };
    let mut message = NetlinkMessage::new(header, SockDiagMessage::UnixRequest(ask).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// A name as a person writes it: `@` for the zero of an abstract name.
pub fn text(name: &[u8]) -> String {
    match name.split_first() {
        Some((0, name)) => format!("@{}", String::from_utf8_lossy(name)),
        _ => String::from_utf8_lossy(name).into_owned(),
    }
}
