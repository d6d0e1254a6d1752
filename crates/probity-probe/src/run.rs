//! Runs a plan's probes, stage by stage, and hands every attempt to a [`Sink`] as it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use probity_plan::model::Cell;
use probity_plan::{Blocked, Cause, Happening, Impact, Lane, Observation, Plan, Probe, Value};

use crate::clock::Began;
use crate::kinds;
use crate::look::{Context, Seen, Wanted};
use crate::memory::Memories;
use crate::metronome;
use crate::observation::{Kept, Taken, Times, blocked_at};
use crate::schedule::{Stage, stages};
use crate::secrets::Secrets;
use crate::tables;

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
pub struct Stop(std::sync::Arc<tokio::sync::watch::Sender<Option<Cause>>>);

impl Default for Stop {
    fn default() -> Self {
        Self(std::sync::Arc::new(tokio::sync::watch::Sender::new(None)))
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
type Over = std::sync::OnceLock<Instant>;

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
    /// What probes keep from look to look.
    pub memories: Memories,
}

impl Runner<'_> {
    /// Runs every stage.
    ///
    /// # Errors
    /// The sink's. Undos run all the same.
    pub fn run<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        for stage in stages(self.plan, self.timed) {
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
                self.run_stage(&Stage { lane: stage.lane, probes: ready }, sink)?;
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

    fn run_stage<S: Sink>(&self, stage: &Stage<'_>, sink: &mut S) -> Result<(), S::Error> {
        let began = Instant::now();
        let over = Over::new();
        let (send, receive) = sync_channel::<Taken>(1024);
        let recorded = std::thread::scope(|scope| {
            match stage.lane {
                Lane::Quiet => {
                    for probe in &stage.probes {
                        let (send, over) = (send.clone(), &over);
                        scope.spawn(move || {
                            self.on_thread(|| self.run_probe(probe, began, over, &send));
                            if probe.with.is_none() {
                                let planned =
                                    probe.schedule.lasting.map_or(Duration::ZERO, |lasting| lasting.0);
                                _ = over.set(Instant::now().max(began + planned));
                            }
                        });
                    }
                }
                Lane::Parallel => {
                    let work: Vec<_> = stage
                        .probes
                        .iter()
                        .flat_map(|probe| probe.cells.iter().map(move |cell| (*probe, cell)))
                        .collect();
                    let (work, next) = (std::sync::Arc::new(work), std::sync::Arc::new(AtomicUsize::new(0)));
                    let threads = std::thread::available_parallelism()
                        .map_or(1, usize::from)
                        .min(work.len().div_ceil(AT_ONCE));
                    for _ in 0..threads {
                        let (send, work, next) = (send.clone(), work.clone(), next.clone());
                        scope.spawn(move || {
                            let take = || work.get(next.fetch_add(1, Ordering::Relaxed)).copied();
                            self.on_thread(|| async {
                                futures_util::stream::iter(std::iter::from_fn(take))
                                    .for_each_concurrent(AT_ONCE, |(probe, cell)| {
                                        self.run_cell(probe, cell, began, &send)
                                    })
                                    .await;
                            });
                        });
                    }
                }
            }
            drop(send);
            let recorded = record(&receive, sink);
            if recorded.is_err() {
                self.stop.request(Cause::Unrecordable);
                // Let the looks under way end; what they saw can no longer be kept.
                while receive.recv().is_ok() {}
            }
            recorded
        });
        // Whatever happened meanwhile, and even if it can no longer be recorded.
        let mut undone = Vec::new();
        for probe in &stage.probes {
            if let Some(undo) = &probe.undo {
                let context = self.context(&Wanted::All, UNDO);
                let seen = self.on_thread(|| kinds::look(undo, &context)).unwrap_or_default();
                undone.push(undo_event(probe, &undo.describe(), &seen, self.secrets));
            }
        }
        recorded?;
        undone.into_iter().try_for_each(|what| sink.event(what))
    }

    /// Runs a future on this thread, on a runtime of its own. `None` only if the system has no more resources for one.
    fn on_thread<F: Future>(&self, future: impl FnOnce() -> F) -> Option<F::Output> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                let output = runtime.block_on(future());
                // A look that hangs in the kernel must not keep the run from ending.
                runtime.shutdown_background();
                Some(output)
            }
            Err(error) => {
                self.stop.request(Cause::Failed { detail: format!("no runtime: {error}") });
                None
            }
        }
    }

    fn context<'c>(&'c self, wanted: &'c Wanted, timeout: Duration) -> Context<'c> {
        Context { wanted, secrets: self.secrets, began: Instant::now(), run_began: self.began.at, timeout }
    }

    /// All looks at one cell, one after the other. A single look may share its reading of a table of the kernel's with
    /// others of the stage that began at `since`; repeated looks are to be looks of their own.
    async fn run_cell(&self, probe: &Probe, cell: &Cell, since: Instant, send: &SyncSender<Taken>) {
        if probe.schedule.slots() == 1 {
            return tables::sharing(since, self.run_slot(probe, cell, 0, Lane::Parallel, send)).await;
        }
        for slot in 0..probe.schedule.slots() {
            if self.stop.reason().is_some() {
                return;
            }
            self.run_slot(probe, cell, slot, Lane::Parallel, send).await;
        }
    }

    /// All looks of one probe of the quiet lane by its schedule, which begins at `began`. What runs with another one looks
    /// until that is over.
    async fn run_probe(&self, probe: &Probe, began: Instant, over: &Over, send: &SyncSender<Taken>) {
        let lane = Lane::Quiet;
        let began = tokio::time::Instant::from_std(began);
        let slots = probe.schedule.slots();
        for slot in 0..slots {
            if self.stop.reason().is_some() {
                return;
            }
            if let Some(every) = probe.schedule.every {
                let due = began + every.0 * slot;
                if slot > 0 && due < tokio::time::Instant::now() {
                    let why = Blocked::by(Cause::SlotMissed);
                    for cell in &probe.cells {
                        let missed = blocked_at(&self.began, probe, cell, slot, lane, why.clone());
                        _ = send.send(Taken { observation: missed, artifacts: Vec::new() });
                    }
                    continue;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(due) => {}
                    _ = self.stop.requested() => return,
                }
            }
            let due =
                probe.schedule.every.map_or_else(Instant::now, |every| (began + every.0 * slot).into_std());
            if slot > 0
                && let Some(with) = &probe.with
                && over.get().is_some_and(|over| *over < due)
            {
                let why = Blocked::by(Cause::ProbeOver { probe: with.clone() });
                for (cell, slot) in
                    probe.cells.iter().flat_map(|cell| (slot..slots).map(move |slot| (cell, slot)))
                {
                    let missed = blocked_at(&self.began, probe, cell, slot, lane, why.clone());
                    _ = send.send(Taken { observation: missed, artifacts: Vec::new() });
                }
                return;
            }
            for cell in &probe.cells {
                self.run_slot(probe, cell, slot, lane, send).await;
            }
        }
    }

    /// One trial: a look, and further attempts while `until` does not hold and `within` is not over.
    async fn run_slot(&self, probe: &Probe, cell: &Cell, slot: u32, lane: Lane, send: &SyncSender<Taken>) {
        let give_up = Instant::now() + probe.schedule.within.map_or(Duration::ZERO, |within| within.0);
        for attempt in 1.. {
            let mut taken = self.attempt(probe, cell, slot, attempt, lane).await;
            let again = probe.schedule.until.is_some()
                && !(self.until)(probe, &taken.observation)
                && Instant::now() + PAUSE < give_up
                && self.stop.reason().is_none();
            taken.observation.superseded = again;
            // The receiver is gone only when nothing can be recorded any more.
            if send.send(taken).is_err() || !again {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = self.stop.requested() => {}
            }
        }
    }

    async fn attempt(&self, probe: &Probe, cell: &Cell, slot: u32, attempt: u32, lane: Lane) -> Taken {
        let nothing = Wanted::Only(BTreeSet::new());
        let wanted = self.wanted.get(&probe.name).unwrap_or(&nothing);
        let (started, offset) = (jiff::Timestamp::now(), self.began.elapsed());
        let kept = Kept { probe, cell, slot, attempt, lane, started, offset, wanted };
        let measured = Measured::begin();
        let context = self.context(wanted, probe.schedule.timeout.0);
        let seen = tokio::select! {
            seen = self.memories.recall(probe, cell, kinds::look(&cell.act, &context)) => seen,
            reason = self.stop.requested() => Seen::nothing(Blocked::by(reason)),
        };
        kept.take(seen, &measured.end(context.began, lane), self.secrets).await
    }
}

