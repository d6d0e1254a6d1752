//! The engine that works with a MediaMTX server: it opens the cameras, streams and records; this configures it through
//! its API, looks at what it does every second, and gives its files their names. It is to run on the same machine and as
//! the same user, since it writes into the folder of recordings and starts ffmpeg for sources that it cannot read.

mod api;
mod breaker;
mod camera;
mod file;
mod hls;
mod http;
mod path;
mod recorder;
mod status;
mod still;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, broadcast};

use self::api::Api;
pub use self::breaker::BreakerOptions;
use self::camera::Camera;
pub(crate) use self::file::{adopt, is_hidden};
pub use self::hls::{LIVE_PARAMETERS, LiveServer};
pub use self::http::Answer;
use self::watch::Server;
use crate::EngineError;
use crate::cameras::Cameras;
use crate::engine::{
    CameraSpec, Engine, EngineEvent, Force, LiveStream, RecordingDone, RecordingNow, RecordingRequest,
    RecordingStarted, SnapshotTaken, StreamStatus, StreamUrls,
};
use crate::events::Events;
use crate::process::Children;

/// Names that mean every path to MediaMTX, whatever it is called.
const EVERY_PATH: [&str; 2] = ["all", "all_others"];

/// Where MediaMTX is and how it is worked with. `Debug` does not show the password.
#[derive(Clone)]
pub struct MediaMtxOptions {
    /// Its API, as `http://127.0.0.1:9997`.
    pub api: String,
    /// Its RTSP server, as this service and its clients reach it: `rtsp://127.0.0.1:8554`.
    pub rtsp: String,
    /// Its HLS server, as this service reaches it: `http://127.0.0.1:8888`.
    pub hls: String,
    /// Its WebRTC server, as clients reach it.
    pub webrtc: String,
    /// The user with which its API, its HLS server, reading and publishing is asked for, if it wants one.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<String>,
    /// The ffmpeg to run, here and by MediaMTX; `ffprobe` is taken from beside it.
    pub ffmpeg: PathBuf,
    /// Where recordings will go most likely: the first recording into another folder interrupts the stream for a moment.
    pub recordings: Option<PathBuf>,
    /// How often recordings will most likely go on in a new file.
    pub rotate_every: Option<Duration>,
    /// How far apart the key frames of a camera may be: MediaMTX begins a file with one, so that nothing is written until it comes.
    pub key_frame_within: Duration,
    /// How often it is looked at.
    pub poll: Duration,
    /// How long it may take to answer.
    pub answer_within: Duration,
    /// When it is left alone.
    pub breaker: BreakerOptions,
    /// First wait before a stream is asked for again that could not be read; doubles up to `longest_wait`.
    pub first_wait: Duration,
    /// Longest wait before a stream is asked for again.
    pub longest_wait: Duration,
}

impl Default for MediaMtxOptions {
    fn default() -> Self {
        Self {
            api: "http://127.0.0.1:9997".to_owned(),
            rtsp: "rtsp://127.0.0.1:8554".to_owned(),
            hls: "http://127.0.0.1:8888".to_owned(),
            webrtc: "http://127.0.0.1:8889".to_owned(),
            user: None,
            password: None,
            ffmpeg: PathBuf::from("ffmpeg"),
            recordings: None,
            rotate_every: None,
            key_frame_within: Duration::from_secs(40),
            poll: Duration::from_secs(1),
            answer_within: Duration::from_secs(5),
            breaker: BreakerOptions::default(),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for MediaMtxOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaMtxOptions")
            .field("api", &self.api)
            .field("rtsp", &self.rtsp)
            .field("user", &self.user)
            .field("ffmpeg", &self.ffmpeg)
            .finish_non_exhaustive()
    }
}

/// What all cameras of an engine share.
struct Shared {
    options: MediaMtxOptions,
    api: Api,
    hls: http::Server,
    live: hls::Live,
    server: Server,
    children: Children,
    events: Events,
    snapshots: Semaphore,
    cameras: Cameras<Camera>,
}

impl Shared {
    fn ffprobe(&self) -> PathBuf {
        self.options.ffmpeg.with_file_name("ffprobe")
    }
}

/// The engine `mediamtx`.
pub struct MediaMtxEngine {
    shared: Arc<Shared>,
}

impl MediaMtxEngine {
    /// Fails if MediaMTX does not answer. Recordings that an earlier run of the service left running are ended, so that
    /// [`recover`](crate::recover) can put them in order.
    pub async fn new(options: MediaMtxOptions) -> Result<Self, EngineError> {
        if options.ffmpeg.to_str().is_none_or(|path| path.contains('$')) {
            return Err(EngineError::Invalid(
                "the path of ffmpeg is to be in UTF-8 and without '$'".to_owned(),
            ));
        }
        path::reading("name", &options)?;
        let shared = Arc::new(Shared {
            api: Api::new(&options)?,
            hls: http::Server::new("HLS server", &options.hls, &options)?,
            live: hls::Live::default(),
            server: Server::default(),
            children: Children::new().await?,
            events: Events::new(),
            snapshots: Semaphore::new(crate::still::AT_ONCE),
            cameras: Cameras::default(),
            options,
        });
        shared.look().await?;
        shared.end_old_recordings().await?;
        tokio::spawn(watch::watch(Arc::downgrade(&shared), shared.server.stop.clone()));
        Ok(Self { shared })
    }
}

impl Drop for MediaMtxEngine {
    /// Without `shutdown`, everything is told to end, and nobody waits for it.
    fn drop(&mut self) {
        self.shared.server.stop.cancel();
        // Cameras know what they share, and it knows them.
        for camera in self.shared.cameras.take() {
            camera.tell_end();
        }
    }
}

#[async_trait]
impl Engine for MediaMtxEngine {
    fn kind(&self) -> &'static str {
        "mediamtx"
    }

