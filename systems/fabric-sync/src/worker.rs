//! The loop of one fabric: look at both sides whole from time to time, follow watches meanwhile, write what differs, tell how it is.
//! What befalls one fabric stops no other: each has a task, a history and connections of its own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fabric_kubernetes::source::Watches;
use fabric_kubernetes::{Arrival, Event};
use fabric_model::plan::HoldReason;
use fabric_model::{Comparison, Inventory, Kind, Plan, Policy, Quarantine, Snapshot, SourceRef};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::fabric::{Fabric, Finding, Look, Terms, Written};
use crate::history::History;
use crate::looking::Looking;
use crate::marks::Marks;
use crate::metrics::Metrics;
use crate::observe::observe;
use crate::patience::Patience;
use crate::record::{Trigger, name_run};
use crate::report::{Progress, Report, RunLine, Side, unread_lists};
use crate::standstill::Standstill;
use crate::web::Board;

/// How long changes are gathered before they are dealt with: one `kubectl apply` of many objects is one plan.
const GATHER: Duration = Duration::from_millis(100);
/// Changes that are gathered at most.
const MAX_GATHERED: usize = 1_000;
/// How often what the switches report is looked at anew.
const OBSERVE: Duration = Duration::from_secs(5);
/// How often leadership and windows are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long at least it is from one look to another that only a change asks for.
const LEAST_DISTANCE: Duration = Duration::from_secs(2);
/// How long at least an instance that follows leaves the leader for what a watch told, before it looks whether that is done.
const STANDBY: Duration = Duration::from_secs(10);
/// No look is due: more than any interval.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Everything that one fabric's task holds.
pub struct Worker {
    fabric: Fabric,
    history: Result<History, String>,
    key_file: Option<PathBuf>,
    metrics: Arc<Metrics>,
    board: Arc<Board>,
    report: Report,
    quarantine: Quarantine,
    sides: Option<Sides>,
    watches: Option<Watches>,
    /// Of what watches told something since both sides were read whole.
    told: BTreeSet<SourceRef>,
    marks: Marks,
    patience: Patience,
    /// The look that is under way.
    looking: Option<Looking>,
    next_look: Instant,
    next_trigger: Trigger,
    next_tick: Instant,
    /// When the last look had read both sides.
    looked_at: Instant,
    /// How long that took.
    look_took: Duration,
    /// The digest of the plan that the last look left.
    left_plan: String,
    observed_at: Instant,
    /// When the first change arrived that is not known to be in NetBox.
    waiting_since: Option<Instant>,
    /// The digest of what the last look read.
    reads: String,
}

/// Both sides as they are known: read whole or in part, then kept current by watches and by NetBox's answers to our writes.
pub struct Sides {
    /// Kubernetes' side.
    pub snapshot: Snapshot,
    /// NetBox' side.
    pub inventory: Inventory,
    /// When they began to be read.
    begun: Timestamp,
    /// Whether something is to be written.
    pending: bool,
}

/// How it went to write a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// NetBox made every change.
    Whole,
    /// NetBox refused some, which are left alone for a time.
    Refused,
    /// Some were not tried, or nothing is known of them: both sides are looked at soon.
    Open,
}

/// What woke the loop.
enum Wake {
    Look(Trigger),
    Looked(Box<Look>),
    Changes(Vec<Arrival>),
    Tick,
    Stop,
}

impl Worker {
    /// A worker that has not begun. The key in `key_file` signs the history.
    #[must_use]
    pub fn new(fabric: Fabric, key_file: Option<PathBuf>, metrics: Arc<Metrics>, board: Arc<Board>) -> Self {
        let report = Report::new(fabric.name(), &fabric.config.site);
        let patience = Patience::new(fabric.config.interval.duration());
        Worker {
            quarantine: fabric.refused_before(),
            fabric,
            history: Err("not opened yet".into()),
            key_file,
            metrics,
            board,
            report,
            sides: None,
            watches: None,
            told: BTreeSet::new(),
            marks: Marks::default(),
            patience,
            looking: None,
            next_look: Instant::now(),
            next_trigger: Trigger::Interval,
            next_tick: Instant::now() + TICK,
            looked_at: Instant::now(),
            look_took: Duration::ZERO,
            left_plan: String::new(),
            observed_at: Instant::now(),
            waiting_since: None,
            reads: String::new(),
        }
    }

