//! The files below `state/`, in which the service keeps what the next start is to know.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The form of a file, which its first JSON value says.
#[derive(Serialize, Deserialize)]
pub(super) struct Form {
    pub(super) version: u32,
}

/// The content of a file whose form is at most `newest`; `None` where there is no file.
///
/// # Errors
/// It cannot be read, or is of a newer version, in a sentence.
pub(super) fn read(path: &Path, newest: u32) -> Result<Option<Vec<u8>>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    // One that says no form is refused by whoever knows what is to be in it.
    match serde_json::Deserializer::from_slice(&bytes).into_iter().next() {
        Some(Ok(Form { version })) if version > newest => Err(format!(
            "{} was written by a newer version (form {version}; this one reads up to {newest})",
            path.display()
        )),
        _ => Ok(Some(bytes)),
    }
}

/// The same, of a file that is one JSON value: `what` it holds, in a word.
///
/// # Errors
/// Those of `read`, or it holds something else.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, newest: u32, what: &str) -> Result<Option<T>, String> {
    let Some(bytes) = read(path, newest)? else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| format!("{} does not hold {what} of this service: {error}", path.display()))
}
