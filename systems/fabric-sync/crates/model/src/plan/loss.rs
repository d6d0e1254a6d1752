//! What an update takes away because sources are gone that have no object of their own: an attachment is VLANs of a port, a peering the
//! imports of a VRF. The fields are emptied at once, without a mark before; so what vanishes counts like objects that vanish.

use crate::comparison::{Compared, Comparison, Difference, Status};
use crate::netbox::{Inventory, ObjectKind, SPEC_FIELD, custom};
use crate::source::{Kind, SourceRef};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// The kinds that are fields of other kinds' objects, in whole or in part.
pub(super) const ASSOCIATIONS: [Kind; 5] = [
    Kind::SwitchGroup,
    Kind::VPCAttachment,
    Kind::VPCPeering,
    Kind::ExternalAttachment,
    Kind::ExternalPeering,
];

/// A source that is gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Vanished {
    /// One whose name is known.
    Source(SourceRef),
    /// An attachment, which no object names: of a connection to one VLAN, whichever of its ends have that.
    Attachment {
        /// The connection.
        connection: SourceRef,
        /// NetBox's number for the VLAN.
        vlan: u64,
    },
}

impl Vanished {
    /// The kind and the namespace of what is gone.
    pub(super) fn place(&self) -> (Kind, &str) {
        match self {
            Self::Source(source) => (source.kind, &source.namespace),
            Self::Attachment { connection, .. } => (Kind::VPCAttachment, &connection.namespace),
        }
    }

    /// The fields that say nothing of it any more once they are written.
    pub(super) fn has_field(&self, field: &str) -> bool {
        match self.place().0 {
            Kind::VPCAttachment => ["mode", "untagged_vlan", "tagged_vlans"].contains(&field),
            Kind::VPCPeering => field == "import_targets" || field == custom(SPEC_FIELD),
            _ => field == custom(SPEC_FIELD),
        }
    }
}

/// By kind and number: what the updates of objects that differ would take away.
pub(super) type Losses = HashMap<(ObjectKind, u64), BTreeSet<Vanished>>;

pub(super) fn find_losses(comparison: &Comparison, inventory: &Inventory) -> Losses {
    let of_one = |compared: &Compared| {
        let Status::Differs(differences) = &compared.status else { return None };
        let named = differences.iter().filter(|each| each.field == custom(SPEC_FIELD));
        let named = named.flat_map(|each| find_named(each, comparison)).map(Vanished::Source);
        let attached = find_detached(compared, differences, comparison, inventory);
        let found: BTreeSet<_> = named.chain(attached).collect();
        (!found.is_empty()).then_some(((compared.object.kind, compared.id?), found))
    };
    comparison.objects.iter().filter_map(of_one).collect()
}

/// The sources that an object keeps as JSON and that are gone.
fn find_named(difference: &Difference, comparison: &Comparison) -> Vec<SourceRef> {
    let kept = difference.actual.as_object().into_iter().flat_map(serde_json::Map::keys);
    let sources = kept.filter_map(|source| source.parse::<SourceRef>().ok());
    let gone =
        |source: &SourceRef| ASSOCIATIONS.contains(&source.kind) && comparison.presence.is_gone(source);
    sources.filter(gone).collect()
}

/// The attachments whose VLANs a port or LAG has and should not have. A VLAN that people added is none of ours.
fn find_detached(
    compared: &Compared,
    differences: &[Difference],
    comparison: &Comparison,
    inventory: &Inventory,
) -> Vec<Vanished> {
    let fields = ["untagged_vlan", "tagged_vlans"];
    let is_detached = differences.iter().any(|each| fields.contains(&each.field.as_str()));
    let Some(connection) = compared.source.as_ref().filter(|_| is_detached) else { return Vec::new() };
    let desired = comparison.desired.find(&compared.object);
    let wanted = |vlan: u64| {
        let values = fields.iter().filter_map(|field| desired?.fields.get(*field));
        values.flat_map(|value| value.references()).any(|identity| inventory.number(identity) == Some(vlan))
    };
    let Some(actual) = compared.id.and_then(|id| inventory.find_id(compared.object.kind, id)) else {
        return Vec::new();
    };
    let numbers = fields.iter().flat_map(|field| match actual.field(field) {
        Value::Array(items) => items.iter().filter_map(Value::as_u64).collect(),
        value => value.as_u64().into_iter().collect::<Vec<_>>(),
    });
    let is_ours = |vlan: &u64| inventory.find_id(ObjectKind::Vlan, *vlan).is_some();
    let lost = numbers.filter(is_ours).filter(|vlan| !wanted(*vlan));
    lost.map(|vlan| Vanished::Attachment { connection: connection.clone(), vlan }).collect()
}
