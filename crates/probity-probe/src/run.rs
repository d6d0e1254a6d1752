//! Runs a plan's probes, stage by stage, and hands every attempt to a [`Sink`] as it ends.
//!
//! Must not know: how a look is made, or by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant as WallInstant};

use futures_util::StreamExt;
use probity_plan::model::Cell;
use probity_plan::{Blocked, Cause, Happening, Impact, Lane, Observation, Plan, Probe, Value};
use tokio::time::Instant;

use crate::clock::Began;
use crate::crew::{Crew, Job};
use crate::look::{Seen, Wanted};
use crate::observation::{Kept, Taken, Times, blocked_at};
use crate::observe::{Observe, Reached, Request, Sharing, Sighting};
use crate::schedule::{Stage, stages};
use crate::secrets::Secrets;

/// Looks under way at once in the parallel lane, on each of its threads.
const AT_ONCE: usize = 8;
/// How long an observation may wait for others to be recorded with.
const GATHER: Duration = Duration::from_millis(5);
/// The most observations that are recorded with one write.
const BATCH: usize = 256;
/// How often it is looked whether there are others.
const NOW_AND_THEN: Duration = Duration::from_millis(1);
/// Between two attempts within a slot.
const PAUSE: Duration = Duration::from_millis(200);
/// Planned looks of a probe that is not run, of which each is recorded.
const BARRED: usize = 10_000;
/// How long an `undo` may take.
const UNDO: Duration = Duration::from_secs(60);

/// Where a run's observations go, and what the run has to ask of it.
pub trait Sink {
    /// Why it cannot take any more.
    type Error;
    /// Takes observations, in the order in which they ended. When it returns they are recorded.
    ///
    /// # Errors
    /// Ends the run: what was recorded stays.
    fn record(&mut self, observations: Vec<Observation>) -> Result<(), Self::Error>;
    /// Keeps a long output; returns the digest by which the log names it, or why there is no room for it.
    ///
    /// # Errors
    /// Ends the run.
    fn artifact(&mut self, bytes: &[u8]) -> Result<Result<String, Blocked>, Self::Error>;
    /// Takes that an observer was reached.
    ///
    /// # Errors
    /// Ends the run.
    fn reached(&mut self, observer: Reached) -> Result<(), Self::Error>;
    /// Takes something that befell the run.
    ///
    /// # Errors
    /// Ends the run.
    fn event(&mut self, what: Happening) -> Result<(), Self::Error>;
    /// Whether this claim holds on what was recorded so far.
    ///
    /// # Errors
    /// If that cannot be read. Ends the run.
    fn holds(&mut self, claim: &str) -> Result<bool, Self::Error>;
}

/// A request to stop, with its reason, from the operator or a limit.
#[derive(Clone, Debug)]
pub struct Stop(Arc<tokio::sync::watch::Sender<Option<Cause>>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(tokio::sync::watch::Sender::new(None)))
    }
}

impl Stop {
    /// Asks the run to stop. The first reason stays.
    pub fn request(&self, reason: Cause) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason);
            }
            first
        });
    }
    /// The reason, once there is one.
    pub fn reason(&self) -> Option<Cause> {
        self.0.borrow().clone()
    }
    async fn requested(&self) -> Cause {
        let mut receiver = self.0.subscribe();
        match receiver.wait_for(Option::is_some).await {
            Ok(reason) if reason.is_some() => reason.clone().unwrap_or(Cause::NotCompleted),
            _ => std::future::pending().await,
        }
    }
}

/// Decides whether an attempt satisfied its probe's `until`.
pub type Until<'a> = dyn Fn(&Probe, &Observation) -> bool + Sync + 'a;

/// When a probe was over that others run with.
type Over = OnceLock<Instant>;

/// What comes from those who look.
#[expect(clippy::large_enum_variant, reason = "nearly all of it is the large one")]
enum News {
    /// An observation.
    Look(Taken),
    /// Somebody was reached who will look.
    Reached(Box<Reached>),
}

