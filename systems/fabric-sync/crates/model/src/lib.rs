//! What a fabric and NetBox's picture of it are: source objects, what NetBox should hold of them, how both compare, the plan that
//! follows, and what the switches report beside it.
//!
//! Pure: it knows no network, no files and no clock. A status is a comparison of data; what was not read whole is unknown, and nothing
//! is deleted on it.

pub mod comparison;
pub mod desired;
pub mod mapping;
pub mod netbox;
pub mod observed;
pub mod plan;
mod represented;
mod secret;
mod slot;
pub mod source;
mod unread;

pub use comparison::{Compared, Comparison, Counts, Difference, Status, Summary, UnknownReason};
pub use desired::{Desired, DesiredObject, Problem, ProblemKind, Unrepresented};
pub use mapping::{Fabric, map_fabric};
pub use netbox::{Actual, FabricName, FieldValue, Identity, Inventory, ObjectKind};
pub use plan::{Action, Change, Plan, Policy, Quarantine};
pub use secret::Secret;
pub use source::{FurtherKinds, Kind, Snapshot, SourceList, SourceObject, SourceRef};
pub use unread::{Unread, UnreadCause};
