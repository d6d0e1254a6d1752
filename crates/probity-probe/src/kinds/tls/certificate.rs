//! What a certificate says of itself (RFC 5280).

use std::collections::BTreeMap;
use std::time::Duration;

use probity_plan::{Barrier, Blocked, Value};
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use crate::connect::trust::{Certificate, rsa_bits};
use crate::look::{Seen, time_text};
use crate::secrets::Secrets;

/// The facts of the chain, the server's certificate first.
pub(super) fn see(chain: &[Vec<u8>], secrets: &Secrets, seen: &mut Seen) {
    let parsed: Vec<Result<Certificate, Blocked>> = chain.iter().map(|der| parse(der)).collect();
    let digests: Vec<String> = chain.iter().map(|der| secrets.sha256(der)).collect();
    let summaries = digests.iter().zip(&parsed).map(|(digest, certificate)| {
        let mut map = BTreeMap::from([("sha256".to_owned(), Value::from(digest.as_str()))]);
        if let Ok(certificate) = certificate {
            let tbs = &certificate.tbs_certificate;
            map.insert("subject".to_owned(), Value::Text(tbs.subject.to_string()));
            map.insert("issuer".to_owned(), Value::Text(tbs.issuer.to_string()));
            if let Ok(at) = time(tbs.validity.not_after) {
                map.insert("not_after".to_owned(), Value::Text(time_text(at)));
            }
        }
        Value::Map(map)
    });
    seen.know("chain", Value::List(summaries.collect()));
    // One that does not parse may be the first to end.
    let ends: Result<Vec<_>, _> = parsed
        .iter()
        .map(|parsed| {
            parsed
                .as_ref()
                .map_err(Clone::clone)
                .map(|read| read.tbs_certificate.validity.not_after.to_unix_duration())
        })
        .collect();
    let first_end = ends.and_then(|ends| {
        ends.into_iter().min().ok_or_else(|| Blocked::new(Barrier::Protocol, "no certificate was sent"))
    });
    seen.settle("chain_not_after", first_end.clone().and_then(moment));
    seen.settle("chain_expires_in_days", first_end.map(days_until));
    let Some(digest) = digests.first() else { return };
    seen.know("sha256", digest.as_str());
    match parsed.first() {
        Some(Ok(certificate)) => see_one(certificate, seen),
        Some(Err(blocked)) => {
            let blocked = blocked.clone();
            for fact in
                ["subject", "issuer", "names", "not_before", "not_after", "expires_in_days", "self_issued"]
                    .into_iter()
                    .chain(["key_type", "key_bits", "signature_algorithm"])
            {
                seen.block(fact, blocked.clone());
            }
        }
        None => {}
    }
}

fn see_one(certificate: &Certificate, seen: &mut Seen) {
    let tbs = &certificate.tbs_certificate;
    seen.know("subject", tbs.subject.to_string())
        .know("issuer", tbs.issuer.to_string())
        .know("self_issued", tbs.subject == tbs.issuer)
        .settle("not_before", time(tbs.validity.not_before))
        .settle("names", names(certificate))
        .know("signature_algorithm", algorithm(&certificate.signature_algorithm.oid));
    let not_after = tbs.validity.not_after;
    seen.settle("not_after", time(not_after));
    seen.know("expires_in_days", days_until(not_after.to_unix_duration()));
    let (ty, bits) = key(certificate);
    seen.know("key_type", ty).settle("key_bits", bits);
}

/// Days from now, by the observer's clock, to so long after 1970; negative if past. Also those of an end that no moment tells.
fn days_until(since_1970: Duration) -> Value {
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    let days = (since_1970.as_secs_f64() - now) / 86400.0;
    Value::decimal((days * 1e6).round() / 1e6)
}

fn parse(der: &[u8]) -> Result<Certificate, Blocked> {
    Certificate::from_der(der)
        .map_err(|e| Blocked::new(Barrier::Protocol, format!("the certificate does not parse: {e}")))
}

fn time(time: Time) -> Result<jiff::Timestamp, Blocked> {
    moment(time.to_unix_duration())
}

/// RFC 5280, section 4.1.2.5: a certificate without an end has the last second of the year 9999, which is later than any moment here.
fn moment(since_1970: Duration) -> Result<jiff::Timestamp, Blocked> {
    let at = jiff::SignedDuration::try_from(since_1970).ok();
    at.and_then(|at| jiff::Timestamp::from_duration(at).ok()).ok_or_else(|| {
        let why =
            format!("a time of the certificate is after {}, the last that can be told", jiff::Timestamp::MAX);
        Blocked::new(Barrier::Unsupported, why)
    })
}

fn names(certificate: &Certificate) -> Result<Vec<String>, Blocked> {
    let found = certificate
        .tbs_certificate
        .get::<SubjectAltName>()
        .map_err(|e| Blocked::new(Barrier::Protocol, format!("the certificate's names do not parse: {e}")))?;
    let names = found.map(|(_, names)| names.0).unwrap_or_default();
    Ok(names.iter().map(shown).collect())
}

fn shown(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => text.to_string(),
        GeneralName::IpAddress(bytes) => {
            let bytes = bytes.as_bytes();
            let ip = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
            let ip = ip.or_else(|_| <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from));
            ip.map_or_else(|_| "an IP address of an odd length".to_owned(), |ip| ip.to_string())
        }
        GeneralName::DirectoryName(name) => name.to_string(),
        GeneralName::RegisteredId(id) => id.to_string(),
        GeneralName::OtherName(_) | GeneralName::EdiPartyName(_) => "a name of another kind".to_owned(),
    }
}

/// The key's type and its length in bits.
fn key(certificate: &Certificate) -> (String, Result<i64, Blocked>) {
    let info = &certificate.tbs_certificate.subject_public_key_info;
    let unknown = |why: &str| Err(Blocked::new(Barrier::Unsupported, why.to_owned()));
    match info.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => (
            "rsa".to_owned(),
            rsa_bits(certificate).map_or_else(|| unknown("the RSA key does not parse"), Ok),
        ),
        "1.2.840.10045.2.1" => {
            let curve =
                info.algorithm.parameters.as_ref().and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
            let bits = match curve.map(|curve| curve.to_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => Ok(256),
                Some("1.3.132.0.34") => Ok(384),
                Some("1.3.132.0.35") => Ok(521),
                _ => unknown("a curve that is not P-256, P-384 or P-521"),
            };
            ("ec".to_owned(), bits)
        }
        "1.3.101.112" => ("ed25519".to_owned(), Ok(256)),
        other => (other.to_owned(), unknown("a key of an algorithm without a name here")),
    }
}

/// The name of a signature algorithm as OpenSSL writes it, or its object identifier.
fn algorithm(oid: &ObjectIdentifier) -> String {
    let oid = oid.to_string();
    match oid.as_str() {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "rsassaPss",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "ED25519",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_without_an_end_has_days_left_and_no_moment() {
        // 9999-12-31T23:59:59Z, and the last second that is a moment.
        let (without_end, last) = (Duration::from_secs(253_402_300_799), jiff::Timestamp::MAX.as_second());
        assert_eq!(moment(without_end).unwrap_err().barrier, Barrier::Unsupported);
        assert_eq!(
            moment(Duration::from_secs(last.unsigned_abs())).map(jiff::Timestamp::as_second),
            Ok(last)
        );
        let days = days_until(without_end).ends().unwrap().0;
        assert!((2_000_000.0..3_000_000.0).contains(&days), "{days}");
    }
}