/// A planned look.
#[derive(Clone, Copy)]
struct Slot<'p> {
    probe: &'p Probe,
    cell: &'p Cell,
    number: u32,
    lane: Lane,
    sharing: Option<Sharing>,
}

/// A run about to begin.
pub struct Runner<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// When the run began.
    pub began: Began,
    /// The greatest impact the operator allows.
    pub allow: Impact,
    /// The probes to run; all without it.
    pub only: Option<&'a [String]>,
    /// The plan's secrets.
    pub secrets: &'a Secrets,
    /// The on-demand facts to look up, by probe; none for a probe that is not in it.
    pub wanted: &'a BTreeMap<String, Wanted>,
    /// The probes of whose elapsed time a claim speaks.
    pub timed: &'a BTreeSet<String>,
    /// Decides on `until`.
    pub until: &'a Until<'a>,
    /// Ends the run early.
    pub stop: &'a Stop,
    /// Makes the looks.
    pub observe: &'a dyn Observe,
    /// Does the work.
    pub crew: &'a dyn Crew,
}

impl Runner<'_> {
    /// Runs every stage.
    ///
    /// # Errors
    /// The sink's. Undos run all the same.
    pub fn run<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        for (number, stage) in (0_u64..).zip(stages(self.plan, self.timed)) {
            let mut ready: Vec<&Probe> = Vec::new();
            for probe in &stage.probes {
                // What runs with another probe says nothing if that one does not run.
                let alone =
                    probe.with.as_ref().filter(|with| !ready.iter().any(|other| other.name == **with));
                let alone = alone.map(|with| Blocked::by(Cause::ProbeOver { probe: with.clone() }));
                let obstacle = match alone {
                    Some(blocked) => Some(blocked),
                    None => self.obstacle(probe, sink)?,
                };
                match obstacle {
                    None => ready.push(probe),
                    Some(blocked) => {
                        // Each planned look has its reason, unless there are very many of them.
                        let slots = probe.schedule.slots();
                        let slots = if slots as usize * probe.cells.len() <= BARRED { slots } else { 1 };
                        let barred = probe.cells.iter().flat_map(|cell| {
                            (0..slots).map(|slot| {
                                blocked_at(&self.began, probe, cell, slot, stage.lane, blocked.clone())
                            })
                        });
                        sink.record(barred.collect())?;
                    }
                }
            }
            if !ready.is_empty() {
                self.run_stage(number, &Stage { lane: stage.lane, probes: ready }, sink)?;
            }
        }
        Ok(())
    }

    /// Why a probe is not run at all.
    ///
    /// # Errors
    /// The sink's.
    fn obstacle<S: Sink>(&self, probe: &Probe, sink: &mut S) -> Result<Option<Blocked>, S::Error> {
        if let Some(reason) = self.stop.reason() {
            return Ok(Some(Blocked::by(reason)));
        }
        if self.only.is_some_and(|only| !only.contains(&probe.name)) {
            return Ok(Some(Blocked::by(Cause::LeftOut)));
        }
        if probe.impact > self.allow {
            return Ok(Some(Blocked::by(Cause::NotAllowed { impact: probe.impact, allowed: self.allow })));
        }
        let Some(needs) = probe.needs.as_deref() else { return Ok(None) };
        Ok((!sink.holds(needs)?).then(|| Blocked::by(Cause::ClaimNeeded { claim: needs.to_owned() })))
    }

    fn run_stage<S: Sink>(&self, number: u64, stage: &Stage<'_>, sink: &mut S) -> Result<(), S::Error> {
        self.meet(stage).into_iter().try_for_each(|observer| sink.reached(observer))?;
        let (began, over) = (Instant::now(), Over::new());
        let (send, receive) = sync_channel::<News>(1024);
        let jobs = match stage.lane {
            Lane::Quiet => self.quiet_jobs(stage, began, &over, &send),
            Lane::Parallel => self.parallel_jobs(number, stage, &send),
        };
        drop(send);
        let mut recorded = Ok(());
        self.crew.work(jobs, &|error| self.no_runtime(&error), &mut || {
            recorded = record(&receive, sink);
            if recorded.is_err() {
                self.stop.request(Cause::Unrecordable);
                // Let the looks under way end; what they saw can no longer be kept.
                while receive.recv().is_ok() {}
            }
        });
        // Whatever happened meanwhile, and even if it can no longer be recorded.
        let undone: Vec<_> = stage.probes.iter().filter_map(|probe| self.undo(probe)).collect();
        recorded?;
        for (reached, what) in undone {
            reached.into_iter().try_for_each(|observer| sink.reached(observer))?;
            sink.event(what)?;
        }
        Ok(())
    }

    /// Reaches everybody whom a stage needs, before it begins.
    fn meet(&self, stage: &Stage<'_>) -> Vec<Reached> {
        let names: BTreeSet<&str> = stage.probes.iter().filter_map(|probe| probe.on.as_deref()).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let met: Mutex<Vec<Reached>> = Mutex::default();
        let job: Job<'_> = Box::new(|| {
            Box::pin(async {
                let tell = |observer| lock(&met).push(observer);
                let all = names.iter().map(|name| self.observe.reach(name, &tell));
                tokio::select! {
                    _ = futures_util::future::join_all(all) => {}
                    _ = self.stop.requested() => {}
                }
            })
        });
        self.crew.work(vec![job], &|error| self.no_runtime(&error), &mut || ());
        met.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn no_runtime(&self, error: &std::io::Error) {
        self.stop.request(Cause::Failed { detail: format!("no runtime: {error}") });
    }

    /// A job for each probe.
    fn quiet_jobs<'j>(
        &'j self,
        stage: &'j Stage<'_>,
        began: Instant,
        over: &'j Over,
        send: &SyncSender<News>,
    ) -> Vec<Job<'j>> {
        let job = |probe: &'j Probe| -> Job<'j> {
            let send = send.clone();
            Box::new(move || {
                Box::pin(async move {
                    self.run_probe(probe, began, over, &send).await;
                    if probe.with.is_none() {
                        let planned = probe.schedule.lasting.map_or(Duration::ZERO, |lasting| lasting.0);
                        _ = over.set(Instant::now().max(began + planned));
                    }
                })
            })
        };
        stage.probes.iter().map(|probe| job(probe)).collect()
    }

    /// A job for each hand, which all take from the same rows.
    fn parallel_jobs<'j>(
        &'j self,
        number: u64,
        stage: &'j Stage<'_>,
        send: &SyncSender<News>,
    ) -> Vec<Job<'j>> {
        let sharing = Sharing { stage: number, since: WallInstant::now() };
        let rows = stage.probes.iter().flat_map(|probe| probe.cells.iter().map(move |cell| (*probe, cell)));
        let rows: Arc<Vec<(&Probe, &Cell)>> = Arc::new(rows.collect());
        let next = Arc::new(AtomicUsize::new(0));
        let hands = self.crew.hands().min(rows.len().div_ceil(AT_ONCE));
        let job = |_| -> Job<'j> {
            let (send, rows, next) = (send.clone(), rows.clone(), next.clone());
            Box::new(move || {
                Box::pin(async move {
                    let take = || rows.get(next.fetch_add(1, Ordering::Relaxed)).copied();
                    futures_util::stream::iter(std::iter::from_fn(take))
                        .for_each_concurrent(AT_ONCE, |(probe, cell)| {
                            self.run_cell(probe, cell, sharing, &send)
                        })
                        .await;
                })
            })
        };
        (0..hands).map(job).collect()
    }

    /// Takes back what a probe did, and tells how that went, and whom it was done through.
    fn undo(&self, probe: &Probe) -> Option<(Vec<Reached>, Happening)> {
        let undo = probe.undo.as_ref()?;
        let reached: Mutex<Vec<Reached>> = Mutex::default();
        let done: Mutex<Option<Seen>> = Mutex::default();
        let job: Job<'_> = Box::new(|| {
            Box::pin(async {
                let request = Request {
                    probe: &probe.name,
                    row: &BTreeMap::new(),
                    on: probe.on.as_deref(),
                    act: undo,
                    wanted: &Wanted::All,
                    timeout: UNDO,
                    lane: Lane::Quiet,
                    sharing: None,
                };
                let tell = |observer| lock(&reached).push(observer);
                let seen = self.observe.observe(&request, &tell).await.seen;
                *lock(&done) = Some(seen);
            })
        });
        self.crew.work(vec![job], &|error| self.no_runtime(&error), &mut || ());
        let seen = lock(&done).take().unwrap_or_default();
        let reached = std::mem::take(&mut *lock(&reached));
        Some((reached, undo_event(probe, &undo.describe(), &seen, self.secrets)))
    }

    /// All looks at one cell, one after the other. A single look may share its reading of a table of the kernel's with
    /// others of its stage; repeated looks are to be looks of their own.
    async fn run_cell(&self, probe: &Probe, cell: &Cell, sharing: Sharing, send: &SyncSender<News>) {
        let slots = probe.schedule.slots();
        let sharing = (slots == 1).then_some(sharing);
        for number in 0..slots {
            if slots > 1 && self.stop.reason().is_some() {
                return;
            }
            self.run_slot(Slot { probe, cell, number, lane: Lane::Parallel, sharing }, send).await;
        }
    }

    /// All looks of one probe of the quiet lane by its schedule, which begins at `began`. What runs with another one looks
    /// until that is over.
    async fn run_probe(&self, probe: &Probe, began: Instant, over: &Over, send: &SyncSender<News>) {
        let lane = Lane::Quiet;
        let not_made = |cell: &Cell, slot: u32, why: Cause| {
            let observation = blocked_at(&self.began, probe, cell, slot, lane, Blocked::by(why));
            _ = send.send(News::Look(Taken { observation, artifacts: Vec::new() }));
        };
        let slots = probe.schedule.slots();
        for slot in 0..slots {
            if self.stop.reason().is_some() {
                return;
            }
            let due = probe.schedule.every.map(|every| began + every.0 * slot);
            if let Some(due) = due {
                if slot > 0 && due < Instant::now() {
                    probe.cells.iter().for_each(|cell| not_made(cell, slot, Cause::SlotMissed));
                    continue;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    _ = self.stop.requested() => return,
                }
            }
            let due = due.unwrap_or_else(Instant::now);
            if slot > 0
                && let Some(with) = &probe.with
                && over.get().is_some_and(|over| *over < due)
            {
                for cell in &probe.cells {
                    (slot..slots)
                        .for_each(|slot| not_made(cell, slot, Cause::ProbeOver { probe: with.clone() }));
                }
                return;
            }
            for cell in &probe.cells {
                self.run_slot(Slot { probe, cell, number: slot, lane, sharing: None }, send).await;
            }
        }
    }

    /// One trial: a look, and further attempts while `until` does not hold and `within` is not over.
    async fn run_slot(&self, slot: Slot<'_>, send: &SyncSender<News>) {
        let schedule = &slot.probe.schedule;
        let give_up = Instant::now() + schedule.within.map_or(Duration::ZERO, |within| within.0);
        for attempt in 1.. {
            let mut taken = self.attempt(&slot, attempt, send).await;
            let again = schedule.until.is_some()
                && !(self.until)(slot.probe, &taken.observation)
                && Instant::now() + PAUSE < give_up
                && self.stop.reason().is_none();
            taken.observation.superseded = again;
            // The receiver is gone only when nothing can be recorded any more.
            if send.send(News::Look(taken)).is_err() || !again {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = self.stop.requested() => {}
            }
        }
    }

    async fn attempt(&self, slot: &Slot<'_>, attempt: u32, send: &SyncSender<News>) -> Taken {
        let Slot { probe, cell, number, lane, sharing } = *slot;
        let nothing = Wanted::Only(BTreeSet::new());
        let wanted = self.wanted.get(&probe.name).unwrap_or(&nothing);
        let (started, offset, began) = (self.began.utc(), self.began.elapsed(), Instant::now());
        let kept = Kept { probe, cell, slot: number, attempt, lane, started, offset, wanted };
        let request = Request::new(probe, cell, wanted, lane, sharing);
        let tell = |observer| _ = send.send(News::Reached(Box::new(observer)));
        let sighting = tokio::select! {
            sighting = self.observe.observe(&request, &tell) => sighting,
            reason = self.stop.requested() => Sighting {
                seen: Seen::nothing(Blocked::by(reason)),
                times: Times { elapsed: began.elapsed(), delay: None, paused: Duration::ZERO },
                by: None,
            },
        };
        kept.take(sighting, self.secrets).await
    }
}

