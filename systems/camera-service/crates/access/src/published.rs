//! The keys that an identity provider publishes: a JSON Web Key Set (RFC 7517), of which those count that verify the configured algorithm.

use crate::identity::AuthError;
use crate::token::{Algorithm, TokenError};
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Keys that are taken of a set.
const MAX_KEYS: usize = 64;

/// The keys as they were last published; none at first.
#[derive(Default)]
pub(crate) struct PublishedKeys {
    keys: ArcSwap<Vec<PublishedKey>>,
    missed: AtomicBool,
}

struct PublishedKey {
    id: Option<String>,
    key: Arc<DecodingKey>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl PublishedKeys {
    pub(crate) fn replace(&self, set: &[u8], algorithm: Algorithm) -> Result<usize, TokenError> {
        let bad = |why: String| TokenError::KeySet(why);
        let set: KeySet =
            serde_json::from_slice(set).map_err(|error| bad(format!("cannot be read: {error}")))?;
        if set.keys.len() > MAX_KEYS {
            return Err(bad(format!("has {} keys; at most {MAX_KEYS} are read", set.keys.len())));
        }
        // Keys of kinds that nobody here knows are others' matter.
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let usable: Vec<PublishedKey> = keys.filter_map(|key| usable(&key, algorithm)).collect();
        if usable.is_empty() {
            return Err(bad(format!("holds no key that verifies {}", algorithm.name())));
        }
        let count = usable.len();
        self.keys.store(Arc::new(usable));
        Ok(count)
    }

    /// The key that a token names; the only one there is, where it names none.
    pub(crate) fn of(&self, id: Option<&str>) -> Result<Arc<DecodingKey>, AuthError> {
        let keys = self.keys.load();
        let found = match id {
            Some(id) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            None if keys.len() == 1 => keys.first(),
            None => None,
        };
        if let Some(found) = found {
            return Ok(Arc::clone(&found.key));
        }
        self.missed.store(true, Ordering::Relaxed);
        Err(if keys.is_empty() { AuthError::NoKeysYet } else { AuthError::UnknownSigner })
    }

    pub(crate) fn take_missed(&self) -> bool {
        self.missed.swap(false, Ordering::Relaxed)
    }
}

fn usable(key: &Jwk, algorithm: Algorithm) -> Option<PublishedKey> {
    let common = &key.common;
    let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
        && common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify))
        && common.key_algorithm.is_none_or(|named| named.to_string() == algorithm.name());
    let fits = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(rsa), Algorithm::Rs256) => bits(&rsa.n) >= 2048,
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::Es256) => curve.curve == EllipticCurve::P256,
        // A published secret is none.
        _ => false,
    };
    let decoding = DecodingKey::from_jwk(key).ok().filter(|_| signs && fits)?;
    Some(PublishedKey { id: common.key_id.clone(), key: Arc::new(decoding) })
}

fn bits(modulus: &str) -> usize {
    let bytes = URL_SAFE_NO_PAD.decode(modulus).unwrap_or_default();
    let bytes: &[u8] = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    bytes.len() * 8 - bytes.first().map_or(0, |byte| byte.leading_zeros() as usize)
}
