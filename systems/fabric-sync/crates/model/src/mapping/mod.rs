//! What NetBox should hold of a fabric: the mapping of the twelve kinds to NetBox's core models. Pure; the same snapshot gives the same
//! objects.
//!
//! What cannot be mapped becomes a [`Problem`]; of such a source nothing is made, and what another source cannot say without it is
//! left undeclared rather than guessed.

mod attachments;
mod connections;
mod devices;
mod externals;
mod names;
mod namespaces;
mod vpcs;

use crate::desired::{Desired, DesiredObject, Kinds, Problem, ProblemKind, Unrepresented, is_late};
use crate::netbox::{FabricName, FieldValue, Identity, ObjectKind};
use crate::source::{Kind, Snapshot, SourceList, SourceObject, SourceRef};
use connections::Wiring;
pub(crate) use devices::is_underlay;
pub use names::slug;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the configuration says of a fabric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fabric {
    /// Its name, with which all its keys begin.
    pub name: FabricName,
    /// The site that it is at: the one whose slug is [`slug`] of this, else the one whose name gives that. Created where it is missing.
    pub site: String,
}

/// What NetBox should hold of `fabric` as `snapshot` has it. Time grows with the number of objects and no faster.
pub fn map_fabric(fabric: &Fabric, snapshot: &Snapshot) -> Desired {
    let mut mapper = Mapper::new(fabric, snapshot);
    devices::map(&mut mapper);
    namespaces::map(&mut mapper);
    vpcs::map(&mut mapper);
    let mut wiring = Wiring::read(&mut mapper);
    attachments::map(&mut mapper, &mut wiring);
    let outside = externals::map(&mut mapper, &mut wiring);
    wiring.map(&mut mapper);
    externals::attach(&mut mapper, &outside);
    mapper.finish()
}

/// What is being made, and what it is made of.
pub(crate) struct Mapper<'a> {
    fabric: &'a Fabric,
    snapshot: &'a Snapshot,
    sources: HashMap<SourceRef, &'a SourceObject>,
    malformed: BTreeSet<SourceRef>,
    malformed_kinds: BTreeSet<Kind>,
    invalid: BTreeSet<SourceRef>,
    objects: BTreeMap<Identity, DesiredObject>,
    problems: Vec<Problem>,
    /// Which sources have an object of NetBox that keeps what has no field.
    keepers: BTreeSet<SourceRef>,
}

impl<'a> Mapper<'a> {
    fn new(fabric: &'a Fabric, snapshot: &'a Snapshot) -> Self {
        let mut mapper = Self {
            fabric,
            snapshot,
            sources: HashMap::new(),
            malformed: BTreeSet::new(),
            malformed_kinds: BTreeSet::new(),
            invalid: BTreeSet::new(),
            objects: BTreeMap::new(),
            problems: Vec::new(),
            keepers: BTreeSet::new(),
        };
        for (kind, malformed) in snapshot.malformed() {
            mapper.malformed_kinds.insert(kind);
            mapper.malformed.extend(malformed.reference.clone());
            mapper.problems.push(Problem {
                source: malformed.reference.clone(),
                kind,
                problem: ProblemKind::Malformed(malformed.reason.clone()),
            });
        }
        for kind in Kind::intended() {
            mapper
                .sources
                .extend(snapshot.objects(kind).iter().map(|object| (object.reference.clone(), object)));
        }
        mapper
    }

