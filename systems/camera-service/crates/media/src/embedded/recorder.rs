//! One recording: takes the camera's pieces as they come and puts them into files, until it is stopped, long enough,
//! or cannot go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until};

use super::camera::{Camera, Feed};
use super::writer::Writer;
use crate::EngineError;
use crate::engine::{GapCause, RecordingEnd};
use crate::live::Piece;
use crate::recording::{Course, Outcome};

/// The longest wait for the piece that holds the moment of stopping.
const LAST_PIECE: Duration = Duration::from_secs(3);

struct Recorder {
    camera: Arc<Camera>,
    course: Course,
    writer: Option<Writer>,
}

/// Records what the camera sends from now on.
pub(super) fn record(camera: Arc<Camera>, course: Course) -> impl Future<Output = Outcome> {
    let feed = camera.feed.subscribe();
    Recorder { camera, course, writer: None }.run(feed)
}

impl Recorder {
    async fn run(mut self, mut feed: broadcast::Receiver<Feed>) -> Outcome {
        let end = self.record(&mut feed).await;
        // From here on, pieces are nobody's business: the channel must not keep them.
        drop(feed);
        self.finish_file();
        self.course.conclude(end, None).await
    }

    async fn record(&mut self, feed: &mut broadcast::Receiver<Feed>) -> Result<RecordingEnd, EngineError> {
        let stop = self.course.stop.clone();
        let begin_by = self.course.begin_by();
        let mut stopping_by = None;
        loop {
            let (quiet_at, end_by) = (self.course.quiet_at(), self.course.end_by());
            tokio::select! {
                fed = feed.recv() => match fed {
                    Ok(Feed::Piece(piece)) => {
                        self.take(&piece).await?;
                        if stopping_by.is_some() {
                            return Ok(RecordingEnd::Stopped);
                        }
                        if self.course.is_complete() {
                            return Ok(RecordingEnd::Complete);
                        }
                    }
                    Ok(Feed::Down) => {
                        self.finish_file();
                        self.course.interrupt(GapCause::SourceLost);
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
