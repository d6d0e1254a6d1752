//! Where an installation keeps what: the folder that `--home` names.

use std::path::{Path, PathBuf};

use camera_config::{Config, Environment, Secrets};

/// An installation's folder, `/opt/camera-service` unless told otherwise.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

/// Where an installation is unless told otherwise.
pub const DEFAULT: &str = "/opt/camera-service";

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
        self.0.join("config/camera-service.yaml")
    }

    /// The secrets.
    #[must_use]
    pub fn env_file(&self) -> PathBuf {
        self.0.join(".env")
    }

    /// What the service itself keeps.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    /// The installed program.
    #[must_use]
    pub fn executable(&self) -> PathBuf {
        self.0.join("bin/camera-service")
    }

    /// Held by the service that runs here.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("state/lock")
    }

    /// What calls changed.
    #[must_use]
    pub fn changes(&self) -> PathBuf {
        self.0.join("state/changes.json")
    }

    /// Which files bear a time that is not to be believed.
    #[must_use]
    pub fn undated(&self) -> PathBuf {
        self.0.join("state/undated.jsonl")
    }

    /// Which recordings are not over.
    #[must_use]
    pub fn wanted_recordings(&self) -> PathBuf {
        self.0.join("state/recordings.json")
    }

    /// Reads configuration and variables.
    ///
    /// # Errors
    /// What is wrong, where, and what would be right.
    pub fn read(&self) -> Result<(Config, Environment), camera_config::ConfigError> {
        let process: Environment = std::env::vars().collect();
        let environment = camera_config::read_env_file(&self.env_file(), &process)?;
        let config = camera_config::load(&self.config(), &environment)?;
        Ok((config, environment))
    }

    /// The secrets among the variables.
    ///
    /// # Errors
    /// One is missing, or can be guessed.
    pub fn secrets(&self, environment: &Environment) -> Result<Secrets, camera_config::ConfigError> {
        camera_config::secrets(environment, &self.env_file())
    }
}
