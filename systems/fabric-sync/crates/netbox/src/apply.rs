//! Executes a plan, in its order: what fails is named, what needs it is left out, everything else goes on.

use crate::write::{Creation, Numbers};
use crate::{MayWrite, NetBox, NetBoxError, Permit};
use fabric_model::plan::DeleteReason;
use fabric_model::{Action, Actual, Change, Identity, Inventory, ObjectKind, Plan, Quarantine};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// How many objects are created in one request.
const MAX_BATCH: usize = 50;
/// How many objects are updated at once: NetBox has several workers, and takes as long for each as for a page that somebody looks at.
const MAX_AT_ONCE: usize = 4;
/// Changes at which NetBox itself fails, one after the other, before that is thought to lie with NetBox and not with them.
const MAX_BROKEN: usize = 3;

/// How a plan is executed.
pub struct RunOptions<'a> {
    /// Stands in NetBox's changelog beside each change; at most 200 characters.
    pub message: &'a str,
    /// What tombstones say.
    pub now: Timestamp,
    /// Asked immediately before each write is sent: whether this instance may still write.
    pub may_write: &'a MayWrite<'a>,
    /// Whether something happened at the source since the plan was made: then nothing is deleted by it, or marked.
    pub is_outdated: &'a (dyn Fn() -> bool + Sync),
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, by NetBox's own word.
    Written,
    /// NetBox refuses this change; the same change will be refused again.
    Refused(NetBoxError),
    /// NetBox has an object with its key already, which is not what was sent: compare anew.
    AlreadyThere,
    /// The object is not what was compared: compare anew.
    Stale,
    /// It failed for a reason that does not lie with the object; it may have landed.
    Failed(NetBoxError),
    /// It needs something that was not done.
    Skipped(Identity),
    /// It was not tried, because NetBox failed before.
    NotTried,
    /// It was not tried, because this instance may not write any more.
    MayNotWrite,
    /// It was not tried, because something happened at the source since the plan was made: compare anew.
    Outdated,
}

/// What came of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Applied {
    /// For each change of the plan, in its order.
    pub outcomes: Vec<Outcome>,
    /// The objects that were updated, as NetBox answered them.
    pub updated: Vec<Actual>,
}

impl Applied {
    /// Whether everything is done.
    pub fn is_complete(&self) -> bool {
        self.outcomes.iter().all(|outcome| *outcome == Outcome::Written)
    }

    /// Writes down what was refused, what was not and what may still be carried out, of `plan`, which ended at `now`.
    pub fn record(&self, plan: &Plan, quarantine: &mut Quarantine, now: Timestamp) {
        for (change, outcome) in plan.changes.iter().zip(&self.outcomes) {
            match outcome {
                Outcome::Refused(error @ NetBoxError::Forbidden(_)) => {
                    quarantine.record_forbidden(change, &error.to_string(), now);
                }
                Outcome::Refused(error) => quarantine.record_refusal(change, &error.to_string(), now),
                Outcome::Failed(error)
                    if error.may_have_landed() && matches!(change.action, Action::Create { .. }) =>
                {
                    quarantine.record_unanswered(change, &error.to_string(), now);
                }
                Outcome::Written | Outcome::AlreadyThere => quarantine.record_success(change, now),
                _ => {}
            }
        }
    }
}

impl NetBox {
    /// Does what `plan` says; `inventory` is the one that it was made of. `on_outcome` hears of each change as it is done, in order.
    pub async fn apply(
        &self,
        plan: &Plan,
        inventory: &Inventory,
        options: &RunOptions<'_>,
        on_outcome: &mut (dyn FnMut(&Change, &Outcome) + Send),
    ) -> Applied {
        let mut run = Run {
            netbox: self,
            inventory,
            options,
            created: HashMap::new(),
            failed: HashSet::new(),
            cables: (plan.changes.iter())
                .filter(|change| change.object.kind == ObjectKind::Cable)
                .filter(|change| matches!(change.action, Action::Create { .. }))
                .map(|change| (&change.object, change))
                .collect(),
            kept: HashMap::new(),
            stopped: None,
            broken: 0,
            applied: Applied::default(),
        };
        let (mut told, mut one_by_one) = (0, 0);
        while let Some(rest) = plan.changes.get(told..).filter(|rest| !rest.is_empty()) {
            let batch = if one_by_one == 0 { run.batch(rest) } else { Vec::new() };
            if batch.len() > 1 {
                if !run.create_batch(&batch).await {
                    // One of them is wrong, and NetBox took none: one by one, so that only that one is refused.
                    one_by_one = batch.len();
                }
            } else if one_by_one > 0 {
                run.execute(rest.get(..1).unwrap_or_default()).await;
                one_by_one -= 1;
            } else {
                run.execute(at_once(rest)).await;
            }
            for (change, outcome) in plan.changes.iter().zip(&run.applied.outcomes).skip(told) {
                on_outcome(change, outcome);
            }
            told = run.applied.outcomes.len();
        }
        run.applied
    }
}

