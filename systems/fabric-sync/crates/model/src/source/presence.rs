//! Which source objects there are. A list that is empty where it was not before may be empty by mistake: a namespace whose name was mistyped
//! has one too.

use super::{Kind, Snapshot, SourceList, SourceRef};
use std::collections::BTreeSet;

/// The objects of the kinds that were read whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Presence {
    read: BTreeSet<Kind>,
    /// Kinds of which some object has no name that could be read: it may be any.
    nameless: BTreeSet<Kind>,
    objects: BTreeSet<SourceRef>,
}

/// What of a kind is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Emptiness {
    /// All of it.
    Kind,
    /// One namespace of it.
    Namespace,
}

impl Presence {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let mut presence = Self::default();
        for kind in Kind::intended() {
            let SourceList::Complete { objects, malformed, .. } = snapshot.list(kind) else { continue };
            presence.read.insert(kind);
            presence.objects.extend(objects.iter().map(|object| object.reference.clone()));
            for each in malformed {
                match &each.reference {
                    Some(reference) => drop(presence.objects.insert(reference.clone())),
                    None => drop(presence.nameless.insert(kind)),
                }
            }
        }
        presence
    }

    /// Whether `source` is certainly not there.
    pub(crate) fn is_gone(&self, source: &SourceRef) -> bool {
        self.is_known(source.kind) && !self.objects.contains(source)
    }

    /// What is empty of `kind`, as far as an object in `namespace` goes.
    pub(crate) fn emptiness(&self, kind: Kind, namespace: &str) -> Option<Emptiness> {
        let first = |namespace| {
            let following = self.objects.range(SourceRef::new(kind, namespace, "")..).next();
            following.filter(|source| source.kind == kind)
        };
        if !self.is_known(kind) || first(namespace).is_some_and(|source| source.namespace == namespace) {
            return None;
        }
        Some(if first("").is_some() { Emptiness::Namespace } else { Emptiness::Kind })
    }

    /// The objects of `kind`.
    pub(crate) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &SourceRef> {
        self.objects.range(SourceRef::new(kind, "", "")..).take_while(move |source| source.kind == kind)
    }

    fn is_known(&self, kind: Kind) -> bool {
        self.read.contains(&kind) && !self.nameless.contains(&kind)
    }
}
