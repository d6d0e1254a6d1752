//! API keys: `cs_<id>_<secret>`, shown once, stored as Argon2id hashes in one private file that the service and the
//! command line share.

use crate::argon::{self, Failure, Hashing};
use crate::file::{Document, Store, StoreError};
use crate::identity::{AuthError, How, Identity};
use crate::role::Role;
use crate::secret::Secret;
use crate::token::{MAX_LENGTH, check_user};
use hmac::Mac;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Hexadecimal digits of a key's identifier and of its secret.
const ID_DIGITS: usize = 16;
const SECRET_DIGITS: usize = 64;
/// Keys verified lately; 40 bytes and an identifier each.
const CACHED: usize = 256;
/// Keys a file may hold.
const MAX_KEYS: usize = 10_000;

/// The API keys of one file.
///
/// A key is verified by one Argon2 computation (some 20 ms, 19 MiB; two at a time, 32 may wait, more are told that we are
/// busy). Wrong ones do not get that far: beside the hash stand 32 bits of another one (see `StoredKey`), which all but one of
/// four thousand million guesses miss. A key that was verified lately is recognised by a keyed digest
/// of its text. Whether it is still good is looked up each time: a `stat` of the file, and a read
/// if anybody changed it.
pub struct ApiKeys {
    store: Store<KeyFile>,
    hashing: Hashing,
    cache: Mutex<Cache>,
    cache_key: Zeroizing<[u8; 32]>,
}

#[derive(Default)]
struct Cache {
    generation: u64,
    verified: HashMap<[u8; 32], String>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    keys: Vec<StoredKey>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    key: KeyInfo,
    hash: String,
    /// The first 32 bits of SHA-256 of the secret, in hexadecimal: enough to tell a guess without computing Argon2, so that guesses cost
    /// nothing and lock nobody out; far too few of the secret's 256 random bits to be of use to who reads the file. Keys of
    /// version 1 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<String>,
}

impl StoredKey {
    /// Whether this may be its secret: surely not, or almost surely; `None` where only Argon2 knows.
    fn may_be(&self, secret: &str) -> Option<bool> {
        self.check.as_ref().map(|check| *check == check_of(secret))
    }
}

fn check_of(secret: &str) -> String {
    let digest = Sha256::new().chain_update(b"camera-service: key check, version 1").chain_update(secret);
    crate::hex(&digest.finalize()[..4])
}

/// What is known of a key; its secret is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyInfo {
    /// 16 hexadecimal digits, the middle part of the key's text.
    pub id: String,
    /// What it is for; limits and the audit log know its holder by this name.
    pub name: String,
    /// What its holder may do.
    pub role: Role,
    /// When it was made.
    pub created: Timestamp,
    /// From this moment on it is over; `None` is never.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// The key that took its place when it was rotated.
    pub replaced_by: Option<String>,
}

impl KeyInfo {
    /// Why it is no longer good at this moment, if so.
    fn over(&self, now: Timestamp) -> Option<AuthError> {
        if self.revoked.is_some() {
            return Some(AuthError::Revoked);
        }
        self.expires.filter(|expires| now >= *expires).map(|at| AuthError::Expired { at })
    }
}

/// A key just made. Its text is shown once and can never be had again.
#[derive(Debug)]
pub struct NewKey {
    /// `cs_<id>_<secret>`.
    pub text: Secret,
    /// What is stored of it.
    pub info: KeyInfo,
}

impl Default for KeyFile {
    fn default() -> Self {
        Self { version: Self::VERSION, keys: Vec::new() }
    }
}

impl Document for KeyFile {
    const VERSION: u32 = 2;

    fn check(&self) -> Result<(), String> {
        let mut ids = std::collections::HashSet::new();
        for StoredKey { key, hash, check } in &self.keys {
            let id = &key.id;
            if !is_hex(id, ID_DIGITS) {
                return Err("a key's `id` is not 16 hexadecimal digits".into());
            }
            if !ids.insert(id) {
                return Err(format!("the key {id} stands there twice"));
            }
            check_user(&key.name).map_err(|problem| format!("the name of key {id} {problem}"))?;
            if check.as_ref().is_some_and(|check| !is_hex(check, 8)) {
                return Err(format!("the `check` of key {id} is not 8 hexadecimal digits"));
            }
            if !argon::is_usable(hash) {
                return Err(format!(
                    "the `hash` of key {id} is no Argon2id hash of at most 64 MiB (PHC string)"
                ));
            }
        }
        Ok(())
    }
}

impl KeyFile {
    fn find(&self, id: &str) -> Option<&StoredKey> {
        self.keys.iter().find(|stored| stored.key.id == id)
    }

