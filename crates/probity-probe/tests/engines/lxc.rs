//! A real container of LXC, `web`, which sleeps.

use std::path::Path;
use std::process::Command;

use super::{Apart, as_words, furnish};
use crate::support;

pub struct Lxc {
    folder: tempfile::TempDir,
    apart: Apart,
}

impl Lxc {
    /// Starts it, with what `add` puts into its root. `None` where the tools were not unpacked. Needs root.
    pub fn start(add: impl FnOnce(&Path)) -> Option<Self> {
        let mut start = support::tool("lxc-start")?;
        let folder = support::folder();
        let path = folder.path().display();
        let rootfs = folder.path().join("web/rootfs");
        furnish(&rootfs);
        for name in ["dev", "proc", "sys", "../../mount"] {
            std::fs::create_dir_all(rootfs.join(name)).unwrap();
        }
        add(&rootfs);
        let config = format!(
            "lxc.uts.name = web\nlxc.rootfs.path = dir:{path}/web/rootfs\nlxc.rootfs.mount = {path}/mount\nlxc.net.0.type = empty\n\
             lxc.mount.auto = proc\nlxc.init.cmd = /bin/busybox sleep 600\n"
        );
        std::fs::write(folder.path().join("web/config"), config).unwrap();
        start.args(["-P", &path.to_string(), "-n", "web"]);
        let apart =
            Apart::start(&format!("{}; sleep 600 & wait", as_words(&start)), &folder.path().join("said"))?;
        let lxc = Self { folder, apart };
        support::until("the container runs", || {
            let asked = lxc.command("lxc-info").args(["--name", "web", "--state"]).output();
            asked.is_ok_and(|asked| String::from_utf8_lossy(&asked.stdout).contains("RUNNING"))
        });
        Some(lxc)
    }

    fn command(&self, tool: &str) -> Command {
        let mut command = support::tool(tool).unwrap();
        command.arg("-P").arg(self.folder.path());
        command
    }

    /// Runs a program among the container's processes, with an `lxc-info` that knows it.
    pub fn beside(&self, program: &Path) -> Command {
        self.apart.beside(program, "lxc-info", &self.command("lxc-info"))
    }
}

impl Drop for Lxc {
    fn drop(&mut self) {
        // Its control groups are nobody else's to remove.
        let _ = self.command("lxc-stop").args(["--name", "web", "--kill"]).output();
    }
}
