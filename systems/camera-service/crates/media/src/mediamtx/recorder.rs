//! One recording: MediaMTX is told to record, its files are followed as they come, and MediaMTX is told to stop when it
//! was stopped, is long enough, or cannot go on. While the source or MediaMTX is away, it waits; what comes then goes on
//! in a new file.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::camera::Camera;
use super::file::{Finished, Folder, Open, Step};
use super::path::Recording;
use crate::EngineError;
use crate::embedded::writer::blocking;
use crate::engine::{
    EngineEvent, RecordingDone, RecordingEnd, RecordingNow, RecordingRequest, RecordingStarted,
};
use crate::interest::Hold;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(150);
/// A recording with a length ends so long after it by the clock, even if its source was away meanwhile.
const OUTAGE: Duration = Duration::from_secs(10);
/// Success is answered when so much is in the file.
const FIRST: Duration = Duration::from_secs(1);
/// Pictures come for so long, and nothing is written: it never will be.
const STALL: Duration = Duration::from_secs(12);
/// How long MediaMTX may take to close a file.
const CLOSE: Duration = Duration::from_secs(8);
/// MediaMTX answers before it has done what it was told; a last file may come so long after.
const LAST_FILE: Duration = Duration::from_millis(600);

type Started = oneshot::Sender<Result<RecordingStarted, EngineError>>;

/// A recording, as its camera sees it.
pub(super) struct Recorder {
    stop: CancellationToken,
    outcome: watch::Receiver<Option<Outcome>>,
    now: Mutex<Option<RecordingNow>>,
}

/// How a recording ended; `None` if it never began.
type Outcome = Option<RecordingDone>;

struct Task {
    camera: Arc<Camera>,
    request: RecordingRequest,
    recorder: Arc<Recorder>,
    started: Option<Started>,
    /// `None` only while it is looked at.
    folder: Option<Folder>,
    finishing: Vec<JoinHandle<Finished>>,
    begun: Option<Timestamp>,
    /// Length and size of the files that are not written any more.
    before: (Duration, u64),
    /// MediaMTX was told to close the present file, which is large enough.
    turning: bool,
}

impl Recorder {
    pub(super) fn start(
        camera: &Arc<Camera>,
        request: RecordingRequest,
    ) -> (Arc<Self>, oneshot::Receiver<Result<RecordingStarted, EngineError>>) {
        let (started, answered) = oneshot::channel();
        let (outcome, watched) = watch::channel(None);
        let recorder =
            Arc::new(Self { stop: CancellationToken::new(), outcome: watched, now: Mutex::default() });
        let task = Task {
            camera: Arc::clone(camera),
            request,
            recorder: Arc::clone(&recorder),
            started: Some(started),
            folder: None,
            finishing: Vec::new(),
            begun: None,
            before: (Duration::ZERO, 0),
            turning: false,
        };
        let hold = camera.interest.hold();
        let (name, shared) = (camera.name.clone(), Arc::clone(&camera.shared));
        tokio::spawn(async move {
            let done = task.run(hold).await;
            outcome.send_replace(Some(done.clone()));
            if let Some(recording) = done {
                shared.events.tell(EngineEvent::RecordingEnded { camera: name, recording });
            }
        });
        (recorder, answered)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.outcome.borrow().is_some() || self.outcome.has_changed().is_err()
    }

