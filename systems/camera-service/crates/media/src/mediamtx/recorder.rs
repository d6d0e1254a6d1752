//! One recording: MediaMTX is told to record, its files are followed as they come, and MediaMTX is told to stop when it
//! was stopped, is long enough, or cannot go on. While the source or MediaMTX is away, it waits; what comes then goes on
//! in a new file.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::camera::Camera;
use super::file::{Folder, Open, Step};
use super::path::Recording;
use crate::EngineError;
use crate::engine::{GapCause, RecordingEnd};
use crate::files::blocking;
use crate::recording::{Course, Outcome};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(150);
/// Success is answered when so much is in the file.
const FIRST: Duration = Duration::from_secs(1);
/// A recording whose source is known to be lost is interrupted when it has not grown for so long.
const LOST: Duration = Duration::from_secs(1);
/// How long MediaMTX may take to close a file.
const CLOSE: Duration = Duration::from_secs(8);
/// MediaMTX answers before it has done what it was told; a last file may come so long after.
const LAST_FILE: Duration = Duration::from_millis(600);

struct Recorder {
    camera: Arc<Camera>,
    course: Course,
    /// `None` only while it is looked at.
    folder: Option<Folder>,
    /// MediaMTX was told to close the present file, which is large enough.
    turning: bool,
}

pub(super) async fn record(camera: Arc<Camera>, course: Course) -> Outcome {
    let mut recorder = Recorder { camera, course, folder: None, turning: false };
    let end = recorder.record().await;
    let ended = recorder.end().await;
    recorder.course.conclude(end, ended.err().map(|error| error.to_string())).await
}

impl Recorder {
    /// Until it is stopped or complete.
    async fn record(&mut self) -> Result<RecordingEnd, EngineError> {
        let (name, request) = (self.camera.name.clone(), self.course.request.clone());
        let wanted = Recording::on(&name, &request.folder, request.rotate_every)?;
        self.folder = Some({
            let name = name.clone();
            blocking(move || Folder::new(&name, &request)).await?
        });
        let stop = self.course.stop.clone();
        let begin_by = self.course.begin_by();
        // Before pictures come, there is nothing to record, and changing some paths would make them anew.
        while self.camera.ready_for().is_none() {
            tokio::select! {
                () = sleep(LOOK) => {}
                () = stop.cancelled() => return Ok(RecordingEnd::Stopped),
            }
            if Instant::now() > begin_by {
                return Err(self.camera.no_picture(self.course.request.within));
            }
        }
        if self.camera.is_unrecordable() {
            return Err(EngineError::Unsupported(format!(
                "{name} sends VP8, which MediaMTX does not record; have it sent as H.264, or write `encode: h264`"
            )));
        }
        self.camera.set_recording(wanted.clone());
        self.camera.apply().await?;
        let mut written = Instant::now();
        // Pictures come for so long, and nothing is written: it never will be. Cameras with a "smart" coding send a key frame in 10 to 30 s.
        let stall = self.camera.shared.options.key_frame_within;
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
            if self.course.is_complete() {
                return Ok(RecordingEnd::Complete);
            }
            if !self.course.has_begun() && Instant::now() > begin_by && ready_for.is_none() {
                return Err(self.camera.no_picture(self.course.request.within));
            }
            let quiet = self.course.quiet_at().is_some_and(|at| Instant::now() >= at);
            if !self.turning && (quiet || (ready_for.is_none() && self.course.quiet_for() > LOST)) {
                self.course.interrupt(match ready_for {
                    Some(_) => GapCause::NothingWritten,
                    None if self.camera.shared.server.up.is_up() => GapCause::SourceLost,
                    None => GapCause::ServerLost,
                });
            }
            // A file begins at a key frame.
            if ready_for.is_some_and(|ready| ready > stall) && written.elapsed() > stall {
                let folder = self.course.request.folder.display();
                return Err(EngineError::Dependency(format!(
                    "pictures come, and MediaMTX writes nothing into {folder}: it is to run on this machine as the same user, \
                     the disk is not to be full, and a key frame is to come (a file begins with one); its log says more"
                )));
            }
            if self.course.end_by().is_some_and(|by| Instant::now() >= by) {
                return Ok(self.course.time_up());
            }
            self.turn(&wanted).await?;
        }
    }

    fn open(&self) -> Option<&Open> {
        self.folder.as_ref().and_then(|folder| folder.open.as_ref())
    }

    /// Begins a new file where the present one gets too large: MediaMTX itself knows no size.
    async fn turn(&mut self, wanted: &Recording) -> Result<(), EngineError> {
        let most = self.course.request.rotate_bytes;
        if self.turning {
            if self.open().is_none() {
                self.turning = false;
                self.camera.set_recording(wanted.clone());
                return self.tell().await;
            }
        } else if self.open().is_some_and(|open| most.is_some_and(|most| open.fills(most))) {
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
        let by = Instant::now() + CLOSE;
        let mut told = match self.camera.set_recording_off() {
            true => self.camera.apply().await,
            // It has been told, or is told when it answers.
            false => Ok(()),
        };
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
                Step::Began(path) => self.course.file_begun(&path),
                Step::Ended(open) => self.finish(open),
            }
        }
        self.course.note(self.open().map(Open::writing));
        if self.open().is_some_and(|open| open.duration() >= FIRST) {
            self.course.begin();
        }
        Ok(())
    }

    /// Puts a closed file in order, beside what goes on.
    fn finish(&mut self, open: Open) {
        let (shared, format) = (Arc::clone(&self.camera.shared), self.course.request.format);
        self.course.put_away(open.duration(), open.bytes(), open.finish(shared, format));
    }
}
