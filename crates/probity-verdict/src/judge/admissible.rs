//! What the plan asks for: which observations a run of it can have yielded. Must not know what is claimed of them.
//!
//! Who holds the key can invent a log, but not trials beyond those planned: what no run of the plan yields counts nowhere,
//! and nothing holds beside it.

use std::collections::{BTreeMap, BTreeSet};

use probity_plan::{Happening, Introduction, MACHINE, Observation, Plan, Probe, Trial, Value};

use super::ranges::Ranges;

/// The looks that a plan asks for, and those of them that were seen.
#[derive(Clone)]
pub(super) struct AdmissibleLooks<'p> {
    plan: &'p Plan,
    probes: BTreeMap<&'p str, Looks<'p>>,
    /// The names of those who look from elsewhere, by their number, with the trial to whose machine they belong.
    introduced: BTreeMap<u32, (String, Option<Trial>)>,
    trials: Trials,
    /// How many entries were not asked for, and the first.
    unasked: Option<(u64, u64)>,
}

#[derive(Clone)]
struct Looks<'p> {
    probe: &'p Probe,
    cells: Cells,
    /// Slots of which the last attempt was seen, by cell.
    seen: Vec<Ranges>,
}

/// The trials that there were.
#[derive(Clone, Default)]
struct Trials {
    /// The names of their machines, each of which has one and shares it with none.
    machines: BTreeMap<(String, u32), String>,
    named: BTreeSet<String>,
    /// Those whose machine was made.
    made: BTreeSet<Trial>,
}

impl Trials {
    /// Whether it is one of those that the plan asks for.
    fn know(&mut self, plan: &Plan, trial: &Trial) -> bool {
        let planned = plan.trials_of(&trial.name).is_some_and(|group| trial.number < group.repeat);
        if !planned {
            return false;
        }
        let key = (trial.name.clone(), trial.number);
        match self.machines.get(&key) {
            Some(machine) => *machine == trial.machine,
            None => {
                let new = self.named.insert(trial.machine.clone());
                if new {
                    self.machines.insert(key, trial.machine.clone());
                }
                new
            }
        }
    }
}

/// Where an observation belongs.
#[derive(Clone, Copy)]
pub(super) struct Admitted {
    /// The row of the matrix.
    pub(super) row: usize,
    /// The number of the trial; 0 outside of trials.
    pub(super) trial: u32,
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

impl<'p> AdmissibleLooks<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let looks = |probe: &'p Probe| {
            let seen = vec![Ranges::default(); probe.cells.len()];
            (probe.name.as_str(), Looks { probe, cells: Cells::of(probe), seen })
        };
        Self {
            plan,
            probes: plan.probes.iter().map(looks).collect(),
            introduced: BTreeMap::new(),
            trials: Trials::default(),
            unasked: None,
        }
    }

    /// From now on there may be observations by this number: who introduces themselves as the plan has them. A number is given
    /// once.
    pub(super) fn introduce(&mut self, id: u32, who: &Introduction) {
        let planned = match &who.trial {
            None => self.plan.observer(&who.name).is_some_and(|observer| observer.reach == who.reach),
            Some(trial) => self.trials.made.contains(trial) && self.looks_at_machine(who, trial),
        };
        if planned && id != 0 {
            self.introduced.entry(id).or_insert_with(|| (who.name.clone(), who.trial.clone()));
        }
    }

    fn looks_at_machine(&self, who: &Introduction, trial: &Trial) -> bool {
        let machine = self.plan.trials_of(&trial.name).and_then(|group| self.plan.machine(&group.machine));
        // How the machine itself is reached `up` alone says.
        who.name == MACHINE
            || machine.is_some_and(|machine| {
                let mut others = machine.observers(&trial.machine).into_iter();
                others.any(|other| other.name == who.name && other.reach == who.reach)
            })
    }

    /// Takes something that befell the run into account.
    pub(super) fn happened(&mut self, entry: u64, what: &Happening) {
        let asked = match what {
            Happening::Undo { .. } => true,
            Happening::Up(up) => {
                let new = !self.trials.machines.contains_key(&(up.trial.name.clone(), up.trial.number));
                let known = new && self.trials.know(self.plan, &up.trial);
                if known && up.is_done() {
                    self.trials.made.insert(up.trial.clone());
                }
                known
            }
            Happening::Down(down) => {
                // Nobody looks at it after that.
                self.trials.made.remove(&down.trial);
                self.trials.know(self.plan, &down.trial)
            }
        };
        if !asked {
            self.note(entry);
        }
    }

    fn note(&mut self, entry: u64) {
        let (count, first) = self.unasked.unwrap_or((0, entry));
        self.unasked = Some((count + 1, first));
    }

    /// Whether a run of the plan can have yielded this beside what came before: a look of a probe and a row of the plan, in
    /// a slot it has, with one last attempt a slot, and with further attempts only where the plan asks for them (`until`).
    /// In a trial it is one of those planned, and where something was seen its machine was made before. Where it belongs, if so.
    pub(super) fn admit(&mut self, entry: u64, observation: &Observation) -> Option<Admitted> {
        let by = self.introduced.get(&observation.observer);
        let known = observation.trial.as_ref().is_none_or(|trial| {
            self.trials.know(self.plan, trial)
                && (!observation.was_made() || self.trials.made.contains(trial))
        });
        let looks = self.probes.get_mut(observation.probe.as_str()).filter(|_| known);
        let admitted = looks.and_then(|looks| looks.admit(observation, by));
        if admitted.is_none() {
            self.note(entry);
        }
        admitted
    }

    /// How many entries were not asked for, and the entry of the first.
    pub(super) fn unasked(&self) -> Option<(u64, u64)> {
        self.unasked
    }
}

impl Looks<'_> {
    /// `by`: whom it says that it is by, if that is somebody elsewhere who was introduced.
    fn admit(&mut self, observation: &Observation, by: Option<&(String, Option<Trial>)>) -> Option<Admitted> {
        let trial = observation.trial.as_ref();
        if trial.map(|trial| &trial.name) != self.probe.trial.as_ref().map(|group| &group.name) {
            return None;
        }
        let right_one = match (observation.observer, by) {
            // Of what is to be seen from elsewhere the program itself says only that it was not.
            (0, _) => self.probe.on.is_none() || observation.facts.is_empty(),
            (_, Some((name, of))) => {
                self.probe.on.as_ref() == Some(name) && of.as_ref().is_none_or(|of| trial == Some(of))
            }
            (_, None) => false,
        };
        if !right_one {
            return None;
        }
        let again = observation.superseded || observation.attempt != 1;
        let slots = self.probe.schedule.slots();
        if observation.slot >= slots || (again && self.probe.schedule.until.is_none()) {
            return None;
        }
        let (row, trial) = (self.cells.find(&observation.cell)?, trial.map_or(0, |trial| trial.number));
        let look = u64::from(trial) * u64::from(slots) + u64::from(observation.slot);
        (observation.superseded || self.seen[row].add(look)).then_some(Admitted { row, trial })
    }
}
