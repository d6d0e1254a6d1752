//! To whom an answer goes, and what of it: links begin with the address by which the client reached the service, and only administrators
//! are told in the machine's words why something failed. Those words may hold a camera's address, its user, a path of the service's
//! machine, or whatever a hostile camera wrote. Results are made without knowing their reader; here they are fitted to one, in one place.

use std::sync::Arc;

use super::{
    Authenticated, Camera, CameraList, CameraState, CameraStatus, Capabilities, CleanedUp, Component,
    ConfigView, Coverage, Deleted, Discovered, FileInfo, FileList, MetricsView, Notification,
    RecordingStarted, RecordingStopped, RetentionPolicy, ServerInfo, ServiceStatus, ShortfallCause,
    SnapshotTaken, StorageInfo, StreamStarted, StreamStatus, StreamStopped, StreamUrl, StreamUrls, Streams,
    Subscribed, SubscriptionStats, SystemStatus, Topic,
};

/// What answers and notifications may tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// Whether the machine's own words may be shown: to administrators.
    pub details: bool,
    /// What links of this service begin with; without a slash at its end.
    pub base: Arc<str>,
}

impl Audience {
    /// A link of this service as this client can follow it.
    fn lead(&self, link: &mut String) {
        if link.starts_with('/') {
            link.insert_str(0, &self.base);
        }
    }

    /// A reason for everybody in the place of the machine's own.
    fn veil(&self, reason: &mut Option<String>, public: &str) {
        if !self.details && reason.is_some() {
            *reason = Some(public.to_owned());
        }
    }
}

/// A result that can be fitted to its reader. Every result of the contract says how, if only that there is nothing to do.
pub trait ForAudience {
    /// Makes links absolute, and leaves out what this reader may not know.
    fn fit(&mut self, _to: &Audience) {}
}

macro_rules! nothing_to_fit {
    ($($result:ty),+ $(,)?) => { $( impl ForAudience for $result {} )+ };
}

// Neither links nor words of the machine. `SnapshotTaken`, `Discovered` and what follows it are for operators and administrators.
nothing_to_fit!(
    &'static str,
    Authenticated,
    Capabilities,
    StreamStopped,
    RecordingStarted,
    Deleted,
    ServerInfo,
    Subscribed,
    SubscriptionStats,
    SnapshotTaken,
    Discovered,
    ConfigView,
    StorageInfo,
    RetentionPolicy,
    CleanedUp,
    MetricsView,
);

/// Why a camera in this state delivers nothing, as everybody may know it.
fn public_reason(state: CameraState) -> &'static str {
    match state {
        CameraState::Connected => "pictures come",
        CameraState::Connecting => "the camera is being connected",
        CameraState::Disconnected => "no pictures come from the camera",
        CameraState::Stopped => "the stream was stopped",
    }
}

impl ForAudience for StreamUrls {
    fn fit(&mut self, to: &Audience) {
        self.hls.iter_mut().for_each(|link| to.lead(link));
    }
}

impl Coverage {
    /// Why something is missing, as everybody may know it.
    fn public_reason(&self) -> &'static str {
        self.cause.map_or("less was recorded than was wanted", ShortfallCause::words)
    }
}

impl ForAudience for Coverage {
    fn fit(&mut self, to: &Audience) {
        let public = self.public_reason();
        to.veil(&mut self.reason, public);
    }
}

impl ForAudience for RecordingStopped {
    fn fit(&mut self, to: &Audience) {
        self.coverage.fit(to);
    }
}

impl ForAudience for Camera {
    fn fit(&mut self, to: &Audience) {
        self.recording_state.iter_mut().for_each(|state| state.coverage.fit(to));
        self.streams.fit(to);
        to.veil(&mut self.reason, public_reason(self.status));
    }
}

impl ForAudience for CameraList {
    fn fit(&mut self, to: &Audience) {
        self.cameras.iter_mut().for_each(|camera| camera.fit(to));
    }
}

impl ForAudience for CameraStatus {
    fn fit(&mut self, to: &Audience) {
        self.camera.fit(to);
    }
}

impl ForAudience for StreamStatus {
    fn fit(&mut self, to: &Audience) {
        self.streams.fit(to);
        to.veil(&mut self.reason, public_reason(self.status));
    }
}

impl ForAudience for Streams {
    fn fit(&mut self, to: &Audience) {
        self.streams.iter_mut().for_each(|stream| stream.fit(to));
    }
}

impl ForAudience for StreamUrl {
    fn fit(&mut self, to: &Audience) {
        self.streams.fit(to);
        self.stream_url.iter_mut().for_each(|link| to.lead(link));
    }
}

