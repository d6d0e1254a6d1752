//! What the history holds of a run: what was read, what was found, what was written and how each write ended. What cannot be recorded is
//! not done.

use std::collections::BTreeMap;

use fabric_kubernetes::Term;
use fabric_model::plan::Intent;
use fabric_model::{
    Action, Change, Comparison, Counts, Identity, Inventory, Kind, ObjectKind, Plan, Snapshot, SourceList,
    SourceRef, Summary, Unread, UnreadCause,
};
use fabric_netbox::{NetBoxError, Outcome};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::standstill::Standstill;

/// Writes a record has at most; a run may have many records.
pub const MAX_WRITES: usize = 100;

/// Why a run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// The service had just started.
    Start,
    /// It was time to read both sides whole.
    Interval,
    /// A watch told changes.
    Watch,
    /// A watch broke.
    Loss,
    /// What kept from writing is over.
    Release,
    /// Somebody applied a plan.
    Apply,
}

impl Trigger {
    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Trigger::Start => "start",
            Trigger::Interval => "interval",
            Trigger::Watch => "watch",
            Trigger::Loss => "loss",
            Trigger::Release => "release",
            Trigger::Apply => "apply",
        }
    }
}

/// One record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Record {
    /// Both sides were looked at.
    Looked {
        /// The run.
        run: String,
        /// Why.
        trigger: Trigger,
        /// When reading began.
        begun: Timestamp,
        /// When it ended.
        ended: Timestamp,
        /// SHA-256 of all that was read.
        reads: String,
        /// What was read of each list; none where it is all as in the run before.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        lists: Option<Lists>,
        /// What it came to.
        summary: Summary,
        /// How many objects compare how.
        counts: Counts,
        /// The digest of the plan that follows.
        plan: String,
        /// How many changes it has.
        changes: usize,
        /// How many are held back.
        held: usize,
        /// Why nothing will be written, if so.
        standstill: Option<Standstill>,
    },
    /// Writing begins.
    Began {
        /// The run.
        run: String,
        /// When.
        at: Timestamp,
        /// Why.
        trigger: Trigger,
        /// The plan's digest.
        plan: String,
        /// How many changes it has.
        changes: usize,
        /// By whom: this instance's name.
        by: String,
        /// In which term of the lease; none where no lease is configured.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        lease: Option<Term>,
    },
    /// Some of its writes, in order.
    Wrote {
        /// The run.
        run: String,
        /// Each write.
        writes: Vec<Write>,
    },
    /// An object that somebody else made is given our key.
    Adopted {
        /// The run.
        run: String,
        /// When.
        at: Timestamp,
        /// The object whose place it takes.
        object: Identity,
        /// What that stands for.
        source: Option<SourceRef>,
        /// NetBox's number for it.
        id: u64,
        /// `begun`, then `adopted` or why it was left.
        outcome: String,
        /// In which term of the lease; none where no lease is configured.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        lease: Option<Term>,
    },
    /// Writing is over.
    Ended {
        /// The run.
        run: String,
        /// When.
        at: Timestamp,
        /// Changes that NetBox made.
        written: usize,
        /// Changes that it refused.
        refused: usize,
        /// Changes that were not tried, or of which nothing is known.
        open: usize,
        /// Why it ended before its end, if so.
        stopped: Option<String>,
        /// That in one word; none in the records of versions that had no word for it.
        #[serde(default)]
        ending: Option<RunEnding>,
    },
}

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnding {
    /// NetBox made every change.
    Whole,
    /// NetBox made some of them.
    Partial,
    /// NetBox made none.
    Failed,
    /// It ended before its end.
    Stopped,
}

impl std::fmt::Display for RunEnding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            RunEnding::Whole => "whole",
            RunEnding::Partial => "partial",
            RunEnding::Failed => "failed",
            RunEnding::Stopped => "stopped",
        })
    }
}

