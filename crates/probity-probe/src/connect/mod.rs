//! Names to addresses, addresses to connections, connections to TLS: shared by the kinds that speak over a network.

pub mod closing;
mod conversation;
mod handshake;
pub mod on_link;
mod p521;
pub mod smtp;
pub mod starttls;
pub mod tls;
pub mod trust;
pub mod websocket;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, UnixStream};

pub use self::conversation::{Conversation, Fault, Talk, TappedStream};

/// How long one address may be silent before the next is tried too (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection of any kind.
pub type Stream = Box<dyn Duplex>;

/// What can be read from and written to.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// A host without the brackets of an IPv6 address.
pub fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// A name as it is asked for: what is beyond ASCII in it as IDNA writes it (RFC 5891).
///
/// # Errors
/// `unsupported` if it is no name.
pub fn ascii_host(host: &str) -> Result<Cow<'_, str>, Blocked> {
    if host.is_ascii() {
        return Ok(host.into());
    }
    match url::Host::parse(host) {
        Ok(name) => Ok(name.to_string().into()),
        Err(e) => Err(Blocked::new(Barrier::Unsupported, format!("the name `{host}`: {e}"))),
    }
}

/// The number of an interface that is named, or numbered, after an address (RFC 4007, 11).
///
/// # Errors
/// `unsupported` where this machine has none of that name.
pub fn zone_number(zone: &str) -> Result<u32, Blocked> {
    let named = || {
        nix::net::if_::if_nametoindex(zone)
            .map_err(|e| Blocked::new(Barrier::Unsupported, format!("the interface `{zone}`: {e}")))
    };
    zone.parse().or_else(|_| named())
}

/// The status of an HTTP answer as a fact holds it.
///
/// # Errors
/// `protocol` where it is none (RFC 9110, 15).
pub fn status_code(code: u16) -> Result<i64, Blocked> {
    match code {
        100..=599 => Ok(i64::from(code)),
        _ => Err(Blocked::new(Barrier::Protocol, format!("{code} is no status code (RFC 9110, 15)"))),
    }
}

/// The addresses of a host, by the system's resolver. An address in brackets or plain is its own.
///
/// # Errors
/// `unreachable` if there is no such name, `unsupported` for the port 0.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Blocked> {
    if port == 0 {
        return Err(Blocked::new(
            Barrier::Unsupported,
            format!("{host}: nobody listens on port 0; write 1 to 65535"),
        ));
    }
    let bare = without_brackets(host);
    if let Ok(ip) = bare.parse() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let name = ascii_host(bare)?;
    let unreachable = |error: &dyn std::fmt::Display| {
        Blocked::new(Barrier::Unreachable, format!("resolve {name}: {error}"))
    };
    let found: Vec<_> = tokio::net::lookup_host((&*name, port)).await.map_err(|e| unreachable(&e))?.collect();
    if found.is_empty() { Err(unreachable(&"no address")) } else { Ok(found) }
}

/// The two parts of `host:port`; an IPv6 address stands in brackets.
///
/// # Errors
/// `unsupported` if it is written otherwise.
pub fn host_and_port(text: &str) -> Result<(&str, u16), Blocked> {
    let parts = text.rsplit_once(':').filter(|(host, _)| {
        !host.is_empty() && (!host.contains(':') || (host.starts_with('[') && host.ends_with(']')))
    });
    parts.and_then(|(host, port)| Some((host, port.parse().ok()?))).ok_or_else(|| {
        Blocked::new(
            Barrier::Unsupported,
            format!("`{text}`; write host:port, such as 127.0.0.1:6379 or [::1]:6379"),
        )
    })
}

/// A connection to the first of these addresses that takes one: both families in turn, another address as soon as one
/// has failed or been silent for a while (RFC 8305, 4 and 5).
///
/// # Errors
/// What each address said. The target's fault if any address that was reached refused.
pub async fn tcp(addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    tcp_from(None, addresses).await
}