    fn find_good(&mut self, id: &str, now: Timestamp) -> Result<&mut KeyInfo, KeyError> {
        let key = &mut self.keys.iter_mut().find(|stored| stored.key.id == id).ok_or(KeyError::NotFound)?.key;
        if key.over(now).is_some() { Err(KeyError::Over) } else { Ok(key) }
    }
}

impl ApiKeys {
    /// Opens the file, or begins an empty one.
    ///
    /// # Errors
    /// A file that others can reach (with the `chmod` to type), is damaged, or was written by a newer program.
    pub fn open(path: &Path) -> Result<Self, KeyError> {
        let store = Store::open(path)?;
        let mut cache_key = Zeroizing::new([0u8; 32]);
        getrandom::getrandom(&mut *cache_key).map_err(|error| KeyError::Random(error.to_string()))?;
        Ok(Self { store, hashing: Hashing::default(), cache: Mutex::default(), cache_key })
    }

    /// Makes a key that is good until `expires`.
    ///
    /// # Errors
    /// A name that is empty, over 128 bytes or has control characters; an end that is past; the file cannot be changed.
    pub fn create(
        &self,
        name: &str,
        role: Role,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<NewKey, KeyError> {
        check_user(name).map_err(KeyError::Name)?;
        if expires.is_some_and(|expires| expires <= now) {
            return Err(KeyError::Ended);
        }
        let (stored, text) = self.generate(name, role, expires, now)?;
        let info = stored.key.clone();
        self.store.change(|file| file.add(stored))?;
        Ok(NewKey { text, info })
    }

    /// All keys, also those that are over, in the order they were made.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<Vec<KeyInfo>, KeyError> {
        Ok(self.store.current()?.0.keys.iter().map(|stored| stored.key.clone()).collect())
    }

    /// Ends a key at once, in every process. Revoking it again changes nothing.
    ///
    /// # Errors
    /// No such key; the file cannot be changed.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<KeyInfo, KeyError> {
        self.store.change(|file| {
            let stored = file.keys.iter_mut().find(|stored| stored.key.id == id).ok_or(KeyError::NotFound)?;
            stored.key.revoked.get_or_insert(now);
            Ok(stored.key.clone())
        })
    }

    /// Makes a key that takes another's place, with its name, its role and as long a life as that one was given. The
    /// old one is good for `grace` yet (never longer than it was), or ends at once if that is zero.
    ///
    /// # Errors
    /// No such key, or it is over; the file cannot be changed.
    pub fn rotate(&self, id: &str, grace: Duration, now: Timestamp) -> Result<NewKey, KeyError> {
        // A look ahead, so that a wrong identifier costs no hash; what counts is looked up again below.
        let old = self.store.current()?.0.as_ref().clone().find_good(id, now)?.clone();
        let life = old.expires.map(|expires| expires.duration_since(old.created));
        let expires = life.map(|life| now.checked_add(life)).transpose().map_err(|_| KeyError::Ended)?;
        let (stored, text) = self.generate(&old.name, old.role, expires, now)?;
        let info = stored.key.clone();
        let until = now.saturating_add(grace).unwrap_or(Timestamp::MAX);
        self.store.change(|file| {
            let old = file.find_good(id, now)?;
            old.replaced_by = Some(stored.key.id.clone());
            if grace.is_zero() {
                old.revoked = Some(now);
            } else {
                old.expires = Some(old.expires.map_or(until, |expires| expires.min(until)));
            }
            file.add(stored)
        })?;
        Ok(NewKey { text, info })
    }

    /// Who the holder of this key is at this moment.
    ///
    /// # Errors
    /// Everything but the text of a key that is good now. Only who has the secret is told that a key is over.
    pub fn verify(&self, text: &str, now: Timestamp) -> Result<Identity, AuthError> {
        if text.len() > MAX_LENGTH {
            return Err(AuthError::TooLong { bytes: text.len() });
        }
        let (id, secret) = parts(text).ok_or(AuthError::Malformed)?;
        let (file, generation) = self.store.current().map_err(AuthError::Unavailable)?;
        let key =
            file.find(id).filter(|key| key.may_be(secret) != Some(false)).ok_or(AuthError::UnknownKey)?;
        let digest = self.digest(text);
        if !self.is_cached(&digest, id, generation) {
            match self.hashing.verify(secret.as_bytes(), &key.hash) {
                Ok(true) => self.remember(digest, id, generation),
                Err(Failure::Busy) => return Err(AuthError::Busy),
                Ok(false) | Err(Failure::Unusable) => return Err(AuthError::UnknownKey),
            }
        }
        match key.key.over(now) {
            Some(over) => Err(over),
            None => Ok(key.key.identity()),
        }
    }

    /// Whether only Argon2 can tell if this text is wrong: a key of version 1 that was not verified lately.
    pub(crate) fn is_costly(&self, text: &str) -> bool {
        let Some((id, secret)) = parts(text) else { return false };
        let (file, generation) = self.store.remembered();
        let unknown = file.find(id).is_some_and(|key| key.may_be(secret).is_none());
        unknown && !self.is_cached(&self.digest(text), id, generation)
    }

    /// How many Argon2 computations there were since it was opened: what attempts cost, told without a clock.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.hashing.begun()
    }

    /// The identifier that a credential claims, if it has the form of a key: what authentication attempts are
    /// counted by beside their address.
    #[must_use]
    pub fn claimed_id(text: &str) -> Option<&str> {
        parts(text).map(|(id, _)| id)
    }

    /// Whether the key of this identifier is still good: without its text, and without a look at the disk.
    pub(crate) fn check(&self, id: &str, now: Timestamp) -> Result<(), AuthError> {
        match self.store.remembered().0.find(id) {
            None => Err(AuthError::UnknownKey),
            Some(stored) => stored.key.over(now).map_or(Ok(()), Err),
        }
    }

    /// Reads what another process changed.
    pub(crate) fn look(&self) -> Result<(), StoreError> {
        self.store.current().map(|_| ())
    }

    fn generate(
        &self,
        name: &str,
        role: Role,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(StoredKey, Secret), KeyError> {
        let id = random::<{ ID_DIGITS / 2 }>()?.to_string();
        let secret = random::<{ SECRET_DIGITS / 2 }>()?;
        let hash = self.hashing.hash(secret.as_bytes())?;
        let text = Secret::new(format!("cs_{id}_{}", *secret));
        let info = KeyInfo {
            id,
            name: name.to_owned(),
            role,
            created: now,
            expires,
            revoked: None,
            replaced_by: None,
        };
        let check = Some(check_of(&secret));
        Ok((StoredKey { key: info, hash, check }, text))
    }

    fn digest(&self, text: &str) -> [u8; 32] {
        crate::link::mac(&self.cache_key, &[text.as_bytes()]).finalize().into_bytes().into()
    }

    fn is_cached(&self, digest: &[u8; 32], id: &str, generation: u64) -> bool {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.generation == generation && cache.verified.get(digest).is_some_and(|verified| verified == id)
    }

    /// The generation is that of the file the key was verified against: one that changed meanwhile forgets it.
    fn remember(&self, digest: [u8; 32], id: &str, generation: u64) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.generation != generation || cache.verified.len() >= CACHED {
            cache.verified.clear();
            cache.generation = generation;
        }
        cache.verified.insert(digest, id.to_owned());
    }
}

