//! From a comparison to a plan: what is created and changed, what is held back, and in which order.

use super::arrangement::arrange;
use super::deletion;
use super::limits::Limits;
use super::replacement::is_rewired;
use super::{Action, Change, DeleteReason, HeldChange, HoldReason, Intent, Plan, Policy, Quarantine};
use crate::comparison::{Compared, Comparison, Difference, Status};
use crate::desired::{DesiredObject, is_late};
use crate::netbox::{Actual, FabricName, FieldValue, Identity, Inventory, ObjectKind};
use crate::source::SourceRef;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};

impl Plan {
    /// What is to be written so that NetBox holds what `comparison` found it should, at `now`. `inventory` is the one that was compared.
    pub fn new(
        fabric: &FabricName,
        comparison: &Comparison,
        inventory: &Inventory,
        policy: &Policy,
        quarantine: &Quarantine,
        now: Timestamp,
    ) -> Self {
        let mut builder = Builder {
            comparison,
            inventory,
            policy,
            limits: Limits::new(comparison, inventory, policy),
            quarantine,
            now,
            extra: comparison
                .objects
                .iter()
                .filter(|object| object.status == Status::Extra)
                .filter_map(|object| Some(((object.object.kind, object.id?), object)))
                .collect(),
            rewired: comparison
                .objects
                .iter()
                .filter(|compared| matches!(&compared.status, Status::Differs(differences) if is_rewired(differences)))
                .filter_map(|compared| Some((compared.id?, compared)))
                .collect(),
            available: HashSet::new(),
            withdrawn: HashSet::new(),
            freed: HashSet::new(),
            writes: Vec::new(),
            late: Vec::new(),
            held: Vec::new(),
        };
        // Dependencies come first, so that what needs something that is held back is held back too.
        let mut order: Vec<(&Compared, &DesiredObject)> = comparison
            .objects
            .iter()
            .filter(|compared| matches!(compared.status, Status::Missing | Status::Differs(_)))
            .filter_map(|compared| Some((compared, comparison.desired.find(&compared.object)?)))
            .collect();
        let depths = depths(&order);
        order.sort_by_key(|(compared, _)| {
            let depth = depths.get(&compared.object).copied().unwrap_or_default();
            (compared.object.kind, depth, matches!(compared.status, Status::Missing), &compared.object)
        });
        let cables = order.partition_point(|(compared, _)| compared.object.kind < ObjectKind::Cable);
        let further = order.partition_point(|(compared, _)| compared.object.kind <= ObjectKind::Cable);
        builder.decide_all(&order[..cables]);
        builder.decide_cables(&order[cables..further]);
        builder.decide_all(&order[further..]);
        let deletions =
            deletion::decide(comparison, inventory, &builder.limits, quarantine, &builder.writes, now);
        let arranged = arrange(std::mem::take(&mut builder.writes), comparison, inventory, quarantine, now);
        builder.writes = arranged.writes;
        builder.held.extend(arranged.held);
        builder.release_addresses();
        builder.check_late();
        let Builder { writes, late, mut held, .. } = builder;
        held.extend(deletions.held);
        let changes = [writes, late, deletions.marks, deletions.deletes].concat();
        Self::seal(fabric.clone(), changes, held, comparison.desired.problems.clone())
    }
}

pub(super) struct Builder<'a> {
    pub(super) comparison: &'a Comparison,
    pub(super) inventory: &'a Inventory,
    policy: &'a Policy,
    limits: Limits<'a>,
    pub(super) quarantine: &'a Quarantine,
    pub(super) now: Timestamp,
    pub(super) extra: HashMap<(ObjectKind, u64), &'a Compared>,
    /// Our cables that leave their present ports in this plan.
    pub(super) rewired: HashMap<u64, &'a Compared>,
    /// What will be there beside what is there by its key.
    available: HashSet<Identity>,
    /// What is there, but not where those need it that come later.
    pub(super) withdrawn: HashSet<Identity>,
    /// Cables that are deleted before others take their ports.
    pub(super) freed: HashSet<u64>,
    pub(super) writes: Vec<Change>,
    pub(super) late: Vec<Change>,
    pub(super) held: Vec<HeldChange>,
}

