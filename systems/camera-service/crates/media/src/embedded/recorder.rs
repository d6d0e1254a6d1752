//! One recording: takes the camera's segments as they come and puts them into files, until it is stopped, long enough,
//! or cannot go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{broadcast, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::camera::{Camera, Feed};
use super::writer::{Finished, Writer};
use crate::EngineError;
use crate::engine::{
    EngineEvent, RecordingDone, RecordingEnd, RecordingNow, RecordingRequest, RecordingStarted,
};
use crate::interest::Hold;
use crate::live::Segment;

/// A recording with a length ends so long after it by the clock, even if its source was away meanwhile.
const OUTAGE: Duration = Duration::from_secs(10);
/// The longest wait for the segment that holds the moment of stopping.
const LAST_SEGMENT: Duration = Duration::from_secs(3);

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
    writer: Option<Writer>,
    finishing: Vec<JoinHandle<Finished>>,
    begun: Option<Timestamp>,
    /// Length and size of the files that are not written any more.
    before: (Duration, u64),
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
            writer: None,
            finishing: Vec::new(),
            begun: None,
            before: (Duration::ZERO, 0),
        };
        let (feed, hold) = (camera.feed.subscribe(), camera.interest.hold());
        let (name, shared) = (camera.name.clone(), Arc::clone(&camera.shared));
        tokio::spawn(async move {
            let done = task.run(feed, hold).await;
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
    async fn run(mut self, mut feed: broadcast::Receiver<Feed>, hold: Hold) -> Outcome {
        let end = self.record(&mut feed).await;
        // From here on, segments are nobody's business: the channel must not keep them.
        drop(feed);
        drop(hold);
        self.finish_file();
        let mut files = Vec::new();
        let mut problem = None;
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

    async fn record(&mut self, feed: &mut broadcast::Receiver<Feed>) -> Result<RecordingEnd, EngineError> {
        let stop = self.recorder.stop.clone();
        let begin_by = Instant::now() + self.request.within;
        let end_by =
            self.request.duration.map(|duration| Instant::now() + duration + OUTAGE + self.request.within);
        let mut stopping_by = None;
        loop {
            tokio::select! {
                fed = feed.recv() => match fed {
                    Ok(Feed::Segment(segment)) => {
                        self.take(&segment).await?;
                        if stopping_by.is_some() {
                            return Ok(RecordingEnd::Stopped);
                        }
                        if self.request.duration.is_some_and(|wanted| self.so_far().0 >= wanted) {
                            return Ok(RecordingEnd::Complete);
                        }
                    }
                    Ok(Feed::Down) => {
                        self.finish_file();
                        self.publish();
                        if stopping_by.is_some() {
                            return Ok(RecordingEnd::Stopped);
                        }
                    }
                    Err(broadcast::error::RecvError::Lagged(count)) => {
                        let why = format!("the disk is too slow for this video: {count} seconds were lost");
                        return Err(EngineError::Dependency(why));
                    }
                    Err(broadcast::error::RecvError::Closed) => return Ok(RecordingEnd::Stopped),
                },
                () = stop.cancelled(), if stopping_by.is_none() => {
                    if self.writer.is_none() {
                        return Ok(RecordingEnd::Stopped);
                    }
                    // The second that is under way holds the moment of stopping; it belongs to the recording.
                    stopping_by = Some(Instant::now() + LAST_SEGMENT);
                }
                () = until(stopping_by) => return Ok(RecordingEnd::Stopped),
                () = sleep_until(begin_by), if self.begun.is_none() => {
                    return Err(self.camera.no_picture(self.request.within));
                }
                () = until(end_by) => return Ok(RecordingEnd::Complete),
            }
        }
    }

    async fn take(&mut self, segment: &Segment) -> Result<(), EngineError> {
        if self.writer.as_ref().is_some_and(|writer| self.is_full(writer, segment)) {
            self.finish_file();
        }
        match &mut self.writer {
            Some(writer) => writer.write(segment).await?,
            // A file begins with a picture that can be decoded.
            None if !segment.fragment.keyframe => return Ok(()),
            None => {
                let writer = Writer::open(&self.camera.shared, &self.request, segment).await?;
                let path = writer.path.clone();
                self.writer = Some(writer);
                self.begin(segment);
                let camera = self.camera.name.clone();
                self.camera.shared.events.tell(EngineEvent::RecordingFileStarted { camera, path });
            }
        }
        self.publish();
        Ok(())
    }

    /// Says that the recording has begun, if it has not been said.
    fn begin(&mut self, segment: &Segment) {
        let Some(writer) = self.writer.as_ref().filter(|_| self.begun.is_none()) else { return };
        self.begun = Some(segment.begun);
        let recording = RecordingStarted {
            path: writer.path.clone(),
            started: segment.begun,
            format: self.request.format,
        };
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

    fn is_full(&self, writer: &Writer, next: &Segment) -> bool {
        let bytes = writer.bytes + next.fragment.bytes.len() as u64;
        let long = self.request.rotate_every.is_some_and(|every| writer.duration >= every);
        let large = self.request.rotate_bytes.is_some_and(|most| bytes > most);
        next.fragment.keyframe && (long || large)
    }

    /// Ends the present file, beside what goes on.
    fn finish_file(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        self.before.0 += writer.duration;
        self.before.1 += writer.bytes;
        let (camera, shared) = (self.camera.name.clone(), Arc::clone(&self.camera.shared));
        self.finishing.push(tokio::spawn(async move {
            let finished = writer.finish(Arc::clone(&shared)).await;
            if let Some(file) = finished.file.clone() {
                shared.events.tell(EngineEvent::RecordingFileFinished { camera, file });
            }
            finished
        }));
    }

    /// Length and size of all files.
    fn so_far(&self) -> (Duration, u64) {
        let (duration, bytes) = self.writer.as_ref().map_or((Duration::ZERO, 0), |w| (w.duration, w.bytes));
        (self.before.0 + duration, self.before.1 + bytes)
    }

    fn publish(&self) {
        let Some(started) = self.begun else { return };
        let (duration, bytes) = self.so_far();
        let path = self.writer.as_ref().map(|writer| writer.path.clone());
        let now = RecordingNow { path, started, format: self.request.format, duration, bytes };
        *self.recorder.now.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

/// The moment, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
