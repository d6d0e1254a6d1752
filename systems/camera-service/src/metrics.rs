//! What is counted, and how Prometheus reads it.

use std::fmt::Write as _;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::contract::{Code, Coverage, METHODS, ShortfallCause};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByMethod {
    method: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCode {
    code: i32,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByCause {
    cause: &'static str,
}

/// Counted in parts of a second.
type Seconds = Counter<f64, AtomicU64>;

/// The service's own counters.
pub struct Metrics {
    calls: Family<ByMethod, Counter>,
    errors: Family<ByCode, Counter>,
    /// Connections at this moment.
    pub connections: Gauge,
    /// Snapshots that were taken.
    pub snapshots: Counter,
    /// Recordings that were begun.
    pub recordings: Counter,
    /// Recordings that ended otherwise than asked, or with less than was wanted.
    pub recordings_failed: Counter,
    /// The same by why.
    shortfalls: Family<ByCause, Counter>,
    /// How often nothing was written of a recording for a while.
    pub recording_interruptions: Counter,
    /// Seconds wanted of recordings that ended.
    seconds_wanted: Seconds,
    /// Seconds got of them.
    seconds_got: Seconds,
    /// Seconds missing of them.
    pub seconds_missing: Seconds,
    registry: Registry,
}

/// Values that are read when they are asked for.
pub struct Readings {
    /// Seconds since the service started.
    pub uptime: f64,
    /// Notifications sent and lost.
    pub notifications: (u64, u64),
    /// Each camera: whether it delivers, bytes received, bytes sent, readers, restarts, whether it records.
    pub cameras: Vec<CameraReading>,
    /// Whether the clock is trusted.
    pub clock_trusted: bool,
    /// Free and total bytes of the disk of recordings; none if they could not be read.
    pub disk: Option<(u64, u64)>,
    /// Components: name and 1 if well.
    pub components: Vec<(&'static str, bool)>,
    /// Resident memory in bytes.
    pub memory: Option<u64>,
}

/// One camera's values.
pub struct CameraReading {
    /// Its name.
    pub device: String,
    /// Whether pictures come.
    pub up: bool,
    /// Whether it is being recorded now.
    pub recording: bool,
    /// Whether a recording of it is interrupted.
    pub interrupted: bool,
    /// Bytes received.
    pub received: u64,
    /// Bytes sent to readers.
    pub sent: u64,
    /// Readers.
    pub readers: u64,
    /// How often its source was lost.
    pub restarts: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByDevice {
    device: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ByComponent {
    component: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("camera_service");
        let calls = Family::<ByMethod, Counter>::default();
        let errors = Family::<ByCode, Counter>::default();
        // Each is there from the start, so that an alert on it can be written before it ever counts.
        for method in METHODS {
            drop(calls.get_or_create(&ByMethod { method: method.name }));
        }
        for (code, _) in Code::ALL {
            drop(errors.get_or_create(&ByCode { code: code.number() }));
        }
        let shortfalls = Family::<ByCause, Counter>::default();
        for (_, cause, _) in ShortfallCause::ALL {
            drop(shortfalls.get_or_create(&ByCause { cause }));
        }
        let metrics = Metrics {
            recording_interruptions: Counter::default(),
            seconds_wanted: Seconds::default(),
            seconds_got: Seconds::default(),
            seconds_missing: Seconds::default(),
            shortfalls: shortfalls.clone(),
            connections: Gauge::default(),
            snapshots: Counter::default(),
            recordings: Counter::default(),
            recordings_failed: Counter::default(),
            calls: calls.clone(),
            errors: errors.clone(),
            registry: Registry::default(),
        };
        registry.register("calls", "Calls by method", calls);
        registry.register("call_errors", "Calls answered with an error, by code", errors);
        registry.register("connections", "WebSocket connections", metrics.connections.clone());
        registry.register("snapshots", "Snapshots taken", metrics.snapshots.clone());
        registry.register("recordings", "Recordings begun", metrics.recordings.clone());
        registry.register(
            "recordings_failed",
            "Recordings that ended otherwise than asked, or with less than was wanted",
            metrics.recordings_failed.clone(),
        );
        registry.register("recording_shortfalls", "The same by cause", shortfalls);
        registry.register(
            "recording_interruptions",
            "How often nothing was written of a recording for a while",
            metrics.recording_interruptions.clone(),
        );
        for (name, help, seconds) in [
            ("recording_wanted_seconds", "Seconds wanted of recordings that ended", &metrics.seconds_wanted),
            ("recording_got_seconds", "Seconds got of recordings that ended", &metrics.seconds_got),
            (
                "recording_missing_seconds",
                "Seconds missing of recordings that ended",
                &metrics.seconds_missing,
            ),
        ] {
            registry.register(name, help, seconds.clone());
        }
        Metrics { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a call by the name it has in the contract.
    pub fn count_call(&self, method: &'static str) {
        self.calls.get_or_create(&ByMethod { method }).inc();
    }

    /// Counts an answer that is an error.
    pub fn count_error(&self, code: Code) {
        self.errors.get_or_create(&ByCode { code: code.number() }).inc();
    }

    /// Counts a recording that ended.
    pub fn count_recording(&self, coverage: &Coverage) {
        let counted = [
            (&self.seconds_wanted, coverage.seconds_wanted),
            (&self.seconds_got, coverage.seconds_got),
            (&self.seconds_missing, coverage.seconds_missing),
        ];
        for (counter, seconds) in counted {
            // Whatever is not known is not counted; a counter only grows.
            counter.inc_by(seconds.unwrap_or_default().max(0.0));
        }
        if let Some(cause) = coverage.cause {
            self.recordings_failed.inc();
            self.shortfalls.get_or_create(&ByCause { cause: cause.name() }).inc();
        }
    }

    /// Calls by method, those that were made.
    pub fn calls(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        METHODS
            .iter()
            .map(|method| (method.name, self.calls.get_or_create(&ByMethod { method: method.name }).get()))
    }

    /// Errors by code.
    pub fn errors(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        Code::ALL.iter().map(|(code, _)| {
            let code = code.number();
            (code, self.errors.get_or_create(&ByCode { code }).get())
        })
    }

    /// All of it in Prometheus' text format (OpenMetrics 1.0).
    #[must_use]
    pub fn render(&self, readings: &Readings) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail; a metric that cannot be encoded leaves the text short of its end mark.
        if text::encode_registry(&mut text, &self.registry).is_err()
            || text::encode(&mut text, &readings_registry(readings)).is_err()
        {
            let _ = writeln!(text, "# incomplete");
        }
        text
    }
}

fn readings_registry(readings: &Readings) -> Registry {
    let mut registry = Registry::with_prefix("camera_service");
    registry.register(
        "uptime_seconds",
        "Seconds since the service started",
        ConstGauge::new(readings.uptime),
    );
    registry.register("notifications", "Notifications sent", ConstCounter::new(readings.notifications.0));
    registry.register(
        "notifications_lost",
        "Notifications that slow subscribers lost",
        ConstCounter::new(readings.notifications.1),
    );
    registry.register(
        "clock_trusted",
        "1 where the kernel says that something keeps the clock right",
        gauge(u64::from(readings.clock_trusted)),
    );
    if let Some((free, total)) = readings.disk {
        registry.register("disk_free_bytes", "Free bytes of the disk of recordings", gauge(free));
        registry.register("disk_total_bytes", "Bytes of the disk of recordings", gauge(total));
    }
    if let Some(memory) = readings.memory {
        registry.register("memory_bytes", "Resident memory, media processes not counted", gauge(memory));
    }
    let components = Family::<ByComponent, Gauge>::default();
    for (component, well) in &readings.components {
        components.get_or_create(&ByComponent { component }).set(i64::from(*well));
    }
    registry.register("component_up", "1 where the component is well", components);
    type OfCamera = fn(&CameraReading) -> u64;
    let gauges: [(&str, &str, OfCamera); 4] = [
        ("camera_up", "1 where pictures come", |camera| u64::from(camera.up)),
        ("camera_recording", "1 where the camera is being recorded", |camera| u64::from(camera.recording)),
        ("camera_recording_interrupted", "1 where a recording is not being written", |camera| {
            u64::from(camera.interrupted)
        }),
        ("camera_readers", "Who is watching", |camera| camera.readers),
    ];
    for (name, help, of) in gauges {
        let family = Family::<ByDevice, Gauge>::default();
        for camera in &readings.cameras {
            let value = i64::try_from(of(camera)).unwrap_or(i64::MAX);
            family.get_or_create(&ByDevice { device: camera.device.clone() }).set(value);
        }
        registry.register(name, help, family);
    }
    let counters: [(&str, &str, OfCamera); 3] = [
        ("camera_received_bytes", "Bytes received from the camera", |camera| camera.received),
        ("camera_sent_bytes", "Bytes sent to who is watching", |camera| camera.sent),
        ("camera_restarts", "How often the source was lost", |camera| camera.restarts),
    ];
    for (name, help, of) in counters {
        let family = Family::<ByDevice, Counter<u64, AtomicU64>>::default();
        for camera in &readings.cameras {
            family.get_or_create(&ByDevice { device: camera.device.clone() }).inc_by(of(camera));
        }
        registry.register(name, help, family);
    }
    registry
}

fn gauge(value: u64) -> ConstGauge<i64> {
    ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX))
}
