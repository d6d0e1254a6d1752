//! Which object is meant, before and after NetBox gave it a number.

use super::ObjectKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest name of a fabric, in characters.
pub const MAX_FABRIC_NAME: usize = 32;

/// A fabric's name: lower-case letters, digits and inner hyphens, at most [`MAX_FABRIC_NAME`]. Every key begins with it, so two
/// fabrics never touch each other's objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct FabricName(String);

/// What is no name of a fabric.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be a fabric's name: use lower-case letters, digits and hyphens between them, at most {MAX_FABRIC_NAME}"
)]
pub struct InvalidFabricName(pub String);

impl FabricName {
    /// # Errors
    /// `name` has other characters, is empty or too long.
    pub fn new(name: &str) -> Result<Self, InvalidFabricName> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = !name.is_empty()
            && name.len() <= MAX_FABRIC_NAME
            && name.chars().all(|c| plain(c) || c == '-')
            && name.starts_with(plain)
            && name.ends_with(plain);
        if fits { Ok(Self(name.into())) } else { Err(InvalidFabricName(name.into())) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the key of each of the fabric's objects begins with.
    pub fn key_prefix(&self) -> String {
        format!("{}/", self.0)
    }
}

impl fmt::Display for FabricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<FabricName> for String {
    fn from(name: FabricName) -> Self {
        name.0
    }
}

impl TryFrom<String> for FabricName {
    type Error = InvalidFabricName;

    fn try_from(name: String) -> Result<Self, InvalidFabricName> {
        Self::new(&name)
    }
}

/// An object of NetBox by kind and key: of shared kinds the natural key (a slug, an AS number), of owned ones the ownership key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its key among those of its kind.
    pub key: String,
}

impl Identity {
    /// The object of `kind` with `key`.
    pub fn new(kind: ObjectKind, key: impl Into<String>) -> Self {
        Self { kind, key: key.into() }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)
    }
}
