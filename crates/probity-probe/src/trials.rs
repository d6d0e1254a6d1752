//! Runs trials: each begins with a machine of its own, which is removed after it, whatever happens.
//!
//! Must not know: how machines are made.

use std::sync::atomic::{AtomicU32, Ordering};

use probity_plan::{
    Blocked, Cause, Happening, MACHINE, Machine, Observer, OfMachine, Probe, Trial, TrialGroup,
};

use crate::crew::Job;
use crate::desk::Desk;
use crate::run::Runner;
use crate::schedule::stages;

/// So much of what a run is called is in the names of its machines.
const RUN_LENGTH: usize = 8;

impl Runner<'_> {
    /// Runs the trials of a group, the one that has this ordinal among those of the plan.
    pub(crate) async fn run_trials(&self, ordinal: u32, group: &TrialGroup, desk: &Desk) {
        let probes: &[&Probe] = &self.plan.probes_of(Some(&group.name)).collect::<Vec<_>>();
        let next = &AtomicU32::new(0);
        let job = |_| -> Job<'_> {
            let desk = desk.clone();
            Box::new(move || {
                Box::pin(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= group.repeat {
                            return;
                        }
                        let run = self.run.get(..RUN_LENGTH).unwrap_or(self.run);
                        let machine = format!("probity-{run}-{ordinal}-{number}");
                        let trial = Trial { name: group.name.clone(), number, machine };
                        self.run_trial(&trial, group, probes, &desk).await;
                    }
                })
            })
        };
        self.crew.beside((0..group.at_once).map(job).collect(), &|error| self.no_runtime(&error)).await;
    }

    async fn run_trial(&self, trial: &Trial, group: &TrialGroup, probes: &[&Probe], desk: &Desk) {
        let bar = |why: &str| {
            let cause = Cause::NoMachine { machine: group.machine.clone(), why: self.secrets.mask(why) };
            let blocked = Blocked::by(cause);
            for stage in stages(probes, self.timed) {
                for probe in stage.probes {
                    let why = self.held_back(probe).unwrap_or_else(|| blocked.clone());
                    self.bar(probe, Some(trial), stage.lane, &why, desk);
                }
            }
        };
        // For looks that are not made no machine is made.
        if probes.iter().all(|probe| self.held_back(probe).is_some()) {
            return bar("");
        }
        let Some(machine) = self.plan.machine(&group.machine) else { return bar("the plan has none") };
        if let Err(why) = self.machines.write_down(machine, trial) {
            return bar(&why);
        }
        match self.make(machine, trial, desk).await {
            Ok(observers) => {
                self.observe.enter(trial, observers);
                self.run_stages(probes, Some(trial), desk).await;
                self.observe.leave(trial);
            }
            Err(why) => bar(&why),
        }
        // However far it had come, and even if it can no longer be recorded.
        let removed = self.machines.down(machine, trial).await;
        desk.event(Happening::Down(self.masked(removed)));
        desk.settled().await;
    }

    /// Makes a machine; who looks at it, or why there is none.
    async fn make(&self, machine: &Machine, trial: &Trial, desk: &Desk) -> Result<Vec<Observer>, String> {
        let (what, reach) = tokio::select! {
            made = self.machines.up(machine, trial) => made,
            reason = self.stop.requested() => {
                let command = machine.up(&trial.machine).join(" ");
                let detail = reason.to_string();
                (OfMachine { trial: trial.clone(), command, exit_code: None, detail }, None)
            }
        };
        let why = what.outcome();
        desk.event(Happening::Up(self.masked(what)));
        desk.settled().await;
        let itself = reach.map(|reach| Observer { name: MACHINE.to_owned(), reach, at: machine.at.clone() });
        let itself = itself.ok_or(why)?;
        Ok(machine.observers(&trial.machine).into_iter().chain([itself]).collect())
    }

    fn masked(&self, what: OfMachine) -> OfMachine {
        let (command, detail) = (self.secrets.mask(&what.command), self.secrets.mask(&what.detail));
        OfMachine { command, detail, ..what }
    }
}
