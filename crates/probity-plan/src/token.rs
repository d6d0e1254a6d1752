//! JSON Web Tokens that a run makes for itself from a secret, sound ones and ones with one defect. Must not know how they are signed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::template::Template;
use crate::units::Span;

/// A JSON Web Token (RFC 7519), made when the run begins and signed with HMAC (RFC 7515).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The secret input, declared before this one, that holds the key.
    pub key: String,
    /// Its claims, beside `iat`, the moment at which it is made, which a claim of that name replaces.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Template>,
    /// How long it is good: `exp` is so much after `iat`. Without it, there is no `exp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Span>,
    /// The algorithm; `HS256` without it.
    #[serde(default, skip_serializing_if = "Algorithm::is_usual")]
    pub algorithm: Algorithm,
    /// What is wrong with it; without it, nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<Defect>,
}

/// An algorithm of signature (RFC 7518, 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[default]
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

impl Algorithm {
    /// As the token's header says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_usual(&self) -> bool {
        *self == Self::HS256
    }
}

/// What is wrong with a token, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// It was made two hours before and was good for one.
    Expired,
    /// `nbf` is an hour ahead.
    NotYetValid,
    /// It is signed with another key: random bytes.
    OtherKey,
    /// It says that it is not signed (`"alg": "none"`), and is not.
    None,
    /// It is signed with the same key by another algorithm: HS512, or HS256 where that is the right one.
    OtherAlgorithm,
    /// A claim was added after it was signed.
    Altered,
    /// The second half of its signature is missing.
    Cut,
}

impl Defect {
    /// The claim that is this defect, and so is no claim of the plan's.
    pub(crate) const fn own_claim(self) -> Option<&'static str> {
        match self {
            Self::Expired => Some("exp"),
            Self::NotYetValid => Some("nbf"),
            Self::Altered => Some("altered"),
            Self::OtherKey | Self::None | Self::OtherAlgorithm | Self::Cut => None,
        }
    }
}
