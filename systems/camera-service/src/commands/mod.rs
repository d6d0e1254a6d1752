//! What the command line does beside running the service: one file for each command. They meet the running service only through
//! its files and its health listener.

pub mod api_key;
pub mod archive;
mod ask;
pub mod backup;
pub mod check;
pub mod env_file;
pub mod install;
pub mod restore;
pub mod status;
pub mod token;

use camera_access::{AuditLog, Entry, Event, How, Identity, Outcome, Role};
use camera_config::{Config, ConfigError};
use jiff::Timestamp;

use crate::run::{AUDIT_LOG_MODE, StartError};
use service_setup::files::{Owner, folder_of};

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

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(error) => error.into(),
            other => Failure::Failed(other.to_string()),
        }
    }
}

/// Says what was being done when it failed.
pub(crate) fn because<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> Failure {
    move |error| Failure::Failed(format!("{what}: {error}"))
}

/// The audit log, for what is done on the command line.
pub(crate) struct Record {
    log: AuditLog,
    who: Identity,
}

impl Record {
    /// Opens the log before anything is done: what cannot be on record is not begun.
    pub(crate) fn open(config: &Config) -> Result<Self, Failure> {
        let path = &config.audit_log;
        let there = path.exists();
        let log = AuditLog::open(path, AUDIT_LOG_MODE).map_err(|error| {
            Failure::Failed(format!(
                "{error}; `camera-service install` makes its folder, and root may write there"
            ))
        })?;
        if !there {
            // What root begins must be what the service, whose the keys are, can go on with. Its folder may be somebody else's.
            Owner::of(folder_of(&config.security.api_keys)).give(path).map_err(because(path.display()))?;
        }
        let user = rustix::process::getuid().as_raw();
        let who = Identity {
            user: format!("command line, user {user}"),
            role: Role::Admin,
            expires: None,
            id: "command line".to_owned(),
            how: How::Token,
        };
        Ok(Record { log, who })
    }

    /// Adds what was done.
    pub(crate) fn write(&self, event: Event, what: &str, reason: &str) -> Result<(), Failure> {
        let entry = Entry::new(event, Outcome::Success, what).by(Some(&self.who)).because(reason);
        self.log.write(&entry, Timestamp::now()).map_err(|error| Failure::Failed(error.to_string()))
    }
}