struct Run<'a> {
    netbox: &'a NetBox,
    inventory: &'a Inventory,
    options: &'a RunOptions<'a>,
    created: HashMap<Identity, u64>,
    failed: HashSet<Identity>,
    /// The cables that the plan creates.
    cables: HashMap<&'a Identity, &'a Change>,
    /// Cables that were to be deleted and are still there, by number.
    kept: HashMap<u64, Identity>,
    /// Why nothing more is tried.
    stopped: Option<Outcome>,
    /// At how many changes in a row NetBox itself failed.
    broken: usize,
    applied: Applied,
}

impl<'a> Run<'a> {
    fn note(&mut self, change: &Change, outcome: Outcome) {
        match &outcome {
            Outcome::Written | Outcome::AlreadyThere => self.broken = 0,
            Outcome::Failed(error) => {
                tracing::warn!(object = %change.object, %error, "a change failed");
                self.stopped = Some(Outcome::NotTried);
                self.fail(change);
            }
            Outcome::MayNotWrite | Outcome::Outdated => self.stopped = Some(outcome.clone()),
            outcome => {
                tracing::debug!(object = %change.object, ?outcome, "a change was not made");
                self.fail(change);
            }
        }
        self.applied.outcomes.push(outcome);
    }

    fn fail(&mut self, change: &Change) {
        self.failed.insert(change.object.clone());
        if let Action::Delete { id, .. } = &change.action
            && change.object.kind == ObjectKind::Cable
        {
            self.kept.insert(*id, change.object.clone());
        }
    }

    fn number(&self, identity: &Identity) -> Option<u64> {
        self.created.get(identity).copied().or_else(|| self.inventory.number(identity))
    }

    /// Why a change is not even tried.
    fn obstacle(&self, change: &Change) -> Option<Outcome> {
        if let Some(stopped) = &self.stopped {
            return Some(stopped.clone());
        }
        let is_for_want_of_a_source = matches!(
            change.action,
            Action::Mark { .. } | Action::Delete { reason: DeleteReason::SourceGone, .. }
        );
        if is_for_want_of_a_source && (self.options.is_outdated)() {
            return Some(Outcome::Outdated);
        }
        // A cable makes way only for one that can come.
        let successor = match &change.action {
            Action::Delete { reason: DeleteReason::Rewired, .. } => self.cables.get(&change.object),
            Action::Delete { reason: DeleteReason::Superseded(by), .. } => self.cables.get(by),
            _ => None,
        };
        let successor = successor.and_then(|successor| self.find_failed(successor));
        successor.or_else(|| self.find_failed(change)).map(Outcome::Skipped)
    }

    /// What `change` needs and was not done.
    fn find_failed(&self, change: &Change) -> Option<Identity> {
        let needed: Vec<&Identity> = match &change.action {
            Action::Create { fields } => fields.values().flat_map(|value| value.references()).collect(),
            Action::Update { differences, .. } => {
                differences.iter().flat_map(|each| each.desired.references()).collect()
            }
            Action::Mark { .. } | Action::Delete { .. } => Vec::new(),
        };
        let cable = |port: &&Identity| self.kept.get(&self.inventory.find(port)?.field("cable").as_u64()?);
        let is_cable = change.object.kind == ObjectKind::Cable;
        let kept = needed.iter().filter(|_| is_cable).find_map(cable).cloned();
        let mut needed = needed.into_iter().chain([&change.object]);
        kept.or_else(|| needed.find(|identity| self.failed.contains(*identity)).cloned())
    }

