//! The evidence log, its Merkle tree, checkpoints and signatures, the bundle on disk, the run ledger, and reading a
//! hostile bundle.
//!
//! Must not know: what a claim means, how a probe works, what a report looks like.

mod archive;
pub mod bundle;
pub mod checkpoint;
pub mod declared;
mod disk;
pub mod entry;
mod folder;
mod hex;
pub mod key;
mod keygen;
pub mod ledger;
pub mod left_over;
pub mod line;
mod listing;
mod pipeline;
mod projection;
mod quoted;
pub mod signers;
pub mod store;
pub mod tree;
pub mod verify;
pub mod writer;

pub use bundle::{Bundle, ReadError};
pub use declared::Declared;
pub use disk::{OpenFile, read_to_string_capped};
pub use entry::{Body, Close, Endorsement, Entry, Start};
pub use folder::{PlanFolder, create_new};
pub use hex::digest;
pub use key::Key;
pub use keygen::end_signing;
pub use ledger::Ledger;
pub use listing::files_below;
pub use projection::Reading;
pub use signers::Signers;
pub use verify::{Check, CheckId, Gap, Outcome, Status, Verification, verify, verify_bundle};
pub use writer::{Opening, Writer};

/// The version of the bundle format this crate writes. It reads this one and older ones and refuses newer ones.
pub const FORMAT: u32 = 1;
