//! How one fabric is, as data for the status page, `status`, metrics and alerts: made of the last look at both sides, never of a clock.

use fabric_model::plan::{HeldChange, QuarantineCause};
use fabric_model::{
    Comparison, Counts, Difference, Identity, Plan, Quarantine, SourceRef, Status, Summary, Unread,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::record::RunEnding;
use crate::standstill::Standstill;

/// Objects that are listed by name; the counts are of all.
const MAX_LISTED: usize = 500;
/// Lists that are named of those that one reason kept from being read.
const MAX_NAMED: usize = 4;

/// How one fabric is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its name.
    pub fabric: String,
    /// Its site, as the configuration names it.
    pub site: String,
    /// The whole in one word.
    pub summary: Summary,
    /// How many objects have which status.
    pub counts: Counts,
    /// Lists that could not be read whole.
    pub unread: Vec<UnreadList>,
    /// Why nothing is written now, if so.
    pub standstill: Option<Standstill>,
    /// Whether this instance may write for the fabric.
    pub leader: bool,
    /// When what this says was read; none before the first look.
    pub as_of: Option<Timestamp>,
    /// When both sides were last read whole, and not only kept current by watches.
    pub whole_as_of: Option<Timestamp>,
    /// Since when something is known to differ, as far as this process saw.
    pub differs_since: Option<Timestamp>,
    /// When the oldest change arrived that a watch told and that is not dealt with.
    pub waiting_since: Option<Timestamp>,
    /// Objects that are not the same; at most 500.
    pub objects: Vec<ObjectLine>,
    /// What the source says and the mapping cannot represent as an object.
    pub problems: Vec<String>,
    /// What is not done, and why; at most 500.
    pub held: Vec<HeldLine>,
    /// How many changes are not done.
    pub held_count: usize,
    /// How many deletions wait for somebody's word.
    pub deletions_to_confirm: usize,
    /// Changes that NetBox refused.
    pub quarantine: Vec<QuarantineLine>,
    /// Fields of the source that NetBox has no place for.
    pub unrepresented: usize,
    /// Kinds of the fabric that this version does not know, each as `GROUP/KIND`; at most 500.
    pub unrepresented_kinds: Vec<String>,
    /// Why those kinds are not known, if they are not. Nothing else is in doubt for it.
    pub kinds_unread: Option<Unread>,
    /// What the switches report, beside what is intended.
    pub observed: Observed,
    /// How far a run is that writes now; what is told of the objects was so before it began.
    pub writing: Option<Progress>,
    /// The last run that wrote or tried to.
    pub last_run: Option<RunLine>,
    /// What is wrong with the history.
    pub history: Option<String>,
}

/// A list that could not be read whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadList {
    /// Which end.
    pub side: Side,
    /// Of which kind.
    pub list: String,
    /// Why.
    #[serde(flatten)]
    pub why: Unread,
}

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Kubernetes.
    Source,
    /// NetBox.
    Netbox,
}

impl Side {
    /// Both.
    pub const ALL: [Side; 2] = [Side::Source, Side::Netbox];

    /// Its name, as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Netbox => "netbox",
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Source => "Kubernetes",
            Side::Netbox => "NetBox",
        })
    }
}

/// An object that is not the same, or of which nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectLine {
    /// Which.
    pub object: Identity,
    /// What it stands for.
    pub source: Option<SourceRef>,
    /// `differs`, `missing`, `extra` or `unknown`.
    pub status: String,
    /// The fields, or why it is not known.
    pub detail: String,
}

/// Something that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLine {
    /// Which object.
    pub object: Identity,
    /// Why.
    pub reason: String,
}

/// A change that NetBox refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineLine {
    /// Which object.
    pub object: Identity,
    /// NetBox's words.
    pub reason: String,
    /// How often in a row.
    pub failures: u32,
    /// When it is tried again.
    pub until: Timestamp,
}

/// What the switches report beside what is intended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// How much is as intended.
    pub same: usize,
    /// What is otherwise.
    pub differs: Vec<String>,
    /// What is not known.
    pub unknown: Vec<String>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Changes that have ended, one way or another.
    pub done: usize,
    /// Changes of its plan.
    pub of: usize,
}

/// A run that wrote or tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// Its name, as in the history and in NetBox's changelog.
    pub run: String,
    /// When it ended.
    pub ended: Timestamp,
    /// How, in one word.
    pub ending: RunEnding,
    /// Changes that NetBox made.
    pub written: usize,
    /// Changes that it refused.
    pub refused: usize,
    /// Changes that were not tried, or of which nothing is known.
    pub open: usize,
}

impl Report {
    /// Before the first look: nothing is known.
    #[must_use]
    pub fn new(fabric: &str, site: &str) -> Self {
        Report {
            fabric: fabric.to_owned(),
            site: site.to_owned(),
            summary: Summary::Unknown,
            counts: Counts::default(),
            unread: Vec::new(),
            standstill: None,
            leader: false,
            as_of: None,
            whole_as_of: None,
            differs_since: None,
            waiting_since: None,
            objects: Vec::new(),
            problems: Vec::new(),
            held: Vec::new(),
            held_count: 0,
            deletions_to_confirm: 0,
            quarantine: Vec::new(),
            unrepresented: 0,
            unrepresented_kinds: Vec::new(),
            kinds_unread: None,
            observed: Observed::default(),
            writing: None,
            last_run: None,
            history: None,
        }
    }

