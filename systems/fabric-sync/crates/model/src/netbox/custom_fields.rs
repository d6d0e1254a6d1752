//! The custom fields and tags by which this program knows its objects. They must be there before the first run.

use super::ObjectKind;
use serde_json::{Value, json};

/// The ownership key: unique, and on every object that this program owns. Without it an object is somebody else's.
pub const KEY_FIELD: &str = "fabric_sync_key";
/// The source object that an object stands for, as `Switch/default/leaf-01`.
pub const SOURCE_FIELD: &str = "fabric_sync_source";
/// What of the source objects has no place in NetBox: `{SOURCE: {FIELD: VALUE}}`.
pub const SPEC_FIELD: &str = "fabric_sync_spec";
/// A device's AS number, which devices of NetBox have no field for.
pub const ASN_FIELD: &str = "fabric_sync_asn";
/// When an object was first seen to have lost its source, RFC 3339; it is deleted after the grace period.
pub const TOMBSTONE_FIELD: &str = "fabric_sync_tombstone";

/// The slug of the tag by which people keep an object from being deleted.
pub const PROTECT_TAG: &str = "fabric-sync-protect";
/// The slug of the tag by which people keep an object from being changed and deleted.
pub const PAUSE_TAG: &str = "fabric-sync-pause";

/// A custom field that NetBox must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomField {
    /// Its name.
    pub name: &'static str,
    /// Its type, as NetBox names it.
    pub kind: &'static str,
    /// Whether NetBox refuses a second object with the same value.
    pub unique: bool,
    /// Whether lists can be filtered by it.
    pub filterable: bool,
    /// What people read beside it.
    pub description: &'static str,
}

/// All of them; each belongs to every kind of object that is not shared.
pub const CUSTOM_FIELDS: [CustomField; 5] = [
    CustomField {
        name: KEY_FIELD,
        kind: "text",
        unique: true,
        filterable: true,
        description: "fabric-sync owns this object; without this key it lets go of it",
    },
    CustomField {
        name: SOURCE_FIELD,
        kind: "text",
        unique: false,
        filterable: true,
        description: "The fabric's object that this one stands for",
    },
    CustomField {
        name: SPEC_FIELD,
        kind: "json",
        unique: false,
        filterable: false,
        description: "What of the fabric's objects has no other place in NetBox",
    },
    CustomField {
        name: ASN_FIELD,
        kind: "integer",
        unique: false,
        filterable: true,
        description: "The device's AS number",
    },
    CustomField {
        name: TOMBSTONE_FIELD,
        kind: "text",
        unique: false,
        filterable: true,
        description: "Since when its source is gone; deleted after the grace period",
    },
];

impl CustomField {
    /// The kinds of objects that it belongs to.
    pub fn object_kinds(&self) -> impl Iterator<Item = ObjectKind> {
        let device_only = self.name == ASN_FIELD;
        ObjectKind::ALL
            .into_iter()
            .filter(move |kind| !kind.is_shared() && (!device_only || *kind == ObjectKind::Device))
    }

    /// The body that creates it.
    pub fn body(&self) -> Value {
        json!({
            "name": self.name,
            "type": self.kind,
            "unique": self.unique,
            "object_types": self.object_kinds().map(ObjectKind::content_type).collect::<Vec<_>>(),
            "group_name": "Fabric sync",
            "description": self.description,
            "ui_visible": "if-set",
            "ui_editable": "no",
            "filter_logic": if self.filterable { "exact" } else { "disabled" },
        })
    }
}
