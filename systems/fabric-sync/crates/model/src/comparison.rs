//! Desired beside actual, object by object. A status is a comparison of data; no clock and no time stamp takes part.

use crate::desired::{Desired, DesiredObject};
use crate::mapping::is_underlay;
use crate::netbox::{Actual, FieldValue, Identity, Inventory, KEY_FIELD, ObjectKind};
use crate::slot;
use crate::source::{FurtherKinds, Kind, Presence, Snapshot, SourceList, SourceRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

/// A field that does not hold what it should.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The field, as the API names it; custom fields as `custom_fields.NAME`.
    pub field: String,
    /// What it holds; references as numbers.
    pub actual: Value,
    /// What it should hold.
    pub desired: FieldValue,
}

/// Why nothing is known of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownReason {
    /// Source objects of this kind, which it rests on, could not be read whole.
    SourceUnread(Kind),
    /// NetBox's objects of this kind could not be read whole.
    InventoryUnread(ObjectKind),
    /// The source that it stands for has a problem.
    SourceInvalid(SourceRef),
    /// Something of this kind has a problem and not even its name is known: it may be this one.
    NamelessSource(Kind),
    /// The configuration leaves out the kind of its source.
    SourceExcluded(Kind),
    /// It bears our key, but does not say what it stands for.
    NoSource,
    /// Another object of NetBox bears the same key.
    Twin {
        /// NetBox's number for this one.
        id: u64,
        /// The number of the other one, which is taken for ours.
        other: u64,
    },
}

/// How an object of NetBox compares to what it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Each declared field holds what it should.
    Same,
    /// These fields do not.
    Differs(Vec<Difference>),
    /// NetBox does not have it.
    Missing,
    /// NetBox has it, it is ours, and nothing in the fabric asks for it.
    Extra,
    /// Nothing can be said.
    Unknown(UnknownReason),
}

/// One object's comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Which object.
    pub object: Identity,
    /// What it stands for; None where it is shared or does not say.
    pub source: Option<SourceRef>,
    /// NetBox's number for it, if it is there.
    pub id: Option<u64>,
    /// How it compares.
    pub status: Status,
}

/// How many objects have which status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named as the statuses")]
pub struct Counts {
    pub same: usize,
    pub differs: usize,
    pub missing: usize,
    pub extra: usize,
    pub unknown: usize,
    /// Source objects that cannot be mapped.
    pub problems: usize,
}

/// The whole in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Summary {
    /// Both sides were read whole and every object is the same.
    InSync,
    /// Something differs, is missing, is extra, or cannot be mapped.
    OutOfSync,
    /// Something is not known, whatever the rest is.
    Unknown,
}

/// Desired beside actual.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What should be.
    pub desired: Desired,
    /// Every object that should be there or is there.
    pub objects: Vec<Compared>,
    /// Lists of the fabric that could not be read whole.
    pub unread_sources: BTreeMap<Kind, crate::Unread>,
    /// Lists of NetBox that could not be read whole.
    pub unread_inventory: BTreeMap<ObjectKind, crate::Unread>,
    /// Kinds of the fabric that this version does not know. They decide nothing.
    pub further_kinds: FurtherKinds,
    /// Which source objects there are.
    pub(crate) presence: Presence,
}

