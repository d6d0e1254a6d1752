//! What runs make and remove again: the machines of their trials, and copies of the program on other machines. Each is written down
//! before it is made, and struck once it is removed; what a run left over that was killed is removed by whoever comes next.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use probity_evidence::left_over::{LockedNote, Note, Notes, Standing};
use probity_plan::units::Span;
use probity_plan::{Machine, OfMachine, Reach, Trial};
use probity_probe::machine::{CommandResult, Machines, Process, end_makers, folder, run, run_now};
use probity_probe::observer::Copies;

/// How long the removal of a copy may take that is made later.
const MAX_REMOVAL: Span = Span(Duration::from_secs(60));

/// Makes machines for one run, and keeps in mind what it copied.
pub struct Maker<'a> {
    notes: Option<&'a Notes>,
    run: &'a str,
    held: Mutex<BTreeMap<String, LockedNote>>,
    /// The first processes of those that were made.
    made: Mutex<Vec<Process>>,
}

type Running<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl<'a> Maker<'a> {
    /// For the run of this id.
    pub const fn new(notes: Option<&'a Notes>, run: &'a str) -> Self {
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

    /// Writes down what is about to be made, and by which command it is removed.
    fn note(&self, name: &str, down: Vec<String>, within: Span) -> io::Result<()> {
        let no_place = || io::Error::other("there is no place for that: set HOME or XDG_STATE_HOME");
        let notes = self.notes.ok_or_else(no_place)?;
        let (run, process) = (self.run.to_owned(), std::process::id());
        let note = Note { format: 1, name: name.to_owned(), run, process, down, folder: folder()?, within };
        let held = notes.write_down(&note)?;
        self.held().insert(note.name, held);
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, LockedNote>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machines for Maker<'_> {
    fn write_down(&self, machine: &Machine, trial: &Trial) -> Result<(), String> {
        self.note(&trial.machine, machine.down(&trial.machine), machine.within)
            .map_err(|error| format!("its name cannot be written down: {error}"))
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

impl Copies for Maker<'_> {
    fn write_down(&self, name: &str, removal: Vec<String>) -> io::Result<()> {
        self.note(name, removal, MAX_REMOVAL)
    }

    fn strike(&self, name: &str) {
        // One that stays leads to a removal of nothing.
        _ = self.held().remove(name).map(LockedNote::strike);
    }
}

fn of_machine(trial: &Trial, command: &[String], came: CommandResult) -> OfMachine {
    let CommandResult { exit_code, detail, .. } = came;
    OfMachine { trial: trial.clone(), command: command.join(" "), exit_code, detail }
}

/// What was done about something that is written down.
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
            Self::Alive(Note { name, run, process, .. }) => {
                write!(f, "{name}: left alone, its run {run} (process {process}) goes on")
            }
            Self::Removed(Note { name, run, down, .. }) => {
                write!(f, "{name}: left over of run {run}, removed by {}", down.join(" "))
            }
            Self::Failed(Note { name, run, down, .. }, why) => {
                write!(f, "{name}: left over of run {run}, NOT removed by {}: {why}", down.join(" "))
            }
            Self::Strange(path, why) => write!(f, "{}: no note of what is left over: {why}", path.display()),
        }
    }
}

/// Removes what runs left over that live no more.
///
/// # Errors
/// If what is written down cannot be read.
pub fn clean(notes: &Notes) -> io::Result<Vec<Cleaned>> {
    Ok(notes.read()?.into_iter().map(clean_one).collect())
}

fn clean_one(standing: Standing) -> Cleaned {
    let (note, held) = match standing {
        Standing::Alive(note) => return Cleaned::Alive(note),
        Standing::Strange(path, why) => return Cleaned::Strange(path, why),
        Standing::LeftOver(note, held) => (note, held),
    };
    end_makers(&note.name);
    let removed = match run_now(&note.down, &note.name, note.within, &note.folder) {
        Err(error) => Err(error.to_string()),
        Ok(CommandResult { exit_code: Some(0), .. }) => {
            held.strike().map_err(|error| format!("its name is still written down: {error}"))
        }
        Ok(CommandResult { exit_code, detail, .. }) => {
            Err(exit_code.map_or(detail.clone(), |code| format!("exit code {code}: {detail}")))
        }
    };
    match removed {
        Ok(()) => Cleaned::Removed(note),
        Err(why) => Cleaned::Failed(note, why),
    }
}
