//! Checkpoints: what was appended is made durable, and the head of the tree is signed, by a thread of its own.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Head;
use super::error::{WriteError, at};
use super::log::Shared;
use crate::disk::{self, Unplaced, Unsynced};
use crate::hex::hex;

/// How often the head is signed; with the time a sync takes, at least once a second on a disk that keeps up.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(500);

/// A checkpoint that is not yet placed.
pub(super) struct PendingCheckpoint {
    pub(super) head: Head,
    /// What has to be durable before it is placed, beside the log.
    pub(super) unsynced: Vec<Unsynced>,
}

impl Shared {
    /// Makes durable what was appended, and signs the head over it.
    pub(super) fn checkpoint(&self) -> Result<(), WriteError> {
        {
            let log = self.lock();
            if log.signed == Some(log.frontier.size()) && log.unsynced.is_empty() {
                return Ok(());
            }
        }
        let (mut due, note) = self.due()?;
        self.place(&mut due, &[("checkpoint", &note)])
    }

    /// A checkpoint over what was appended so far, with its bytes.
    pub(super) fn due(&self) -> Result<(PendingCheckpoint, Vec<u8>), WriteError> {
        let (frontier, unsynced) = {
            let log = self.lock();
            (log.frontier.clone(), log.unsynced.clone())
        };
        let (size, root) = (frontier.size(), frontier.root());
        let note = self.run_key.sign(size, &root)?;
        Ok((PendingCheckpoint { head: Head { size, root: hex(&root) }, unsynced }, note))
    }

    /// Makes durable what the checkpoint covers, and these files; then they get their names, in this order.
    pub(super) fn place(
        &self,
        due: &mut PendingCheckpoint,
        files: &[(&str, &[u8])],
    ) -> Result<(), WriteError> {
        let mut unsynced = std::mem::take(&mut due.unsynced);
        let settled = unsynced.len();
        if unsynced
            .iter()
            .any(|what| what.path().parent().is_some_and(|folder| folder.ends_with("artifacts")))
        {
            unsynced.push(Unsynced::At(self.path.join("artifacts")));
        }
        unsynced.push(Unsynced::OpenFile(Arc::clone(&self.lock().file)));
        let mut unplaced = Vec::new();
        for (name, content) in files {
            let path = self.path.join(name);
            let file = Unplaced::write(&path, content).map_err(at(&path))?;
            unsynced.push(file.unsynced());
            unplaced.push((path, file));
        }
        disk::sync_together(&unsynced).map_err(|(path, source)| WriteError::File { path, source })?;
        for (path, file) in unplaced {
            file.replace().map_err(at(&path))?;
        }
        disk::sync_dir(&self.path).map_err(at(&self.path))?;
        let log = &mut *self.lock();
        log.unsynced.drain(..settled);
        log.signed = Some(due.head.size);
        Ok(())
    }

    /// Says why nothing can be recorded, or that it can be again; what may be lost of the log is lost for good.
    pub(super) fn stall(&self, reason: Option<String>) {
        let log = &mut *self.lock();
        if log.stalled.is_none() || !log.file.lost() {
            log.stalled = reason;
        }
    }

    /// The signing thread.
    pub(super) fn keep_signing(&self) {
        let _guard = Signing(self);
        loop {
            let waited = self.stop.wait_timeout_while(self.lock(), CHECKPOINT_EVERY, |log| !log.stopping);
            let (log, _) = waited.unwrap_or_else(PoisonError::into_inner);
            // Whoever stops it signs the last checkpoint.
            if log.stopping {
                return;
            }
            drop(log);
            // The next checkpoint may succeed again: then recording goes on.
            let stalled = self.checkpoint().err().map(|error| error.to_string());
            self.stall(stalled);
        }
    }
}

/// A signing thread that ends by a panic is not missed in silence.
pub(super) struct Signing<'s>(pub(super) &'s Shared);

impl Drop for Signing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stall(Some("the thread that signs checkpoints has stopped".to_owned()));
        }
    }
}
