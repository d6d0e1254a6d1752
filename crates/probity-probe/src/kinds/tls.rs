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
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{
    CipherSuite, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
};

use self::hello::Answer;
use crate::connect::trust::{self, Roots};
use crate::connect::{self, Conversation, Fault, starttls};
use crate::look::{Context, Look, Seen, elapsed_ms, random};

/// The facts about versions, with the version on the wire.
const VERSIONS: [(&str, u16); 4] =
    [("tls_1_0", 0x0301), ("tls_1_1", 0x0302), ("tls_1_2", 0x0303), ("tls_1_3", 0x0304)];

impl Look for Tls {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let mut seen = Seen::default();
        let conversation = Conversation::default();
        let greeted = greet(self, &conversation, &mut seen);
        match context.in_time(greeted).await {
            Ok(server) => {
                see(&server, context, &mut seen).await;
                seen.know("elapsed_ms", elapsed_ms(context.began.elapsed()));
            }
            Err(fault) => conversation.end(fault, context, &mut seen),
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
async fn greet<'a>(tls: &'a Tls, conversation: &Conversation, seen: &mut Seen) -> Result<Server<'a>, Fault> {
    let (host, port) = connect::host_and_port(&tls.tls)?;
    let name = connect::tls::server_name(tls.server_name.as_deref().unwrap_or(host))?;
    let files = connect::tls::Files {
        ca: tls.ca.as_deref(),
        certificate: tls.client_certificate.as_deref(),
        key: tls.client_key.as_deref(),
    };
    let identity = files.identity().await?;
    let addresses = connect::resolve(host, port).await?;
    let began = Instant::now();
    conversation.call();
    let stream = connect::tcp(&addresses).await?;
    let address = stream.peer_addr().map_err(|e| Fault::of_io("connect", &e))?;
    seen.know("connect_ms", elapsed_ms(began.elapsed()));
    let mut stream = conversation.listen(stream);
    match tls.starttls {
        Some(protocol) => {
            let offered = starttls::begin(protocol, &mut stream).await?;
            seen.know("starttls", offered);
            if !offered {
                return Err(Fault::nonsense("the server does not offer to go on in TLS"));
            }
        }
        None => {
            let why = "TLS begins with the first byte; `starttls: smtp` asks for it";
            seen.block("starttls", Blocked::new(Barrier::NotMade, why));
        }
    }
    let began = Instant::now();
    let greeting = shake_hands(stream, &name, identity).await?;
    seen.know("handshake_ms", elapsed_ms(began.elapsed())).know("connected", true).know("answered", true);
    Ok(Server { tls, address, name, greeting })
}

