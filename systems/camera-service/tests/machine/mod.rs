//! A Debian with systemd that is booted for a test, with this build's program in `/program`; what is done to it is gone afterwards.
//!
//! Everything of it lives in a mount namespace of its own, on a temporary file system, and ends with the test however that ends.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a boot, or anything else inside, may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// For each line it reads it boots the machine and says the number of systemd-nspawn; it ends all when nothing more comes.
const KEEPER: &str = r#"
set -eu
root=$1; shift
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
nspawn=
while read -r _; do
    "$@" </dev/null >/dev/null 2>&1 &
    nspawn=$!
    echo "$nspawn"
done
kill -KILL $(cat "/proc/$nspawn/task/$nspawn/children") "$nspawn"
wait
"#;

/// A booted machine.
pub struct Machine {
    keeper: Child,
    lines: BufReader<ChildStdout>,
    /// Its systemd-nspawn and its first process, as this machine counts.
    nspawn: String,
    first: String,
}

/// Whether a machine can be booted here; if not, says what was left out, and fails where nothing may be.
pub fn possible(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if root && Path::new("/proc/self/ns/mnt").exists() {
        return true;
    }
    let why = if root { "there are no namespaces here" } else { "this needs root" };
    assert!(!(root && std::env::var_os("CI").is_some_and(|ci| ci == "true")), "{why}: {what}");
    eprintln!("SKIPPED ({why}): {what}");
    false
}

impl Machine {
    /// Boots one.
    pub fn boot() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        assert!(Command::new(project.join("scripts/camera-machine")).status().unwrap().success());
        let root = project.join("target/camera-machine");
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
        let program = Path::new(env!("CARGO_BIN_EXE_camera-service")).parent().unwrap().display().to_string();
        let mut keeper = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", KEEPER, "keeper"])
            .arg(&root)
            .args([&inside(loader), "--library-path", &libraries, &inside("usr/bin/systemd-nspawn")])
            .args([
                "--directory=/mnt/root",
                "--register=no",
                "--keep-unit",
                "--boot",
                "--private-network",
                "--console=pipe",
            ])
            .arg(format!("--bind-ro={program}:/program"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(keeper.stdout.take().unwrap());
        let mut machine = Machine { keeper, lines, nspawn: String::new(), first: String::new() };
        machine.switch_on();
        machine
    }

    fn switch_on(&mut self) {
        self.keeper.stdin.as_mut().unwrap().write_all(b"boot\n").unwrap();
        self.nspawn.clear();
        self.lines.read_line(&mut self.nspawn).unwrap();
        let nspawn = self.nspawn.trim().to_owned();
        let children = format!("/proc/{nspawn}/task/{nspawn}/children");
        until("the machine has booted", || {
            let children = std::fs::read_to_string(&children).expect("systemd-nspawn has ended");
            let Some(first) = children.split_whitespace().next() else { return false };
            self.first = first.to_owned();
            let state = self.command(&["systemctl", "is-system-running", "--wait"]).output().unwrap();
            matches!(String::from_utf8_lossy(&state.stdout).trim(), "running" | "degraded")
        });
    }

    /// Shuts it down in order and boots it again.
    pub fn reboot(&mut self) {
        let _ = self.command(&["systemctl", "reboot"]).output();
        let nspawn = format!("/proc/{}/exe", self.nspawn.trim());
        until("the machine is down", || std::fs::read_link(&nspawn).is_err());
        self.switch_on();
    }

    /// A command inside, as root.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        command.args(["-t", &self.first, "-a", "env", "-i", path, "HOME=/root", "LC_ALL=C.UTF-8"]);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// This test's own program, on this machine but in the other one's network.
    pub fn in_its_network(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.first, "-n"]).arg(std::env::current_exe().unwrap()).stdin(Stdio::null());
        command
    }

    /// Runs a script inside; how it ended and what it said.
    pub fn try_run(&self, script: &str) -> Output {
        self.command(&["timeout", "120", "sh", "-euc", script]).output().unwrap()
    }

    /// Runs a script inside and insists that it succeeds; its standard output.
    pub fn run(&self, script: &str) -> String {
        let output = self.try_run(script);
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}: {}\n{out}\n{error}", output.status);
        out.into_owned()
    }

    /// Runs a script inside and insists that it fails with this status; what it said on standard error.
    pub fn fails(&self, status: i32, script: &str) -> String {
        let output = self.try_run(script);
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{script}\n{out}\n{error}");
        error.into_owned()
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
