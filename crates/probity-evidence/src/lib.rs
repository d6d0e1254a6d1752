//! The evidence log, its Merkle tree, checkpoints and signatures, the bundle on disk, the run ledger, and reading a
//! hostile bundle.
//!
//! Must not know: what a claim means, how a probe works, what a report looks like.

pub mod entry;

pub use entry::{Body, Close, Endorsement, Entry, Start};

/// The version of the bundle format this crate writes. It reads this one and older ones and refuses newer ones.
pub const FORMAT: u32 = 1;
