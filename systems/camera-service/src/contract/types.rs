//! The parameters and results of the calls. Field names are the contract's; times are RFC 3339 in UTC, sizes bytes.

use std::collections::BTreeMap;

use camera_access::Role;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AtMost, Topic};

/// Topics that one call may name, repetitions counted.
pub const MAX_TOPICS: usize = 32;
/// Cameras to which one subscription may be narrowed.
pub const MAX_FILTERS: usize = 64;
/// Calls in one batch, at most.
pub const MAX_BATCH: usize = 100;

/// No parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Who asks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// A JSON Web Token or an API key.
    pub auth_token: String,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(***)")
    }
}

/// Who this connection now is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Authenticated {
    /// Always true; a refusal is an error.
    pub authenticated: bool,
    /// The role.
    #[schemars(with = "RoleName")]
    pub role: Role,
    /// The calls that this role may make.
    pub permissions: Vec<&'static str>,
    /// When the identity ends; null: when it is revoked.
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Timestamp>,
    /// By which this session is named and revoked.
    pub session_id: String,
}

/// A role's name.
#[derive(JsonSchema)]
#[schemars(rename = "Role", rename_all = "lowercase")]
pub enum RoleName {
    /// Sees.
    Viewer,
    /// Records, streams, deletes files.
    Operator,
    /// Adds cameras, changes the configuration.
    Admin,
}

/// One camera.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The camera's name.
    pub device: String,
}

/// What a camera does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CameraState {
    /// It delivers pictures.
    Connected,
    /// It is being started.
    Connecting,
    /// It delivers nothing.
    Disconnected,
    /// Its stream was stopped on purpose.
    Stopped,
}

/// One camera.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Camera {
    /// The name by which calls name it.
    pub device: String,
    /// What it does.
    pub status: CameraState,
    /// The name for people.
    pub name: String,
    /// Width x height of the pictures; null: not known.
    pub resolution: Option<String>,
    /// Pictures a second; null: not known.
    pub fps: Option<f64>,
    /// Where its pictures are to be had.
    pub streams: StreamUrls,
    /// Whether it is being recorded now; false also while a recording is interrupted.
    pub recording: bool,
    /// The recording that runs, or the last one since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_state: Option<RecordingState>,
    /// Why it delivers nothing, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Addresses of a stream; null: not offered by this media engine.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct StreamUrls {
    /// RTSP.
    pub rtsp: Option<String>,
    /// WebRTC (WHEP).
    pub webrtc: Option<String>,
    /// HLS.
    pub hls: Option<String>,
}

/// The cameras.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CameraList {
    /// By name.
    pub cameras: Vec<Camera>,
    /// How many.
    pub total: usize,
    /// How many deliver pictures.
    pub connected: usize,
}

/// One camera and what it has sent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CameraStatus {
    /// The camera.
    #[serde(flatten)]
    pub camera: Camera,
    /// What it has sent.
    pub metrics: StreamMetrics,
}

/// What a stream has sent.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamMetrics {
    /// Bytes sent to readers.
    pub bytes_sent: u64,
    /// Readers at this moment.
    pub readers: u64,
    /// Seconds since the stream was last started; null: it does not run.
    pub uptime: Option<f64>,
}

/// What a camera can do; null: not known.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Capabilities {
    /// The camera.
    pub device: String,
    /// Pixel or stream formats.
    pub formats: Option<Vec<String>>,
    /// Width x height.
    pub resolutions: Option<Vec<String>>,
    /// Pictures a second.
    pub fps_options: Option<Vec<f64>>,
    /// How this is known.
    pub validation_status: Validation,
}

/// How capabilities are known.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Validation {
    /// Asked from the device.
    Probed,
    /// As the running stream shows them.
    Observed,
    /// They are not known.
    NotKnown,
}

/// The streams.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Streams {
    /// By camera.
    pub streams: Vec<StreamStatus>,
    /// How many.
    pub total: usize,
}

/// One stream.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamStatus {
    /// The camera.
    pub device: String,
    /// The stream's name with the media engine.
    pub stream_name: String,
    /// What it does.
    pub status: CameraState,
    /// Whether it can be watched now.
    pub ready: bool,
    /// Readers at this moment.
    pub readers: u64,
    /// Bytes sent to readers.
    pub bytes_sent: u64,
    /// Bytes got from the camera.
    pub bytes_received: u64,
    /// Where it is to be had.
    pub streams: StreamUrls,
    /// What feeds it; null: nothing at the moment.
    pub process: Option<StreamProcess>,
    /// Why it is not ready, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The process that feeds a stream.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamProcess {
    /// Its number.
    pub pid: u32,
}