impl KeyFile {
    fn add(&mut self, key: StoredKey) -> Result<(), KeyError> {
        if self.keys.len() >= MAX_KEYS {
            return Err(KeyError::TooMany);
        }
        self.version = Self::VERSION;
        self.keys.push(key);
        Ok(())
    }
}

impl KeyInfo {
    fn identity(&self) -> Identity {
        Identity {
            user: self.name.clone(),
            role: self.role,
            expires: self.expires,
            id: self.id.clone(),
            how: How::ApiKey,
        }
    }
}

fn random<const BYTES: usize>() -> Result<Zeroizing<String>, KeyError> {
    crate::random_hex::<BYTES>().map(Zeroizing::new).map_err(|error| KeyError::Random(error.to_string()))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn parts(text: &str) -> Option<(&str, &str)> {
    let (id, secret) = text.strip_prefix("cs_")?.split_once('_')?;
    (is_hex(id, ID_DIGITS) && is_hex(secret, SECRET_DIGITS)).then_some((id, secret))
}

/// Why keys cannot be made, changed or listed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No key has this identifier.
    #[error("no API key with this identifier; `api-key list` shows them")]
    NotFound,
    /// It is revoked or expired already.
    #[error("this API key is revoked or expired already; make a new one")]
    Over,
    /// A name that cannot be.
    #[error("the key's name {0}")]
    Name(&'static str),
    /// It would be over before it began.
    #[error("the key's end lies in the past, or beyond all calendars")]
    Ended,
    /// 10,000 are there.
    #[error("there are 10000 API keys already")]
    TooMany,
    /// The file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many hashes are being computed.
    #[error("too many keys are being verified at this moment; try again in a second")]
    Busy,
    /// The library could not hash.
    #[error("the key could not be hashed")]
    Hash,
    /// No random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
}

impl From<Failure> for KeyError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Busy => Self::Busy,
            Failure::Unusable => Self::Hash,
        }
    }
}
