//! Text files below a folder that somebody names: a listing only, nothing is opened.

use std::io;
use std::path::{Path, PathBuf};

/// Folders inside each other; a deeper one is refused.
const MAX_DEPTH: usize = 64;

/// Files; more are refused.
const MAX_FILES: usize = 100_000;

/// The files with this extension (in any case) below a folder, in the order of their paths; hidden folders and links are left out.
/// A path that is no folder is itself the listing.
///
/// # Errors
/// If a folder cannot be listed, or holds more than can be meant.
pub fn files_below(path: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut out = Vec::new();
    list(path, extension, 0, &mut out)?;
    out.sort();
    Ok(out)
}

fn list(folder: &Path, extension: &str, depth: usize, out: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(io::Error::other(format!("folders more than {MAX_DEPTH} deep")));
    }
    for item in std::fs::read_dir(folder)? {
        let item = item?;
        let (kind, path) = (item.file_type()?, item.path());
        let hidden = item.file_name().as_encoded_bytes().starts_with(b".");
        if kind.is_dir() && !hidden {
            list(&path, extension, depth + 1, out)?;
        } else if kind.is_file() && path.extension().is_some_and(|own| own.eq_ignore_ascii_case(extension)) {
            out.push(path);
        }
        if out.len() > MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} files")));
        }
    }
    Ok(())
}
