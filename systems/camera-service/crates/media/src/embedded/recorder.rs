//! One recording.
use super::camera::Camera;
use crate::EngineError;
use crate::engine::{RecordingDone, RecordingNow, RecordingRequest, RecordingStarted};
use std::sync::Arc;
use tokio::sync::oneshot;
pub(super) struct Recorder;
impl Recorder {
    pub(super) fn start(
        _camera: &Arc<Camera>,
        _request: RecordingRequest,
    ) -> (Arc<Self>, oneshot::Receiver<Result<RecordingStarted, EngineError>>) {
        let (answer, answered) = oneshot::channel();
        let _ = answer.send(Err(EngineError::Unsupported("recording is being written".to_owned())));
        (Arc::new(Self), answered)
    }
    pub(super) fn has_ended(&self) -> bool {
        true
    }
    pub(super) async fn stop(&self) -> Option<RecordingDone> {
        None
    }
    pub(super) fn now(&self) -> Option<RecordingNow> {
        None
    }
}
