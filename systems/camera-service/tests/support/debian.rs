//! Programs of the machine, or those that `scripts/debian-tools` unpacked, ended with the test.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// A program with its children, all killed when this is dropped.
pub struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.0.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// Where `scripts/debian-tools` unpacks.
fn debian() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debian")
}

/// The program of one of these names; nothing, having said so, where there is none. In CI that is a failure.
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["usr/bin", "usr/sbin", "usr/lib/chromium"].map(|folder| debian().join(folder)));
    // `usr/bin/chromium` of the unpacked package is a script that looks for the browser in `/usr/lib`.
    let unusable = debian().join("usr/bin/chromium");
    let found = folders
        .iter()
        .flat_map(|folder| names.iter().map(|name| folder.join(name)))
        .find(|file| file.is_file() && *file != unusable);
    if found.is_none() {
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
        assert!(!ci, "no {}: run scripts/debian-tools", names[0]);
        eprintln!("SKIPPED: there is no {} here: run scripts/debian-tools", names[0]);
    }
    found
}

/// Starts a program that writes what it has to say into that file.
pub fn start(program: &Path, arguments: &[String], log: &Path) -> Group {
    let log = File::create(log).unwrap();
    let mut command = Command::new(program);
    let libraries = debian().join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    if program.starts_with(debian()) {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Group(command.process_group(0).spawn().unwrap())
}
