//! What the tests of the command line share: the binary with a home of its own, folders that go away, whole outputs.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests; not each uses all"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The binary, without anything of the tester's environment but PATH.
pub fn probity() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probity"));
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

/// Whether this is root; where not, says what is left out, and fails where nothing may be.
pub fn is_root(left_out: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "CI runs these tests as root");
    if !root {
        eprintln!("SKIPPED: {left_out}");
    }
    root
}

/// A folder with a home for the key and the ledger; it goes away with the test.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file below the folder and returns its path.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary, at home in this folder.
    pub fn probity(&self) -> Command {
        let mut command = probity();
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }

    /// Runs the binary with these arguments.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.probity().args(arguments).output().unwrap()
    }
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The exit status.
pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}
