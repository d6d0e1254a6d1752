//! One recording: takes the camera's pieces as they come and puts them into files, until it is stopped, long enough,
//! or cannot go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::camera::Camera;
use super::feed::{Fed, Reader};
use super::writer::Writer;
use crate::EngineError;
use crate::engine::{GapCause, RecordingEnd};
use crate::live::Piece;
use crate::recording::{Course, Finished, Outcome};

/// The longest wait for the piece that holds the moment of stopping.
const LAST_PIECE: Duration = Duration::from_secs(3);
/// A disk that failed is not asked again before that.
const DISK_PAUSE: Duration = Duration::from_secs(1);

struct Recorder {
    camera: Arc<Camera>,
    course: Course,
    writer: Option<Writer>,
    /// Since when the disk has kept nothing, and when it is asked again.
    failing: Option<(Instant, Instant)>,
}

/// Records what the camera sends from now on.
pub(super) fn record(camera: Arc<Camera>, course: Course) -> impl Future<Output = Outcome> {
    let feed = camera.feed.subscribe();
    Recorder { camera, course, writer: None, failing: None }.run(feed)
}

impl Recorder {
    async fn run(mut self, feed: Reader) -> Outcome {
        let end = self.record(&feed).await;
        // From here on, pieces are nobody's business: none is to wait.
        drop(feed);
        self.finish_file();
        self.course.conclude(end, None).await
    }

    async fn record(&mut self, feed: &Reader) -> Result<RecordingEnd, EngineError> {
        let stop = self.course.stop.clone();
        let begin_by = self.course.begin_by();
        let mut stopping_by = None;
        loop {
            let (quiet_at, end_by) = (self.course.quiet_at(), self.course.end_by());
            tokio::select! {
                fed = feed.next() => match fed {
                    Fed::Piece(piece) => {
                        if let Err(error) = self.take(&piece).await {
                            self.go_on_despite(error)?;
                        }
                        if stopping_by.is_some() {
                            return Ok(RecordingEnd::Stopped);
                        }
                        if self.course.is_complete() {
                            return Ok(RecordingEnd::Complete);
                        }
                    }
                    Fed::Down => {
                        self.finish_file();
                        self.course.interrupt(GapCause::SourceLost);
                        if stopping_by.is_some() {
                            return Ok(RecordingEnd::Stopped);
                        }
                    }
                    Fed::Lost(lost) => {
                        tracing::error!(camera = self.camera.name, ?lost, "the disk is too slow for this video");
                        self.break_off();
                        if stopping_by.is_some() {
                            return Ok(RecordingEnd::Stopped);
                        }
                    }
                },
                () = stop.cancelled(), if stopping_by.is_none() => {
                    if self.writer.is_none() {
                        return Ok(RecordingEnd::Stopped);
                    }
                    // The second that is under way holds the moment of stopping; it belongs to the recording.
                    stopping_by = Some(Instant::now() + LAST_PIECE);
                }
                () = until(stopping_by) => return Ok(RecordingEnd::Stopped),
                () = sleep_until(begin_by), if !self.course.has_begun() => {
                    return Err(self.camera.no_picture(self.course.request.within));
                }
                () = until(end_by) => return Ok(self.course.time_up()),
                () = until(quiet_at) => self.course.interrupt(GapCause::SourceLost),
            }
        }
    }

    async fn take(&mut self, piece: &Piece) -> Result<(), EngineError> {
        if self.writer.as_ref().is_some_and(|writer| self.is_full(writer, piece)) {
            self.finish_file();
        }
        if let Some(writer) = &mut self.writer {
            writer.write(piece).await?;
            self.course.note(Some(writer.writing()));
            if writer.is_synced {
                self.failing = None;
            }
            return Ok(());
        }
        if self.failing.is_some_and(|(_, again)| Instant::now() < again) {
            return Ok(());
        }
        // A file begins with a picture that can be decoded, be it from before the recording was asked for.
        let Some(pieces) = self.camera.live.lock().since_key_frame(piece) else { return Ok(()) };
        let [first, others @ ..] = &pieces[..] else { return Ok(()) };
        let writer = Writer::open(&self.course.request, first, others).await?;
        if !self.course.has_begun() {
            self.course.set_lead(writer.duration.saturating_sub(piece.fragment.duration));
        }
        self.course.note(Some(writer.writing()));
        self.course.begin();
        self.course.file_begun(&writer.path);
        self.writer = Some(writer);
        Ok(())
    }

