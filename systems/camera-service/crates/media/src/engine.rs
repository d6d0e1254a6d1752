//! What the service asks of a media engine, whichever it is. Knows nothing of ffmpeg, MediaMTX or JSON-RPC.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::broadcast;

use crate::source::{Resolution, Source};
use crate::{EngineError, LiveServer, LiveView, Moment};

/// Cameras, their streams, pictures and recordings. Every success is answered only after its effect has been seen.
/// Calls on one camera may run at once; calls on different cameras do not wait for each other.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The engine's name as the configuration writes it.
    fn kind(&self) -> &'static str;

    /// Whether the engine can work now.
    async fn health(&self) -> Result<(), EngineError>;

    /// Whether live views can work now, as far as is known; where the engine works and these do not, that is a trouble of its own.
    async fn live_health(&self) -> Result<(), EngineError>;

    /// Adds a camera and starts its stream. Answers at once: whether a picture comes, `status` and events say.
    async fn add(&self, camera: CameraSpec) -> Result<(), EngineError>;

    /// Ends the camera's recording and stream, and forgets it. Answers when none of its processes is left.
    async fn remove(&self, name: &str) -> Result<(), EngineError>;

    /// Starts the stream if it is stopped, and answers when the first picture has come or `within` has passed.
    async fn start_stream(&self, name: &str, within: Duration) -> Result<(), EngineError>;

    /// Stops the stream. A recording goes on, and keeps its source until it ends.
    async fn stop_stream(&self, name: &str) -> Result<(), EngineError>;

    /// What is known of the camera's stream.
    fn status(&self, name: &str) -> Result<StreamStatus, EngineError>;

    /// Addresses of the stream on this engine's own servers; `None` where it serves no such protocol.
    fn urls(&self, name: &str) -> Result<StreamUrls, EngineError>;

    /// Writes the camera's present picture as JPEG to `path` (replacing what is there), by a temporary name beside it.
    async fn snapshot(&self, name: &str, path: &Path, within: Duration)
    -> Result<SnapshotTaken, EngineError>;

    /// Starts recording; answers when the first second is in the file, or fails and leaves no file.
    async fn start_recording(
        &self,
        name: &str,
        request: RecordingRequest,
    ) -> Result<RecordingStarted, EngineError>;

    /// Ends the recording, as somebody asked for that; answers when its files are finished, with sizes and lengths as they are on the
    /// disk.
    async fn stop_recording(&self, name: &str) -> Result<RecordingDone, EngineError>;

    /// As [`Engine::stop_recording`], though nobody asked for it: it ends with [`RecordingEnd::Forced`].
    async fn force_end(&self, name: &str, force: Force) -> Result<RecordingDone, EngineError>;

    /// The recording that is running now, if any.
    fn recording(&self, name: &str) -> Result<Option<RecordingNow>, EngineError>;

    /// The camera's stream as HLS, which the caller serves to those who may see it; `None` if there is no such camera.
    fn live(&self, name: &str) -> Option<LiveStream>;

    /// What happens from now on. A receiver that is slow loses the oldest events and is told how many.
    fn events(&self) -> broadcast::Receiver<EngineEvent>;

    /// Ends every recording in order and every process; whatever is not done after `within` is ended anyway.
    async fn shutdown(&self, within: Duration);
}

/// A camera to be added.
#[derive(Debug, Clone)]
pub struct CameraSpec {
    /// `[a-z0-9][a-z0-9_-]{0,62}`; the caller has checked it.
    pub name: String,
    /// Where its pictures come from.
    pub source: Source,
}

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamState {
    /// Its source is being opened for the first time.
    Starting,
    /// Pictures are coming.
    Ready,
    /// Pictures came before; the source is being opened again.
    Reconnecting,
    /// The source could not be opened several times in a row. It is still tried.
    Failed,
    /// Nobody wants it.
    Stopped,
}

impl fmt::Display for StreamState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Reconnecting => "reconnecting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// What is known of a stream. `None` always means "not known", never zero.
#[derive(Debug, Clone)]
pub struct StreamStatus {
    /// Where it stands.
    pub state: StreamState,
    /// Since when it stands there.
    pub since: Moment,
    /// Why it is not ready, where that is known.
    pub reason: Option<String>,
    /// Who is watching.
    pub readers: u32,
    /// Bytes received since the camera was added.
    pub bytes_in: u64,
    /// Bytes sent to readers since the camera was added.
    pub bytes_out: u64,
    /// How long it has been ready without a break.
    pub uptime: Option<Duration>,
    /// The process that reads the source.
    pub process: Option<u32>,
    /// As seen in the stream.
    pub resolution: Option<Resolution>,
    /// Pictures a second, as seen in the stream.
    pub fps: Option<f64>,
    /// As seen in the stream, in the words of RFC 6381: `avc1.42c01f`.
    pub codec: Option<String>,
    /// How often the source ended or could not be opened since the camera was added.
    pub restarts: u64,
}

