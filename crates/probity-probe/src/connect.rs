//! Names to addresses, addresses to connections, connections to TLS: shared by the kinds that speak over a network.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll};

use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::look::barrier_of;

/// The addresses of a host, by the system's resolver. An address in brackets or plain is its own.
///
/// # Errors
/// `unreachable` if there is no such name.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, Blocked> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let unreachable = |error: &dyn std::fmt::Display| {
        Blocked::new(Barrier::Unreachable, format!("resolve {host}: {error}"))
    };
    let found: Vec<_> = tokio::net::lookup_host((bare, port)).await.map_err(|e| unreachable(&e))?.collect();
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

/// A connection to the first address that takes one, in the resolver's order.
///
/// # Errors
/// The last address's barrier.
pub async fn tcp(addresses: &[SocketAddr]) -> Result<TcpStream, Blocked> {
    let mut last = Blocked::new(Barrier::Unreachable, "no address");
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = barrier_of(&format!("connect {address}"), &error),
        }
    }
    Err(last)
}

/// A connection, plain or in TLS.
pub enum Stream {
    /// As it is.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Stream {
    /// Shakes hands as a client that trusts the certificates in `ca` (PEM), or the system's.
    ///
    /// # Errors
    /// `protocol` if the handshake or the certificate fails.
    pub async fn tls(tcp: TcpStream, host: &str, ca: Option<&str>) -> Result<Self, Blocked> {
        let config = match ca {
            Some(path) => Arc::new(client(roots_from(path)?)?),
            None => system_client()?,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare)
            .map_err(|e| Blocked::new(Barrier::Unsupported, format!("server name {host}: {e}")))?;
        let stream = tokio_rustls::TlsConnector::from(config)
            .connect(name, tcp)
            .await
            .map_err(|e| Blocked::new(Barrier::Protocol, format!("TLS with {host}: {e}")))?;
        Ok(Self::Tls(Box::new(stream)))
    }
}

/// The system's trusted certificates, read once.
pub fn system_roots() -> Result<RootCertStore, Blocked> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        return Err(Blocked::new(
            Barrier::ToolMissing,
            "the system has no trusted certificates (install ca-certificates)",
        ));
    }
    Ok(roots)
}

/// The certificates of a PEM file.
pub fn roots_from(path: &str) -> Result<RootCertStore, Blocked> {
    let pem = std::fs::read(path).map_err(|e| barrier_of(&format!("open {path}"), &e))?;
    let wrong = |e: &dyn std::fmt::Display| Blocked::new(Barrier::Protocol, format!("{path}: {e}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|e| wrong(&e))?).map_err(|e| wrong(&e))?;
    }
    if roots.is_empty() { Err(wrong(&"holds no certificate")) } else { Ok(roots) }
}

fn client(roots: RootCertStore) -> Result<ClientConfig, Blocked> {
    ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|e| Blocked::new(Barrier::Unsupported, format!("TLS: {e}")))
}

fn system_client() -> Result<Arc<ClientConfig>, Blocked> {
    static CLIENT: OnceLock<Result<Arc<ClientConfig>, Blocked>> = OnceLock::new();
    CLIENT.get_or_init(|| system_roots().and_then(client).map(Arc::new)).clone()
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut TaskContext<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
