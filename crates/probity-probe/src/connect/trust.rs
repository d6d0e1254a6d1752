//! Whom to trust and who we are: authorities, pinned certificates and our own, from their files; and whether a
//! server's chain is to be trusted, which is webpki's word.

use std::sync::{Arc, OnceLock};

use probity_plan::{Barrier, Blocked};
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::client::{
    ResolvesClientCert, WantsClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime,
};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, ConfigBuilder, Error, OtherError, RootCertStore, SignatureScheme,
};
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};
use x509_cert::certificate::{CertificateInner, Raw, Version};
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::{self as extension, BasicConstraints};

use super::p521;
use crate::look::{barrier_of, on_a_thread};

/// The longest file of certificates or keys that is read.
const MAX_PEM: u64 = 8 << 20;

/// Whom to trust.
#[derive(Clone, Debug)]
pub struct Roots {
    store: Arc<RootCertStore>,
    /// For each of them, how many certificates may stand between it and the server's.
    max_lengths: Arc<Vec<Option<u8>>>,
    /// The same certificates as they are: a server's own certificate among them is trusted as it stands.
    pinned: Arc<Vec<CertificateDer<'static>>>,
}

/// The system's.
static SYSTEM: OnceLock<Result<Roots, Blocked>> = OnceLock::new();

/// Why a chain is not to be trusted, empty if it is; or why that cannot be told.
pub type Trust = Result<String, Blocked>;

impl Roots {
    /// Those of this file (PEM), or the system's.
    ///
    /// # Errors
    /// What is wrong with the file or the system.
    pub async fn load(ca: Option<&str>) -> Result<Self, Blocked> {
        match ca.map(str::to_owned) {
            Some(path) => on_a_thread(move || Self::read(&path)).await,
            // Once read, they are there.
            None if SYSTEM.get().is_some() => Self::system(),
            None => on_a_thread(Self::system).await,
        }
    }

    fn read(path: &str) -> Result<Self, Blocked> {
        let pem = read_pem(path)?;
        let pinned = certificates(path, &pem)?;
        Self::of(pinned, |e| Err(wrong(path, &e)))
    }

    /// Those of these certificates that can vouch. `unread` says what is to be done with one that cannot be read.
    fn of(
        pinned: Vec<CertificateDer<'static>>,
        unread: impl Fn(Error) -> Result<(), Blocked>,
    ) -> Result<Self, Blocked> {
        let (mut store, mut max_lengths) = (RootCertStore::empty(), Vec::new());
        for certificate in pinned.iter().filter(|certificate| may_vouch(certificate)) {
            match store.add(certificate.clone()) {
                Ok(()) => max_lengths.push(max_length(certificate)),
                Err(error) => unread(error)?,
            }
        }
        Ok(Self { store: Arc::new(store), max_lengths: Arc::new(max_lengths), pinned: Arc::new(pinned) })
    }

    /// Read once.
    fn system() -> Result<Self, Blocked> {
        let load = || {
            let found = rustls_native_certs::load_native_certs().certs;
            let roots = Self::of(found, |_| Ok(()))?;
            if roots.store.is_empty() {
                return Err(Blocked::new(
                    Barrier::ToolMissing,
                    "the system has no trusted certificates (install ca-certificates)",
                ));
            }
            Ok(roots)
        };
        SYSTEM.get_or_init(load).clone()
    }