impl Builder<'_> {
    fn decide_all(&mut self, objects: &[(&Compared, &DesiredObject)]) {
        for (compared, desired) in objects {
            self.decide(compared, desired);
        }
    }

    /// Whether it is done.
    pub(super) fn decide(&mut self, compared: &Compared, desired: &DesiredObject) -> bool {
        let intent = if compared.status == Status::Missing { Intent::Create } else { Intent::Update };
        let accepted = self.accept(compared, desired);
        if let Err(reason) = accepted {
            self.hold(compared.object.clone(), compared.source.clone(), intent, reason);
            return false;
        }
        true
    }

    pub(super) fn hold(
        &mut self,
        object: Identity,
        source: Option<SourceRef>,
        intent: Intent,
        reason: HoldReason,
    ) {
        self.held.push(HeldChange { object, source, intent, reason });
    }

    fn accept(&mut self, compared: &Compared, desired: &DesiredObject) -> Result<(), HoldReason> {
        let actual = compared.id.and_then(|id| self.inventory.find_id(compared.object.kind, id));
        let paused_source =
            compared.source.as_ref().is_some_and(|source| self.comparison.desired.paused.contains(source));
        if paused_source || actual.is_some_and(|actual| actual.paused) {
            return Err(HoldReason::Paused);
        }
        let before =
            actual.and_then(Actual::source_ref).filter(|source| compared.source.as_ref() != Some(source));
        if before.is_some_and(|source| self.policy.told.contains(&source)) {
            return Err(HoldReason::AwaitsLook);
        }
        let early = desired.fields.iter().filter(|(field, _)| !is_late(compared.object.kind, field));
        let needed = early.clone().flat_map(|(_, value)| value.references());
        let initial = desired.initial.values().flat_map(FieldValue::references);
        if let Some(needed) = needed.chain(initial).find(|identity| !self.is_available(identity)) {
            return Err(HoldReason::Needs(needed.clone()));
        }
        let make =
            |action| Change { object: compared.object.clone(), source: compared.source.clone(), action };
        let create = || {
            let fields = early.clone().chain(&desired.initial);
            let fields = fields.map(|(field, value)| ((*field).to_owned(), value.clone())).collect();
            make(Action::Create { fields })
        };
        let (mut freed, mut changes) = (Vec::new(), Vec::new());
        let mut withheld = None;
        match (&compared.status, compared.id) {
            (Status::Differs(differences), Some(id)) => {
                if is_rewired(differences) {
                    if actual.is_some_and(|actual| actual.protected) {
                        return Err(HoldReason::Protected);
                    }
                    freed = self.free_ports(desired, Some(id))?;
                    if !self.freed.contains(&id) {
                        freed.push(make(Action::Delete { id, reason: DeleteReason::Rewired }));
                    }
                    changes.push(create());
                } else {
                    let reason = |each: &Difference| self.limits.judge_loss(compared, each);
                    withheld = differences.iter().find_map(reason);
                    let differences = differences.iter().filter(|each| reason(each).is_none()).cloned();
                    let (late, early): (Vec<_>, Vec<_>) =
                        differences.partition(|each| is_late(compared.object.kind, &each.field));
                    if !early.is_empty() {
                        changes.push(make(Action::Update { id: Some(id), differences: early }));
                    }
                    if !late.is_empty() {
                        changes.push(make(Action::Update { id: Some(id), differences: late }));
                    }
                    if let Some(reason) = withheld.take_if(|_| changes.is_empty()) {
                        return Err(reason);
                    }
                }
            }
            _ => {
                freed = self.free_ports(desired, None)?;
                changes.push(create());
                let late: Vec<Difference> = desired
                    .fields
                    .iter()
                    .filter(|(field, value)| {
                        is_late(compared.object.kind, field) && **value != FieldValue::Empty
                    })
                    .map(|(field, value)| Difference {
                        field: (*field).into(),
                        actual: Value::Null,
                        desired: value.clone(),
                    })
                    .collect();
                if !late.is_empty() {
                    changes.push(make(Action::Update { id: None, differences: late }));
                }
            }
        }
        if let Some(first) = freed.first() {
            if !self.comparison.is_whole() {
                return Err(HoldReason::Incomplete);
            }
            if !self.policy.deletions {
                return Err(HoldReason::ReplacementOff(first.object.clone()));
            }
        }
        let mut all = freed.iter().chain(&changes);
        if let Some(entry) = all.find_map(|change| self.quarantine.hold(change, self.now)) {
            return Err(HoldReason::Quarantined(entry.clone()));
        }
        if let Some(reason) = withheld {
            self.hold(compared.object.clone(), compared.source.clone(), Intent::Update, reason);
        }
        self.available.insert(compared.object.clone());
        self.freed.extend(freed.iter().filter_map(deletion::deleted).map(|(_, id)| id));
        for change in freed.into_iter().chain(changes) {
            let is_late = matches!(&change.action, Action::Update { differences, .. }
                if differences.iter().any(|each| is_late(change.object.kind, &each.field)));
            if is_late { self.late.push(change) } else { self.writes.push(change) }
        }
        Ok(())
    }

    /// Holds back the late steps that name what is not there even then: it is decided after what names it.
    fn check_late(&mut self) {
        for change in std::mem::take(&mut self.late) {
            let Action::Update { differences, .. } = &change.action else { continue };
            let mut needed = differences.iter().flat_map(|each| each.desired.references());
            let missing = needed.find(|identity| !self.is_available(identity)).cloned();
            match missing {
                None => self.late.push(change),
                Some(missing) => {
                    self.hold(change.object, change.source, Intent::Update, HoldReason::Needs(missing));
                }
            }
        }
    }

    fn is_available(&self, identity: &Identity) -> bool {
        let is_there = self.inventory.number(identity).is_some() || self.available.contains(identity);
        is_there && !self.withdrawn.contains(identity)
    }
}

/// How many objects of its own kind stand before each object, along its references.
fn depths(order: &[(&Compared, &DesiredObject)]) -> HashMap<Identity, usize> {
    let by_identity: BTreeMap<&Identity, &DesiredObject> =
        order.iter().map(|(compared, desired)| (&compared.object, *desired)).collect();
    let mut depths = HashMap::new();
    for identity in by_identity.keys() {
        let depth = depth(identity, &by_identity, 0);
        if depth > 0 {
            depths.insert((*identity).clone(), depth);
        }
    }
    depths
}

/// An interface's parent may have a LAG, which has neither; deeper is a circle, which the mapping never makes.
const MAX_DEPTH: usize = 4;

fn depth(identity: &Identity, objects: &BTreeMap<&Identity, &DesiredObject>, level: usize) -> usize {
    let Some(object) = objects.get(identity).filter(|_| level < MAX_DEPTH) else { return 0 };
    let same_kind = object.references().filter(|target| target.kind == identity.kind);
    let among = same_kind.filter(|target| objects.contains_key(target));
    among.map(|target| 1 + depth(target, objects, level + 1)).max().unwrap_or_default()
}
