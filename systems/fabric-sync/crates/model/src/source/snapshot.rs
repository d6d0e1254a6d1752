//! What was read of a fabric: each kind's list whole, or why not.

use super::{Kind, Malformed, SourceObject, SourceRef};
use crate::unread::{Unread, UnreadCause};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceList {
    /// The whole list, as of one resource version.
    Complete {
        /// The list's resource version.
        resource_version: String,
        /// Its objects.
        objects: Vec<SourceObject>,
        /// Those that could not be understood.
        malformed: Vec<Malformed>,
    },
    /// It could not be read whole. Nothing that rests on it is decided.
    Unread(Unread),
    /// The configuration leaves this kind out: nothing is created of it, and what NetBox holds of it is left alone.
    Excluded,
}

/// Kinds that the fabric's API groups serve and this version does not know, each as `GROUP/KIND`; or why they are not known. Nothing of
/// them is read, and nothing but that they are there is told.
pub type FurtherKinds = Result<BTreeSet<String>, Unread>;

/// A fabric's objects at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    lists: BTreeMap<Kind, SourceList>,
    further_kinds: FurtherKinds,
}

impl Default for Snapshot {
    fn default() -> Self {
        let further_kinds = Err(Unread::new(UnreadCause::NotRead, ""));
        Self { lists: BTreeMap::new(), further_kinds }
    }
}

impl Snapshot {
    /// Nothing is known yet: each list is unread.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of `kind` from here on. The objects are as Kubernetes sends them, `{"metadata": ..., "spec": ..., "status": ...}`.
    pub fn insert(&mut self, kind: Kind, list: Result<(String, Vec<Value>), Unread>) {
        let list = match list {
            Err(unread) => SourceList::Unread(unread),
            Ok((resource_version, items)) => {
                let (mut objects, mut malformed) = (Vec::with_capacity(items.len()), Vec::new());
                for item in items {
                    match SourceObject::parse(kind, item) {
                        Ok(object) => objects.push(object),
                        Err(error) => malformed.push(error),
                    }
                }
                SourceList::Complete { resource_version, objects, malformed }
            }
        };
        self.lists.insert(kind, list);
    }

    /// A watch's event: the object was added or changed. It changes nothing where the kind's list is not complete.
    pub fn apply_object(&mut self, kind: Kind, object: Value) {
        let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str).map(str::to_owned);
        let parsed = SourceObject::parse(kind, object);
        let reference = match &parsed {
            Ok(object) => Some(object.reference.clone()),
            Err(error) => error.reference.clone(),
        };
        if let Some(reference) = reference {
            self.remove_object(&reference);
        }
        let Some(SourceList::Complete { resource_version, objects, malformed }) = self.lists.get_mut(&kind)
        else {
            return;
        };
        if let Some(version) = version {
            *resource_version = version;
        }
        match parsed {
            Ok(object) => objects.push(object),
            Err(error) => malformed.push(error),
        }
    }

    /// A watch's event: the object is gone. It changes nothing where the kind's list is not complete.
    pub fn remove_object(&mut self, reference: &SourceRef) {
        if let Some(SourceList::Complete { objects, malformed, .. }) = self.lists.get_mut(&reference.kind) {
            objects.retain(|object| object.reference != *reference);
            malformed.retain(|each| each.reference.as_ref() != Some(reference));
        }
    }

    /// Leaves `kind` out.
    pub fn exclude(&mut self, kind: Kind) {
        self.lists.insert(kind, SourceList::Excluded);
    }

    /// What else is served, from here on.
    pub fn set_further_kinds(&mut self, kinds: FurtherKinds) {
        self.further_kinds = kinds;
    }

    /// What else is served.
    pub fn further_kinds(&self) -> &FurtherKinds {
        &self.further_kinds
    }

    /// What is known of `kind`.
    pub fn list(&self, kind: Kind) -> &SourceList {
        static NOT_READ: SourceList =
            SourceList::Unread(Unread { cause: UnreadCause::NotRead, detail: String::new() });
        self.lists.get(&kind).unwrap_or(&NOT_READ)
    }

    /// Why `kind` is not known, if it is not.
    pub fn unread(&self, kind: Kind) -> Option<&Unread> {
        match self.list(kind) {
            SourceList::Unread(unread) => Some(unread),
            SourceList::Complete { .. } | SourceList::Excluded => None,
        }
    }

    /// The objects of `kind`; none, too, where its list is unread: ask [`Snapshot::unread`] before anything is concluded of it.
    pub fn objects(&self, kind: Kind) -> &[SourceObject] {
        match self.list(kind) {
            SourceList::Complete { objects, .. } => objects,
            SourceList::Unread(_) | SourceList::Excluded => &[],
        }
    }

    /// What could not be understood, of all kinds.
    pub fn malformed(&self) -> impl Iterator<Item = (Kind, &Malformed)> {
        self.lists.iter().flat_map(|(kind, list)| {
            let malformed = match list {
                SourceList::Complete { malformed, .. } => malformed.as_slice(),
                SourceList::Unread(_) | SourceList::Excluded => &[],
            };
            malformed.iter().map(|each| (*kind, each))
        })
    }

    /// How many objects there are, over all kinds that were read.
    pub fn object_count(&self) -> usize {
        Kind::ALL.iter().map(|kind| self.objects(*kind).len()).sum()
    }

    /// The object that `reference` names.
    pub fn object(&self, reference: &SourceRef) -> Option<&SourceObject> {
        self.objects(reference.kind).iter().find(|object| object.reference == *reference)
    }
}
