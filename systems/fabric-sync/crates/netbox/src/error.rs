//! What can go wrong with a request, in the kinds that are answered differently.

use fabric_model::{Unread, UnreadCause};
use jiff::Timestamp;
use std::time::Duration;

/// Why a request had no success. Texts of NetBox are cut short and never hold the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetBoxError {
    /// The token cannot be read.
    #[error("the token cannot be read from {path}: {why}")]
    Token {
        /// The file.
        path: String,
        /// What the system said, or what is wrong with its content.
        why: String,
    },
    /// No connection, so nothing was sent.
    #[error("NetBox cannot be reached: {0}")]
    Unreachable(String),
    /// No whole answer within the deadline, or within what was left of the lease. A write may have landed.
    #[error("NetBox has not answered within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The connection broke, or the answer ended, before the answer's end. A write may have landed.
    #[error("NetBox's answer was cut short: {0}")]
    Cut(String),
    /// 401.
    #[error("NetBox does not accept the token")]
    Unauthenticated,
    /// 403: the token is not accepted, or its permissions do not suffice.
    #[error("NetBox refuses this to the token's user: {0}")]
    Forbidden(String),
    /// 404.
    #[error("NetBox has no such object")]
    NotFound,
    /// 412: the object was changed since it was read.
    #[error("the object was changed since it was read")]
    Stale,
    /// 409: other objects depend on it.
    #[error("other objects depend on it: {0}")]
    Conflict(String),
    /// 400 and other statuses by which NetBox says that the content is wrong.
    #[error("NetBox refuses it: {0}")]
    Refused(String),
    /// 429 even after waiting.
    #[error("NetBox asks to be asked less often")]
    Throttled,
    /// NetBox asked to be left alone for longer than one waits, and that time is not over: nothing was sent.
    #[error("NetBox asks not to be asked before {until}")]
    LeftAlone {
        /// Until when.
        until: Timestamp,
    },
    /// This instance may not write any more: nothing was sent.
    #[error("this instance may not write any more")]
    MayNotWrite,
    /// 5xx even after waiting.
    #[error("NetBox failed with status {status}: {text}")]
    Server {
        /// The status.
        status: u16,
        /// The beginning of what it said.
        text: String,
    },
    /// 500, and it was not carried out although NetBox works otherwise: it has a fault that this content brings to light.
    #[error("NetBox itself fails at it: {0}")]
    Broken(String),
    /// What came is not what the API describes.
    #[error("this is no answer of NetBox's API: {0}")]
    WrongShape(String),
    /// More than this program reads.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

impl NetBoxError {
    /// Whether the request may have been carried out although its answer is not known.
    pub(crate) fn may_have_landed(&self) -> bool {
        match self {
            Self::TimedOut(_)
            | Self::Cut(_)
            | Self::Server { .. }
            | Self::WrongShape(_)
            | Self::TooLarge(_) => true,
            Self::Token { .. }
            | Self::Unreachable(_)
            | Self::Unauthenticated
            | Self::Forbidden(_)
            | Self::NotFound
            | Self::Stale
            | Self::Conflict(_)
            | Self::Refused(_)
            | Self::Broken(_)
            | Self::Throttled
            | Self::LeftAlone { .. }
            | Self::MayNotWrite => false,
        }
    }

    /// The same error, once it is known that NetBox answers and has not carried the request out.
    pub(crate) fn not_landed(self) -> Self {
        match self {
            Self::Server { status: 500, text } => Self::Broken(text),
            error => error,
        }
    }

    /// What it is of the reasons for which a list is not read.
    pub fn cause(&self) -> UnreadCause {
        match self {
            Self::Unreachable(_) => UnreadCause::Unreachable,
            Self::TimedOut(_) => UnreadCause::TimedOut,
            Self::Cut(_) => UnreadCause::Cut,
            Self::Token { .. } | Self::Unauthenticated => UnreadCause::Unauthenticated,
            Self::Forbidden(_) => UnreadCause::Forbidden,
            Self::NotFound => UnreadCause::KindMissing,
            Self::TooLarge(_) => UnreadCause::TooLarge,
            Self::Throttled | Self::LeftAlone { .. } | Self::Server { .. } | Self::Broken(_) => {
                UnreadCause::ServerError
            }
            Self::Stale | Self::Conflict(_) | Self::Refused(_) | Self::MayNotWrite | Self::WrongShape(_) => {
                UnreadCause::WrongShape
            }
        }
    }

    /// Whether it lies with this object alone, so that others may be tried.
    pub(crate) fn is_about_the_object(&self) -> bool {
        matches!(
            self,
            Self::NotFound
                | Self::Stale
                | Self::Conflict(_)
                | Self::Refused(_)
                | Self::Forbidden(_)
                | Self::Broken(_)
        )
    }
}

impl From<NetBoxError> for Unread {
    fn from(error: NetBoxError) -> Self {
        Self::new(error.cause(), error.to_string())
    }
}
