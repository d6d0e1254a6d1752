//! One recording: takes the camera's segments as they come and puts them into files, until it is stopped, long enough,
//! or cannot go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until};

use super::camera::{Camera, Feed};
use super::writer::Writer;
use crate::EngineError;
use crate::engine::RecordingEnd;
use crate::live::Segment;
use crate::recording::{Course, Outcome};

/// The longest wait for the segment that holds the moment of stopping.
const LAST_SEGMENT: Duration = Duration::from_secs(3);

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
        // From here on, segments are nobody's business: the channel must not keep them.
        drop(feed);
        self.finish_file();
        self.course.conclude(end, None).await
    }

    async fn record(&mut self, feed: &mut broadcast::Receiver<Feed>) -> Result<RecordingEnd, EngineError> {
        let stop = self.course.stop.clone();
        let (begin_by, end_by) = self.course.limits();
        let mut stopping_by = None;
        loop {
            tokio::select! {
                fed = feed.recv() => match fed {
                    Ok(Feed::Segment(segment)) => {
                        self.take(&segment).await?;
                        if stopping_by.is_some() {
                            return Ok(RecordingEnd::Stopped);
                        }
                        if self.course.is_complete() {
                            return Ok(RecordingEnd::Complete);
                        }
                    }
                    Ok(Feed::Down) => {
                        self.finish_file();
                        self.course.note(None);
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
                () = sleep_until(begin_by), if !self.course.has_begun() => {
                    return Err(self.camera.no_picture(self.course.request.within));
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
            Some(writer) => {
                writer.write(segment).await?;
                self.course.note(Some(writer.writing()));
            }
            // A file begins with a picture that can be decoded.
            None if !segment.fragment.keyframe => {}
            None => {
                let writer = Writer::open(&self.course.request, segment).await?;
                self.course.note(Some(writer.writing()));
                self.course.begin();
                self.course.file_begun(&writer.path);
                self.writer = Some(writer);
            }
        }
        Ok(())
    }

    fn is_full(&self, writer: &Writer, next: &Segment) -> bool {
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
