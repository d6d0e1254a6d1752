//! One camera: what is wanted of it, what MediaMTX says of its path, and the reader that keeps its source open while it
//! is wanted (MediaMTX opens sources on demand, and recording alone is no demand to it).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::path::{CLOSE_AFTER, Recording, configuration, reading, wait_before_reading};
use super::status::{Known, Seen, VP8};
use super::{Shared, recorder, still};
use crate::certificates::Certificates;
use crate::engine::{
    CameraSpec, EngineEvent, Force, RecordingRequest, RecordingStarted, StreamState, StreamStatus,
};
use crate::files::ProbedStream;
use crate::gate::Gate;
use crate::guard::guarded;
use crate::interest::Interest;
use crate::process::{Start, words};
use crate::recording::Slot;
use crate::source::{Redactor, Source};
use crate::{EngineError, retry};

/// How long a reader may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long MediaMTX may take to close a source, beyond what it is told.
const CLOSING: Duration = Duration::from_secs(8);

pub(super) struct Camera {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) shared: Arc<Shared>,
    pub(super) interest: Interest,
    status: Mutex<Known>,
    changes: watch::Sender<()>,
    recording: Mutex<Recording>,
    /// Whether MediaMTX has been told what `recording` says; held while it is told.
    applied: tokio::sync::Mutex<Option<Recording>>,
    /// Through which its source is read, for as long as there is the camera: MediaMTX opens it when it likes.
    gate: tokio::sync::Mutex<Option<Gate>>,
    pub(super) recorder: Slot,
    reader: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Camera {
    /// A camera whose stream is being started.
    pub(super) fn start(spec: CameraSpec, shared: Arc<Shared>) -> Result<Arc<Self>, EngineError> {
        let interest = Interest::in_stream();
        let camera = Arc::new(Self {
            recording: Mutex::new(Recording::off(&spec.name, &shared.options)?),
            recorder: Slot::new(&spec.name, &interest, &shared.events),
            name: spec.name,
            source: spec.source,
            shared,
            interest,
            status: Mutex::new(Known::new()),
            changes: watch::Sender::new(()),
            applied: tokio::sync::Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            reader: tokio::sync::Mutex::default(),
        });
        let reader = tokio::spawn(keep_open(Arc::clone(&camera)));
        if let Ok(mut slot) = camera.reader.try_lock() {
            *slot = Some(reader);
        }
        Ok(camera)
    }

    /// Ends everything that is done for it here.
    pub(super) async fn end(&self, force: Force) {
        self.recorder.end(force).await;
        if let Some(reader) = self.reader.lock().await.take()
            && let Err(error) = reader.await
        {
            tracing::error!(camera = self.name, %error, "a reader did not end in order");
        }
    }

    pub(super) fn tell_end(&self) {
        self.recorder.tell_end();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn status(&self) -> StreamStatus {
        let known = self.known();
        StreamStatus { uptime: known.ready.map(|since| since.elapsed()), ..known.stream.clone() }
    }

    /// Whether its pictures are of a coding that MediaMTX writes into no file (as of 1.20.1).
    pub(super) fn is_unrecordable(&self) -> bool {
        self.known().stream.codec.as_deref() == Some(VP8)
    }

    /// Whether MediaMTX has its path.
    pub(super) fn is_listed(&self) -> bool {
        self.known().listed
    }

    /// For how long pictures have come without a break.
    pub(super) fn ready_for(&self) -> Option<Duration> {
        self.known().ready.map(|since| since.elapsed())
    }

    /// Takes secrets out of what others say: the camera's, and those with which MediaMTX is asked.
    pub(super) fn redact(&self, text: &str) -> String {
        let text = self.source.redactor().redact(text);
        match reading(&self.name, &self.shared.options) {
            Ok(url) => Redactor::of(&url).redact(&text),
            Err(_) => text,
        }
    }

    pub(super) fn set_recording(&self, recording: Recording) {
        *self.recording.lock().unwrap_or_else(PoisonError::into_inner) = recording;
    }

    /// Recorded no more, from when MediaMTX is told next; whether it was to be before.
    pub(super) fn set_recording_off(&self) -> bool {
        std::mem::take(&mut self.recording.lock().unwrap_or_else(PoisonError::into_inner).on)
    }

    /// Tells MediaMTX what is wanted of the path.
    pub(super) async fn apply(&self) -> Result<(), EngineError> {
        let mut applied = self.applied.lock().await;
        let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shared = &self.shared;
        let source = self.guarded_source().await?;
        let path = configuration(&self.name, &source, &shared.options, &recording);
        *applied = None;
        let told = shared.api.put(&self.name, &path).await;
        // What MediaMTX refuses it quotes, be it an address with a password.
        told.map_err(|error| match error {
            EngineError::Invalid(why) => EngineError::Invalid(self.redact(&why)),
            error => error,
        })?;
        *applied = Some(recording);
        Ok(())
    }

    /// The source as MediaMTX is told it.
    async fn guarded_source(&self) -> Result<Source, EngineError> {
        let mut gate = self.gate.lock().await;
        if let Some(gate) = &*gate {
            return Ok(self.source.through(gate.address));
        }
        let (source, opened) = guarded(&self.source, Certificates::OfAuthorities).await?;
        *gate = opened;
        Ok(source)
    }

    /// As `apply`, where MediaMTX has lost it or has not been told yet.
    pub(super) async fn apply_if_needed(&self) -> Result<(), EngineError> {
        let told = {
            let applied = self.applied.lock().await;
            let recording = self.recording.lock().unwrap_or_else(PoisonError::into_inner);
            self.known().listed && applied.as_ref() == Some(&recording)
        };
        // One who is being removed is configured no more.
        if told || self.interest.has_ended() { Ok(()) } else { self.apply().await }
    }

    /// What was seen of the path just now.
    pub(super) fn observe(self: &Arc<Self>, seen: Seen<'_>) {
        let wanted = self.interest.is_there();
        let (risen, fallen) = self.known().observe(seen, wanted);
        if risen {
            self.shared.events.tell(EngineEvent::SourceUp { camera: self.name.clone() });
            tokio::spawn(still::look(Arc::clone(self)));
        }
        if let Some(reason) = fallen {
            self.tell_down(reason);
        }
        self.changes.send_replace(());
    }

    /// What the stream itself says.
    pub(super) fn seen_in_stream(&self, seen: &ProbedStream) {
        let stream = &mut self.known().stream;
        stream.resolution = seen.resolution();
        stream.fps = seen.fps();
    }

    fn tell_down(&self, reason: Option<String>) {
        if let Some(reason) = &reason {
            tracing::warn!(camera = self.name, reason, "source lost");
        }
        self.shared.events.tell(EngineEvent::SourceDown { camera: self.name.clone(), reason });
    }

    fn reader_failed(&self, error: &EngineError) {
        let reason = format!("MediaMTX gives no picture of {}, its log says why ({error})", self.source);
        let fallen = self.known().reader_failed(&reason);
        if fallen {
            self.tell_down(Some(reason));
        }
        self.changes.send_replace(());
    }

    pub(super) async fn start_stream(&self, within: Duration) -> Result<(), EngineError> {
        self.interest.set_stream(true);
        self.present(within).await
    }

    pub(super) async fn stop_stream(&self) -> Result<(), EngineError> {
        let mut changes = self.changes.subscribe();
        self.interest.set_stream(false);
        let begun = Instant::now();
        let stopping = async {
            loop {
                let stream = self.status();
                // While it is recorded, or others read it, the source stays open: what was asked has been done.
                let read = stream.readers > 0 && begun.elapsed() > CLOSE_AFTER + GOODBYE;
                if self.interest.is_there() || stream.state == StreamState::Stopped || read {
                    return;
                }
                if changes.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(CLOSE_AFTER + CLOSING, stopping).await.map_err(|_| {
            EngineError::Dependency(format!("MediaMTX has not closed the source of {}", self.name))
        })
    }

    /// Waits until pictures come, for at most `within`.
    pub(super) async fn present(&self, within: Duration) -> Result<(), EngineError> {
        let changes = self.changes.subscribe();
        self.shared.look_if_old().await?;
        let look = || self.known().ready.map(|_| ());
        let seen = self.interest.until_seen(&self.name, changes, within, look).await?;
        seen.ok_or_else(|| self.no_picture(within))
    }

    /// That no picture came, and why, as far as that is known.
    pub(super) fn no_picture(&self, within: Duration) -> EngineError {
        let stream = self.status();
        EngineError::no_picture(&self.name, stream.state, stream.reason.as_deref(), within)
    }

    pub(super) async fn start_recording(
        self: &Arc<Self>,
        request: RecordingRequest,
    ) -> Result<RecordingStarted, EngineError> {
        self.shared.look_if_old().await?;
        self.recorder.start(request, |course| recorder::record(Arc::clone(self), course)).await
    }
}

/// Reads the stream while it is wanted, again and again, until the camera is removed.
async fn keep_open(camera: Arc<Camera>) {
    let options = &camera.shared.options;
    while camera.interest.until_there().await {
        let mut waits = retry::waits(options.first_wait, options.longest_wait);
        while camera.interest.is_there() {
            let begun = Instant::now();
            let Err(error) = read(&camera).await else { continue };
            if begun.elapsed() >= retry::HEALTHY {
                waits = retry::waits(options.first_wait, options.longest_wait);
            }
            camera.reader_failed(&error);
            let wait = waits.next().unwrap_or(options.longest_wait);
            tokio::select! {
                () = tokio::time::sleep(wait_before_reading(&camera.source, wait)) => {}
                () = camera.interest.until_gone() => {}
            }
        }
    }
}

/// Reads until it is not wanted any more (`Ok`), or why it ended.
async fn read(camera: &Camera) -> Result<(), EngineError> {
    let shared = &camera.shared;
    tokio::select! {
        () = shared.server.up.wait() => {}
        () = camera.interest.until_gone() => return Ok(()),
    }
    let address = reading(&camera.name, &shared.options)?;
    let mut arguments = still::input(&address);
    arguments.extend(words("-map 0:v:0 -c copy -f null -"));
    let redactor = Redactor::of(&address);
    let start = Start { output: false, redactor, ..Start::of(&shared.options.ffmpeg, arguments) };
    let mut running = shared.children.start(start).await?;
    camera.known().reading = true;
    let ended = tokio::select! {
        status = running.child.wait() => Err(status),
        () = camera.interest.until_gone() => Ok(()),
    };
    camera.known().reading = false;
    match ended {
        Ok(()) => {
            running.end(GOODBYE).await;
            Ok(())
        }
        Err(status) => {
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            Err(running.failed(&how).await)
        }
    }
}
