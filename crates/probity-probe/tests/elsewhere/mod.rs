//! Looks from elsewhere: as another user, with other tools, or inside a Debian with systemd that is booted for the test.
//!
//! The test's own executable is started there to look; what it saw comes back as JSON. Each test file that uses this
//! has a test `look_sent_elsewhere` that calls [`answer`].
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use probity_plan::Act;
use probity_probe::Seen;
use serde_json::{Value as Json, json};

use crate::support;

/// The request, in the environment of the executable that is sent.
const REQUEST: &str = "PROBITY_TEST_LOOK";
/// Before the answer, on its standard output.
const ANSWER: &str = "SEEN ";

/// The act of this kind with these parameters.
pub fn act(kind: &str, parameters: &Json) -> Act {
    Act::deserialize(kind, parameters).expect(kind).unwrap_or_else(|e| panic!("{kind} {parameters}: {e}"))
}

/// Looks, if this process was sent to look; otherwise there is nothing to do.
pub async fn answer() {
    let Ok(request) = std::env::var(REQUEST) else { return };
    let request: Json = serde_json::from_str(&request).unwrap();
    let timeout = Duration::from_millis(request["timeout_ms"].as_u64().unwrap());
    let act = act(request["kind"].as_str().unwrap(), &request["parameters"]);
    let seen = support::look_with(act, &[], timeout).await;
    println!("\n{ANSWER}{}", json!({ "facts": seen.facts, "unknown": seen.unknown }));
    // A thread that hangs in the kernel would keep the program from ending.
    std::process::exit(0);
}

/// Where and as whom to look.
pub struct Elsewhere {
    /// What is put before the executable's path.
    before: Vec<String>,
    executable: PathBuf,
    path: Option<String>,
    timeout: Duration,
    /// A copy of the executable that everybody may run.
    _copy: Option<tempfile::TempDir>,
}

/// On this machine, for [`Elsewhere::with_path`].
pub fn here() -> Elsewhere {
    Elsewhere {
        before: Vec::new(),
        executable: std::env::current_exe().unwrap(),
        path: None,
        timeout: Duration::from_secs(10),
        _copy: None,
    }
}

/// On this machine as the user nobody. `None` where we are not root.
pub fn as_nobody() -> Option<Elsewhere> {
    if !needs_root("looks as another user") {
        return None;
    }
    let folder = support::folder();
    let executable = folder.path().join("look");
    support::install(&std::env::current_exe().unwrap(), &executable);
    Some(Elsewhere { before: unprivileged(), executable, _copy: Some(folder), ..here() })
}

fn unprivileged() -> Vec<String> {
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
        .map(str::to_owned)
        .to_vec()
}

/// Whether we are root; if not, says what was left out, and fails where nothing may be.
pub fn needs_root(what: &str) -> bool {
    if support::root() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "needs root: {what}");
    eprintln!("SKIPPED: as root this run would add: {what}");
    false
}

impl Elsewhere {
    /// Finds programs there, instead of where this test does.
    pub fn with_path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
    /// Is given this long.
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
    /// Runs with this before it, such as `unshare --mount`.
    pub fn under(mut self, before: &[&str]) -> Self {
        self.before.extend(before.iter().map(|&word| word.to_owned()));
        self
    }
    /// As the user nobody.
    pub fn unprivileged(mut self) -> Self {
        self.before.extend(unprivileged());
        self
    }
    /// Looks there once, with every fact.
    pub fn look(&self, kind: &str, parameters: &Json) -> Seen {
        let timeout = u64::try_from(self.timeout.as_millis()).unwrap();
        let request = json!({ "kind": kind, "parameters": parameters, "timeout_ms": timeout });
        let mut words = self.before.clone();
        // Set last, so that what stands before is still found.
        words.push("env".to_owned());
        words.extend(self.path.iter().map(|path| format!("PATH={path}")));
        words.push(format!("{REQUEST}={request}"));
        words.push(self.executable.display().to_string());
        words.extend(["look_sent_elsewhere", "--exact", "--nocapture"].map(str::to_owned));
        let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let answer = said.lines().find_map(|line| line.strip_prefix(ANSWER)).unwrap_or_else(|| {
            panic!("{words:?}: {}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
        });
        let mut answer: Json = serde_json::from_str(answer).unwrap();
        Seen {
            facts: serde_json::from_value(answer["facts"].take()).unwrap(),
            unknown: serde_json::from_value(answer["unknown"].take()).unwrap(),
        }
    }
}

/// A folder with programs of these names, each a shell script.
pub fn tools(scripts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = support::folder();
    for (name, script) in scripts {
        support::install_script(script, &folder.path().join(name));
    }
    folder
}

/// A booted Debian on an overlay; what is done to it is gone afterwards.
pub struct Machine {
    /// Ends the machine when its standard input is closed: however this process ends.
    keeper: Child,
    /// Its first process, as this machine counts.
    first: String,
}

/// The machine that the tests of one file share. `None` where we are not root.
pub fn machine() -> Option<&'static Machine> {
    static MACHINE: OnceLock<Option<Machine>> = OnceLock::new();
    MACHINE.get_or_init(Machine::boot).as_ref()
}