/// Looks once at one cell, outside any run, at every fact: for `probity try`.
///
/// # Errors
/// If the system has no resources for it.
pub fn look_once(probe: &Probe, cell: &Cell, secrets: &Secrets) -> std::io::Result<Observation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wanted = Wanted::All;
    let started = jiff::Timestamp::now();
    let (lane, offset) = (Lane::Quiet, Duration::ZERO);
    let kept = Kept { probe, cell, slot: 0, attempt: 1, lane, started, offset, wanted: &wanted };
    let measured = Measured::begin();
    let timeout = probe.schedule.timeout.0;
    let context = Context { wanted: &wanted, secrets, began: Instant::now(), run_began: started, timeout };
    let taken = runtime.block_on(async {
        let seen = kinds::look(&cell.act, &context).await;
        kept.take(seen, &measured.end(context.began, lane), secrets).await
    });
    runtime.shutdown_background();
    Ok(taken.observation)
}

/// A look being timed, from just before it begins.
struct Measured {
    waited: Option<Duration>,
    ticking: metronome::Ticking,
}

impl Measured {
    fn begin() -> Self {
        Self { ticking: metronome::listen(), waited: crate::observer::scheduling_delay() }
    }

    fn end(self, began: Instant, lane: Lane) -> Times {
        let elapsed = began.elapsed();
        let waited = self.waited.zip(crate::observer::scheduling_delay());
        let waited = waited.map(|(before, after)| after.saturating_sub(before));
        let paused = self.ticking.paused();
        // Beside other looks on this thread the kernel's figure says nothing about one of them.
        let delay = if lane == Lane::Quiet { waited.map(|waited| waited + paused) } else { None };
        Times { elapsed, delay, paused }
    }
}

/// Records what ends until nobody is left who looks.
fn record<S: Sink>(receive: &Receiver<Taken>, sink: &mut S) -> Result<(), S::Error> {
    while let Ok(first) = receive.recv() {
        // One write for what ends at nearly the same time, rather than one each.
        let gathered = Instant::now() + GATHER;
        let mut batch = Vec::new();
        let mut next = Ok(first);
        loop {
            match next {
                Ok(taken) => batch.push(taken.with_artifacts(|bytes| sink.artifact(bytes))?),
                // Now and then, rather than being woken by each: the looks need the processors.
                Err(TryRecvError::Empty) if Instant::now() < gathered => std::thread::sleep(NOW_AND_THEN),
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
        fn event(&mut self, _: Happening) -> Result<(), Self::Error> {
            Ok(())
        }
        fn holds(&mut self, _: &str) -> Result<bool, Self::Error> {
            Ok(false)
        }
    }

    fn taken(slot: u32) -> Taken {
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
        Taken { observation, artifacts: Vec::new() }
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
