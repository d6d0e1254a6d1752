//! The engine that needs no server: one supervised ffmpeg a camera writes a fragmented MP4 into a pipe, from which the
//! live view, the recordings and the snapshots are cut.

mod camera;
mod feed;
mod ingest;
mod recorder;
mod snapshot;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{Semaphore, broadcast};

use self::camera::Camera;
use crate::cameras::Cameras;
use crate::engine::{
    CameraSpec, Engine, EngineEvent, Force, LiveStream, RecordingDone, RecordingNow, RecordingRequest,
    RecordingStarted, SnapshotTaken, StreamStatus, StreamUrls,
};
use crate::events::Events;
use crate::process::{Children, Start, words};
use crate::{EngineError, LiveView, still};

/// Those who ask for the engine's health more often get the last answer, if it was good.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// How long ffmpeg may take to say what it can: a small machine that boots has much else to read.
const TRIAL: Duration = Duration::from_secs(10);

/// What the engine works with.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The ffmpeg to run; looked for in `PATH` if it is a mere name.
    pub ffmpeg: PathBuf,
    /// How long a source may take until its first second of video has come: that begins with a key frame, and some cameras send one
    /// in 30 s.
    pub open_within: Duration,
    /// A source from which nothing came for so long is opened again.
    pub stall: Duration,
    /// First wait before a source is opened again; doubles up to `longest_wait`.
    pub first_wait: Duration,
    /// Longest wait before a source is opened again.
    pub longest_wait: Duration,
    /// A recording that cannot be written to its disk for so long is ended. One that fails less long goes on in another file.
    pub disk_patience: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            ffmpeg: PathBuf::from("ffmpeg"),
            open_within: Duration::from_secs(40),
            stall: Duration::from_secs(15),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            disk_patience: Duration::from_secs(600),
        }
    }
}

/// What all cameras of an engine share.
struct Shared {
    options: EmbeddedOptions,
    children: Children,
    events: Events,
    snapshots: Semaphore,
}

/// The embedded engine.
pub struct EmbeddedEngine {
    shared: Arc<Shared>,
    cameras: Cameras<Camera>,
    /// When ffmpeg was last seen to work.
    seen_well: Mutex<Option<Instant>>,
}

impl EmbeddedEngine {
    /// Fails if there is no ffmpeg, or one that cannot encode H.264.
    pub async fn new(options: EmbeddedOptions) -> Result<Self, EngineError> {
        let shared = Arc::new(Shared {
            options,
            children: Children::new().await?,
            events: Events::new(),
            snapshots: Semaphore::new(still::AT_ONCE),
        });
        let engine = Self { shared, cameras: Cameras::default(), seen_well: Mutex::default() };
        engine.health().await?;
        Ok(engine)
    }
}

impl Drop for EmbeddedEngine {
    /// Without `shutdown`, everything is told to end, and nobody waits for it.
    fn drop(&mut self) {
        for camera in self.cameras.all() {
            camera.tell_end();
        }
    }
}

#[async_trait]
impl Engine for EmbeddedEngine {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    async fn health(&self) -> Result<(), EngineError> {
        let seen_well = *self.seen_well.lock().unwrap_or_else(PoisonError::into_inner);
        if seen_well.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return Ok(());
        }
        let arguments = words("-hide_banner -loglevel error -encoders");
        let start = Start::of(&self.shared.options.ffmpeg, arguments);
        let asked = self.shared.children.output(start, &[], 1 << 20, TRIAL).await;
        let encoders = asked.map_err(|error| {
            EngineError::Dependency(format!("{error}; is it there, and the right one? (apt install ffmpeg)"))
        })?;
        if String::from_utf8_lossy(&encoders).contains(" libx264 ") {
            *self.seen_well.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            return Ok(());
        }
        let ffmpeg = self.shared.options.ffmpeg.display();
        Err(EngineError::Dependency(format!("{ffmpeg} cannot encode H.264; it is to be built with libx264")))
    }

    /// It keeps them itself.
    async fn live_health(&self) -> Result<(), EngineError> {
        Ok(())
    }

    async fn add(&self, camera: CameraSpec) -> Result<(), EngineError> {
        let name = camera.name.clone();
        self.cameras.add(&name, || Ok(Camera::start(camera, Arc::clone(&self.shared))))?;
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), EngineError> {
        self.cameras.remove(name)?.end(Force::CameraRemoved).await;
        Ok(())
    }

    async fn start_stream(&self, name: &str, within: Duration) -> Result<(), EngineError> {
        self.cameras.get(name)?.start_stream(within).await
    }

    async fn stop_stream(&self, name: &str) -> Result<(), EngineError> {
        self.cameras.get(name)?.stop_stream().await
    }

    fn status(&self, name: &str) -> Result<StreamStatus, EngineError> {
        Ok(self.cameras.get(name)?.live.lock().status())
    }

    fn urls(&self, name: &str) -> Result<StreamUrls, EngineError> {
        self.cameras.get(name)?;
        Ok(StreamUrls::default())
    }

    async fn snapshot(
        &self,
        name: &str,
        path: &Path,
        within: Duration,
    ) -> Result<SnapshotTaken, EngineError> {
        snapshot::take(&self.cameras.get(name)?, path, within).await
    }

    async fn start_recording(
        &self,
        name: &str,
        request: RecordingRequest,
    ) -> Result<RecordingStarted, EngineError> {
        self.cameras.get(name)?.start_recording(request).await
    }

    async fn stop_recording(&self, name: &str) -> Result<RecordingDone, EngineError> {
        self.cameras.get(name)?.recorder.stop(None).await
    }

    async fn force_end(&self, name: &str, force: Force) -> Result<RecordingDone, EngineError> {
        self.cameras.get(name)?.recorder.stop(Some(force)).await
    }

    fn recording(&self, name: &str) -> Result<Option<RecordingNow>, EngineError> {
        Ok(self.cameras.get(name)?.recorder.now())
    }

    fn live(&self, name: &str) -> Option<LiveStream> {
        self.cameras.get(name).ok().map(|camera| LiveStream::Kept(LiveView(Arc::clone(&camera.live))))
    }

    fn events(&self) -> broadcast::Receiver<EngineEvent> {
        self.shared.events.subscribe()
    }

    async fn shutdown(&self, within: Duration) {
        let end = |camera: Arc<Camera>| async move { camera.end(Force::Shutdown).await };
        self.cameras.end(within, end, Camera::tell_end).await;
    }
}