    /// What could not be written is missing; what comes is written into another file, from a key frame on. Fails if nothing was to be had of the
    /// disk for too long, or there is no room on it: whoever makes some begins another recording.
    fn go_on_despite(&mut self, error: EngineError) -> Result<(), EngineError> {
        let (now, patience) = (Instant::now(), self.camera.shared.options.disk_patience);
        let (since, _) = self.failing.unwrap_or((now, now));
        if !self.course.has_begun() || error.is_full_disk() || now.duration_since(since) >= patience {
            return Err(error);
        }
        if self.failing.is_none() {
            tracing::error!(camera = self.camera.name, %error, "a recording goes on in another file");
        }
        self.failing = Some((since, now + DISK_PAUSE));
        self.break_off();
        Ok(())
    }

    /// Ends the present file, behind which something is missing.
    fn break_off(&mut self) {
        self.course.interrupt(GapCause::NothingWritten);
        let Some(writer) = self.writer.take() else { return };
        let (shared, camera) = (Arc::clone(&self.camera.shared), self.camera.name.clone());
        self.course.put_away(writer.duration, writer.bytes, async move {
            let finished = writer.finish(shared).await;
            if let Some(problem) = &finished.problem {
                tracing::warn!(camera, problem, "a file that was broken off");
            }
            // That something is missing is told already.
            Finished { problem: None, ..finished }
        });
    }

    fn is_full(&self, writer: &Writer, next: &Piece) -> bool {
        let bytes = writer.bytes + next.fragment.bytes.len() as u64;
        let long = self.course.request.rotate_every.is_some_and(|every| writer.duration >= every);
        let large = self.course.request.rotate_bytes.is_some_and(|most| bytes > most);
        next.fragment.keyframe && (long || large)
    }

    /// Ends the present file, beside what goes on.
    fn finish_file(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let shared = Arc::clone(&self.camera.shared);
        self.course.put_away(writer.duration, writer.bytes, writer.finish(shared));
    }
}

/// The moment, or never.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{CameraSpec, Engine as _, RecordingFormat, RecordingRequest};
    use crate::{EmbeddedEngine, EmbeddedOptions, Source, SourceOptions};

    #[tokio::test]
    async fn a_disk_that_takes_what_it_does_not_keep_fails_until_it_has_kept_something() {
        let engine = match EmbeddedEngine::new(EmbeddedOptions::default()).await {
            Ok(engine) => engine,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg: {error}");
                return eprintln!("SKIPPED: there is no ffmpeg here (apt install ffmpeg)");
            }
        };
        let source = Source::parse("test:pattern", SourceOptions::default()).unwrap();
        engine.add(CameraSpec { name: "front".to_owned(), source }).await.unwrap();
        let camera = engine.cameras.get("front").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let request = RecordingRequest {
            folder: folder.path().to_owned(),
            name_file: Arc::new(|_| "front".to_owned()),
            format: RecordingFormat::Fmp4,
            duration: None,
            rotate_every: None,
            rotate_bytes: None,
            within: Duration::from_secs(30),
        };
        let (tell, told) = tokio::sync::oneshot::channel();
        let (recorded, feed) = (Arc::clone(&camera), camera.feed.subscribe());
        let course = |course| async move {
            let failed = Some((Instant::now(), Instant::now()));
            let mut recorder = Recorder { camera: recorded, course, writer: None, failing: failed };
            let mut seen = Vec::new();
            while !seen.last().is_some_and(|(synced, _)| *synced) {
                if let Fed::Piece(piece) = feed.next().await {
                    recorder.take(&piece).await.unwrap();
                    let synced = recorder.writer.as_ref().is_some_and(|writer| writer.is_synced);
                    seen.push((synced, recorder.failing.is_some()));
                }
            }
            tell.send(seen).unwrap();
            recorder.finish_file();
            recorder.course.conclude(Ok(RecordingEnd::Stopped), None).await
        };
        camera.recorder.start(request, course).await.unwrap();
        let seen = told.await.unwrap();
        assert!(seen.len() > 1 && seen.iter().all(|(synced, fails)| synced != fails), "{seen:?}");
        engine.shutdown(Duration::from_secs(10)).await;
    }
}
