//! What the plan asks for: which observations a run of it can have yielded. Must not know what is claimed of them.
//!
//! Who holds the key can invent a log, but not trials beyond those planned: what no run of the plan yields counts nowhere,
//! and nothing holds beside it.

use std::collections::BTreeMap;

use probity_plan::{Observation, Plan, Probe, Value};

use super::ranges::Ranges;

/// The looks that a plan asks for, and those of them that were seen.
pub(super) struct Asked<'p> {
    probes: BTreeMap<&'p str, Looks<'p>>,
    /// How many observations were not asked for, and the entry of the first.
    unasked: Option<(u64, u64)>,
}

struct Looks<'p> {
    probe: &'p Probe,
    cells: Cells,
    /// Slots of which the last attempt was seen, by cell.
    seen: Vec<Ranges>,
}

/// The cells of a probe by their row.
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
        Self { probes: plan.probes.iter().map(looks).collect(), unasked: None }
    }

    /// Whether a run of the plan can have yielded this beside what came before: a look of a probe and a row of the plan, in
    /// a slot it has, with one last attempt a slot, and with further attempts only where the plan asks for them (`until`).
    /// The cell of its row, if so.
    pub(super) fn admit(&mut self, entry: u64, observation: &Observation) -> Option<usize> {
        let looks = self.probes.get_mut(observation.probe.as_str());
        let cell = looks.and_then(|looks| looks.admit(observation));
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
    fn admit(&mut self, observation: &Observation) -> Option<usize> {
        // A plan has no trials yet and no observer but the program itself: once it has, `seen` is by trial too.
        if observation.trial.is_some() || observation.observer != 0 {
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
