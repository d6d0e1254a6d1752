//! From what a look saw to what is recorded: intervals, sizes, masks.

use std::collections::BTreeMap;
use std::time::Duration;

use probity_plan::kinds::KindSpec;
use probity_plan::model::Cell;
use probity_plan::{Artifact, Barrier, Blocked, FactType, Lane, Observation, Probe, Trial, Value};

use crate::clock::Began;
use crate::look::FactSelection;
use crate::observe::Sighting;
use crate::run::Stop;
use crate::secrets::Secrets;

/// The longest text or list, as JSON, that is kept as a fact.
pub const MAX_FACT: usize = 64 << 10;
/// What is kept of a longer text without `keep: all`.
const MAX_EXCERPT: usize = 4 << 10;
/// So many bytes are masked in no time worth speaking of, also of text that is made to be slow.
const MAX_MASKED_HERE: usize = 4 << 10;
/// How long what a look brought may be masked.
const MAX_MASKING: Duration = Duration::from_secs(10);
/// A silence counts as such if the observer itself was kept for no more than this part of the time-out.
const MAX_KEPT: u32 = 10;

/// A planned look.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The probe.
    pub probe: &'a Probe,
    /// The row.
    pub cell: &'a Cell,
    /// The slot.
    pub slot: u32,
    /// The lane.
    pub lane: Lane,
    /// The trial.
    pub trial: Option<&'a Trial>,
}

/// A look's place and time.
pub struct Occasion<'a> {
    /// The planned look.
    pub place: Place<'a>,
    /// The attempt.
    pub attempt: u32,
    /// When it began.
    pub started: jiff::Timestamp,
    /// How long after the run it began.
    pub offset: Duration,
    /// Which on-demand facts were wanted.
    pub wanted: &'a FactSelection,
}

/// How long a look took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From its beginning to its end.
    pub elapsed: Duration,
    /// How long the observer was kept from running meanwhile; absent if that is not known.
    pub delay: Option<Duration>,
    /// How long of that all of the observer stood still.
    pub paused: Duration,
}

/// An observation with the long outputs that go beside the log.
pub struct FullObservation {
    /// The observation.
    pub observation: Observation,
    /// Fact and bytes.
    pub artifacts: Vec<(String, Vec<u8>)>,
}

impl FullObservation {
    /// The observation, with each artifact kept by `keep` and named by its digest.
    ///
    /// # Errors
    /// Those of `keep`.
    pub fn with_artifacts<E>(
        mut self,
        mut keep: impl FnMut(&[u8]) -> Result<Result<String, Blocked>, E>,
    ) -> Result<Observation, E> {
        for (fact, bytes) in self.artifacts {
            match keep(&bytes)? {
                Ok(sha256) => {
                    let size_bytes = bytes.len() as u64;
                    self.observation.artifacts.insert(fact, Artifact { sha256, size_bytes });
                }
                // What was to be kept whole is not: it is said where it is missing.
                Err(blocked) => _ = self.observation.unknown.insert(fact, blocked),
            }
        }
        Ok(self.observation)
    }
}

