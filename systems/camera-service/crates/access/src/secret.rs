//! A secret: bytes that no log, message or error can show, and that are overwritten when dropped.

use crate::file::{self, StoreError};
use std::fmt;
use std::path::Path;
use zeroize::Zeroizing;

/// Bytes that only `expose` hands out. `Debug` and `Display` print a placeholder of the same length for every
/// secret; there is no `Serialize` and no comparison.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The least length of a secret that signs, in bytes: that of the hash (RFC 7518, section 3.2).
    pub const LEAST: usize = 32;

    /// Takes the bytes; the caller's own copies are the caller's.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// 32 random bytes, as 64 hexadecimal digits: what `install` writes into the environment file.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn random() -> Result<Self, SecretError> {
        Ok(Self::new(crate::random_hex::<32>().map_err(|error| SecretError::Random(error.to_string()))?))
    }

    /// Reads a secret from a file that only its owner may read; line ends at its end do not count.
    ///
    /// # Errors
    /// No such file, one that others may read (with the `chmod` to type), over 64 KiB.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let mut bytes = file::read_private(path, 64 << 10)?;
        while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            bytes.pop();
        }
        Ok(Self(bytes))
    }

    /// The bytes themselves. Never for a message.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are UTF-8: for printing a new key or token once.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether it is good enough to sign with: at least [`Secret::LEAST`] bytes, not one character or short
    /// phrase again and again, and no key file in PEM (a public key that everybody has is no secret).
    ///
    /// # Errors
    /// What is wrong with it, and the command that makes a good one.
    pub fn check_strength(&self) -> Result<(), SecretError> {
        if self.0.len() < Self::LEAST {
            return Err(SecretError::Short { bytes: self.0.len() });
        }
        if self.0.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(SecretError::Pem);
        }
        let mut seen = [false; 256];
        self.0.iter().for_each(|byte| seen[usize::from(*byte)] = true);
        let distinct = seen.iter().filter(|seen| **seen).count();
        if distinct < 8 { Err(SecretError::Repeating { distinct }) } else { Ok(()) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why there is no usable secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Fewer than 32 bytes.
    #[error("the secret has {bytes} bytes; it needs at least 32 (`openssl rand -hex 32` makes one)")]
    Short {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Hardly any different characters.
    #[error(
        "the secret has only {distinct} different characters, so it can be guessed (`openssl rand -hex 32` makes one)"
    )]
    Repeating {
        /// Different bytes in it.
        distinct: usize,
    },
    /// A key file where a secret was asked for.
    #[error(
        "the secret is a key in PEM form; with a public key choose RS256 or ES256, with HS256 give a random secret (`openssl rand -hex 32`)"
    )]
    Pem,
    /// The file that should hold it.
    #[error(transparent)]
    File(#[from] StoreError),
    /// No random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(String),
}

#[cfg(test)]
mod tests {
    use super::{Secret, SecretError};

    #[test]
    fn no_way_of_printing_shows_it() {
        let secret = Secret::new("hunter2hunter2hunter2hunter2hunter2");
        for text in [
            format!("{secret}"),
            format!("{secret:?}"),
            format!("{secret:#?}"),
            format!("{:?}", Some(&secret)),
        ] {
            assert!(!text.contains("hunter2"), "{text}");
        }
        assert_eq!(secret.to_string(), Secret::new("x").to_string(), "nor its length");
    }

    #[test]
    fn what_can_be_guessed_or_is_public_signs_nothing() {
        assert!(matches!(
            Secret::new("x".repeat(31)).check_strength(),
            Err(SecretError::Short { bytes: 31 })
        ));
        assert!(matches!(
            Secret::new("x".repeat(64)).check_strength(),
            Err(SecretError::Repeating { distinct: 1 })
        ));
        assert!(matches!(
            Secret::new("changeme".repeat(8)).check_strength(),
            Err(SecretError::Repeating { .. })
        ));
        let pem =
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n";
        assert!(matches!(Secret::new(pem).check_strength(), Err(SecretError::Pem)));
        assert!(Secret::random().unwrap().check_strength().is_ok());
    }
}
