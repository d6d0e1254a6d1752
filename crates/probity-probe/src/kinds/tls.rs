//! `tls`: shakes hands as a current client, trusting nobody and everybody; asks for each version when a claim wants to
//! know.

mod certificate;
mod hello;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use probity_plan::kinds::tls::Tls;
use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion,
    SignatureScheme, SupportedProtocolVersion, version,
};

use self::hello::Answer;
use crate::connect;
use crate::look::{Context, Look, Seen, barrier_of, elapsed_ms, unanswered};

/// The facts about versions, with the version on the wire.
const VERSIONS: [(&str, u16); 4] =
    [("tls_1_0", 0x0301), ("tls_1_1", 0x0302), ("tls_1_2", 0x0303), ("tls_1_3", 0x0304)];

impl Look for Tls {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        let done = tokio::time::timeout_at(context.deadline(), greet(self, &mut seen)).await;
        let finished = match done.unwrap_or_else(|_| Err(context.timed_out())) {
            Ok(server) => see(&server, context, &mut seen).await,
            Err(blocked) => Err(blocked),
        };
        match finished {
            Ok(()) => _ = seen.know("elapsed_ms", elapsed_ms(context.began.elapsed())),
            Err(blocked) => unanswered(&mut seen, blocked, context),
        }
        seen
    }
}

/// A server that answered in TLS.
struct Server<'a> {
    tls: &'a Tls,
    address: SocketAddr,
    name: ServerName<'static>,
    greeting: Greeting,
}

/// The first handshake.
struct Greeting {
    /// What became of it.
    end: Result<(), Error>,
    /// Version, suite and group, if it got so far.
    version: Option<ProtocolVersion>,
    suite: Option<CipherSuite>,
    group: Option<String>,
    chain: Vec<Vec<u8>>,
    /// Why the server's signature does not show that it holds the certificate's key.
    unproven: Option<Error>,
    /// Whether the server asked who we are.
    asked: bool,
}

/// Shakes hands as a current client does.
async fn greet<'a>(tls: &'a Tls, seen: &mut Seen) -> Result<Server<'a>, Blocked> {
    let (host, port) = connect::host_and_port(&tls.tls)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let asked = tls.server_name.as_deref().unwrap_or(bare).to_owned();
    let name = ServerName::try_from(asked.clone())
        .map_err(|e| Blocked::new(Barrier::Unsupported, format!("server name `{asked}`: {e}")))?;
    let addresses = connect::resolve(host, port).await?;
    let began = Instant::now();
    let stream = connect::tcp(&addresses).await?;
    let address = stream.peer_addr().map_err(|e| barrier_of("connect", &e))?;
    seen.know("connect_ms", elapsed_ms(began.elapsed()));
    let began = Instant::now();
    let greeting = shake_hands(stream, &name, &[&version::TLS13, &version::TLS12]).await?;
    seen.know("handshake_ms", elapsed_ms(began.elapsed())).know("answered", true);
    Ok(Server { tls, address, name, greeting })
}

async fn see(server: &Server<'_>, context: &Context<'_>, seen: &mut Seen) -> Result<(), Blocked> {
    let greeting = &server.greeting;
    seen.know("completed", greeting.end.is_ok())
        .know("alert", greeting.end.as_ref().map_or_else(ToString::to_string, |()| String::new()));
    let wanted = VERSIONS.iter().any(|(fact, _)| context.wants(fact));
    let old =
        if wanted || greeting.version.is_none() { offer_each(server, context).await } else { Vec::new() };

    // The newest version that an older client gets in with, where a current one does not.
    let fallback = old.iter().rev().find_map(|(offered, answer)| match answer {
        Ok(Answer::Hello { version, suite, certificates }) if version == offered => {
            Some((*version, *suite, certificates))
        }
        _ => None,
    });
    let chain = match (greeting.version, fallback) {
        (Some(version), _) => {
            seen.know("version", version_name(version.into()));
            if let Some(suite) = greeting.suite {
                seen.know("suite", suite_name(suite));
            }
            if let Some(group) = &greeting.group {
                seen.know("group", group.as_str());
            }
            // Asked in what follows the certificates.
            if !greeting.chain.is_empty() {
                seen.know("asks_client", greeting.asked);
            }
            &greeting.chain
        }
        (None, Some((version, suite, certificates))) => {
            seen.know("version", version_name(version)).know("suite", hello::suite_name(suite));
            certificates
        }
        (None, None) => &greeting.chain,
    };
    if wanted {
        see_versions(server, &old, context, seen).await;
    }
    if !chain.is_empty() {
        certificate::see(chain, context.secrets, seen);
        see_trust(server, chain, seen);
    }
    let why = match &greeting.end {
        Err(error) => Blocked::new(Barrier::Unsupported, format!("the handshake ended: {error}")),
        Ok(()) => Blocked::new(Barrier::Unsupported, "the handshake did not say"),
    };
    seen.block_rest(why);
    Ok(())
}

