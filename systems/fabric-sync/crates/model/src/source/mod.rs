//! A fabric as Kubernetes holds it: kinds, objects, and what of each kind could be read. Knows nothing of NetBox.

mod kind;
mod object;
mod presence;
mod snapshot;
pub(crate) mod spec;

pub use kind::{Kind, UnknownKind};
pub use object::{Malformed, SourceObject, SourceRef};
pub(crate) use presence::{Emptiness, Presence};
pub use snapshot::{FurtherKinds, Snapshot, SourceList};
