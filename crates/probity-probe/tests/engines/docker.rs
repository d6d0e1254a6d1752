//! A real Docker of its own: without a network, which would be everybody's.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Apart, as_words, furnish};
use crate::support;

pub struct Docker {
    folder: tempfile::TempDir,
    apart: Apart,
}

impl Docker {
    /// Starts one. `None` where the tools were not unpacked. Needs root.
    pub fn start() -> Option<Self> {
        let mut daemon = support::tool("dockerd")?;
        let folder = support::folder();
        let file = |name: &str| folder.path().join(name).display().to_string();
        daemon.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs"]);
        daemon.args(["--data-root", &file("data"), "--exec-root", &file("run"), "--pidfile", &file("pid")]);
        daemon.args(["--host", &format!("unix://{}", file("docker.sock"))]);
        let apart = Apart::start(&format!("{} & wait", as_words(&daemon)), &folder.path().join("said"))?;
        furnish(&folder.path().join("rootfs"));
        let docker = Self { folder, apart };
        support::until("Docker answers", || {
            docker.command(&["version"]).output().is_ok_and(|asked| asked.status.success())
        });
        Some(docker)
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// What the container's image is made of.
    pub fn rootfs(&self) -> PathBuf {
        self.folder.path().join("rootfs")
    }

    /// Starts `web`, which sleeps, of what is there.
    pub fn run_web(&self) {
        let archive = self.folder.path().join("rootfs.tar").display().to_string();
        support::run(Command::new("tar").args(["-cf", &archive, "-C"]).arg(self.rootfs()).arg("."));
        self.docker(&["import", &archive, "localhost/web:1"]);
        let sleeps = ["localhost/web:1", "/bin/busybox", "sleep", "600"];
        self.docker(&[["run", "--detach", "--network=none", "--name=web"], sleeps].concat());
    }

    pub fn docker(&self, words: &[&str]) -> String {
        support::run(&mut self.command(words))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = support::tool("docker").unwrap();
        command.env("HOME", self.folder.path());
        command.arg(format!("--host=unix://{}", self.socket().display())).args(words);
        command
    }

    /// Runs a program among the containers' processes, with a `docker` that asks this one.
    pub fn beside(&self, program: &Path) -> Command {
        self.apart.beside(program, "docker", &self.command(&[]))
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Its control groups are nobody else's to remove.
        let _ = self.command(&["rm", "--force", "web"]).output();
    }
}
