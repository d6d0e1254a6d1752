//! A recording from its request to its end, whichever engine makes it: that a camera has one at a time, what is told of
//! it, and what it comes to. Knows nothing of where the video comes from, nor how a file is written.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::{
    EngineEvent, Force, Gap, GapCause, Gaps, RecordedFile, RecordingDone, RecordingEnd, RecordingNow,
    RecordingRequest, RecordingStarted,
};
use crate::events::Events;
use crate::interest::{Hold, Interest};
use crate::{EngineError, Moment};

/// A recording with a length ends so long after it by the clock, even if its source was away meanwhile.
const OUTAGE: Duration = Duration::from_secs(10);
/// A recording that has not grown for so long is interrupted, unless its pictures are rarer: three times as long as it took to grow
/// last. Loss of the source, where it is told, is known sooner.
const QUIET: Duration = Duration::from_secs(5);
/// What a file has when it is first seen says no more than this of how it grows.
const FIRST_GROWTH: Duration = Duration::from_secs(1);

/// How a recording ended; `None` if it never began.
pub(crate) type Outcome = Option<RecordingDone>;

type Started = oneshot::Sender<Result<RecordingStarted, EngineError>>;

/// The place in a camera where a recording runs.
pub(crate) struct Slot {
    camera: String,
    interest: Interest,
    events: Events,
    recording: Mutex<Option<Arc<Recording>>>,
}

/// A recording under way, as others see it.
struct Recording {
    stop: CancellationToken,
    /// When it was to end, and for what, unless somebody asked for it.
    ending: OnceLock<(Moment, Option<Force>)>,
    outcome: watch::Receiver<Option<Outcome>>,
    now: Mutex<Option<RecordingNow>>,
}

impl Slot {
    pub(crate) fn new(camera: &str, interest: &Interest, events: &Events) -> Self {
        Self {
            camera: camera.to_owned(),
            interest: interest.clone(),
            events: events.clone(),
            recording: Mutex::default(),
        }
    }

    /// Starts a recording, whose course is `run`, and waits until it has begun.
    pub(crate) async fn start<R>(
        &self,
        request: RecordingRequest,
        run: impl FnOnce(Course) -> R,
    ) -> Result<RecordingStarted, EngineError>
    where
        R: Future<Output = Outcome> + Send + 'static,
    {
        let (started, answered) = oneshot::channel();
        let (outcome, watched) = watch::channel(None);
        let mut ended = watched.clone();
        {
            let mut slot = self.lock();
            let camera = self.camera.clone();
            if slot.as_ref().is_some_and(|recording| !recording.has_ended()) {
                let why = format!("{camera} is being recorded already; stop that first");
                return Err(EngineError::InvalidState(why));
            }
            if self.interest.has_ended() {
                return Err(EngineError::NotFound(camera));
            }
            let (stop, now) = (CancellationToken::new(), Mutex::default());
            let recording =
                Arc::new(Recording { stop: stop.clone(), ending: OnceLock::new(), outcome: watched, now });
            *slot = Some(Arc::clone(&recording));
            let events = self.events.clone();
            let running = run(Course {
                request,
                stop,
                camera: camera.clone(),
                events: events.clone(),
                recording,
                started: Some(started),
                hold: self.interest.hold(),
                writing: None,
                finishing: Vec::new(),
                begun: None,
                lead: Duration::ZERO,
                before: (Duration::ZERO, 0),
                grown: (Moment::now(), FIRST_GROWTH),
                gaps: Gaps::default(),
            });
            tokio::spawn(async move {
                let done = running.await;
                outcome.send_replace(Some(done.clone()));
                if let Some(recording) = done {
                    events.tell(EngineEvent::RecordingEnded { camera, recording });
                }
            });
        }
        let answer = answered
            .await
            .unwrap_or_else(|_| Err(EngineError::InvalidState("the recording was ended".to_owned())));
        if answer.is_err() {
            // Whoever starts another one at once is to find the place free. A course that broke off has left it, too.
            let _ = ended.wait_for(Option::is_some).await;
        }
        answer
    }

    /// Ends the recording, by force or as somebody asked for that, and waits until its files are finished.
    pub(crate) async fn stop(&self, force: Option<Force>) -> Result<RecordingDone, EngineError> {
        let recording = self.lock().clone().filter(|recording| !recording.has_ended());
        let done = match recording {
            Some(recording) => recording.stop(force).await,
            None => None,
        };
        done.ok_or_else(|| EngineError::InvalidState(format!("{} is not being recorded", self.camera)))
    }

    pub(crate) fn now(&self) -> Option<RecordingNow> {
        self.lock().as_ref().and_then(|recording| recording.now().clone())
    }

