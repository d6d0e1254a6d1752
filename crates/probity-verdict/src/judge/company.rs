//! What runs beside something says nothing of it where that was not done: looks of probes with `with`, and those that they accompany.
//!
//! Must not know: what a claim makes of an observation.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::{Cause, Observation, Plan, Probe};

/// A probe and the number of its trial, 0 where there is none.
type Place<'p> = (&'p str, u32);

/// The looks that are to be beside others, and those others.
#[derive(Clone, Default)]
pub(super) struct Company<'p> {
    /// The accompanied probes, by those that run with them.
    with: BTreeMap<&'p str, &'p str>,
    /// Where probes saw something beside the probe that they run with.
    beside: BTreeSet<Place<'p>>,
    /// Where accompanied probes looked.
    made: BTreeSet<Place<'p>>,
    /// Where an accompanied probe could not look, and the first entry that says so.
    failed: BTreeMap<Place<'p>, u64>,
}

/// That a probe did not do what another one runs with, each time that the other one looked.
pub(super) struct Absence {
    pub(super) act: String,
    /// The first entry that says that it was not done; none where no entry says anything of it.
    pub(super) entry: Option<u64>,
}

impl<'p> Company<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let pair = |probe: &'p Probe| Some((probe.name.as_str(), probe.with.as_deref()?));
        Self { with: plan.probes.iter().filter_map(pair).collect(), ..Self::default() }
    }

    /// Takes an observation into account that a run of the plan can have yielded.
    pub(super) fn observe(&mut self, entry: u64, observation: &Observation) {
        let number = observation.trial.as_ref().map_or(0, |trial| trial.number);
        for (companion, act) in &self.with {
            if *companion == observation.probe && observation.was_made() {
                self.beside.insert((companion, number));
            } else if *act == observation.probe && observation.was_made() {
                self.made.insert((act, number));
            } else if *act == observation.probe && !is_missed(observation) {
                self.failed.entry((act, number)).or_insert(entry);
            }
        }
    }

    /// What the looks of this probe were to be beside and were not; nothing where they were, or are not to be beside anything.
    pub(super) fn lacks(&self, probe: &str) -> Option<Absence> {
        let act = *self.with.get(probe)?;
        let mut looks = self.beside.iter().filter(|(name, _)| *name == probe);
        looks.find_map(|(_, number)| {
            let failed = self.failed.get(&(act, *number)).copied();
            let absent = failed.is_some() || !self.made.contains(&(act, *number));
            absent.then(|| Absence { act: act.to_owned(), entry: failed })
        })
    }
}

/// Whether a slot was passed over because the look before it lasted through it.
fn is_missed(observation: &Observation) -> bool {
    observation.unknown.values().any(|blocked| blocked.cause == Some(Cause::SlotMissed))
}
