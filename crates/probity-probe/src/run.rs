//! Runs a plan's probes, stage by stage, and hands every attempt to a [`Sink`] as it ends.
//!
//! Must not know: how a look is made, or by whom.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant as WallInstant};

use futures_util::StreamExt;
use probity_plan::model::Cell;
use probity_plan::{Act, Blocked, Cause, Happening, Impact, Lane, Observation, Plan, Probe, Trial, Value};
use tokio::time::Instant;

use crate::clock::Began;
use crate::crew::{Crew, Job};
use crate::desk::{Desk, record};
use crate::look::{FactSelection, Seen};
use crate::machine::Machines;
use crate::observation::{FullObservation, Occasion, Place, Times};
use crate::observe::{Observe, ReachedObserver, Request, Sharing, Sighting};
use crate::schedule::{Stage, stages};
use crate::secrets::Secrets;

/// Looks under way at once in the parallel lane, on each of its threads.
const MAX_AT_ONCE: usize = 8;
/// Between two attempts within a slot.
const PAUSE: Duration = Duration::from_millis(200);
/// Planned looks of a probe that is not run, of which each is recorded.
const MAX_BARRED: usize = 10_000;
/// How long an `undo` may take.
pub const MAX_UNDO: Duration = Duration::from_secs(60);

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
    fn reached(&mut self, observer: ReachedObserver) -> Result<(), Self::Error>;
    /// Takes something that befell the run.
    ///
    /// # Errors
    /// Ends the run.
    fn event(&mut self, what: Happening) -> Result<(), Self::Error>;
    /// Whether this claim holds on what was recorded so far. In a trial, of what belongs to trials only that of this one counts, if the claim is
    /// about that.
    ///
    /// # Errors
    /// If that cannot be read. Ends the run.
    fn holds(&mut self, claim: &str, trial: Option<&Trial>) -> Result<bool, Self::Error>;
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
    pub(crate) async fn requested(&self) -> Cause {
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

/// Why no look of this probe is made at this moment: what it runs with is over.
fn over_before(at: Instant, over: &Over, probe: &Probe) -> Option<Cause> {
    let with = probe.with.as_ref().filter(|_| over.get().is_some_and(|over| *over < at))?;
    Some(Cause::ProbeOver { probe: with.clone() })
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
    pub wanted: &'a BTreeMap<String, FactSelection>,
    /// The probes of whose elapsed time a claim speaks.
    pub timed: &'a BTreeSet<String>,
    /// Decides on `until`.
    pub until: &'a Until<'a>,
    /// Ends the run early.
    pub stop: &'a Stop,
    /// Makes the looks.
    pub observe: &'a dyn Observe,
    /// Makes the machines of trials.
    pub machines: &'a dyn Machines,
    /// What the run is called: letters and digits, of which the first eight are in the names of its machines.
    pub run: &'a str,
    /// Does the work.
    pub crew: &'a dyn Crew,
}

impl Runner<'_> {
    /// Runs every stage, then every trial.
    ///
    /// # Errors
    /// The sink's. Undos run all the same, and machines are removed.
    pub fn run<S: Sink>(&self, sink: &mut S) -> Result<(), S::Error> {
        let (desk, news) = Desk::open();
        let job: Job<'_> = Box::new(move || Box::pin(async move { self.conduct(&desk).await }));
        let mut recorded = Ok(());
        self.crew.work(vec![job], &|error| self.no_runtime(&error), &mut || {
            recorded = record(&news, sink);
            if recorded.is_err() {
                self.stop.request(Cause::Unrecordable);
                // Let the looks under way end; what they saw can no longer be kept.
                while news.recv().is_ok() {}
            }
        });
        recorded
    }

    async fn conduct(&self, desk: &Desk) {
        let probes: Vec<&Probe> = self.plan.probes_of(None).collect();
        self.run_stages(&probes, None, desk).await;
        for (ordinal, group) in (1..).zip(&self.plan.trials) {
            self.run_trials(ordinal, group, desk).await;
        }
    }

    /// Runs these probes, all of the plan or all of a trial.
    pub(crate) async fn run_stages(&self, probes: &[&Probe], trial: Option<&Trial>, desk: &Desk) {
        for stage in stages(probes, self.timed) {
            let mut ready: Vec<&Probe> = Vec::new();
            for probe in &stage.probes {
                // What runs with another probe says nothing if that one does not run.
                let alone =
                    probe.with.as_ref().filter(|with| !ready.iter().any(|other| other.name == **with));
                let alone = alone.map(|with| Blocked::by(Cause::ProbeOver { probe: with.clone() }));
                let obstacle = match alone.or_else(|| self.held_back(probe)) {
                    Some(blocked) => Some(blocked),
                    None => self.lacks(probe, trial, desk).await,
                };
                match obstacle {
                    None => ready.push(probe),
                    Some(blocked) => self.bar(probe, trial, stage.lane, &blocked, desk),
                }
            }
            if !ready.is_empty() {
                self.run_stage(&Stage { lane: stage.lane, probes: ready }, trial, desk).await;
            }
        }
    }

    /// That a probe is not run: each planned look has its reason, unless there are very many of them.
    pub(crate) fn bar(&self, probe: &Probe, trial: Option<&Trial>, lane: Lane, why: &Blocked, desk: &Desk) {
        let slots = probe.schedule.slots();
        let slots = if slots as usize * probe.cells.len() <= MAX_BARRED { slots } else { 1 };
        let barred = probe.cells.iter().flat_map(|cell| {
            (0..slots).map(|slot| {
                let place = Place { probe, cell, slot, lane, trial };
                place.blocked(&self.began, why.clone())
            })
        });
        desk.bar(barred.collect());
    }

    /// Why a probe is not run at all, whatever was seen so far.
    pub(crate) fn held_back(&self, probe: &Probe) -> Option<Blocked> {
        if let Some(reason) = self.stop.reason() {
            return Some(Blocked::by(reason));
        }
        if self.only.is_some_and(|only| !only.contains(&probe.name)) {
            return Some(Blocked::by(Cause::LeftOut));
        }
        let impact = probe.asks();
        (impact > self.allow).then(|| Blocked::by(Cause::NotAllowed { impact, allowed: self.allow }))
    }

    /// That a claim does not hold which the probe needs.
    async fn lacks(&self, probe: &Probe, trial: Option<&Trial>, desk: &Desk) -> Option<Blocked> {
        let claim = probe.needs.as_ref()?;
        let holds = desk.holds(claim, trial).await;
        (!holds).then(|| Blocked::by(Cause::ClaimNeeded { claim: claim.clone() }))
    }

    async fn run_stage(&self, stage: &Stage<'_>, trial: Option<&Trial>, desk: &Desk) {
        self.meet(stage, trial, desk).await;
        let (began, over) = (Instant::now(), Over::new());
        let jobs = match stage.lane {
            Lane::Quiet => self.quiet_jobs(stage, trial, began, &over, desk),
            Lane::Parallel => self.parallel_jobs(stage, trial, desk),
        };
        self.crew.beside(jobs, &|error| self.no_runtime(&error)).await;
        // Whatever happened meanwhile, and even if it can no longer be recorded.
        for probe in &stage.probes {
            if let Some(undo) = &probe.undo {
                self.undo(probe, undo, trial, desk).await;
            }
        }
        // What comes next is timed: the log does not write beside it.
        desk.settled().await;
    }

    /// Reaches everybody whom a stage needs, before it begins.
    async fn meet(&self, stage: &Stage<'_>, trial: Option<&Trial>, desk: &Desk) {
        let names: BTreeSet<&str> = stage.probes.iter().filter_map(|probe| probe.on.as_deref()).collect();
        let tell = |observer| desk.reached(observer);
        let all = names.iter().map(|name| self.observe.reach(name, trial, &tell));
        tokio::select! {
            _ = futures_util::future::join_all(all) => {}
            _ = self.stop.requested() => {}
        }
    }

    pub(crate) fn no_runtime(&self, error: &std::io::Error) {
        self.stop.request(Cause::Failed { detail: format!("no runtime: {error}") });
    }

    /// A job for each probe.
    fn quiet_jobs<'j>(
        &'j self,
        stage: &'j Stage<'_>,
        trial: Option<&'j Trial>,
        began: Instant,
        over: &'j Over,
        desk: &Desk,
    ) -> Vec<Job<'j>> {
        let job = |probe: &'j Probe| -> Job<'j> {
            let desk = desk.clone();
            Box::new(move || {
                Box::pin(async move {
                    self.run_probe(probe, trial, began, over, &desk).await;
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
        stage: &'j Stage<'_>,
        trial: Option<&'j Trial>,
        desk: &Desk,
    ) -> Vec<Job<'j>> {
        let sharing = Sharing { stage: desk.next_stage(), since: WallInstant::now() };
        let rows = stage.probes.iter().flat_map(|probe| probe.cells.iter().map(move |cell| (*probe, cell)));
        let rows: Arc<Vec<(&Probe, &Cell)>> = Arc::new(rows.collect());
        let next = Arc::new(AtomicUsize::new(0));
        let hands = self.crew.hands().min(rows.len().div_ceil(MAX_AT_ONCE));
        let job = |_| -> Job<'j> {
            let (desk, rows, next) = (desk.clone(), rows.clone(), next.clone());
            Box::new(move || {
                Box::pin(async move {
                    let take = || rows.get(next.fetch_add(1, Ordering::Relaxed)).copied();
                    futures_util::stream::iter(std::iter::from_fn(take))
                        .for_each_concurrent(MAX_AT_ONCE, |(probe, cell)| {
                            self.run_cell(probe, cell, trial, sharing, &desk)
                        })
                        .await;
                })
            })
        };
        (0..hands).map(job).collect()
    }

    /// Takes back what a probe did, and tells how that went, and whom it was done through.
    async fn undo(&self, probe: &Probe, undo: &Act, trial: Option<&Trial>, desk: &Desk) {
        let request = Request {
            probe: &probe.name,
            row: &BTreeMap::new(),
            on: probe.on.as_deref(),
            trial,
            act: undo,
            wanted: &FactSelection::All,
            timeout: MAX_UNDO,
            lane: Lane::Quiet,
            sharing: None,
        };
        let seen = self.observe.observe(&request, &|observer| desk.reached(observer)).await.seen;
        desk.event(undo_event(probe, &undo.describe(), &seen, self.secrets));
    }

    /// All looks at one cell, one after the other. A single look may share its reading of a table of the kernel's with
    /// others of its stage; repeated looks are to be looks of their own.
    async fn run_cell(
        &self,
        probe: &Probe,
        cell: &Cell,
        trial: Option<&Trial>,
        sharing: Sharing,
        desk: &Desk,
    ) {
        let slots = probe.schedule.slots();
        let sharing = (slots == 1).then_some(sharing);
        for slot in 0..slots {
            if slots > 1 && self.stop.reason().is_some() {
                return;
            }
            let place = Place { probe, cell, slot, lane: Lane::Parallel, trial };
            self.run_slot(&place, sharing, &Over::new(), desk).await;
        }
    }

    /// All looks of one probe of the quiet lane by its schedule, which begins at `began`. What runs with another one looks
    /// until that is over.
    async fn run_probe(
        &self,
        probe: &Probe,
        trial: Option<&Trial>,
        began: Instant,
        over: &Over,
        desk: &Desk,
    ) {
        let place = |cell, slot| Place { probe, cell, slot, lane: Lane::Quiet, trial };
        let not_made = |cell, slot, why: Cause| {
            let observation = place(cell, slot).blocked(&self.began, Blocked::by(why));
            desk.take(FullObservation { observation, artifacts: Vec::new() });
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
            let mut due = due.unwrap_or_else(|| if slot == 0 { began } else { Instant::now() });
            for (made, cell) in probe.cells.iter().enumerate() {
                if let Some(why) = over_before(due, over, probe) {
                    probe.cells.iter().skip(made).for_each(|cell| not_made(cell, slot, why.clone()));
                    for cell in &probe.cells {
                        (slot + 1..slots).for_each(|slot| not_made(cell, slot, why.clone()));
                    }
                    return;
                }
                self.run_slot(&place(cell, slot), None, over, desk).await;
                due = Instant::now();
            }
        }
    }

    /// A slot: a look, and further attempts while `until` does not hold and `within` is not over. None is made once that is over
    /// which it runs with.
    async fn run_slot(&self, place: &Place<'_>, sharing: Option<Sharing>, over: &Over, desk: &Desk) {
        let schedule = &place.probe.schedule;
        let give_up = Instant::now() + schedule.within.map_or(Duration::ZERO, |within| within.0);
        for attempt in 1.. {
            let mut taken = self.attempt(place, attempt, sharing, desk).await;
            let again = schedule.until.is_some()
                && !(self.until)(place.probe, &taken.observation)
                && Instant::now() + PAUSE < give_up
                && self.stop.reason().is_none();
            taken.observation.superseded = again;
            if !desk.take(taken) || !again {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = self.stop.requested() => {}
            }
            if let Some(why) = over_before(Instant::now(), over, place.probe) {
                let blocked = place.blocked(&self.began, Blocked::by(why));
                let observation = Observation { attempt: attempt + 1, ..blocked };
                desk.take(FullObservation { observation, artifacts: Vec::new() });
                return;
            }
        }
    }

    async fn attempt(
        &self,
        place: &Place<'_>,
        attempt: u32,
        sharing: Option<Sharing>,
        desk: &Desk,
    ) -> FullObservation {
        let nothing = FactSelection::Only(BTreeSet::new());
        let wanted = self.wanted.get(&place.probe.name).unwrap_or(&nothing);
        let (started, offset, began) = (self.began.utc(), self.began.elapsed(), Instant::now());
        let kept = Occasion { place: *place, attempt, started, offset, wanted };
        let request = Request::new(place, wanted, sharing);
        let tell = |observer| desk.reached(observer);
        let sighting = tokio::select! {
            sighting = self.observe.observe(&request, &tell) => sighting,
            reason = self.stop.requested() => Sighting {
                seen: Seen::nothing(Blocked::by(reason)),
                times: Times { elapsed: began.elapsed(), delay: None, paused: Duration::ZERO },
                by: None,
            },
        };
        kept.take(sighting, self.secrets, self.stop).await
    }
}

fn undo_event(probe: &Probe, what: &str, seen: &Seen, secrets: &Secrets) -> Happening {
    let detail = seen.unknown.values().next().map_or(Cow::Borrowed("no result"), Blocked::why);
    let exit_code = seen.facts.get("exit_code").and_then(Value::as_i64);
    Happening::Undo {
        probe: probe.name.clone(),
        command: secrets.mask(what),
        exit_code,
        detail: if exit_code.is_some() { String::new() } else { secrets.mask(&detail) },
    }
}
