//! Facts: what a probe saw, or the named barrier behind which it could not look (design.md, rule 2).

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cause::Cause;
use crate::value::Value;

/// Why a fact is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Barrier {
    /// The other side refused the connection.
    ConnectionRefused,
    /// No answer within the probe's time-out.
    TimedOut,
    /// No route, no such name, no such socket.
    Unreachable,
    /// The observer's user may not look.
    PermissionDenied,
    /// A tool that the kind needs is not on the target.
    ToolMissing,
    /// The operator did not allow the probe's impact.
    NotPermitted,
    /// A claim that the probe `needs` did not hold.
    Prerequisite,
    /// The run was interrupted or reached its limit.
    Aborted,
    /// Nobody looked: the slot was missed, or the fact was not asked for.
    NotMade,
    /// The observer was too busy for the measurement to mean anything.
    Overloaded,
    /// More than may be kept or read.
    TooLarge,
    /// The target, or this build, has no such thing.
    Unsupported,
    /// What came back is not what the protocol or format says.
    Protocol,
    /// It became another one while it was looked at.
    Changed,
    /// The value would show a secret, and is no text in which it could be masked.
    Masked,
}

impl Barrier {
    /// The name as written in logs and reports, for instance `connection-refused`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection-refused",
            Self::TimedOut => "timed-out",
            Self::Unreachable => "unreachable",
            Self::PermissionDenied => "permission-denied",
            Self::ToolMissing => "tool-missing",
            Self::NotPermitted => "not-permitted",
            Self::Prerequisite => "prerequisite",
            Self::Aborted => "aborted",
            Self::NotMade => "not-made",
            Self::Overloaded => "overloaded",
            Self::TooLarge => "too-large",
            Self::Unsupported => "unsupported",
            Self::Protocol => "protocol",
            Self::Changed => "changed",
            Self::Masked => "masked",
        }
    }
}

impl std::fmt::Display for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A fact that is unknown, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocked {
    /// The barrier.
    pub barrier: Barrier,
    /// Why, where Probity itself or the operator decided so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// What exactly was in the way, as the look said it: `open /etc/shadow: Permission denied`. Empty where there is a cause.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Blocked {
    /// A barrier with its detail.
    pub fn new(barrier: Barrier, detail: impl Into<String>) -> Self {
        Self { barrier, cause: None, detail: detail.into() }
    }

    /// A barrier that Probity itself or the operator put up.
    pub fn by(cause: Cause) -> Self {
        let barrier = match &cause {
            Cause::LeftOut | Cause::NotCompleted | Cause::NeverMade | Cause::SlotMissed => Barrier::NotMade,
            Cause::NotRecorded { .. } | Cause::NotBeside { .. } | Cause::TokenOver { .. } => Barrier::NotMade,
            Cause::TimeLimit { .. }
            | Cause::Interrupted { .. }
            | Cause::Unrecordable
            | Cause::Failed { .. } => Barrier::Aborted,
            Cause::SizeLimit { .. } | Cause::TooManyWaited => Barrier::TooLarge,
            Cause::Straddled => Barrier::Overloaded,
            Cause::MaskedAlike => Barrier::Masked,
            Cause::ClaimNeeded { .. } | Cause::ProbeOver { .. } | Cause::NoMachine { .. } => {
                Barrier::Prerequisite
            }
            Cause::NotAllowed { .. } => Barrier::NotPermitted,
        };
        Self { barrier, cause: Some(cause), detail: String::new() }
    }

    /// What exactly was in the way, for a person; empty if nobody said.
    pub fn why(&self) -> Cow<'_, str> {
        why(self.cause.as_ref(), &self.detail)
    }
}

/// What was in the way: the cause in words, or else what the look said.
pub fn why<'a>(cause: Option<&Cause>, detail: &'a str) -> Cow<'a, str> {
    cause.map_or(Cow::Borrowed(detail), |cause| Cow::Owned(cause.to_string()))
}

/// One fact of an observation.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// It was seen.
    Known(Value),
    /// It was not, and this is why.
    Unknown(Blocked),
}
