//! The kernel's socket diagnostics (sock_diag(7)): asked for sockets of one sort, it tells them one by one.

use std::fmt::Display;
use std::time::Duration;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use probity_plan::{Barrier, Blocked};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};

use crate::look::barrier_of;

/// The kernel's answers come in pieces of at most 32 KiB.
const PIECE: usize = 64 << 10;

/// Hands over each answer to a request. `of` says which sockets: `Unix sockets`. Blocks, at most 10 s between two pieces.
///
/// # Errors
/// `unsupported` if the kernel has no socket diagnostics.
pub fn ask(request: SockDiagMessage, of: &str, mut each: impl FnMut(SockDiagMessage)) -> Result<(), Blocked> {
    let failed = |error: Errno| {
        let blocked = barrier_of(&format!("ask the kernel for {of}"), &error.into());
        // No such family, module or protocol: this kernel cannot tell.
        if [Errno::NOENT, Errno::INVAL, Errno::PROTONOSUPPORT].contains(&error) {
            Blocked::new(Barrier::Unsupported, blocked.detail)
        } else {
            blocked
        }
    };
    let odd = |error: &dyn Display| Blocked::new(Barrier::Protocol, format!("{of}: {error}"));
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .map_err(failed)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_secs(10)))
        .map_err(failed)?;
    rustix::net::send(&socket, &bytes_of(request), SendFlags::empty()).map_err(failed)?;
    let mut buffer = vec![0_u8; PIECE];
    loop {
        let (_, length) =
            rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::TRUNC).map_err(failed)?;
        let mut rest = buffer.get(..length).ok_or_else(|| odd(&"a piece longer than 64 KiB"))?;
        while !rest.is_empty() {
            let message =
                NetlinkMessage::<SockDiagMessage>::deserialize(rest).map_err(|error| odd(&error))?;
            match message.payload {
                NetlinkPayload::InnerMessage(answer) => each(answer),
                NetlinkPayload::Done(_) => return Ok(()),
                NetlinkPayload::Error(error) => {
                    return Err(failed(Errno::from_io_error(&error.to_io()).unwrap_or(Errno::PROTO)));
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

fn bytes_of(request: SockDiagMessage) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, request.into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}
