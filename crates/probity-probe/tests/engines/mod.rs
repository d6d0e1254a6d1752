//! Containers of real engines, each with its storage and its socket in a folder. Must not know what is tested.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod docker;
pub mod lxc;
pub mod podman;

use std::path::Path;
use std::process::Command;

use crate::support;

/// The processes of an engine and of its containers, in mount and process namespaces that go with it.
pub struct Apart {
    service: support::Running,
    tools: tempfile::TempDir,
}

impl Apart {
    /// Starts a shell there, which ends with this; what is said goes into a file. `None` where the tools were not unpacked.
    /// Needs root.
    pub fn start(script: &str, said: &Path) -> Option<Self> {
        let said = std::fs::File::create(said).unwrap();
        let mut command = support::tool("unshare")?;
        command
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script])
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        Some(Self { service: support::start(&mut command), tools: support::folder() })
    }

    /// Runs a program among these processes, with `tool` in its search path under this name.
    pub fn beside(&self, program: &Path, name: &str, tool: &Command) -> Command {
        let tools = self.tools.path();
        support::install_script(&format!("exec {} \"$@\"", as_words(tool)), &tools.join(name));
        let outer = self.service.pid();
        let first = std::fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("nsenter");
        command.args([&format!("--target={}", first.trim()), "--mount", "--pid", "--"]).arg(program);
        command.env_clear().env("PATH", path);
        command
    }
}

/// A command as a shell takes it, with its environment.
pub fn as_words(command: &Command) -> String {
    let environment = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?)));
    let program = command.get_program().to_str().unwrap().to_owned();
    let arguments = command.get_args().map(|word| word.to_str().unwrap().to_owned());
    let words = environment.chain([program]).chain(arguments).map(|word| format!("'{word}'"));
    format!("env {}", words.collect::<Vec<_>>().join(" "))
}

/// The root of a container: BusyBox, as it stands alone.
pub fn furnish(rootfs: &Path) {
    std::fs::create_dir_all(rootfs.join("bin")).unwrap();
    support::install(&support::shared("usr/bin/busybox"), &rootfs.join("bin/busybox"));
    std::os::unix::fs::symlink("busybox", rootfs.join("bin/sh")).unwrap();
}
