//! Making one look for a run: what is asked, what came of it, and the observer that is this program itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use probity_plan::model::Cell;
use probity_plan::{Act, Blocked, Introduction, Lane, Observation, Observer, Probe, Trial, Value};

use crate::look::{Context, FactSelection, Seen};
use crate::memory::Memories;
use crate::observation::{Occasion, Place, Times};
use crate::run::Stop;
use crate::secrets::Secrets;
use crate::{kinds, metronome, tables};

/// Looks that may share a reading of a table of the kernel's.
#[derive(Clone, Copy, Debug)]
pub struct Sharing {
    /// The number of their stage.
    pub stage: u64,
    /// When it began.
    pub since: Instant,
}

/// A look to be made.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The probe, for what is kept from look to look.
    pub probe: &'a str,
    /// Its row, likewise.
    pub row: &'a BTreeMap<String, Value>,
    /// The observer that is to look; this program, where it runs, without one.
    pub on: Option<&'a str>,
    /// The trial it is part of.
    pub trial: Option<&'a Trial>,
    /// What to do.
    pub act: &'a Act,
    /// Which on-demand facts to look up.
    pub wanted: &'a FactSelection,
    /// How long it may take.
    pub timeout: Duration,
    /// Its lane.
    pub lane: Lane,
    /// With which looks it may share its readings.
    pub sharing: Option<Sharing>,
}

impl<'a> Request<'a> {
    /// A look at this cell of a probe, for these facts.
    pub(crate) fn new(place: &Place<'a>, wanted: &'a FactSelection, sharing: Option<Sharing>) -> Self {
        let Place { probe, cell, lane, trial, .. } = *place;
        let (on, timeout) = (probe.on.as_deref(), probe.schedule.timeout.0);
        Self { probe: &probe.name, row: &cell.row, on, trial, act: &cell.act, wanted, timeout, lane, sharing }
    }

    /// What is kept from look to look is kept by this name: trials know nothing of each other.
    pub(crate) fn memory(&self) -> Cow<'a, str> {
        match self.trial {
            None => Cow::Borrowed(self.probe),
            Some(trial) => Cow::Owned(format!("{} on {}", self.probe, trial.machine)),
        }
    }
}

/// What came of a look.
#[derive(Debug)]
pub struct Sighting {
    /// What was seen.
    pub seen: Seen,
    /// How long it took.
    pub times: Times,
    /// Who looked, if it was not this program.
    pub by: Option<By>,
}

impl Sighting {
    /// Nobody looked, and why.
    pub fn blocked(blocked: Blocked) -> Self {
        let times = Times { elapsed: Duration::ZERO, delay: None, paused: Duration::ZERO };
        Self { seen: Seen::nothing(blocked), times, by: None }
    }
}

/// A look of somebody else's.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The number of the observer.
    pub observer: u32,
    /// When the look began, by that one's clock.
    pub started: jiff::Timestamp,
    /// When it was asked for, after the run began.
    pub offset: Duration,
    /// How long after that its answer was here: the look lies within.
    pub within: Duration,
}

/// An observer that was reached.
#[derive(Clone, Debug)]
pub struct ReachedObserver {
    /// Its number.
    pub id: u32,
    /// When, by its clock.
    pub at: jiff::Timestamp,
    /// When, after the run began.
    pub offset: Duration,
    /// The boot that its steady clock counts from.
    pub boot: Option<String>,
    /// Who it is, and how it was reached.
    pub introduction: Introduction,
    /// How its machine is doing.
    pub seen: Seen,
}