impl Comparison {
    /// Compares what `desired` asks for, which was made of `snapshot`, to what `inventory` holds. Time grows with the number of
    /// objects and no faster.
    pub fn new(desired: Desired, snapshot: &Snapshot, inventory: &Inventory) -> Self {
        let unread_sources: BTreeMap<_, _> = Kind::ALL
            .into_iter()
            .filter_map(|kind| snapshot.unread(kind).map(|unread| (kind, unread.clone())))
            .collect();
        let unread_inventory: BTreeMap<_, _> = ObjectKind::ALL
            .into_iter()
            .filter_map(|kind| inventory.unread(kind).map(|unread| (kind, unread.clone())))
            .collect();
        let invalid = Invalid::new(&desired);
        // Why an object that nothing asks for may not be called extra.
        let doubt = |actual: &Actual, identity: &Identity| {
            if desired.find(identity).is_some() {
                let other = inventory.number(identity).unwrap_or_default();
                return Some(UnknownReason::Twin { id: actual.id, other });
            }
            if let Some(kind) = first_intended(&unread_sources) {
                return Some(UnknownReason::SourceUnread(kind));
            }
            match actual.source_ref() {
                None if is_underlay(identity) => None,
                None => Some(UnknownReason::NoSource),
                Some(source) if matches!(snapshot.list(source.kind), SourceList::Excluded) => {
                    Some(UnknownReason::SourceExcluded(source.kind))
                }
                Some(source) => invalid.reason(&source),
            }
        };
        let is_unwanted = |actual: &Actual| {
            let identity = actual.identity();
            identity.is_some_and(|identity| match doubt(actual, &identity) {
                None => true,
                // Whether anything wants it is not known: what would take its place has to wait.
                Some(UnknownReason::SourceUnread(_)) => true,
                Some(_) => false,
            })
        };
        let mut moved = slot::find_moved(&desired, inventory, is_unwanted);
        let not_known = first_intended(&unread_sources).map(UnknownReason::SourceUnread);
        let not_known = not_known
            .or_else(|| unread_inventory.keys().next().map(|kind| UnknownReason::InventoryUnread(*kind)));
        let contested: HashSet<Identity> = if not_known.is_some() {
            std::mem::take(&mut moved).into_keys().collect()
        } else {
            HashSet::new()
        };
        let number =
            |identity: &Identity| inventory.number(identity).or_else(|| moved.get(identity).copied());
        let mut matched: HashSet<(ObjectKind, u64)> = HashSet::new();
        let mut objects = Vec::with_capacity(desired.objects.len());
        for object in &desired.objects {
            let actual = inventory.find(&object.identity).or_else(|| {
                let id = moved.get(&object.identity)?;
                inventory.find_id(object.identity.kind, *id)
            });
            if let Some(actual) = actual {
                matched.insert((actual.kind, actual.id));
            }
            let contested = not_known.clone().filter(|_| contested.contains(&object.identity));
            let status = match unknown(object, &unread_sources, &unread_inventory).or(contested) {
                Some(reason) => Status::Unknown(reason),
                None => compare(object, actual, number),
            };
            objects.push(Compared {
                object: object.identity.clone(),
                source: object.source.clone(),
                id: actual.map(|actual| actual.id),
                status,
            });
        }
        for kind in ObjectKind::ALL.into_iter().filter(|kind| !kind.is_shared()) {
            for actual in inventory.objects(kind) {
                let Some(identity) = actual.identity() else { continue };
                if !matched.contains(&(kind, actual.id)) {
                    let status = doubt(actual, &identity).map_or(Status::Extra, Status::Unknown);
                    let (source, id) = (actual.source_ref(), Some(actual.id));
                    objects.push(Compared { object: identity, source, id, status });
                }
            }
        }
        let (further_kinds, presence) = (snapshot.further_kinds().clone(), Presence::new(snapshot));
        Self { desired, objects, unread_sources, unread_inventory, further_kinds, presence }
    }

    /// Whether all was read that says what should be and what is: without it nothing is deleted. What the switches report is not of that.
    pub fn is_whole(&self) -> bool {
        first_intended(&self.unread_sources).is_none() && self.unread_inventory.is_empty()
    }

    /// Whether every list was read whole, also of what the switches report.
    pub fn is_all_read(&self) -> bool {
        self.unread_sources.is_empty() && self.unread_inventory.is_empty()
    }

    /// How many objects have which status.
    pub fn counts(&self) -> Counts {
        // Of agents NetBox holds nothing.
        let problems = self.desired.problems.iter().filter(|problem| problem.kind != Kind::Agent);
        let mut counts = Counts { problems: problems.count(), ..Counts::default() };
        for object in &self.objects {
            *match object.status {
                Status::Same => &mut counts.same,
                Status::Differs(_) => &mut counts.differs,
                Status::Missing => &mut counts.missing,
                Status::Extra => &mut counts.extra,
                Status::Unknown(_) => &mut counts.unknown,
            } += 1;
        }
        counts
    }

