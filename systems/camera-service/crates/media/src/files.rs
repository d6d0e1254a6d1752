//! Recordings as files: what they hold, and what a kill left of them.

use std::ffi::{OsStr, OsString};

/// The name under which a file is written before it is there.
pub(crate) fn temporary_name(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".tmp");
    temporary
}
