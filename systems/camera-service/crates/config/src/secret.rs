//! The secrets, which never stand in the YAML file: they come from the environment or a file `.env` that nobody else may read.
//! There is no default: without a secret the service does not start.

use crate::{ConfigError, Environment};
use std::{
    fmt,
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// The variable with the secret that signs tokens and links; at least 32 bytes.
pub const JWT_SECRET: &str = "CAMERA_SERVICE_JWT_SECRET";
/// The variable with the password of MediaMTX's API.
pub const MEDIAMTX_PASSWORD: &str = "CAMERA_SERVICE_MEDIAMTX_PASSWORD";
/// Secrets that stand in the published code, documents and tests of the service whose place this one takes: whoever has read them
/// can sign tokens with them.
const PUBLISHED: [&str; 11] = [
    "dev-secret-change-me",
    "test-secret-key",
    "test-secret-dev-only",
    "edge-device-secret-key-change-in-production",
    "d0adf90f433d25a0f1d8b9e384f77976fff12f3ecf57ab39364dcc83731aa6f7",
    "e2e_test_secret_key_for_testing_only",
    "test_secret_key_for_unit_testing_only",
    "test-secret-key-for-testing-only-do-not-use-in-production",
    "test-secret-key-for-websocket-tests-only",
    "your-secret-key-change-in-production",
    "your-production-secret-key-here",
];
/// What `${NAME}` must not put into a configuration, which is shown to administrators.
pub(crate) const NAMES: [&str; 2] = [JWT_SECRET, MEDIAMTX_PASSWORD];

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for whoever signs or logs in with it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the service must know and never show.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Signs tokens and links; at least 32 bytes.
    pub jwt: Secret,
    /// Of MediaMTX's API, if it asks for one.
    pub mediamtx_password: Option<Secret>,
}

/// The variables of the file `.env` at `path`, and over them those of the process. A file that is not there adds nothing; one that others
/// than its owner may read or write is refused.
pub fn read_env_file(path: &Path, process: &Environment) -> Result<Environment, ConfigError> {
    let refuse = |why: String| ConfigError::Unreadable { path: path.into(), why };
    // Not blocking: a fifo in its place must not hang the start.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(process.clone()),
        Err(error) => return Err(refuse(error.to_string())),
    };
    let metadata = file.metadata().map_err(|error| refuse(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("this is not a file".into()));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(refuse(format!(
            "others than its owner may use this file of secrets (mode {:o}): type `chmod 600 {}`, and change the secrets if somebody may have read them",
            metadata.mode() & 0o7777,
            path.display()
        )));
    }
    let mut text = String::new();
    file.take(64 << 10).read_to_string(&mut text).map_err(|error| refuse(error.to_string()))?;
    for (index, line) in text.lines().enumerate() {
        // Shells, systemd and dotenv disagree on what it means; a secret would silently be another one.
        let value = line.split_once('=').map_or("", |(_, value)| value.trim_start());
        if !line.trim_start().starts_with('#') && value.contains('$') && !value.starts_with('\'') {
            return Err(refuse(format!("line {}: put a value with `$` between single quotes", index + 1)));
        }
    }
    let mut variables = Environment::new();
    for entry in dotenvy::from_read_iter(text.as_bytes()) {
        // The error would repeat the line, and with it a secret.
        let (name, value) = entry.map_err(|_| {
            let line = text
                .lines()
                .position(|line| dotenvy::from_read_iter(line.as_bytes()).any(|entry| entry.is_err()));
            let place = line.map(|line| format!("line {}: ", line + 1)).unwrap_or_default();
            refuse(format!(
                "{place}this is not NAME=value; put a value with blanks or quotes between single quotes"
            ))
        })?;
        variables.insert(name, value);
    }
    variables.extend(process.iter().map(|(name, value)| (name.clone(), value.clone())));
    Ok(variables)
}

/// Takes the secrets out of the variables. `env_file` is where the error says to put what is missing.
pub fn secrets(environment: &Environment, env_file: &Path) -> Result<Secrets, ConfigError> {
    let make = format!(
        "make one with `camera-service install`, or type `(umask 077; echo \"{JWT_SECRET}=$(head -c 48 /dev/urandom | base64 -w 0)\" >> {})`",
        env_file.display()
    );
    let jwt = environment.get(JWT_SECRET).map(String::as_str).unwrap_or_default();
    if jwt.is_empty() {
        return Err(ConfigError::Secret(format!(
            "there is no secret to sign tokens with: {JWT_SECRET} is neither in the environment nor in {}; {make}",
            env_file.display()
        )));
    }
    if let Some(published) = PUBLISHED.iter().find(|published| **published == jwt.trim()) {
        return Err(ConfigError::Secret(format!(
            "{JWT_SECRET} is \"{published}\", a default that was published, so that anybody can make tokens with it; {make}"
        )));
    }
    if jwt.len() < 32 {
        return Err(ConfigError::Secret(format!(
            "{JWT_SECRET} has {} bytes and can be guessed; it must have at least 32; {make}",
            jwt.len()
        )));
    }
    if jwt.bytes().collect::<std::collections::HashSet<_>>().len() < 8 {
        return Err(ConfigError::Secret(format!(
            "{JWT_SECRET} repeats a few characters and can be guessed; {make}"
        )));
    }
    let mediamtx_password =
        environment.get(MEDIAMTX_PASSWORD).filter(|password| !password.is_empty()).cloned().map(Secret);
    Ok(Secrets { jwt: Secret(jwt.into()), mediamtx_password })
}
