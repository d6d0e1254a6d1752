//! Why a look was not made, or a fact not kept, where Probity itself or the operator decided so: data, from which sentences
//! are made here and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::observation::Trial;
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
    /// The trial has no machine to run on.
    NoMachine {
        /// The machine, as the plan calls it.
        machine: String,
        /// Why there is none.
        why: String,
    },
    /// The plan asks for more than the operator allowed.
    NotAllowed {
        /// The probe's impact.
        impact: crate::Impact,
        /// What the operator allowed.
        allowed: crate::Impact,
    },
    /// The time of a token that it sends is over: it would be refused for that.
    TokenOver {
        /// The input that the token is.
        token: String,
        /// Until when it was what the plan says of it.
        until: jiff::Timestamp,
    },
    /// The other observation of a comparison was not made.
    NotBeside {
        /// The other probe.
        probe: String,
    },
    /// The limit that it is held against lies inside the measured interval.
    Straddled,
    /// More observations waited for the other one of their comparison than are held at once.
    TooManyWaited,
    /// What authenticates is masked in it, and masked values look alike.
    MaskedAlike,
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
            Self::NoMachine { machine, why } => write!(f, "the trial has no machine `{machine}`: {why}"),
            Self::NotAllowed { impact, allowed } => {
                write!(f, "it takes --allow {impact}; {allowed} was allowed")
            }
            Self::TokenOver { token, until } => {
                write!(f, "the token `{token}` is what the plan says of it until {until} only")
            }
            Self::NotBeside { probe } => write!(f, "`{probe}` was not observed beside it"),
            Self::Straddled => f.write_str("the measured interval straddles the limit"),
            Self::TooManyWaited => f.write_str("too much to hold until the other observation comes"),
            Self::MaskedAlike => {
                f.write_str("what authenticates is masked in it, and masked values look alike")
            }
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
    /// A machine was made for a trial, or it was tried.
    Up(OfMachine),
    /// The machine of a trial was removed, or it was tried.
    Down(OfMachine),
}

/// What came of a command that makes or removes a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfMachine {
    /// The trial, with the machine's name.
    pub trial: Trial,
    /// What was run.
    pub command: String,
    /// The exit status of the command; absent if it did not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// Why it did not do what it should; empty if it did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl OfMachine {
    /// Whether the command did what it should.
    pub fn is_done(&self) -> bool {
        self.exit_code == Some(0) && self.detail.is_empty()
    }

    /// What came of it: `exit code 1: no space left`.
    pub fn outcome(&self) -> String {
        let Self { exit_code, detail, .. } = self;
        let ended = exit_code.map(|code| format!("exit code {code}"));
        [ended, Some(detail.clone()).filter(|detail| !detail.is_empty())]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(": ")
    }

    fn tell(&self, f: &mut fmt::Formatter<'_>, what: &str) -> fmt::Result {
        let Self { trial, command, .. } = self;
        write!(f, "{what} {} for {}: {command}: {}", trial.machine, trial.label(), self.outcome())
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undo { probe, command, exit_code: Some(code), .. } => {
                write!(f, "undo of {probe}: {command}: exit code {code}")
            }
            Self::Undo { probe, command, detail, .. } => write!(f, "undo of {probe}: {command}: {detail}"),
            Self::Up(machine) => machine.tell(f, "make machine"),
            Self::Down(machine) => machine.tell(f, "remove machine"),
        }
    }
}
