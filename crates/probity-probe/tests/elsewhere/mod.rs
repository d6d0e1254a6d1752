//! Looks from elsewhere: as another user, with other tools, or inside a Debian with systemd that is booted for the test.
//!
//! The test's own executable is started there to look; what it saw comes back as JSON. Each test file that uses this
//! has a test `look_sent_elsewhere` that calls [`answer`].
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use probity_plan::Act;
use probity_probe::Seen;
use serde_json::{Value as Json, json};

use crate::support;

#[path = "../../../../lab/machine.rs"]
mod lab;

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

/// A booted Debian to look at from inside.
pub struct Machine(lab::Machine);

impl std::ops::Deref for Machine {
    type Target = lab::Machine;
    fn deref(&self) -> &lab::Machine {
        &self.0
    }
}

/// The machine that the tests of one file share. `None` where we are not root.
pub fn machine() -> Option<&'static Machine> {
    static MACHINE: OnceLock<Option<Machine>> = OnceLock::new();
    MACHINE.get_or_init(Machine::boot).as_ref()
}

impl Machine {
    /// Boots one. `None` where we are not root.
    pub fn boot() -> Option<Self> {
        let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        lab::possible("looks inside a machine with systemd, journal, dpkg and rpm")
            .then(|| Self(lab::Machine::boot(&folder)))
    }

    /// To look inside.
    pub fn inside(&self) -> Elsewhere {
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_owned();
        Elsewhere { before: self.enter(), executable: Path::new("/program").join(name), ..here() }
    }
}
