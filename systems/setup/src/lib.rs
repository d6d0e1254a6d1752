//! Sets a service up under systemd, step by step: each looks first, changes only what is not right yet, and says what it did on
//! standard output. And takes it off again.
//!
//! Must not know: which service it is, its configuration, what its folders hold.

pub mod account;
pub mod files;
pub mod steps;
pub mod unit;

/// What could not be done, in a sentence that says what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub String);

/// Says what was being done when it failed.
pub(crate) fn because<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Failed {
    move |error| Failed(format!("{what}: {error}"))
}