/// What was read of each list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lists {
    /// Of Kubernetes, by kind.
    pub source: BTreeMap<String, ListRead>,
    /// Of NetBox, by path.
    pub netbox: BTreeMap<String, ListRead>,
}

impl Lists {
    /// What was read of each list.
    #[must_use]
    pub fn new(snapshot: &Snapshot, inventory: &Inventory) -> Self {
        Lists { source: source_lists(snapshot), netbox: netbox_lists(inventory) }
    }

    /// SHA-256 of it. Where Kubernetes' lists stood takes no part: that moves with anything in the cluster.
    #[must_use]
    pub fn digest(&self) -> String {
        let lines = self.source.iter().chain(&self.netbox).map(|(name, read)| match read {
            ListRead::Whole { objects, digest, .. } => format!("{name} {objects} {digest}\n"),
            ListRead::Unread(why) => format!("{name} {why}\n"),
            ListRead::Excluded => format!("{name} excluded\n"),
        });
        digest(lines.collect())
    }
}

/// What was read of one list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListRead {
    /// All of it.
    Whole {
        /// How many objects.
        objects: usize,
        /// Where Kubernetes' list stood.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        resource_version: Option<String>,
        /// SHA-256 of the objects' identities and versions, in order.
        digest: String,
    },
    /// Not all of it.
    Unread(Unread),
    /// It was not asked for.
    Excluded,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Which object.
    pub object: Identity,
    /// What it stands for.
    pub source: Option<SourceRef>,
    /// What was done.
    pub action: Intent,
    /// The fields.
    pub fields: Vec<String>,
    /// How it ended.
    pub outcome: WriteOutcome,
    /// NetBox's words, or why it is open.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// Why, where that does not lie with what was sent; counted, and not in the history.
    #[serde(skip)]
    pub cause: Option<UnreadCause>,
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteOutcome {
    /// NetBox did it.
    Written,
    /// NetBox refused it.
    Refused,
    /// It was not tried, or nothing is known of it.
    Open,
}

impl WriteOutcome {
    /// All of them.
    pub const ALL: [WriteOutcome; 3] = [WriteOutcome::Written, WriteOutcome::Refused, WriteOutcome::Open];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            WriteOutcome::Written => "written",
            WriteOutcome::Refused => "refused",
            WriteOutcome::Open => "open",
        }
    }

    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Written => WriteOutcome::Written,
            Outcome::Refused(_) => WriteOutcome::Refused,
            Outcome::AlreadyThere
            | Outcome::Stale
            | Outcome::Failed(_)
            | Outcome::Skipped(_)
            | Outcome::NotTried
            | Outcome::MayNotWrite
            | Outcome::Outdated => WriteOutcome::Open,
        }
    }
}

/// Why it did not end well.
fn describe(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Written => None,
        Outcome::Refused(error) | Outcome::Failed(error) => Some(error.to_string()),
        Outcome::AlreadyThere => {
            Some("NetBox has it already and refuses another; it is compared anew".into())
        }
        Outcome::Stale => Some("it was changed since it was read".into()),
        Outcome::Skipped(needed) => Some(format!("it needs {needed}, which was not written")),
        Outcome::NotTried => Some("not tried, because NetBox failed before".into()),
        Outcome::Outdated => {
            Some("not tried, because something changed at the source meanwhile; it is compared anew".into())
        }
        Outcome::MayNotWrite => Some("not tried, because this instance may not write any more".into()),
    }
}

/// The cause of an error that does not lie with what was sent.
fn cause(outcome: &Outcome) -> Option<UnreadCause> {
    match outcome {
        Outcome::Failed(error)
        | Outcome::Refused(error @ (NetBoxError::Forbidden(_) | NetBoxError::Broken(_))) => {
            Some(error.cause())
        }
        _ => None,
    }
}

