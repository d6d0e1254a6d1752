//! Adoption: an object of somebody else that takes the place of a missing one is given our key, on demand and one by one. Its fields are
//! left as they are; the next plan shows what it would change.

use crate::{MayWrite, NetBox, NetBoxError, Permit, RunOptions};
use fabric_model::netbox::{KEY_FIELD, SOURCE_FIELD, custom};
use fabric_model::{
    Actual, Comparison, DesiredObject, Difference, FieldValue, Identity, Inventory, ObjectKind, SourceRef,
    Status,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

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

/// What stands in NetBox where objects of ours are missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adoptable {
    /// What can be adopted.
    pub candidates: Vec<AdoptionCandidate>,
    /// Missing objects whose place is taken by something that cannot, and why it cannot.
    pub others: Vec<(Identity, NotAdoptable)>,
    /// How many missing objects were not looked for, because what they refer to is not there or not ours yet.
    pub later: usize,
}

/// Why what takes a missing object's place cannot be adopted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdoptable {
    /// Which one is meant is not known.
    #[error("NetBox has several, numbers {}", .0.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))]
    Several(Vec<u64>),
    /// Somebody's fabric owns it.
    #[error("number {id} bears the key {key}")]
    Owned {
        /// NetBox's number for it.
        id: u64,
        /// The key.
        key: String,
    },
    /// A cable between the same ports. NetBox cannot turn it, so the next plan would replace it, with all that people wrote on it.
    #[error("cable {0} joins these ports the other way round: swap its ends, or it would be replaced")]
    Reversed(u64),
    /// A cable that goes from one of the ports elsewhere.
    #[error("cable {0} is plugged into one of its ports and goes elsewhere")]
    Elsewhere(u64),
}

/// What was found in the place of one missing object.
enum InPlace {
    Nothing,
    Candidate(Actual),
    Other(NotAdoptable),
    /// It was not looked for yet.
    Later,
}

/// The fields by which an object is looked for, each with its filter.
fn filters(kind: ObjectKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ObjectKind::RouteTarget | ObjectKind::Vrf => &[("name", "name")],
        ObjectKind::VlanGroup => &[("scope", "scope_id"), ("slug", "slug")],
        ObjectKind::L2vpn => &[("slug", "slug")],
        ObjectKind::Vlan => &[("group", "group_id"), ("vid", "vid")],
        ObjectKind::Device => &[("site", "site_id"), ("name", "name")],
        ObjectKind::Interface => &[("device", "device_id"), ("name", "name")],
        ObjectKind::Prefix => &[("vrf", "vrf_id"), ("prefix", "prefix")],
        ObjectKind::IpAddress => &[("vrf", "vrf_id"), ("address", "address")],
        ObjectKind::IpRange => {
            &[("vrf", "vrf_id"), ("start_address", "start_address"), ("end_address", "end_address")]
        }
        ObjectKind::ProviderNetwork => &[("provider", "provider_id"), ("name", "name")],
        ObjectKind::L2vpnTermination => &[("assigned_object", "vlan_id")],
        // Known by its ports.
        ObjectKind::Cable => &[],
        // Shared: used as they are, whoever made them.
        ObjectKind::Site
        | ObjectKind::Manufacturer
        | ObjectKind::DeviceType
        | ObjectKind::DeviceRole
        | ObjectKind::Rir
        | ObjectKind::Asn
        | ObjectKind::Provider => &[],
    }
}

impl NetBox {
    /// What takes the place of each object that `comparison` found missing. What is below an object that is itself to be adopted, as a
    /// device's interfaces, is found after that.
    ///
    /// # Errors
    /// NetBox cannot be asked.
    pub async fn find_adoptable(
        &self,
        comparison: &Comparison,
        inventory: &Inventory,
    ) -> Result<Adoptable, NetBoxError> {
        let mut found = Adoptable::default();
        let missing = comparison.objects.iter().filter(|compared| compared.status == Status::Missing);
        for compared in missing.filter(|compared| !compared.object.kind.is_shared()) {
            let Some(desired) = comparison.desired.find(&compared.object) else { continue };
            let in_place = match desired.identity.kind {
                ObjectKind::Cable => self.find_cable_in_place_of(desired, inventory).await?,
                _ => self.find_in_place_of(desired, inventory).await?,
            };
            match in_place {
                InPlace::Nothing => {}
                InPlace::Later => found.later += 1,
                InPlace::Other(why) => found.others.push((compared.object.clone(), why)),
                InPlace::Candidate(actual) => {
                    let own = [custom(KEY_FIELD), custom(SOURCE_FIELD)];
                    let mut differences = desired.differences(&actual, |identity| inventory.number(identity));
                    differences.retain(|difference| !own.contains(&difference.field));
                    found.candidates.push(AdoptionCandidate {
                        object: compared.object.clone(),
                        source: compared.source.clone(),
                        id: actual.id,
                        display: actual.display,
                        differences,
                    });
                }
            }
        }
        Ok(found)
    }

