//! A machine that is rebooted, with what becomes of a unit: asked for through the observer that is there, which ends with it, and
//! looked at through the one that is reached after it, by the same looks that a plan can name.
//!
//! Nobody but a plan's observer that is found again by its name can be asked: this machine is never rebooted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use probity_plan::kinds::command::{Command, Program};
use probity_plan::kinds::lifecycle::Lifecycle;
use probity_plan::kinds::service::Service;
use probity_plan::{Act, Barrier, Blocked, Reach, Text, Value};

use super::{Far, Inside, Observers, There, lost, order, sighting};
use crate::kinds::lifecycle::serving::{Serving, holds};
use crate::look::{FactSelection, Seen, milliseconds};
use crate::machine::Process;
use crate::observation::Times;
use crate::observe::{By, ReachedObserver, Request, Sighting};

/// Between two looks at what becomes of it.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of the time-out is kept for the last look: a quarter, at most so long.
const RESERVE: Duration = Duration::from_secs(2);
/// What is seen of the unit at the end, as the kind `service` has it.
const OF_UNIT: [&str; 6] = ["active_state", "sub_state", "result", "main_pid", "restarts", "crash_looping"];

/// A reboot under way.
struct Reboot<'a> {
    observers: &'a Observers<'a>,
    far: &'a Far,
    request: &'a Request<'a>,
    tell: &'a dyn Fn(ReachedObserver),
    lifecycle: &'a Lifecycle,
    began: Instant,
    /// Who was there first.
    by: Option<By>,
}

impl Observers<'_> {
    pub(super) async fn reboot(
        &self,
        far: &Far,
        request: &Request<'_>,
        lifecycle: &Lifecycle,
        tell: &dyn Fn(ReachedObserver),
    ) -> Sighting {
        let began = Instant::now();
        let mut reboot = Reboot { observers: self, far, request, tell, lifecycle, began, by: None };
        let mut seen = Seen::default();
        if let Err(blocked) = reboot.live(&mut seen).await {
            seen.block_rest(blocked);
        }
        let elapsed = began.elapsed();
        let by = reboot.by.map(|by| By { within: elapsed, ..by });
        Sighting { seen, times: Times { elapsed, delay: None, paused: Duration::ZERO }, by }
    }
}

