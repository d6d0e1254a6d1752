//! Servers of `lab/`, each started by its script and ended with the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use serde_json::Value;

/// Nothing here takes so long on a machine that is not stuck.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The folder `lab/`, if the environment says that its servers are built.
fn folder() -> Option<PathBuf> {
    std::env::var_os("FABRIC_LAB").map(PathBuf::from)
}

/// Whether there are real servers; where not, says that the test was skipped.
pub fn is_here() -> bool {
    let here = folder();
    match &here {
        Some(here) => {
            assert!(here.join("netbox/start").is_file(), "FABRIC_LAB names no lab: {}", here.display());
        }
        None => eprintln!("SKIPPED: FABRIC_LAB names no lab (make test-fabric builds its servers)"),
    }
    here.is_some()
}

/// Servers that a script of the lab runs.
pub struct Servers {
    child: Child,
    output: BufReader<ChildStdout>,
    /// What the script said of them.
    pub told: Value,
}

impl Servers {
    /// Runs a script below `lab/` and waits until its servers are ready.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(folder().unwrap().join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let Ok(told) = serde_json::from_str(&line) else {
            child.wait().unwrap();
            panic!("{script} did not start: it says why above")
        };
        Self { child, output, told }
    }

    /// Sends the script a line and waits for its answer.
    pub fn command(&mut self, line: &str) {
        writeln!(self.child.stdin.as_ref().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "done", "`{line}`: the script says why above");
    }

    pub fn text(&self, pointer: &str) -> String {
        let told = self.told.pointer(pointer).and_then(Value::as_str);
        told.unwrap_or_else(|| panic!("the lab tells no {pointer}")).to_owned()
    }

    fn process(&self, name: &str) -> Pid {
        let pid = self.told["processes"][name].as_i64().unwrap_or_else(|| panic!("no process {name}"));
        Pid::from_raw(pid.try_into().unwrap()).unwrap()
    }

    /// The process and those that it started stand still: their sockets stay open, and nothing is answered.
    pub fn stop(&self, name: &str) {
        rustix::process::kill_process_group(self.process(name), Signal::STOP).unwrap();
    }

    pub fn go_on(&self, name: &str) {
        rustix::process::kill_process_group(self.process(name), Signal::CONT).unwrap();
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // What was stopped is continued by the script, which waits for all to end.
        let _ = self.output.read_to_end(&mut Vec::new());
        let _ = self.child.wait();
    }
}
