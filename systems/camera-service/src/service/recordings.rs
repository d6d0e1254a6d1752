//! Pictures and recordings: taken and begun here, written by the engine, told to subscribers as they come to an end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use camera_media::{
    EngineError, EngineEvent, RecordedFile, RecordingDone, RecordingEnd, RecordingFormat as Format,
};
use camera_storage::FileName;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::files::{Kind, file_name as named};
use super::wanted::Wanted;
use super::{FIRST_PICTURE, Known, Service, blocking, coverage};
use crate::contract::{
    Code, Device, Notification, RecordingFormat, RecordingRequest, RecordingStarted, RecordingState,
    RecordingStopped, RpcError, SnapshotRequest, SnapshotTaken, Topic,
};

/// The longest recording that is asked for with a duration.
const MAX_SECONDS: u64 = 86_400;

impl Service {
    pub(super) async fn take_snapshot(&self, request: SnapshotRequest) -> Result<SnapshotTaken, RpcError> {
        let known = self.camera(&request.device)?;
        let name: Option<FileName> = match &request.filename {
            None => None,
            Some(name) if name.ends_with(".jpg") => Some(named(name)?),
            Some(_) => return Err(RpcError::invalid_params("a snapshot's filename ends in .jpg")),
        };
        self.refuse_full_disk(Kind::Snapshots).await?;
        let library = Arc::clone(&self.snapshots);
        let mut draft = blocking(move || library.draft()).await??;
        // Its name and time are its picture's.
        let timestamp =
            self.engine.snapshot(&known.name, &draft.path(), FIRST_PICTURE).await?.taken.timestamp();
        let camera = Arc::clone(&known.name);
        let taken = blocking(move || match name {
            Some(name) => draft.commit(&name),
            None => draft.commit_as(&camera, timestamp, "jpg"),
        })
        .await??;
        self.metrics.snapshots.inc();
        self.clock.note_file(Kind::Snapshots, taken.name.clone()).await;
        self.hub.publish(&Notification {
            topic: Topic::SnapshotTaken,
            device: Some(Arc::clone(&known.name)),
            timestamp: Timestamp::now(),
            camera: None,
            recording: None,
            filename: Some(taken.name.to_string()),
            reason: None,
        });
        Ok(SnapshotTaken {
            device: known.name.to_string(),
            file_path: self.snapshots.path_of(&taken.name).display().to_string(),
            filename: taken.name.to_string(),
            status: "completed",
            timestamp,
            file_size: taken.bytes,
        })
    }

    pub(super) async fn start_recording(
        &self,
        request: &RecordingRequest,
    ) -> Result<RecordingStarted, RpcError> {
        let known = self.camera(&request.device)?;
        if request.duration.is_some_and(|seconds| !(1..=MAX_SECONDS).contains(&seconds)) {
            return Err(RpcError::invalid_params(format!("a duration is 1 to {MAX_SECONDS} seconds")));
        }
        self.refuse_full_disk(Kind::Recordings).await?;
        let _turn = known.turn.lock().await;
        if let Some(running) = self.engine.recording(&known.name)? {
            let message = format!(
                "{} is being recorded since {}: stop_recording first",
                known.name,
                running.started.timestamp()
            );
            return Err(RpcError::new(Code::InvalidState, message));
        }
        let begun = self.begin_recording(&known, request.format, request.duration).await?;
        let device = known.name.to_string();
        let wanted = Wanted { device, format: request.format, seconds: request.duration, stopped: false };
        self.wanted.add(wanted).await;
        Ok(begun)
    }

    /// Begins a recording of a camera whose turn the caller holds.
    pub(super) async fn begin_recording(
        &self,
        known: &Known,
        format: RecordingFormat,
        seconds: Option<u64>,
    ) -> Result<RecordingStarted, RpcError> {
        let rotate = self.config.read().storage.rotate.clone();
        let name = Arc::clone(&known.name);
        let started = self
            .engine
            .start_recording(
                &known.name,
                camera_media::RecordingRequest {
                    folder: self.recordings.path().to_owned(),
                    name_file: Arc::new(move |at| format!("{name}_{}", at.strftime("%Y-%m-%d_%H-%M-%S"))),
                    format: engine_format(format),
                    duration: seconds.map(Duration::from_secs),
                    rotate_every: Some(rotate.every.duration()),
                    rotate_bytes: Some(rotate.size.bytes()),
                    within: FIRST_PICTURE,
                },
            )
            .await?;
        Ok(RecordingStarted {
            device: known.name.to_string(),
            filename: file_name(&started.path),
            status: "recording",
            start_time: started.started,
            format,
        })
    }

