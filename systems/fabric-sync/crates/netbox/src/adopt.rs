//! Adoption: an object of somebody else that takes the place of a missing one is given our key, on demand and one by one. Its fields are
//! left as they are; the next plan shows what it would change.

use crate::{MayWrite, NetBox, NetBoxError, Permit, RunOptions};
use fabric_model::netbox::{KEY_FIELD, SOURCE_FIELD, custom};
use fabric_model::{
    Actual, Comparison, DesiredObject, Difference, FieldValue, Identity, Inventory, ObjectKind, SourceRef,
    Status,
};
use serde_json::{Map, Value};

/// An object that could be adopted.
#[derive(Clone, Debug, PartialEq)]
pub struct AdoptionCandidate {
    /// The missing object whose place it takes.
    pub object: Identity,
    /// What that stands for.
    pub source: Option<SourceRef>,
    /// NetBox's number for it.
    pub id: u64,
    /// Its name for people.
    pub display: String,
    /// What the first plan after the adoption would change, beside the key.
    pub differences: Vec<Difference>,
}

/// What came of an adoption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdoptionOutcome {
    /// It is ours now.
    Adopted,
    /// It is not what it was: somebody changed it, or it bears a key already.
    Stale,
    /// This instance may not write.
    MayNotWrite,
}

/// The fields by which an object is looked for, each with its filter.
fn filters(kind: ObjectKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ObjectKind::RouteTarget | ObjectKind::Vrf => &[("name", "name")],
        ObjectKind::VlanGroup | ObjectKind::L2vpn => &[("slug", "slug")],
        ObjectKind::Vlan => &[("group", "group_id"), ("vid", "vid")],
        ObjectKind::Device => &[("site", "site_id"), ("name", "name")],
        ObjectKind::Interface => &[("device", "device_id"), ("name", "name")],
        ObjectKind::Prefix => &[("vrf", "vrf_id"), ("prefix", "prefix")],
        ObjectKind::IpAddress => &[("vrf", "vrf_id"), ("address", "address")],
        ObjectKind::ProviderNetwork => &[("provider", "provider_id"), ("name", "name")],
        // A cable is known by its ends, a range by its VRF; they are found by hand.
        _ => &[],
    }
}

impl NetBox {
    /// The objects that could be adopted in place of what `comparison` found missing. What is below an object that is itself to be
    /// adopted, as a device's interfaces, is found after that.
    ///
    /// # Errors
    /// NetBox cannot be asked.
    pub async fn find_adoptable(
        &self,
        comparison: &Comparison,
        inventory: &Inventory,
    ) -> Result<Vec<AdoptionCandidate>, NetBoxError> {
        let mut found = Vec::new();
        for compared in comparison.objects.iter().filter(|compared| compared.status == Status::Missing) {
            let Some(desired) = comparison.desired.find(&compared.object) else { continue };
            if let Some(actual) = self.find_in_place_of(desired, inventory).await? {
                let own = [custom(KEY_FIELD), custom(SOURCE_FIELD)];
                let mut differences = desired.differences(&actual, |identity| inventory.number(identity));
                differences.retain(|difference| !own.contains(&difference.field));
                found.push(AdoptionCandidate {
                    object: compared.object.clone(),
                    source: compared.source.clone(),
                    id: actual.id,
                    display: actual.display,
                    differences,
                });
            }
        }
        Ok(found)
    }

    /// The one object without a key that takes its place; None where there are several.
    async fn find_in_place_of(
        &self,
        desired: &DesiredObject,
        inventory: &Inventory,
    ) -> Result<Option<Actual>, NetBoxError> {
        let kind = desired.identity.kind;
        let number = |identity: &Identity| inventory.number(identity);
        let mut query = Vec::new();
        for (field, filter) in filters(kind) {
            let mut body = Map::new();
            let written = desired.fields.get(field).map(|value| value.write(field, number, &mut body));
            let (Some(Ok(())), Some(value)) = (written, body.get(*field)) else { return Ok(None) };
            query.push((*filter, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        if query.is_empty() {
            return Ok(None);
        }
        // A filter that NetBox ignored answers others too: the fields themselves decide.
        let is_it = |actual: &Actual| {
            let mut fields = filters(kind).iter().map(|(field, _)| *field);
            actual.key.is_none()
                && fields.all(|field| {
                    desired.fields.get(field).is_some_and(|value| actual.holds(field, value, number))
                })
        };
        let read = self.read_filtered(kind, &query, &|_| Ok(())).await;
        let read = read.map_err(|unread| NetBoxError::WrongShape(unread.to_string()))?;
        let mut those = read.into_iter().filter(is_it);
        Ok(those.next().filter(|_| those.next().is_none()))
    }

    /// Gives one object our key, if nobody has changed it into something else meanwhile. Nothing else of it changes.
    ///
    /// # Errors
    /// NetBox cannot be asked, or refuses.
    pub async fn adopt(
        &self,
        candidate: &AdoptionCandidate,
        message: &str,
        may_write: &MayWrite<'_>,
    ) -> Result<AdoptionOutcome, NetBoxError> {
        if may_write() == Permit::Denied {
            return Ok(AdoptionOutcome::MayNotWrite);
        }
        let source = candidate
            .source
            .as_ref()
            .map_or(FieldValue::Empty, |source| FieldValue::Text(source.to_string()));
        let difference =
            |field: &str, desired| Difference { field: custom(field), actual: Value::Null, desired };
        let differences = [
            difference(KEY_FIELD, FieldValue::Text(candidate.object.key.clone())),
            difference(SOURCE_FIELD, source),
        ];
        let options = RunOptions { message, now: jiff::Timestamp::now(), may_write };
        let place = (&candidate.object, candidate.id);
        match self.update_one(place, None, &differences, &|_| None, &options).await {
            Ok(_) => Ok(AdoptionOutcome::Adopted),
            Err(NetBoxError::MayNotWrite) => Ok(AdoptionOutcome::MayNotWrite),
            Err(NetBoxError::Stale | NetBoxError::NotFound) => Ok(AdoptionOutcome::Stale),
            Err(error) => Err(error),
        }
    }
}
