//! Where a run's observations go: into the log, then into what is derived, then to whoever shows progress.

use std::collections::BTreeMap;

use probity_evidence::Writer;
use probity_evidence::declared::Undeclared;
use probity_evidence::entry::{Body, Event, Observer};
use probity_evidence::writer::WriteError;
use probity_plan::{Blocked, Happening, Observation, Trial};
use probity_probe::observe::ReachedObserver;
use probity_probe::{Began, Sink, observer};

use crate::fold::Fold;
use crate::needs::Needs;

/// How often the observer's own condition is recorded.
const OBSERVE_SELF: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// Records, and folds what was recorded.
pub(crate) struct Recorder<'r, 'p> {
    pub(crate) began: Began,
    pub(crate) writer: &'r Writer,
    pub(crate) fold: &'r mut Fold<'p>,
    /// What each trial needs to go on, where one needs anything.
    pub(crate) needs: Option<Needs<'r>>,
    /// Is told of what was recorded.
    pub(crate) recorded: &'r dyn Fn(&[Body]),
    pub(crate) observed_self: jiff::Timestamp,
}

impl Recorder<'_, '_> {
    fn append(&mut self, body: &Body) -> Result<(), WriteError> {
        let entry = self.writer.append(body)?;
        self.take(entry, body);
        Ok(())
    }

    fn take(&mut self, entry: u64, body: &Body) {
        self.fold.take(entry, body);
        if let Some(needs) = &mut self.needs {
            needs.take(entry, body);
        }
    }

    /// Records how the observer itself is doing.
    pub(crate) fn observe_self(&mut self) -> Result<(), WriteError> {
        let seen = observer::condition();
        self.observed_self = self.began.utc();
        self.append(&Body::Observer(Observer {
            id: 0,
            at: self.observed_self,
            offset_us: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            boot: observer::boot(),
            introduction: None,
            facts: seen.facts,
            unknown: seen.unknown,
        }))
    }

    /// An observation that the log refuses is recorded as the barrier it met there: before the one fact that is not what its
    /// kind declares or cannot be written, or else before all of them.
    fn append_one(&mut self, mut observation: Observation) -> Result<(), WriteError> {
        loop {
            let body = Body::Observation(observation.clone());
            let error = match self.writer.append(&body) {
                Ok(entry) => {
                    self.take(entry, &body);
                    return Ok(());
                }
                Err(error) => error,
            };
            let Some(blocked) = error.barrier() else { return Err(error) };
            match error {
                WriteError::Undeclared(Undeclared::Type(fact, _)) | WriteError::Unrecordable { fact, .. }
                    if observation.facts.remove(&fact).is_some() =>
                {
                    observation.unknown.insert(fact, blocked);
                }
                _ => {
                    observation.facts.clear();
                    observation.artifacts.clear();
                    observation.excerpts.clear();
                    observation.unknown = BTreeMap::from([("*".to_owned(), blocked)]);
                    return self.append(&Body::Observation(observation));
                }
            }
        }
    }
}

impl Sink for Recorder<'_, '_> {
    type Error = WriteError;

    fn record(&mut self, observations: Vec<Observation>) -> Result<(), WriteError> {
        let bodies: Vec<Body> = observations.into_iter().map(Body::Observation).collect();
        match self.writer.append_all(&bodies) {
            Ok(first) => (first..).zip(&bodies).for_each(|(entry, body)| self.take(entry, body)),
            Err(error) if error.barrier().is_some() => {
                for body in &bodies {
                    if let Body::Observation(observation) = body {
                        self.append_one(observation.clone())?;
                    }
                }
            }
            Err(error) => return Err(error),
        }
        (self.recorded)(&bodies);
        if self.began.utc().duration_since(self.observed_self) >= OBSERVE_SELF {
            self.observe_self()?;
        }
        Ok(())
    }

    fn artifact(&mut self, bytes: &[u8]) -> Result<Result<String, Blocked>, WriteError> {
        match self.writer.artifact(bytes) {
            Ok(sha256) => Ok(Ok(sha256)),
            Err(error) => error.barrier().map(Err).ok_or(error),
        }
    }

    fn reached(&mut self, observer: ReachedObserver) -> Result<(), WriteError> {
        let ReachedObserver { id, at, offset, boot, introduction, seen } = observer;
        self.append(&Body::Observer(Observer {
            id,
            at,
            offset_us: u64::try_from(offset.as_micros()).unwrap_or(u64::MAX),
            boot,
            introduction: Some(introduction),
            facts: seen.facts,
            unknown: seen.unknown,
        }))
    }

    fn event(&mut self, what: Happening) -> Result<(), WriteError> {
        self.append(&Body::Event(Event { at: self.began.utc(), what }))
    }

    fn holds(&mut self, claim: &str, trial: Option<&Trial>) -> Result<bool, WriteError> {
        let in_trial = trial.and_then(|trial| self.needs.as_ref()?.holds(claim, trial));
        Ok(in_trial.unwrap_or_else(|| self.fold.holds(claim)))
    }
}