    fn objects_of(&self, kind: Kind) -> &'a [SourceObject] {
        self.snapshot.objects(kind)
    }

    /// Whether some object of `kind` could not be understood, or all are left out: what all of them say together is not known.
    fn is_uncertain(&self, kind: Kind) -> bool {
        self.malformed_kinds.contains(&kind) || self.is_excluded(kind)
    }

    fn is_excluded(&self, kind: Kind) -> bool {
        matches!(self.snapshot.list(kind), SourceList::Excluded)
    }

    fn report(&mut self, source: &SourceRef, problem: ProblemKind) {
        self.invalid.insert(source.clone());
        self.problems.push(Problem { source: Some(source.clone()), kind: source.kind, problem });
    }

    /// The object that `field` names.
    fn find(&self, target: &SourceRef, field: &str) -> Result<&'a SourceObject, ProblemKind> {
        if self.snapshot.unread(target.kind).is_some() {
            return Err(ProblemKind::TargetUnknown(target.kind));
        }
        if self.malformed.contains(target) || self.invalid.contains(target) {
            return Err(ProblemKind::TargetInvalid(target.clone()));
        }
        let missing = || ProblemKind::TargetMissing { field: field.into(), target: target.to_string() };
        self.sources.get(target).copied().ok_or_else(missing)
    }

    /// That the object that `field` names is there; an object of a kind that is left out is not asked for.
    fn check(&self, target: &SourceRef, field: &str) -> Result<(), ProblemKind> {
        match self.snapshot.list(target.kind) {
            SourceList::Excluded => Ok(()),
            _ => self.find(target, field).map(drop),
        }
    }

    /// The identity of an owned object; `path` is unique among its kind in this fabric.
    fn own(&self, kind: ObjectKind, path: &str) -> Identity {
        Identity::new(kind, format!("{}{path}", self.fabric.name.key_prefix()))
    }

    fn put(&mut self, object: Draft) -> Result<(), ProblemKind> {
        let Draft { identity, source, needs, mut fields, initial, sources } = object;
        if let Some(other) = self.objects.get(&identity) {
            let other = other.source.clone().filter(|_| source.is_some());
            return other.map_or(Ok(()), |other| Err(ProblemKind::SameObject { object: identity, other }));
        }
        if !identity.kind.is_shared() {
            let named = source.as_ref().map(ToString::to_string);
            fields.insert(KEY, FieldValue::Text(identity.key.clone()));
            fields.insert(SOURCE, named.map_or(FieldValue::Empty, FieldValue::Text));
            fields.insert(TOMBSTONE, FieldValue::Empty);
            if let Some(sources) = sources {
                fields.insert(SPEC, self.keep(&sources));
            }
        }
        self.objects.insert(identity.clone(), DesiredObject { identity, source, needs, fields, initial });
        Ok(())
    }

    /// What of these sources has no field, as JSON: `{SOURCE: {PATH: VALUE}}`. Those that are told to be there are there even if empty.
    fn keep(&mut self, sources: &[(SourceRef, bool)]) -> FieldValue {
        let mut kept = Map::new();
        for (reference, always) in sources {
            let Some(object) = self.sources.get(reference) else { continue };
            let remainder = &object.remainder;
            self.keepers.insert(reference.clone());
            if *always || !remainder.is_empty() {
                let fields: Map<String, Value> =
                    remainder.iter().map(|each| (each.path.clone(), each.value.clone())).collect();
                kept.insert(reference.to_string(), fields.into());
            }
        }
        if kept.is_empty() { FieldValue::Empty } else { FieldValue::Json(kept.into()) }
    }

    fn finish(mut self) -> Desired {
        let unrepresented = Kind::intended()
            .flat_map(|kind| self.snapshot.objects(kind))
            .flat_map(|object| {
                let is_kept = self.keepers.contains(&object.reference);
                object.remainder.iter().map(move |each| Unrepresented {
                    source: object.reference.clone(),
                    path: format!("spec.{}", each.path),
                    is_known: each.is_known,
                    is_kept,
                    value: each.value.clone(),
                })
            })
            .collect();
        // Nothing is made of a source that has a problem, not even what was made of it before that was seen.
        let invalid = &self.invalid;
        self.objects
            .retain(|_, object| object.source.as_ref().is_none_or(|source| !invalid.contains(source)));
        self.spread_needs();
        self.problems.sort();
        self.problems.dedup();
        let paused = self
            .sources
            .values()
            .filter(|object| object.is_paused())
            .map(|object| object.reference.clone())
            .collect();
        Desired::new(self.objects.into_values().collect(), self.problems, unrepresented, paused)
    }

    /// What an object needs, everything that refers to it needs too. Only interfaces refer to their own kind, two deep.
    fn spread_needs(&mut self) {
        for _ in 0..3 {
            let mut changes = Vec::new();
            for object in self.objects.values() {
                let fields = object.fields.iter().filter(|(field, _)| !is_late(object.identity.kind, field));
                let targets = fields.flat_map(|(_, value)| value.references());
                let needs = targets
                    .filter_map(|target| self.objects.get(target))
                    .fold(object.needs, |needs, target| needs.union(target.needs));
                if needs != object.needs {
                    changes.push((object.identity.clone(), needs));
                }
            }
            if changes.is_empty() {
                break;
            }
            for (identity, needs) in changes {
                if let Some(object) = self.objects.get_mut(&identity) {
                    object.needs = needs;
                }
            }
        }
    }
}

const KEY: &str = "custom_fields.fabric_sync_key";
const SOURCE: &str = "custom_fields.fabric_sync_source";
const SPEC: &str = "custom_fields.fabric_sync_spec";
const TOMBSTONE: &str = "custom_fields.fabric_sync_tombstone";
const ASN: &str = "custom_fields.fabric_sync_asn";

/// An object in the making.
pub(crate) struct Draft {
    identity: Identity,
    source: Option<SourceRef>,
    needs: Kinds,
    fields: BTreeMap<&'static str, FieldValue>,
    initial: BTreeMap<&'static str, FieldValue>,
    /// The sources whose remainder it keeps, and whether they are named even without one. None where that is not known.
    sources: Option<Vec<(SourceRef, bool)>>,
}

impl Draft {
    fn new(identity: Identity, source: Option<&SourceRef>, needs: &[Kind]) -> Self {
        Self {
            identity,
            source: source.cloned(),
            needs: Kinds::of(needs),
            fields: BTreeMap::new(),
            initial: BTreeMap::new(),
            sources: Some(Vec::new()),
        }
    }

    fn with(mut self, field: &'static str, value: FieldValue) -> Self {
        self.fields.insert(field, value);
        self
    }

    fn initially(mut self, field: &'static str, value: FieldValue) -> Self {
        self.initial.insert(field, value);
        self
    }

    /// It keeps what of `source` has no field.
    fn keeping(mut self, source: &SourceRef) -> Self {
        self.sources.get_or_insert_default().push((source.clone(), false));
        self
    }
}

fn text(text: &str) -> FieldValue {
    FieldValue::text(text)
}

fn reference(identity: &Identity) -> FieldValue {
    FieldValue::Reference(identity.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netbox::{ASN_FIELD, KEY_FIELD, SOURCE_FIELD, SPEC_FIELD, TOMBSTONE_FIELD, custom};

    #[test]
    fn the_names_of_custom_fields_stand_here_as_they_are_declared() {
        let declared = [KEY_FIELD, SOURCE_FIELD, SPEC_FIELD, TOMBSTONE_FIELD, ASN_FIELD].map(custom);
        assert_eq!(declared, [KEY, SOURCE, SPEC, TOMBSTONE, ASN]);
    }
}
