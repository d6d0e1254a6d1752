//! One pass over the entries of a log that gathers what a report needs of them, with bounded memory but for the
//! observer's entries (one a minute) and events.

use jiff::Timestamp;

use probity_evidence::entry::{Event, Observer};
use probity_evidence::{Body, Start};
use probity_plan::{Observation, Plan};
use probity_verdict::Judgement;

use crate::contents::{Check, Contents};
use crate::series::{Series, SeriesCollector};

/// Takes in the entries of a log, in their order; [`Self::finish`] gives what [`Contents`] borrows.
#[derive(Debug)]
pub struct Gathering {
    collector: SeriesCollector,
    gathered: Gathered,
}

/// What a report needs of a log.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Entry 0.
    pub start: Option<Start>,
    /// When the run ended, from its closing entry, or as the run that is being closed says.
    pub ended: Option<Timestamp>,
    /// Why it ended before its plan did, from the same place.
    pub interrupted: Option<String>,
    /// How many entries there are but for the closing one.
    pub entries: u64,
    /// How many of them are observations.
    pub observations: u64,
    /// The observer's entries.
    pub observers: Vec<(u64, Observer)>,
    /// The events.
    pub events: Vec<(u64, Event)>,
    /// What is drawn.
    pub series: Vec<Series>,
    /// The observations of [`crate::wanted_entries`]: known only after judging, so filled by a second pass.
    pub telling: Vec<(u64, Observation)>,
}

impl Gathering {
    /// For a run of this plan, or for judging a run by this plan.
    pub fn new(plan: &Plan) -> Self {
        Self { collector: SeriesCollector::new(plan), gathered: Gathered::default() }
    }

    /// Takes in one entry.
    pub fn take(&mut self, entry: u64, body: &Body) {
        let gathered = &mut self.gathered;
        if !matches!(body, Body::Close(_)) {
            gathered.entries += 1;
        }
        match body {
            Body::Start(start) => gathered.start = Some(start.clone()),
            Body::Endorsement(_) => {}
            Body::Observer(observer) => gathered.observers.push((entry, observer.clone())),
            Body::Event(event) => gathered.events.push((entry, event.clone())),
            Body::Observation(observation) => {
                gathered.observations += 1;
                self.collector.observe(entry, observation);
            }
            Body::Close(close) => {
                gathered.ended = Some(close.ended);
                gathered.interrupted.clone_from(&close.interrupted);
            }
        }
    }

    /// What was gathered.
    pub fn finish(self) -> Gathered {
        Gathered { series: self.collector.finish(), ..self.gathered }
    }
}

impl Gathered {
    /// As contents of a report; nothing if the log has no first entry. `after_the_fact`, `unsigned` and so on are then
    /// set by the caller where they differ: `Contents { unsigned: 3, ..contents }`.
    pub fn contents<'a>(
        &'a self,
        bundle: &'a str,
        plan: &'a Plan,
        judgement: &'a Judgement,
        verification: Option<&'a [Check]>,
    ) -> Option<Contents<'a>> {
        Some(Contents {
            bundle,
            plan,
            judgement,
            after_the_fact: false,
            start: self.start.as_ref()?,
            ended: self.ended,
            interrupted: self.interrupted.as_deref(),
            entries: self.entries,
            observations: self.observations,
            unsigned: 0,
            observers: &self.observers,
            events: &self.events,
            series: &self.series,
            telling: &self.telling,
            verification,
        })
    }
}
