//! What the service says of itself: components, numbers, limits; and subscriptions.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use camera_config::{CameraName, Engine as EngineKind};
use camera_media::StreamState;
use jiff::Timestamp;

use super::Service;
use crate::caller::Caller;
use crate::contract::{
    Candidate, Code, Component, Discovered, Limits, MAX_BATCH, MetricsView, Notification, RecordingFormat,
    RpcError, ServerInfo, ServiceStatus, Subscribe, Subscribed, SubscriptionStats, SystemState, SystemStatus,
    Topic, Unsubscribe,
};
use crate::metrics::{CameraReading, Readings};

/// The components as they were when last looked at.
#[derive(Debug, Clone, Default)]
pub struct Components(pub Vec<Component>);

/// This service's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A component that is well, or its state and why.
pub fn component(name: &'static str, failing: Option<(&'static str, String)>) -> Component {
    match failing {
        None => Component { name, state: "ok", reason: None },
        Some((state, reason)) => Component { name, state, reason: Some(reason) },
    }
}

impl Service {
    /// Looks at every component; tells subscribers what changed. `further` are those that others look at, the same each time.
    pub async fn look_at_components(&self, further: Vec<Component>) {
        let engine = self.engine.health().await.err().map(|error| ("failed", error.to_string()));
        // Without the engine there is no live view, and that is said already.
        let live = match &engine {
            Some(_) => None,
            None => self.engine.live_health().await.err().map(|error| ("failed", error.to_string())),
        };
        let mut down = Vec::new();
        let names: Vec<String> = self.cameras.read().keys().cloned().collect();
        for name in &names {
            if let Ok(status) = self.engine.status(name)
                && !matches!(status.state, StreamState::Ready | StreamState::Stopped)
            {
                down.push(format!("{name} ({})", status.state));
            }
        }
        let cameras =
            (!down.is_empty()).then(|| ("degraded", format!("no pictures from {}", down.join(", "))));
        let mut now = vec![
            component("media_engine", engine),
            component("cameras", cameras),
            component("live_view", live),
            component("storage", self.storage_trouble().await),
            component("audit_log", self.access.audit_trouble().map(|reason| ("failed", reason))),
        ];
        now.extend(further);
        let before = std::mem::replace(&mut *self.components.lock(), Components(now.clone()));
        for (component, was) in now.iter().zip(&before.0) {
            if component.state == was.state {
                continue;
            }
            let (name, state) = (component.name, component.state);
            self.tell_health(match &component.reason {
                Some(reason) => {
                    tracing::warn!(component = name, state, reason, "changed");
                    format!("{name} is {state}: {reason}")
                }
                None => {
                    tracing::info!(component = name, state, "changed");
                    format!("{name} is {state}")
                }
            });
        }
    }

    /// Tells subscribers what became of the system.
    pub(super) fn tell_health(&self, reason: String) {
        self.hub.publish(&Notification {
            topic: Topic::SystemHealth,
            device: None,
            timestamp: Timestamp::now(),
            camera: None,
            recording: None,
            filename: None,
            reason: Some(reason),
        });
    }

    /// Whether the service works. A camera that delivers nothing makes it partial, not unready: the others are served.
    pub fn system_state(&self) -> SystemState {
        let components = self.components.lock();
        if !self.started.load(Ordering::Acquire) || components.0.is_empty() {
            SystemState::Starting
        } else if components.0.iter().all(|component| component.state == "ok") {
            SystemState::Ready
        } else {
            SystemState::Partial
        }
    }

    /// Whether calls can be served: every listener is bound and the media engine works.
    pub fn is_ready(&self) -> bool {
        let engine_works = self
            .components
            .lock()
            .0
            .iter()
            .all(|component| component.name != "media_engine" || component.state == "ok");
        self.system_state() != SystemState::Starting && engine_works && !self.stop.is_cancelled()
    }

    pub(super) fn system_status(&self) -> SystemStatus {
        let problems =
            self.components.lock().0.iter().filter(|component| component.state != "ok").cloned().collect();
        SystemStatus { status: self.system_state(), problems, clock: self.clock.view() }
    }

    /// The components with all that is known of them.
    pub fn status(&self) -> ServiceStatus {
        let components = self.components.lock().0.clone();
        ServiceStatus {
            status: self.system_state(),
            components,
            clock: self.clock.view(),
            uptime: self.since.elapsed().as_secs_f64(),
            version: VERSION,
        }
    }