/// Where a stream can be watched on the engine's own servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamUrls {
    /// RTSP.
    pub rtsp: Option<String>,
    /// WebRTC (a page, or WHEP).
    pub webrtc: Option<String>,
}

/// A camera's stream as HLS.
pub enum LiveStream {
    /// Kept by the engine.
    Kept(LiveView),
    /// On a server of the engine's, from which it is to be passed on.
    Served(LiveServer),
}

/// A snapshot as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTaken {
    /// Its size.
    pub bytes: u64,
    /// Its size in pixels.
    pub resolution: Resolution,
    /// When its picture was taken, as far as can be told here.
    pub taken: Moment,
}

/// The container of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordingFormat {
    /// Fragmented MP4: plays at any moment, also after a kill.
    Fmp4,
    /// Fragmented MP4 while it is recorded; rewritten with its index at the front when it ends.
    Mp4,
    /// Matroska, rewritten as that when it ends; until then fragmented MP4.
    Mkv,
}

impl RecordingFormat {
    /// The ending of such a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Fmp4 | Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
        }
    }
}

/// Gives the name, without folder and ending, of a file begun at that time.
pub type NameFile = Arc<dyn Fn(Timestamp) -> String + Send + Sync>;

/// What to record.
#[derive(Clone)]
pub struct RecordingRequest {
    /// Where the files go; it exists.
    pub folder: PathBuf,
    /// The name of each file; if there is such a file already, `_2`, `_3` ... is appended.
    pub name_file: NameFile,
    /// The container.
    pub format: RecordingFormat,
    /// The recording ends by itself at this length.
    pub duration: Option<Duration>,
    /// A new file is begun when the present one has this length.
    pub rotate_every: Option<Duration>,
    /// A new file is begun before the present one gets larger than this many bytes.
    pub rotate_bytes: Option<u64>,
    /// How long the first second may take to come.
    pub within: Duration,
}

impl fmt::Debug for RecordingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, name_file: _, format, duration, rotate_every, rotate_bytes, within } = self;
        f.debug_struct("RecordingRequest")
            .field("folder", folder)
            .field("format", format)
            .field("duration", duration)
            .field("rotate_every", rotate_every)
            .field("rotate_bytes", rotate_bytes)
            .field("within", within)
            .finish_non_exhaustive()
    }
}

/// A recording that has begun: its first second is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingStarted {
    /// Its first file.
    pub path: PathBuf,
    /// When its first picture was taken, as far as the service can tell.
    pub started: Timestamp,
    /// Its container.
    pub format: RecordingFormat,
}

/// A recording that is running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingNow {
    /// Its first file.
    pub first: PathBuf,
    /// The file written now; `None` while the source is away and no new file has been begun.
    pub path: Option<PathBuf>,
    /// When the recording began.
    pub started: Moment,
    /// Its container.
    pub format: RecordingFormat,
    /// Length of all its files so far.
    pub duration: Duration,
    /// Length of what is in its first file from before it was asked for: a file begins with a key frame.
    pub lead: Duration,
    /// Bytes of all its files so far.
    pub bytes: u64,
    /// The length that was asked for.
    pub wanted: Option<Duration>,
    /// Where it was not written meanwhile, and whether it is now.
    pub gaps: Gaps,
}

impl RecordingNow {
    /// What is missing of it already: the time in which nothing was written.
    #[must_use]
    pub fn missing(&self) -> Duration {
        self.gaps.total + self.gaps.present.map_or(Duration::ZERO, |gap| gap.since.elapsed())
    }
}

/// The times in which a recording was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gaps {
    /// How many there were, the present one counted.
    pub count: u32,
    /// How long those took together that are over.
    pub total: Duration,
    /// Why the last one was.
    pub cause: Option<GapCause>,
    /// The one that it is in now.
    pub present: Option<Gap>,
}

/// A time in which a recording is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub cause: GapCause,
    /// From the last picture on.
    pub since: Moment,
}