    /// Works until `stop`; then gives up the lease.
    pub async fn work(mut self, stop: CancellationToken) {
        let campaign = self.fabric.campaign();
        self.begin_look(Trigger::Start);
        loop {
            match self.wake(&stop).await {
                Wake::Stop => break,
                Wake::Look(why) => self.begin_look(why),
                Wake::Looked(look) => self.end_look(*look, &stop).await,
                Wake::Changes(arrivals) => self.follow(arrivals, &stop).await,
                Wake::Tick => self.tick(),
            }
        }
        self.fabric.resign(campaign).await;
        tracing::info!(fabric = self.fabric.name(), "stopped");
    }

    async fn wake(&mut self, stop: &CancellationToken) -> Wake {
        // As long as NetBox wants to be left alone, a look finds nothing of it.
        let resting = self.fabric.netbox.resting_until().unwrap_or(self.next_look);
        let next_look = tokio::time::Instant::from_std(self.next_look.max(resting));
        let next_tick = tokio::time::Instant::from_std(self.next_tick);
        let is_alone = self.looking.as_ref().is_some_and(|looking| looking.is_alone);
        let event = async {
            match &mut self.watches {
                Some(watches) if !is_alone => watches.next().await,
                _ => std::future::pending().await,
            }
        };
        let (is_looking, looking) = (self.looking.is_some(), &mut self.looking);
        let looked = async {
            match looking {
                Some(looking) => looking.end().await,
                None => std::future::pending().await,
            }
        };
        // What is due comes before what happens: changes may come without an end.
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => return Wake::Stop,
            look = looked => return Wake::Looked(Box::new(look)),
            () = tokio::time::sleep_until(next_look), if !is_looking => return Wake::Look(self.next_trigger),
            () = tokio::time::sleep_until(next_tick) => {
                self.next_tick = Instant::now() + TICK;
                return Wake::Tick;
            }
            event = event => event,
        };
        let Some(first) = first else {
            // Nothing is watched: no list could be read.
            self.watches = None;
            return Wake::Tick;
        };
        tokio::time::sleep(GATHER).await;
        let mut events = vec![first];
        while events.len() < MAX_GATHERED
            && let Some(event) = self.watches.as_mut().and_then(Watches::ready)
        {
            events.push(event);
        }
        Wake::Changes(events)
    }

    /// Begins to read both sides whole. What watches tell is followed meanwhile, if they tell it of every kind; otherwise only those know
    /// what happens that begin where this reading ends.
    fn begin_look(&mut self, trigger: Trigger) {
        let known = self.sides.as_ref().filter(|_| self.watches.is_some());
        let is_alone =
            known.is_none_or(|sides| Kind::ALL.iter().any(|kind| sides.snapshot.unread(*kind).is_some()));
        self.looking = Some(Looking::begin(self.fabric.look(), trigger, is_alone));
        // Why this look is due is no reason for the next one; what happens meanwhile may be.
        (self.next_look, self.next_trigger) = (Instant::now() + NEVER, Trigger::Interval);
    }

    /// Deals with what was read.
    async fn end_look(&mut self, mut look: Look, stop: &CancellationToken) {
        let Some(looking) = self.looking.take() else { return };
        let (trigger, reading_begun) = (looking.trigger, looking.begun);
        self.look_took = reading_begun.elapsed();
        if looking.is_alone {
            self.take_waiting(&look.reading.snapshot);
            self.watches = Some(self.fabric.source.watch(&look.reading));
            self.told.clear();
        } else {
            self.told = looking.bring_up_to_date(&mut look, self.sides.take());
        }
        let standstill = self.fabric.standstill(Timestamp::now());
        let policy = self.policy(standstill.as_ref(), &look.inventory);
        let finding = self.fabric.find(&look.reading.snapshot, &look.inventory, &policy, &self.quarantine);
        self.metrics.count_look(self.fabric.name(), self.look_took);
        self.looked_at = Instant::now();
        self.count_errors(&finding.comparison);
        let wait = self.patience.after_look(finding.comparison.is_all_read());
        self.next_look = self.next_look.min(self.looked_at + wait);
        let run = name_run(look.begun);
        if self.history.is_err() {
            self.history = self.fabric.history(self.key_file.clone()).map_err(|error| error.to_string());
        }
        let recorded = match &mut self.history {
            Ok(history) => {
                let kept = (history, &mut self.reads);
                self.fabric.record((&run, trigger), &look, &finding, standstill.clone(), kept)
            }
            Err(reason) => Err(Standstill::History { detail: reason.clone() }),
        };
        let standstill = standstill.or(recorded.err());
        tracing::debug!(fabric = self.fabric.name(), run, ?trigger, summary = %finding.comparison.summary(), changes = finding.plan.changes.len(), "looked");
        let Look { reading, inventory, begun, .. } = look;
        let sides = Sides { snapshot: reading.snapshot, inventory, begun, pending: false };
        self.stand_by(&finding.plan, standstill.as_ref());
        self.left_plan.clone_from(&finding.plan.digest);
        let as_of = self.report.as_of.map_or(begun, |told| told.max(begun));
        self.await_look(&finding.plan);
        self.deal(sides, finding, (&run, trigger), standstill, as_of, stop).await;
    }

    /// What stands before a deletion now. Where nothing is written, it is told what would be.
    fn policy(&mut self, standstill: Option<&Standstill>, inventory: &Inventory) -> Policy {
        let told = if standstill.is_none() { self.told.clone() } else { BTreeSet::new() };
        self.marks.look(inventory);
        let grace = Duration::try_from(self.fabric.policy.grace).unwrap_or_default();
        let fresh_marks = self.marks.fresh(grace);
        Policy { told, fresh_marks, ..self.fabric.policy.clone() }
    }

    /// What is taken away on a watch's word waits for a look that begins afterwards: soon, though no more than half of the
    /// time is spent with looks.
    fn await_look(&mut self, plan: &Plan) {
        // After trouble the next look is soon anyway, and not sooner for this; one that is under way may be enough.
        if awaits_look(plan) && self.looking.is_none() && !self.patience.is_troubled() {
            self.next_trigger = Trigger::Watch;
            self.next_look = self.next_look.min(self.looked_at + self.look_took.max(LEAST_DISTANCE));
        }
    }

    /// Another instance writes what is missing, and no watch tells when it has: what is not as the last look left it is looked at again soon,
    /// though no more than half of the time.
    fn stand_by(&mut self, plan: &Plan, standstill: Option<&Standstill>) {
        let is_follower = matches!(standstill, Some(Standstill::Follower { .. }));
        if is_follower && !plan.is_empty() && plan.digest != self.left_plan && !self.patience.is_troubled() {
            self.next_look = self.next_look.min(Instant::now() + self.look_took.max(STANDBY));
        }
    }

    /// The changes that the watches told while both sides were read, and that are in what was read: they end with that. The others are
    /// told again by the watches that begin there.
    fn take_waiting(&mut self, read: &Snapshot) {
        let (Some(sides), Some(watches)) = (&self.sides, &mut self.watches) else { return };
        while let Some(Arrival { event, at }) = watches.ready() {
            if concerns_netbox(&sides.snapshot, &event) && is_in(read, &event) {
                self.waiting_since.get_or_insert(at);
            }
        }
    }

    /// Takes in what watches told, and writes at once what follows. Only what takes something away because its source is gone needs a look at
    /// both sides whole first.
    async fn follow(&mut self, arrivals: Vec<Arrival>, stop: &CancellationToken) {
        let Some(mut sides) = self.sides.take() else { return };
        let mut is_concerned = false;
        for Arrival { event, at } in arrivals {
            if concerns_netbox(&sides.snapshot, &event) {
                is_concerned = true;
                self.waiting_since.get_or_insert(at);
            }
            if let Some(looking) = &mut self.looking {
                looking.note_event(&event);
            }
            match event {
                Event::Applied { kind, object } => {
                    self.told.extend(reference(kind, &object));
                    sides.snapshot.apply_object(kind, object);
                }
                Event::Deleted { kind, object } => {
                    if let Some(reference) = reference(kind, &object) {
                        sides.snapshot.remove_object(&reference);
                        self.told.insert(reference);
                    }
                }
                Event::Lost { kind, why } => {
                    tracing::info!(fabric = self.fabric.name(), %kind, %why, "a watch broke; both sides are read anew");
                    self.metrics.count_loss(self.fabric.name());
                    self.watches = None;
                    // What it reads may be older than what this watch told before.
                    self.looking = None;
                    self.next_trigger = Trigger::Loss;
                    self.look_soon();
                    self.sides = Some(sides);
                    return;
                }
            }
        }
        if !is_concerned {
            self.sides = Some(sides);
            return;
        }
        let now = Timestamp::now();
        let (run, standstill) = (name_run(now), self.fabric.standstill(now));
        let policy = self.policy(standstill.as_ref(), &sides.inventory);
        let finding = self.fabric.find(&sides.snapshot, &sides.inventory, &policy, &self.quarantine);
        self.await_look(&finding.plan);
        self.stand_by(&finding.plan, standstill.as_ref());
        self.deal(sides, finding, (&run, Trigger::Watch), standstill, now, stop).await;
    }

    /// Writes what may be written, and tells how it is.
    async fn deal(
        &mut self,
        mut sides: Sides,
        mut finding: Finding,
        run: (&str, Trigger),
        mut standstill: Option<Standstill>,
        as_of: Timestamp,
        stop: &CancellationToken,
    ) {
        let refused_before = self.quarantine.clone();
        let read = (as_of, sides.begun);
        self.report.take_in(&finding.comparison, &finding.plan, &self.quarantine, read);
        let awaits_look = awaits_look(&finding.plan);
        if standstill.is_some() || (finding.plan.is_empty() && !awaits_look) {
            self.waiting_since = None;
        } else if !finding.plan.is_empty() {
            self.tell(None);
            let was_whole = finding.comparison.is_all_read();
            let ending = self.write(&mut sides, &finding.plan, run, stop).await;
            let mut is_troubled = true;
            match ending {
                Err(why) => standstill = Some(why),
                Ok(ending) => {
                    if let Some(since) =
                        self.waiting_since.take_if(|_| ending != Ending::Open && !awaits_look)
                        && ending == Ending::Whole
                    {
                        self.metrics.count_delay(self.fabric.name(), since.elapsed());
                    }
                    // A window may have closed, the lease may be lost.
                    standstill = self.fabric.standstill(Timestamp::now());
                    let policy = self.policy(standstill.as_ref(), &sides.inventory);
                    let (snapshot, inventory) = (&sides.snapshot, &sides.inventory);
                    finding = self.fabric.find_again(finding, snapshot, inventory, &policy, &self.quarantine);
                    self.count_errors(&finding.comparison);
                    // What was read anew after writing may be less than what was read before.
                    is_troubled = ending == Ending::Open || (was_whole && !finding.comparison.is_all_read());
                }
            }
            if is_troubled {
                self.look_soon();
            }
        }
        let wanted =
            |object: &fabric_model::Identity| {
                finding.comparison.objects.iter().any(|compared| {
                    compared.object == *object && compared.status != fabric_model::Status::Same
                })
            };
        if self.quarantine.entries().next().is_some() && finding.comparison.is_whole() {
            self.quarantine.retain(wanted);
        }
        if self.quarantine != refused_before {
            self.fabric.keep_refused(&self.quarantine);
        }
        sides.pending = !finding.plan.is_empty() || awaits_look;
        self.report.take_in(&finding.comparison, &finding.plan, &self.quarantine, read);
        self.sides = Some(sides);
        self.observe();
        self.tell(standstill);
    }

    /// Each cause once, of however many lists: a side that is away is one error a look.
    fn count_errors(&self, comparison: &Comparison) {
        let unread = unread_lists(comparison);
        let causes: BTreeSet<_> = unread.iter().map(|list| (list.side, list.why.cause)).collect();
        causes
            .into_iter()
            .for_each(|(side, cause)| self.metrics.count_error(self.fabric.name(), side, cause));
    }

    /// Something went wrong: both sides are looked at before the interval is over, and not later than was due already.
    fn look_soon(&mut self) {
        self.next_look = self.next_look.min(Instant::now() + self.patience.after_trouble());
    }

    /// Writes a plan, and tells how far it is in between.
    async fn write(
        &mut self,
        sides: &mut Sides,
        plan: &Plan,
        run: (&str, Trigger),
        stop: &CancellationToken,
    ) -> Result<Ending, Standstill> {
        let history = match &mut self.history {
            Ok(history) => history,
            Err(reason) => return Err(Standstill::History { detail: reason.clone() }),
        };
        let (board, metrics, fabric) = (&self.board, &self.metrics, self.fabric.name());
        let (mut report, mut told) = (self.report.clone(), Instant::now());
        let on_write = |written: &Written| {
            if let Some(write) = written.writes.last() {
                metrics.count_write(fabric, write.action, write.outcome);
                if let Some(cause) = write.cause {
                    metrics.count_error(fabric, Side::Netbox, cause);
                }
                if let Some(detail) = &write.detail {
                    tracing::warn!(fabric, object = %write.object, outcome = write.outcome.name(), detail);
                }
            }
            if told.elapsed() >= TICK {
                told = Instant::now();
                report.writing = Some(Progress { done: written.writes.len(), of: plan.changes.len() });
                board.publish(report.clone());
            }
        };
        // A deletion cannot be taken back: what was told since the plan was made is looked at first.
        let watches = Mutex::new(self.watches.as_mut());
        let is_outdated = || watches.lock().as_mut().is_some_and(|watches| watches.has_intent());
        let terms = Terms { stop, any_time: false, is_outdated: &is_outdated };
        let known = (&mut sides.inventory, &mut self.quarantine);
        let written = self.fabric.write(plan, run, known, history, terms, on_write).await;
        let written = written?;
        let ending = written.ending();
        let Written { run, written, refused, open, stopped, read_anew, .. } = written;
        if let Some(looking) = &mut self.looking {
            looking.note_writes(plan, read_anew);
        }
        tracing::info!(fabric, run, %ending, written, refused, open, stopped, "wrote");
        let ended = Timestamp::now();
        self.report.last_run = Some(RunLine { run, ended, ending, written, refused, open });
        Ok(match (stopped, open, refused) {
            (None, 0, 0) => Ending::Whole,
            (None, 0, _) => Ending::Refused,
            _ => Ending::Open,
        })
    }

    /// What the switches report, as of now: a heartbeat that stays away is seen without anything happening.
    fn observe(&mut self) {
        if let Some(sides) = &self.sides {
            self.report.observed =
                observe(&sides.snapshot, self.fabric.config.heartbeat.duration(), Timestamp::now());
            self.observed_at = Instant::now();
        }
    }

    /// Whether what kept from writing is over, and something waits to be written.
    fn tick(&mut self) {
        let mut changed = false;
        if self.observed_at.elapsed() >= OBSERVE {
            let before = self.report.observed.clone();
            self.observe();
            changed = self.report.observed != before;
        }
        let was = self.report.standstill.clone();
        let mut standstill = self.fabric.standstill(Timestamp::now());
        if standstill.is_none() && matches!(was, Some(Standstill::History { .. } | Standstill::Lock { .. })) {
            // Only a new attempt can tell whether that is over.
            standstill = was.clone();
        }
        if changed || standstill != was {
            self.tell(standstill.clone());
        }
        let pending = self.sides.as_ref().is_some_and(|sides| sides.pending);
        // A look that is under way ends with it.
        if was.is_some() && standstill.is_none() && pending && self.looking.is_none() {
            self.begin_look(Trigger::Release);
        }
    }

    fn tell(&mut self, standstill: Option<Standstill>) {
        self.report.leader = self.fabric.may_write();
        self.report.history = match (&self.history, &standstill) {
            (Err(reason), _) => Some(reason.clone()),
            (Ok(_), Some(Standstill::History { detail })) => Some(detail.clone()),
            (Ok(history), _) => history.fault().map(|(line, fault)| format!("line {line}: {fault}")),
        };
        self.report.standstill = standstill;
        self.report.waiting_since = self.waiting_since.map(|since| Timestamp::now() - since.elapsed());
        self.board.publish(self.report.clone());
    }
}

