//! Listeners: plain or TLS (rustls), whose configuration may be swapped. A handshake that takes its time
//! keeps nobody else waiting.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};
use x509_cert::der::Decode;

use crate::places::{Place, Places};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Handshakes at the same time.
const HANDSHAKES: usize = 256;

/// Files that TLS needs.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate with its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Who signs clients' certificates; with it, a client without one is refused.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as what it should hold.
    #[error("TLS: {path} holds no {what}: {why}")]
    File {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is the matter.
        why: String,
    },
    /// The files do not fit together.
    #[error("TLS: {0}")]
    Setup(String),
}

/// What connections are served with.
pub struct Served {
    config: Arc<ServerConfig>,
    /// When its certificate ends to be valid.
    pub expires: Timestamp,
}

/// What connections are served with from now on; swapped when the files change.
pub type Current = Arc<ArcSwap<Served>>;

/// Reads the files.
///
/// # Errors
/// A file that is not there or holds something else, or a key that is not the certificate's.
pub fn read(files: &TlsFiles) -> Result<Served, TlsError> {
    let bad = |path: &Path, what, why: String| TlsError::File { path: path.to_owned(), what, why };
    let chain = |path: &Path| -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad(path, "certificate in PEM", error.to_string()))?;
        if found.is_empty() {
            return Err(bad(path, "certificate in PEM", "the file has no CERTIFICATE block".into()));
        }
        Ok(found)
    };
    let mode = std::fs::metadata(&files.key).map(|file| file.permissions().mode()).unwrap_or(0);
    if mode & 0o077 != 0 {
        let path = files.key.display();
        return Err(TlsError::Setup(format!(
            "others than its owner may read the key {path}: chmod 600 {path}"
        )));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| bad(&files.key, "private key in PEM", error.to_string()))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in chain(path)? {
                roots.add(certificate).map_err(|error| bad(path, "usable certificate", error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| TlsError::Setup(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let certificates = chain(&files.certificate)?;
    let expires = certificates
        .first()
        .and_then(|own| x509_cert::Certificate::from_der(own).ok())
        .and_then(|own| {
            i64::try_from(own.tbs_certificate.validity.not_after.to_unix_duration().as_secs()).ok()
        })
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| bad(&files.certificate, "certificate", "its end of validity cannot be read".into()))?;
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| TlsError::Setup(format!("certificate and key do not fit together: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Served { config: Arc::new(config), expires })
}

/// A connection, plain or not.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection that is ready to be served, with the place it takes until it ends.
pub struct Accepted {
    /// Its bytes.
    pub io: Box<dyn Io>,
    /// The client's address.
    pub peer: SocketAddr,
    /// Free again when this is dropped.
    pub place: Place,
}

/// A listener that hands over connections whose handshake is done.
pub struct SecureListener {
    ready: mpsc::Receiver<Accepted>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl SecureListener {
    /// The next connection; `None` when nothing comes any more.
    pub async fn accept(&mut self) -> Option<Accepted> {
        self.ready.recv().await
    }
}

/// What a client is told over plain HTTP for which there is no place.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
                          Content-Type: text/plain\r\nContent-Length: 39\r\n\r\ntoo many connections; try again in 5 s\n";

/// Serves connections of a bound socket; with `tls`, after a handshake. Each takes a place from its first byte on.
///
/// # Errors
/// The socket's address cannot be read.
pub fn listen(socket: TcpListener, tls: Option<Current>, places: Arc<Places>) -> io::Result<SecureListener> {
    let address = socket.local_addr()?;
    let (sender, ready) = mpsc::channel(64);
    let slots = Arc::new(Semaphore::new(HANDSHAKES));
    tokio::spawn(async move {
        // Ends when the receiver is dropped, which closes the socket.
        while !sender.is_closed() {
            let (stream, peer) = tokio::select! {
                () = sender.closed() => return,
                accepted = socket.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of descriptors, or a client that is gone already: others must still be served.
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
            };
            let Some(place) = places.take(peer.ip()) else {
                if tls.is_none() {
                    // As far as it goes without waiting.
                    let _ = stream.try_write(NO_PLACE);
                }
                continue;
            };
            // Answers are small and awaited.
            let _ = stream.set_nodelay(true);
            match &tls {
                None => {
                    let _ = sender.send(Accepted { io: Box::new(stream), peer, place }).await;
                }
                Some(current) => {
                    // Too many handshakes under way: the newcomer is let go, so that nobody waits for the slow ones.
                    let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { continue };
                    let acceptor = TlsAcceptor::from(Arc::clone(&current.load().config));
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        if let Some(io) = handshake(acceptor, stream, peer).await {
                            let _ = sender.send(Accepted { io, peer, place }).await;
                        }
                        drop(slot);
                    });
                }
            }
        }
    });
    Ok(SecureListener { ready, address })
}

async fn handshake(acceptor: TlsAcceptor, stream: TcpStream, peer: SocketAddr) -> Option<Box<dyn Io>> {
    match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "TLS handshake refused");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "TLS handshake took too long");
            None
        }
    }
}