async fn see(server: &Server<'_>, context: &Context<'_>, seen: &mut Seen) {
    let greeting = &server.greeting;
    seen.know("alert", greeting.end.as_ref().map_or_else(ToString::to_string, |()| String::new()));
    let wanted = VERSIONS.iter().any(|(fact, _)| context.wants(fact));
    let offered =
        if wanted || greeting.version.is_none() { offer_each(server, context).await } else { Vec::new() };
    seen.settle("completed", completed(greeting, &offered));

    // The newest version that an older client gets in with, where a current one does not.
    let fallback = offered.iter().rev().find_map(|(wire, answer)| match answer {
        Ok(Answer::Hello { version, suite, certificates }) if version == wire => {
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
        see_versions(greeting, &offered, seen);
    }
    if !chain.is_empty() {
        certificate::see(chain, context.secrets, seen);
        see_trust(server, chain, seen).await;
    }
    let why = match &greeting.end {
        Err(error) => Blocked::new(Barrier::Unsupported, format!("the handshake ended: {error}")),
        Ok(()) => Blocked::new(Barrier::Unsupported, "the handshake did not say"),
    };
    seen.block_rest(why);
}

/// What the server says to a hello of this version alone.
type Offered = (u16, Result<Answer, Blocked>);

/// Whether a current client gets in. Where this one does not, although the server takes a version and suite that are current,
/// it lacks the suite, group or signature that the server wants, and another might have it.
fn completed(greeting: &Greeting, offered: &[Offered]) -> Result<bool, Blocked> {
    let current = |(_, answer): &Offered| match answer {
        Ok(Answer::Hello { version, suite, .. }) => hello::is_current(*version, *suite),
        _ => false,
    };
    match &greeting.end {
        Ok(()) => Ok(true),
        Err(error) if greeting.version.is_none() && offered.iter().any(current) => Err(Blocked::new(
            Barrier::Unsupported,
            format!("{error}: the server wants a suite, group or signature that this client does not have"),
        )),
        // More than is read, or what cannot be computed: a current client may get in.
        Err(error) => match connect::tls::fault_of(error, greeting.version.is_some()) {
            Fault::Observer(blocked) if greeting.version.is_some() => Err(blocked),
            _ => Ok(false),
        },
    }
}

/// What the server says to a hello of each version alone, oldest first.
async fn offer_each(server: &Server<'_>, context: &Context<'_>) -> Vec<Offered> {
    let name = match &server.name {
        ServerName::DnsName(name) => Some(name.as_ref()),
        _ => None,
    };
    let offer = async |version: u16| {
        let asked = async {
            let mut stream = connect::tcp(&[server.address]).await?;
            if let Some(protocol) = server.tls.starttls
                && !starttls::begin(protocol, &mut stream).await?
            {
                return Err(Fault::nonsense("the server does not offer to go on in TLS again"));
            }
            hello::offer(stream, version, name, random()?).await
        };
        let answer: Result<_, Fault> = context.in_time(asked).await;
        (version, answer.map_err(|fault| fault.blocked().clone()))
    };
    let (a, b, c, d) = tokio::join!(offer(0x0301), offer(0x0302), offer(0x0303), offer(0x0304));
    vec![a, b, c, d]
}

/// Which versions the server accepts. That it does not accept one counts only if it accepts another: otherwise nothing
/// shows that it is the version which it does not like.
fn see_versions(greeting: &Greeting, offered: &[Offered], seen: &mut Seen) {
    let negotiated = greeting.version.map(u16::from);
    let accepts = |wire: u16, answer: &Result<Answer, Blocked>| match answer {
        _ if negotiated == Some(wire) => Ok(true),
        // A server that was offered one version may answer with an older one.
        Ok(Answer::Hello { version, .. }) => Ok(*version == wire),
        Ok(Answer::Alert) => Ok(false),
        Err(blocked) => Err(blocked.clone()),
    };
    let answers: Vec<_> = offered.iter().map(|(wire, answer)| (*wire, accepts(*wire, answer))).collect();
    let control = negotiated.is_some() || answers.iter().any(|(_, accepted)| *accepted == Ok(true));
    for (fact, wire) in VERSIONS {
        let accepted = match answers.iter().find(|(asked, _)| *asked == wire) {
            Some((_, Ok(false))) if !control => {
                Err(Blocked::new(Barrier::Protocol, "the server accepts no version, so nothing shows why"))
            }
            Some((_, accepted)) => accepted.clone(),
            None => continue,
        };
        seen.settle(fact, accepted);
    }
}

async fn see_trust(server: &Server<'_>, chain: &[Vec<u8>], seen: &mut Seen) {
    let chain: Vec<CertificateDer<'_>> =
        chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    if let Some(first) = chain.first() {
        seen.settle("name_matches", trust::is_for(first, &server.name));
    }
    let judged = Roots::load(server.tls.ca.as_deref()).await.and_then(|roots| roots.judge(&chain));
    let trusted = match judged {
        Ok(error) if error.is_empty() => proven(&server.greeting, &chain),
        judged => judged,
    };
    match trusted {
        Ok(error) => seen.know("trusted", error.is_empty()).know("trust_error", error),
        Err(blocked) => seen.block("trusted", blocked.clone()).block("trust_error", blocked),
    };
}

/// Whether the server showed that it holds the key of its certificate: without it, anybody may send somebody else's. Empty if
/// it did, else why not.
fn proven(greeting: &Greeting, chain: &[CertificateDer<'_>]) -> trust::Trust {
    let first: &[u8] = chain.first().map_or(&[], |first| first.as_ref());
    match greeting {
        Greeting { unproven: Some(error), .. } if trust::is_unverifiable(error, first) => {
            Err(trust::cannot_tell(error))
        }
        Greeting { unproven: Some(error), .. } => {
            Ok(format!("the server does not show that it holds the certificate's key: {error}"))
        }
        Greeting { version: None, .. } => Err(Blocked::new(
            Barrier::Unsupported,
            "another client gets in and this one does not, so it was not seen that the server holds the certificate's key",
        )),
        _ => Ok(String::new()),
    }
}

/// Shakes hands as a current client. An answer in TLS is a greeting, however it ended.
async fn shake_hands<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    name: &ServerName<'static>,
    identity: Option<Arc<dyn ResolvesClientCert>>,
) -> Result<Greeting, Fault> {
    let setup = |error: &Error| Blocked::new(Barrier::Unsupported, format!("TLS: {error}"));
    let broken = |error: std::io::Error| Fault::of_io("TLS handshake", &error);
    let witness = Arc::new(Witness::new(&trust::provider(), identity));
    let config = trust::client(witness.clone())?.with_client_cert_resolver(witness.clone());
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
            return Err(Fault::nonsense("the server closed the connection during the TLS handshake"));
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
        return Err(Fault::nonsense(format!("not TLS: {error}")));
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
    identity: Option<Arc<dyn ResolvesClientCert>>,
}

impl Witness {
    fn new(provider: &CryptoProvider, identity: Option<Arc<dyn ResolvesClientCert>>) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            seen: Mutex::default(),
            asked: AtomicBool::new(false),
            identity,
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
    /// Called when the server asks for the client's certificate.
    fn resolve(&self, hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.identity.as_ref()?.resolve(hints, schemes)
    }
    fn has_certs(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.has_certs())
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
