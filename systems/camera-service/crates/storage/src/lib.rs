//! Recordings and snapshots as files: their names, lists, deletion, retention, and how full the disk is.
//!
//! A [`Library`] is one folder. It answers that something was done only after it has seen the effect, follows no symbolic link, and
//! never deletes what is in use or what it did not name. It must not know of cameras beyond their names, of media formats (whoever wants
//! a duration asks ffprobe), of JSON-RPC, nor of the configuration. The clock is an argument.
//!
//! * [`FileName`], [`recording_name`]: what a file may be called, and what the service calls it.
//! * [`Library`]: list, information, open, delete. [`Draft`]: a file that appears whole or not at all.
//! * [`Thresholds`], [`Usage`], [`Level`]: how full the disk is. [`Retention`], [`plan_cleanup`], [`Library::cleanup`]: what is deleted when.

mod draft;
mod error;
mod library;
mod name;
mod retention;
mod usage;

pub use draft::Draft;
pub use error::StorageError;
pub use library::{Deleted, FileInfo, Library, Listing};
pub use name::{FileName, NameError, recording_name};
pub use retention::{Cleaned, Failed, Removed, Retention, plan_cleanup};
pub use usage::{Level, Thresholds, Usage};
