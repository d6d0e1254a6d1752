//! What the command line does beside running the service: one file for each command.

pub mod adopt;
pub mod apply;
pub mod check;
pub mod history;
pub mod install;
pub mod one;
pub mod plan;
pub mod prepare;
pub mod status;

use crate::config::ConfigError;

/// Why a command did not do what it was told, in a sentence that says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The arguments or the configuration are wrong: exit status 2.
    #[error("{0}")]
    Wrong(String),
    /// It could not be done: exit status 1.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// The program's exit status.
    #[must_use]
    pub const fn status(&self) -> u8 {
        match self {
            Failure::Wrong(_) => 2,
            Failure::Failed(_) => 1,
        }
    }
}

impl From<service_setup::Failure> for Failure {
    fn from(failure: service_setup::Failure) -> Self {
        match failure {
            service_setup::Failure::Wrong(why) => Failure::Wrong(why),
            service_setup::Failure::Failed(why) => Failure::Failed(why),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::Wrong(error.to_string())
    }
}

/// Says what was being done when it failed.
pub(crate) fn because<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure::Failed(format!("{what}: {error}"))
}

/// Somebody else's text, fit for a terminal.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
