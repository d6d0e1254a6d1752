//! What can go wrong, in the four kinds that a caller answers differently.

use std::path::Path;
use std::time::Duration;

use crate::engine::StreamState;

/// Why an engine could not do what it was asked. Messages say what would be right and never hold a source's password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No such camera.
    #[error("there is no camera named {0:?}; list the cameras to see their names")]
    NotFound(String),
    /// The camera exists, but not in a state in which this can be done.
    #[error("{0}")]
    InvalidState(String),
    /// This engine cannot do that at all.
    #[error("{0}")]
    Unsupported(String),
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// What the engine relies on (ffmpeg, the camera) failed.
    #[error("{0}")]
    Dependency(String),
    /// A file or folder could not be read or written.
    #[error("{what}: {source}")]
    Disk {
        /// What was tried, with its path.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl EngineError {
    /// `did` is what was tried, as "cannot write".
    pub(crate) fn disk(did: &str, path: &Path, source: std::io::Error) -> Self {
        Self::Disk { what: format!("{did} {}", path.display()), source }
    }

    /// Whether there was no room on a disk.
    pub(crate) fn is_full_disk(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Disk { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// `reason`, as far as that is known.
    pub(crate) fn no_picture(
        camera: &str,
        state: StreamState,
        reason: Option<&str>,
        within: Duration,
    ) -> Self {
        let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let within = within.as_secs_f32();
        Self::Dependency(format!("no picture came from {camera} within {within} s; it is {state}{why}"))
    }
}