impl Occasion<'_> {
    /// What is recorded of what was seen. What takes long to mask is masked on a thread of its own: this one keeps time for
    /// other looks. What is not masked in time, or before the run stops, is behind a barrier.
    pub async fn take(&self, sighting: Sighting, secrets: &Secrets, stop: &Stop) -> FullObservation {
        let Sighting { seen, times, by } = sighting;
        let Place { probe, cell, slot, lane, trial } = self.place;
        let mut observation = Observation {
            probe: probe.name.clone(),
            cell: cell.row.clone(),
            slot,
            attempt: self.attempt,
            superseded: false,
            lane,
            started: to_microseconds(by.map_or(self.started, |by| by.started)),
            // Of a look of somebody else's, the time in which it lies, by the clocks of this program.
            offset_us: microseconds(by.map_or(self.offset, |by| by.offset)),
            duration_us: microseconds(by.map_or(times.elapsed, |by| by.within)),
            scheduling_delay_us: times.delay.map(microseconds),
            trial: trial.cloned(),
            observer: by.map_or(0, |by| by.observer),
            facts: seen.facts,
            artifacts: BTreeMap::new(),
            excerpts: BTreeMap::new(),
            unknown: seen.unknown,
        };
        let spec = probe.spec();
        for fact in spec.facts {
            let unwanted = fact.on_demand
                && matches!(self.wanted, FactSelection::Only(facts) if !facts.contains(fact.name));
            if unwanted {
                observation.facts.remove(fact.name);
            } else if fact.ty == FactType::Interval
                && !fact.bounded
                && let Some(value) = observation.facts.get_mut(fact.name)
            {
                widen(value, times.delay);
            }
        }
        self.doubt_denials(&mut observation, &times);
        let keep_all = probe.keep_all;
        if observation.facts.values().map(size).sum::<usize>() <= MAX_MASKED_HERE {
            return record(observation, spec, keep_all, secrets);
        }
        masked_within(MAX_MASKING, observation, (spec, keep_all), secrets, stop).await
    }

    /// Nobody was silent for the whole time-out if the observer did not listen all that time: what it missed meanwhile may
    /// have been an answer.
    fn doubt_denials(&self, observation: &mut Observation, times: &Times) {
        let timeout = self.place.probe.schedule.timeout.0;
        let kept = times.delay.unwrap_or(times.paused);
        if times.elapsed < timeout || kept <= timeout / MAX_KEPT {
            return;
        }
        for spec in self.place.probe.spec().facts {
            let denial = |value: &Value| spec.denial.is_some_and(|(_, values)| values.include(value));
            if observation.facts.get(spec.name).is_some_and(denial) {
                observation.facts.remove(spec.name);
                let why = format!("the observer itself was kept for {} ms of it", kept.as_millis());
                observation.unknown.insert(spec.name.to_owned(), Blocked::new(Barrier::Overloaded, why));
            }
        }
    }
}

/// The same on a thread of its own, which is not waited for any longer than this, nor where the run stops.
async fn masked_within(
    limit: Duration,
    observation: Observation,
    (spec, keep_all): (&'static KindSpec, bool),
    secrets: &Secrets,
    stop: &Stop,
) -> FullObservation {
    let blank = Observation { facts: BTreeMap::new(), ..observation.clone() };
    let (secrets, _waiting) = secrets.within(limit);
    let recorded = tokio::task::spawn_blocking(move || {
        let taken = record(observation, spec, keep_all, &secrets);
        (!secrets.gave_up()).then_some(taken)
    });
    let why = tokio::select! {
        biased;
        recorded = recorded => match recorded {
            Ok(Some(taken)) => return taken,
            Ok(None) => too_slow_to_mask(limit),
            Err(_) => Blocked::new(Barrier::Aborted, "what was seen could not be masked"),
        },
        reason = stop.requested() => Blocked::by(reason),
    };
    let unknown = BTreeMap::from([("*".to_owned(), why)]);
    FullObservation { observation: Observation { unknown, ..blank }, artifacts: Vec::new() }
}

/// What was seen is so long, and so made, that it was not masked in this time.
pub(crate) fn too_slow_to_mask(limit: Duration) -> Blocked {
    Blocked::new(Barrier::TooLarge, format!("more than is masked within {} s", limit.as_secs()))
}

/// The observation with its secrets masked, and without what is too long: that is an artifact with `keep_all`, else an
/// excerpt. A claim that reads such a fact stays undetermined rather than being decided on a part.
fn record(
    mut observation: Observation,
    spec: &KindSpec,
    keep_all: bool,
    secrets: &Secrets,
) -> FullObservation {
    let too_large = |length: usize| {
        Blocked::new(Barrier::TooLarge, format!("{length} bytes; a fact holds at most {MAX_FACT}"))
    };
    let mut artifacts = Vec::new();
    if !keep_all {
        // Only what is kept of it is masked.
        let long = observation.facts.iter().filter_map(|(name, value)| Some((name.clone(), excess(value)?)));
        for (name, length) in long.collect::<Vec<_>>() {
            if let Some(value) = observation.facts.remove(&name) {
                let mut excerpt = secrets.mask_beginning(&value, MAX_EXCERPT);
                excerpt
                    .truncate((0..=MAX_EXCERPT).rev().find(|at| excerpt.is_char_boundary(*at)).unwrap_or(0));
                observation.excerpts.insert(name.clone(), excerpt);
            }
            observation.unknown.insert(name, too_large(length));
        }
    }
    secrets.mask_observation(&mut observation, |fact| spec.fact(fact).map(|fact| fact.ty));
    if keep_all {
        for (name, value) in std::mem::take(&mut observation.facts) {
            match (excess(&value), value) {
                (None, value) => _ = observation.facts.insert(name, value),
                (Some(length), value) => {
                    let bytes = match value {
                        Value::Text(text) => text.into_bytes(),
                        value => serde_json::to_vec(&value).unwrap_or_default(),
                    };
                    observation.unknown.insert(name.clone(), too_large(length));
                    artifacts.push((name, bytes));
                }
            }
        }
    }
    FullObservation { observation, artifacts }
}

/// How long a fact is, if that is more than a fact may be: of text its bytes, else those of its JSON.
fn excess(value: &Value) -> Option<usize> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(_) | Value::Map(_) => serde_json::to_vec(value).map_or(0, |bytes| bytes.len()),
        _ => 0,
    };
    Some(length).filter(|length| *length > MAX_FACT)
}

