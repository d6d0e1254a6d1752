//! Links that a browser follows by itself: signed for one path, or for all below one folder, until a moment.
//!
//! A link lets its holder read (GET, HEAD) without being somebody; the service must ask for it with no other method. It
//! cannot be revoked one by one, so it is short ([`LINK_LIFETIME`]); another secret ends all of them.
//!
//! Paths are signed, compared and to be served in one form: percent-decoded once. A path that could be read in
//! two ways (`..`, `//`, an encoded slash, a bare backslash, control characters) is refused, not repaired.

use crate::secret::Secret;
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a link is good unless something else is asked for.
pub const LINK_LIFETIME: Duration = Duration::from_secs(300);
/// The longest life a link can be given.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);
/// The longest path, in bytes as sent.
const MAX_PATH: usize = 2048;
/// Folders a signed path may have above it.
const MAX_DEPTH: usize = 16;

/// Signs and verifies links.
pub struct Links {
    key: Zeroizing<[u8; 32]>,
}

/// HMAC-SHA-256 with a key of 32 bytes.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> Hmac<Sha256> {
    // HMAC fills a key up to the hash's block of 64 bytes with zeros (RFC 2104); done here, no length can be wrong.
    let mut block = Zeroizing::new([0u8; 64]);
    block[..32].copy_from_slice(key);
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac
}

impl Links {
    /// Links that are good as long as the secret is: across restarts, and for every process that has it.
    ///
    /// # Errors
    /// A secret not good enough to sign with.
    pub fn derived_from(secret: &Secret) -> Result<Self, crate::SecretError> {
        secret.check_strength()?;
        let digest = Zeroizing::new(<[u8; 32]>::from(Sha256::digest(secret.expose())));
        Ok(Self {
            key: Zeroizing::new(
                mac(&digest, &[b"camera-service: links, version 1"]).finalize().into_bytes().into(),
            ),
        })
    }

    /// Links that end with this process, for a service that has no secret (RS256, ES256).
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn random() -> Result<Self, crate::SecretError> {
        let mut key = Zeroizing::new([0u8; 32]);
        getrandom::getrandom(&mut *key).map_err(|error| crate::SecretError::Random(error.to_string()))?;
        Ok(Self { key })
    }

    /// The query (`expires=..&signature=..`) that opens `path` until `now + lifetime` (at most a day). A path that ends in
    /// `/` opens everything below it: `/live/NAME/` opens `/live/NAME/index.m3u8`, and neither `/live/NAME2/..` nor
    /// `/live/NAME`. It needs two parts at least; nobody opens all of `/files/` by a link.
    ///
    /// # Errors
    /// A path that could be read in two ways or opens too much; a lifetime over a day.
    pub fn sign(&self, path: &str, lifetime: Duration, now: Timestamp) -> Result<String, LinkError> {
        let path = canonical(path)?;
        if path.ends_with('/') && parts_of(&path) < 2 {
            return Err(LinkError::TooWide);
        }
        if lifetime > MAX_LIFE {
            return Err(LinkError::TooLong);
        }
        let until = now.as_second().saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
        let signature = self.signature(&path, until).finalize().into_bytes();
        Ok(format!("expires={until}&signature={}", crate::hex(&signature)))
    }

    /// Whether this query opens this path, given as it came in the request line and without its query. Returns the
    /// decoded path: that, and no second reading of the request, is what may be served. Other parameters are left
    /// alone; one of ours given twice is refused.
    ///
    /// # Errors
    /// Not signed, signed for something else, expired, or no path that can be signed.
    pub fn verify(&self, path: &str, query: &str, now: Timestamp) -> Result<String, LinkError> {
        let path = canonical(path)?;
        let until = only(query, "expires")?;
        let until: i64 =
            until.parse().ok().filter(|number: &i64| number.to_string() == until).ok_or(LinkError::Wrong)?;
        let signature = unhex(only(query, "signature")?).ok_or(LinkError::Wrong)?;
        let opens = |scope: &str| self.signature(scope, until).verify_slice(&signature).is_ok();
        let above =
            path.match_indices('/').map(|(at, _)| &path[..=at]).filter(|folder| parts_of(folder) >= 2);
        if !opens(&path) && !above.take(MAX_DEPTH).any(opens) {
            return Err(LinkError::Wrong);
        }
        match Timestamp::from_second(until) {
            Ok(until) if now < until => Ok(path),
            _ => Err(LinkError::Expired),
        }
    }

    fn signature(&self, path: &str, until: i64) -> Hmac<Sha256> {
        // The number has a fixed length, so that no other pair of number and path gives the same bytes.
        mac(&self.key, &[&until.to_be_bytes(), path.as_bytes()])
    }
}

fn parts_of(path: &str) -> usize {
    path.split('/').filter(|part| !part.is_empty()).count()
}

/// The parameter's value, if it stands there once.
fn only<'a>(query: &'a str, name: &str) -> Result<&'a str, LinkError> {
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(LinkError::Unsigned),
        (Some(_), Some(_)) => Err(LinkError::Wrong),
    }
}

/// 64 lower-case hexadecimal digits; no other spelling of the same bytes.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0u8; 32];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn canonical(path: &str) -> Result<String, LinkError> {
    if path.len() > MAX_PATH || !path.starts_with('/') {
        return Err(LinkError::Path);
    }
    let mut parts = Vec::new();
    let mut encoded = path[1..].split('/').peekable();
    while let Some(part) = encoded.next() {
        let last = encoded.peek().is_none();
        let mut escapes = part.split('%').skip(1);
        let well_escaped =
            escapes.all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()));
        let decoded = percent_decode_str(part).decode_utf8().map_err(|_| LinkError::Path)?;
        // Encoded, `?`, `#` and a backslash are characters of a name; what stands for itself ends a path, or is another slash to some.
        let ambiguous = decoded.split('\\').any(|part| matches!(part, "." | ".."))
            || decoded.is_empty() && !last
            || decoded.contains(|c: char| c == '/' || c.is_control())
            || part.contains(['\\', '?', '#']);
        if ambiguous || !well_escaped {
            return Err(LinkError::Path);
        }
        parts.push(decoded);
    }
    if parts.len() > MAX_DEPTH { Err(LinkError::Path) } else { Ok(format!("/{}", parts.join("/"))) }
}

/// Why a link opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No `expires` or no `signature`.
    #[error("this link is not signed; ask for a new one, or send a token or an API key")]
    Unsigned,
    /// Altered, or made for something else.
    #[error("this link's signature does not fit; ask for a new one")]
    Wrong,
    /// Its time is over.
    #[error("this link has expired; ask for a new one")]
    Expired,
    /// A path that could be read in two ways.
    #[error(
        "this path cannot be linked: at most 2048 bytes and 16 parts, no `.`, `..`, empty parts, encoded slashes or control characters; `?`, `#` and `\\` are encoded"
    )]
    Path,
    /// A folder with less than two parts.
    #[error("a link for a folder needs two parts at least, such as /live/NAME/")]
    TooWide,
    /// Over a day.
    #[error("a link lives for a day at most")]
    TooLong,
}