/// Where one camera's stream is to be had.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamUrl {
    /// The camera.
    pub device: String,
    /// The best of them for a browser.
    pub stream_url: Option<String>,
    /// All of them.
    pub streams: StreamUrls,
    /// Whether it can be watched now.
    pub ready: bool,
    /// When the signed links end.
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Timestamp>,
}

/// A stream that runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamStarted {
    /// The camera.
    pub device: String,
    /// The stream's name with the media engine.
    pub stream_name: String,
    /// Where it is to be had.
    pub stream_url: Option<String>,
    /// `started`, or `already_running`.
    pub status: &'static str,
    /// When.
    #[schemars(with = "String")]
    pub start_time: Timestamp,
}

/// A stream that no longer runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StreamStopped {
    /// The camera.
    pub device: String,
    /// The stream's name with the media engine.
    pub stream_name: String,
    /// `stopped`, or `not_running`.
    pub status: &'static str,
}

/// A picture to take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotRequest {
    /// The camera.
    pub device: String,
    /// The file's name, which ends in `.jpg`; without it, camera and time.
    #[serde(default)]
    pub filename: Option<String>,
}

/// A picture that was taken.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SnapshotTaken {
    /// The camera.
    pub device: String,
    /// The file's name.
    pub filename: String,
    /// `completed`.
    pub status: &'static str,
    /// When its picture was taken, as far as the service can tell.
    #[schemars(with = "String")]
    pub timestamp: Timestamp,
    /// Bytes.
    pub file_size: u64,
    /// Where it lies on the service's machine.
    pub file_path: String,
}

/// A recording to begin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingRequest {
    /// The camera.
    pub device: String,
    /// Seconds after which it ends by itself, 1 to 86,400; without it, when it is stopped.
    #[serde(default)]
    pub duration: Option<u64>,
    /// The file's form; `fmp4` where nothing is said.
    #[serde(default)]
    pub format: RecordingFormat,
}

/// A recording's file form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordingFormat {
    /// Fragmented MP4: can be played whenever the power goes.
    #[default]
    Fmp4,
    /// MP4, put together at the end; until then fragmented.
    Mp4,
    /// Matroska, put together at the end; until then fragmented MP4, and it stays that, as `.mp4`, if the service is killed
    /// or the disk is full.
    Mkv,
}

/// A recording that runs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RecordingStarted {
    /// The camera.
    pub device: String,
    /// The file's name; a long recording goes on in further files.
    pub filename: String,
    /// `recording`.
    pub status: &'static str,
    /// When its first picture was taken; before it was asked for, where the camera's key frames are far apart.
    #[schemars(with = "String")]
    pub start_time: Timestamp,
    /// The file's form.
    pub format: RecordingFormat,
}

/// A recording that ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RecordingStopped {
    /// The camera.
    pub device: String,
    /// The first file's name.
    pub filename: String,
    /// All its files, in order.
    pub filenames: Vec<String>,
    /// `stopped`; `incomplete` if there is less than was wanted.
    pub status: &'static str,
    /// When it began.
    #[schemars(with = "String")]
    pub start_time: Timestamp,
    /// When it ended.
    #[schemars(with = "String")]
    pub end_time: Timestamp,
    /// Seconds of pictures.
    pub duration: f64,
    /// Bytes of all its files.
    pub file_size: u64,
    /// The files' form.
    pub format: RecordingFormat,
    /// How much there is of what was wanted.
    #[serde(flatten)]
    pub coverage: Coverage,
}

/// How much there is of a recording, of how much was wanted, and why not all; null: not known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Seconds that were asked for; without a duration, from the beginning until it was stopped (null while it runs).
    pub seconds_wanted: Option<f64>,
    /// Seconds of pictures that there are of them. What a file holds from before it was asked for, from a key frame on, is not counted.
    pub seconds_got: Option<f64>,
    /// Seconds that are missing.
    pub seconds_missing: Option<f64>,
    /// How often nothing was written for a while.
    pub interruptions: u32,
    /// Why it is interrupted, or why less came than was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<ShortfallCause>,
    /// The same in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why there is less of a recording than was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortfallCause {
    /// No pictures came from the camera.
    SourceLost,
    /// The media engine's server did not answer.
    EngineLost,
    /// Pictures came, and nothing was written: the disk did not take them, or the media engine's server did not.
    NothingWritten,
    /// Fewer pictures came than time passed, with no interruption that was noticed.
    TooFewPictures,
    /// The disk reached its blocking level.
    DiskFull,
    /// The service was stopped.
    ServiceStopped,
    /// The service was killed, or lost its power.
    ServiceKilled,
    /// The camera was removed.
    CameraRemoved,
    /// It could not go on.
    Failed,
}

