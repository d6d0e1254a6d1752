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
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::ring};
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::proxies::Proxies;
use crate::places::{Place, Places};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Connections of trusted proxies that have not said yet for whom they are.
const INTRODUCTIONS: usize = 1024;

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

impl TlsFiles {
    /// Those of the configuration, if it has TLS.
    #[must_use]
    pub fn of(config: &camera_config::Config) -> Option<Self> {
        config.server.tls.as_ref().map(|tls| TlsFiles {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
            client_ca: tls.client_ca.clone(),
        })
    }
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
    /// The names that its certificate is for.
    pub names: Vec<String>,
}

/// What connections are served with from now on; swapped when the files change.
pub type Current = Arc<ArcSwap<Served>>;

/// What is wrong with a file in PEM, without a word of it: the parser's own text repeats lines of what may be a private key.
pub fn fault_of_pem(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "there is no such block in it".into(),
        _ => "it is broken: `-----BEGIN ...-----` and `-----END ...-----` each take a line of their own, with base64 between them".into(),
    }
}

/// Reads the files.
///
/// # Errors
/// A file that is not there or holds something else, or a key that is not the certificate's.
pub fn read(files: &TlsFiles) -> Result<Served, TlsError> {
    let bad = |path: &Path, what, why: String| TlsError::File { path: path.to_owned(), what, why };
    let chain = |path: &Path| -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let found = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| bad(path, "certificate in PEM", fault_of_pem(&error)))?;
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
        .map_err(|error| bad(&files.key, "private key in PEM", fault_of_pem(&error)))?;
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
    let own = certificates.first().and_then(|own| x509_cert::Certificate::from_der(own).ok());
    let expires = own
        .as_ref()
        .and_then(|own| {
            i64::try_from(own.tbs_certificate.validity.not_after.to_unix_duration().as_secs()).ok()
        })
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| bad(&files.certificate, "certificate", "its end of validity cannot be read".into()))?;
    let names = own.map(|own| names_of(&own)).unwrap_or_default();
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(|error| TlsError::Setup(format!("certificate and key do not fit together: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Served { config: Arc::new(config), expires, names })
}

/// The names of hosts that a certificate is for (RFC 5280, section 4.2.1.6).
fn names_of(certificate: &x509_cert::Certificate) -> Vec<String> {
    let Ok(Some((_, names))) = certificate.tbs_certificate.get::<SubjectAltName>() else { return Vec::new() };
    let names = names.0.iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_owned()),
        _ => None,
    });
    names.collect()
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

/// Serves connections of a bound socket; with `tls`, after a handshake. Each takes a newcomer's place from its first byte on; one that
/// somebody else gets is closed.
///
/// # Errors
/// The socket's address cannot be read.
pub fn listen(
    socket: TcpListener,
    tls: Option<Current>,
    places: Arc<Places>,
    proxies: Arc<Proxies>,
) -> io::Result<SecureListener> {
    let address = socket.local_addr()?;
    let (sender, ready) = mpsc::channel(64);
    let welcome =
        Arc::new(Welcome { tls, places, proxies, introductions: Semaphore::new(INTRODUCTIONS), sender });
    tokio::spawn(async move {
        // Ends when the receiver is dropped, which closes the socket.
        while !welcome.sender.is_closed() {
            let (stream, peer) = tokio::select! {
                () = welcome.sender.closed() => return,
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
            let welcome = Arc::clone(&welcome);
            if welcome.proxies.introduces(peer.ip()) {
                tokio::spawn(async move { welcome.introduced(stream, peer).await });
            } else {
                let place = welcome.place_of(peer);
                tokio::spawn(async move { welcome.receive(stream, peer, place).await });
            }
        }
    });
    Ok(SecureListener { ready, address })
}

/// What becomes of an accepted connection until it is served.
struct Welcome {
    tls: Option<Current>,
    places: Arc<Places>,
    proxies: Arc<Proxies>,
    introductions: Semaphore,
    sender: mpsc::Sender<Accepted>,
}

impl Welcome {
    fn place_of(&self, peer: SocketAddr) -> Place {
        if self.proxies.forwards(peer.ip()) {
            self.places.of_proxy(peer.ip())
        } else {
            self.places.enter(peer.ip())
        }
    }

    async fn introduced(&self, stream: TcpStream, proxy: SocketAddr) {
        let Ok(introduction) = self.introductions.try_acquire() else { return };
        match Proxies::introduced(stream, proxy).await {
            Ok((stream, client)) => {
                drop(introduction);
                let place = self.places.enter(client.ip());
                self.receive(stream, client, place).await;
            }
            Err(error) => tracing::debug!(%proxy, %error, "a proxy did not say for whom it connects"),
        }
    }

    async fn receive(&self, stream: impl Io + 'static, peer: SocketAddr, place: Place) {
        let io: Box<dyn Io> = match &self.tls {
            None => Box::new(stream),
            Some(current) => {
                let acceptor = TlsAcceptor::from(Arc::clone(&current.load().config));
                let done = tokio::select! {
                    done = timeout(HANDSHAKE, acceptor.accept(stream)) => done,
                    () = place.evicted() => return,
                };
                match done {
                    Ok(Ok(stream)) => Box::new(stream),
                    Ok(Err(error)) => return tracing::debug!(%peer, %error, "TLS handshake refused"),
                    Err(_) => return tracing::debug!(%peer, "TLS handshake took too long"),
                }
            }
        };
        // Nobody serves any more.
        let _ = self.sender.send(Accepted { io, peer, place }).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::fs::Permissions;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_key_is_told_without_a_byte_of_it() {
        let made = rcgen::generate_simple_self_signed(["camera.test".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
            client_ca: None,
        };
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        let key = made.signing_key.serialize_pem();
        let (one_line, literally) = (key.replace('\n', ""), key.replace('\n', "\\n"));
        for broken in [one_line, literally, key.replacen("-----END", "----END", 1), String::new()] {
            std::fs::write(&files.key, &broken).unwrap();
            std::fs::set_permissions(&files.key, Permissions::from_mode(0o600)).unwrap();
            let said = read(&files).err().unwrap().to_string();
            let bytes: Vec<String> = broken.bytes().map(|byte| byte.to_string()).collect();
            let shown = bytes.windows(3).any(|three| said.contains(&three.join(", ")));
            assert!(said.contains("key.pem") && !shown && said.len() < 400, "{said}");
        }
        std::fs::write(&files.key, key).unwrap();
        assert!(read(&files).is_ok());
    }
}
