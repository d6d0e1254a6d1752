//! The loop of one fabric: look at both sides whole from time to time, follow watches in between, write what differs, tell how it is.
//! What befalls one fabric stops no other: each has a task, a history and connections of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use fabric_kubernetes::Event;
use fabric_kubernetes::source::Watches;
use fabric_model::plan::DeleteReason;
use fabric_model::{Action, Change, Inventory, Kind, Plan, Quarantine, Snapshot, SourceRef, Summary};
use jiff::Timestamp;
use serde_json::Value;
use ssh_key::PrivateKey;
use tokio_util::sync::CancellationToken;

use crate::fabric::{Fabric, Finding, Written};
use crate::history::History;
use crate::metrics::Metrics;
use crate::observe::observe;
use crate::patience::Patience;
use crate::record::{Trigger, name_run};
use crate::report::{Progress, Report, RunLine};
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

/// Everything that one fabric's task holds.
pub struct Worker {
    fabric: Fabric,
    history: Result<History, String>,
    key: Option<PrivateKey>,
    metrics: Arc<Metrics>,
    board: Arc<Board>,
    report: Report,
    quarantine: Quarantine,
    sides: Option<Sides>,
    watches: Option<Watches>,
    patience: Patience,
    next_look: Instant,
    next_trigger: Trigger,
    observed_at: Instant,
    /// The digest of what the last look read.
    reads: String,
}

/// Both sides as they are known: read whole or in part, then kept current by watches and by NetBox's answers to our writes.
struct Sides {
    snapshot: Snapshot,
    inventory: Inventory,
    /// Whether something is to be written.
    pending: bool,
}

/// What woke the loop.
enum Wake {
    Look(Trigger),
    Changes(Vec<Event>, Instant),
    Tick,
    Stop,
}

impl Worker {
    /// A worker that has not begun. `key` signs the history.
    #[must_use]
    pub fn new(fabric: Fabric, key: Option<PrivateKey>, metrics: Arc<Metrics>, board: Arc<Board>) -> Self {
        let report = Report::new(fabric.name(), &fabric.config.site);
        let patience = Patience::new(fabric.config.interval.duration());
        Worker {
            quarantine: fabric.refused_before(),
            fabric,
            history: Err("not opened yet".into()),
            key,
            metrics,
            board,
            report,
            sides: None,
            watches: None,
            patience,
            next_look: Instant::now(),
            next_trigger: Trigger::Interval,
            observed_at: Instant::now(),
            reads: String::new(),
        }
    }

    /// Works until `stop`; then gives up the lease.
    pub async fn work(mut self, stop: CancellationToken) {
        let campaign = self.fabric.campaign();
        let mut trigger = Some(Trigger::Start);
        loop {
            if let Some(trigger) = trigger.take() {
                self.look(trigger, &stop).await;
            }
            match self.wake(&stop).await {
                Wake::Stop => break,
                Wake::Look(why) => trigger = Some(why),
                Wake::Changes(events, since) => trigger = self.follow(events, since, &stop).await,
                Wake::Tick => trigger = self.tick(),
            }
        }
        self.fabric.resign(campaign).await;
        tracing::info!(fabric = self.fabric.name(), "stopped");
    }

    async fn wake(&mut self, stop: &CancellationToken) -> Wake {
        // As long as NetBox wants to be left alone, a look finds nothing of it.
        let resting = self.fabric.netbox.resting_until().unwrap_or(self.next_look);
        let next_look = tokio::time::Instant::from_std(self.next_look.max(resting));
        let event = async {
            match &mut self.watches {
                Some(watches) => watches.next().await,
                None => std::future::pending().await,
            }
        };
        let first = tokio::select! {
            () = stop.cancelled() => return Wake::Stop,
            () = tokio::time::sleep_until(next_look) => return Wake::Look(std::mem::replace(&mut self.next_trigger, Trigger::Interval)),
            () = tokio::time::sleep(TICK) => return Wake::Tick,
            event = event => event,
        };
        let Some(first) = first else {
            // Nothing is watched: no list could be read.
            self.watches = None;
            return Wake::Tick;
        };
        let since = Instant::now();
        tokio::time::sleep(GATHER).await;
        let mut events = vec![first];
        while events.len() < MAX_GATHERED
            && let Some(event) = self.watches.as_mut().and_then(Watches::ready)
        {
            events.push(event);
        }
        Wake::Changes(events, since)
    }

