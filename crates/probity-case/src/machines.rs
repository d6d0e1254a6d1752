//! The machines of trials: each is written down before it is made, removed after its trial, and struck then; what a run left over that
//! was killed is removed by whoever comes next.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use probity_evidence::machines::{LockedNote, Note, Notes, Standing};
use probity_plan::{Machine, OfMachine, Reach, Trial};
use probity_probe::machine::{Came, Machines, Process, end_makers, folder, run, run_now};

/// Makes machines for one run.
pub(crate) struct Maker<'a> {
    notes: Option<&'a Notes>,
    run: &'a str,
    held: Mutex<BTreeMap<String, LockedNote>>,
    /// The first processes of those that were made.
    made: Mutex<Vec<Process>>,
}

type Running<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl<'a> Maker<'a> {
    /// For the run of this id.
    pub(crate) const fn new(notes: Option<&'a Notes>, run: &'a str) -> Self {
        Self { notes, run, held: Mutex::new(BTreeMap::new()), made: Mutex::new(Vec::new()) }
    }

    /// A machine for each trial: one that an earlier trial had is none that was made.
    fn another(&self, reach: Reach) -> Result<Reach, String> {
        if let Reach::Pid(pid) = reach {
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            let process = Process::now(pid);
            if made.contains(&process) {
                return Err(format!("process {pid} is the machine of another trial of this run already"));
            }
            made.push(process);
        }
        Ok(reach)
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, LockedNote>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machines for Maker<'_> {
    fn write_down(&self, machine: &Machine, trial: &Trial) -> Result<(), String> {
        let failed = |error| format!("its name cannot be written down: {error}");
        let notes = self.notes.ok_or_else(|| failed("there is no place for that".to_owned()))?;
        let note = Note {
            format: 1,
            machine: trial.machine.clone(),
            run: self.run.to_owned(),
            process: std::process::id(),
            down: machine.down(&trial.machine),
            folder: folder().map_err(|error| failed(error.to_string()))?,
            within: machine.within,
        };
        let held = notes.write_down(&note).map_err(|error| failed(error.to_string()))?;
        self.held().insert(trial.machine.clone(), held);
        Ok(())
    }

    fn up<'a>(&'a self, machine: &'a Machine, trial: &'a Trial) -> Running<'a, (OfMachine, Option<Reach>)> {
        Box::pin(async move {
            let command = machine.up(&trial.machine);
            let came = run(&command, &trial.machine, machine.within, None).await;
            let reach = if came.exit_code == Some(0) {
                came.reach().and_then(|reach| self.another(reach)).map(Some)
            } else {
                Ok(None)
            };
            let mut what = of_machine(trial, &command, came);
            let reach = reach.unwrap_or_else(|why| {
                what.detail = why;
                None
            });
            (what, reach)
        })
    }

    fn down<'a>(&'a self, machine: &'a Machine, trial: &'a Trial) -> Running<'a, OfMachine> {
        Box::pin(async move {
            let command = machine.down(&trial.machine);
            let came = run(&command, &trial.machine, machine.within, None).await;
            let mut what = of_machine(trial, &command, came);
            let held = self.held().remove(&trial.machine);
            if what.is_done()
                && let Some(Err(error)) = held.map(LockedNote::strike)
            {
                what.detail = format!("its name is still written down: {error}");
            }
            what
        })
    }
}

fn of_machine(trial: &Trial, command: &[String], came: Came) -> OfMachine {
    let Came { exit_code, detail, .. } = came;
    OfMachine { trial: trial.clone(), command: command.join(" "), exit_code, detail }
}

/// What was done about a machine that is written down.
pub enum Cleaned {
    /// Its run lives: it was left alone.
    Alive(Note),
    /// It is removed.
    Removed(Note),
    /// It could not be, and why.
    Failed(Note, String),
    /// What stands there is no note, and why.
    Strange(PathBuf, String),
}

impl Cleaned {
    /// Whether something is left that should not be.
    pub const fn is_left(&self) -> bool {
        matches!(self, Self::Failed(..) | Self::Strange(..))
    }
}

impl fmt::Display for Cleaned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alive(Note { machine, run, process, .. }) => {
                write!(f, "{machine}: left alone, its run {run} (process {process}) goes on")
            }
            Self::Removed(Note { machine, run, down, .. }) => {
                write!(f, "{machine}: left over of run {run}, removed by {}", down.join(" "))
            }
            Self::Failed(Note { machine, run, down, .. }, why) => {
                write!(f, "{machine}: left over of run {run}, NOT removed by {}: {why}", down.join(" "))
            }
            Self::Strange(path, why) => write!(f, "{}: no note of a machine: {why}", path.display()),
        }
    }
}

/// Removes what runs left over that live no more.
///
/// # Errors
/// If what is written down cannot be read.
pub fn clean(notes: &Notes) -> std::io::Result<Vec<Cleaned>> {
    Ok(notes.read()?.into_iter().map(clean_one).collect())
}

fn clean_one(standing: Standing) -> Cleaned {
    let (note, held) = match standing {
        Standing::Alive(note) => return Cleaned::Alive(note),
        Standing::Strange(path, why) => return Cleaned::Strange(path, why),
        Standing::LeftOver(note, held) => (note, held),
    };
    end_makers(&note.machine);
    let removed = match run_now(&note.down, &note.machine, note.within, &note.folder) {
        Err(error) => Err(error.to_string()),
        Ok(Came { exit_code: Some(0), .. }) => {
            held.strike().map_err(|error| format!("its name is still written down: {error}"))
        }
        Ok(Came { exit_code, detail, .. }) => {
            Err(exit_code.map_or(detail.clone(), |code| format!("exit code {code}: {detail}")))
        }
    };
    match removed {
        Ok(()) => Cleaned::Removed(note),
        Err(why) => Cleaned::Failed(note, why),
    }
}
