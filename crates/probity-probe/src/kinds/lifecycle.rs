//! `lifecycle`: systemctl(1) does it; then looks within this look tell whether the unit serves, systemd what it made of it,
//! and `/proc` what is left behind.

mod dependencies;
mod job;
mod leftovers;
pub(crate) mod serving;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use probity_plan::kinds::lifecycle::{Lifecycle, Operation};
use probity_plan::{Barrier, Blocked, Value};

use self::job::Job;
use self::serving::Serving;
use crate::clock;
use crate::look::{Context, Look, Seen, at_least_ms, elapsed_ms, milliseconds};
use crate::systemd::{self, Unit};

const PROPERTIES: &str = "Id,LoadState,ActiveState,SubState,Result,MainPID,NRestarts,ControlGroup,RuntimeDirectory,PIDFile,\
                          ExecMainStartTimestamp,ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic,\
                          InactiveEnterTimestampMonotonic,ConditionResult,ConditionTimestampMonotonic";

/// Between two looks at what becomes of it.
const PAUSE: Duration = Duration::from_millis(20);
/// How much of the time-out is kept for the looks at what is left behind: a quarter, at most so long.
const RESERVE: Duration = Duration::from_secs(2);

impl Look for Lifecycle {
    async fn look(&self, context: &Context<'_>) -> Seen {
        if self.act == Operation::Reboot {
            let why = "the machine that looks is never rebooted; `on` names another one";
            return Seen::nothing(Blocked::new(Barrier::Unsupported, why));
        }
        let mut seen = Seen::default();
        if let Err(blocked) = live(self, context, &mut seen).await {
            seen.block_rest(blocked);
        }
        seen
    }
}

/// The part of a look that begins now and ends there.
fn part<'a>(context: &Context<'a>, end: Instant) -> Context<'a> {
    let began = Instant::now();
    Context { began, timeout: end.saturating_duration_since(began), ..context.clone() }
}