/// What the server says to a hello of each old version alone, oldest first.
async fn offer_each(server: &Server<'_>, context: &Context<'_>) -> Vec<(u16, Result<Answer, Blocked>)> {
    let name = match &server.name {
        ServerName::DnsName(name) => Some(name.as_ref()),
        _ => None,
    };
    let offer = async |version: u16| {
        let asked = async {
            let mut random = [0; 32];
            getrandom::getrandom(&mut random)
                .map_err(|e| Blocked::new(Barrier::ToolMissing, format!("random bytes: {e}")))?;
            hello::offer(connect::tcp(&[server.address]).await?, version, name, random).await
        };
        let answer = tokio::time::timeout_at(context.deadline(), asked).await;
        (version, answer.unwrap_or_else(|_| Err(context.timed_out())))
    };
    let (a, b, c) = tokio::join!(offer(0x0301), offer(0x0302), offer(0x0303));
    vec![a, b, c]
}

/// Which versions the server accepts. That it does not accept one counts only if it accepts another: otherwise nothing
/// shows that it is the version which it does not like.
async fn see_versions(
    server: &Server<'_>,
    old: &[(u16, Result<Answer, Blocked>)],
    context: &Context<'_>,
    seen: &mut Seen,
) {
    let newest = async {
        let stream = connect::tcp(&[server.address]).await?;
        Ok(shake_hands(stream, &server.name, &[&version::TLS13]).await?.version.is_some())
    };
    let newest = tokio::time::timeout_at(context.deadline(), newest).await;
    let newest: Result<bool, Blocked> = newest.unwrap_or_else(|_| Err(context.timed_out()));
    let accepts = |wire: u16| -> Result<bool, Blocked> {
        match old.iter().find(|(offered, _)| *offered == wire) {
            // A server that was offered one version may answer with an older one.
            Some((_, Ok(Answer::Hello { version, .. }))) => Ok(*version == wire),
            Some((_, Ok(Answer::Alert))) => Ok(false),
            Some((_, Err(blocked))) => Err(blocked.clone()),
            None => newest.clone(),
        }
    };
    let control =
        server.greeting.version.is_some() || VERSIONS.iter().any(|(_, wire)| accepts(*wire) == Ok(true));
    for (fact, wire) in VERSIONS {
        let accepted = match accepts(wire) {
            Ok(false) if !control => {
                Err(Blocked::new(Barrier::Protocol, "the server accepts no version, so nothing shows why"))
            }
            other => other,
        };
        seen.settle(fact, accepted);
    }
}

fn see_trust(server: &Server<'_>, chain: &[Vec<u8>], seen: &mut Seen) {
    let roots = match &server.tls.ca {
        Some(path) => connect::roots_from(path),
        None => connect::system_roots(),
    };
    let (trusted, name) = match &roots {
        Ok(roots) => certificate::judge(chain, roots, &server.name),
        Err(_) => certificate::judge(chain, &tokio_rustls::rustls::RootCertStore::empty(), &server.name),
    };
    let unreadable = |error: &Error| Blocked::new(Barrier::Unsupported, format!("the certificate: {error}"));
    seen.settle("name_matches", name.map_err(|error| unreadable(&error)));
    // Whoever does not hold the key may send the certificates of somebody else.
    let trusted = match (roots, &server.greeting) {
        (Err(blocked), _) => Err(blocked),
        (Ok(_), Greeting { unproven: Some(error), .. }) => {
            Ok(Some(format!("the server does not show that it holds the certificate's key: {error}")))
        }
        (Ok(_), Greeting { version: None, .. }) => Err(Blocked::new(
            Barrier::Unsupported,
            "only an older client gets in, so it was not seen that the server holds the certificate's key",
        )),
        (Ok(_), _) => Ok(trusted.err().map(|error| error.to_string())),
    };
    match trusted {
        Ok(error) => seen.know("trusted", error.is_none()).know("trust_error", error.unwrap_or_default()),
        Err(blocked) => seen.block("trusted", blocked.clone()).block("trust_error", blocked),
    };
}

