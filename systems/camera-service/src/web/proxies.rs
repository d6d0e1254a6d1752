//! Who stands before the service and tells for whom: proxies that the configuration trusts, by the PROXY protocol
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>), by `Forwarded` (RFC 7239), or by `X-Forwarded-For`.
//! From anybody else these are only bytes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::http::HeaderMap;
use camera_config::{ProxySpeech, TrustedProxies};
use proxy_header::ParseConfig;
use proxy_header::io::ProxiedStream;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a proxy may take to say for whom it connects.
const INTRODUCTION: Duration = Duration::from_secs(5);

/// The proxies that are trusted; none by default.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Option<TrustedProxies>);

impl Proxies {
    /// Those of the configuration.
    #[must_use]
    pub fn new(trusted: Option<TrustedProxies>) -> Self {
        Proxies(trusted)
    }

    fn trusted(&self, address: IpAddr) -> Option<ProxySpeech> {
        let proxies = self.0.as_ref()?;
        let address = address.to_canonical();
        let known = proxies.addresses.iter().any(|network| network.net().contains(&address));
        known.then_some(proxies.speak)
    }

    /// Whether this connection begins with a header of the PROXY protocol.
    #[must_use]
    pub fn introduces(&self, address: IpAddr) -> bool {
        self.trusted(address) == Some(ProxySpeech::ProxyProtocol)
    }

    /// Whether each request over this connection says for whom it is.
    #[must_use]
    pub fn forwards(&self, address: IpAddr) -> bool {
        matches!(self.trusted(address), Some(ProxySpeech::Forwarded | ProxySpeech::XForwardedFor))
    }

    /// Reads for whom a proxy connects; itself where it says so, as for a health check.
    ///
    /// # Errors
    /// No such header, or not in time.
    pub async fn introduced(
        stream: TcpStream,
        proxy: SocketAddr,
    ) -> io::Result<(ProxiedStream<TcpStream>, SocketAddr)> {
        let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
        let read = timeout(INTRODUCTION, ProxiedStream::create_from_tokio(stream, config)).await;
        let stream = read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        let client = stream.proxy_header().proxied_address().map_or(proxy, |address| address.source);
        Ok((stream, client))
    }

    /// For whom a request is: the last one in its headers that is no trusted proxy. What stands before that, the client may have
    /// written itself.
    #[must_use]
    pub fn client(&self, proxy: IpAddr, headers: &HeaderMap) -> IpAddr {
        let Some(speak) = self.trusted(proxy) else { return proxy };
        let name = if speak == ProxySpeech::Forwarded { "forwarded" } else { "x-forwarded-for" };
        let mut client = proxy;
        for value in headers.get_all(name).iter().rev() {
            for named in named(speak, value.to_str().unwrap_or_default()).into_iter().rev() {
                let Some(address) = named else { return client };
                client = address;
                if self.trusted(address).is_none() {
                    return client;
                }
            }
        }
        client
    }
}

/// The addresses of a header, in its order; `None` for one that is hidden, or no address.
fn named(speak: ProxySpeech, value: &str) -> Vec<Option<IpAddr>> {
    if speak == ProxySpeech::Forwarded {
        let nodes = rfc7239::parse(value);
        return nodes.map(|node| node.ok()?.forwarded_for?.ip().copied()).collect();
    }
    let address = |text: &str| text.trim().trim_matches(['[', ']']).parse().ok();
    value.split(',').map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(speak: ProxySpeech, proxy: &str, values: &[&str]) -> String {
        let addresses = ["10.0.0.0/24".parse().unwrap()].into();
        let proxies = Proxies::new(Some(TrustedProxies { addresses, speak }));
        let name = if speak == ProxySpeech::Forwarded { "forwarded" } else { "x-forwarded-for" };
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        proxies.client(proxy.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client_s_and_what_it_wrote_itself_is_nothing() {
        use ProxySpeech::{Forwarded, XForwardedFor};
        let forwarded = |values: &[&str]| client(Forwarded, "10.0.0.1", values);
        assert_eq!(forwarded(&["for=192.0.2.7"]), "192.0.2.7");
        assert_eq!(forwarded(&["for=127.0.0.1, for=192.0.2.7;proto=https, for=10.0.0.9"]), "192.0.2.7");
        assert_eq!(forwarded(&["for=127.0.0.1", "for=\"[2001:db8::5]:4711\""]), "2001:db8::5");
        assert_eq!(forwarded(&[]), "10.0.0.1");
        assert_eq!(forwarded(&["for=192.0.2.7, for=_hidden"]), "10.0.0.1");
        assert_eq!(client(Forwarded, "192.0.2.66", &["for=127.0.0.1"]), "192.0.2.66", "no trusted proxy");
        let listed = |values: &[&str]| client(XForwardedFor, "10.0.0.1", values);
        assert_eq!(listed(&["1.1.1.1, 192.0.2.7, 10.0.0.2"]), "192.0.2.7");
        assert_eq!(listed(&["192.0.2.7, nonsense"]), "10.0.0.1");
    }
}