impl Machine {
    /// Boots one. `None` where we are not root.
    pub fn boot() -> Option<Self> {
        if !needs_root("looks inside a machine with systemd, journal, dpkg and rpm") {
            return None;
        }
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        support::run(&mut Command::new(project.join("scripts/debian-machine")));
        let root = project.join("target/debian-machine");
        let inside = |path: &str| root.join(path).display().to_string();
        // Its own systemd-nspawn with its own libraries.
        let architecture = format!("{}-linux-gnu", std::env::consts::ARCH);
        let libraries = ["lib", "usr/lib"]
            .map(|lib| format!("{0}:{0}/systemd", inside(&format!("{lib}/{architecture}"))))
            .join(":");
        let loader = match std::env::consts::ARCH {
            "aarch64" => "lib/ld-linux-aarch64.so.1",
            _ => "lib64/ld-linux-x86-64.so.2",
        };
        let folder = std::env::current_exe().unwrap().parent().unwrap().display().to_string();
        let mut keeper = Command::new("sh")
            .args(["-c", r#""$@" </dev/null >/dev/null 2>&1 & echo $!; read -r _; kill -KILL $(cat /proc/$!/task/$!/children) $!"#, "keeper"])
            .args([&inside(loader), "--library-path", &libraries, &inside("usr/bin/systemd-nspawn")])
            .args([
                "--directory",
                &root.display().to_string(),
                "--volatile=overlay",
                "--register=no",
                "--keep-unit",
            ])
            .args(["--boot", "--private-network", "--console=pipe", &format!("--bind-ro={folder}:/probe")])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut nspawn = String::new();
        BufReader::new(keeper.stdout.as_mut().unwrap()).read_line(&mut nspawn).unwrap();
        let nspawn = nspawn.trim();
        let children = format!("/proc/{nspawn}/task/{nspawn}/children");
        let mut machine = Self { keeper, first: String::new() };
        support::until("the machine has booted", || {
            let children = std::fs::read_to_string(&children).expect("systemd-nspawn has ended");
            let Some(first) = children.split_whitespace().next() else { return false };
            machine.first = first.to_owned();
            let state = machine.command(&["systemctl", "is-system-running", "--wait"]).output().unwrap();
            matches!(String::from_utf8_lossy(&state.stdout).trim(), "running" | "degraded")
        });
        Some(machine)
    }

    /// A command inside, as root.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(self.enter()).args(words).stdin(Stdio::null());
        command
    }

    fn enter(&self) -> Vec<String> {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        ["-t", &self.first, "-a", "env", "-i", path, "HOME=/root", "LC_ALL=C.UTF-8"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Runs a script inside and insists that it succeeds; its standard output.
    pub fn run(&self, script: &str) -> String {
        support::run(&mut self.command(&["timeout", "60", "sh", "-euc", script]))
    }

    /// Writes a file inside.
    pub fn write(&self, path: &str, content: &str) {
        std::fs::write(format!("/proc/{}/root{path}", self.first), content).unwrap();
    }

    /// To look inside.
    pub fn inside(&self) -> Elsewhere {
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_owned();
        let mut before = vec!["nsenter".to_owned()];
        before.extend(self.enter());
        Elsewhere { before, executable: Path::new("/probe").join(name), ..here() }
    }

    /// Its first process, as this machine counts.
    pub fn first(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_raw(self.first.parse().unwrap()).unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        _ = self.keeper.wait();
    }
}
