//! Which addresses a source may lead to. Whoever may add a camera may not thereby ask this machine's own services, or a cloud's at a
//! link-local address, in the service's name. What the operator wrote into the configuration may be anywhere, for its own host and port;
//! where that camera leads (redirects, playlists, names that change) is checked like everything else.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::certificates::Certificates;
use crate::gate::Gate;
use crate::source::{Source, SourceKind};
use crate::{EngineError, proxy, relay};

/// How long a name may take to be looked up, and then a connection to be made.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What one source may be connected to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    /// Host and port that the operator wrote.
    own: Option<(String, u16)>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Barred {
    /// All that the name leads to are addresses where no source may be.
    #[error(
        "{0} is an address of this machine, or of its own link: no source may be there unless the configuration file names it"
    )]
    Address(IpAddr),
    /// The name leads nowhere, or nobody is there.
    #[error(transparent)]
    Unreachable(#[from] io::Error),
}

impl From<Barred> for EngineError {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::Address(_) => EngineError::Invalid(barred.to_string()),
            Barred::Unreachable(error) => {
                EngineError::Dependency(format!("the source cannot be reached: {error}"))
            }
        }
    }
}

impl Guard {
    pub(crate) fn of(source: &Source) -> Self {
        Guard { own: source.is_trusted().then(|| source.host_and_port()).flatten() }
    }

    /// The addresses of a host to which a connection may be made, at least one.
    pub(crate) async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Barred> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = timeout(PATIENCE, lookup_host((host, port))).await;
        let found: Vec<SocketAddr> = found.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??.collect();
        let named = self.own.as_ref().is_some_and(|(own, at)| own.eq_ignore_ascii_case(host) && *at == port);
        let first = found.first().map(SocketAddr::ip);
        let allowed: Vec<SocketAddr> =
            found.into_iter().filter(|at| named || !is_barred(at.ip(), is_ours)).collect();
        match first {
            Some(address) if allowed.is_empty() => Err(Barred::Address(address)),
            Some(_) => Ok(allowed),
            None => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        }
    }

    /// A connection to one of the addresses just checked: what the name means a moment later does not matter.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, Barred> {
        let addresses = self.resolve(host, port).await?;
        let connected = timeout(PATIENCE, TcpStream::connect(&*addresses)).await;
        Ok(connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??)
    }
}

/// The source as it may be read: through a proxy or a relay of ours that checks every connection, as long as that is kept.
pub(crate) async fn guarded(
    source: &Source,
    certificates: Certificates,
) -> Result<(Source, Option<Gate>), EngineError> {
    let guard = Guard::of(source);
    let opened = match (source.kind(), source.url()) {
        (SourceKind::Http, _) => proxy::open(guard).await,
        (SourceKind::Rtsp, Some(url)) => relay::open(guard, url, certificates).await,
        _ => return Ok((source.clone(), None)),
    };
    let gate = opened.map_err(|error| {
        EngineError::Dependency(format!("nothing can be listened on for the source: {error}"))
    })?;
    Ok((source.through(gate.address), Some(gate)))
}

/// Refuses a source whose address is one where no source may be. One that cannot be found now is not refused: each connection is
/// checked again.
///
/// # Errors
/// Such an address ([`EngineError::Invalid`]).
pub async fn check_source(source: &Source) -> Result<(), EngineError> {
    let Some((host, port)) = source.host_and_port() else { return Ok(()) };
    match Guard::of(source).resolve(&host, port).await {
        Err(barred @ Barred::Address(_)) => Err(barred.into()),
        _ => Ok(()),
    }
}

/// Whether it may be one of this machine's addresses: to another's, nothing can be bound. The sandbox of the unit keeps the service from
/// the kernel's list of them (netlink).
fn is_ours(address: IpAddr) -> bool {
    !matches!(UdpSocket::bind((address, 0)), Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable)
}

/// Loopback, link-local, unspecified, multicast, broadcast (RFC 6890), and ours; also where IPv6 only wraps such an IPv4 address
/// (mapped, RFC 4291; NAT64, RFC 6052; 6to4, RFC 3056).
fn is_barred(address: IpAddr, is_ours: fn(IpAddr) -> bool) -> bool {
    let address = address.to_canonical();
    let barred = match address {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.octets()[0] == 0
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                || wrapped(v6).is_some_and(|v4| is_barred(v4, is_ours))
        }
    };
    barred || is_ours(address)
}

fn wrapped(address: Ipv6Addr) -> Option<IpAddr> {
    let octets = address.octets();
    let four = |at: usize| <[u8; 4]>::try_from(&octets[at..at + 4]).ok().map(IpAddr::from);
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => four(12),
        [0x2002, ..] => four(2),
        [0, 0, 0, 0, 0, 0, ..] => four(12),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceOptions;

    #[test]
    fn addresses_of_this_machine_and_its_link_are_barred_however_they_are_written() {
        let ours = |address: IpAddr| ["192.0.2.50", "2001:db8::50"].contains(&address.to_string().as_str());
        for barred in [
            "127.0.0.1",
            "127.8.9.1",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "192.0.2.50",
            "::ffff:192.0.2.50",
            "2001:db8::50",
        ] {
            assert!(is_barred(barred.parse().unwrap(), ours), "{barred}");
        }
        for fine in ["10.0.0.9", "192.168.1.20", "203.0.113.1", "2001:db8::51", "fd00::9", "64:ff9b::a00:9"] {
            assert!(!is_barred(fine.parse().unwrap(), ours), "{fine}");
        }
    }

    #[tokio::test]
    async fn the_operator_s_own_host_and_port_may_be_anywhere_and_nothing_else() {
        let source = Source::parse("http://127.0.0.1:8123/video", SourceOptions::default()).unwrap();
        let trusted = Guard::of(&source);
        assert!(trusted.resolve("127.0.0.1", 8123).await.is_ok());
        assert!(matches!(trusted.resolve("127.0.0.1", 9997).await, Err(Barred::Address(_))));
        assert!(matches!(trusted.resolve("localhost", 8123).await, Err(Barred::Address(_))), "another name");
        let told = source.told_by_a_call();
        assert!(matches!(Guard::of(&told).resolve("127.0.0.1", 8123).await, Err(Barred::Address(_))));
        assert!(matches!(check_source(&told).await, Err(EngineError::Invalid(_))));
        for address in ["rtsp://localhost/1", "rtsp://[::1]/1", "http://2130706433/", "http://0x7f.1/"] {
            let told = Source::parse(address, SourceOptions::default()).unwrap().told_by_a_call();
            assert!(matches!(check_source(&told).await, Err(EngineError::Invalid(_))), "{address}");
        }
    }
}
