//! Machines that are made for trials and removed after them: by which commands, and who looks there.

use probity_diagnostic::Position;
use serde::Serialize;

use crate::observer::{Observer, Reach};
use crate::units::Span;

/// The observer that looks inside of a trial's machine, reached as `up` tells; its others are called `machine.NAME`.
pub const MACHINE: &str = "machine";

/// Where the name of a machine goes, in a command and in how an observer is reached: no argument of a program has it.
pub(crate) const HOLE: &str = "\0";

/// How machines of a kind are made and removed, each under a name that Probity chooses.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// Its name in the plan.
    pub name: String,
    pub(crate) up: Vec<String>,
    pub(crate) down: Vec<String>,
    /// How long either command may take.
    pub within: Span,
    /// Further ways to look at it, called `machine.NAME`, each with a place for the machine's name.
    pub(crate) observers: Vec<Observer>,
    /// Where it is declared.
    pub at: Position,
}

impl Machine {
    /// The command that makes one of this name.
    pub fn up(&self, name: &str) -> Vec<String> {
        named(&self.up, name)
    }
    /// The command that removes the one of this name.
    pub fn down(&self, name: &str) -> Vec<String> {
        named(&self.down, name)
    }
    /// Who looks at the one of this name, beside `machine`.
    pub fn observers(&self, name: &str) -> Vec<Observer> {
        let of = |observer: &Observer| Observer { reach: observer.reach.named(name), ..observer.clone() };
        self.observers.iter().map(of).collect()
    }
}

fn named(command: &[String], name: &str) -> Vec<String> {
    command.iter().map(|word| word.replace(HOLE, name)).collect()
}

impl Reach {
    /// The same with the name of a machine where it goes.
    pub(crate) fn named(&self, name: &str) -> Self {
        let fill = |text: &String| text.replace(HOLE, name);
        match self {
            Self::Pid(pid) => Self::Pid(*pid),
            Self::Container(container) => Self::Container(fill(container)),
            Self::Netns(netns) => Self::Netns(fill(netns)),
            Self::Ssh(ssh) => Self::Ssh(crate::Ssh { destination: fill(&ssh.destination), ..ssh.clone() }),
        }
    }
}

/// Probes that run together, again and again, each time on a machine of their own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrialGroup {
    /// Its name; its probes are called `NAME.PROBE`.
    pub name: String,
    /// The machine that each trial begins with.
    pub machine: String,
    /// How many trials.
    pub repeat: u32,
    /// How many of them side by side.
    pub at_once: u32,
    /// Where it is declared.
    #[serde(skip)]
    pub at: Position,
}
