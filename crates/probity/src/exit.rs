//! Exit statuses: a contract (docs/command-line.md), chosen in one place.

use std::process::ExitCode;

use probity_evidence::Outcome;

/// How `probity` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// `run`, `evaluate`: accepted. `verify`: in order. Others: done.
    Fine,
    /// `run`, `evaluate`: rejected. `reproduce`: contradicted. All that read a bundle: it is altered.
    Against,
    /// `run`, `evaluate`: inconclusive. `reproduce`: not shown again. All that read a bundle: it is incomplete, its signer
    /// unknown, or it could not be compared. `try`: behind a barrier.
    Open,
    /// The plan or the call is wrong; not a bundle, or a newer format.
    Wrong,
    /// The run itself failed or was interrupted; any: its output cannot be written.
    Failed,
}

impl Exit {
    /// The status of a verdict.
    pub fn of(accepted: Option<bool>) -> Self {
        match accepted {
            Some(true) => Self::Fine,
            Some(false) => Self::Against,
            None => Self::Open,
        }
    }
}

impl Exit {
    /// The status of `verify`. `compared`: everything that was asked for was made again and is the same.
    pub fn of_verification(outcome: Outcome, compared: bool) -> Self {
        match outcome {
            Outcome::Intact if compared => Self::Fine,
            Outcome::Altered => Self::Against,
            Outcome::Intact | Outcome::Incomplete(_) | Outcome::UnknownSigner => Self::Open,
            Outcome::Newer | Outcome::NotABundle => Self::Wrong,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Against => 1,
            Exit::Open => 2,
            Exit::Wrong => 3,
            Exit::Failed => 4,
        })
    }
}

/// A message for standard error and the status it ends with.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong and what would be right.
    pub message: String,
    /// The status.
    pub exit: Exit,
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands over what it has")]
impl Failure {
    /// The plan or the call is wrong.
    pub fn wrong(message: impl ToString) -> Self {
        Self { message: message.to_string(), exit: Exit::Wrong }
    }
    /// The call is wrong, unless it was a full disk that failed.
    pub fn of(error: impl std::error::Error + 'static) -> Self {
        let mut causes =
            std::iter::successors(Some(&error as &(dyn std::error::Error + 'static)), |error| error.source());
        let is_full = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::StorageFull;
        let full = causes.any(|cause| cause.downcast_ref().is_some_and(is_full));
        if full { Self::failed(error) } else { Self::wrong(error) }
    }
    /// The run itself failed.
    pub fn failed(message: impl ToString) -> Self {
        Self { message: message.to_string(), exit: Exit::Failed }
    }
}
