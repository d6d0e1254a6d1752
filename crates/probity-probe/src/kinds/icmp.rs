//! `icmp`: one echo request over a raw socket, or over the kernel's ping socket for who may not open one (icmp(7)).

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Slice, Icmpv4Type, Icmpv6Header, Icmpv6Type, LaxIpSlice,
};
use probity_plan::kinds::icmp::Icmp;
use probity_plan::{Barrier, Blocked};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto};
use tokio::net::UdpSocket;

use crate::connect;
use crate::look::{Context, Look, Seen, at_least_ms, barrier_of, elapsed_ms, random};

/// The longest answer that is read, in bytes: longer than any that repeats our request.
const MAX_ANSWER: usize = 2048;

impl Look for Icmp {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        match tokio::time::timeout_at(context.deadline(), ask(self, context, &mut seen)).await {
            Ok(Ok(())) => _ = seen.know("elapsed_ms", elapsed_ms(context.began.elapsed())),
            Ok(Err(blocked)) => _ = seen.block_rest(blocked),
            // Before it was sent, the silence was that of our own name server.
            Err(_) if !seen.facts.contains_key("address") => {
                seen.block_rest(context.timed_out());
            }
            Err(_) => {
                let elapsed = at_least_ms(context.began.elapsed());
                seen.know("answered", false)
                    .know("elapsed_ms", elapsed.clone())
                    .know("round_trip_ms", elapsed)
                    .block_rest(context.timed_out());
                if !seen.unknown.contains_key("unreachable") {
                    seen.know("unreachable", false);
                }
            }
        }
        seen
    }
}

/// What was sent, by which its answer is known.
struct Request {
    address: IpAddr,
    /// The kernel puts the number of a ping socket in its place.
    id: u16,
    payload: [u8; 16],
    /// For tokio any socket of datagrams is alike.
    socket: UdpSocket,
    /// Whether it is a raw socket, which hears everything, and is told who turned a request away.
    raw: bool,
}

/// What came back.
#[derive(Debug, PartialEq)]
enum Answer {
    Reply,
    TurnedAway { ty: u8, code: u8 },
}