/// Which object an event is about.
pub fn reference(kind: Kind, object: &Value) -> Option<SourceRef> {
    let metadata = object.get("metadata")?;
    Some(SourceRef::new(kind, metadata.get("namespace")?.as_str()?, metadata.get("name")?.as_str()?))
}

/// Whether an event changes an object of which NetBox may hold something.
fn concerns_netbox(snapshot: &Snapshot, event: &Event) -> bool {
    match event {
        Event::Applied { kind, object } => !is_heartbeat(snapshot, *kind, object),
        Event::Deleted { .. } => true,
        Event::Lost { .. } => false,
    }
}

/// Whether what an event tells is in what was read.
fn is_in(read: &Snapshot, event: &Event) -> bool {
    let find =
        |kind: Kind, object: &Value| reference(kind, object).and_then(|reference| read.object(&reference));
    match event {
        Event::Applied { kind, object } => {
            let version = object.pointer("/metadata/resourceVersion").and_then(Value::as_str);
            find(*kind, object).is_some_and(|found| Some(found.resource_version.as_str()) == version)
        }
        Event::Deleted { kind, object } => find(*kind, object).is_none(),
        Event::Lost { .. } => false,
    }
}

/// Whether only an agent's status changed: switches report every few seconds, and NetBox holds nothing of it.
fn is_heartbeat(snapshot: &Snapshot, kind: Kind, object: &Value) -> bool {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
    kind == Kind::Agent
        && generation.is_some()
        && reference(kind, object)
            .and_then(|reference| snapshot.object(&reference))
            .is_some_and(|before| before.generation == generation)
}

/// Whether something of a plan waits until both sides were read whole.
fn awaits_look(plan: &Plan) -> bool {
    plan.held.iter().any(|held| held.reason == HoldReason::AwaitsLook)
}

#[cfg(test)]
mod tests;
