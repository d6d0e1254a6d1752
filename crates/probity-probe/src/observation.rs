//! From what a look saw to what is recorded: intervals, sizes, masks.

use std::collections::BTreeMap;
use std::time::Duration;

use probity_plan::model::Cell;
use probity_plan::{Artifact, Barrier, Blocked, FactType, Lane, Observation, Probe, Value};

use crate::clock::Began;
use crate::look::Wanted;
use crate::observe::Sighting;
use crate::secrets::Secrets;

/// The longest text or list, as JSON, that is kept as a fact.
pub const LONGEST_FACT: usize = 64 << 10;
/// What is kept of a longer text without `keep: all`.
const EXCERPT: usize = 4 << 10;
/// A silence counts as such if the observer itself was kept for no more than this part of the time-out.
const MOST_KEPT: u32 = 10;

/// A look's place and time.
pub struct Kept<'a> {
    /// The probe.
    pub probe: &'a Probe,
    /// The row.
    pub cell: &'a Cell,
    /// The slot.
    pub slot: u32,
    /// The attempt.
    pub attempt: u32,
    /// The lane.
    pub lane: Lane,
    /// When it began.
    pub started: jiff::Timestamp,
    /// How long after the run it began.
    pub offset: Duration,
    /// Which on-demand facts were wanted.
    pub wanted: &'a Wanted,
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
pub struct Taken {
    /// The observation.
    pub observation: Observation,
    /// Fact and bytes.
    pub artifacts: Vec<(String, Vec<u8>)>,
}

impl Taken {
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

impl Kept<'_> {
    /// What is recorded of what was seen.
    pub fn take(&self, sighting: Sighting, secrets: &Secrets) -> Taken {
        let Sighting { seen, times, by } = sighting;
        let mut observation = Observation {
            probe: self.probe.name.clone(),
            cell: self.cell.row.clone(),
            slot: self.slot,
            attempt: self.attempt,
            superseded: false,
            lane: self.lane,
            started: to_microseconds(by.map_or(self.started, |by| by.started)),
            // Of a look of somebody else's, the time in which it lies, by the clocks of this program.
            offset_us: microseconds(by.map_or(self.offset, |by| by.offset)),
            duration_us: microseconds(by.map_or(times.elapsed, |by| by.within)),
            scheduling_delay_us: times.delay.map(microseconds),
            trial: None,
            observer: by.map_or(0, |by| by.observer),
            facts: seen.facts,
            artifacts: BTreeMap::new(),
            excerpts: BTreeMap::new(),
            unknown: seen.unknown,
        };
        for spec in self.probe.spec().facts {
            let unwanted =
                spec.on_demand && matches!(self.wanted, Wanted::Only(facts) if !facts.contains(spec.name));
            if unwanted {
                observation.facts.remove(spec.name);
            } else if spec.ty == FactType::Interval
                && let Some(value) = observation.facts.get_mut(spec.name)
            {
                widen(value, times.delay);
            }
        }
        self.doubt_denials(&mut observation, &times);
        let spec = self.probe.spec();
        secrets.mask_observation(&mut observation, |fact| spec.fact(fact).map(|fact| fact.ty));
        let artifacts = self.shorten(&mut observation);
        Taken { observation, artifacts }
    }

    /// Nobody was silent for the whole time-out if the observer did not listen all that time: what it missed meanwhile may
    /// have been an answer.
    fn doubt_denials(&self, observation: &mut Observation, times: &Times) {
        let timeout = self.probe.schedule.timeout.0;
        let kept = times.delay.unwrap_or(times.paused);
        if times.elapsed < timeout || kept <= timeout / MOST_KEPT {
            return;
        }
        for spec in self.probe.spec().facts {
            let denial = |value: &Value| spec.denial.is_some_and(|(_, values)| values.include(value));
            if observation.facts.get(spec.name).is_some_and(denial) {
                observation.facts.remove(spec.name);
                let why = format!("the observer itself was kept for {} ms of it", kept.as_millis());
                observation.unknown.insert(spec.name.to_owned(), Blocked::new(Barrier::Overloaded, why));
            }
        }
    }

    /// Takes what is too long out of the facts: into an artifact with `keep: all`, else down to an excerpt. A claim
    /// that reads such a fact stays undetermined rather than being decided on a part.
    fn shorten(&self, observation: &mut Observation) -> Vec<(String, Vec<u8>)> {
        let mut artifacts = Vec::new();
        let names: Vec<String> = observation.facts.keys().cloned().collect();
        for name in names {
            let Some(value) = observation.facts.get(&name) else { continue };
            let bytes = match value {
                Value::Text(text) if text.len() > LONGEST_FACT => text.clone().into_bytes(),
                Value::List(_) | Value::Map(_) => match serde_json::to_vec(value) {
                    Ok(bytes) if bytes.len() > LONGEST_FACT => bytes,
                    _ => continue,
                },
                _ => continue,
            };
            let why = format!("{} bytes; a fact holds at most {LONGEST_FACT}", bytes.len());
            observation.unknown.insert(name.clone(), Blocked::new(Barrier::TooLarge, why));
            observation.facts.remove(&name);
            if self.probe.keep_all {
                artifacts.push((name, bytes));
            } else {
                let excerpt = String::from_utf8_lossy(bytes.get(..EXCERPT).unwrap_or(&bytes)).into_owned();
                observation.excerpts.insert(name, excerpt);
            }
        }
        artifacts
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

/// A trial that was not made: every fact is behind this barrier.
pub fn blocked_at(
    run: &Began,
    probe: &Probe,
    cell: &Cell,
    slot: u32,
    lane: Lane,
    blocked: Blocked,
) -> Observation {
    Observation {
        probe: probe.name.clone(),
        cell: cell.row.clone(),
        slot,
        attempt: 1,
        superseded: false,
        lane,
        started: run.utc(),
        offset_us: microseconds(run.elapsed()),
        duration_us: 0,
        scheduling_delay_us: None,
        trial: None,
        observer: 0,
        facts: BTreeMap::new(),
        artifacts: BTreeMap::new(),
        excerpts: BTreeMap::new(),
        unknown: BTreeMap::from([("*".to_owned(), blocked)]),
    }
}

/// Cut to the microsecond.
pub fn to_microseconds(at: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

fn microseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}
