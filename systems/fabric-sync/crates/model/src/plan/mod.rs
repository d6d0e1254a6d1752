//! What is to be written so that NetBox holds what it should, in order, and what is held back and why. Two plans of the same state
//! are the same, digest included.

mod arrangement;
mod belongings;
mod build;
mod deletion;
mod handover;
mod limits;
mod loss;
mod quarantine;
mod replacement;

pub use quarantine::{Quarantine, QuarantineCause, QuarantineEntry};

use crate::comparison::Difference;
use crate::desired::Problem;
use crate::netbox::{FabricName, FieldValue, Identity, ObjectKind};
use crate::slot::unique_fields;
use crate::source::{Kind, SourceRef};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

/// The format of plans on disk.
pub const PLAN_FORMAT: u32 = 1;

/// When an object that lost its source is deleted, and when fields are emptied for want of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether anything is ever deleted.
    pub deletions: bool,
    /// How long an object stays after it was first seen to have lost its source.
    pub grace: SignedDuration,
    /// More source objects than this may not vanish from NetBox without confirmation.
    pub max_deletions: usize,
    /// A larger part of the source objects than this, in percent, may not vanish without confirmation.
    pub max_deletion_percent: u8,
    /// Whether somebody looked at the deletions and confirmed them: neither the two limits above nor an empty kind nor the grace period
    /// hold them back then.
    pub confirmed: bool,
    /// Sources of which watches told something since both sides were read whole: what that takes away waits until they are read again.
    pub told: BTreeSet<SourceRef>,
    /// Objects, by kind and NetBox's number, that were not seen marked for as long as the grace yet, whatever the clock says.
    pub fresh_marks: HashSet<(ObjectKind, u64)>,
}

impl Default for Policy {
    /// One hour of grace; at most 20 source objects and 10 percent.
    fn default() -> Self {
        Self {
            deletions: true,
            grace: SignedDuration::from_hours(1),
            max_deletions: 20,
            max_deletion_percent: 10,
            confirmed: false,
            told: BTreeSet::new(),
            fresh_marks: HashSet::new(),
        }
    }
}

/// Why an object is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteReason {
    /// Its source is gone, and the grace period has passed.
    SourceGone,
    /// Its ends changed: a cable is not moved, but replaced.
    Rewired,
    /// One of its ends now belongs to this cable.
    Superseded(Identity),
}

/// One write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Create it.
    Create {
        /// All fields, in terms of identities.
        fields: BTreeMap<String, FieldValue>,
    },
    /// Change these fields of it, if they still hold what was compared.
    Update {
        /// NetBox's number for it; None where this plan creates it first.
        id: Option<u64>,
        /// The fields.
        differences: Vec<Difference>,
    },
    /// Note in it that its source is gone as of now.
    Mark {
        /// NetBox's number for it.
        id: u64,
    },
    /// Delete it.
    Delete {
        /// NetBox's number for it.
        id: u64,
        /// Why.
        reason: DeleteReason,
    },
}

/// One write to one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Which object.
    pub object: Identity,
    /// What it stands for.
    pub source: Option<SourceRef>,
    /// What is done.
    pub action: Action,
}

/// What would have been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "named as the actions")]
pub enum Intent {
    Create,
    Update,
    Delete,
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldReason {
    /// Some list was not read whole, so nothing is deleted.
    Incomplete,
    /// Its source is gone since then; it is deleted after the grace period.
    Grace {
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// Its grace is over by the clock alone: it was not seen marked for that long.
    FreshMark,
    /// What it bears as the time of its loss is no time.
    BadTombstone(String),
    /// So many source objects would vanish that somebody must confirm it.
    Ceiling {
        /// How many source objects would vanish.
        sources: usize,
        /// Of how many.
        of: usize,
    },
    /// There is no object of this kind at all any more; somebody must confirm it.
    EmptyKind(Kind),
    /// There is no object of this kind in this namespace any more; somebody must confirm it.
    EmptyNamespace {
        /// The kind.
        kind: Kind,
        /// The namespace.
        namespace: String,
    },
    /// Only a watch says that nothing asks for it any more: both sides are read whole first.
    AwaitsLook,
    /// Deletions are turned off.
    DeletionsOff,
    /// Deletions are turned off, and this cable would have to be deleted first: its own former one, or one that is in its way.
    ReplacementOff(Identity),
    /// Somebody tagged it against deletion.
    Protected,
    /// It belongs to this device, which nothing asks for any more and which stays, because somebody tagged it.
    BelongsTo(Identity),
    /// Somebody tagged it, or annotated its source, to be left alone.
    Paused,
    /// An object that stays refers to it.
    StillReferenced {
        /// That object.
        by: String,
    },
    /// A cable of somebody else is plugged in there.
    PortTaken {
        /// The interface.
        port: Identity,
        /// The cable's number in NetBox.
        cable: u64,
    },
    /// A cable of ours is plugged in there and stays.
    PortKept {
        /// The interface.
        port: Identity,
        /// The cable.
        cable: Identity,
    },
    /// It needs an object that is held back itself or was not mapped.
    Needs(Identity),
    /// NetBox refused it before, and nothing has changed since; or it may still be carrying it out.
    Quarantined(QuarantineEntry),
}

/// Something that is not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldChange {
    /// Which object.
    pub object: Identity,
    /// What it stands for.
    pub source: Option<SourceRef>,
    /// What would have been done.
    pub intent: Intent,
    /// Why it is not.
    pub reason: HoldReason,
}

/// What is to be written, in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_FORMAT`].
    pub format: u32,
    /// Whose.
    pub fabric: FabricName,
    /// SHA-256 of what is to be done, lower-case hexadecimal.
    pub digest: String,
    /// What is done, in this order.
    pub changes: Vec<Change>,
    /// What is not.
    pub held: Vec<HeldChange>,
    /// Source objects that cannot be mapped.
    pub problems: Vec<Problem>,
}

