//! Recordings that somebody asked for and that are not over: kept over restarts. One without a length goes on by itself after whatever ended it
//! that nobody asked for: a stop of the service, a power failure, a full disk. One with a length does not, but the next start counts it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use camera_media::{Force, RecordingEnd, StreamState};
use serde::{Deserialize, Serialize};
use service_setup::files::{Owner, write_whole};
use tokio::sync::Mutex;

use super::{Kind, Service, blocking, state_file};
use crate::contract::RecordingFormat;

/// How often it is looked whether one can go on.
const LOOK: Duration = Duration::from_secs(5);
const VERSION: u32 = 1;

/// The recordings, and where they are kept.
#[derive(Default)]
pub struct WantedRecordings {
    path: PathBuf,
    list: Mutex<Vec<Wanted>>,
}

/// A recording that is not over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) device: String,
    pub(super) format: RecordingFormat,
    /// Its length, if it was asked for one.
    pub(super) seconds: Option<u64>,
    /// The service ended it when it was stopped.
    pub(super) stopped: bool,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordingsFile {
    version: u32,
    recordings: Vec<Wanted>,
}

impl WantedRecordings {
    /// Reads what an earlier run left, and answers how many of them the service ended as it was stopped: those are counted once.
    ///
    /// # Errors
    /// It cannot be read, or is of a newer version, in a sentence.
    pub fn open(path: &Path) -> Result<(WantedRecordings, usize), String> {
        let kept =
            state_file::parse::<RecordingsFile>(path, VERSION, "recordings")?.unwrap_or_default().recordings;
        let stopped = kept.iter().filter(|wanted| wanted.stopped).count();
        let mut list = kept.clone();
        list.retain(|wanted| wanted.seconds.is_none());
        list.iter_mut().for_each(|wanted| wanted.stopped = false);
        if list != kept {
            write(path, &list);
        }
        Ok((WantedRecordings { path: path.to_owned(), list: Mutex::new(list) }, stopped))
    }

    /// Changes the list, and what is kept of it.
    async fn change<T>(&self, change: impl FnOnce(&mut Vec<Wanted>) -> T) -> T {
        let mut list = self.list.lock().await;
        let before = list.clone();
        let answer = change(&mut list);
        if *list == before {
            return answer;
        }
        let (path, now) = (self.path.clone(), list.clone());
        // That it broke off is in the log.
        let _ = blocking(move || write(&path, &now)).await;
        answer
    }

    /// Keeps that a recording has begun.
    pub(super) async fn add(&self, wanted: Wanted) {
        self.change(|list| {
            list.retain(|other| other.device != wanted.device);
            list.push(wanted);
        })
        .await;
    }

    /// Nobody wants a recording of that camera any more; whether somebody did.
    pub(super) async fn forget(&self, device: &str) -> bool {
        self.change(|list| {
            let before = list.len();
            list.retain(|wanted| wanted.device != device);
            list.len() < before
        })
        .await
    }

    /// Keeps what follows from the end of a recording. Whoever stops one has forgotten it already, and may have begun another one since.
    pub(super) async fn note_end(&self, device: &str, end: &RecordingEnd) {
        self.change(|list| match end {
            RecordingEnd::Forced(Force::Shutdown) => {
                list.iter_mut()
                    .filter(|wanted| wanted.device == device)
                    .for_each(|wanted| wanted.stopped = true);
            }
            RecordingEnd::Stopped => {}
            _ => list.retain(|wanted| wanted.device != device || wanted.seconds.is_none()),
        })
        .await;
    }

    async fn without_length(&self) -> Vec<Wanted> {
        self.list.lock().await.iter().filter(|wanted| wanted.seconds.is_none()).cloned().collect()
    }

    async fn holds(&self, wanted: &Wanted) -> bool {
        self.list.lock().await.contains(wanted)
    }
}

