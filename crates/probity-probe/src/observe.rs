//! Making one look for a run: what is asked, what came of it, and the observer that is this program itself.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use probity_plan::model::Cell;
use probity_plan::{Act, Lane, Observation, Probe, Value};

use crate::clock::{Clock, MachineClock};
use crate::look::{Context, Seen, Wanted};
use crate::memory::Memories;
use crate::observation::{Kept, Times};
use crate::secrets::Secrets;
use crate::{kinds, metronome, tables};

/// A look to be made.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The probe, for what is kept from look to look.
    pub probe: &'a str,
    /// Its row, likewise.
    pub row: &'a BTreeMap<String, Value>,
    /// What to do.
    pub act: &'a Act,
    /// Which on-demand facts to look up.
    pub wanted: &'a Wanted,
    /// How long it may take.
    pub timeout: Duration,
    /// Its lane.
    pub lane: Lane,
    /// When its stage began, if it may share its reading of a table of the kernel's with others of that stage.
    pub shared_since: Option<Instant>,
}

/// What came of a look.
#[derive(Debug)]
pub struct Sighting {
    /// What was seen.
    pub seen: Seen,
    /// How long it took.
    pub times: Times,
}

/// Somebody who makes looks.
pub trait Observe: Sync {
    /// Makes one. What could not be looked at is a barrier in what comes of it. Dropped, it ends with everything it started.
    fn observe<'a>(&'a self, request: &'a Request<'a>) -> LocalBoxFuture<'a, Sighting>;
}

/// This program, where it runs.
#[derive(Debug)]
pub struct Here<'a> {
    secrets: &'a Secrets,
    run_began: jiff::Timestamp,
    memories: Memories,
}

impl<'a> Here<'a> {
    /// For a run that began then.
    pub fn new(secrets: &'a Secrets, run_began: jiff::Timestamp) -> Self {
        Self { secrets, run_began, memories: Memories::default() }
    }

    async fn look(&self, request: &Request<'_>) -> Sighting {
        let measured = Measured::begin();
        let Request { probe, row, act, wanted, timeout, lane, shared_since } = *request;
        let (secrets, run_began, began) = (self.secrets, self.run_began, Instant::now());
        let context = Context { wanted, secrets, began, run_began, timeout };
        let look = self.memories.recall(probe, row, act, kinds::look(act, &context));
        let seen = match shared_since {
            Some(since) => tables::sharing(since, look).await,
            None => look.await,
        };
        Sighting { seen, times: measured.end(began, lane) }
    }
}

impl Observe for Here<'_> {
    fn observe<'a>(&'a self, request: &'a Request<'a>) -> LocalBoxFuture<'a, Sighting> {
        Box::pin(self.look(request))
    }
}

/// Looks once at one cell, outside any run, at every fact: for `probity try`.
///
/// # Errors
/// If the system has no resources for it.
pub fn look_once(probe: &Probe, cell: &Cell, secrets: &Secrets) -> std::io::Result<Observation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (wanted, lane, started) = (&Wanted::All, Lane::Quiet, MachineClock.utc());
    let kept = Kept { probe, cell, slot: 0, attempt: 1, lane, started, offset: Duration::ZERO, wanted };
    let request = Request {
        probe: &probe.name,
        row: &cell.row,
        act: &cell.act,
        wanted,
        timeout: probe.schedule.timeout.0,
        lane,
        shared_since: None,
    };
    let taken = runtime.block_on(async {
        let sighting = Here::new(secrets, started).look(&request).await;
        kept.take(sighting, secrets).await
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