    /// The whole in one word. Nothing is in sync on a list that was not read, whichever it is, and nothing on no objects at all: of a
    /// fabric without any, nothing was compared.
    pub fn summary(&self) -> Summary {
        let counts = self.counts();
        if counts.unknown > 0 || !self.is_all_read() || (self.objects.is_empty() && counts.problems == 0) {
            Summary::Unknown
        } else if counts.differs + counts.missing + counts.extra + counts.problems > 0 {
            Summary::OutOfSync
        } else {
            Summary::InSync
        }
    }
}

/// A kind that could not be read of those that say what is intended.
fn first_intended(unread: &BTreeMap<Kind, crate::Unread>) -> Option<Kind> {
    Kind::intended().find(|kind| unread.contains_key(kind))
}

fn unknown(
    object: &DesiredObject,
    sources: &BTreeMap<Kind, crate::Unread>,
    inventory: &BTreeMap<ObjectKind, crate::Unread>,
) -> Option<UnknownReason> {
    if let Some(kind) = object.needs.iter().find(|kind| sources.contains_key(kind)) {
        return Some(UnknownReason::SourceUnread(kind));
    }
    if inventory.is_empty() {
        return None;
    }
    let mut kinds = object.references().map(|identity| identity.kind).chain([object.identity.kind]);
    kinds.find(|kind| inventory.contains_key(kind)).map(UnknownReason::InventoryUnread)
}

fn compare(
    object: &DesiredObject,
    actual: Option<&Actual>,
    number: impl Fn(&Identity) -> Option<u64>,
) -> Status {
    let Some(actual) = actual else { return Status::Missing };
    if object.identity.kind.is_shared() {
        return Status::Same;
    }
    let differences = object.differences(actual, number);
    if differences.is_empty() { Status::Same } else { Status::Differs(differences) }
}

impl DesiredObject {
    /// The declared fields that `actual` does not hold. `number` knows NetBox's numbers of objects.
    pub fn differences(&self, actual: &Actual, number: impl Fn(&Identity) -> Option<u64>) -> Vec<Difference> {
        self.fields
            .iter()
            .filter(|(field, desired)| !actual.holds(field, desired, &number))
            .map(|(field, desired)| Difference {
                field: (*field).into(),
                actual: actual.shown(field),
                desired: desired.clone(),
            })
            .collect()
    }
}

/// The sources that have a problem.
struct Invalid {
    named: BTreeSet<SourceRef>,
    nameless: BTreeSet<Kind>,
}

impl Invalid {
    fn new(desired: &Desired) -> Self {
        let named = desired.problems.iter().filter_map(|problem| problem.source.clone()).collect();
        let nameless = desired.problems.iter().filter(|problem| problem.source.is_none());
        Self { named, nameless: nameless.map(|problem| problem.kind).collect() }
    }

    fn reason(&self, source: &SourceRef) -> Option<UnknownReason> {
        if self.named.contains(source) {
            return Some(UnknownReason::SourceInvalid(source.clone()));
        }
        self.nameless.contains(&source.kind).then_some(UnknownReason::NamelessSource(source.kind))
    }
}

impl Difference {
    /// Whether this is the ownership key: the object is taken over from a source that is gone.
    pub fn is_key(&self) -> bool {
        self.field.strip_prefix("custom_fields.") == Some(KEY_FIELD)
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceUnread(kind) => write!(f, "the fabric's {kind} objects could not be read whole"),
            Self::InventoryUnread(kind) => {
                write!(f, "NetBox's list of {kind} objects could not be read whole")
            }
            Self::SourceInvalid(source) => write!(f, "{source} has a problem"),
            Self::NamelessSource(kind) => write!(f, "a {kind} has a problem and cannot be named"),
            Self::SourceExcluded(kind) => write!(f, "the configuration leaves out {kind}"),
            Self::NoSource => f.write_str("it does not say what it stands for"),
            Self::Twin { id, other } => {
                write!(f, "NetBox has it twice, as numbers {id} and {other}, which bear the same key")
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InSync => "in sync",
            Self::OutOfSync => "out of sync",
            Self::Unknown => "unknown",
        })
    }
}
