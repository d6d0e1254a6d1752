//! How full the disk under a library is, and whether more may be written.

use crate::{Library, StorageError};
use rustix::fs::StatVfsMountFlags;

/// When to warn and when to block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Per cent of the disk in use from which to warn; below `block`.
    pub warn: u8,
    /// Per cent of the disk in use from which to block.
    pub block: u8,
    /// Bytes that must be free whatever the percentages say: room for one more file.
    pub headroom: u64,
}

/// What may still be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Enough room.
    Ok,
    /// Files should be deleted.
    Warn,
    /// Nothing new may be written.
    Block,
}

/// How full the disk is.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Usage {
    /// Bytes of the file system.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes that the service may still write (what is reserved for root is not counted).
    pub free: u64,
    /// Bytes in use of what the service could use, in per cent from 0 to 100, as `df` counts.
    pub percent: f64,
    /// What may still be done.
    pub level: Level,
    /// Why it is not `ok`; else empty.
    pub why: String,
}

impl Usage {
    /// Bytes that are to be freed until no more than so many per cent are in use.
    #[must_use]
    pub fn over(&self, percent: u8) -> u64 {
        let used = u128::from(self.used);
        let allowed = (used + u128::from(self.free)) * u128::from(percent) / 100;
        u64::try_from(used.saturating_sub(allowed)).unwrap_or(u64::MAX)
    }
}

impl Library {
    /// How full the disk is. Cheap: no file is looked at.
    pub fn usage(&self, thresholds: &Thresholds) -> Result<Usage, StorageError> {
        let disk = rustix::fs::fstatvfs(self.folder()?)
            .map_err(|errno| self.failed("look at the disk", None, errno))?;
        let no_names = disk.f_files > 0 && disk.f_favail == 0;
        let read_only = disk.f_flag.contains(StatVfsMountFlags::RDONLY);
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        let used = bytes(disk.f_blocks.saturating_sub(disk.f_bfree));
        let mut usage = measure(bytes(disk.f_blocks), used, bytes(disk.f_bavail), thresholds);
        if read_only || no_names {
            let what = if read_only {
                "the file system is mounted read-only"
            } else {
                "the file system can hold no more files"
            };
            usage = Usage { level: Level::Block, why: what.into(), ..usage };
        }
        Ok(usage)
    }

    /// How many files there are and their bytes together. Looks at every file.
    pub fn size(&self) -> Result<(u64, u64), StorageError> {
        let files = self.all()?;
        Ok((files.len() as u64, files.iter().map(|file| file.bytes).sum()))
    }
}

/// The level by numbers alone.
fn measure(total: u64, used: u64, free: u64, thresholds: &Thresholds) -> Usage {
    let usable = u128::from(used) + u128::from(free);
    // A file system of size 0 (some pseudo file systems) has no percentage, and no room.
    let percent = if usable == 0 { 100.0 } else { used as f64 * 100.0 / usable as f64 };
    let reaches = |limit: u8| u128::from(used) * 100 >= usable * u128::from(limit);
    let (level, why) = if reaches(thresholds.block) {
        (
            Level::Block,
            format!("{percent:.1} % is used, and from {} % on nothing is written", thresholds.block),
        )
    } else if free < thresholds.headroom {
        (
            Level::Block,
            format!("{free} bytes are free, less than the {} that one file may take", thresholds.headroom),
        )
    } else if reaches(thresholds.warn) {
        (Level::Warn, format!("{percent:.1} % is used, the warning comes at {} %", thresholds.warn))
    } else {
        (Level::Ok, String::new())
    };
    Usage { total, used, free, percent, level, why }
}
