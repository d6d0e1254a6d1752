//! What was read of NetBox: each kind's list whole, or why not; and who has which number.

use super::{Actual, Identity, ObjectKind};
use crate::mapping::slug;
use crate::unread::{Unread, UnreadCause};
use std::collections::{BTreeMap, HashMap};

/// What is known of one kind.
#[derive(Clone, Debug, PartialEq)]
pub enum InventoryList {
    /// All of the fabric's objects of this kind; of shared kinds, all there are.
    Complete(Vec<Actual>),
    /// It could not be read whole. Nothing that rests on it is decided.
    Unread(Unread),
}

/// Adds to `keys`, by which shared objects are found, what their names give as slugs, where no other has that slug or such a name: people
/// choose slugs of their own, and NetBox has neither a slug nor a name twice.
fn add_names(keys: &mut HashMap<String, usize>, objects: &[Actual]) {
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, object) in objects.iter().enumerate() {
        if let Some(name) = object.field("name").as_str() {
            by_name.entry(slug(name)).or_default().push(at);
        }
    }
    for (slug, places) in by_name {
        if let [at] = places.as_slice()
            && !slug.is_empty()
        {
            keys.entry(slug).or_insert(*at);
        }
    }
}

/// NetBox's objects at one time, as far as they concern one fabric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    lists: BTreeMap<ObjectKind, InventoryList>,
    by_key: HashMap<ObjectKind, HashMap<String, usize>>,
    by_id: HashMap<ObjectKind, HashMap<u64, usize>>,
}

impl Inventory {
    /// Nothing is known yet: each list is unread.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of `kind` from here on. Objects without a key are not ours and dropped.
    pub fn insert(&mut self, kind: ObjectKind, list: Result<Vec<Actual>, Unread>) {
        let list = match list {
            Ok(mut objects) => {
                objects.retain(|object| object.kind == kind && object.key.is_some());
                // Of two with one key the older one is ours: what refers to it has referred to it for longer.
                let mut keys: HashMap<String, usize> = HashMap::new();
                for (at, object) in objects.iter().enumerate().rev() {
                    keys.extend(object.key.clone().map(|key| (key, at)));
                }
                // Manufacturers' slugs are part of other keys.
                if kind.is_shared() && kind != ObjectKind::Manufacturer {
                    add_names(&mut keys, &objects);
                }
                let ids = objects.iter().enumerate().map(|(at, object)| (object.id, at)).collect();
                self.by_key.insert(kind, keys);
                self.by_id.insert(kind, ids);
                InventoryList::Complete(objects)
            }
            Err(unread) => {
                self.by_key.remove(&kind);
                self.by_id.remove(&kind);
                InventoryList::Unread(unread)
            }
        };
        self.lists.insert(kind, list);
    }

    /// An object as NetBox answered it just now, in place of what was known of it; a new one is added. Changes nothing where the
    /// kind's list is not complete, and nothing of what such a write changes elsewhere.
    pub fn put(&mut self, object: Actual) {
        let (kind, id) = (object.kind, object.id);
        let Some(InventoryList::Complete(objects)) = self.lists.get_mut(&kind) else { return };
        let (keys, ids) = (self.by_key.entry(kind).or_default(), self.by_id.entry(kind).or_default());
        let at = *ids.entry(id).or_insert(objects.len());
        if let Some(key) = objects.get(at).and_then(|before| before.key.as_ref()) {
            keys.remove(key);
        }
        if let Some(key) = &object.key {
            keys.insert(key.clone(), at);
        }
        match objects.get_mut(at) {
            Some(before) => *before = object,
            None => objects.push(object),
        }
    }

    /// What is known of `kind`.
    pub fn list(&self, kind: ObjectKind) -> &InventoryList {
        static NOT_READ: InventoryList =
            InventoryList::Unread(Unread { cause: UnreadCause::NotRead, detail: String::new() });
        self.lists.get(&kind).unwrap_or(&NOT_READ)
    }

    /// Why `kind` is not known, if it is not.
    pub fn unread(&self, kind: ObjectKind) -> Option<&Unread> {
        match self.list(kind) {
            InventoryList::Unread(unread) => Some(unread),
            InventoryList::Complete(_) => None,
        }
    }

    /// The objects of `kind`; none, too, where its list is unread: ask [`Inventory::unread`] before anything is concluded of it.
    pub fn objects(&self, kind: ObjectKind) -> &[Actual] {
        match self.list(kind) {
            InventoryList::Complete(objects) => objects,
            InventoryList::Unread(_) => &[],
        }
    }

    /// The object with this identity.
    pub fn find(&self, identity: &Identity) -> Option<&Actual> {
        let at = *self.by_key.get(&identity.kind)?.get(&identity.key)?;
        self.objects(identity.kind).get(at)
    }

    /// The object with this number.
    pub fn find_id(&self, kind: ObjectKind, id: u64) -> Option<&Actual> {
        let at = *self.by_id.get(&kind)?.get(&id)?;
        self.objects(kind).get(at)
    }

    /// The number of the object with this identity.
    pub fn number(&self, identity: &Identity) -> Option<u64> {
        self.find(identity).map(|object| object.id)
    }

    /// How many objects there are, over all kinds that were read.
    pub fn object_count(&self) -> usize {
        ObjectKind::ALL.iter().map(|kind| self.objects(*kind).len()).sum()
    }
}