impl ShortfallCause {
    /// Each, with its name and its words.
    pub const ALL: [(ShortfallCause, &'static str, &'static str); 9] = [
        (Self::SourceLost, "source_lost", "no pictures came from the camera"),
        (Self::EngineLost, "engine_lost", "the media engine's server did not answer"),
        (Self::NothingWritten, "nothing_written", "pictures came, and nothing was written"),
        (Self::TooFewPictures, "too_few_pictures", "fewer pictures came than time passed"),
        (Self::DiskFull, "disk_full", "the disk reached its blocking level"),
        (Self::ServiceStopped, "service_stopped", "the service was stopped"),
        (
            Self::ServiceKilled,
            "service_killed",
            "the service was killed, or lost its power, while it was recorded",
        ),
        (Self::CameraRemoved, "camera_removed", "the camera was removed"),
        (Self::Failed, "failed", "it could not go on"),
    ];

    /// Its name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(cause, ..)| *cause == self).map_or("", |(_, name, _)| name)
    }

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        Self::ALL.iter().find(|(cause, ..)| *cause == self).map_or("", |(.., words)| words)
    }
}

/// A recording's state.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RecordingState {
    /// `recording`, or `interrupted` while nothing is written; once ended, `stopped`, `incomplete` if there is less than was wanted, or
    /// `error` if it could not go on.
    pub status: &'static str,
    /// The file's name.
    pub filename: String,
    /// Seconds of pictures, once ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Bytes, once ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// When its first picture was taken, by the clock as it is now.
    #[schemars(with = "String")]
    pub start_time: Timestamp,
    /// How much there is of what was wanted.
    #[serde(flatten)]
    pub coverage: Coverage,
}

/// A part of a list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Page {
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u64,
    /// How many to leave out.
    pub offset: u64,
}

impl Default for Page {
    fn default() -> Self {
        Page { limit: 50, offset: 0 }
    }
}

/// Files, newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileList {
    /// Those of this page.
    pub files: Vec<ListedFile>,
    /// How many there are.
    pub total: usize,
    /// As asked.
    pub limit: u64,
    /// As asked.
    pub offset: u64,
}

/// A file of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedFile {
    /// Its name.
    pub filename: String,
    /// Bytes.
    pub file_size: u64,
    /// When it was last written.
    #[schemars(with = "String")]
    pub modified_time: Timestamp,
    /// A link that ends after five minutes.
    pub download_url: String,
    /// Of a recording of which there is less than was wanted, all its files together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Coverage>,
}

/// One file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its name, at most 255 bytes.
    pub filename: String,
}

/// One file.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileInfo {
    /// Its name.
    pub filename: String,
    /// Bytes.
    pub file_size: u64,
    /// Seconds; null: not a recording, or not known.
    pub duration: Option<f64>,
    /// When it was made: by its name, or else when it was last written.
    #[schemars(with = "String")]
    pub created_time: Timestamp,
    /// A link that ends after five minutes.
    pub download_url: String,
    /// Of a recording of which there is less than was wanted, all its files together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Coverage>,
}

/// A file that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Deleted {
    /// Its name.
    pub filename: String,
    /// Always true; otherwise it is an error.
    pub deleted: bool,
    /// For people.
    pub message: String,
}

/// A camera to add.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCamera {
    /// Lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// `rtsp://`, `http://`, `https://`, `/dev/videoN`, a name in `/dev/v4l/by-id` or `/dev/v4l/by-path`, or `test:pattern`.
    pub source: String,
}

/// The configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConfigView {
    /// As it is in force, secrets masked.
    pub config: serde_json::Value,
    /// Keys that are changed but take effect with the next start.
    pub needs_restart: Vec<String>,
}

/// Changes to the configuration.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigPatch {
    /// The keys to change, nested as in the configuration file.
    pub patch: serde_json::Value,
}

/// The disk and what lies on it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StorageInfo {
    /// Bytes of the file system.
    pub total_bytes: u64,
    /// Bytes free for the service.
    pub free_bytes: u64,
    /// Share of the file system in use, in percent.
    pub used_percent: f64,
    /// Bytes of recordings.
    pub recordings_bytes: u64,
    /// Number of recordings.
    pub recordings: u64,
    /// Bytes of snapshots.
    pub snapshots_bytes: u64,
    /// Number of snapshots.
    pub snapshots: u64,
    /// `ok`, `warning` or `blocking`.
    pub level: &'static str,
    /// Percent at which it warns.
    pub warn_percent: f64,
    /// Percent at which nothing more is written.
    pub block_percent: f64,
    /// How long files are kept.
    pub retention: RetentionPolicy,
}

/// How long files are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetentionPolicy {
    /// What decides.
    pub policy: RetentionKind,
    /// With `age`: how old a file may get, such as `30 d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// With `size`: how much all files may take, such as `0.5 GB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
}

/// What decides how long files are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetentionKind {
    /// Their age.
    Age,
    /// What they take together.
    Size,
    /// Nothing is removed by itself.
    Manual,
}