/// Records what ends until nobody is left who looks.
fn record<S: Sink>(receive: &Receiver<News>, sink: &mut S) -> Result<(), S::Error> {
    while let Ok(first) = receive.recv() {
        // One write for what ends at nearly the same time, rather than one each.
        let gathered = WallInstant::now() + GATHER;
        let mut batch = Vec::new();
        let mut next = Ok(first);
        loop {
            match next {
                Ok(News::Look(taken)) => batch.push(taken.with_artifacts(|bytes| sink.artifact(bytes))?),
                // Before whatever it sees.
                Ok(News::Reached(observer)) => sink.reached(*observer)?,
                // Now and then, rather than being woken by each: the looks need the processors.
                Err(TryRecvError::Empty) if WallInstant::now() < gathered => std::thread::sleep(NOW_AND_THEN),
                Err(_) => break,
            }
            // Before another is taken: what is taken is in this batch.
            if batch.len() == BATCH {
                break;
            }
            next = receive.try_recv();
        }
        sink.record(batch)?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn undo_event(probe: &Probe, what: &str, seen: &Seen, secrets: &Secrets) -> Happening {
    let detail = seen.unknown.values().next().map_or("no result", |blocked| blocked.detail.as_str());
    let exit_code = seen.facts.get("exit_code").and_then(Value::as_i64);
    Happening::Undo {
        probe: probe.name.clone(),
        command: secrets.mask(what),
        exit_code,
        detail: if exit_code.is_some() { String::new() } else { secrets.mask(detail) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Slots(Vec<Vec<u32>>);

    impl Sink for Slots {
        type Error = std::convert::Infallible;
        fn record(&mut self, observations: Vec<Observation>) -> Result<(), Self::Error> {
            self.0.push(observations.iter().map(|observation| observation.slot).collect());
            Ok(())
        }
        fn artifact(&mut self, _: &[u8]) -> Result<Result<String, Blocked>, Self::Error> {
            Ok(Ok(String::new()))
        }
        fn reached(&mut self, _: Reached) -> Result<(), Self::Error> {
            Ok(())
        }
        fn event(&mut self, _: Happening) -> Result<(), Self::Error> {
            Ok(())
        }
        fn holds(&mut self, _: &str) -> Result<bool, Self::Error> {
            Ok(false)
        }
    }

    fn taken(slot: u32) -> News {
        let observation = Observation {
            trial: None,
            observer: 0,
            artifacts: BTreeMap::new(),
            excerpts: BTreeMap::new(),
            probe: "p".to_owned(),
            cell: BTreeMap::new(),
            slot,
            attempt: 1,
            superseded: false,
            lane: Lane::Parallel,
            started: jiff::Timestamp::UNIX_EPOCH,
            offset_us: 0,
            duration_us: 0,
            scheduling_delay_us: None,
            facts: BTreeMap::new(),
            unknown: BTreeMap::new(),
        };
        News::Look(Taken { observation, artifacts: Vec::new() })
    }

    #[test]
    fn each_look_is_recorded_once_and_in_order_when_more_wait_than_one_write_takes() {
        let (send, receive) = sync_channel(1024);
        for slot in 0..600 {
            send.send(taken(slot)).unwrap();
        }
        drop(send);
        let mut sink = Slots::default();
        _ = record(&receive, &mut sink);
        assert_eq!(sink.0, [(0..256).collect(), (256..512).collect(), (512..600).collect::<Vec<_>>()]);
    }
}
