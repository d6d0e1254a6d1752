//! Listeners: plain or TLS (rustls), whose certificate is read again when its file changes. A handshake that takes its time
//! keeps nobody else waiting.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};

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

/// What connections are served with from now on; swapped when the files change.
pub type Current = Arc<ArcSwap<ServerConfig>>;

/// Reads the files.
///
/// # Errors
/// A file that is not there or holds something else, or a key that is not the certificate's.
pub fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
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
    let mut config = builder
        .with_single_cert(chain(&files.certificate)?, key)
        .map_err(|error| TlsError::Setup(format!("certificate and key do not fit together: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A connection, plain or not.
pub trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A listener that hands over connections whose handshake is done.
pub struct SecureListener {
    ready: mpsc::Receiver<(Box<dyn Io>, SocketAddr)>,
    address: SocketAddr,
}

/// The client's address, as handlers see it.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, SecureListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, SecureListener>) -> Self {
        Peer(*stream.remote_addr())
    }
}

impl Listener for SecureListener {
    type Io = Box<dyn Io>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task is gone: nothing comes any more.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}

/// Serves connections of a bound socket; with `tls`, after a handshake.
///
/// # Errors
/// The socket's address cannot be read.
pub fn listen(socket: TcpListener, tls: Option<Current>) -> io::Result<SecureListener> {
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
            // Answers are small and awaited.
            let _ = stream.set_nodelay(true);
            match &tls {
                None => {
                    let _ = sender.send((Box::new(stream) as Box<dyn Io>, peer)).await;
                }
                Some(current) => {
                    let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                    let acceptor = TlsAcceptor::from(current.load_full());
                    let sender = sender.clone();
                    tokio::spawn(async move {
                        if let Some(stream) = handshake(acceptor, stream, peer).await {
                            let _ = sender.send((stream, peer)).await;
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