impl ForAudience for StreamStarted {
    fn fit(&mut self, to: &Audience) {
        self.stream_url.iter_mut().for_each(|link| to.lead(link));
    }
}

impl ForAudience for FileList {
    fn fit(&mut self, to: &Audience) {
        for file in &mut self.files {
            to.lead(&mut file.download_url);
            file.incomplete.iter_mut().for_each(|coverage| coverage.fit(to));
        }
    }
}

impl ForAudience for FileInfo {
    fn fit(&mut self, to: &Audience) {
        to.lead(&mut self.download_url);
        self.incomplete.iter_mut().for_each(|coverage| coverage.fit(to));
    }
}

impl ForAudience for Component {
    fn fit(&mut self, to: &Audience) {
        let public = self.public_reason();
        to.veil(&mut self.reason, public);
    }
}

impl ForAudience for SystemStatus {
    fn fit(&mut self, to: &Audience) {
        self.problems.iter_mut().for_each(|component| component.fit(to));
    }
}

impl ForAudience for ServiceStatus {
    fn fit(&mut self, to: &Audience) {
        self.components.iter_mut().for_each(|component| component.fit(to));
    }
}

impl ForAudience for Notification {
    fn fit(&mut self, to: &Audience) {
        let public = match self.topic {
            Topic::RecordingError | Topic::RecordingStatusUpdate => self
                .recording
                .as_ref()
                .map_or_else(|| Coverage::default().public_reason(), |state| state.coverage.public_reason()),
            Topic::SystemHealth => "a component's state changed; get_system_status says which",
            _ => match &self.camera {
                Some(camera) => public_reason(camera.status),
                None => "no pictures come from the camera",
            },
        };
        to.veil(&mut self.reason, public);
        self.camera.iter_mut().for_each(|camera| camera.fit(to));
        self.recording.iter_mut().for_each(|state| state.coverage.fit(to));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::RecordingState;

    #[test]
    fn only_an_administrator_reads_the_machine_s_words_and_links_begin_where_the_client_is() {
        let words = "rtsp://root@10.0.0.9/1: 401 Unauthorized";
        let fitted = |details| {
            let mut camera = Camera {
                device: "door".into(),
                status: CameraState::Disconnected,
                name: "door".into(),
                resolution: None,
                fps: None,
                streams: StreamUrls { hls: Some("/live/door/index.m3u8?x".into()), ..StreamUrls::default() },
                recording: false,
                recording_state: Some(RecordingState {
                    status: "error",
                    filename: "door.mp4".into(),
                    duration: None,
                    file_size: None,
                    start_time: jiff::Timestamp::UNIX_EPOCH,
                    coverage: Coverage {
                        cause: Some(ShortfallCause::SourceLost),
                        reason: Some(words.into()),
                        ..Coverage::default()
                    },
                }),
                reason: Some(words.into()),
            };
            camera.fit(&Audience { details, base: "https://cameras.test".into() });
            let recording = camera.recording_state.unwrap().coverage.reason.unwrap();
            (camera.reason.unwrap(), recording, camera.streams.hls.unwrap())
        };
        let link = "https://cameras.test/live/door/index.m3u8?x".to_owned();
        assert_eq!(fitted(true), (words.to_owned(), words.to_owned(), link.clone()));
        let public = ShortfallCause::SourceLost.words().to_owned();
        assert_eq!(fitted(false), ("no pictures come from the camera".to_owned(), public, link));
    }

    #[test]
    fn a_notification_of_a_recording_s_end_tells_its_cause_and_not_the_machine_s_words() {
        let words = "rtsp://root@10.0.0.9/1: 401 Unauthorized";
        let mut told = Notification {
            topic: Topic::RecordingError,
            device: None,
            timestamp: jiff::Timestamp::UNIX_EPOCH,
            camera: None,
            recording: Some(RecordingState {
                status: "incomplete",
                filename: "door.mp4".into(),
                duration: None,
                file_size: None,
                start_time: jiff::Timestamp::UNIX_EPOCH,
                coverage: Coverage {
                    cause: Some(ShortfallCause::DiskFull),
                    reason: Some(words.into()),
                    ..Coverage::default()
                },
            }),
            filename: None,
            reason: Some(words.into()),
        };
        told.fit(&Audience { details: false, base: "https://cameras.test".into() });
        let public = Some("the disk reached its blocking level");
        assert_eq!(told.reason.as_deref(), public);
        assert_eq!(told.recording.unwrap().coverage.reason.as_deref(), public);
    }
}
