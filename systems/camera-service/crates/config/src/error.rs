//! What can be wrong with a configuration, in words that say what would be right.

use std::path::PathBuf;

/// Why there is no configuration. The text names the file, and line and column where there are any.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// The file says something that is wrong.
    #[error("{name}:{line}:{column}: {why}")]
    Invalid {
        /// The file as it was named.
        name: String,
        /// From 1; 1 also if the whole file is meant.
        line: u64,
        /// From 1, in characters.
        column: u64,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// A secret is missing, too short, or readable by others.
    #[error("{0}")]
    Secret(String),
    /// A patch names a key that cannot be changed while the service runs.
    #[error(
        "`{key}` cannot be changed while the service runs: change it in the configuration file and restart. What can be changed: {changeable}"
    )]
    NotChangeable {
        /// The key, such as `server.listen`.
        key: String,
        /// The keys that can, separated by commas.
        changeable: String,
    },
    /// A patch gives a key a value that is wrong.
    #[error("{0}")]
    Patch(String),
}