fn write(path: &Path, recordings: &[Wanted]) {
    let kept = RecordingsFile { version: VERSION, recordings: recordings.to_vec() };
    let text = serde_json::to_vec_pretty(&kept).unwrap_or_default();
    if let Err(error) = write_whole(path, &text, 0o600, Owner::of(path)) {
        let path = path.display();
        tracing::error!(%path, %error, "which recordings are to go on is not known any more after a restart");
    }
}

impl Service {
    /// Has recordings go on that nobody ended, as soon as their cameras deliver, or are only to be opened, and there is room, until the service
    /// stops. A camera that is not known may come yet, as a video device that is plugged in.
    pub async fn resume_recordings(self: Arc<Self>) {
        for wanted in self.wanted.without_length().await {
            if self.camera(&wanted.device).is_err() {
                tracing::warn!(camera = wanted.device, "its recording goes on once there is such a camera");
            }
        }
        let mut looks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = self.stop.cancelled() => return,
            }
            let wanted = self.wanted.without_length().await;
            futures_util::future::join_all(wanted.iter().map(|wanted| self.resume(wanted))).await;
        }
    }

    async fn resume(&self, wanted: &Wanted) {
        let Ok(known) = self.camera(&wanted.device) else { return };
        let is_idle = || matches!(self.engine.recording(&known.name), Ok(None));
        let can_record = self
            .engine
            .status(&known.name)
            .is_ok_and(|status| matches!(status.state, StreamState::Ready | StreamState::Stopped));
        // A full disk is told already.
        if !is_idle() || !can_record || self.refuse_full_disk(Kind::Recordings).await.is_err() {
            return;
        }
        let _turn = known.turn.lock().await;
        // It may have been stopped, or begun, meanwhile.
        if !self.wanted.holds(wanted).await || !is_idle() || self.stop.is_cancelled() {
            return;
        }
        match self.begin_recording(&known, wanted.format, None).await {
            Ok(begun) => tracing::warn!(
                camera = wanted.device,
                file = begun.filename,
                "a recording goes on that nobody ended"
            ),
            Err(error) => {
                tracing::warn!(camera = wanted.device, error = %error.message, "a recording could not go on");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(device: &str, seconds: Option<u64>) -> Wanted {
        Wanted { device: device.to_owned(), format: RecordingFormat::Mp4, seconds, stopped: false }
    }

    #[tokio::test]
    async fn what_nobody_ended_is_wanted_after_a_restart_unless_it_has_a_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recordings.json");
        let (recordings, stopped) = WantedRecordings::open(&path).unwrap();
        assert_eq!(stopped, 0);
        let ends = [
            ("killed", None, None),
            ("stopped-with-the-service", None, Some(RecordingEnd::Forced(Force::Shutdown))),
            ("full-disk", None, Some(RecordingEnd::Forced(Force::FullDisk))),
            ("failed", None, Some(RecordingEnd::Failed("bad disk".to_owned()))),
            ("long", Some(600), Some(RecordingEnd::Forced(Force::Shutdown))),
            ("complete", Some(600), Some(RecordingEnd::Complete)),
        ];
        for (device, seconds, end) in &ends {
            recordings.add(wanted(device, *seconds)).await;
            if let Some(end) = end {
                recordings.note_end(device, end).await;
            }
        }
        recordings.add(wanted("ended", None)).await;
        assert!(recordings.forget("ended").await && !recordings.forget("ended").await);
        let (again, stopped) = WantedRecordings::open(&path).unwrap();
        assert_eq!(stopped, 2, "that with a length is counted, too");
        let left =
            ["killed", "stopped-with-the-service", "full-disk", "failed"].map(|name| wanted(name, None));
        assert_eq!(again.without_length().await, left);
        assert_eq!(WantedRecordings::open(&path).unwrap().1, 0, "and once only");
        std::fs::write(&path, r#"{"version":2,"recordings":[]}"#).unwrap();
        assert!(WantedRecordings::open(&path).err().unwrap().contains("newer version"));
    }
}
