//! A real Podman of its own.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Apart, as_words, furnish};
use crate::support;

/// A Podman of its own: storage, configuration and socket in a folder, in mount and process namespaces that go with it.
pub struct Podman {
    folder: tempfile::TempDir,
    apart: Apart,
}

impl Podman {
    /// Starts one with an image `localhost/busybox`. `None` where the tools were not unpacked. Needs root.
    pub fn start() -> Option<Self> {
        let folder = support::folder();
        let path = folder.path();
        let file = |name: &str| path.join(name).display().to_string();
        let configured = |name: &str| {
            let mut command = support::tool(name)?;
            command.env("HOME", path).env("CONTAINERS_CONF", file("containers.conf"));
            command.env("CONTAINERS_STORAGE_CONF", file("storage.conf"));
            command.env("CONTAINERS_REGISTRIES_CONF", file("registries.conf"));
            Some(as_words(&command))
        };
        // Podman hands its own environment to neither of them.
        for name in ["crun", "conmon"] {
            support::install_script(&format!("exec {} \"$@\"", configured(name)?), &path.join(name));
        }
        let containers = format!(
            "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"crun\"\nconmon_path = [\"{}\"]\n\
             helper_binaries_dir = [\"{}\"]\n[engine.runtimes]\ncrun = [\"{}\"]\n\
             [containers]\nnetns = \"none\"\ncgroups = \"disabled\"\nlog_driver = \"k8s-file\"\n\
             default_ulimits = [\"nofile=512:512\", \"nproc=512:512\"]\n",
            file("conmon"),
            support::shared("usr/lib/podman").display(),
            file("crun")
        );
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            file("graph"),
            file("run")
        );
        std::fs::write(path.join("containers.conf"), containers).unwrap();
        std::fs::write(path.join("storage.conf"), storage).unwrap();
        std::fs::write(path.join("registries.conf"), "").unwrap();
        std::fs::create_dir_all(path.join(".config/containers")).unwrap();
        let policy = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;
        std::fs::write(path.join(".config/containers/policy.json"), policy).unwrap();

        // crun knows cgroups of one sort or the other, not both at once as some machines have them; none is used here.
        let script = format!(
            "mount -t cgroup2 none /sys/fs/cgroup || :\n\
             {} --tmpdir {} system service --time=0 unix://{} & wait",
            configured("podman")?,
            file("tmp"),
            file("podman.sock")
        );
        let apart = Apart::start(&script, &path.join("service.log"))?;
        support::until("Podman answers", || UnixStream::connect(path.join("podman.sock")).is_ok());

        furnish(&path.join("rootfs"));
        let podman = Self { folder, apart };
        podman.import("localhost/busybox:1");
        Some(podman)
    }

    /// What the images are made of.
    pub fn rootfs(&self) -> PathBuf {
        self.folder.path().join("rootfs")
    }

    /// Makes an image of what is there.
    pub fn import(&self, image: &str) {
        let archive = self.folder.path().join("rootfs.tar").display().to_string();
        support::run(Command::new("tar").args(["-cf", &archive, "-C"]).arg(self.rootfs()).arg("."));
        self.podman(&["import", &archive, image]);
    }

    /// Runs a program among the containers' processes, with a `podman` that asks this one.
    pub fn beside(&self, program: &Path) -> Command {
        self.apart.beside(program, "podman", &self.command(&[]))
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("podman.sock")
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = support::tool("podman").unwrap();
        command
            .env("HOME", self.folder.path())
            .env("CONTAINERS_CONF", self.folder.path().join("containers.conf"));
        command.arg("--remote").arg(format!("--url=unix://{}", self.socket().display())).args(words);
        command
    }

    pub fn podman(&self, words: &[&str]) -> String {
        support::run(&mut self.command(words))
    }
}