    /// The creations at the beginning of `changes` that can be sent together: of one kind, none naming another of them.
    fn batch(&self, changes: &'a [Change]) -> Vec<(&'a Change, Map<String, Value>)> {
        let mut batch: Vec<(&Change, Map<String, Value>)> = Vec::new();
        for change in changes.iter().take(MAX_BATCH) {
            let is_first_kind =
                batch.first().is_none_or(|(first, _)| first.object.kind == change.object.kind);
            let Action::Create { fields } = &change.action else { break };
            if !is_first_kind || self.obstacle(change).is_some() {
                break;
            }
            let Ok(body) = self.body(fields) else { break };
            batch.push((change, body));
        }
        batch
    }

    fn body(
        &self,
        fields: &std::collections::BTreeMap<String, fabric_model::FieldValue>,
    ) -> Result<Map<String, Value>, Identity> {
        let mut body = Map::new();
        for (name, value) in fields {
            value.write(name, |identity| self.number(identity), &mut body)?;
        }
        // Null is no value for every field; what is not sent is empty.
        body.retain(|_, value| !value.is_null());
        Ok(body)
    }

    /// Whether it was decided; otherwise NetBox took none of them and it lies with one.
    async fn create_batch(&mut self, batch: &[(&'a Change, Map<String, Value>)]) -> bool {
        let Some((first, _)) = batch.first() else { return false };
        let bodies = batch.iter().map(|(change, body)| (&change.object, body.clone())).collect();
        match self.netbox.create_many(first.object.kind, bodies, self.options).await {
            Ok(numbers) => {
                for ((change, _), number) in batch.iter().zip(numbers) {
                    self.created.insert(change.object.clone(), number);
                    self.note(change, Outcome::Written);
                }
                true
            }
            Err(error) if error.is_about_the_object() => false,
            Err(error) => {
                for (change, _) in batch {
                    self.note(change, failure(&error));
                }
                true
            }
        }
    }

    /// Tries these changes at once, and notes in their order what came of them.
    async fn execute(&mut self, changes: &[Change]) {
        let tried = join_all(changes.iter().map(|change| self.attempt(change))).await;
        for (change, done) in changes.iter().zip(tried) {
            let outcome = match done {
                Ok(Done { number, updated }) => {
                    self.created.extend(number.map(|number| (change.object.clone(), number)));
                    self.applied.updated.extend(updated);
                    Outcome::Written
                }
                Err(Undone::AlreadyThere(number)) => {
                    self.created.insert(change.object.clone(), number);
                    Outcome::AlreadyThere
                }
                Err(Undone::Otherwise(outcome)) => outcome,
                Err(Undone::Failed(error)) => self.judge(error),
            };
            self.note(change, outcome);
        }
    }

    async fn attempt(&self, change: &Change) -> Result<Done, Undone> {
        if let Some(obstacle) = self.obstacle(change) {
            return Err(Undone::Otherwise(obstacle));
        }
        // What is read before a write is read in vain without it.
        if (self.options.may_write)() == Permit::Denied {
            return Err(Undone::Otherwise(Outcome::MayNotWrite));
        }
        let (object, options) = (&change.object, self.options);
        let done = match &change.action {
            Action::Create { fields } => {
                let body =
                    self.body(fields).map_err(|missing| Undone::Otherwise(Outcome::Skipped(missing)))?;
                match self.netbox.create_one(object, body, options).await? {
                    Creation::Made(number) => Done { number: Some(number), updated: None },
                    Creation::Present(number) => return Err(Undone::AlreadyThere(number)),
                }
            }
            Action::Update { id, differences } => {
                let Some(id) = id.or_else(|| self.number(object)) else {
                    return Err(Undone::Otherwise(Outcome::Skipped(object.clone())));
                };
                let (created, inventory) = (&self.created, self.inventory);
                let numbers: &Numbers<'_> =
                    &|identity| created.get(identity).copied().or_else(|| inventory.number(identity));
                let mut needed = differences.iter().flat_map(|each| each.desired.references());
                if let Some(missing) = needed.find(|identity| numbers(identity).is_none()) {
                    return Err(Undone::Otherwise(Outcome::Skipped(missing.clone())));
                }
                let compared = inventory.find_id(object.kind, id);
                let updated =
                    self.netbox.update_one((object, id), compared, differences, numbers, options).await?;
                Done { number: Some(id), updated: Some(updated) }
            }
            Action::Mark { id } => {
                let compared = self.inventory.find_id(object.kind, *id);
                let marked = self.netbox.mark_one((object, *id), compared, options).await?;
                Done { number: None, updated: Some(marked) }
            }
            Action::Delete { id, .. } => {
                self.netbox.delete_one(object, *id, options).await?;
                Done { number: None, updated: None }
            }
        };
        Ok(done)
    }

    fn judge(&mut self, error: NetBoxError) -> Outcome {
        match error {
            NetBoxError::Stale | NetBoxError::NotFound => Outcome::Stale,
            NetBoxError::Refused(_) | NetBoxError::Conflict(_) | NetBoxError::Forbidden(_) => {
                Outcome::Refused(error)
            }
            NetBoxError::Broken(_) => {
                self.broken += 1;
                if self.broken < MAX_BROKEN { Outcome::Refused(error) } else { Outcome::Failed(error) }
            }
            error => failure(&error),
        }
    }
}

/// What is tried at once of `changes`: their first, and the updates after it where all are updates of objects of one kind, none of which
/// makes room for another or refers to it.
fn at_once(changes: &[Change]) -> &[Change] {
    let mut objects: HashSet<&Identity> = HashSet::new();
    let mut count = 0;
    for change in changes.iter().take(MAX_AT_ONCE) {
        let Action::Update { id: Some(_), differences } = &change.action else { break };
        let mut references = differences.iter().flat_map(|each| each.desired.references());
        if change.frees_a_place()
            || objects.iter().any(|other| other.kind != change.object.kind)
            || references.any(|target| objects.contains(target))
            || !objects.insert(&change.object)
        {
            break;
        }
        count += 1;
    }
    changes.get(..count.max(1)).unwrap_or_default()
}

/// What came of a change that NetBox made.
struct Done {
    /// The object's number, where others may need it.
    number: Option<u64>,
    /// The object as it is now, where it was there before.
    updated: Option<Actual>,
}

/// Why a change was not made.
enum Undone {
    /// NetBox has an object with its key, under this number.
    AlreadyThere(u64),
    /// It was not sent.
    Otherwise(Outcome),
    /// NetBox did not make it.
    Failed(NetBoxError),
}

impl From<NetBoxError> for Undone {
    fn from(error: NetBoxError) -> Self {
        Undone::Failed(error)
    }
}

/// What an error that lies with no object makes of a change.
fn failure(error: &NetBoxError) -> Outcome {
    match error {
        NetBoxError::MayNotWrite => Outcome::MayNotWrite,
        error => Outcome::Failed(error.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fabric_model::{Difference, FieldValue};

    fn update(kind: ObjectKind, key: &str, field: &str, desired: FieldValue) -> Change {
        let differences = vec![Difference { field: field.into(), actual: Value::Null, desired }];
        let object = Identity::new(kind, key);
        Change { object, source: None, action: Action::Update { id: Some(1), differences } }
    }

    fn described(kind: ObjectKind, key: &str) -> Change {
        update(kind, key, "description", FieldValue::text("new"))
    }

    #[test]
    fn updates_are_sent_at_once_where_none_has_to_wait_for_another() {
        let device = |key: &str| described(ObjectKind::Device, key);
        let port = |key: &str| described(ObjectKind::Interface, key);
        let lag = FieldValue::Reference(Identity::new(ObjectKind::Interface, "a"));
        let deletion = Change {
            action: Action::Delete { id: 1, reason: DeleteReason::SourceGone },
            ..described(ObjectKind::Device, "b")
        };
        for (changes, count) in [
            (vec![device("a"), device("b"), device("c")], 3),
            (["a", "b", "c", "d", "e"].map(device).to_vec(), MAX_AT_ONCE),
            (vec![device("a"), device("a")], 1),
            (vec![device("a"), port("a")], 1),
            (vec![port("a"), update(ObjectKind::Interface, "b", "lag", lag)], 1),
            (vec![device("a"), update(ObjectKind::Device, "b", "name", FieldValue::text("new"))], 1),
            (vec![update(ObjectKind::Device, "b", "name", FieldValue::text("new")), device("a")], 1),
            (vec![device("a"), deletion.clone(), device("c")], 1),
            (vec![deletion, device("a")], 1),
        ] {
            assert_eq!(at_once(&changes).len(), count, "{changes:?}");
        }
        assert!(at_once(&[]).is_empty());
    }
}
