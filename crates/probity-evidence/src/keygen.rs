//! The stock `ssh-keygen` signs what we cannot: it asks an agent, a security key, or whoever knows the passphrase, for as long as they
//! take. Whoever is told to end ends it too.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, PoisonError};

#[cfg(unix)]
use rustix::fd::OwnedFd;

/// Those that sign now: what stands for each outlives it, so that no other process is ever meant.
#[cfg(unix)]
static SIGNING: Mutex<Vec<(u32, OwnedFd)>> = Mutex::new(Vec::new());

/// Ends every `ssh-keygen` that was started here and has not signed yet; what waits for it fails.
pub fn end_signing() {
    #[cfg(unix)]
    for (_, process) in &*SIGNING.lock().unwrap_or_else(PoisonError::into_inner) {
        // It may have ended by itself.
        let _ = rustix::process::pidfd_send_signal(process, rustix::process::Signal::TERM);
    }
}

/// Signs these bytes with the key of this file: SSHSIG in PEM form. `touched`: the key has to be touched, and says so on standard
/// error; a passphrase is asked for on the terminal itself.
pub(crate) fn sign(key: &Path, namespace: &str, touched: bool, bytes: &[u8]) -> Result<Output, String> {
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(if touched { Stdio::inherit() } else { Stdio::piped() })
        .spawn()
        .map_err(|error| format!("it could not be started ({error}); install openssh-client"))?;
    let _listed = Listed::of(&child).map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A ssh-keygen that gave up says why by its exit and its words.
        let _ = stdin.write_all(bytes);
    }
    child.wait_with_output().map_err(|error| error.to_string())
}

/// A child among those that sign.
struct Listed(u32);

impl Listed {
    fn of(child: &Child) -> io::Result<Self> {
        #[cfg(unix)]
        {
            let process = rustix::process::pidfd_open(
                rustix::process::Pid::from_child(child),
                rustix::process::PidfdFlags::empty(),
            )?;
            SIGNING.lock().unwrap_or_else(PoisonError::into_inner).push((child.id(), process));
        }
        Ok(Self(child.id()))
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        #[cfg(unix)]
        SIGNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|(id, _)| *id != self.0);
    }
}