    pub(super) fn server_info(&self) -> ServerInfo {
        let config = Arc::clone(&self.config.read());
        ServerInfo {
            name: "camera-service",
            version: VERSION,
            engine: match config.media.engine {
                EngineKind::Embedded => "embedded",
                EngineKind::Mediamtx => "mediamtx",
            },
            formats: vec![RecordingFormat::Fmp4, RecordingFormat::Mp4, RecordingFormat::Mkv],
            topics: Topic::ALL.to_vec(),
            limits: Limits {
                max_message_bytes: config.server.max_message.bytes(),
                max_batch: MAX_BATCH,
                max_connections: u64::from(self.at_start.server.max_connections.get()),
                requests_per_minute: u64::from(config.limits.requests_per_minute.get()),
                burst: u64::from(config.limits.burst.get()),
            },
        }
    }

    pub(super) fn metrics_view(&self) -> MetricsView {
        MetricsView {
            uptime: self.since.elapsed().as_secs_f64(),
            connections: u64::try_from(self.metrics.connections.get()).unwrap_or_default(),
            calls: self.metrics.calls().filter(|(_, count)| *count > 0).collect(),
            errors: self
                .metrics
                .errors()
                .filter(|(_, count)| *count > 0)
                .map(|(code, count)| (code.to_string(), count))
                .collect(),
            notifications: self.hub.delivered.load(Ordering::Relaxed),
            notifications_lost: self.hub.lost.load(Ordering::Relaxed),
            recordings: self.metrics.recordings.get(),
            recordings_failed: self.metrics.recordings_failed.get(),
            recording_seconds_missing: self.metrics.seconds_missing.get(),
            memory_bytes: resident_memory(),
        }
    }

    /// What Prometheus is to read now.
    pub async fn readings(&self) -> Readings {
        let names: Vec<String> = self.cameras.read().keys().cloned().collect();
        let mut cameras = Vec::with_capacity(names.len());
        for device in names {
            let Ok(status) = self.engine.status(&device) else { continue };
            let now = self.engine.recording(&device).ok().flatten();
            let interrupted = now.as_ref().is_some_and(|now| now.gaps.present.is_some());
            cameras.push(CameraReading {
                up: status.state == StreamState::Ready,
                recording: now.is_some() && !interrupted,
                interrupted,
                received: status.bytes_in,
                sent: status.bytes_out,
                readers: status.readers.into(),
                restarts: status.restarts,
                device,
            });
        }
        Readings {
            uptime: self.since.elapsed().as_secs_f64(),
            notifications: (
                self.hub.delivered.load(Ordering::Relaxed),
                self.hub.lost.load(Ordering::Relaxed),
            ),
            cameras,
            clock_trusted: self.clock.is_trusted(),
            disk: self.disk().await,
            components: self
                .components
                .lock()
                .0
                .iter()
                .map(|component| (component.name, component.state == "ok"))
                .collect(),
            memory: resident_memory(),
        }
    }

    pub(super) fn subscribe(caller: &Caller, request: &Subscribe) -> Result<Subscribed, RpcError> {
        if request.topics.is_empty() {
            return Err(RpcError::invalid_params("topics names at least one; get_server_info lists them"));
        }
        let filters = request.filters.clone().unwrap_or_default();
        if filters.devices.iter().any(|device| device.len() > CameraName::MAX) {
            let most = CameraName::MAX;
            return Err(RpcError::invalid_params(format!("a camera's name has at most {most} bytes")));
        }
        Ok(Subscribed { topics: caller.mailbox.subscribe(&request.topics, &filters) })
    }

    pub(super) fn unsubscribe(caller: &Caller, request: &Unsubscribe) -> Subscribed {
        Subscribed { topics: caller.mailbox.unsubscribe(request.topics.as_deref()) }
    }

    pub(super) fn subscription_stats(&self, caller: &Caller) -> SubscriptionStats {
        let (topics, delivered, lost) = caller.mailbox.stats();
        SubscriptionStats { topics, delivered, lost, subscribers: self.hub.subscribers() }
    }

    pub(super) async fn discover(&self) -> Result<Discovered, RpcError> {
        let networks = self.config.read().discovery.networks.clone();
        let devices = self.own_devices();
        if networks.is_empty() && devices.is_empty() {
            let message = "there is no video device here, and no network may be looked through: name address ranges in \
                           discovery.networks of the configuration";
            return Err(RpcError::new(Code::Unsupported, message));
        }
        let Ok(_turn) = self.looking_around.try_lock() else {
            return Err(RpcError::new(
                Code::InvalidState,
                "cameras are being looked for already; try again in a moment",
            ));
        };
        let (addresses, scanned) = crate::discovery::rtsp_servers(&networks).await;
        let known: Vec<IpAddr> = self
            .cameras
            .read()
            .values()
            .filter_map(|known| camera_address::host_address(&known.source))
            .collect();
        let found = addresses
            .into_iter()
            .map(|found| Candidate {
                known: known.contains(&found.address.to_canonical()),
                source: format!("rtsp://{}/", found.address),
                description: found.server,
            })
            .chain(devices)
            .collect();
        Ok(Discovered { found, scanned })
    }
}

/// Resident memory of this process in bytes.
fn resident_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
