//! Which files are deleted when, and deleting them. Deciding is pure; doing it reports what was seen to be gone.

use crate::{FileInfo, FileName, Library, StorageError};
use jiff::Timestamp;
use std::time::Duration;

/// What decides which files are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Files last written to longer ago than this.
    Age(Duration),
    /// The oldest, until what is left is no more than this many bytes.
    Size(u64),
    /// The oldest, until so many bytes are free again.
    Free(u64),
    /// None.
    Manual,
}

/// What a cleanup did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Cleaned {
    /// The files that are gone.
    pub removed: Vec<Removed>,
    /// Their bytes together.
    pub bytes_freed: u64,
    /// The files that should be gone and are not.
    pub failed: Vec<Failed>,
}

impl Cleaned {
    /// Adds what another cleanup did.
    pub fn add(&mut self, other: Self) {
        self.removed.extend(other.removed);
        self.bytes_freed += other.bytes_freed;
        self.failed.extend(other.failed);
    }
}

/// A file that is gone.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Removed {
    /// Its name.
    pub name: FileName,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A file that should be gone and is not.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failed {
    /// Its name.
    pub name: FileName,
    /// Why it is still there.
    pub why: String,
}

/// The files to delete, oldest first. Only files that the service named are counted or chosen; those in use are counted (a recording takes
/// its room) and never chosen. A file from the future is kept.
///
/// The oldest are those last written to longest ago; the time in a name may be that of a wrong clock, and is not put right. So may be the time
/// of last writing of those that are `undated`, which says the place of each among them: they are newer than all others, and of no known age.
pub fn plan_cleanup<'a>(
    files: &'a [FileInfo],
    retention: Retention,
    now: Timestamp,
    in_use: &dyn Fn(&FileName) -> bool,
    undated: &dyn Fn(&FileName) -> Option<usize>,
) -> Vec<&'a FileInfo> {
    let mut ours: Vec<&FileInfo> = files.iter().filter(|file| file.name.began().is_some()).collect();
    ours.sort_by_cached_key(|&file| (undated(&file.name), file.modified, &file.name));
    match retention {
        Retention::Manual => Vec::new(),
        Retention::Age(age) => ours
            .into_iter()
            .filter(|file| {
                now.duration_since(file.modified).try_into().is_ok_and(|since: Duration| since > age)
            })
            .filter(|file| !in_use(&file.name) && undated(&file.name).is_none())
            .collect(),
        Retention::Size(limit) => {
            let all: u128 = ours.iter().map(|file| u128::from(file.bytes)).sum();
            oldest(ours, all.saturating_sub(limit.into()), in_use)
        }
        Retention::Free(bytes) => oldest(ours, bytes.into(), in_use),
    }
}

/// The first files that are not in use and together take so many bytes.
fn oldest<'a>(
    files: Vec<&'a FileInfo>,
    bytes: u128,
    in_use: &dyn Fn(&FileName) -> bool,
) -> Vec<&'a FileInfo> {
    let mut freed = 0;
    let files = files.into_iter().filter(|file| !in_use(&file.name));
    files
        .take_while(|file| {
            let more = freed < bytes;
            freed += u128::from(file.bytes);
            more
        })
        .collect()
}

impl Library {
    /// Deletes what `retention` no longer allows. One file that cannot be deleted does not keep the others; one that somebody else
    /// deletes meanwhile is neither removed nor failed.
    pub fn cleanup(
        &self,
        retention: Retention,
        now: Timestamp,
        in_use: &dyn Fn(&FileName) -> bool,
        undated: &dyn Fn(&FileName) -> Option<usize>,
    ) -> Result<Cleaned, StorageError> {
        let mut cleaned = Cleaned::default();
        let files = self.all()?;
        let folder = self.folder()?;
        for file in plan_cleanup(&files, retention, now, in_use, undated) {
            match self.delete_in(&folder, &file.name, in_use) {
                Ok(deleted) => {
                    cleaned.bytes_freed += deleted.bytes;
                    cleaned.removed.push(Removed { name: file.name.clone(), bytes: deleted.bytes });
                }
                Err(StorageError::NotFound(_) | StorageError::InUse(_)) => {}
                Err(error) => cleaned.failed.push(Failed { name: file.name.clone(), why: error.to_string() }),
            }
        }
        Ok(cleaned)
    }
}
