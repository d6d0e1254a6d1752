//! One source object: who it is, and its specification as it was sent.

use super::Kind;
use super::spec::Spec;
use crate::represented::{Remainder, find_remainder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Which object: `KIND/NAMESPACE/NAME`, as `Switch/default/leaf-01`. Objects are told apart by name, as links between them are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SourceRef {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl SourceRef {
    /// The object `name` of `kind` in `namespace`.
    pub fn new(kind: Kind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl From<SourceRef> for String {
    fn from(reference: SourceRef) -> Self {
        reference.to_string()
    }
}

/// A text that is not `KIND/NAMESPACE/NAME`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not KIND/NAMESPACE/NAME, as Switch/default/leaf-01")]
pub struct NoSourceRef(pub String);

impl TryFrom<String> for SourceRef {
    type Error = NoSourceRef;

    fn try_from(text: String) -> Result<Self, NoSourceRef> {
        text.parse()
    }
}

impl FromStr for SourceRef {
    type Err = NoSourceRef;

    fn from_str(text: &str) -> Result<Self, NoSourceRef> {
        let refuse = || NoSourceRef(text.into());
        let mut parts = text.splitn(3, '/');
        let (Some(kind), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(refuse());
        };
        let kind = kind.parse().map_err(|_| refuse())?;
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err(refuse());
        }
        Ok(Self::new(kind, namespace, name))
    }
}

/// An object as Kubernetes sent it, as far as this program has to do with it. What of its `spec` has no place in NetBox is reported, not
/// dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceObject {
    /// Who it is.
    pub reference: SourceRef,
    /// Kubernetes' own identifier; another object of the same name has another.
    pub uid: String,
    /// Changes with every write to the object.
    pub resource_version: String,
    /// Counts changes of the specification.
    pub generation: Option<i64>,
    /// As `fabric-sync/pause: "true"`.
    pub annotations: BTreeMap<String, String>,
    /// The specification as understood.
    pub(crate) spec: Spec,
    /// What of it no field of NetBox stands for.
    pub(crate) remainder: Vec<Remainder>,
}

/// An annotation with the value `true` by which an object is left alone: neither created, updated nor deleted in NetBox.
pub const PAUSE_ANNOTATION: &str = "fabric-sync/pause";

/// An object that could not be understood. What NetBox holds of it is unknown, never extra.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Malformed {
    /// Which, if at least that could be read.
    pub reference: Option<SourceRef>,
    /// Of a peering: the VPCs that it concerns, if they could be read; none: any.
    pub vpcs: Option<BTreeSet<SourceRef>>,
    /// What was wrong, with its place.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default = "default_namespace")]
    namespace: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    resource_version: String,
    generation: Option<i64>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

fn default_namespace() -> String {
    "default".into()
}

/// The VPCs that the specification of a peering names, if every one can be read.
fn named_vpcs(kind: Kind, namespace: &str, spec: &Value) -> Option<BTreeSet<SourceRef>> {
    let permit = spec.get("permit")?;
    let names: Vec<&str> = match kind {
        Kind::VPCPeering => {
            let pairs: Vec<_> = permit.as_array()?.iter().map(Value::as_object).collect::<Option<_>>()?;
            pairs.into_iter().flat_map(Map::keys).map(String::as_str).collect()
        }
        Kind::ExternalPeering => vec![permit.pointer("/vpc/name")?.as_str()?],
        _ => return None,
    };
    Some(names.into_iter().map(|name| SourceRef::new(Kind::VPC, namespace, name)).collect())
}

impl SourceObject {
    /// Reads one object of `kind`, as an item of a list or the object of a watch event: `{"metadata": ..., "spec": ...}`.
    ///
    /// # Errors
    /// Its name is missing, or a field that this program reads has another type.
    pub fn parse(kind: Kind, mut object: Value) -> Result<Self, Malformed> {
        let metadata = object.get_mut("metadata").map(Value::take).unwrap_or_default();
        let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default();
        let namespace = metadata.get("namespace").and_then(Value::as_str).unwrap_or("default");
        let reference = (!name.is_empty()).then(|| SourceRef::new(kind, namespace, name));
        let vpcs = object.get("spec").and_then(|spec| named_vpcs(kind, namespace, spec));
        let refuse = |reason: String| Malformed { reference: reference.clone(), vpcs: vpcs.clone(), reason };
        let metadata: Metadata =
            serde_json::from_value(metadata).map_err(|error| refuse(format!("metadata: {error}")))?;
        if metadata.name.is_empty() {
            return Err(refuse("metadata: the name is empty".into()));
        }
        let spec = match object.get_mut("spec").map(Value::take) {
            Some(Value::Object(spec)) => spec,
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(refuse("spec: this is no object".into())),
        };
        let status = object.get_mut("status").map(Value::take).unwrap_or_default();
        // An agent's specification is its whole configuration, of which only the catalog is read.
        let remainder = if kind == Kind::Agent { Vec::new() } else { find_remainder(kind, &spec) };
        let spec = Spec::parse(kind, &spec, status).map_err(refuse)?;
        Ok(Self {
            reference: SourceRef::new(kind, &metadata.namespace, &metadata.name),
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            generation: metadata.generation,
            annotations: metadata.annotations,
            spec,
            remainder,
        })
    }

    /// Whether it is to be left alone.
    pub fn is_paused(&self) -> bool {
        self.annotations.get(PAUSE_ANNOTATION).is_some_and(|value| value == "true")
    }
}
