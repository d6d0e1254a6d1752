//! A Debian with systemd that is booted for a test (`scripts/debian-machine`), with this build's program in `/program`; what is done to it
//! is gone afterwards. Everything of it lives in a mount namespace of its own, on a temporary file system, and ends with the test however
//! that ends.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a boot, or anything else inside, may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Boots the machine when it reads a line, says the number of systemd-nspawn, and ends all when nothing more comes.
const KEEPER: &str = r#"
set -eu
root=$1; shift
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
read -r _
"$@" </dev/null >/dev/null 2>&1 &
nspawn=$!
echo "$nspawn"
read -r _ || true
kill -KILL $(cat "/proc/$nspawn/task/$nspawn/children") "$nspawn"
wait
"#;

/// A booted machine.
pub struct Machine {
    keeper: Child,
    /// Held open: the keeper writes to it.
    _lines: BufReader<ChildStdout>,
    /// Its first process, as this machine counts.
    first: String,
}

/// Whether a machine can be booted here; if not, says what was left out.
pub fn possible(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    let machine = project().join("target/debian-machine/.complete").exists();
    let why = match (root, machine) {
        (true, true) => return true,
        (false, _) => "this needs root",
        (true, false) => "scripts/debian-machine has not been run",
    };
    assert!(std::env::var_os("CI").is_none(), "{why}: {what}");
    println!("SKIPPED ({why}): {what}");
    false
}

fn project() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Machine {
    /// Boots one.
    pub fn boot() -> Self {
        let root = project().join("target/debian-machine").canonicalize().unwrap();
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
        let program = Path::new(env!("CARGO_BIN_EXE_fabric-sync")).parent().unwrap().display().to_string();
        let mut keeper = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", KEEPER, "keeper"])
            .arg(&root)
            .args([&inside(loader), "--library-path", &libraries, &inside("usr/bin/systemd-nspawn")])
            .args(["--directory=/mnt/root", "--register=no", "--keep-unit", "--boot", "--private-network"])
            .args(["--console=pipe", &format!("--bind-ro={program}:/program")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(keeper.stdout.take().unwrap());
        keeper.stdin.as_mut().unwrap().write_all(b"boot\n").unwrap();
        let mut nspawn = String::new();
        lines.read_line(&mut nspawn).unwrap();
        let children = format!("/proc/{0}/task/{0}/children", nspawn.trim());
        let mut machine = Machine { keeper, _lines: lines, first: String::new() };
        until("the machine has booted", || {
            let children = std::fs::read_to_string(&children).expect("systemd-nspawn has ended");
            let Some(first) = children.split_whitespace().next() else { return false };
            machine.first = first.to_owned();
            let state = machine.command(&["systemctl", "is-system-running", "--wait"]).output().unwrap();
            matches!(String::from_utf8_lossy(&state.stdout).trim(), "running" | "degraded")
        });
        machine
    }

    /// A command inside, as root.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        command.args(["-t", &self.first, "-a", "env", "-i", path, "HOME=/root", "LC_ALL=C.UTF-8"]);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Runs a script inside; its status and everything it said.
    pub fn try_run(&self, script: &str) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } =
            self.command(&["timeout", "120", "sh", "-euc", script]).output().unwrap();
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }

    /// Runs a script inside and insists that it succeeds; what it said.
    pub fn run(&self, script: &str) -> String {
        let (status, said) = self.try_run(script);
        assert_eq!(status, Some(0), "{script}\n{said}");
        said
    }

    /// Runs a script inside and insists that it fails with this status; what it said.
    pub fn fails(&self, expected: i32, script: &str) -> String {
        let (status, said) = self.try_run(script);
        assert_eq!(status, Some(expected), "{script}\n{said}");
        said
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
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