    async fn find_in_place_of(
        &self,
        desired: &DesiredObject,
        inventory: &Inventory,
    ) -> Result<InPlace, NetBoxError> {
        let kind = desired.identity.kind;
        let number = |identity: &Identity| inventory.number(identity);
        let mut query = Vec::new();
        for (field, filter) in filters(kind) {
            let mut body = Map::new();
            let written = desired.fields.get(field).map(|value| value.write(field, number, &mut body));
            let value = body.get(*field).or_else(|| body.get(&format!("{field}_id")));
            let (Some(Ok(())), Some(value)) = (written, value) else { return Ok(InPlace::Later) };
            query.push((*filter, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        // A filter that NetBox ignored answers others too: the fields themselves decide.
        let is_it = |actual: &Actual| {
            let mut fields = filters(kind).iter().map(|(field, _)| *field);
            fields.all(|field| {
                desired.fields.get(field).is_some_and(|value| actual.holds(field, value, number))
            })
        };
        let read = self.read_filtered(kind, &query, &|_| Ok(())).await;
        let read = read.map_err(|unread| NetBoxError::WrongShape(unread.to_string()))?;
        let (owned, mut free): (Vec<_>, Vec<_>) =
            read.into_iter().filter(is_it).partition(|actual| actual.key.is_some());
        Ok(match (free.pop(), owned.into_iter().next()) {
            (Some(only), _) if free.is_empty() => InPlace::Candidate(only),
            (Some(last), _) => {
                let numbers = free.iter().chain([&last]).map(|actual| actual.id);
                InPlace::Other(NotAdoptable::Several(numbers.collect()))
            }
            (None, Some(owned)) => owned_by_somebody(owned),
            (None, None) => InPlace::Nothing,
        })
    }

    /// A cable between the same two ports, each at the same end.
    async fn find_cable_in_place_of(
        &self,
        desired: &DesiredObject,
        inventory: &Inventory,
    ) -> Result<InPlace, NetBoxError> {
        let ports = desired.references().map(|port| inventory.find(port)).collect::<Option<Vec<_>>>();
        let Some(ports) = ports else { return Ok(InPlace::Later) };
        let plugged: BTreeSet<u64> = ports.iter().filter_map(|port| port.field("cable").as_u64()).collect();
        // What we have there already is the plan's matter.
        let mut foreign =
            plugged.iter().filter(|id| inventory.find_id(ObjectKind::Cable, **id).is_none()).copied();
        let Some(id) = foreign.next() else { return Ok(InPlace::Nothing) };
        let cable = match self.read_one(ObjectKind::Cable, id).await {
            Ok(fresh) => fresh.actual,
            Err(NetBoxError::NotFound) => return Ok(InPlace::Nothing),
            Err(error) => return Err(error),
        };
        let holds = |end: &str, desired_end: &str| {
            let value = desired.fields.get(desired_end);
            value.is_some_and(|value| cable.holds(end, value, |identity| inventory.number(identity)))
        };
        let (a, b) = ("a_terminations", "b_terminations");
        Ok(if cable.key.is_some() {
            owned_by_somebody(cable)
        } else if holds(a, a) && holds(b, b) {
            InPlace::Candidate(cable)
        } else if holds(a, b) && holds(b, a) {
            InPlace::Other(NotAdoptable::Reversed(id))
        } else {
            InPlace::Other(NotAdoptable::Elsewhere(id))
        })
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
        let options = RunOptions { message, now: jiff::Timestamp::now(), may_write, is_outdated: &|| false };
        let place = (&candidate.object, candidate.id);
        match self.update_one(place, None, &differences, &|_| None, &options).await {
            Ok(_) => Ok(AdoptionOutcome::Adopted),
            Err(NetBoxError::MayNotWrite) => Ok(AdoptionOutcome::MayNotWrite),
            Err(NetBoxError::Stale | NetBoxError::NotFound) => Ok(AdoptionOutcome::Stale),
            Err(error) => Err(error),
        }
    }
}

fn owned_by_somebody(actual: Actual) -> InPlace {
    InPlace::Other(NotAdoptable::Owned { id: actual.id, key: actual.key.unwrap_or_default() })
}