/// Shakes hands with these versions. An answer in TLS is a greeting, however it ended.
async fn shake_hands(
    mut stream: TcpStream,
    name: &ServerName<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<Greeting, Blocked> {
    let setup = |error: &Error| Blocked::new(Barrier::Unsupported, format!("TLS: {error}"));
    let broken = |error: std::io::Error| barrier_of("TLS handshake", &error);
    let provider = Arc::new(crypto::ring::default_provider());
    let witness = Arc::new(Witness::new(&provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| setup(&e))?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_client_cert_resolver(witness.clone());
    let mut client = ClientConnection::new(Arc::new(config), name.clone()).map_err(|e| setup(&e))?;
    let mut buffer = vec![0; 16 << 10];
    let end = 'handshake: loop {
        let mut out = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut out).map_err(broken)?;
        }
        stream.write_all(&out).await.map_err(broken)?;
        if !client.is_handshaking() {
            break Ok(());
        }
        let n = stream.read(&mut buffer).await.map_err(broken)?;
        let mut arrived = buffer.get(..n).unwrap_or_default();
        if arrived.is_empty() {
            return Err(Blocked::new(
                Barrier::Protocol,
                "the server closed the connection during the TLS handshake",
            ));
        }
        while !arrived.is_empty() {
            client.read_tls(&mut arrived).map_err(broken)?;
            if let Err(error) = client.process_new_packets() {
                break 'handshake Err(error);
            }
        }
    };
    let spoke = matches!(&end, Ok(()) | Err(Error::AlertReceived(_) | Error::PeerIncompatible(_)))
        || client.protocol_version().is_some();
    if let (Err(error), false) = (&end, spoke) {
        return Err(Blocked::new(Barrier::Protocol, format!("not TLS: {error}")));
    }
    Ok(Greeting {
        version: client.protocol_version(),
        suite: client.negotiated_cipher_suite().map(|suite| suite.suite()),
        group: client.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
        chain: witness.chain(),
        unproven: witness.unproven(),
        asked: witness.asked.load(Ordering::Relaxed),
        end,
    })
}

/// Looks at certificates and signatures and lets everything pass, so that a bad one is seen rather than refused.
#[derive(Debug)]
struct Witness {
    algorithms: WebPkiSupportedAlgorithms,
    seen: Mutex<(Vec<Vec<u8>>, Option<Error>)>,
    asked: AtomicBool,
}

impl Witness {
    fn new(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            seen: Mutex::default(),
            asked: AtomicBool::new(false),
        }
    }
    fn chain(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }
    fn unproven(&self) -> Option<Error> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
    fn note(&self, valid: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1 = valid.err();
        Ok(HandshakeSignatureValid::assertion())
    }
}

impl ResolvesClientCert for Witness {
    /// Called when the server asks for the client's certificate; there is none to give.
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }
    fn has_certs(&self) -> bool {
        false
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = [end_entity].into_iter().chain(intermediates).map(|der| der.to_vec()).collect();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).0 = chain;
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms))
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms))
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The name of a version on the wire, as OpenSSL writes it.
fn version_name(wire: u16) -> String {
    match wire {
        0x0300 => "SSLv3".to_owned(),
        0x0301 => "TLSv1.0".to_owned(),
        0x0302 => "TLSv1.1".to_owned(),
        0x0303 => "TLSv1.2".to_owned(),
        0x0304 => "TLSv1.3".to_owned(),
        other => format!("{other:#06x}"),
    }
}

/// The IANA name of a suite; rustls marks those of 1.3 with the version.
fn suite_name(suite: CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}
