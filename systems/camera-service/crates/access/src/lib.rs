//! Who may do what, how often, and what is written down about it: roles, tokens, API keys, rate limits,
//! links that expire, the audit log.
//!
//! It knows nothing of JSON-RPC, HTTP or cameras, and not which method needs which role: that table is the
//! service's. Everything here is synchronous; what touches the disk says so. The time is an argument.

mod argon;
mod audit;
mod authenticator;
mod file;
mod identity;
mod keys;
mod limit;
mod link;
mod published;
mod revoked;
mod role;
mod secret;
mod subnet;
mod token;

pub use audit::{AuditError, AuditLog, Entry, Event, Outcome};
pub use authenticator::Authenticator;
pub use file::StoreError;
pub use identity::{AuthError, How, Identity};
pub use keys::{ApiKeys, KeyError, KeyInfo, NewKey};
pub use limit::{Charge, Limit, LimitError, Limiter, Limits, RetryAfter};
pub use link::{LINK_LIFETIME, LinkError, Links};
pub use revoked::{Revocation, Revoked};
pub use role::{Role, UnknownRole};
pub use secret::{Secret, SecretError};
pub use subnet::Subnet;
pub use token::{Algorithm, ClaimNames, Issued, PublicKeyAlgorithm, TokenError, Tokens};

/// Random bytes of the operating system, as lower-case hexadecimal text.
///
/// # Errors
/// The operating system has none to give.
pub fn random_hex<const BYTES: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = zeroize::Zeroizing::new([0u8; BYTES]);
    getrandom::getrandom(&mut *bytes)?;
    Ok(hex(&*bytes))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