/// The intent behind an action: marking an object is the first half of deleting it.
#[must_use]
pub fn intent(action: &Action) -> Intent {
    match action {
        Action::Create { .. } => Intent::Create,
        Action::Update { .. } => Intent::Update,
        Action::Mark { .. } | Action::Delete { .. } => Intent::Delete,
    }
}

impl Write {
    /// A change and how it ended.
    #[must_use]
    pub fn new(change: &Change, outcome: &Outcome) -> Self {
        let fields = match &change.action {
            Action::Create { fields } => fields.keys().cloned().collect(),
            Action::Update { differences, .. } => {
                differences.iter().map(|difference| difference.field.clone()).collect()
            }
            Action::Mark { .. } => vec!["tombstone".to_owned()],
            Action::Delete { .. } => Vec::new(),
        };
        Write {
            object: change.object.clone(),
            source: change.source.clone(),
            action: intent(&change.action),
            fields,
            outcome: WriteOutcome::of(outcome),
            detail: describe(outcome),
            cause: cause(outcome),
        }
    }
}

fn source_lists(snapshot: &Snapshot) -> BTreeMap<String, ListRead> {
    let read = |kind: Kind| match snapshot.list(kind) {
        SourceList::Unread(why) => ListRead::Unread(why.clone()),
        SourceList::Excluded => ListRead::Excluded,
        SourceList::Complete { resource_version, objects, malformed } => {
            let mut lines: Vec<String> = objects
                .iter()
                .map(|object| format!("{} {} {}\n", object.reference, object.uid, object.resource_version))
                .collect();
            lines.extend(malformed.iter().map(|object| format!("malformed {:?}\n", object.reference)));
            ListRead::Whole {
                objects: objects.len() + malformed.len(),
                resource_version: Some(resource_version.clone()),
                digest: digest(lines),
            }
        }
    };
    Kind::ALL.into_iter().map(|kind| (kind.to_string(), read(kind))).collect()
}

fn netbox_lists(inventory: &Inventory) -> BTreeMap<String, ListRead> {
    let read = |kind: ObjectKind| match inventory.unread(kind) {
        Some(why) => ListRead::Unread(why.clone()),
        None => {
            let objects = inventory.objects(kind);
            let lines =
                objects.iter().map(|object| format!("{} {}\n", object.id, object.last_updated)).collect();
            ListRead::Whole { objects: objects.len(), resource_version: None, digest: digest(lines) }
        }
    };
    ObjectKind::ALL.into_iter().map(|kind| (kind.path().to_owned(), read(kind))).collect()
}

fn digest(mut lines: Vec<String>) -> String {
    lines.sort_unstable();
    let mut hash = Sha256::new();
    for line in &lines {
        hash.update(line);
    }
    format!("{:x}", hash.finalize())
}

/// The record of a look. `known` is the digest of what the run before read, and becomes that of this one.
#[must_use]
pub fn looked(
    (run, trigger): (&str, Trigger),
    (begun, ended): (Timestamp, Timestamp),
    (snapshot, inventory): (&Snapshot, &Inventory),
    (comparison, plan): (&Comparison, &Plan),
    standstill: Option<Standstill>,
    known: &mut String,
) -> Record {
    let lists = Lists::new(snapshot, inventory);
    let before = std::mem::replace(known, lists.digest());
    Record::Looked {
        run: run.to_owned(),
        trigger,
        begun,
        ended,
        reads: known.clone(),
        lists: (before != *known).then_some(lists),
        summary: comparison.summary(),
        counts: comparison.counts(),
        plan: plan.digest.clone(),
        changes: plan.changes.len(),
        held: plan.held.len(),
        standstill,
    }
}

/// A name for a run: when it began, and four random bytes.
#[must_use]
pub fn name_run(now: Timestamp) -> String {
    let mut random = [0; 4];
    // Without randomness, names are told apart by their time alone.
    let _ = getrandom::getrandom(&mut random);
    format!("{}-{:08x}", now.strftime("%Y%m%dT%H%M%SZ"), u32::from_be_bytes(random))
}
