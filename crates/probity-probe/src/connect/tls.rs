//! TLS as a client that speaks only to a server it can trust. What it saw on the way is recorded: `tls`, `trusted`,
//! `trust_error`.

use std::sync::{Arc, OnceLock};

use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, Error, InvalidMessage, SignatureScheme,
};

use super::conversation::Fault;
use super::trust::{self, Roots, Trust};
use crate::look::Seen;

/// The files that a probe's parameters name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Files<'a> {
    /// Whom to trust instead of the system's authorities.
    pub ca: Option<&'a str>,
    /// Our own certificate with its chain.
    pub certificate: Option<&'a str>,
    /// Its key; without it, the same file holds both.
    pub key: Option<&'a str>,
}

impl Files<'_> {
    /// Who we are, if the plan says so.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub async fn identity(&self) -> Result<Option<Arc<dyn ResolvesClientCert>>, Blocked> {
        match (self.certificate, self.key) {
            (Some(certificate), key) => {
                trust::identity(certificate, key.unwrap_or(certificate)).await.map(Some)
            }
            (None, Some(_)) => Err(Blocked::new(
                Barrier::Unsupported,
                "`client_key` without `client_certificate`; name both files",
            )),
            (None, None) => Ok(None),
        }
    }
}

/// A client for one server.
pub struct Client {
    name: ServerName<'static>,
    roots: Result<Roots, Blocked>,
    identity: Option<Arc<dyn ResolvesClientCert>>,
    alpn: Vec<Vec<u8>>,
    /// Whether the certificate must be for the server's name.
    pub checks_name: bool,
    /// Whether it speaks only to a server that is to be trusted; else it says only whether it is.
    insists: bool,
}

impl Client {
    /// Reads what it needs, before anybody is called.
    ///
    /// # Errors
    /// What is wrong with the files or the name.
    pub async fn load(host: &str, files: &Files<'_>, alpn: &[&str]) -> Result<Self, Blocked> {
        let client = Self::load_trusting(host, files, alpn).await?;
        client.roots.as_ref().map_err(Clone::clone)?;
        Ok(Self { insists: true, ..client })
    }

    /// The same of a client that speaks to any server, as what is asked for is TLS and no more.
    ///
    /// # Errors
    /// What is wrong with our own certificate or the name.
    pub async fn load_trusting(host: &str, files: &Files<'_>, alpn: &[&str]) -> Result<Self, Blocked> {
        Ok(Self {
            name: server_name(host)?,
            roots: Roots::load(files.ca).await,
            identity: files.identity().await?,
            alpn: alpn.iter().map(|name| name.as_bytes().to_vec()).collect(),
            checks_name: true,
            insists: false,
        })
    }

    /// Shakes hands, and records what was seen of it.
    ///
    /// # Errors
    /// The target's fault where its certificate does not verify, ours where that cannot be told.
    pub async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        seen: &mut Seen,
    ) -> Result<TlsStream<S>, Fault> {
        let name = self.checks_name.then(|| self.name.clone());
        let verifier = Arc::new(Verifier {
            roots: self.roots.clone(),
            insists: self.insists,
            name,
            trust: OnceLock::new(),
            first: OnceLock::new(),
            unproven: OnceLock::new(),
        });
        let config = trust::client(verifier.clone())?;
        let mut config = match &self.identity {
            Some(identity) => config.with_client_cert_resolver(identity.clone()),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.alpn);
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let done = connector.connect(self.name.clone(), stream).await;
        if let Some(trust) = verifier.trust.get() {
            seen.know("tls", true);
            let trust = match (trust.clone(), verifier.unproven.get()) {
                (Ok(why), Some(error)) if why.is_empty() => Err(trust::cannot_tell(error)),
                (trust, _) => trust,
            };
            match &trust {
                Ok(why) => {
                    seen.know("trusted", why.is_empty()).know("trust_error", why.as_str());
                    if !why.is_empty() && self.insists {
                        return Err(Fault::nonsense(format!("the server's certificate: {why}")));
                    }
                }
                Err(blocked) => {
                    seen.block("trusted", blocked.clone()).block("trust_error", blocked.clone());
                    if self.insists {
                        return Err(Fault::Observer(blocked.clone()));
                    }
                }
            }
        }
        done.map_err(|error| {
            let certified = verifier.trust.get().is_some();
            let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
            let fault = match cause {
                Some(error) if verifier.is_unverifiable(error) => Fault::Observer(trust::cannot_tell(error)),
                // It showed a certificate of which it does not hold the key.
                Some(error @ Error::InvalidCertificate(CertificateError::BadSignature)) if certified => {
                    seen.know("trusted", false).know("trust_error", error.to_string());
                    Fault::nonsense(format!("the server's certificate: {error}"))
                }
                Some(error) => fault_of(error, certified),
                None => Fault::of_io("TLS handshake", &error),
            };
            if let (Fault::Target(_), false) = (&fault, certified) {
                seen.know("tls", false);
            }
            fault
        })
    }
}

