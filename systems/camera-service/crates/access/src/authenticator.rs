//! One question for both kinds of credential: who is this? And one for each later call: are they still?

use crate::file::StoreError;
use crate::identity::{AuthError, How, Identity};
use crate::keys::ApiKeys;
use crate::revoked::Revoked;
use crate::token::Tokens;
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

/// How often [`Authenticator::check`] looks at the files, in milliseconds.
const LOOK_EVERY: i64 = 100;

/// Tokens, keys and revocations together.
pub struct Authenticator {
    tokens: Tokens,
    keys: ApiKeys,
    revoked: Revoked,
    looked: AtomicI64,
}

impl Authenticator {
    /// Of what it is made.
    #[must_use]
    pub fn new(tokens: Tokens, keys: ApiKeys, revoked: Revoked) -> Self {
        Self { tokens, keys, revoked, looked: AtomicI64::new(i64::MIN) }
    }

    /// Whether to look at a credential costs a hash (some 20 ms and 19 MiB) though it may be wrong. Such an attempt is to be charged
    /// before; any other one can be charged once it has failed, so that a good credential costs nobody an attempt.
    #[must_use]
    pub fn is_costly(&self, credential: &str) -> bool {
        credential.starts_with("cs_") && self.keys.is_costly(credential)
    }

    /// Who the holder of a token or key is. May compute a hash (some 20 ms) and read files: call it where waiting is
    /// allowed.
    ///
    /// # Errors
    /// Why they are not let in.
    pub fn authenticate(&self, credential: &str, now: Timestamp) -> Result<Identity, AuthError> {
        if credential.starts_with("cs_") {
            return self.keys.verify(credential, now);
        }
        let identity = self.tokens.verify(credential, now)?;
        if self.revoked.contains(&identity.id).map_err(AuthError::Unavailable)? {
            return Err(AuthError::Revoked);
        }
        Ok(identity)
    }

    /// Whether an authenticated caller still is one: to be asked with every call of an open session, which may have been
    /// revoked by its own identifier. What this process revoked counts at once, what another one did within 0.1 s.
    ///
    /// # Errors
    /// Expired, revoked, or the files that decide cannot be read.
    pub fn check(&self, identity: &Identity, session: &str, now: Timestamp) -> Result<(), AuthError> {
        if let Some(at) = identity.expires.filter(|_| identity.expired(now)) {
            return Err(AuthError::Expired { at });
        }
        self.look(now).map_err(AuthError::Unavailable)?;
        if self.revoked.remembered(session) {
            return Err(AuthError::Revoked);
        }
        match identity.how {
            How::ApiKey => self.keys.check(&identity.id, now),
            How::Token if self.revoked.remembered(&identity.id) => Err(AuthError::Revoked),
            How::Token => Ok(()),
        }
    }

    /// The keys, to make and revoke them.
    #[must_use]
    pub fn keys(&self) -> &ApiKeys {
        &self.keys
    }

    /// The tokens, to make them.
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The list of revoked tokens and sessions.
    #[must_use]
    pub fn revoked(&self) -> &Revoked {
        &self.revoked
    }

    /// Reads what other processes changed, if the last look was a while ago. While it fails it is tried at every call,
    /// so that nobody slips through in between.
    fn look(&self, now: Timestamp) -> Result<(), StoreError> {
        let now = now.as_millisecond();
        let looked = self.looked.load(Ordering::Relaxed);
        // A clock set back looks too.
        if now.checked_sub(looked).is_none_or(|since| !(0..LOOK_EVERY).contains(&since)) {
            self.keys.look()?;
            self.revoked.look()?;
            self.looked.store(now, Ordering::Relaxed);
        }
        Ok(())
    }
}