/// Why a plan's text is refused.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no plan.
    #[error("this is no plan of fabric-sync: {0}")]
    NotAPlan(#[from] serde_json::Error),
    /// Another version wrote it.
    #[error("this plan has format {0}; this version reads format {PLAN_FORMAT}: make the plan anew")]
    Format(u32),
    /// It was changed after it was made.
    #[error("this plan was changed after it was made: its digest says {said}, its changes give {found}")]
    Digest {
        /// What stands in it.
        said: String,
        /// What its changes give.
        found: String,
    },
}

impl Plan {
    fn seal(fabric: FabricName, changes: Vec<Change>, held: Vec<HeldChange>, problems: Vec<Problem>) -> Self {
        let mut plan = Self { format: PLAN_FORMAT, fabric, digest: String::new(), changes, held, problems };
        plan.digest = plan.compute_digest();
        plan
    }

    fn compute_digest(&self) -> String {
        hex_digest(&(self.format, &self.fabric, &self.changes))
    }

    /// Reads a plan as `serde_json` writes it, and checks that its digest is its own.
    ///
    /// # Errors
    /// It is none, of another version, or was changed.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_str(text)?;
        if format != PLAN_FORMAT {
            return Err(PlanError::Format(format));
        }
        let plan: Self = serde_json::from_str(text)?;
        let found = plan.compute_digest();
        if found != plan.digest {
            return Err(PlanError::Digest { said: plan.digest, found });
        }
        Ok(plan)
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Change {
    /// Whether another object may have the place that this one had before, once it is done.
    pub fn frees_a_place(&self) -> bool {
        match &self.action {
            Action::Delete { .. } => true,
            Action::Update { differences, .. } => {
                let unique = unique_fields(self.object.kind);
                differences.iter().any(|each| unique.contains(&each.field.as_str()))
            }
            Action::Create { .. } | Action::Mark { .. } => false,
        }
    }

    /// SHA-256 of the change, lower-case hexadecimal: another desired value has another digest.
    pub fn digest(&self) -> String {
        hex_digest(self)
    }
}

fn hex_digest(value: &impl Serialize) -> String {
    // Maps are sorted and texts plain: the same value is the same JSON. A value of these types always has one.
    let json = serde_json::to_vec(value).unwrap_or_default();
    Sha256::digest(json).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl HoldReason {
    /// Whether somebody's word is awaited: the only holds that neither time nor another's deed ends.
    pub fn needs_confirmation(&self) -> bool {
        matches!(self, Self::Ceiling { .. } | Self::EmptyKind(_) | Self::EmptyNamespace { .. })
    }
}

impl fmt::Display for DeleteReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourceGone => f.write_str("its source is gone"),
            Self::Rewired => f.write_str("its ends changed"),
            Self::Superseded(by) => write!(f, "{by} takes one of its ports"),
        }
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("a list could not be read whole, so nothing is deleted"),
            Self::Grace { since, until } => {
                write!(f, "its source is gone since {since}; it is deleted after {until}")
            }
            Self::FreshMark => f.write_str(
                "its grace is over by the clock, but the service has not seen it marked for that long; it is deleted then",
            ),
            Self::BadTombstone(text) => {
                write!(f, "it says that its source is gone since {text:?}, which is no time")
            }
            Self::Ceiling { sources, of } => {
                write!(f, "{sources} of {of} source objects would vanish; confirm that this is meant")
            }
            Self::EmptyKind(kind) => {
                write!(f, "the fabric has no {kind} at all any more; confirm that this is meant")
            }
            Self::EmptyNamespace { kind, namespace } => {
                write!(f, "namespace {namespace} has no {kind} any more; confirm that this is meant")
            }
            Self::AwaitsLook => {
                f.write_str("only a watch says that nothing asks for it; both sides are read whole first")
            }
            Self::DeletionsOff => f.write_str("deletions are turned off"),
            Self::ReplacementOff(cable) => {
                write!(f, "deletions are turned off, and {cable} would have to be deleted first")
            }
            Self::Protected => f.write_str("it is tagged against deletion"),
            Self::BelongsTo(device) => write!(f, "it belongs to {device}, which is tagged and stays"),
            Self::Paused => f.write_str("it is paused"),
            Self::StillReferenced { by } => write!(f, "{by} stays and refers to it"),
            Self::PortTaken { port, cable } => {
                write!(f, "cable {cable} of somebody else is plugged into {port}")
            }
            Self::PortKept { port, cable } => write!(f, "{cable} stays plugged into {port}"),
            Self::Needs(object) => write!(f, "it needs {object}, which is not there and not created"),
            Self::Quarantined(QuarantineEntry { cause, reason, failures, until, .. }) => match cause {
                QuarantineCause::Refused => {
                    write!(f, "NetBox refused it {failures} times: {reason}; next try after {until}")
                }
                QuarantineCause::Unanswered => write!(
                    f,
                    "its creation was not answered and may still be carried out, so it is not sent twice: {reason}; next try after {until}"
                ),
            },
        }
    }
}
