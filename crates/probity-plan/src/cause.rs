//! Why a look was not made, or a fact not kept, where Probity itself or the operator decided so: data, from which sentences
//! are made here and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Span;

/// Why nobody looked, or what was seen was not kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cause {
    /// The operator restricted the run to other probes (`--only`).
    LeftOut,
    /// The operator's limit of the run's time was reached (`--limit`).
    TimeLimit {
        /// The limit.
        limit: Span,
    },
    /// The operator's limit of the bundle's size was reached (`--max-size`).
    SizeLimit {
        /// The limit, in bytes.
        bytes: u64,
    },
    /// The operator, or whoever ended the program, interrupted the run.
    Interrupted {
        /// The signal's name, such as `SIGTERM`.
        signal: String,
    },
    /// The evidence could not be recorded any more.
    Unrecordable,
    /// The run itself failed.
    Failed {
        /// What happened.
        detail: String,
    },
    /// The run ended before this look, and nobody wrote why.
    NotCompleted,
    /// The run came to its end without this look.
    NeverMade,
    /// The look before it lasted past this slot's time.
    SlotMissed,
    /// The look was made, and this fact was not kept: mostly one that is kept only on demand.
    NotRecorded {
        /// The fact.
        fact: String,
    },
    /// A claim that the probe needs did not hold.
    ClaimNeeded {
        /// The claim.
        claim: String,
    },
    /// The probe that it runs with was over, or never ran.
    ProbeOver {
        /// The other probe.
        probe: String,
    },
    /// The plan asks for more than the operator allowed.
    NotAllowed {
        /// The probe's impact.
        impact: crate::Impact,
        /// What the operator allowed.
        allowed: crate::Impact,
    },
    /// The other observation of a comparison was not made.
    NotBeside {
        /// The other probe.
        probe: String,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut => f.write_str("left out by --only"),
            Self::TimeLimit { limit } => write!(f, "the limit of {limit} was reached (--limit)"),
            Self::SizeLimit { bytes } => {
                write!(f, "the bundle has reached its limit of {bytes} bytes (--max-size)")
            }
            Self::Failed { detail } => write!(f, "the run failed: {detail}"),
            Self::Interrupted { signal } => write!(f, "the run was interrupted ({signal})"),
            Self::Unrecordable => f.write_str("the evidence could not be recorded"),
            Self::NotCompleted => f.write_str("the run was not completed"),
            Self::NeverMade => f.write_str("the look was never made"),
            Self::SlotMissed => f.write_str("the look before it lasted past this slot's time"),
            Self::NotRecorded { fact } => write!(f, "`{fact}` was not recorded"),
            Self::ClaimNeeded { claim } => write!(f, "the claim `{claim}` does not hold"),
            Self::ProbeOver { probe } => write!(f, "`{probe}`, which it runs with, was over"),
            Self::NotAllowed { impact, allowed } => {
                write!(f, "its impact is {impact}; {allowed} was allowed")
            }
            Self::NotBeside { probe } => write!(f, "`{probe}` was not observed beside it"),
        }
    }
}

/// Something that befell a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Happening {
    /// The `undo` of a probe ran.
    Undo {
        /// The probe.
        probe: String,
        /// What was run, secrets by name.
        command: String,
        /// The exit status of the command; absent if it did not end by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
        /// Why there is no exit status; empty if there is one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undo { probe, command, exit_code: Some(code), .. } => {
                write!(f, "undo of {probe}: {command}: exit code {code}")
            }
            Self::Undo { probe, command, detail, .. } => write!(f, "undo of {probe}: {command}: {detail}"),
        }
    }
}