    /// Ends the recording and waits until its files are finished. `None` if it never began.
    pub(super) async fn stop(&self) -> Outcome {
        self.stop.cancel();
        let mut outcome = self.outcome.clone();
        outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone()).flatten()
    }

    pub(super) fn tell_stop(&self) {
        self.stop.cancel();
    }

    pub(super) fn now(&self) -> Option<RecordingNow> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Task {
    async fn run(mut self, hold: Hold) -> Outcome {
        let end = self.record().await;
        let ended = self.end().await;
        drop(hold);
        let mut files = Vec::new();
        let mut problem = ended.err().map(|error| error.to_string());
        for finishing in std::mem::take(&mut self.finishing) {
            match finishing.await {
                Ok(finished) => {
                    files.extend(finished.file);
                    problem = problem.or(finished.problem);
                }
                Err(error) => problem = Some(error.to_string()),
            }
        }
        *self.recorder.now.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let format = self.request.format;
        let Some(started) = self.begun else {
            for file in files {
                // Less than the second that was promised.
                let _ = tokio::fs::remove_file(&file.path).await;
            }
            let error = match end {
                Err(error) => error,
                Ok(_) => EngineError::InvalidState(format!(
                    "the recording of {} was stopped before it began",
                    self.camera.name
                )),
            };
            self.answer(Err(error));
            return None;
        };
        let end = match (end, problem) {
            (Err(error), _) => RecordingEnd::Failed(error.to_string()),
            (Ok(_), Some(problem)) => RecordingEnd::Failed(problem),
            (Ok(end), None) => end,
        };
        Some(RecordingDone {
            started,
            ended: Timestamp::now(),
            duration: files.iter().map(|file| file.duration).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            files,
            format,
            end,
        })
    }

    /// Until it is stopped or complete.
    async fn record(&mut self) -> Result<RecordingEnd, EngineError> {
        let (name, request) = (self.camera.name.clone(), self.request.clone());
        let wanted = Recording::on(&name, &request.folder, request.rotate_every)?;
        self.folder = Some(blocking(move || Folder::new(&name, &request)).await?);
        self.camera.set_recording(wanted.clone());
        self.camera.apply().await?;
        let stop = self.recorder.stop.clone();
        let begin_by = Instant::now() + self.request.within;
        let end_by =
            self.request.duration.map(|duration| Instant::now() + duration + OUTAGE + self.request.within);
        let mut written = Instant::now();
        loop {
            tokio::select! {
                () = sleep(LOOK) => {}
                () = stop.cancelled() => return Ok(RecordingEnd::Stopped),
            }
            let ready_for = self.camera.ready_for();
            self.look(ready_for.is_none() || self.turning).await?;
            let growing = self.open().is_some_and(|open| open.grown.elapsed() < LOOK * 2);
            if growing || self.turning {
                written = Instant::now();
            }
            if self.request.duration.is_some_and(|wanted| self.so_far().0 >= wanted) {
                return Ok(RecordingEnd::Complete);
            }
            if self.begun.is_none() && Instant::now() > begin_by {
                return Err(match ready_for {
                    None => self.camera.no_picture(self.request.within),
                    Some(_) => self.not_written(),
                });
            }
            if ready_for.is_some_and(|ready| ready > STALL) && written.elapsed() > STALL {
                return Err(self.not_written());
            }
            if end_by.is_some_and(|by| Instant::now() > by) {
                return Ok(RecordingEnd::Complete);
            }
            self.turn(&wanted).await?;
        }
    }

    fn open(&self) -> Option<&Open> {
        self.folder.as_ref().and_then(|folder| folder.open.as_ref())
    }

    fn not_written(&self) -> EngineError {
        let folder = self.request.folder.display();
        EngineError::Dependency(format!(
            "pictures come, and MediaMTX writes nothing into {folder}: it is to run on this machine as the same user, \
             and the disk is not to be full; its log says more"
        ))
    }

    /// Begins a new file where the present one gets too large: MediaMTX itself knows no size.
    async fn turn(&mut self, wanted: &Recording) -> Result<(), EngineError> {
        if self.turning {
            if self.open().is_none() {
                self.turning = false;
                self.camera.set_recording(wanted.clone());
                return self.tell().await;
            }
        } else if self
            .request
            .rotate_bytes
            .is_some_and(|most| self.open().is_some_and(|open| open.fills(most)))
        {
            self.turning = true;
            self.camera.set_recording_off();
            return self.tell().await;
        }
        Ok(())
    }

    /// Tells MediaMTX; if it does not answer now, it is told when it does.
    async fn tell(&self) -> Result<(), EngineError> {
        match self.camera.apply().await {
            Err(EngineError::Dependency(why)) => {
                tracing::warn!(camera = self.camera.name, why, "MediaMTX is told later");
                Ok(())
            }
            told => told,
        }
    }

    /// Ends MediaMTX's recording and follows its last file to its end.
    async fn end(&mut self) -> Result<(), EngineError> {
        self.camera.set_recording_off();
        let by = Instant::now() + CLOSE;
        let mut told = self.camera.apply().await;
        let mut looked = Ok(());
        if self.folder.is_some() {
            let mut none_since = Instant::now();
            loop {
                looked = self.look(true).await;
                if self.open().is_some() {
                    none_since = Instant::now();
                }
                // One that does not answer closes no file, and one that is gone has closed it.
                if looked.is_err() || none_since.elapsed() > LAST_FILE || Instant::now() > by {
                    break;
                }
                sleep(LOOK).await;
                if told.is_err() {
                    told = self.camera.apply_if_needed().await;
                }
            }
        }
        if looked.is_ok() && self.open().is_some() {
            looked = Err(match told {
                Err(error) => error,
                Ok(()) => EngineError::Dependency("MediaMTX does not close its file".to_owned()),
            });
        }
        if let Some(mut folder) = self.folder.take() {
            if let Some(Step::Ended(open)) = folder.end() {
                self.finish(open);
            }
            let cleared = blocking(move || {
                folder.clear();
                Ok(())
            });
            cleared.await?;
        }
        looked
    }

    async fn look(&mut self, idle: bool) -> Result<(), EngineError> {
        let Some(mut folder) = self.folder.take() else { return Ok(()) };
        let (folder, steps) = blocking(move || {
            let steps = folder.look(idle);
            Ok((folder, steps))
        })
        .await?;
        self.folder = Some(folder);
        for step in steps? {
            match step {
                Step::Began(path) => {
                    let camera = self.camera.name.clone();
                    self.camera.shared.events.tell(EngineEvent::RecordingFileStarted { camera, path });
                }
                Step::Ended(open) => self.finish(open),
            }
        }
        self.begin();
        self.publish();
        Ok(())
    }

    /// Says that the recording has begun, once there is enough, if it has not been said.
    fn begin(&mut self) {
        let open = self.open().filter(|open| self.begun.is_none() && open.duration() >= FIRST);
        let Some((path, started)) = open.map(|open| (open.path.clone(), open.started)) else { return };
        self.begun = Some(started);
        let recording = RecordingStarted { path, started, format: self.request.format };
        self.publish();
        let camera = self.camera.name.clone();
        self.camera
            .shared
            .events
            .tell(EngineEvent::RecordingStarted { camera, recording: recording.clone() });
        self.answer(Ok(recording));
    }

    fn answer(&mut self, answer: Result<RecordingStarted, EngineError>) {
        if let Some(started) = self.started.take() {
            // The caller may have gone; the recording goes on, and can be stopped.
            let _ = started.send(answer);
        }
    }

    /// Puts a closed file in order, beside what goes on.
    fn finish(&mut self, open: Open) {
        self.before.0 += open.duration();
        self.before.1 += open.bytes();
        let (camera, shared) = (self.camera.name.clone(), Arc::clone(&self.camera.shared));
        let format = self.request.format;
        self.finishing.push(tokio::spawn(async move {
            let finished = open.finish(Arc::clone(&shared), format).await;
            if let Some(file) = finished.file.clone() {
                shared.events.tell(EngineEvent::RecordingFileFinished { camera, file });
            }
            finished
        }));
    }

    /// Length and size of all files.
    fn so_far(&self) -> (Duration, u64) {
        let (duration, bytes) =
            self.open().map_or((Duration::ZERO, 0), |open| (open.duration(), open.bytes()));
        (self.before.0 + duration, self.before.1 + bytes)
    }

    fn publish(&self) {
        let Some(started) = self.begun else { return };
        let (duration, bytes) = self.so_far();
        let path = self.open().map(|open| open.path.clone());
        let now = RecordingNow { path, started, format: self.request.format, duration, bytes };
        *self.recorder.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}