impl Reboot<'_> {
    async fn live(&mut self, seen: &mut Seen) -> Result<(), Blocked> {
        if !matches!(self.far.reach, Reach::Container(_) | Reach::Ssh(_)) {
            let why =
                "after a reboot only an observer is found again that is a `container` or reached by `ssh`";
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
        let unit = Act::Service(Service { service: self.lifecycle.lifecycle.clone() });
        let there = self.observers.reached(self.far, self.tell).await?;
        if there.boot.is_none() || there.boot == crate::observer::boot() {
            let why = "its boot is that of the machine that looks, which is never rebooted";
            return Err(Blocked::new(Barrier::Unsupported, why));
        }
        let before = self.look(&unit, &there).await?;
        self.by = before.by;
        let before = before.seen;
        let exists = before.fact("exists")?.clone();
        seen.know("exists", exists.clone()).settle("main_pid_before", before.fact("main_pid").cloned());
        if exists == Value::Bool(false) {
            seen.know("done", false);
            let why = format!("there is no unit {}", self.lifecycle.lifecycle);
            return Err(Blocked::new(Barrier::Unreachable, why));
        }
        let mut serving = Serving::new(self.lifecycle);
        serving.before = self.serves(&there).await;
        let asked = Instant::now();
        self.ask(&there, seen).await?;
        let (there, up) = self.again(there, &unit).await?;
        seen.know("done", true).know("job", "done");
        let since = |at: Instant| milliseconds(at.saturating_duration_since(asked));
        seen.know("job_ms", Value::interval(since(up), Some(milliseconds(asked.elapsed()))));
        loop {
            let began = asked.elapsed();
            let serves = match self.serves(&there).await {
                Some(served) => serving.note(began, asked.elapsed(), served),
                None => {
                    let seen = self.look(&unit, &there).await?.seen;
                    *seen.fact("active_state")? == Value::from("active")
                }
            };
            if serves || self.left() <= PAUSE {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(span) = self.lifecycle.watch {
            tokio::time::sleep(span.0.min(self.left())).await;
            if let Some(served) = self.serves(&there).await {
                serving.note(asked.elapsed(), asked.elapsed(), served);
            }
        }
        serving.tell(self.lifecycle.act, &self.timed_out("it was not seen to serve"), seen);
        let after = self.look(&unit, &there).await?.seen;
        for name in OF_UNIT {
            seen.settle(name, after.fact(name).cloned());
        }
        Err(Blocked::new(Barrier::Unsupported, "of a reboot it is not looked at"))
    }

    /// Has the machine reboot.
    async fn ask(&self, there: &There, seen: &mut Seen) -> Result<(), Blocked> {
        let words = ["systemctl", "--no-ask-password", "reboot"].map(Text::plain).to_vec();
        let act = Act::Command(Command { command: Program::Arguments(words), stdin: None, env: [].into() });
        // Whoever is asked may be gone before it can say that it did.
        let Ok(said) = self.look(&act, there).await else { return Ok(()) };
        let Ok(code) = said.seen.fact("exit_code") else { return Ok(()) };
        seen.settle("said", said.seen.fact("stderr").cloned());
        if *code == Value::from(0) {
            return Ok(());
        }
        seen.know("done", false).know("job", "refused");
        Err(Blocked::new(Barrier::Prerequisite, "the machine was not rebooted"))
    }

    /// Waits for a machine that was booted anew, and whose systemd answers; with when one was last seen that was not.
    async fn again(&self, before: Arc<There>, unit: &Act) -> Result<(Arc<There>, Instant), Blocked> {
        let mut state = self.far.state.lock().await;
        let process = if let Inside::Process(process) = before.inside { Some(process) } else { None };
        let (boot, mut last) = (before.boot.clone(), Instant::now());
        // Whoever is there and no child of its first process would keep it from going down: systemd waits for such for 10 s each
        // time that it looks who is left.
        state.there = None;
        drop(before);
        loop {
            let began = Instant::now();
            if process.is_some_and(Process::is_there) {
                last = began;
            } else {
                match self.observers.connect(self.far).await {
                    Ok((there, _)) if there.boot == boot => last = began,
                    Ok((there, reached)) => {
                        let unit = self.look(unit, &there).await;
                        if unit.is_ok_and(|unit| unit.seen.fact("exists").is_ok()) {
                            (self.tell)(reached);
                            return Ok((Arc::clone(state.there.insert(Arc::new(there))), last));
                        }
                    }
                    Err(_) => {}
                }
            }
            if self.left() <= PAUSE {
                return Err(self.timed_out("the machine did not come back with another boot"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether the unit serves; none where the plan does not say how that is seen.
    async fn serves(&self, there: &There) -> Option<Result<bool, Blocked>> {
        let act = self.lifecycle.serving.as_ref()?.act();
        let seen = self.look(act, there).await;
        Some(seen.and_then(|sighting| holds(act, self.lifecycle, &sighting.seen)))
    }

    /// Looks once, through this one.
    async fn look(&self, act: &Act, there: &There) -> Result<Sighting, Blocked> {
        let (offset, asked) = (self.observers.began.elapsed(), Instant::now());
        let request = Request { act, timeout: PATIENCE, wanted: &FactSelection::All, ..*self.request };
        let report = there.connection.look(order(&request)?).await.map_err(|why| lost(self.far, &why))?;
        let by = By { observer: there.id, started: report.started, offset, within: asked.elapsed() };
        Ok(sighting(&request, report, by))
    }

    /// How much time is left until the last look.
    fn left(&self) -> Duration {
        let kept = RESERVE.min(self.request.timeout / 4);
        (self.request.timeout - kept).saturating_sub(self.began.elapsed())
    }

    fn timed_out(&self, why: &str) -> Blocked {
        Blocked::new(Barrier::TimedOut, format!("{why} within {} ms", self.request.timeout.as_millis()))
    }
}
