//! Video devices of this machine (V4L2): which there are, what they can do, and when one comes or goes.
//!
//! Folders and tools are arguments. What cannot be found out is `None`, never a guess: without `v4l2-ctl` it is not even
//! known whether a device is a camera (a UVC camera has a second node that only gives metadata).

mod description;
mod watch;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

pub use description::{Capabilities, FrameSizes, PixelFormat, parse_description};
pub use watch::DeviceChange;

use crate::EngineError;

/// Where devices are looked for.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// The kernel's list of video devices.
    pub sys: PathBuf,
    /// The folder of device nodes.
    pub dev: PathBuf,
    /// The tool that asks a device; looked for in `PATH` if it is a mere name.
    pub v4l2_ctl: PathBuf,
}

impl Default for Discovery {
    fn default() -> Self {
        Self { sys: "/sys/class/video4linux".into(), dev: "/dev".into(), v4l2_ctl: "v4l2-ctl".into() }
    }
}

/// A device node. Whether it is a camera, its capabilities say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Device {
    /// Its node, as `/dev/video0`.
    pub path: PathBuf,
    /// What its driver calls it.
    pub name: Option<String>,
    /// Its number among the nodes of one physical device.
    pub index: Option<u32>,
}

impl Discovery {
    /// All video devices that the kernel lists and that have a node, by number. A machine without any has an empty list.
    pub fn list(&self) -> Result<Vec<Device>, EngineError> {
        let failed = |error| EngineError::disk("cannot read", &self.sys, error);
        let entries = match std::fs::read_dir(&self.sys) {
            Ok(entries) => entries,
            // No video device has ever been there.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let Some(number) = name.to_str().and_then(number_of) else { continue };
            let path = self.dev.join(&name);
            if path.exists() {
                let read = |what| std::fs::read_to_string(entry.path().join(what)).ok();
                let name = read("name").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
                let index = read("index").and_then(|text| text.trim().parse().ok());
                found.push((number, Device { path, name, index }));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, device)| device).collect())
    }

    /// Asks the device at `path` what it can do. `Unsupported` where the tool for that is not installed.
    pub async fn capabilities(&self, path: &Path, within: Duration) -> Result<Capabilities, EngineError> {
        let asking = tokio::process::Command::new(&self.v4l2_ctl)
            .arg("-d")
            .arg(path)
            .args(["--all", "--list-formats-ext"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let failed = |why: String| EngineError::Dependency(format!("cannot ask {}: {why}", path.display()));
        match tokio::time::timeout(within, asking).await {
            Ok(Ok(output)) if output.status.success() => {
                Ok(parse_description(&String::from_utf8_lossy(&output.stdout)))
            }
            Ok(Ok(output)) => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(EngineError::Unsupported(format!(
                    "what {} can do is not known: {} is not installed (apt install v4l-utils)",
                    path.display(),
                    self.v4l2_ctl.display()
                )))
            }
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!("no answer within {} s", within.as_secs_f32()))),
        }
    }
}

/// The number of `video3`.
fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("video")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
