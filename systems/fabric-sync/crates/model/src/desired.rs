//! What NetBox should hold of a fabric, and what could not be said of it. Filled by [`crate::mapping`].

use crate::netbox::{FieldValue, Identity, ObjectKind};
use crate::source::{Kind, SourceRef};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// A set of kinds of source objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// The set of `kinds`.
    pub fn of(kinds: &[Kind]) -> Self {
        kinds.iter().fold(Self::default(), |set, kind| Self(set.0 | 1 << (*kind as u16)))
    }

    /// What is in either.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.0 & (1 << (*kind as u16)) != 0)
    }
}

/// An object that NetBox should have.
#[derive(Clone, Debug, PartialEq)]
pub struct DesiredObject {
    /// Which.
    pub identity: Identity,
    /// What it stands for; None where it is shared.
    pub source: Option<SourceRef>,
    /// The kinds that any of its fields rests on: while one of them is unread, nothing is known of this object.
    pub needs: Kinds,
    /// The fields that are declared: compared and kept so.
    pub fields: BTreeMap<&'static str, FieldValue>,
    /// Further fields for its creation, which people may change afterwards.
    pub initial: BTreeMap<&'static str, FieldValue>,
}

impl DesiredObject {
    /// The objects that its declared fields name.
    pub fn references(&self) -> impl Iterator<Item = &Identity> {
        self.fields.values().flat_map(FieldValue::references)
    }
}

/// Fields that name objects which themselves need this object first: they are written in a step of their own.
pub(crate) fn is_late(kind: ObjectKind, field: &str) -> bool {
    kind == ObjectKind::Device && field == "primary_ip4"
}

/// Why a source object cannot be mapped. Nothing of it is created or changed, and nothing that NetBox holds of it is deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// It could not be understood: why.
    Malformed(String),
    /// A field that the mapping needs is missing: which.
    FieldMissing(String),
    /// A field names an object that does not exist.
    TargetMissing {
        /// The field.
        field: String,
        /// What it names.
        target: String,
    },
    /// A field names an object of a kind that could not be read: which. Not wrong, but unknown.
    TargetUnknown(Kind),
    /// A field names an object that has a problem itself.
    TargetInvalid(SourceRef),
    /// A text that should be `DEVICE/PORT`, or `VPC/SUBNET`.
    NotAPath {
        /// The field.
        field: String,
        /// What it holds.
        text: String,
    },
    /// No address, or no address range.
    NotAnAddress {
        /// The field.
        field: String,
        /// What it holds.
        text: String,
    },
    /// Another connection uses the port as well.
    PortClaimedTwice {
        /// `DEVICE/PORT`.
        port: String,
        /// The other connection.
        other: SourceRef,
    },
    /// Another object is mapped to the same object of NetBox.
    SameObject {
        /// The object.
        object: Identity,
        /// The other source.
        other: SourceRef,
    },
    /// A connection that uses one port for several of its ends: which.
    SamePort(String),
    /// A connection must be of exactly one type; these are there.
    ConnectionType(Vec<String>),
}

/// A source object that cannot be mapped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// Which; None where not even its name could be read.
    pub source: Option<SourceRef>,
    /// Its kind, which is known in any case.
    pub kind: Kind,
    /// Why.
    pub problem: ProblemKind,
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "it could not be understood: {reason}"),
            Self::FieldMissing(field) => write!(f, "it has no {field}"),
            Self::TargetMissing { field, target } => {
                write!(f, "{field} names {target}, which does not exist")
            }
            Self::TargetUnknown(kind) => write!(f, "it names a {kind}, and those could not be read"),
            Self::TargetInvalid(target) => write!(f, "it names {target}, which has a problem itself"),
            Self::NotAPath { field, text } => {
                write!(f, "{field} is {text:?}; two names with a slash between them would be right")
            }
            Self::NotAnAddress { field, text } => write!(f, "{field} is {text:?}, which is no address"),
            Self::PortClaimedTwice { port, other } => write!(f, "{other} uses port {port} too"),
            Self::SamePort(port) => write!(f, "it uses port {port} more than once"),
            Self::SameObject { object, other } => write!(f, "{other} is mapped to the same {object}"),
            Self::ConnectionType(types) if types.is_empty() => {
                f.write_str("it is of no type that this version knows")
            }
            Self::ConnectionType(types) => {
                write!(f, "it is of several types at once: {}", types.join(", "))
            }
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{source}: {}", self.problem),
            None => write!(f, "a {} without a name: {}", self.kind, self.problem),
        }
    }
}

/// A field of a source object that no field of NetBox stands for. It is kept in the custom field `fabric_sync_spec`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unrepresented {
    /// Whose.
    pub source: SourceRef,
    /// Its path, as `spec.subnets.default.dhcp.options`.
    pub path: String,
    /// Whether this version knows what the field means.
    pub is_known: bool,
    /// Whether an object of NetBox keeps it as JSON; false where the source has no object to keep it.
    pub is_kept: bool,
    /// What it holds.
    pub value: Value,
}

/// What NetBox should hold of a fabric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// The objects, each once, in the order of creation of their kinds.
    pub objects: Vec<DesiredObject>,
    /// What cannot be mapped.
    pub problems: Vec<Problem>,
    /// What has no field.
    pub unrepresented: Vec<Unrepresented>,
    /// The sources that are to be left alone.
    pub paused: BTreeSet<SourceRef>,
    index: HashMap<Identity, usize>,
}

impl Desired {
    pub(crate) fn new(
        mut objects: Vec<DesiredObject>,
        problems: Vec<Problem>,
        unrepresented: Vec<Unrepresented>,
        paused: BTreeSet<SourceRef>,
    ) -> Self {
        objects.sort_by(|a, b| a.identity.cmp(&b.identity));
        let index = objects.iter().enumerate().map(|(at, object)| (object.identity.clone(), at)).collect();
        Self { objects, problems, unrepresented, paused, index }
    }

    /// The object with this identity.
    pub fn find(&self, identity: &Identity) -> Option<&DesiredObject> {
        self.index.get(identity).and_then(|at| self.objects.get(*at))
    }
}
