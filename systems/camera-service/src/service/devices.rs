//! Video devices of this machine: they become cameras as they are plugged in, and are asked what they can do.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use camera_media::{Capabilities, Device, DeviceChange, Discovery, Source, SourceOptions};

use super::Service;
use crate::contract::Candidate;

/// How long a device may take to say what it can do.
const ANSWER: Duration = Duration::from_secs(5);

impl Service {
    /// Makes cameras of the video devices that the configuration names, those of now and those that come, until the service stops.
    pub async fn follow_devices(self: Arc<Self>) {
        if !self.config.read().discovery.v4l2 {
            return;
        }
        let discovery = Discovery::default();
        let mut changes = match discovery.watch() {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(%error, "video devices are not noticed");
                return;
            }
        };
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                () = self.stop.cancelled() => return,
            };
            match change {
                Some(DeviceChange::Appeared(device)) => self.welcome(&discovery, &device).await,
                // Its camera says by itself that no pictures come.
                Some(DeviceChange::Gone(device)) => {
                    tracing::info!(device = %device.path.display(), "unplugged");
                }
                None => return,
            }
        }
    }

    async fn welcome(&self, discovery: &Discovery, device: &Device) {
        let path = device.path.display().to_string();
        let Some(name) = device.path.file_name().and_then(|name| name.to_str()) else { return };
        let number = name.trim_start_matches("video").parse();
        if !number.is_ok_and(|number| self.config.read().discovery.devices.contains(number))
            || self.has_source(&path)
        {
            return;
        }
        match discovery.capabilities(&device.path, ANSWER).await {
            Ok(Capabilities { captures: Some(false), .. }) => return,
            Ok(_) => {}
            // Not known: the camera is tried, and says itself if it delivers nothing.
            Err(error) => tracing::info!(device = %path, %error, "its capabilities are not known"),
        }
        // Its lasting names come a moment after its number.
        if self.has_source(&path) {
            return;
        }
        let source = match Source::parse(&path, SourceOptions::default()) {
            Ok(source) => source,
            Err(error) => return tracing::warn!(device = %path, %error, "it does not become a camera"),
        };
        match self.introduce(name, source, false).await {
            Ok(_) => tracing::info!(device = %path, name = device.name, "plugged in"),
            Err(error) => {
                tracing::warn!(device = %path, error = %error.message, "it does not become a camera");
            }
        }
    }

    /// Whether a camera has this device, by whichever of its names.
    fn has_source(&self, path: &str) -> bool {
        let node = std::fs::canonicalize(path).ok();
        let is_it = |source: &str| {
            source == path
                || (camera_address::is_device(source)
                    && node.is_some()
                    && std::fs::canonicalize(source).ok() == node)
        };
        self.cameras.read().values().any(|known| is_it(&known.source))
    }

    /// What a camera's device says of itself; `None` for a camera that is no device of this machine, or where it is not known.
    pub(super) async fn device_capabilities(&self, source: &str) -> Option<Capabilities> {
        if !source.starts_with("/dev/") {
            return None;
        }
        // Never closed.
        let _turn = self.probes.acquire().await;
        match Discovery::default().capabilities(Path::new(source), ANSWER).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::info!(device = %source, %error, "its capabilities are not known");
                None
            }
        }
    }

    /// The video devices of this machine.
    pub(super) fn own_devices(&self) -> Vec<Candidate> {
        let devices = Discovery::default().list().unwrap_or_default();
        let candidate = |device: Device| {
            let source = device.path.display().to_string();
            Candidate { known: self.has_source(&source), description: device.name, source }
        };
        devices.into_iter().map(candidate).collect()
    }
}