    pub(super) async fn stop_recording(&self, device: &Device) -> Result<RecordingStopped, RpcError> {
        let known = self.camera(&device.device)?;
        let _turn = known.turn.lock().await;
        // Also one that waits for its camera, or for room on the disk.
        let waited = self.wanted.forget(&known.name).await;
        let done = self.engine.stop_recording(&known.name).await.map_err(|error| match error {
            EngineError::InvalidState(_) if waited => RpcError::new(
                Code::InvalidState,
                format!(
                    "{} is not being recorded; it was to go on by itself, and is not any more",
                    known.name
                ),
            ),
            // It may have ended by itself a moment ago.
            EngineError::InvalidState(why) => RpcError::new(
                Code::InvalidState,
                known.ended().map_or(why, |last| {
                    format!("{} is not being recorded: its last recording ended ({last})", known.name)
                }),
            ),
            error => error.into(),
        })?;
        let filenames: Vec<String> = done.files.iter().map(|file| file_name(&file.path)).collect();
        if let RecordingEnd::Failed(reason) = &done.end {
            return Err(RpcError::dependency(format!("the recording could not be finished: {reason}")));
        }
        let Some(filename) = filenames.first().cloned() else {
            return Err(RpcError::new(Code::DependencyFailed, "the recording left no file"));
        };
        let RecordingState { status, coverage, .. } = coverage::ended(&done);
        Ok(RecordingStopped {
            device: known.name.to_string(),
            filename,
            filenames,
            status,
            start_time: done.started,
            end_time: done.ended,
            duration: done.duration.as_secs_f64(),
            file_size: done.bytes,
            format: contract_format(done.format),
            coverage,
        })
    }

    /// Tells subscribers what happens in the engine, until it has ended and everything is told.
    pub async fn follow_engine(self: Arc<Self>, ended: CancellationToken) {
        use tokio::sync::broadcast::error::RecvError;
        let mut events = self.engine.events();
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                () = ended.cancelled() => return,
            };
            match event {
                Ok(event) => self.tell(event).await,
                Err(RecvError::Lagged(count)) => {
                    tracing::warn!(count, "events of the media engine were lost");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    async fn tell(&self, event: EngineEvent) {
        match event {
            EngineEvent::SourceUp { camera } => {
                tracing::info!(%camera, "pictures come");
                self.tell_camera(&camera, None).await;
            }
            EngineEvent::SourceDown { camera, reason } => {
                tracing::warn!(%camera, reason = reason.as_deref().unwrap_or("stopped"), "no more pictures");
                self.tell_camera(&camera, reason).await;
            }
            EngineEvent::RecordingStarted { camera, recording } => {
                self.metrics.recordings.inc();
                tracing::info!(%camera, file = %recording.path.display(), "a recording began");
                self.tell_recording(Topic::RecordingStart, &camera, &coverage::begun(&recording));
            }
            EngineEvent::RecordingInterrupted { camera, gap } => {
                self.metrics.recording_interruptions.inc();
                tracing::error!(%camera, cause = ?gap.cause, "a recording is interrupted");
                self.tell_running(Topic::RecordingInterrupted, &camera);
            }
            EngineEvent::RecordingResumed { camera, gap } => {
                tracing::warn!(%camera, missing = ?gap, "a recording goes on");
                self.tell_running(Topic::RecordingResumed, &camera);
            }
            // Begun, too: it may end with the machine's power.
            EngineEvent::RecordingFileStarted { path, .. }
            | EngineEvent::RecordingFileFinished { file: RecordedFile { path, .. }, .. } => {
                if let Ok(name) = file_name(&path).parse() {
                    self.clock.note_file(Kind::Recordings, name).await;
                }
            }
            EngineEvent::RecordingEnded { camera, recording } => self.tell_end(&camera, &recording).await,
            _ => {}
        }
    }

    /// Tells what a recording does now; one that has just ended is told by its end.
    fn tell_running(&self, topic: Topic, camera: &str) {
        if let Ok(Some(now)) = self.engine.recording(camera) {
            self.tell_recording(topic, camera, &coverage::running(&now));
        }
    }

    async fn tell_end(&self, camera: &str, done: &RecordingDone) {
        self.wanted.note_end(camera, &done.end).await;
        let state = coverage::ended(done);
        self.metrics.count_recording(&state.coverage);
        let topic = if state.status == "stopped" { Topic::RecordingStop } else { Topic::RecordingError };
        if topic == Topic::RecordingError {
            tracing::error!(
                %camera,
                missing = ?state.coverage.seconds_missing,
                reason = state.coverage.reason,
                "a recording ended with less than was wanted"
            );
            let names = done.files.iter().filter_map(|file| file_name(&file.path).parse().ok()).collect();
            coverage::keep(&self.recordings, names, &state.coverage).await;
        }
        if let Ok(known) = self.camera(camera) {
            known.set_ended(state.clone());
        }
        self.tell_recording(topic, camera, &state);
    }

    fn tell_recording(&self, topic: Topic, camera: &str, state: &RecordingState) {
        let device =
            self.cameras.read().get(camera).map_or_else(|| camera.into(), |known| Arc::clone(&known.name));
        for topic in [topic, Topic::RecordingStatusUpdate] {
            self.hub.publish(&Notification {
                topic,
                device: Some(Arc::clone(&device)),
                timestamp: Timestamp::now(),
                camera: None,
                recording: Some(state.clone()),
                filename: Some(state.filename.clone()),
                reason: state.coverage.reason.clone(),
            });
        }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn engine_format(format: RecordingFormat) -> Format {
    match format {
        RecordingFormat::Fmp4 => Format::Fmp4,
        RecordingFormat::Mp4 => Format::Mp4,
        RecordingFormat::Mkv => Format::Mkv,
    }
}

fn contract_format(format: Format) -> RecordingFormat {
    match format {
        Format::Fmp4 => RecordingFormat::Fmp4,
        Format::Mp4 => RecordingFormat::Mp4,
        Format::Mkv => RecordingFormat::Mkv,
    }
}
