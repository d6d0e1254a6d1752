//! NetBox as the REST API shows it: kinds of objects, their identities and fields, and what of them could be read.
//! Knows nothing of Kubernetes, and nothing of which object stands for what.

mod actual;
mod custom_fields;
mod field;
mod identity;
mod inventory;
mod object_kind;

pub use actual::{Actual, NotAnObject};
pub use custom_fields::{
    ASN_FIELD, CUSTOM_FIELDS, CustomField, KEY_FIELD, PAUSE_TAG, PROTECT_TAG, SOURCE_FIELD, SPEC_FIELD,
    TOMBSTONE_FIELD,
};
pub use field::{FieldValue, custom, empty};
pub use identity::{FabricName, Identity, InvalidFabricName, MAX_FABRIC_NAME};
pub use inventory::{Inventory, InventoryList};
pub use object_kind::ObjectKind;
