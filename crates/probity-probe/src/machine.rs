//! Machines for trials: who makes them, and the commands by which that is done, each run to its end or its time-out.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use probity_plan::units::Span;
use probity_plan::{Machine, OfMachine, Reach, Trial};

use crate::program::{self, Output, Program};

/// The variable in which the commands are given the name of the machine.
const OF_MACHINE: &str = "PROBITY_MACHINE";
/// What of the operator's environment they are given.
const OF_OPERATOR: [&str; 7] =
    ["HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "DOCKER_HOST", "CONTAINER_HOST"];
/// So much of what a command complains of is kept, in bytes: the end of it.
const MAX_COMPLAINT: usize = 2 << 10;
/// The most that `up` may print, in bytes.
const MAX_PRINTED: u64 = 64 << 10;

/// Somebody who makes machines for trials and removes them.
pub trait Machines: Sync {
    /// Writes down that a machine is about to be made, so that it is removed whatever happens.
    ///
    /// # Errors
    /// Why that cannot be: then none is made.
    fn write_down(&self, machine: &Machine, trial: &Trial) -> Result<(), String>;
    /// Makes one, and says how it is reached if all went well. Dropped, it ends what makes it.
    fn up<'a>(
        &'a self,
        machine: &'a Machine,
        trial: &'a Trial,
    ) -> LocalBoxFuture<'a, (OfMachine, Option<Reach>)>;
    /// Removes it, however far it came; where that went well what was written down is struck.
    fn down<'a>(&'a self, machine: &'a Machine, trial: &'a Trial) -> LocalBoxFuture<'a, OfMachine>;
}

/// What came of a command.
#[derive(Debug)]
pub struct CommandResult {
    /// Its exit status; absent if it did not end by itself.
    pub exit_code: Option<i64>,
    /// What it complained of, if it did not succeed.
    pub detail: String,
    stdout: Output,
}

/// Runs a command that makes or removes the machine of this name, in this folder.
pub async fn run(command: &[String], name: &str, within: Span, folder: Option<&Path>) -> CommandResult {
    let of_operator =
        OF_OPERATOR.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let env: BTreeMap<String, String> =
        of_operator.chain([(OF_MACHINE.to_owned(), name.to_owned())]).collect();
    let program = Program { arguments: command, stdin: None, env: &env, folder };
    match program::run(&program, tokio::time::Instant::now() + within.0).await {
        Err(error) => CommandResult {
            exit_code: None,
            detail: format!("it could not be started: {error}"),
            stdout: Output::default(),
        },
        Ok(ended) => {
            let complaint = end_of(&ended.stderr.bytes);
            let exit_code = ended.status.and_then(|status| status.code()).map(i64::from);
            let detail = match ended.status {
                Some(status) if status.success() => String::new(),
                Some(status) if status.code().is_none() => format!("{status}: {complaint}"),
                Some(_) => complaint,
                None => format!("it was ended: it was not over within {within}: {complaint}"),
            };
            let detail = detail.trim_end_matches(": ").to_owned();
            CommandResult { exit_code, detail, stdout: ended.stdout }
        }
    }
}

/// The same for somebody who does nothing else meanwhile.
///
/// # Errors
/// If the system has no resources for it.
pub fn run_now(
    command: &[String],
    name: &str,
    within: Span,
    folder: &Path,
) -> std::io::Result<CommandResult> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let came = runtime.block_on(run(command, name, within, Some(folder)));
    runtime.shutdown_timeout(Duration::ZERO);
    Ok(came)
}

impl CommandResult {
    /// How the machine is reached that it made, by what it printed.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn reach(&self) -> Result<Reach, String> {
        let printed = String::from_utf8_lossy(&self.stdout.bytes);
        let shown: String = printed.trim().chars().take(200).collect();
        let wrong = |why: String| {
            format!(
                "it has to print how the machine is reached, such as {{\"pid\": 4242}}, and it printed `{shown}`: {why}"
            )
        };
        if self.stdout.total > MAX_PRINTED {
            return Err(wrong(format!("more than {MAX_PRINTED} bytes")));
        }
        let reach = Reach::printed(&printed).map_err(wrong)?;
        match reach {
            Reach::Pid(pid) => Process::check_apart(pid).map_err(wrong).map(|()| reach),
            Reach::Netns(name) => Err(wrong(format!(
                "a network namespace such as `{name}` has the files and processes of this machine, to which would be done what a trial does"
            ))),
            reach => Ok(reach),
        }
    }
}

/// The end of a text that people read.
fn end_of(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(MAX_COMPLAINT);
    String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).trim().to_owned()
}

/// A process, and no other one that has its number later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    pid: u32,
    /// In clock ticks since the boot; absent if it has ended.
    started: Option<u64>,
}

impl Process {
    /// The one that has this number now.
    pub fn now(pid: u32) -> Self {
        let process = i32::try_from(pid).ok().and_then(|pid| procfs::process::Process::new(pid).ok());
        let stat = process.and_then(|process| process.stat().ok());
        let living = stat.filter(|stat| !matches!(stat.state, 'Z' | 'X' | 'x'));
        Self { pid, started: living.map(|stat| stat.starttime) }
    }

    /// Whether it is still there.
    pub(crate) fn is_there(self) -> bool {
        self.started.is_some() && Self::now(self.pid) == self
    }

    /// Why nobody can look from it, if nobody can.
    pub(crate) fn why_gone(self) -> Option<String> {
        let why = match self.started {
            Some(_) => format!("process {}, from which to look, has ended", self.pid),
            None => format!("there is no process {} to look from", self.pid),
        };
        (!self.is_there()).then_some(why)
    }

    /// That it is there, at files that are not our own: what a trial does would be done to this machine.
    pub(crate) fn check_apart(pid: u32) -> Result<(), String> {
        if !Self::now(pid).is_there() {
            return Err(format!("there is no process {pid}"));
        }
        let files = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt"));
        let own = files("self").map_err(|error| format!("our own namespaces cannot be read: {error}"))?;
        match files(&pid.to_string()) {
            Err(error) => Err(format!("the namespaces of process {pid} cannot be read: {error}")),
            Ok(theirs) if theirs == own => {
                Err(format!("process {pid} is in no mount namespace of its own, so that is this machine"))
            }
            Ok(_) => Ok(()),
        }
    }
}

/// Ends a command that still makes the machine of this name, for a run that was killed meanwhile: it would go on beside what removes it.
pub fn end_makers(name: &str) {
    let mark = format!("{OF_MACHINE}={name}\0").into_bytes();
    for process in procfs::process::all_processes().into_iter().flatten().filter_map(Result::ok) {
        let Ok(stat) = process.stat() else { continue };
        // It leads the group that it was started in, and no session: that is what the machine itself may have made its own.
        let leads = stat.pid == stat.pgrp && stat.session != stat.pid;
        let environment = || std::fs::read(format!("/proc/{}/environ", stat.pid)).unwrap_or_default();
        if leads
            && environment().windows(mark.len()).any(|window| window == mark)
            && let Some(group) = rustix::process::Pid::from_raw(stat.pid)
        {
            _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// The folder in which commands run.
///
/// # Errors
/// If it is gone.
pub fn folder() -> std::io::Result<std::path::PathBuf> {
    std::env::current_dir()
}