    /// Reads both sides whole and deals with what is found.
    async fn look(&mut self, trigger: Trigger, stop: &CancellationToken) {
        let begun = Instant::now();
        let look = tokio::select! {
            look = self.fabric.look() => look,
            () = stop.cancelled() => return,
        };
        let finding =
            self.fabric.find(&look.reading.snapshot, &look.inventory, &self.fabric.policy, &self.quarantine);
        self.metrics.count_look(self.fabric.name(), begun.elapsed());
        self.watches = Some(self.fabric.source.watch(&look.reading));
        let whole =
            finding.comparison.unread_sources.is_empty() && finding.comparison.unread_inventory.is_empty();
        self.next_look = Instant::now() + self.patience.after_look(whole);
        let run = name_run(look.begun);
        let standstill = self.fabric.standstill(Timestamp::now());
        if self.history.is_err() {
            self.history = self.fabric.history(self.key.clone()).map_err(|error| error.to_string());
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
        let sides = Sides { snapshot: look.reading.snapshot, inventory: look.inventory, pending: false };
        self.deal(sides, finding, (&run, trigger), standstill, look.begun, stop).await;
    }

    /// Takes in what watches told, and writes at once what follows. Only a deletion needs a look at both sides whole first.
    async fn follow(
        &mut self,
        events: Vec<Event>,
        since: Instant,
        stop: &CancellationToken,
    ) -> Option<Trigger> {
        let Some(mut sides) = self.sides.take() else { return Some(Trigger::Watch) };
        let mut concerns_netbox = false;
        for event in events {
            match event {
                Event::Applied { kind, object } => {
                    concerns_netbox |= !is_heartbeat(&sides.snapshot, kind, &object);
                    sides.snapshot.apply_object(kind, object);
                }
                Event::Deleted { kind, object } => {
                    concerns_netbox = true;
                    if let Some(reference) = reference(kind, &object) {
                        sides.snapshot.remove_object(&reference);
                    }
                }
                Event::Lost { kind, why } => {
                    tracing::info!(fabric = self.fabric.name(), %kind, %why, "a watch broke; both sides are read anew");
                    self.metrics.count_loss(self.fabric.name());
                    self.watches = None;
                    self.next_trigger = Trigger::Loss;
                    self.next_look = Instant::now() + self.patience.after_trouble();
                    self.sides = Some(sides);
                    return None;
                }
            }
        }
        if !concerns_netbox {
            self.sides = Some(sides);
            return None;
        }
        let finding =
            self.fabric.find(&sides.snapshot, &sides.inventory, &self.fabric.policy, &self.quarantine);
        if finding.plan.changes.iter().any(is_deletion) {
            self.sides = Some(sides);
            return Some(Trigger::Watch);
        }
        let now = Timestamp::now();
        let (run, standstill) = (name_run(now), self.fabric.standstill(now));
        let writes = !finding.plan.is_empty() && standstill.is_none();
        self.deal(sides, finding, (&run, Trigger::Watch), standstill, now, stop).await;
        if writes {
            self.metrics.count_delay(self.fabric.name(), since.elapsed());
        }
        None
    }

    /// Writes what may be written, and tells how it is.
    async fn deal(
        &mut self,
        mut sides: Sides,
        mut finding: Finding,
        run: (&str, Trigger),
        mut standstill: Option<Standstill>,
        read: Timestamp,
        stop: &CancellationToken,
    ) {
        let refused_before = self.quarantine.clone();
        self.report.take_in(&finding.comparison, &finding.plan, &self.quarantine, read);
        if standstill.is_none() && !finding.plan.is_empty() {
            self.tell(None);
            match self.write(&mut sides, &finding.plan, run, stop).await {
                Err(why) => standstill = Some(why),
                Ok(()) => {
                    finding = self.fabric.find(
                        &sides.snapshot,
                        &sides.inventory,
                        &self.fabric.policy,
                        &self.quarantine,
                    );
                }
            }
        }
        let wanted =
            |object: &fabric_model::Identity| {
                finding.comparison.objects.iter().any(|compared| {
                    compared.object == *object && compared.status != fabric_model::Status::Same
                })
            };
        if self.quarantine.entries().next().is_some() && finding.comparison.summary() != Summary::Unknown {
            self.quarantine.retain(wanted);
        }
        if self.quarantine != refused_before {
            self.fabric.keep_refused(&self.quarantine);
        }
        sides.pending = !finding.plan.is_empty();
        self.report.take_in(&finding.comparison, &finding.plan, &self.quarantine, read);
        self.sides = Some(sides);
        self.observe();
        self.tell(standstill);
    }

    /// Writes a plan, and tells how far it is in between.
    async fn write(
        &mut self,
        sides: &mut Sides,
        plan: &Plan,
        run: (&str, Trigger),
        stop: &CancellationToken,
    ) -> Result<(), Standstill> {
        let history = match &mut self.history {
            Ok(history) => history,
            Err(reason) => return Err(Standstill::History { detail: reason.clone() }),
        };
        let (board, metrics, fabric) = (&self.board, &self.metrics, self.fabric.name());
        let (mut report, mut told) = (self.report.clone(), Instant::now());
        let on_write = |written: &Written| {
            if let Some(write) = written.writes.last() {
                metrics.count_write(fabric, write.action, write.outcome);
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
        let go_on = || !stop.is_cancelled();
        let known = (&mut sides.inventory, &mut self.quarantine);
        let written = self.fabric.write(plan, run, known, history, go_on, on_write).await;
        let troubled = written.as_ref().map_or(true, |written| written.stopped.is_some() || written.open > 0);
        if troubled {
            self.next_look = Instant::now() + self.patience.after_trouble();
        }
        let Written { run, written, refused, open, stopped, .. } = written?;
        tracing::info!(fabric, run, written, refused, open, stopped, "wrote");
        let ended = Timestamp::now();
        self.report.last_run = Some(RunLine { run, ended, written, refused, open });
        Ok(())
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
    fn tick(&mut self) -> Option<Trigger> {
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
        if changed || standstill != was || self.report.leader != self.fabric.may_write() {
            self.tell(standstill.clone());
        }
        let pending = self.sides.as_ref().is_some_and(|sides| sides.pending);
        (was.is_some() && standstill.is_none() && pending).then_some(Trigger::Release)
    }

    fn tell(&mut self, standstill: Option<Standstill>) {
        self.report.leader = self.fabric.may_write();
        self.report.history = match (&self.history, &standstill) {
            (Err(reason), _) => Some(reason.clone()),
            (Ok(_), Some(Standstill::History { detail })) => Some(detail.clone()),
            (Ok(history), _) => history.fault().map(|(line, fault)| format!("line {line}: {fault}")),
        };
        self.report.standstill = standstill;
        self.board.publish(self.report.clone());
    }
}

/// Which object an event is about.
fn reference(kind: Kind, object: &Value) -> Option<SourceRef> {
    let metadata = object.get("metadata")?;
    Some(SourceRef::new(kind, metadata.get("namespace")?.as_str()?, metadata.get("name")?.as_str()?))
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

/// Whether a change deletes for want of a source, or marks for it. A cable that is replaced is not deleted in that sense.
fn is_deletion(change: &Change) -> bool {
    matches!(change.action, Action::Mark { .. } | Action::Delete { reason: DeleteReason::SourceGone, .. })
}