/// The same from this address of ours.
///
/// # Errors
/// The same.
pub async fn tcp_from(own: Option<IpAddr>, addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    let mut waiting = in_turn(addresses).into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut faults = Vec::new();
    loop {
        match waiting.next() {
            Some(address) => attempts.push(async move {
                let connected = connect_from(own, address).await.and_then(to_another);
                connected.map_err(|e| Fault::of_io(&format!("connect {address}"), &e))
            }),
            None if attempts.is_empty() => break,
            None => {}
        }
        tokio::select! {
            Some(done) = attempts.next() => match done {
                Ok(stream) => {
                    _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(fault) => faults.push(fault),
            },
            () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {}
        }
    }
    let detail: Vec<&str> = faults.iter().map(|fault| fault.blocked().detail.as_str()).collect();
    let detail = detail.join("; ");
    let told = faults.iter().find(|fault| matches!(fault, Fault::Target(_))).or(faults.last());
    Err(match told {
        Some(Fault::Target(blocked)) => Fault::Target(Blocked::new(blocked.barrier, detail)),
        Some(Fault::Observer(blocked)) => Fault::Observer(Blocked::new(blocked.barrier, detail)),
        None => Fault::Observer(Blocked::new(Barrier::Unreachable, "no address")),
    })
}

async fn connect_from(own: Option<IpAddr>, address: SocketAddr) -> std::io::Result<TcpStream> {
    let Some(own) = own else { return TcpStream::connect(address).await };
    let socket = if own.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    socket.bind(SocketAddr::new(own, 0))?;
    socket.connect(address).await
}

/// Where nobody listens on a port that this machine also gives to clients, a client may be given that very port and connect
/// to itself (RFC 9293, 3.5): that is nobody's answer.
fn to_another(stream: TcpStream) -> std::io::Result<TcpStream> {
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(std::io::Error::from(rustix::io::Errno::CONNREFUSED));
    }
    Ok(stream)
}

/// The addresses with their families alternating, that of the first one first.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        addresses.iter().copied().partition(|address| address.is_ipv6() == first);
    one.reverse();
    other.reverse();
    let mut turns = Vec::new();
    while !one.is_empty() || !other.is_empty() {
        turns.extend(one.pop());
        turns.extend(other.pop());
    }
    turns
}

/// A connection to the socket at this path.
///
/// # Errors
/// The target's fault if nobody listens there any more.
pub async fn unix(path: &str) -> Result<UnixStream, Fault> {
    UnixStream::connect(path).await.map_err(|e| Fault::of_io(&format!("connect {path}"), &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_that_is_silent_does_not_keep_the_next_one_waiting() {
        // Its queue is full: who comes later is neither taken nor refused.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = socket.listen(1).unwrap();
        let silent = full.local_addr().unwrap();
        let mut held = Vec::new();
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&silent, HEAD_START) {
            held.push(stream);
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let open = listener.local_addr().unwrap();
        let refused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let stream = tcp(&[silent, refused, open]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open);
        // Where none takes it, each says why, and one that was reached and refused is the target's word.
        let own = "[fe80::1]:80".parse().unwrap();
        let Err(Fault::Target(blocked)) = tcp(&[refused, own]).await else { panic!("somebody took it") };
        assert_eq!(blocked.barrier, Barrier::ConnectionRefused);
        assert!(
            blocked.detail.contains(&refused.to_string()) && blocked.detail.contains("fe80"),
            "{blocked:?}"
        );
        assert!(matches!(tcp(&[own]).await, Err(Fault::Observer(_))));
        assert!(matches!(tcp(&[]).await, Err(Fault::Observer(_))));
    }

    #[tokio::test]
    async fn a_connection_to_itself_is_refused() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let own = socket.local_addr().unwrap();
        let refused = to_another(socket.connect(own).await.unwrap()).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(tcp(&[listener.local_addr().unwrap()]).await.is_ok());
    }

    #[tokio::test]
    async fn a_name_beyond_ascii_is_asked_for_as_idna_writes_it() {
        for (host, ascii) in [
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("B\u{dc}CHER.example", "xn--bcher-kva.example"),
            ("localhost", "localhost"),
            ("_odd.host", "_odd.host"),
        ] {
            assert_eq!(ascii_host(host).unwrap(), ascii);
        }
        assert_eq!(ascii_host("a\u{fc} b").unwrap_err().barrier, Barrier::Unsupported);
        let said = resolve("b\u{fc}cher.invalid", 80).await.unwrap_err();
        assert!(said.detail.starts_with("resolve xn--bcher-kva.invalid: "), "{said:?}");
        let name = tls::server_name("b\u{fc}cher.example").unwrap();
        assert_eq!(name.to_str(), "xn--bcher-kva.example");
    }

    #[test]
    fn families_take_turns_beginning_with_the_first() {
        let addresses = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"]);
        let expected = addresses(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"]);
        assert_eq!(in_turn(&given), expected);
        assert_eq!(in_turn(&[]), []);
    }
}