async fn live(lifecycle: &Lifecycle, context: &Context<'_>, seen: &mut Seen) -> Result<(), Blocked> {
    let over = context.began + context.timeout;
    let end = over - RESERVE.min(context.timeout / 4);
    let unit = async || systemd::unit(&lifecycle.lifecycle, PROPERTIES, &part(context, over)).await;
    let before = unit().await?;
    seen.know("exists", before.exists());
    if !before.exists() {
        seen.know("done", false);
        let why = format!("there is no unit {}", before.text("Id"));
        return Err(Blocked::new(Barrier::Unreachable, why));
    }
    seen.settle("main_pid_before", before.number("MainPID"));
    let mut serving = Serving::before(lifecycle, &part(context, end)).await;
    let group = before.property("ControlGroup").ok();
    let held = leftovers::holdings(group, &before, &part(context, over)).await;
    let mut watch = Watch::begin(lifecycle.act, &before);
    let job = watch.carry_out(lifecycle, &part(context, end), &mut serving).await;
    watch.tell_job(job.as_ref(), seen);
    match &job {
        Err(blocked) if blocked.barrier != Barrier::TimedOut => return Err(blocked.clone()),
        _ => {}
    }
    let mut after = unit().await?;
    watch.note(&after);
    match watch.was_skipped(&after) {
        Some(true) => _ = seen.know("done", false).know("job", "skipped"),
        None if job.is_ok() && job::may_be_skipped(&lifecycle.lifecycle, &part(context, over)).await? => {
            let why = "systemctl does not tell a unit that ran and ended from one that a condition kept from running";
            for fact in ["done", "job"] {
                seen.facts.remove(fact);
                seen.block(fact, Blocked::new(Barrier::Unsupported, why));
            }
        }
        _ => {}
    }
    while !watch.is_over(lifecycle, job.as_ref().ok(), &before, &after) {
        if watch.took_effect(lifecycle, &before, &after) {
            let active = lifecycle.serving.is_none() && after.text("ActiveState") == "active";
            if active || serving.look_after(&watch, &part(context, end)).await {
                break;
            }
        }
        if Instant::now() + PAUSE >= end {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        after = unit().await?;
        watch.note(&after);
    }
    if let Some(span) = lifecycle.watch {
        tokio::time::sleep_until(end.min(Instant::now() + span.0).into()).await;
    }
    if lifecycle.watch.is_some() || !serving.is_known() {
        serving.look_after(&watch, &part(context, over)).await;
    }
    after = unit().await?;
    watch.note(&after);
    tell_unit(&before, &after, &watch, seen);
    serving.tell(lifecycle.act, &context.timed_out(), seen);
    let now = leftovers::holdings(watch.group.as_deref(), &after, &part(context, over)).await;
    leftovers::tell(&held, &now, &after, &part(context, over), seen).await;
    if context.wants("dependencies") {
        let units = dependencies::dependencies(&lifecycle.lifecycle, &part(context, over)).await;
        seen.settle("dependencies", units);
    }
    Ok(())
}

fn between((first, last): (Duration, Duration)) -> Value {
    Value::interval(milliseconds(first), Some(milliseconds(last)))
}

/// What systemd says of the unit at the end.
fn tell_unit(before: &Unit, after: &Unit, watch: &Watch, seen: &mut Seen) {
    let never =
        |what: &str| Blocked::new(Barrier::Unreachable, format!("systemd did not call it {what} after that"));
    seen.know("active_state", after.text("ActiveState"))
        .know("sub_state", after.text("SubState"))
        .know("crash_looping", after.crash_looping(Timestamp::now()))
        .settle("result", after.property("Result"))
        .settle("main_pid", after.number("MainPID"))
        .settle("restarts", watch.restarts(before, after))
        .settle("active_ms", watch.active.map(elapsed_ms).ok_or_else(|| never("active")))
        .settle("stopped_ms", watch.stopped.map(between).ok_or_else(|| never("inactive or failed")));
}

/// What becomes of the unit since systemd was asked.
struct Watch {
    operation: Operation,
    asked: Instant,
    /// The same by systemd's own clock.
    by_systemd: Duration,
    /// How long after that systemd first called it active.
    active: Option<Duration>,
    /// Between which moments after that systemd first called it inactive or failed.
    stopped: Option<(Duration, Duration)>,
    /// Until when it was seen to be neither; none where it was from the beginning.
    running: Option<Duration>,
    /// When the last look at it had ended.
    looked: Duration,
    /// Whether its main process was started after that.
    started: bool,
    /// Its control group, which systemd forgets when the unit has ended, be it empty or not; empty where it had none yet.
    group: Option<String>,
}

impl Watch {
    fn begin(operation: Operation, before: &Unit) -> Self {
        Self {
            operation,
            asked: Instant::now(),
            by_systemd: clock::monotonic(),
            active: None,
            stopped: None,
            running: (!has_ended(before)).then_some(Duration::ZERO),
            looked: Duration::ZERO,
            started: false,
            group: before.property("ControlGroup").ok().map(str::to_owned),
        }
    }

    /// Has systemd do it, and looks meanwhile whether the unit serves: what does not yet is known not to have before.
    async fn carry_out(
        &self,
        lifecycle: &Lifecycle,
        context: &Context<'_>,
        serving: &mut Serving<'_>,
    ) -> Result<Job, Blocked> {
        let mut job = std::pin::pin!(job::carry_out(lifecycle, context));
        loop {
            let looks = async {
                tokio::time::sleep(PAUSE).await;
                serving.look_meanwhile(self, context).await;
            };
            tokio::select! {
                biased;
                job = &mut job => return job,
                () = looks => {}
            }
        }
    }

    fn tell_job(&self, job: Result<&Job, &Blocked>, seen: &mut Seen) {
        match job {
            Ok(job) => {
                seen.know("job_ms", elapsed_ms(job.took)).know("said", job.said.as_str());
                seen.know("done", job.result == "done").know("job", job.result);
            }
            Err(blocked) => {
                if blocked.barrier == Barrier::TimedOut {
                    seen.know("job_ms", at_least_ms(self.asked.elapsed()));
                }
                for fact in ["done", "job", "said"] {
                    seen.block(fact, blocked.clone());
                }
            }
        }
    }

    /// How long after it was asked systemd noted this, if it did so after that.
    fn since(&self, unit: &Unit, stamp: &str) -> Option<Duration> {
        let microseconds = unit.number(stamp).ok().and_then(|number| u64::try_from(number).ok())?;
        Duration::from_micros(microseconds).checked_sub(self.by_systemd)
    }

    fn note(&mut self, unit: &Unit) {
        self.active = self.active.or_else(|| self.since(unit, "ActiveEnterTimestampMonotonic"));
        // systemd forgets at once when a unit has ended well that nothing refers to.
        let ended = || self.running.filter(|_| has_ended(unit)).map(|until| (until, self.asked.elapsed()));
        let noted = self.since(unit, "InactiveEnterTimestampMonotonic").map(|at| (at, at));
        self.stopped = self.stopped.or(noted).or_else(ended);
        self.running = if has_ended(unit) { None } else { Some(self.looked) };
        self.looked = self.asked.elapsed();
        self.started |= self.since(unit, "ExecMainStartTimestampMonotonic").is_some();
        let group = unit.text("ControlGroup");
        if !group.is_empty() {
            self.group = Some(group.to_owned());
        }
    }

    /// Whether systemd began nothing because a condition of the unit does not hold. `None` where it has forgotten: it does so as
    /// soon as a unit has ended well that nothing refers to.
    fn was_skipped(&self, unit: &Unit) -> Option<bool> {
        let starts = matches!(self.operation, Operation::Start | Operation::Restart);
        if !starts || self.started || self.active.is_some() || unit.text("ActiveState") != "inactive" {
            return Some(false);
        }
        self.since(unit, "ConditionTimestampMonotonic").map(|_| unit.text("ConditionResult") == "no")
    }

    /// Whether nothing more becomes of it by itself: it was to stop, nothing was done, or it has ended for good.
    fn is_over(&self, lifecycle: &Lifecycle, job: Option<&Job>, before: &Unit, after: &Unit) -> bool {
        let refused = job.is_some_and(|job| job.result == "refused");
        let ended = has_ended(after) && self.took_effect(lifecycle, before, after);
        refused || ended || self.operation == Operation::Stop
    }

    /// Whether it is past what was done to it: who was sent a signal that ends it may go on for a while.
    fn took_effect(&self, lifecycle: &Lifecycle, before: &Unit, after: &Unit) -> bool {
        let ends = self.operation == Operation::Kill && lifecycle.signal.unwrap_or_default().ends();
        let main = before.number("MainPID").unwrap_or_default();
        let another = |now: i64| now != main && (now != 0 || has_ended(after));
        !ends || main == 0 || after.number("MainPID").is_ok_and(another)
    }

    /// How often systemd restarted it by itself meanwhile. It counts from 0 where somebody starts what had ended.
    fn restarts(&self, before: &Unit, after: &Unit) -> Result<i64, Blocked> {
        let (first, last) = (before.number("NRestarts")?, after.number("NRestarts")?);
        let anew = match self.operation {
            Operation::Restart => self.started,
            Operation::Start => self.started && has_ended(before),
            _ => false,
        };
        Ok(if anew || last < first { last } else { last - first })
    }
}

/// Whether it does not run and nothing is to become of it.
fn has_ended(unit: &Unit) -> bool {
    matches!(unit.text("ActiveState"), "inactive" | "failed")
}