    /// Whether this chain, the server's certificate first, is to be trusted now; the name aside.
    pub fn judge(&self, chain: &[CertificateDer<'_>]) -> Trust {
        let Some((first, rest)) = chain.split_first() else {
            return Ok("no certificate was sent".to_owned());
        };
        if self.pinned.iter().any(|own| own.as_ref() == first.as_ref()) {
            return valid_now(first);
        }
        let algorithms = provider().signature_verification_algorithms.all;
        let signers: Vec<_> = rest.iter().filter(|sent| may_sign(sent).is_empty()).cloned().collect();
        let judged = ParsedCertificate::try_from(first).and_then(|parsed| {
            let now = UnixTime::now();
            verify_server_cert_signed_by_trust_anchor(&parsed, &self.store, &signers, now, algorithms)
        });
        match judged {
            Ok(()) if self.is_too_long(first, &signers) => Ok(Error::from(CertificateError::Other(
                OtherError(Arc::new(webpki::Error::PathLenConstraintViolated)),
            ))
            .to_string()),
            Ok(()) => may_serve(first),
            Err(error)
                if is_own_limit(&error)
                    || self.is_beyond_ring(&error, chain)
                    || self.is_from_an_authority_to_one(&error, chain) =>
            {
                Err(cannot_tell(&error))
            }
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                let authorities = self.authorities(chain).into_iter().map(|(der, _)| der);
                let cannot = authorities
                    .flat_map(|der| [valid_now(der).unwrap_or_default(), is_authority(der).to_owned()]);
                let mut cannot = cannot.chain(rest.iter().map(|der| may_sign(der).to_owned()));
                Ok(cannot.find(|why| !why.is_empty()).map_or_else(
                    || Error::from(CertificateError::UnknownIssuer).to_string(),
                    |why| format!("of the authority: {why}"),
                ))
            }
            Err(error) => Ok(error.to_string()),
        }
    }