/// What a clean-up removed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CleanedUp {
    /// Names of the files that are gone.
    pub removed: Vec<String>,
    /// Bytes that they took.
    pub bytes_freed: u64,
    /// Files that were to go and are still there.
    pub failed: Vec<NotRemoved>,
}

/// A file that could not be removed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NotRemoved {
    /// Its name.
    pub filename: String,
    /// Why.
    pub reason: String,
}

/// Numbers about the service.
#[derive(Debug, Serialize, JsonSchema)]
pub struct MetricsView {
    /// Seconds since the service started.
    pub uptime: f64,
    /// Connections at this moment.
    pub connections: u64,
    /// Calls by method since the start.
    pub calls: BTreeMap<&'static str, u64>,
    /// Calls that were answered with an error, by code.
    pub errors: BTreeMap<String, u64>,
    /// Notifications delivered.
    pub notifications: u64,
    /// Notifications that slow subscribers lost.
    pub notifications_lost: u64,
    /// Recordings that were begun.
    pub recordings: u64,
    /// Recordings that ended otherwise than asked.
    pub recordings_failed: u64,
    /// Seconds missing of all recordings that ended.
    pub recording_seconds_missing: f64,
    /// Resident memory of the service in bytes, media processes not counted; null: not known.
    pub memory_bytes: Option<u64>,
}

impl Component {
    /// Why, as everybody may know it.
    pub(super) fn public_reason(&self) -> &'static str {
        match self.state {
            "degraded" => "not all of it works; an administrator is told why",
            _ => "it does not work; an administrator is told why",
        }
    }
}

/// What a component does.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Component {
    /// Its name.
    pub name: &'static str,
    /// `ok`, `degraded` or `failed`.
    pub state: &'static str,
    /// Why, if not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether the clock is right, as far as the kernel knows.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ClockView {
    /// Something keeps it right. Until then, names and times of files may be wrong, and no file is removed for its age.
    pub trusted: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The components.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServiceStatus {
    /// As `get_system_status` says.
    pub status: SystemState,
    /// Each of them.
    pub components: Vec<Component>,
    /// The clock.
    pub clock: ClockView,
    /// Seconds since the service started.
    pub uptime: f64,
    /// Its version.
    pub version: &'static str,
}

/// Whether the service works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SystemState {
    /// It is being started.
    Starting,
    /// It works, but not all of it.
    Partial,
    /// It works.
    Ready,
}

/// Whether the service works.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SystemStatus {
    /// In a word.
    pub status: SystemState,
    /// Components that are not well.
    pub problems: Vec<Component>,
    /// The clock.
    pub clock: ClockView,
}

/// What this service is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ServerInfo {
    /// `camera-service`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The media engine.
    pub engine: &'static str,
    /// Recording formats.
    pub formats: Vec<RecordingFormat>,
    /// Topics to subscribe to.
    pub topics: Vec<Topic>,
    /// Its limits.
    pub limits: Limits,
}

/// The service's limits.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Limits {
    /// Bytes of a message.
    pub max_message_bytes: u64,
    /// Calls in a batch.
    pub max_batch: usize,
    /// Connections at once.
    pub max_connections: u64,
    /// Calls a minute and identity.
    pub requests_per_minute: u64,
    /// Calls beyond that in a row.
    pub burst: u64,
}

/// Topics to be told of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// At least one.
    pub topics: AtMost<MAX_TOPICS, Topic>,
    /// Only what passes.
    #[serde(default)]
    pub filters: Option<Filters>,
}

/// Narrows a subscription.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Filters {
    /// Only these cameras; empty: all. A camera's name has at most 63 bytes.
    #[serde(default)]
    pub devices: AtMost<MAX_FILTERS, String>,
}

/// Topics to be no longer told of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// Without them: all.
    #[serde(default)]
    pub topics: Option<AtMost<MAX_TOPICS, Topic>>,
}

/// The subscriptions of this connection.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Subscribed {
    /// All topics it is now subscribed to.
    pub topics: Vec<Topic>,
}

/// The subscriptions of this connection and what came of them.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SubscriptionStats {
    /// All topics it is subscribed to.
    pub topics: Vec<Topic>,
    /// Notifications sent to it.
    pub delivered: u64,
    /// Notifications it lost because it read too slowly.
    pub lost: u64,
    /// Subscribed connections of the service.
    pub subscribers: u64,
}

/// What was found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Discovered {
    /// Candidates that could be added.
    pub found: Vec<Candidate>,
    /// Addresses that were asked.
    pub scanned: u64,
}

/// A camera that could be added.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Candidate {
    /// Its source, as `add_camera` takes it.
    pub source: String,
    /// What it said of itself; null: nothing.
    pub description: Option<String>,
    /// Whether it is configured already.
    pub known: bool,
}
