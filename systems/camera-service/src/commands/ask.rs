//! One question to the health listener: plain, or over TLS with exactly the certificate that the configuration names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use camera_config::Config;
use hyper::StatusCode;
use hyper::body::Bytes;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{self, ClientConfig, DigitallySignedStruct, SignatureScheme};

use crate::exchange;
use crate::web::tls::{Io, fault_of_pem};

/// How long a connection may take, and then the answer.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// Nobody listens there.
    #[error("nobody answers at {0}: {1}")]
    Nobody(SocketAddr, String),
    /// Somebody does, but not as the service would.
    #[error("{0} does not answer as the camera service does: {1}")]
    Other(SocketAddr, String),
    /// We cannot even ask.
    #[error("{0}")]
    Unable(String),
}

/// The health listener, seen from this machine.
pub(super) fn address(config: &Config) -> SocketAddr {
    let mut address = config.server.health;
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Asks for a path of the health listener; status and body.
pub(super) fn get(config: &Config, path: &str) -> Result<(StatusCode, Bytes), AskError> {
    let unable = |error: std::io::Error| AskError::Unable(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unable)?;
    runtime.block_on(ask(config, path))
}

async fn ask(config: &Config, path: &str) -> Result<(StatusCode, Bytes), AskError> {
    let address = address(config);
    let stream = match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(AskError::Nobody(address, error.to_string())),
        Err(_) => return Err(AskError::Nobody(address, "no connection within 2 s".into())),
    };
    let other = |why: String| AskError::Other(address, why);
    let answer = async {
        let stream: Box<dyn Io> = match &config.server.tls {
            None => Box::new(stream),
            Some(tls) => {
                let connector = TlsConnector::from(Arc::new(pinned(&tls.certificate)?));
                let name = ServerName::from(address.ip());
                let secure =
                    connector.connect(name, stream).await.map_err(|error| other(format!("TLS: {error}")))?;
                Box::new(secure)
            }
        };
        let answer = exchange::get(stream, &address.to_string(), path, MAX_LENGTH).await;
        answer.map_err(|error| other(error.to_string()))
    };
    timeout(ANSWER, answer).await.unwrap_or_else(|_| Err(other("no whole answer within 5 s".into())))
}

fn pinned(certificate: &std::path::Path) -> Result<ClientConfig, AskError> {
    let unable =
        |error: &dyn std::fmt::Display| AskError::Unable(format!("{}: {error}", certificate.display()));
    let expected =
        CertificateDer::from_pem_file(certificate).map_err(|error| unable(&fault_of_pem(&error)))?;
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unable(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { expected, provider }))
        .with_no_client_auth();
    Ok(config)
}

/// Trusts one certificate, whoever issued it and whatever name is in it: that of the configuration.
#[derive(Debug)]
struct Pinned {
    expected: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *shown == self.expected {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::General("it shows another certificate than server.tls.certificate names".into()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
