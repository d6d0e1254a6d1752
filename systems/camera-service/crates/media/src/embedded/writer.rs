//! One file of a recording, from its first fragment to its last. A file plays at every moment; what is written after
//! its good end by a disk that fills is cut off again.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::Shared;
use crate::engine::{RecordedFile, RecordingFormat, RecordingRequest};
use crate::files::{blocking, create, in_container, marker_of};
use crate::live::Piece;
use crate::recording::{Finished, Writing};
use crate::{EngineError, Moment};

/// What was written is handed to the disk itself that often, if it takes it as fast.
const SYNC_EVERY: Duration = Duration::from_secs(5);

pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) started: Moment,
    pub(super) duration: Duration,
    /// Bytes that were given to the file.
    pub(super) bytes: u64,
    /// Whether the disk itself has kept some of them: that it takes them says little.
    pub(super) is_synced: bool,
    format: RecordingFormat,
    /// Decode time of its first picture in the stream; 0 in the file.
    origin: u64,
    fragments: u32,
    file: Arc<File>,
    syncing: Syncing,
}

/// When what was written was last handed to the disk itself, and whether it is being.
struct Syncing {
    last: Instant,
    under_way: Option<JoinHandle<io::Result<()>>>,
}

impl Writer {
    /// A new file with its first fragments in it, the first of which begins with a key frame. If that fails, there is no file.
    pub(super) async fn open(
        request: &RecordingRequest,
        first: &Piece,
        others: &[Piece],
    ) -> Result<Self, EngineError> {
        let stem = (request.name_file)(first.begun.timestamp());
        let (folder, format) = (request.folder.clone(), request.format);
        let (path, file) = blocking(move || create(&folder, &stem, format)).await?;
        let mut writer = Self {
            path,
            started: first.begun,
            duration: Duration::ZERO,
            bytes: 0,
            is_synced: false,
            format,
            origin: first.fragment.decode_time,
            fragments: 0,
            file: Arc::new(file),
            syncing: Syncing { last: Instant::now(), under_way: None },
        };
        if let Err(error) = writer.begin(first, others).await {
            let path = &writer.path;
            if let Err(error) = tokio::fs::remove_file(path).await {
                tracing::warn!(path = %path.display(), %error, "a file without a picture could not be removed");
            }
            unmark(path).await;
            return Err(error);
        }
        Ok(writer)
    }

    async fn begin(&mut self, first: &Piece, others: &[Piece]) -> Result<(), EngineError> {
        self.put(vec![first.init.bytes.clone()]).await?;
        self.write(first).await?;
        for piece in others {
            self.write(piece).await?;
        }
        Ok(())
    }

    pub(super) fn writing(&self) -> Writing {
        let Self { path, started, duration, bytes, .. } = self;
        Writing { path: path.clone(), started: *started, duration: *duration, bytes: *bytes }
    }

    /// Appends a fragment of the same run of the source.
    pub(super) async fn write(&mut self, piece: &Piece) -> Result<(), EngineError> {
        let fragment = &piece.fragment;
        let moved = fragment.moved(self.origin, self.fragments + 1);
        let (moof, mdat) = moved.map_err(|error| EngineError::Dependency(error.to_string()))?;
        self.put(vec![Bytes::from(moof), mdat]).await?;
        self.fragments += 1;
        self.duration += fragment.duration;
        self.sync().await
    }

    /// Has what was written handed to the disk itself now and then, beside what goes on, and says how that went the last time: a power
    /// failure is to cost seconds, and a disk that takes what it does not keep is to be noticed.
    async fn sync(&mut self) -> Result<(), EngineError> {
        if let Some(under_way) = self.syncing.under_way.take_if(|under_way| under_way.is_finished()) {
            let synced = under_way.await.map_err(io::Error::other).flatten();
            synced.map_err(|error| EngineError::disk("cannot write", &self.path, error))?;
            self.is_synced = true;
        }
        if self.syncing.under_way.is_none() && self.syncing.last.elapsed() >= SYNC_EVERY {
            let file = Arc::clone(&self.file);
            self.syncing.under_way = Some(tokio::task::spawn_blocking(move || file.sync_data()));
            self.syncing.last = Instant::now();
        }
        Ok(())
    }

    async fn put(&mut self, parts: Vec<Bytes>) -> Result<(), EngineError> {
        let count: usize = parts.iter().map(Bytes::len).sum();
        let (file, path, end) = (Arc::clone(&self.file), self.path.clone(), self.bytes);
        blocking(move || append(&file, end, &parts).map_err(|e| EngineError::disk("cannot write", &path, e)))
            .await?;
        self.bytes += count as u64;
        Ok(())
    }

    /// Ends the file. It plays whether or not that goes well.
    pub(super) async fn finish(self, shared: Arc<Shared>) -> Finished {
        let Self { path, started, duration, format, file, .. } = self;
        let name = path.clone();
        let synced =
            blocking(move || file.sync_all().map_err(|e| EngineError::disk("cannot write", &name, e))).await;
        let (children, ffmpeg) = (&shared.children, &shared.options.ffmpeg);
        let (kept, format) = in_container(children, ffmpeg, path.clone(), format, synced.is_err()).await;
        unmark(&path).await;
        let problem = synced.err().map(|error| error.to_string());
        match tokio::fs::metadata(&kept).await {
            Ok(seen) => Finished {
                file: Some(RecordedFile {
                    path: kept,
                    started: started.timestamp(),
                    ended: Timestamp::now(),
                    duration,
                    bytes: seen.len(),
                    format,
                }),
                problem,
            },
            Err(error) => {
                Finished { file: None, problem: Some(format!("{} is gone: {error}", kept.display())) }
            }
        }
    }
}

/// Says that the file is not being written any more.
async fn unmark(path: &Path) {
    let marker = marker_of(path);
    if let Err(error) = tokio::fs::remove_file(&marker).await {
        tracing::warn!(path = %marker.display(), %error, "cannot be removed");
    }
}

/// Writes `parts` at the file's good end and looks whether they are there; if not, the file ends where it did.
fn append(mut file: &File, end: u64, parts: &[Bytes]) -> io::Result<()> {
    let written = parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| {
        let seen = file.metadata()?;
        let expected = end + parts.iter().map(|part| part.len() as u64).sum::<u64>();
        if seen.nlink() == 0 {
            Err(io::Error::other("it was deleted while it was being recorded"))
        } else if seen.len() == expected {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "it has {} bytes and should have {expected}; something else writes there",
                seen.len()
            )))
        }
    });
    if written.is_err() {
        // What made writing fail may make this fail, too; `recover` cuts the rest off then.
        let _ = file.set_len(end);
    }
    written
}
