//! Sets a service up under systemd, step by step: each looks first, changes only what is not right yet, and says what it did on
//! standard output. And takes it off again.
//!
//! Must not know: which service it is, its configuration, what its folders hold.

pub mod account;
pub mod chosen;
pub mod files;
pub mod output;
pub mod steps;
pub mod unit;

/// Why a service is not set up, in a sentence that says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments are wrong.
    #[error("{0}")]
    Wrong(String),
    /// It could not be done.
    #[error("{0}")]
    Failed(String),
}

/// Says what was being done when it failed.
pub(crate) fn because<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure::Failed(format!("{what}: {error}"))
}
