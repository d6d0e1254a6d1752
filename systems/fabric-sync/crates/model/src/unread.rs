//! Why a list could not be read whole. A reason is data; its sentence is made here and nowhere matched on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What kept a list from being read whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnreadCause {
    /// Not tried yet.
    NotRead,
    /// No connection, or it broke.
    Unreachable,
    /// No answer within the call's deadline.
    TimedOut,
    /// The credentials are not accepted (401; NetBox also says 403).
    Unauthenticated,
    /// The credentials are good, but this list is refused (403).
    Forbidden,
    /// The server does not know such a kind: its CustomResourceDefinition is missing.
    KindMissing,
    /// The server answered with an error (5xx, 429 after all retries).
    ServerError,
    /// What came is not what the API describes: HTML, another shape, not JSON.
    WrongShape,
    /// It ended before its end: half a body, fewer objects than counted.
    Cut,
    /// It kept changing while it was read.
    Unsettled,
    /// The server ignored the filter and answered objects that were not asked for.
    FilterIgnored,
    /// The server lacks what this program needs before it can read anything: a version, custom fields.
    NotPrepared,
    /// It has more objects, or larger ones, than this program reads.
    TooLarge,
}

impl UnreadCause {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NotRead,
        Self::Unreachable,
        Self::TimedOut,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::KindMissing,
        Self::ServerError,
        Self::WrongShape,
        Self::Cut,
        Self::Unsettled,
        Self::FilterIgnored,
        Self::NotPrepared,
        Self::TooLarge,
    ];

    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRead => "not-read",
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::KindMissing => "kind-missing",
            Self::ServerError => "server-error",
            Self::WrongShape => "wrong-shape",
            Self::Cut => "cut",
            Self::Unsettled => "unsettled",
            Self::FilterIgnored => "filter-ignored",
            Self::NotPrepared => "not-prepared",
            Self::TooLarge => "too-large",
        }
    }
}

/// Why a list is not known: the cause, and what exactly was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// What kept it.
    pub cause: UnreadCause,
    /// What was seen, for people; holds no secret.
    pub detail: String,
}

impl Unread {
    /// `detail` may be empty.
    pub fn new(cause: UnreadCause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }
}

impl fmt::Display for UnreadCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotRead => "not read yet",
            Self::Unreachable => "not reachable",
            Self::TimedOut => "no answer in time",
            Self::Unauthenticated => "the credentials are not accepted",
            Self::Forbidden => "reading it is not allowed",
            Self::KindMissing => "the server has no such kind",
            Self::ServerError => "the server failed",
            Self::WrongShape => "the answer is not what the API describes",
            Self::Cut => "the answer was cut short",
            Self::Unsettled => "it kept changing while it was read",
            Self::FilterIgnored => "the server ignored the filter",
            Self::NotPrepared => "the server is not prepared",
            Self::TooLarge => "it is larger than what is read",
        })
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_called_as_in_json() {
        for cause in UnreadCause::ALL {
            assert_eq!(serde_json::json!(cause), cause.name());
        }
    }
}