    /// Ends the recording and every interest in the camera; from then on, none is started.
    pub(crate) async fn end(&self, force: Force) {
        // Without a recording there is nothing to stop.
        let _ = self.stop(Some(force)).await;
        self.interest.end();
        // One may have been started in between; from here on none is.
        let _ = self.stop(Some(force)).await;
    }

    /// As `end`, and waits for nothing.
    pub(crate) fn tell_end(&self) {
        if let Some(recording) = self.lock().as_ref() {
            recording.tell_end(Some(Force::Shutdown));
        }
        self.interest.end();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Recording>>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recording {
    fn has_ended(&self) -> bool {
        self.outcome.borrow().is_some() || self.outcome.has_changed().is_err()
    }

    fn tell_end(&self, force: Option<Force>) {
        // Who says it first says why.
        self.ending.get_or_init(|| (Moment::now(), force));
        self.stop.cancel();
    }

    async fn stop(&self, force: Option<Force>) -> Outcome {
        self.tell_end(force);
        let mut outcome = self.outcome.clone();
        outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone()).flatten()
    }

    fn now(&self) -> MutexGuard<'_, Option<RecordingNow>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is being written, as far as it has come.
pub(crate) struct Writing {
    pub(crate) path: PathBuf,
    pub(crate) started: Moment,
    pub(crate) duration: Duration,
    pub(crate) bytes: u64,
}

/// A file that was ended, and what was wrong with that.
pub(crate) struct Finished {
    pub(crate) file: Option<RecordedFile>,
    pub(crate) problem: Option<String>,
}

/// A recording under way, as those see it who make it. Keeps the source open until it is concluded.
pub(crate) struct Course {
    pub(crate) request: RecordingRequest,
    /// Cancelled when it is to end.
    pub(crate) stop: CancellationToken,
    camera: String,
    events: Events,
    recording: Arc<Recording>,
    started: Option<Started>,
    hold: Hold,
    writing: Option<Writing>,
    finishing: Vec<JoinHandle<Finished>>,
    /// When its first picture was taken, and its first file.
    begun: Option<(Moment, PathBuf)>,
    /// Length of what is in its first file from before it was asked for: from a key frame on.
    lead: Duration,
    /// Length and size of the files that are not written any more.
    before: (Duration, u64),
    /// When it was last seen to grow, and by how much.
    grown: (Moment, Duration),
    gaps: Gaps,
}

impl Course {
    /// When it is to have begun, if it is started now.
    pub(crate) fn begin_by(&self) -> Instant {
        Instant::now() + self.request.within
    }

    /// When it ends at the latest; `None` if it has no length, or has not begun.
    pub(crate) fn end_by(&self) -> Option<Instant> {
        let (begun, _) = self.begun.as_ref()?;
        let end = begun.after(self.lead + self.request.duration? + OUTAGE);
        Some(Instant::now() + end.since(Moment::now()))
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Whether it has the length that was asked for.
    pub(crate) fn is_complete(&self) -> bool {
        self.request.duration.is_some_and(|wanted| self.so_far().0 >= wanted + self.lead)
    }

    /// How it ended whose time is up.
    pub(crate) fn time_up(&self) -> RecordingEnd {
        if self.is_complete() { RecordingEnd::Complete } else { RecordingEnd::TimeUp }
    }

    /// Says that so much of the present file is from before it was asked for.
    pub(crate) fn set_lead(&mut self, lead: Duration) {
        self.lead = lead;
    }

    pub(crate) fn file_begun(&self, path: &Path) {
        let (camera, path) = (self.camera.clone(), path.to_owned());
        self.events.tell(EngineEvent::RecordingFileStarted { camera, path });
    }

    /// Notes the present file as it is now.
    pub(crate) fn note(&mut self, writing: Option<Writing>) {
        let growth = match (&self.writing, &writing) {
            (_, None) => Duration::ZERO,
            (Some(before), Some(now)) if before.path == now.path => {
                now.duration.saturating_sub(before.duration)
            }
            (_, Some(now)) => now.duration.min(FIRST_GROWTH),
        };
        self.writing = writing;
        if !growth.is_zero() {
            self.grown = (Moment::now(), growth);
            if let Some(gap) = self.gaps.present.take() {
                let gap = gap.since.elapsed().saturating_sub(growth);
                self.gaps.total += gap;
                let camera = self.camera.clone();
                self.publish();
                self.events.tell(EngineEvent::RecordingResumed { camera, gap });
                return;
            }
        }
        self.publish();
    }

    /// When it is interrupted, if nothing is written until then; `None` if it is already, or has not begun.
    pub(crate) fn quiet_at(&self) -> Option<Instant> {
        let quiet = QUIET.max(self.grown.1.saturating_mul(3));
        let waits = self.begun.is_some() && self.gaps.present.is_none();
        waits.then(|| Instant::now() + quiet.saturating_sub(self.grown.0.elapsed()))
    }

    /// How long it has not grown.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.grown.0.elapsed()
    }

    /// Notes that nothing is written any more, if that is new.
    pub(crate) fn interrupt(&mut self, cause: GapCause) {
        if self.begun.is_none() || self.gaps.present.is_some() {
            return;
        }
        let gap = Gap { cause, since: self.grown.0 };
        self.gaps = Gaps {
            count: self.gaps.count + 1,
            cause: Some(cause),
            present: Some(gap),
            total: self.gaps.total,
        };
        self.publish();
        self.events.tell(EngineEvent::RecordingInterrupted { camera: self.camera.clone(), gap });
    }

    /// Says that the recording has begun with the present file, if it has not been said.
    pub(crate) fn begin(&mut self) {
        let Some(writing) = self.writing.as_ref().filter(|_| self.begun.is_none()) else { return };
        let (path, started, format) = (writing.path.clone(), writing.started, self.request.format);
        self.begun = Some((started, path.clone()));
        let started = started.timestamp();
        let (camera, recording) = (self.camera.clone(), RecordingStarted { path, started, format });
        self.publish();
        self.events.tell(EngineEvent::RecordingStarted { camera, recording: recording.clone() });
        answer(self.started.take(), Ok(recording));
    }

    /// Has a file finished that is not written any more, beside what goes on.
    pub(crate) fn put_away(
        &mut self,
        duration: Duration,
        bytes: u64,
        finish: impl Future<Output = Finished> + Send + 'static,
    ) {
        self.writing = None;
        self.before.0 += duration;
        self.before.1 += bytes;
        let (camera, events) = (self.camera.clone(), self.events.clone());
        self.finishing.push(tokio::spawn(async move {
            let finished = finish.await;
            if let Some(file) = finished.file.clone() {
                events.tell(EngineEvent::RecordingFileFinished { camera, file });
            }
            finished
        }));
    }

    /// Lets the source go and waits until all files are finished. `problem` is what was wrong with ending it.
    pub(crate) async fn conclude(
        self,
        end: Result<RecordingEnd, EngineError>,
        mut problem: Option<String>,
    ) -> Outcome {
        drop(self.hold);
        let (ended, force) = self.recording.ending.get().copied().unwrap_or((Moment::now(), None));
        let mut files = Vec::new();
        for finishing in self.finishing {
            match finishing.await {
                Ok(finished) => {
                    files.extend(finished.file);
                    problem = problem.or(finished.problem);
                }
                Err(error) => problem = Some(error.to_string()),
            }
        }
        *self.recording.now() = None;
        let Some((started, _)) = self.begun else {
            for file in files {
                // Less than the second that was promised.
                let _ = tokio::fs::remove_file(&file.path).await;
            }
            let unbegun = format!("the recording of {} was stopped before it began", self.camera);
            let error = end.err().unwrap_or(EngineError::InvalidState(unbegun));
            answer(self.started, Err(error));
            return None;
        };
        let end = match (end, problem, force) {
            (Err(error), _, _) => RecordingEnd::Failed(error.to_string()),
            (Ok(_), Some(problem), _) => RecordingEnd::Failed(problem),
            (Ok(RecordingEnd::Stopped), None, Some(force)) => RecordingEnd::Forced(force),
            (Ok(end), None, _) => end,
        };
        let ran = ended.since(started.after(self.lead));
        let wanted = match (self.request.duration, &end) {
            (None, _) => ran,
            // Whoever stops it wants no more.
            (Some(asked), RecordingEnd::Stopped) => asked.min(ran),
            (Some(asked), _) => asked,
        };
        let mut gaps = self.gaps;
        if let Some(gap) = gaps.present.take() {
            gaps.total += ended.since(gap.since);
        }
        Some(RecordingDone {
            started: started.timestamp(),
            ended: Timestamp::now(),
            duration: files.iter().map(|file| file.duration).sum(),
            lead: self.lead,
            bytes: files.iter().map(|file| file.bytes).sum(),
            files,
            format: self.request.format,
            wanted,
            gaps,
            end,
        })
    }

    /// Length and size of all files.
    fn so_far(&self) -> (Duration, u64) {
        let (duration, bytes) = self.writing.as_ref().map_or((Duration::ZERO, 0), |w| (w.duration, w.bytes));
        (self.before.0 + duration, self.before.1 + bytes)
    }

    fn publish(&self) {
        let Some((started, first)) = self.begun.clone() else { return };
        let (duration, bytes) = self.so_far();
        let path = self.writing.as_ref().map(|writing| writing.path.clone());
        let now = RecordingNow {
            first,
            path,
            started,
            format: self.request.format,
            duration,
            lead: self.lead,
            bytes,
            wanted: self.request.duration,
            gaps: self.gaps,
        };
        *self.recording.now() = Some(now);
    }
}

fn answer(started: Option<Started>, answer: Result<RecordingStarted, EngineError>) {
    if let Some(started) = started {
        // The caller may have gone; the recording goes on, and can be stopped.
        let _ = started.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::RecordingFormat;

    fn slot() -> Slot {
        let interest = Interest::in_stream();
        interest.set_stream(false);
        Slot::new("yard", &interest, &Events::new())
    }

    fn request() -> RecordingRequest {
        RecordingRequest {
            folder: PathBuf::from("/nowhere"),
            name_file: Arc::new(|_| "recording".to_owned()),
            format: RecordingFormat::Fmp4,
            duration: None,
            rotate_every: None,
            rotate_bytes: None,
            within: Duration::from_secs(5),
        }
    }

    fn writing(path: &Path) -> Writing {
        let (started, duration) = (Moment::now().before(Duration::from_secs(2)), Duration::from_secs(2));
        Writing { path: path.to_owned(), started, duration, bytes: 7 }
    }

    async fn finished(Writing { path, started, duration, bytes }: Writing) -> Finished {
        let (format, started) = (RecordingFormat::Fmp4, started.timestamp());
        let file = RecordedFile { path, started, ended: started, duration, bytes, format };
        Finished { file: Some(file), problem: None }
    }

    #[tokio::test]
    async fn a_recording_that_never_began_says_why_and_leaves_no_file() {
        let (folder, slot) = (tempfile::tempdir().unwrap(), slot());
        for (end, said) in [
            (Ok(RecordingEnd::Stopped), "the recording of yard was stopped before it began"),
            (Err(EngineError::Dependency("no picture".to_owned())), "no picture"),
        ] {
            let path = folder.path().join("half.mp4");
            std::fs::write(&path, "a moment").unwrap();
            let half = writing(&path);
            let started = slot.start(request(), |mut course| async {
                course.put_away(half.duration, half.bytes, finished(half));
                course.conclude(end, None).await
            });
            assert_eq!(started.await.unwrap_err().to_string(), said);
            assert!(!path.exists() && slot.now().is_none() && !slot.interest.is_there());
        }
    }

    #[tokio::test]
    async fn after_a_start_that_failed_another_is_made_at_once() {
        let slot = slot();
        for _ in 0..100 {
            let started = slot.start(request(), |course| async {
                let ended =
                    course.conclude(Err(EngineError::Dependency("no picture".to_owned())), None).await;
                // What is left to be done between the answer and the end may take a while.
                tokio::task::yield_now().await;
                ended
            });
            assert_eq!(started.await.unwrap_err().to_string(), "no picture");
        }
    }

    #[tokio::test]
    async fn a_camera_has_one_recording_at_a_time_and_none_after_its_end() {
        let (slot, path) = (slot(), PathBuf::from("/nowhere/recording.mp4"));
        let mut events = slot.events.subscribe();
        let (first, second) = (writing(&path), writing(&path));
        let started = slot.start(request(), |mut course| async {
            course.put_away(first.duration, first.bytes, finished(first));
            course.note(Some(writing(&second.path)));
            course.begin();
            course.stop.cancelled().await;
            course.put_away(second.duration, second.bytes, finished(second));
            course.conclude(Ok(RecordingEnd::Stopped), Some("the disk was full".to_owned())).await
        });
        assert_eq!(started.await.unwrap().path, path);
        let again = slot.start(request(), |_| async { None }).await.unwrap_err();
        assert_eq!(again.to_string(), "yard is being recorded already; stop that first");
        let now = slot.now().unwrap();
        assert_eq!((now.path, now.duration, now.bytes), (Some(path), Duration::from_secs(4), 14));
        assert!(slot.interest.is_there(), "it keeps the source open");
        let done = slot.stop(None).await.unwrap();
        assert_eq!((done.files.len(), done.duration, done.bytes), (2, Duration::from_secs(4), 14));
        assert_eq!(done.end, RecordingEnd::Failed("the disk was full".to_owned()));
        assert!(slot.now().is_none() && !slot.interest.is_there());
        assert_eq!(slot.stop(None).await.unwrap_err().to_string(), "yard is not being recorded");
        slot.end(Force::CameraRemoved).await;
        let late = slot.start(request(), |_| async { None }).await;
        assert!(matches!(late, Err(EngineError::NotFound(_))), "{late:?}");
        drop(slot);
        let mut last = None;
        while let Ok(event) = events.recv().await {
            last = Some(event);
        }
        assert!(matches!(last, Some(EngineEvent::RecordingEnded { .. })), "{last:?}");
    }
}
