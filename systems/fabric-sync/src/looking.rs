//! A look at both sides that is under way, and what happened meanwhile: that is newer than what it read, and goes into it when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use fabric_kubernetes::Event;
use fabric_model::{Actual, Identity, Inventory, Plan, Snapshot, SourceRef};
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::fabric::Look;
use crate::record::Trigger;
use crate::worker::{Sides, reference};

/// A look that is under way; it ends when this is dropped.
pub struct Looking {
    /// Why it began.
    pub trigger: Trigger,
    /// When it began.
    pub begun: Instant,
    /// Whether nothing is followed meanwhile.
    pub is_alone: bool,
    task: JoinSet<Look>,
    /// What watches told last of each object.
    events: BTreeMap<SourceRef, Event>,
    /// What was updated in NetBox.
    updated: BTreeSet<Identity>,
    /// Whether NetBox was read anew after something was written.
    read_anew: bool,
}

impl Looking {
    /// Begins it, as a task beside this one.
    pub fn begin(
        look: impl Future<Output = Look> + Send + 'static,
        trigger: Trigger,
        is_alone: bool,
    ) -> Self {
        let mut task = JoinSet::new();
        task.spawn(look);
        let (events, updated) = (BTreeMap::new(), BTreeSet::new());
        Looking { trigger, begun: Instant::now(), is_alone, task, events, updated, read_anew: false }
    }

    /// What it read, when it has ended.
    pub async fn end(&mut self) -> Look {
        match self.task.join_next().await {
            Some(Ok(look)) => look,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // It is ended by nobody, and asked for once.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// A watch told something.
    pub fn note_event(&mut self, event: &Event) {
        if let Event::Applied { kind, object } | Event::Deleted { kind, object } = event
            && let Some(reference) = reference(*kind, object)
        {
            self.events.insert(reference, event.clone());
        }
    }

    /// The changes of `plan` were written, as far as they were, and NetBox perhaps read anew.
    pub fn note_writes(&mut self, plan: &Plan, read_anew: bool) {
        self.read_anew |= read_anew;
        self.updated.extend(plan.changes.iter().map(|change| change.object.clone()));
    }

    /// Takes what happened meanwhile into what was `read`; `sides` are both as they were followed. The objects of which a watch alone told
    /// something.
    pub fn bring_up_to_date(self, read: &mut Look, sides: Option<Sides>) -> BTreeSet<SourceRef> {
        if let Some(sides) = sides {
            if self.read_anew {
                // An object that we created may be missing in what was read: it would be created again.
                read.inventory = sides.inventory;
            } else {
                let written = self.updated.iter().filter_map(|identity| sides.inventory.find(identity));
                written.for_each(|object| put_newer(&mut read.inventory, object));
            }
        }
        let snapshot = &mut read.reading.snapshot;
        let told = self
            .events
            .into_iter()
            .filter_map(|(reference, event)| replay(snapshot, &reference, event).then_some(reference));
        told.collect()
    }
}

/// Puts an object as it was answered to our write, unless what was read is newer, or it is gone: then somebody deleted it since, as no write
/// of ours brings one into being.
fn put_newer(inventory: &mut Inventory, written: &Actual) {
    let time = |actual: &Actual| actual.last_updated.parse::<Timestamp>().ok();
    if inventory.find_id(written.kind, written.id).is_some_and(|read| time(read) < time(written)) {
        inventory.put(written.clone());
    }
}

/// Takes in what a watch told while the list was read. The list may be newer: then the same watch, which goes on, tells that too, and
/// until then the object is as it was followed before. That one is gone holds for itself, and for no other of its name. Whether the
/// object is as the watch told.
fn replay(snapshot: &mut Snapshot, reference: &SourceRef, event: Event) -> bool {
    match event {
        Event::Applied { kind, object } => {
            snapshot.apply_object(kind, object);
            true
        }
        Event::Deleted { object, .. } => {
            let uid = object.pointer("/metadata/uid").and_then(|uid| uid.as_str());
            let is_same = snapshot.object(reference).is_some_and(|read| Some(read.uid.as_str()) == uid);
            if is_same {
                snapshot.remove_object(reference);
            }
            is_same
        }
        Event::Lost { .. } => false,
    }
}
