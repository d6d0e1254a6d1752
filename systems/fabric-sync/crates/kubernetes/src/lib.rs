//! A fabric as Kubernetes holds it: complete lists or why not, watches, the leader's lease. Knows nothing of NetBox and nothing of
//! the mapping.
//!
//! Lists are paged reads at one resource version; a watch goes on from there. Streaming lists (`sendInitialEvents`) are never asked for,
//! so a server without them is served like any other.

pub mod access;
mod discovery;
pub mod fake;
pub mod lease;
mod lines;
mod list;
mod request;
pub mod source;
mod watch;

pub use access::{Access, AccessError};
pub use lease::{Leader, LeaseSettings, Role, Term};
pub use source::{Reading, Scope, Source};
pub use watch::{Arrival, Event};
