//! The secret in `.env`: put there or exchanged, with every other line as it was.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use camera_access::Secret;
use camera_config::{Environment, JWT_SECRET, read_env_file};

use super::{Failure, because};
use service_setup::files::{Owner, Unplaced};

/// Writes a fresh secret into the file, which stays its owner's and private; begins the file if there is none.
///
/// # Errors
/// A file that cannot be read or written; it is untouched then.
pub fn put_secret(path: &Path, owner: Owner) -> Result<(), Failure> {
    let secret = Secret::random().map_err(because("no secret"))?;
    let secret = secret.expose_text().unwrap_or_default();
    let before = read_env_file(path, &Environment::new())?;
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(because(path.display())(error)),
    };
    let write = || -> std::io::Result<Unplaced> {
        let (new, mut file) = Unplaced::beside(path, "new")?;
        owner.give(new.path())?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        file.write_all(with_secret(&text, secret).as_bytes())?;
        file.sync_all()?;
        Ok(new)
    };
    let new = write().map_err(because(path.display()))?;
    // A file may be written in ways that lines do not show: what counts is how it reads.
    let mut wanted = before;
    wanted.insert(JWT_SECRET.to_owned(), secret.to_owned());
    if read_env_file(new.path(), &Environment::new())? != wanted {
        return Err(Failure::Failed(format!(
            "{}: the line of {JWT_SECRET} cannot be exchanged without changing others: write each variable on one line of its own",
            path.display()
        )));
    }
    new.place(path).map_err(because(path.display()))
}

/// The text with this secret in the place of the old one, or at its end.
fn with_secret(text: &str, secret: &str) -> String {
    let mut new = String::with_capacity(text.len() + 100);
    let mut written = false;
    for line in text.lines() {
        let assignment = line.trim_start();
        let assignment = assignment.strip_prefix("export ").unwrap_or(assignment);
        if assignment.split_once('=').is_none_or(|(name, _)| name.trim() != JWT_SECRET) {
            new.push_str(line);
            new.push('\n');
        } else if !written {
            new.push_str(&format!("{JWT_SECRET}={secret}\n"));
            written = true;
        }
    }
    if !written {
        new.push_str(&format!("{JWT_SECRET}={secret}\n"));
    }
    new
}