    /// Whether a signature is only said to be wrong because a key in the chain, or of an authority that it names, has a
    /// length that ring does not verify with.
    fn is_beyond_ring(&self, error: &Error, chain: &[CertificateDer<'_>]) -> bool {
        if *error != Error::InvalidCertificate(CertificateError::BadSignature) {
            return false;
        }
        let mut sent = chain.iter().filter_map(|der| Certificate::from_der(der).ok());
        sent.any(|certificate| is_odd_rsa(&certificate))
            || self.authorities(chain).iter().any(|(_, authority)| is_odd_rsa(authority))
    }

    /// Whether every way from this certificate to an authority that we know is longer than that authority allows (RFC 5280, 6.1.4 (l)
    /// to (n)): webpki asks those between alone.
    fn is_too_long(&self, first: &CertificateDer<'_>, rest: &[CertificateDer<'_>]) -> bool {
        if !self.max_lengths.iter().flatten().any(|most| usize::from(*most) < rest.len()) {
            return false;
        }
        let most = |anchor: &TrustAnchor<'_>| {
            let at = self.store.roots.iter().position(|root| root == anchor)?;
            self.max_lengths.get(at).copied().flatten()
        };
        let short = |path: &VerifiedPath<'_>| {
            let between = path.intermediate_certificates().filter(|it| it.subject() != it.issuer()).count();
            match most(path.anchor()) {
                Some(most) if between > usize::from(most) => Err(webpki::Error::PathLenConstraintViolated),
                _ => Ok(()),
            }
        };
        let algorithms = provider().signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        EndEntityCert::try_from(first).is_ok_and(|parsed| {
            let (roots, now) = (&self.store.roots, UnixTime::now());
            parsed.verify_for_usage(algorithms, roots, rest, now, usage, None, Some(&short)).is_err()
        })
    }

    /// The authorities that this chain names, whether they signed it or not.
    fn authorities(&self, chain: &[CertificateDer<'_>]) -> Vec<(&CertificateDer<'static>, Certificate)> {
        let sent: Vec<_> = chain.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
        let named = |authority: &Certificate| {
            let subject = &authority.tbs_certificate.subject;
            sent.iter().any(|certificate| certificate.tbs_certificate.issuer == *subject)
        };
        let all = self.pinned.iter().filter_map(|der| Some((der, Certificate::from_der(der).ok()?)));
        all.filter(|(_, authority)| named(authority)).collect()
    }

    /// Whether the server's certificate, which names an authority that we know, is only refused because it is one of an
    /// authority itself: other clients take such a one.
    fn is_from_an_authority_to_one(&self, error: &Error, chain: &[CertificateDer<'_>]) -> bool {
        let Error::InvalidCertificate(CertificateError::Other(OtherError(cause))) = error else {
            return false;
        };
        let own = chain.first().and_then(|first| Certificate::from_der(first).ok());
        matches!(cause.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
            && own.is_some_and(|own| own.tbs_certificate.issuer != own.tbs_certificate.subject)
            && !self.authorities(chain).is_empty()
    }
}

/// Read as it is: serial numbers that RFC 5280 forbids do happen.
pub type Certificate = CertificateInner<Raw>;

/// Whether ring verifies nothing with this key, whatever was signed: RSA of less than 2048 or more than 8192 bits.
fn is_odd_rsa(certificate: &Certificate) -> bool {
    rsa_bits(certificate).is_some_and(|bits| !(2048..=8192).contains(&bits))
}

/// Whether that the server does not show that it holds the key of this certificate is only our own limit.
pub fn is_unverifiable(error: &Error, certificate: &[u8]) -> bool {
    let odd = || Certificate::from_der(certificate).is_ok_and(|certificate| is_odd_rsa(&certificate));
    is_own_limit(error) || (*error == Error::InvalidCertificate(CertificateError::BadSignature) && odd())
}

/// The length of an RSA key in bits; `None` if it is no RSA key, or does not parse.
pub fn rsa_bits(certificate: &Certificate) -> Option<i64> {
    let info = &certificate.tbs_certificate.subject_public_key_info;
    if info.algorithm.oid.to_string() != "1.2.840.113549.1.1.1" {
        return None;
    }
    // RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017, A.1.1)
    let mut reader = SliceReader::new(info.subject_public_key.as_bytes()?).ok()?;
    reader
        .sequence(|inner| {
            let modulus = UintRef::decode(inner)?;
            let _exponent = UintRef::decode(inner)?;
            let bytes = modulus.as_bytes();
            let leading = bytes.first().map_or(0, |byte| byte.leading_zeros());
            Ok(i64::try_from(bytes.len()).unwrap_or(i64::MAX).saturating_mul(8) - i64::from(leading))
        })
        .ok()
}

/// Whether this certificate is for this name (subject alternative names only).
///
/// # Errors
/// `unsupported` if it cannot be read.
pub fn is_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<bool, Blocked> {
    // Such names are an extension, which came with version 3.
    if Certificate::from_der(certificate).is_ok_and(|read| read.tbs_certificate.version != Version::V3) {
        return Ok(false);
    }
    let parsed = ParsedCertificate::try_from(certificate).map_err(|e| cannot_tell(&e))?;
    Ok(verify_server_name(&parsed, name).is_ok())
}

/// Whether an authority that we know can vouch now: webpki does not ask. One that we cannot read is left to it.
fn may_vouch(authority: &CertificateDer<'_>) -> bool {
    valid_now(authority).map_or(true, |why| why.is_empty()) && is_authority(authority).is_empty()
}

/// Why a certificate is that of no authority (RFC 5280, 6.1.4 (k) and (n)); empty where it may be.
fn is_authority(certificate: &CertificateDer<'_>) -> &'static str {
    let Ok(read) = Certificate::from_der(certificate) else { return "" };
    let constraints = read.tbs_certificate.get::<BasicConstraints>();
    let is_one = |found: Option<(bool, BasicConstraints)>| found.is_some_and(|(_, found)| found.ca);
    // Before version 3 none could say so.
    if read.tbs_certificate.version == Version::V3 && constraints.is_ok_and(|found| !is_one(found)) {
        return "its basic constraints do not say that it is one";
    }
    may_sign(certificate)
}

/// How many certificates may stand between an authority's and a server's.
fn max_length(authority: &CertificateDer<'_>) -> Option<u8> {
    let read = Certificate::from_der(authority).ok()?;
    read.tbs_certificate.get::<BasicConstraints>().ok()??.1.path_len_constraint
}

/// Why the key of a certificate may not sign others, where it says what for (RFC 5280, 6.1.4 (n)): webpki does not ask. Empty where it may.
fn may_sign(certificate: &CertificateDer<'_>) -> &'static str {
    let read = Certificate::from_der(certificate).ok();
    let usage = read.and_then(|read| read.tbs_certificate.get::<extension::KeyUsage>().ok()?);
    match usage {
        Some((_, usage)) if !usage.key_cert_sign() => "its key usage does not include signing certificates",
        _ => "",
    }
}

/// Whether the key of a server's certificate may be used in a handshake, where it says what for (RFC 5280, 4.2.1.3): webpki
/// does not ask, and OpenSSL refuses.
fn may_serve(certificate: &CertificateDer<'_>) -> Trust {
    let unread = |e| Blocked::new(Barrier::Unsupported, format!("the certificate's key usage: {e}"));
    let usage = Certificate::from_der(certificate)
        .and_then(|read| read.tbs_certificate.get::<extension::KeyUsage>())
        .map_err(unread)?;
    Ok(match usage {
        Some((_, usage))
            if !(usage.digital_signature() || usage.key_encipherment() || usage.key_agreement()) =>
        {
            "its key usage allows neither signatures, key encipherment nor key agreement, which TLS needs"
                .to_owned()
        }
        _ => String::new(),
    })
}

/// A pinned certificate needs nobody's word but its own validity.
fn valid_now(certificate: &CertificateDer<'_>) -> Trust {
    let read = Certificate::from_der(certificate)
        .map_err(|e| Blocked::new(Barrier::Unsupported, format!("the certificate: {e}")))?;
    let validity = read.tbs_certificate.validity;
    let now = UnixTime::now().as_secs();
    Ok(if now < validity.not_before.to_unix_duration().as_secs() {
        format!("certificate not valid yet: it begins at {}", validity.not_before)
    } else if now > validity.not_after.to_unix_duration().as_secs() {
        format!("certificate expired at {}", validity.not_after)
    } else {
        String::new()
    })
}

/// The barrier of a certificate that this client cannot verify.
pub fn cannot_tell(error: &Error) -> Blocked {
    let version = matches!(error, Error::InvalidCertificate(CertificateError::Other(OtherError(cause)))
        if matches!(cause.downcast_ref(), Some(webpki::Error::UnsupportedCertVersion)));
    let why = if version {
        "it is of X.509 version 1 or 2, which is not verified".into()
    } else {
        error.to_string()
    };
    Blocked::new(Barrier::Unsupported, format!("the certificate: {why}"))
}

/// Whether the verifier gave up, rather than found the chain wrong: what it cannot read or compute, others might.
pub fn is_own_limit(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(error) => match error {
            CertificateError::BadEncoding
            | CertificateError::UnhandledCriticalExtension
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => true,
            CertificateError::Other(OtherError(cause)) => !matches!(
                cause.downcast_ref(),
                Some(
                    webpki::Error::CaUsedAsEndEntity
                        | webpki::Error::EndEntityUsedAsCa
                        | webpki::Error::NameConstraintViolation
                        | webpki::Error::PathLenConstraintViolated
                        | webpki::Error::SignatureAlgorithmMismatch
                )
            ),
            _ => false,
        },
        _ => true,
    }
}

/// ring's cryptography, and P-521.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    type Algorithm = &'static dyn SignatureVerificationAlgorithm;
    let make = || {
        let mut provider = ring::default_provider();
        let ring = provider.signature_verification_algorithms;
        let own: [(SignatureScheme, Algorithm); 3] = [
            (SignatureScheme::ECDSA_NISTP521_SHA512, &p521::Ecdsa::Sha512),
            (SignatureScheme::ECDSA_NISTP384_SHA384, &p521::Ecdsa::Sha384),
            (SignatureScheme::ECDSA_NISTP256_SHA256, &p521::Ecdsa::Sha256),
        ];
        // A scheme has the curve of its first algorithm in 1.3; in 1.2 it names the digest alone.
        let mut mapping: Vec<(SignatureScheme, Vec<Algorithm>)> =
            ring.mapping.iter().map(|(scheme, algorithms)| (*scheme, algorithms.to_vec())).collect();
        for (scheme, algorithm) in own {
            match mapping.iter_mut().find(|(known, _)| *known == scheme) {
                Some((_, algorithms)) => algorithms.push(algorithm),
                None => mapping.push((scheme, vec![algorithm])),
            }
        }
        // Kept for as long as the program runs, as ring's are.
        let kept = |(scheme, algorithms): (_, Vec<Algorithm>)| (scheme, &*algorithms.leak());
        provider.signature_verification_algorithms = WebPkiSupportedAlgorithms {
            all: Vec::leak(ring.all.iter().copied().chain(own.map(|(_, algorithm)| algorithm)).collect()),
            mapping: Vec::leak(mapping.into_iter().map(kept).collect()),
        };
        provider.kx_groups.push(&p521::KeyExchange);
        Arc::new(provider)
    };
    PROVIDER.get_or_init(make).clone()
}

/// A client of TLS 1.2 and 1.3 that asks this verifier whom to believe.
///
/// # Errors
/// `unsupported` if the two versions cannot be spoken.
pub fn client(
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Blocked> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|e| Blocked::new(Barrier::Unsupported, format!("TLS: {e}")))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier))
}

