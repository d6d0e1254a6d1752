//! Whether it serves: looks within the look, and between which moments it began.

use std::time::{Duration, Instant};

use probity_plan::kinds::lifecycle::{Lifecycle, Operation};
use probity_plan::{Act, Barrier, Blocked, Value};

use super::Watch;
use crate::kinds;
use crate::look::{Context, Seen, milliseconds};

/// How long one look within may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the looks within saw.
pub(crate) struct Serving<'a> {
    lifecycle: &'a Lifecycle,
    /// What was seen before systemd was asked.
    pub(crate) before: Option<Result<bool, Blocked>>,
    /// When the last look began that saw that it did not serve, after systemd was asked.
    not_until: Option<Duration>,
    /// When the first look had ended that saw that it did, and began once systemd was done.
    since: Option<Duration>,
    /// What the last look saw after that.
    last: Option<Result<bool, Blocked>>,
}

impl<'a> Serving<'a> {
    /// Before any look.
    pub(crate) const fn new(lifecycle: &'a Lifecycle) -> Self {
        Self { lifecycle, before: None, not_until: None, since: None, last: None }
    }

    /// Looks before anything is done.
    pub(super) async fn before(lifecycle: &'a Lifecycle, context: &Context<'_>) -> Self {
        let mut serving = Self::new(lifecycle);
        serving.before = serving.look(context).await;
        serving
    }

    /// Whether it is known since systemd was done if it serves, or there is nothing to look at.
    pub(super) const fn is_known(&self) -> bool {
        self.lifecycle.serving.is_none() || matches!(self.last, Some(Ok(_)))
    }

    /// Looks once. `None` where the plan does not say at what, and where the look was cut short: that somebody was silent for a
    /// moment says nothing.
    async fn look(&self, context: &Context<'_>) -> Option<Result<bool, Blocked>> {
        let act = self.lifecycle.serving.as_ref()?.act();
        let timeout = context.timeout.min(PATIENCE);
        let context = Context { began: Instant::now(), timeout, ..context.clone() };
        let seen = kinds::look(act, &context).await;
        let served = holds(act, self.lifecycle, &seen);
        let cut_short = timeout < PATIENCE && context.began.elapsed() >= timeout;
        (served == Ok(true) || !cut_short).then_some(served)
    }

    /// Looks while systemd is at work: only that it does not serve says something, as the old one may.
    pub(super) async fn look_meanwhile(&mut self, watch: &Watch, context: &Context<'_>) {
        let began = watch.asked.elapsed();
        if let Some(Ok(false)) = self.look(context).await {
            self.not_until = Some(began);
        }
    }

    /// Looks once systemd is done, whether it serves now.
    pub(super) async fn look_after(&mut self, watch: &Watch, context: &Context<'_>) -> bool {
        let began = watch.asked.elapsed();
        let Some(served) = self.look(context).await else { return false };
        self.note(began, watch.asked.elapsed(), served)
    }

    /// What a look saw that began and ended then, once systemd was done; whether it serves.
    pub(crate) fn note(&mut self, began: Duration, ended: Duration, served: Result<bool, Blocked>) -> bool {
        match &served {
            Ok(true) => _ = self.since.get_or_insert(ended),
            Ok(false) if self.since.is_none() => self.not_until = Some(began),
            _ => {}
        }
        let serves = served == Ok(true);
        self.last = Some(served);
        serves
    }

    /// Where nothing is known, it is for want of time: `timed_out`.
    pub(crate) fn tell(&self, operation: Operation, timed_out: &Blocked, seen: &mut Seen) {
        let unknown = || match self.lifecycle.serving {
            Some(_) => timed_out.clone(),
            None => Blocked::new(
                Barrier::NotMade,
                "the probe does not say how to look whether it serves; `serving` and `serves` do",
            ),
        };
        let known = |served: &Option<Result<bool, Blocked>>| served.clone().unwrap_or_else(|| Err(unknown()));
        seen.settle("served_before", known(&self.before)).settle("serves", known(&self.last));
        let at_least = milliseconds(self.not_until.unwrap_or_default());
        let began = match (operation, self.since, &self.last) {
            (Operation::Stop, ..) => Err(Blocked::new(Barrier::Unsupported, "it was to stop")),
            (_, Some(since), _) => Ok(Value::interval(at_least, Some(milliseconds(since)))),
            (_, None, _) if self.not_until.is_some() => Ok(Value::interval(at_least, None)),
            (_, None, last) => known(last).map(|_| Value::interval(at_least, None)),
        };
        seen.settle("serving_ms", began);
    }
}

/// Whether the facts that the plan names have the values that it names. Who was turned away, or met nobody, was not served,
/// though not every fact is known then.
pub(crate) fn holds(act: &Act, lifecycle: &Lifecycle, seen: &Seen) -> Result<bool, Blocked> {
    if act.spec().denial(&seen.facts, &[]).is_some() {
        return Ok(false);
    }
    if lifecycle.serves.iter().any(|(name, value)| seen.facts.get(name).is_some_and(|seen| seen != value)) {
        return Ok(false);
    }
    lifecycle.serves.keys().try_for_each(|name| seen.fact(name).map(|_| ()))?;
    Ok(true)
}
