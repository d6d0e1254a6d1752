//! Where an installation keeps what: the folder that `--home` names.

use std::path::{Path, PathBuf};

/// Where an installation is unless told otherwise.
pub const DEFAULT: &str = "/opt/fabric-sync";

/// An installation's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The installation in that folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Home(folder.into())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("config/fabric-sync.yaml")
    }

    /// Tokens and keys.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.0.join("secrets")
    }

    /// What the service itself keeps: the history, what NetBox refused.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// The history of a fabric.
    #[must_use]
    pub fn history(&self, fabric: &str) -> PathBuf {
        self.state().join(format!("{fabric}.history.jsonl"))
    }

    /// What NetBox refused of a fabric.
    #[must_use]
    pub fn quarantine(&self, fabric: &str) -> PathBuf {
        self.state().join(format!("{fabric}.quarantine.json"))
    }

    /// Held by whoever writes for a fabric here.
    #[must_use]
    pub fn lock(&self, fabric: &str) -> PathBuf {
        self.state().join(format!("{fabric}.lock"))
    }

    /// The installed program.
    #[must_use]
    pub fn executable(&self) -> PathBuf {
        self.0.join("bin/fabric-sync")
    }
}