    /// Whether the first look is done, or none will be.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.as_of.is_some()
            || matches!(self.standstill, Some(Standstill::Misconfigured { .. } | Standstill::Failed))
    }

    /// Takes in a comparison of both sides as they are known at `as_of`, and the plan that follows. `looked` is when they were last read;
    /// what came since came by watches and by answers to writes.
    pub fn take_in(
        &mut self,
        comparison: &Comparison,
        plan: &Plan,
        quarantine: &Quarantine,
        (as_of, looked): (Timestamp, Timestamp),
    ) {
        self.summary = comparison.summary();
        self.counts = comparison.counts();
        self.unread = unread_lists(comparison);
        self.as_of = Some(as_of);
        if self.unread.is_empty() {
            self.whole_as_of = Some(looked);
        }
        let counts = &self.counts;
        if self.summary == Summary::InSync {
            self.differs_since = None;
        } else if counts.differs + counts.missing + counts.extra + counts.problems > 0 {
            // Whatever else is not known. That nothing is known to differ ends no difference as long as something is unknown.
            self.differs_since = self.differs_since.or(Some(as_of));
        }
        let lines = comparison.objects.iter().filter_map(|compared| {
            let (status, detail) = describe(&compared.status)?;
            let (object, source) = (compared.object.clone(), compared.source.clone());
            Some(ObjectLine { object, source, status: status.to_owned(), detail })
        });
        self.objects = lines.take(MAX_LISTED).collect();
        self.problems =
            comparison.desired.problems.iter().take(MAX_LISTED).map(ToString::to_string).collect();
        self.unrepresented = comparison.desired.unrepresented.len();
        let kinds = comparison.further_kinds.iter().flatten();
        self.unrepresented_kinds = kinds.take(MAX_LISTED).cloned().collect();
        self.kinds_unread = comparison.further_kinds.as_ref().err().cloned();
        self.held = plan.held.iter().take(MAX_LISTED).map(held_line).collect();
        self.held_count = plan.held.len();
        self.deletions_to_confirm = plan.held.iter().filter(|held| held.reason.needs_confirmation()).count();
        self.quarantine = quarantine
            .entries()
            .filter(|(_, entry)| entry.cause == QuarantineCause::Refused)
            .map(|(object, entry)| QuarantineLine {
                object: object.clone(),
                reason: entry.reason.clone(),
                failures: entry.failures,
                until: entry.until,
            })
            .collect();
    }
}

/// The kinds of the fabric that this version does not know, in a line for people; none where there are none.
#[must_use]
pub fn kinds_line(kinds: &[String], unread: Option<&Unread>) -> Option<String> {
    match unread {
        Some(why) => Some(format!("which further kinds the fabric has is not known: {why}")),
        None if kinds.is_empty() => None,
        None => Some(format!("kinds that this version does not know: {}", kinds.join(", "))),
    }
}

/// How long ago that was, as people say it.
#[must_use]
pub fn ago(moment: Option<Timestamp>, now: Timestamp) -> String {
    let Some(moment) = moment else { return "never".into() };
    format!("{} ago", span(now.duration_since(moment)))
}

/// A span of time, as people say it.
#[must_use]
pub fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// All lists that could not be read whole.
#[must_use]
pub fn unread_lists(comparison: &Comparison) -> Vec<UnreadList> {
    let source = comparison.unread_sources.iter().map(|(kind, why)| UnreadList {
        side: Side::Source,
        list: kind.to_string(),
        why: why.clone(),
    });
    let netbox = comparison.unread_inventory.iter().map(|(kind, why)| UnreadList {
        side: Side::Netbox,
        list: kind.to_string(),
        why: why.clone(),
    });
    source.chain(netbox).collect()
}

/// Those lists for people, as `NetBox, site, VRF and 18 more: why`.
#[must_use]
pub fn unread_lines(lists: &[UnreadList]) -> Vec<String> {
    let of = |side: Side| {
        let lists = lists.iter().filter(move |list| list.side == side);
        let lines = group_unread(lists.map(|list| (list.list.clone(), &list.why)));
        lines.into_iter().map(move |line| format!("{side}, {line}"))
    };
    of(Side::Source).chain(of(Side::Netbox)).collect()
}

/// One line for each reason, with the lists that could not be read for it.
#[must_use]
pub fn group_unread<'a>(lists: impl Iterator<Item = (String, &'a Unread)>) -> Vec<String> {
    let mut reasons: Vec<(&Unread, Vec<String>)> = Vec::new();
    for (list, why) in lists {
        match reasons.iter_mut().find(|(other, _)| *other == why) {
            Some((_, names)) => names.push(list),
            None => reasons.push((why, vec![list])),
        }
    }
    let line = |(why, names): (&Unread, Vec<String>)| match names.get(..MAX_NAMED) {
        Some(first) if names.len() > MAX_NAMED => {
            format!("{} and {} more: {why}", first.join(", "), names.len() - MAX_NAMED)
        }
        _ => format!("{}: {why}", names.join(", ")),
    };
    reasons.into_iter().map(line).collect()
}

fn held_line(held: &HeldChange) -> HeldLine {
    HeldLine { object: held.object.clone(), reason: held.reason.to_string() }
}

/// The word and the particulars; none for what is the same.
fn describe(status: &Status) -> Option<(&'static str, String)> {
    match status {
        Status::Same => None,
        Status::Differs(differences) => {
            let fields: Vec<String> = differences.iter().map(describe_difference).collect();
            Some(("differs", fields.join("; ")))
        }
        Status::Missing => Some(("missing", String::new())),
        Status::Extra => Some(("extra", String::new())),
        Status::Unknown(reason) => Some(("unknown", reason.to_string())),
    }
}

/// A field with both its values.
#[must_use]
pub fn describe_difference(difference: &Difference) -> String {
    format!("{}: {} should be {}", difference.field, difference.actual, difference.desired)
}