/// The facts that a handshake yields.
pub const FACTS: [&str; 3] = ["tls", "trusted", "trust_error"];

/// There is no handshake to tell of.
pub fn not_spoken(seen: &mut Seen) {
    for fact in FACTS {
        seen.block(fact, Blocked::new(Barrier::Unsupported, "the probe does not speak TLS"));
    }
}

/// A host as the name of a TLS server.
///
/// # Errors
/// `unsupported` if it cannot be one.
pub fn server_name(host: &str) -> Result<ServerName<'static>, Blocked> {
    let bare = super::ascii_host(super::without_brackets(host))?.into_owned();
    ServerName::try_from(bare)
        .map_err(|e| Blocked::new(Barrier::Unsupported, format!("server name `{host}`: {e}")))
}

/// At whose door a failed handshake lies. That nothing is common to both says nothing bad of the server as long as it has
/// not shown its certificate: it may want what this client does not have.
pub fn fault_of(error: &Error, certified: bool) -> Fault {
    use AlertDescription as Alert;
    let detail = format!("TLS handshake: {error}");
    match error {
        Error::InvalidCertificate(_) if trust::is_own_limit(error) => {
            Fault::Observer(trust::cannot_tell(error))
        }
        Error::PeerIncompatible(_) => Fault::Observer(Blocked::new(Barrier::Unsupported, detail)),
        Error::AlertReceived(
            Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity,
        ) if !certified => Fault::Observer(Blocked::new(
            Barrier::Unsupported,
            format!("{detail}; the server may want a version, group or suite that this client does not have"),
        )),
        Error::InvalidMessage(
            InvalidMessage::CertificatePayloadTooLarge | InvalidMessage::HandshakePayloadTooLarge,
        ) => Fault::Observer(Blocked::new(Barrier::TooLarge, detail)),
        Error::AlertReceived(_)
        | Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::NoCertificatesPresented
        | Error::InvalidCertificate(_)
        | Error::DecryptError
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord
        | Error::NoApplicationProtocol => Fault::nonsense(detail),
        _ => Fault::Observer(Blocked::new(Barrier::Unsupported, detail)),
    }
}

/// Keeps what it thinks of the chain, since rustls' error says less.
#[derive(Debug)]
struct Verifier {
    roots: Result<Roots, Blocked>,
    insists: bool,
    /// The name that the certificate must be for; any without it.
    name: Option<ServerName<'static>>,
    trust: OnceLock<Trust>,
    /// The server's own certificate.
    first: OnceLock<Vec<u8>>,
    /// Why it cannot be told whether the server holds its key, where that does not matter.
    unproven: OnceLock<Error>,
}

impl Verifier {
    /// Whether a signature by the server cannot be verified here at all.
    fn is_unverifiable(&self, error: &Error) -> bool {
        self.first.get().is_some_and(|first| trust::is_unverifiable(error, first))
    }

    /// Lets a signature pass that cannot be verified here, where anybody is spoken to.
    fn accept(
        &self,
        valid: Result<HandshakeSignatureValid, Error>,
    ) -> Result<HandshakeSignatureValid, Error> {
        valid.or_else(|error| match error {
            Error::InvalidCertificate(_) if !self.insists && self.is_unverifiable(&error) => {
                _ = self.unproven.set(error);
                Ok(HandshakeSignatureValid::assertion())
            }
            error => Err(error),
        })
    }

    fn judge(&self, chain: &[CertificateDer<'_>]) -> Trust {
        let why = self.roots.as_ref().map_err(Clone::clone)?.judge(chain)?;
        match (&self.name, chain.first()) {
            (Some(name), Some(first)) if why.is_empty() && !trust::is_for(first, name)? => {
                Ok(format!("it is not for {}", name.to_str()))
            }
            _ => Ok(why),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        first: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        _ = self.first.set(first.to_vec());
        let chain: Vec<_> = [first].into_iter().chain(rest).cloned().collect();
        match self.trust.get_or_init(|| self.judge(&chain)) {
            _ if !self.insists => Ok(ServerCertVerified::assertion()),
            Ok(why) if why.is_empty() => Ok(ServerCertVerified::assertion()),
            _ => Err(CertificateError::ApplicationVerificationFailure.into()),
        }
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = trust::provider().signature_verification_algorithms;
        self.accept(verify_tls12_signature(message, certificate, signed, &algorithms))
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = trust::provider().signature_verification_algorithms;
        self.accept(verify_tls13_signature(message, certificate, signed, &algorithms))
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        trust::provider().signature_verification_algorithms.supported_schemes()
    }
}
