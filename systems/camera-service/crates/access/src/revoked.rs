//! What was ended before its time: tokens (by `jti`) and sessions, one by one. API keys have their own file; all
//! tokens together end with another secret.

use crate::file::{Document, Store, StoreError};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The list of what was revoked, in a file that only its owner can reach. An entry goes when what it ended would have
/// ended by itself.
pub struct Revoked {
    store: Store<List>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// When it was revoked.
    pub at: Timestamp,
    /// When it would have ended by itself.
    pub until: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    version: u32,
    revoked: BTreeMap<String, Revocation>,
}

impl Default for List {
    fn default() -> Self {
        Self { version: Self::VERSION, revoked: BTreeMap::new() }
    }
}

impl Document for List {
    const VERSION: u32 = 1;

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

impl Revoked {
    /// Opens the list, or begins an empty one.
    ///
    /// # Errors
    /// A file that others can reach, is damaged, or was written by a newer program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { store: Store::open(path)? })
    }

    /// Ends a token or session. `until` is when it would end by itself (a token's `exp`). It is on disk, and holds for
    /// every process, when this returns.
    ///
    /// # Errors
    /// The file cannot be changed.
    pub fn revoke(&self, id: &str, until: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        self.store.change(|list| {
            list.revoked.retain(|_, entry| entry.until > now);
            let entry = list.revoked.entry(id.to_owned()).or_insert(Revocation { at: now, until });
            entry.until = entry.until.max(until);
            Ok(())
        })
    }

    /// Whether it was ended, by any process.
    ///
    /// # Errors
    /// The file cannot be read: nobody can say, so nobody gets in.
    pub fn contains(&self, id: &str) -> Result<bool, StoreError> {
        Ok(self.store.current()?.0.revoked.contains_key(id))
    }

    /// All entries, by identifier.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self) -> Result<BTreeMap<String, Revocation>, StoreError> {
        Ok(self.store.current()?.0.revoked.clone())
    }

    /// Reads what another process changed.
    pub(crate) fn look(&self) -> Result<(), StoreError> {
        self.store.current().map(|_| ())
    }

    /// Without a look at the disk.
    pub(crate) fn remembered(&self, id: &str) -> bool {
        self.store.remembered().0.revoked.contains_key(id)
    }
}
