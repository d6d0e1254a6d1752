//! One camera: what is wanted of it, and the supervisor that keeps its ffmpeg running while something is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::feed::{Fed, Feed};
use super::{Shared, ingest, recorder};
use crate::engine::{CameraSpec, EngineEvent, Force, RecordingRequest, RecordingStarted, StreamState};
use crate::interest::Interest;
use crate::live::{Group, Live};
use crate::recording::Slot;
use crate::source::Source;
use crate::{EngineError, retry};

pub(super) struct Camera {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) shared: Arc<Shared>,
    pub(super) live: Arc<Live>,
    pub(super) feed: Feed,
    pub(super) interest: Interest,
    changes: watch::Sender<()>,
    pub(super) recorder: Slot,
    supervisor: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Camera {
    /// A camera whose stream is being started.
    pub(super) fn start(spec: CameraSpec, shared: Arc<Shared>) -> Arc<Self> {
        let interest = Interest::in_stream();
        let camera = Arc::new(Self {
            recorder: Slot::new(&spec.name, &interest, &shared.events),
            name: spec.name,
            source: spec.source,
            shared,
            // So that numbers grow over a restart of the service, too: by tenths of a second, as segments may be a little shorter than one.
            live: Arc::new(Live::new(
                u64::try_from(Timestamp::now().as_millisecond() / 100).unwrap_or_default(),
            )),
            feed: Feed::default(),
            interest,
            changes: watch::Sender::new(()),
            supervisor: tokio::sync::Mutex::default(),
        });
        let supervisor = tokio::spawn(supervise(Arc::clone(&camera)));
        if let Ok(mut slot) = camera.supervisor.try_lock() {
            *slot = Some(supervisor);
        }
        camera
    }

    /// Ends everything; no process is left when this returns.
    pub(super) async fn end(&self, force: Force) {
        self.recorder.end(force).await;
        if let Some(supervisor) = self.supervisor.lock().await.take()
            && let Err(error) = supervisor.await
        {
            tracing::error!(camera = self.name, %error, "a supervisor did not end in order");
        }
    }

    pub(super) fn tell_end(&self) {
        self.recorder.tell_end();
    }

    /// Says that something in `live` is new.
    pub(super) fn changed(&self) {
        self.changes.send_replace(());
    }

    pub(super) async fn start_stream(&self, within: Duration) -> Result<(), EngineError> {
        self.interest.set_stream(true);
        self.present(within).await.map(|_| ())
    }

    pub(super) async fn stop_stream(&self) -> Result<(), EngineError> {
        let mut changes = self.changes.subscribe();
        self.interest.set_stream(false);
        // While it is recorded, the source stays open: what was asked has been done.
        while !self.interest.is_there() && self.live.lock().state() != StreamState::Stopped {
            if changes.changed().await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// What holds the present picture, awaited for at most `within`.
    pub(super) async fn present(&self, within: Duration) -> Result<Group, EngineError> {
        let changes = self.changes.subscribe();
        let look = || self.live.lock().present();
        let seen = self.interest.until_seen(&self.name, changes, within, look).await?;
        seen.ok_or_else(|| self.no_picture(within))
    }

    /// That no picture came, and why, as far as that is known.
    pub(super) fn no_picture(&self, within: Duration) -> EngineError {
        let live = self.live.lock();
        EngineError::no_picture(&self.name, live.state(), live.reason(), within)
    }

    pub(super) async fn start_recording(
        self: &Arc<Self>,
        request: RecordingRequest,
    ) -> Result<RecordingStarted, EngineError> {
        self.recorder.start(request, |course| recorder::record(Arc::clone(self), course)).await
    }

    fn set(&self, state: StreamState, reason: Option<String>) -> bool {
        let risen = self.live.lock().set(state, reason);
        self.changed();
        risen
    }
}

/// Runs the source while it is wanted, again and again, until the camera is removed.
async fn supervise(camera: Arc<Camera>) {
    while camera.interest.until_there().await {
        camera.set(StreamState::Starting, None);
        while_wanted(&camera).await;
        camera.set(StreamState::Stopped, None);
        camera.feed.send(Fed::Down);
        camera.shared.events.tell(EngineEvent::SourceDown { camera: camera.name.clone(), reason: None });
    }
}

async fn while_wanted(camera: &Camera) {
    let options = &camera.shared.options;
    let mut waits = retry::waits(options.first_wait, options.longest_wait);
    let mut failures = 0;
    loop {
        let begun = Instant::now();
        let Err(error) = ingest::run(camera).await else { return };
        let was_ready = camera.live.lock().state() == StreamState::Ready;
        if was_ready && begun.elapsed() >= retry::HEALTHY {
            waits = retry::waits(options.first_wait, options.longest_wait);
        }
        failures = if was_ready { 1 } else { failures + 1 };
        let state =
            if failures >= retry::FAILED_AFTER { StreamState::Failed } else { StreamState::Reconnecting };
        let reason = error.to_string();
        tracing::warn!(camera = camera.name, reason, "source lost");
        camera.live.lock().count_restart();
        if camera.set(state, Some(reason.clone())) {
            camera
                .shared
                .events
                .tell(EngineEvent::SourceDown { camera: camera.name.clone(), reason: Some(reason) });
        }
        camera.feed.send(Fed::Down);
        let wait = waits.next().unwrap_or(options.longest_wait);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = camera.interest.until_gone() => return,
        }
    }
}