/// Who we are, to a server that asks.
///
/// # Errors
/// What is wrong with the files.
pub async fn identity(certificate: &str, key: &str) -> Result<Arc<dyn ResolvesClientCert>, Blocked> {
    let (certificate, key) = (certificate.to_owned(), key.to_owned());
    on_a_thread(move || {
        let chain = certificates(&certificate, &read_pem(&certificate)?)?;
        let pem = read_pem(&key)?;
        let own = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| {
            wrong(&key, &format_args!("no private key without a passphrase in PEM: {}", fault_of_pem(&e)))
        })?;
        let own = provider().key_provider.load_private_key(own).map_err(|e| wrong(&key, &e))?;
        if chain.first().is_some_and(|first| is_of_another_key(first, own.as_ref())) {
            return Err(wrong(&key, &format_args!("is not the key of the certificate in {certificate}")));
        }
        let own: Arc<dyn ResolvesClientCert> =
            Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, own)));
        Ok(own)
    })
    .await
}

/// Whether a certificate names another key than this one, as far as both can be read. rustls would read version 3 alone.
fn is_of_another_key(certificate: &CertificateDer<'_>, key: &dyn SigningKey) -> bool {
    let read = Certificate::from_der(certificate).ok();
    let named = read.and_then(|read| read.tbs_certificate.subject_public_key_info.to_der().ok());
    matches!((named, key.public_key()), (Some(named), Some(own)) if named != own.as_ref())
}

fn wrong(path: &str, why: &dyn std::fmt::Display) -> Blocked {
    Blocked::new(Barrier::Unsupported, format!("{path}: {why}"))
}

/// The certificates of a file, at least one.
fn certificates(path: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Blocked> {
    let all = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let all = all.map_err(|e| wrong(path, &fault_of_pem(&e)))?;
    if all.is_empty() {
        return Err(wrong(path, &"holds no certificate; write PEM, `-----BEGIN CERTIFICATE-----` and so on"));
    }
    Ok(all)
}

/// What is wrong with PEM, without a word of it: the parser's own text repeats lines of what may be a private key.
fn fault_of_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "a section has no end: `-----BEGIN ...-----` and `-----END ...-----` each take a line of their own"
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a section begins with a line that does not end with `-----`"
        }
        pem::Error::Base64Decode(_) => "a section is not in base64",
        pem::Error::SectionTooLarge => "a section is too long",
        pem::Error::NoItemsFound => "there is none",
        _ => "it is not PEM",
    }
}

/// What a file of certificates or keys holds.
fn read_pem(path: &str) -> Result<Vec<u8>, Blocked> {
    crate::whole::read(path, MAX_PEM).map_err(|error| barrier_of(&format!("open {path}"), &error))
}
