//! What the plan asks for: which observations a run of it can have yielded. Must not know what is claimed of them.
//!
//! Who holds the key can invent a log, but not trials beyond those planned: what no run of the plan yields counts nowhere,
//! and nothing holds beside it.

use std::collections::BTreeMap;

use probity_plan::{Introduction, Observation, Plan, Probe, Value};

use super::ranges::Ranges;

/// The looks that a plan asks for, and those of them that were seen.
#[derive(Clone)]
pub(super) struct Asked<'p> {
    plan: &'p Plan,
    probes: BTreeMap<&'p str, Looks<'p>>,
    /// The names of those who look from elsewhere, by their number.
    introduced: BTreeMap<u32, String>,
    /// How many observations were not asked for, and the entry of the first.
    unasked: Option<(u64, u64)>,
}

#[derive(Clone)]
struct Looks<'p> {
    probe: &'p Probe,
    cells: Cells,
    /// Slots of which the last attempt was seen, by cell.
    seen: Vec<Ranges>,
}

/// The cells of a probe by their row.
#[derive(Clone)]
pub(super) struct Cells(BTreeMap<String, usize>);

impl Cells {
    pub(super) fn of(probe: &Probe) -> Self {
        Self(probe.cells.iter().enumerate().map(|(at, cell)| (key(&cell.row), at)).collect())
    }

    /// The cell of a row; `None` if the plan has no such row.
    pub(super) fn find(&self, row: &BTreeMap<String, Value>) -> Option<usize> {
        self.0.get(&key(row)).copied()
    }
}

/// A row as text: different rows give different texts, also `1` and `"1"`.
fn key(row: &BTreeMap<String, Value>) -> String {
    if row.is_empty() { String::new() } else { serde_json::to_string(row).unwrap_or_default() }
}

impl<'p> Asked<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let looks = |probe: &'p Probe| {
            let seen = vec![Ranges::default(); probe.cells.len()];
            (probe.name.as_str(), Looks { probe, cells: Cells::of(probe), seen })
        };
        Self {
            plan,
            probes: plan.probes.iter().map(looks).collect(),
            introduced: BTreeMap::new(),
            unasked: None,
        }
    }

    /// From now on there may be observations by this number: who introduces themselves as the plan has them. A number is given
    /// once.
    pub(super) fn introduce(&mut self, id: u32, who: &Introduction) {
        let planned = self.plan.observer(&who.name).is_some_and(|observer| observer.reach == who.reach);
        if planned && id != 0 {
            self.introduced.entry(id).or_insert_with(|| who.name.clone());
        }
    }

    /// Whether a run of the plan can have yielded this beside what came before: a look of a probe and a row of the plan, in
    /// a slot it has, with one last attempt a slot, and with further attempts only where the plan asks for them (`until`).
    /// The cell of its row, if so.
    pub(super) fn admit(&mut self, entry: u64, observation: &Observation) -> Option<usize> {
        let by = self.introduced.get(&observation.observer).map(String::as_str);
        let looks = self.probes.get_mut(observation.probe.as_str());
        let cell = looks.and_then(|looks| looks.admit(observation, by));
        if cell.is_none() {
            let (count, first) = self.unasked.unwrap_or((0, entry));
            self.unasked = Some((count + 1, first));
        }
        cell
    }

    /// How many observations were not asked for, and the entry of the first.
    pub(super) fn unasked(&self) -> Option<(u64, u64)> {
        self.unasked
    }
}

impl Looks<'_> {
    /// `by`: the name of whom it says that it is by, if that is somebody elsewhere who was introduced.
    fn admit(&mut self, observation: &Observation, by: Option<&str>) -> Option<usize> {
        // A plan has no trials yet: once it has, `seen` is by trial too.
        if observation.trial.is_some() {
            return None;
        }
        let right_one = match observation.observer {
            // Of what is to be seen from elsewhere the program itself says only that it was not.
            0 => self.probe.on.is_none() || observation.facts.is_empty(),
            _ => by.is_some() && by == self.probe.on.as_deref(),
        };
        if !right_one {
            return None;
        }
        let again = observation.superseded || observation.attempt != 1;
        if observation.slot >= self.probe.planned() || (again && self.probe.schedule.until.is_none()) {
            return None;
        }
        let cell = self.cells.find(&observation.cell)?;
        (observation.superseded || self.seen[cell].add(observation.slot.into())).then_some(cell)
    }
}
