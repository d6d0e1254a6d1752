//! A Debian with systemd that is booted for a test by `lab/machine`; what is done to it is gone afterwards, and it ends with the test
//! however that ends. Test files of several packages include this file; it must not know what they test.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a boot, or anything else inside, may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A booted machine.
pub struct Machine {
    /// As systemd-nspawn knows it.
    pub name: String,
    /// Ends the machine when its standard input is closed.
    keeper: Child,
    /// Its first process, as this system counts.
    first: String,
}

/// Whether a machine can be booted here; if not, says what was left out, and fails where nothing may be.
pub fn possible(what: &str) -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "needs root: {what}");
    eprintln!("SKIPPED (needs root): {what}");
    false
}

fn lab() -> PathBuf {
    // Each package that includes this file is two or three folders below the project.
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .ancestors()
        .map(|folder| folder.join("lab/machine"))
        .find(|lab| lab.is_file())
        .expect("lab/machine")
}

impl Machine {
    /// Boots one that sees this folder as `/program`, read-only: of this system's release of Debian, or of that which
    /// `LAB_RELEASE` names.
    pub fn boot(programs: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let release = std::env::var("LAB_RELEASE").unwrap_or_else(|_| "host".to_owned());
        let keeper = Command::new(lab())
            .args(["keep", &release, &name, "--bind", &format!("{}:/program", programs.display())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut machine = Machine { name, first: String::new(), keeper };
        let mut told = String::new();
        BufReader::new(machine.keeper.stdout.take().unwrap()).read_line(&mut told).unwrap();
        let told: serde_json::Value =
            serde_json::from_str(&told).expect("lab/machine says why on standard error");
        machine.first = told["pid"].to_string();
        machine
    }

    /// Shuts it down in order and boots it again.
    pub fn reboot(&mut self) {
        _ = self.command(&["systemctl", "reboot"]).output();
        let before = format!("/proc/{}", self.first);
        until("the machine is down", || !Path::new(&before).exists());
        let output = Command::new(lab()).args(["pid", &self.name]).output().unwrap();
        self.first = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Its first process, as this system counts.
    pub fn first(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(self.first.parse().unwrap()).unwrap()
    }

    /// What enters it, to stand before the words of a command: all its namespaces, as root, with a plain environment.
    pub fn enter(&self) -> Vec<String> {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        ["nsenter", "-t", &self.first, "-a", "env", "-i", path, "HOME=/root", "LC_ALL=C.UTF-8"]
            .map(str::to_owned)
            .to_vec()
    }

    /// A command inside, as root.
    pub fn command(&self, words: &[&str]) -> Command {
        let enter = self.enter();
        let mut command = Command::new(&enter[0]);
        command.args(&enter[1..]).args(words).stdin(Stdio::null());
        command
    }

    /// This test's own program, on this system but in the machine's network.
    pub fn in_its_network(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.first, "-n"]).arg(std::env::current_exe().unwrap()).stdin(Stdio::null());
        command
    }

    /// Runs a script inside; how it ended and what it said.
    pub fn try_run(&self, script: &str) -> Output {
        let seconds = PATIENCE.as_secs().to_string();
        self.command(&["timeout", &seconds, "sh", "-euc", script]).output().unwrap()
    }

    /// Runs a script inside and insists that it succeeds; its standard output.
    pub fn run(&self, script: &str) -> String {
        let output = self.try_run(script);
        assert!(output.status.success(), "{script}: {}\n{}", output.status, said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a script inside and insists that it fails with this status; all that it said.
    pub fn fails(&self, status: i32, script: &str) -> String {
        let output = self.try_run(script);
        assert_eq!(output.status.code(), Some(status), "{script}\n{}", said(&output));
        said(&output)
    }

    /// Writes a file inside.
    pub fn write(&self, path: &str, content: &str) {
        std::fs::write(format!("/proc/{}/root{path}", self.first), content).unwrap();
    }
}

/// What a command said, on standard output and then on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        _ = self.keeper.wait();
    }
}

/// Waits until it is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