/// About how many bytes of text it has.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(list) => list.iter().map(|value| 1 + size(value)).sum(),
        Value::Map(map) => map.iter().map(|(key, value)| key.len() + size(value)).sum(),
        _ => 1,
    }
}

/// What was measured may be longer than it took by the time in which the observer did not run. Where that is not known,
/// nothing is known of the lower end.
fn widen(value: &mut Value, delay: Option<Duration>) {
    let Some((least, most)) = value.ends() else { return };
    let least = match delay {
        Some(delay) => (least - delay.as_secs_f64() * 1000.0).max(0.0),
        None => 0.0,
    };
    let round = |ms: f64| (ms * 1000.0).round() / 1000.0;
    *value = Value::interval(round(least), most.is_finite().then(|| round(most)));
}

impl Place<'_> {
    /// A look that was not made: every fact is behind this barrier.
    pub fn blocked(&self, run: &Began, blocked: Blocked) -> Observation {
        Observation {
            probe: self.probe.name.clone(),
            cell: self.cell.row.clone(),
            slot: self.slot,
            attempt: 1,
            superseded: false,
            lane: self.lane,
            started: run.utc(),
            offset_us: microseconds(run.elapsed()),
            duration_us: 0,
            scheduling_delay_us: None,
            trial: self.trial.cloned(),
            observer: 0,
            facts: BTreeMap::new(),
            artifacts: BTreeMap::new(),
            excerpts: BTreeMap::new(),
            unknown: BTreeMap::from([("*".to_owned(), blocked)]),
        }
    }
}

/// Cut to the microsecond.
pub fn to_microseconds(at: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn microseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// One of which nothing was seen, for tests.
#[cfg(test)]
pub(crate) fn blank() -> Observation {
    Observation {
        probe: "p".to_owned(),
        cell: BTreeMap::new(),
        slot: 0,
        attempt: 1,
        superseded: false,
        lane: Lane::Parallel,
        started: jiff::Timestamp::UNIX_EPOCH,
        offset_us: 0,
        duration_us: 0,
        scheduling_delay_us: None,
        trial: None,
        observer: 0,
        facts: BTreeMap::new(),
        artifacts: BTreeMap::new(),
        excerpts: BTreeMap::new(),
        unknown: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests {
    use probity_plan::{Cause, kinds};

    use super::*;

    fn masked(limit: Duration, body: &str, stop: &Stop) -> FullObservation {
        let secrets = Secrets::new(BTreeMap::from([("key".to_owned(), "correct horse".to_owned())])).unwrap();
        let of = (kinds::kind("http").unwrap(), true);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let facts = BTreeMap::from([("body".to_owned(), Value::from(body))]);
        let observation = Observation { facts, ..blank() };
        let taken = runtime.block_on(masked_within(limit, observation, of, &secrets, stop));
        runtime.shutdown_background();
        taken
    }

    #[test]
    fn what_is_made_to_be_slow_to_mask_keeps_a_run_no_longer_than_a_limit_and_not_from_its_end() {
        let long = Duration::from_secs(600);
        let short = masked(long, "<correct horse>", &Stop::default());
        assert_eq!(short.observation.facts["body"], Value::from("<[secret key]>"));
        // Many windows, each of which takes a while.
        let slow = "\\".repeat(16 << 20);
        let late = masked(Duration::from_millis(1), &slow, &Stop::default());
        assert_eq!(late.observation.unknown["*"].barrier, Barrier::TooLarge);
        let stop = Stop::default();
        stop.request(Cause::Interrupted { signal: "SIGTERM".to_owned() });
        let began = std::time::Instant::now();
        let stopped = masked(long, &slow, &stop);
        assert_eq!(stopped.observation.unknown["*"].barrier, Barrier::Aborted);
        assert!(began.elapsed() < Duration::from_secs(20));
        for taken in [late, stopped] {
            assert!(taken.observation.facts.is_empty() && taken.artifacts.is_empty());
        }
    }
}