    async fn health(&self) -> Result<(), EngineError> {
        self.shared.look_if_old().await
    }

    async fn live_health(&self) -> Result<(), EngineError> {
        self.shared.look_at_live().await
    }

    async fn add(&self, camera: CameraSpec) -> Result<(), EngineError> {
        let name = camera.name.clone();
        if EVERY_PATH.contains(&name.as_str()) {
            return Err(EngineError::Invalid(format!(
                "a camera cannot be named {name:?} with MediaMTX, to which that is every path; take another name"
            )));
        }
        let shared = &self.shared;
        let added = shared.cameras.add(&name, || Camera::start(camera, Arc::clone(shared)))?;
        match added.apply().await {
            // MediaMTX understands it and will not have it.
            Err(EngineError::Invalid(why)) => {
                // Somebody may have removed it by now.
                let _ = shared.cameras.remove(&name);
                added.end(Force::CameraRemoved).await;
                Err(EngineError::Invalid(why))
            }
            // It is configured when MediaMTX can be reached; status says what is missing.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn remove(&self, name: &str) -> Result<(), EngineError> {
        self.shared.cameras.remove(name)?.end(Force::CameraRemoved).await;
        self.shared.forget(name).await;
        Ok(())
    }

    async fn start_stream(&self, name: &str, within: Duration) -> Result<(), EngineError> {
        self.shared.cameras.get(name)?.start_stream(within).await
    }

    async fn stop_stream(&self, name: &str) -> Result<(), EngineError> {
        self.shared.cameras.get(name)?.stop_stream().await
    }

    fn status(&self, name: &str) -> Result<StreamStatus, EngineError> {
        Ok(self.shared.cameras.get(name)?.status())
    }

    fn urls(&self, name: &str) -> Result<StreamUrls, EngineError> {
        self.shared.cameras.get(name)?;
        let options = &self.shared.options;
        let at = |server: &str, rest: &str| Some(format!("{}/{name}{rest}", server.trim_end_matches('/')));
        Ok(StreamUrls { rtsp: at(&options.rtsp, ""), webrtc: at(&options.webrtc, "/") })
    }

    async fn snapshot(
        &self,
        name: &str,
        path: &Path,
        within: Duration,
    ) -> Result<SnapshotTaken, EngineError> {
        still::take(&self.shared.cameras.get(name)?, path, within).await
    }

    async fn start_recording(
        &self,
        name: &str,
        request: RecordingRequest,
    ) -> Result<RecordingStarted, EngineError> {
        self.shared.cameras.get(name)?.start_recording(request).await
    }

    async fn stop_recording(&self, name: &str) -> Result<RecordingDone, EngineError> {
        self.shared.cameras.get(name)?.recorder.stop(None).await
    }

    async fn force_end(&self, name: &str, force: Force) -> Result<RecordingDone, EngineError> {
        self.shared.cameras.get(name)?.recorder.stop(Some(force)).await
    }

    fn recording(&self, name: &str) -> Result<Option<RecordingNow>, EngineError> {
        Ok(self.shared.cameras.get(name)?.recorder.now())
    }

    fn live(&self, name: &str) -> Option<LiveStream> {
        self.shared.cameras.get(name).ok().map(|camera| LiveStream::Served(LiveServer(camera)))
    }

    fn events(&self) -> broadcast::Receiver<EngineEvent> {
        self.shared.events.subscribe()
    }

    async fn shutdown(&self, within: Duration) {
        let end = |camera: Arc<Camera>| async move {
            camera.end(Force::Shutdown).await;
            camera.shared.forget(&camera.name).await;
        };
        self.shared.cameras.end(within, end, Camera::tell_end).await;
        self.shared.server.stop.cancel();
    }
}