/// Why a recording is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapCause {
    /// No pictures come from the camera.
    SourceLost,
    /// The server that writes it does not answer.
    ServerLost,
    /// Pictures come, and nothing is written: the disk does not take them, or the server that should write them does not.
    NothingWritten,
}

/// One finished file of a recording, as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedFile {
    /// Where it is.
    pub path: PathBuf,
    /// When its first picture was taken.
    pub started: Timestamp,
    /// When it was finished.
    pub ended: Timestamp,
    /// Its length.
    pub duration: Duration,
    /// Its size.
    pub bytes: u64,
    /// What it is: `Fmp4` where rewriting failed; its name ends accordingly.
    pub format: RecordingFormat,
}

/// Why a recording was ended that nobody asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// The disk has no room for more.
    FullDisk,
    /// The engine is shut down.
    Shutdown,
    /// Its camera is removed.
    CameraRemoved,
}

/// Why a recording ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingEnd {
    /// Somebody asked for that.
    Stopped,
    /// It had the length that was asked for.
    Complete,
    /// Its source was away for too long: the time was up in which it should have had the length that was asked for.
    TimeUp,
    /// Nobody asked for that.
    Forced(Force),
    /// It could not go on; its files up to then are kept.
    Failed(String),
}

/// A recording that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingDone {
    /// Its files in order. Several where it was rotated or its source was lost meanwhile.
    pub files: Vec<RecordedFile>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// Length of all files together.
    pub duration: Duration,
    /// Length of what is in its first file from before it was asked for: a file begins with a key frame.
    pub lead: Duration,
    /// Size of all files together.
    pub bytes: u64,
    /// Its container, as asked for.
    pub format: RecordingFormat,
    /// The length that was asked for, or what there would be without gaps: from its beginning until it was stopped.
    pub wanted: Duration,
    /// Where it was not written meanwhile.
    pub gaps: Gaps,
    /// Why it ended.
    pub end: RecordingEnd,
}

impl RecordingDone {
    /// The length of what was recorded of what was wanted.
    #[must_use]
    pub fn got(&self) -> Duration {
        self.duration.saturating_sub(self.lead)
    }

    /// What is missing of what was wanted, in whole; a camera's clock alone makes some of it.
    #[must_use]
    pub fn missing(&self) -> Duration {
        self.wanted.saturating_sub(self.got())
    }

    /// Whether more is missing than a camera's clock makes (1 %) and what is under way when it is stopped (2 s).
    #[must_use]
    pub fn falls_short(&self) -> bool {
        self.missing() > Duration::from_secs(2) + self.wanted / 100
    }
}

/// What happens in an engine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EngineEvent {
    /// Pictures come.
    SourceUp {
        /// Which.
        camera: String,
    },
    /// No more pictures come; it is tried again unless the stream was stopped (`reason` is `None` then).
    SourceDown {
        /// Which.
        camera: String,
        /// Why.
        reason: Option<String>,
    },
    /// A recording began.
    RecordingStarted {
        /// Which.
        camera: String,
        /// Its beginning.
        recording: RecordingStarted,
    },
    /// A file of a recording was begun.
    RecordingFileStarted {
        /// Which.
        camera: String,
        /// Where.
        path: PathBuf,
    },
    /// A file of a recording is finished.
    RecordingFileFinished {
        /// Which.
        camera: String,
        /// The file.
        file: RecordedFile,
    },
    /// Nothing is written of a recording any more; it goes on as soon as that can be.
    RecordingInterrupted {
        /// Which.
        camera: String,
        /// Why, and since when.
        gap: Gap,
    },
    /// A recording is written again.
    RecordingResumed {
        /// Which.
        camera: String,
        /// How long nothing was written.
        gap: Duration,
    },
    /// A recording ended, for whatever reason (`recording.end`).
    RecordingEnded {
        /// Which.
        camera: String,
        /// All of it.
        recording: RecordingDone,
    },
}

impl EngineEvent {
    /// The camera it is about.
    #[must_use]
    pub fn camera(&self) -> &str {
        match self {
            Self::SourceUp { camera }
            | Self::SourceDown { camera, .. }
            | Self::RecordingStarted { camera, .. }
            | Self::RecordingFileStarted { camera, .. }
            | Self::RecordingFileFinished { camera, .. }
            | Self::RecordingInterrupted { camera, .. }
            | Self::RecordingResumed { camera, .. }
            | Self::RecordingEnded { camera, .. } => camera,
        }
    }
}
