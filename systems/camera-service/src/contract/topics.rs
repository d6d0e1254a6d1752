//! What clients can be told without asking: the topics, each the method of its notifications.

use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Camera, RecordingState};

/// A topic to subscribe to; its name is the method of its notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Topic {
    /// A camera's whole state, whenever it changes.
    #[serde(rename = "camera_status_update")]
    CameraStatusUpdate,
    /// A recording's whole state, whenever it changes.
    #[serde(rename = "recording_status_update")]
    RecordingStatusUpdate,
    /// A camera delivers pictures.
    #[serde(rename = "camera.connected")]
    CameraConnected,
    /// A camera no longer delivers pictures.
    #[serde(rename = "camera.disconnected")]
    CameraDisconnected,
    /// A camera's status is another.
    #[serde(rename = "camera.status_change")]
    CameraStatusChange,
    /// A recording began: its file is there and grows.
    #[serde(rename = "recording.start")]
    RecordingStart,
    /// A recording ended as it was asked to, and all of it is there.
    #[serde(rename = "recording.stop")]
    RecordingStop,
    /// Nothing is written of a recording any more; it goes on as soon as pictures come again.
    #[serde(rename = "recording.interrupted")]
    RecordingInterrupted,
    /// A recording is written again.
    #[serde(rename = "recording.resumed")]
    RecordingResumed,
    /// A recording ended otherwise than asked, or with less than was wanted.
    #[serde(rename = "recording.error")]
    RecordingError,
    /// A snapshot was taken.
    #[serde(rename = "snapshot.taken")]
    SnapshotTaken,
    /// A component's state changed.
    #[serde(rename = "system.health")]
    SystemHealth,
}

impl Topic {
    /// Every topic.
    pub const ALL: &[Topic] = &[
        Topic::CameraStatusUpdate,
        Topic::RecordingStatusUpdate,
        Topic::CameraConnected,
        Topic::CameraDisconnected,
        Topic::CameraStatusChange,
        Topic::RecordingStart,
        Topic::RecordingStop,
        Topic::RecordingInterrupted,
        Topic::RecordingResumed,
        Topic::RecordingError,
        Topic::SnapshotTaken,
        Topic::SystemHealth,
    ];
}

/// What happened; the parameters of a notification.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Notification {
    /// The topic it belongs to.
    pub topic: Topic,
    /// The camera it is about.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    #[schemars(with = "Option<String>")]
    pub device: Option<Arc<str>>,
    /// When it happened, RFC 3339.
    #[schemars(with = "String")]
    pub timestamp: Timestamp,
    /// The camera's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<Camera>,
    /// The recording's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<RecordingState>,
    /// The file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Why, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn as_text<S: serde::Serializer>(name: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    name.as_deref().serialize(serializer)
}
