//! Who somebody is once that was proved, and why it was not.

use crate::file::StoreError;
use crate::role::Role;
use jiff::Timestamp;
use serde::Serialize;

/// Somebody who proved who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The token's `user_id`, or the key's name. Limits count by it, so that more tokens are not more calls.
    pub user: String,
    /// What they may do.
    pub role: Role,
    /// From this moment on they are nobody; `None` is a key without an end.
    pub expires: Option<Timestamp>,
    /// The credential: a token's `jti` (or a digest where it has none), a key's identifier. It is no secret, and
    /// what one revokes.
    pub id: String,
    /// By what.
    pub how: How,
}

impl Identity {
    /// Whether it is over at this moment. To be asked with each call: a session outlives no token.
    #[must_use]
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

/// By what somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A JSON Web Token.
    Token,
    /// An API key.
    ApiKey,
}

/// Why somebody is not authenticated. The messages may be shown to the client: they hold nothing of the
/// credential, and a wrong secret reads the same as an unknown key.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Over 8 KiB; nothing of it was parsed.
    #[error("the credential has {bytes} bytes; at most 8192 are read")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Neither a token nor a key.
    #[error("this is neither a JSON Web Token (three parts with dots between) nor an API key (cs_ID_SECRET)")]
    Malformed,
    /// `none`, or any algorithm but the configured one.
    #[error("the token is not signed with {expected}, the only algorithm accepted here")]
    Algorithm {
        /// The configured one.
        expected: &'static str,
    },
    /// Signed with a key that is not among those published.
    #[error(
        "the token is signed with a key that the identity provider does not publish, as far as is known here"
    )]
    UnknownSigner,
    /// The identity provider's keys have not come yet.
    #[error("the identity provider's keys are not here yet; try again in a moment")]
    NoKeysYet,
    /// Signed by somebody else, or altered.
    #[error("the token's signature is wrong: it was altered, or made with another secret or key")]
    Signature,
    /// A claim that is missing, of the wrong type, or out of range.
    #[error("the token's claims are wrong: {0}")]
    Claim(String),
    /// It was good until then.
    #[error("expired at {at}")]
    Expired {
        /// Its end.
        at: Timestamp,
    },
    /// Its beginning lies in the future.
    #[error("not valid before {from}: compare the clocks of this machine and of the one that made the token")]
    NotYet {
        /// Its beginning.
        from: Timestamp,
    },
    /// Somebody ended it.
    #[error("revoked")]
    Revoked,
    /// No such key, or not its secret.
    #[error("no such API key, or its secret is wrong")]
    UnknownKey,
    /// Too many keys are being verified at this moment.
    #[error("too many keys are being verified at this moment; try again in a second")]
    Busy,
    /// The files that decide cannot be read; nobody gets in by that.
    #[error("the service cannot read its keys; its log says why")]
    Unavailable(#[source] StoreError),
}

impl AuthError {
    /// Whether the credential was good once: its holder may be told so, and where the end came from.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::Revoked)
    }

    /// Whether it says nothing about the credential: the service itself could not look.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable(_) | Self::NoKeysYet)
    }
}