async fn ask(icmp: &Icmp, context: &Context<'_>, seen: &mut Seen) -> Result<(), Blocked> {
    let addresses = connect::resolve(&icmp.icmp, 1).await?;
    let address = addresses.first().ok_or_else(|| Blocked::new(Barrier::Unreachable, "no address"))?.ip();
    // Each of those who are meant, or we ourselves, would answer from an address of its own.
    if address.is_multicast() || address.is_unspecified() {
        let why = format!("{address} is nobody's own address, and no answer comes from it");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    let request = Request::open(address)?;
    let began = Instant::now();
    request.send().await.map_err(|error| barrier_of(&format!("send to {address}"), &error))?;
    seen.know("address", address.to_string());
    if !request.raw {
        for fact in ["unreachable", "unreachable_type", "unreachable_code", "unreachable_by"] {
            let why = "without CAP_NET_RAW the kernel does not tell";
            seen.block(fact, Blocked::new(Barrier::Unsupported, why));
        }
    }
    loop {
        let (answer, from) = match request.receive().await {
            Ok(Some(answer)) => answer,
            Ok(None) => continue,
            // Of a ping socket: some of what somebody may have said of the request, and that for good.
            Err(error) if is_turned_away(&error) => {
                seen.unknown.remove("unreachable");
                seen.know("answered", false).know("unreachable", true);
                seen.block_rest(barrier_of(&format!("ask {address}"), &error));
                return Ok(());
            }
            Err(error) => return Err(barrier_of(&format!("wait for {address}"), &error)),
        };
        let elapsed = began.elapsed();
        match answer {
            Answer::Reply if from == address => {
                seen.unknown.remove("unreachable");
                seen.know("answered", true)
                    .know("unreachable", false)
                    .know("round_trip_ms", elapsed_ms(elapsed))
                    .block_rest(Blocked::new(Barrier::Unsupported, "nobody turned the request away"));
                return Ok(());
            }
            // Somebody else's word for it.
            Answer::Reply => {}
            Answer::TurnedAway { ty, code } => {
                let why = format!("{from} turned the request away (type {ty}, code {code})");
                seen.know("answered", false)
                    .know("unreachable", true)
                    .know("unreachable_type", i64::from(ty))
                    .know("unreachable_code", i64::from(code))
                    .know("unreachable_by", from.to_string())
                    .block_rest(Blocked::new(Barrier::Unreachable, why));
                return Ok(());
            }
        }
        if context.began.elapsed() >= context.timeout {
            // Others may keep us busy.
            return std::future::pending().await;
        }
    }
}

fn is_turned_away(error: &std::io::Error) -> bool {
    let turned_away =
        [Errno::HOSTUNREACH, Errno::NETUNREACH, Errno::CONNREFUSED, Errno::NOPROTOOPT, Errno::MSGSIZE];
    Errno::from_io_error(error).is_some_and(|errno| turned_away.contains(&errno))
}

impl Request {
    fn open(address: IpAddr) -> Result<Self, Blocked> {
        let (family, protocol) = match address {
            IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
            IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let open = |ty| rustix::net::socket_with(family, ty, flags, Some(protocol));
        let refused = |errno: &Errno| matches!(*errno, Errno::PERM | Errno::ACCESS);
        let (socket, raw) = match open(SocketType::RAW) {
            Err(errno) if refused(&errno) => (open(SocketType::DGRAM), false),
            opened => (opened, true),
        };
        let socket = socket.map_err(|errno| {
            let mut blocked = barrier_of("open a socket for ICMP", &errno.into());
            if refused(&errno) {
                blocked.detail +=
                    ": it takes CAP_NET_RAW, or a group within net.ipv4.ping_group_range of the kernel";
            }
            blocked
        })?;
        let failed = |error: std::io::Error| barrier_of(&format!("ask {address}"), &error);
        let socket = std::net::UdpSocket::from(socket);
        // Then what others say of the request is told at all.
        if !raw {
            socket.connect(SocketAddr::new(address, 0)).map_err(failed)?;
        }
        let socket = UdpSocket::from_std(socket).map_err(failed)?;
        Ok(Self { address, id: u16::from_ne_bytes(random()?), payload: random()?, socket, raw })
    }

    async fn send(&self) -> std::io::Result<()> {
        let echo = IcmpEchoHeader { id: self.id, seq: 1 };
        let header = match self.address {
            IpAddr::V4(_) => {
                Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(echo), &self.payload).to_bytes().to_vec()
            }
            // The kernel knows our address, which its sum is over, too (RFC 3542, 3.1).
            IpAddr::V6(_) => Icmpv6Header::new(Icmpv6Type::EchoRequest(echo)).to_bytes().to_vec(),
        };
        let packet = [header.as_slice(), &self.payload].concat();
        let sent = if self.raw {
            self.socket.send_to(&packet, SocketAddr::new(self.address, 0)).await
        } else {
            self.socket.send(&packet).await
        };
        sent.map(drop)
    }

    /// The next answer to this request, and who sent it; nothing if what came is none.
    async fn receive(&self) -> std::io::Result<Option<(Answer, IpAddr)>> {
        let mut buffer = [0; MAX_ANSWER];
        let (length, from) = self.socket.recv_from(&mut buffer).await?;
        let from = from.ip();
        let packet = buffer.get(..length).unwrap_or_default();
        // A raw socket hears the header of IPv4, too.
        let message = if self.raw && self.address.is_ipv4() { payload_of(packet) } else { Some(packet) };
        Ok(message.and_then(|message| self.answer(message)).map(|answer| (answer, from)))
    }

    /// What a message says of this request, if it is about it.
    fn answer(&self, message: &[u8]) -> Option<Answer> {
        let (ty, code, echo, rest) = parts(message)?;
        let (reply, turned_away): (u8, &[u8]) = match self.address {
            // Destination unreachable, time exceeded, parameter problem (RFC 792).
            IpAddr::V4(_) => (0, &[3, 11, 12]),
            // The same, and packet too big (RFC 4443).
            IpAddr::V6(_) => (129, &[1, 2, 3, 4]),
        };
        if ty == reply {
            let is_own = !self.raw || echo[..2] == self.id.to_be_bytes();
            return (is_own && echo[2..] == [0, 1] && rest == self.payload).then_some(Answer::Reply);
        }
        if !turned_away.contains(&ty) {
            return None;
        }
        // It repeats what it is about.
        let (packet, _) = LaxIpSlice::from_slice(rest).ok()?;
        let (_, _, echo, _) = parts(packet.payload().payload)?;
        let to = packet.destination_addr();
        let is_own = to == self.address && echo[..2] == self.id.to_be_bytes() && echo[2..] == [0, 1];
        is_own.then_some(Answer::TurnedAway { ty, code })
    }
}

/// What an IP packet carries, be it cut short.
fn payload_of(packet: &[u8]) -> Option<&[u8]> {
    LaxIpSlice::from_slice(packet).ok().map(|(packet, _)| packet.payload().payload)
}

/// Type, code, the four bytes behind the sum, and the rest: the same in both families.
fn parts(message: &[u8]) -> Option<(u8, u8, [u8; 4], &[u8])> {
    let slice = Icmpv4Slice::from_slice(message).ok()?;
    Some((slice.type_u8(), slice.code_u8(), slice.bytes5to8(), message.get(8..)?))
}