/// Somebody who makes looks.
pub trait Observe: Sync {
    /// Makes one. What could not be looked at is a barrier in what comes of it. Dropped, it ends with everything it started.
    /// `reached` is told of an observer that was reached for it, before anybody looks through that one.
    fn observe<'a>(
        &'a self,
        request: &'a Request<'a>,
        reached: &'a dyn Fn(ReachedObserver),
    ) -> LocalBoxFuture<'a, Sighting>;

    /// Reaches an observer before its looks are due, if it can: finding the way takes its time, which is none of theirs.
    fn reach<'a>(
        &'a self,
        _on: &'a str,
        _trial: Option<&'a Trial>,
        _reached: &'a dyn Fn(ReachedObserver),
    ) -> LocalBoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    /// From now on these can be asked, in this trial.
    fn enter(&self, _trial: &Trial, _observers: Vec<Observer>) {}

    /// From now on nobody of this trial's machine can be asked; who was is let go.
    fn leave(&self, _trial: &Trial) {}
}

/// This program, where it runs.
#[derive(Debug)]
pub struct Here<'a> {
    secrets: &'a Secrets,
    run_began: jiff::Timestamp,
    memories: Arc<Memories>,
}

impl<'a> Here<'a> {
    /// For a run that began then.
    pub fn new(secrets: &'a Secrets, run_began: jiff::Timestamp) -> Self {
        Self::with(secrets, run_began, Arc::default())
    }

    /// With what was kept from look to look.
    pub(crate) fn with(secrets: &'a Secrets, run_began: jiff::Timestamp, memories: Arc<Memories>) -> Self {
        Self { secrets, run_began, memories }
    }

    /// Makes a look here, whoever is asked to.
    pub(crate) async fn look(&self, request: &Request<'_>) -> Sighting {
        let Request { row, act, wanted, timeout, lane, sharing, .. } = *request;
        let measured = Measured::begin(lane);
        let (secrets, run_began, began) = (self.secrets, self.run_began, Instant::now());
        let context = Context { wanted, secrets, began, run_began, timeout };
        let memory = request.memory();
        let look = self.memories.recall(&memory, row, act, kinds::look(act, &context));
        let seen = match sharing {
            Some(sharing) => tables::sharing(sharing.since, look).await,
            None => look.await,
        };
        Sighting { seen, times: measured.end(began), by: None }
    }
}

impl Observe for Here<'_> {
    fn observe<'a>(
        &'a self,
        request: &'a Request<'a>,
        _: &'a dyn Fn(ReachedObserver),
    ) -> LocalBoxFuture<'a, Sighting> {
        Box::pin(self.look(request))
    }
}

/// Looks once at one cell, outside any run, at every fact: for `probity try`.
///
/// # Errors
/// If the system has no resources for it.
pub fn look_once(
    observe: &dyn Observe,
    probe: &Probe,
    cell: &Cell,
    secrets: &Secrets,
) -> std::io::Result<Observation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (wanted, lane, started) = (&FactSelection::All, Lane::Quiet, crate::observer::now());
    let place = Place { probe, cell, slot: 0, lane, trial: None };
    let kept = Occasion { place, attempt: 1, started, offset: Duration::ZERO, wanted };
    let request = Request::new(&place, wanted, None);
    let taken = runtime.block_on(async {
        let sighting = observe.observe(&request, &|_| ()).await;
        kept.take(sighting, secrets, &Stop::default()).await
    });
    runtime.shutdown_background();
    Ok(taken.observation)
}

/// A look being timed, from just before it begins.
struct Measured {
    waited: Option<Duration>,
    ticking: metronome::Ticking,
    lane: Lane,
}

impl Measured {
    fn begin(lane: Lane) -> Self {
        Self { ticking: metronome::listen(), waited: waited(lane), lane }
    }

    fn end(self, began: Instant) -> Times {
        let elapsed = began.elapsed();
        let waited = self.waited.zip(waited(self.lane));
        let waited = waited.map(|(before, after)| after.saturating_sub(before));
        let paused = self.ticking.paused();
        Times { elapsed, delay: waited.map(|waited| waited + paused), paused }
    }
}

/// How long this thread has waited for a processor. Beside other looks on it the kernel's figure says nothing about one of them.
fn waited(lane: Lane) -> Option<Duration> {
    if lane == Lane::Quiet { crate::observer::scheduling_delay() } else { None }
}
