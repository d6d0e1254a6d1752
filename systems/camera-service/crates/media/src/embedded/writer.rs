//! One file of a recording, from its first fragment to its last. A file plays at every moment; what is written after
//! its good end by a disk that fills is cut off again.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;

use super::Shared;
use crate::EngineError;
use crate::engine::{RecordedFile, RecordingFormat, RecordingRequest};
use crate::files::{blocking, create, marker_of, rewrite};
use crate::live::Segment;
use crate::process::{Bound, Running, Start, words};
use crate::recording::{Finished, Writing};

/// How long a child that writes Matroska may take to accept a second of video, or to finish its file.
const CHILD_PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Writer {
    pub(super) path: PathBuf,
    pub(super) started: Timestamp,
    pub(super) duration: Duration,
    /// Bytes that were given to the file.
    pub(super) bytes: u64,
    format: RecordingFormat,
    /// Decode time of its first picture in the stream; 0 in the file.
    origin: u64,
    fragments: u32,
    sink: Sink,
}

enum Sink {
    File(Arc<File>),
    Child(Box<Running>, ChildStdin),
}

impl Writer {
    /// A new file with its first fragment in it. If that fails, there is no file.
    pub(super) async fn open(
        shared: &Shared,
        request: &RecordingRequest,
        segment: &Segment,
    ) -> Result<Self, EngineError> {
        let stem = (request.name_file)(segment.begun);
        let (folder, format) = (request.folder.clone(), request.format);
        let (path, file) = blocking(move || create(&folder, &stem, format)).await?;
        let opened = Self::begin(shared, format, path.clone(), file, segment).await;
        if opened.is_err() {
            if let Err(error) = tokio::fs::remove_file(&path).await {
                tracing::warn!(path = %path.display(), %error, "a file without a picture could not be removed");
            }
            unmark(&path).await;
        }
        opened
    }

    async fn begin(
        shared: &Shared,
        format: RecordingFormat,
        path: PathBuf,
        file: File,
        segment: &Segment,
    ) -> Result<Self, EngineError> {
        let sink = match format {
            RecordingFormat::Fmp4 | RecordingFormat::Mp4 => Sink::File(Arc::new(file)),
            RecordingFormat::Mkv => {
                let mut running = shared.children.start(matroska(&shared.options.ffmpeg, &path)).await?;
                match running.child.stdin.take() {
                    Some(input) => Sink::Child(Box::new(running), input),
                    None => return Err(running.failed("it has no input").await),
                }
            }
        };
        let origin = segment.fragment.decode_time;
        let started = segment.begun;
        let (duration, bytes, fragments) = (Duration::ZERO, 0, 0);
        let mut writer = Self { path, started, duration, bytes, format, origin, fragments, sink };
        let begun = writer.first(segment).await;
        if let (Err(_), Sink::Child(running, _)) = (&begun, &mut writer.sink) {
            // It must not make a file after that has been removed.
            running.kill().await;
        }
        begun.map(|()| writer)
    }

    async fn first(&mut self, segment: &Segment) -> Result<(), EngineError> {
        self.put(vec![segment.init.bytes.clone()]).await?;
        self.write(segment).await?;
        self.seen().await
    }

    pub(super) fn writing(&self) -> Writing {
        let Self { path, started, duration, bytes, .. } = self;
        Writing { path: path.clone(), started: *started, duration: *duration, bytes: *bytes }
    }

    /// Appends a fragment of the same run of the source.
    pub(super) async fn write(&mut self, segment: &Segment) -> Result<(), EngineError> {
        let fragment = &segment.fragment;
        let moved = fragment.moved(self.origin, self.fragments + 1);
        let (moof, mdat) = moved.map_err(|error| EngineError::Dependency(error.to_string()))?;
        self.put(vec![Bytes::from(moof), mdat]).await?;
        self.fragments += 1;
        self.duration += fragment.duration;
        Ok(())
    }

    async fn put(&mut self, parts: Vec<Bytes>) -> Result<(), EngineError> {
        let count: usize = parts.iter().map(Bytes::len).sum();
        match &mut self.sink {
            Sink::File(file) => {
                let (file, path, end) = (Arc::clone(file), self.path.clone(), self.bytes);
                blocking(move || {
                    append(&file, end, &parts).map_err(|e| EngineError::disk("cannot write", &path, e))
                })
                .await?;
            }
            Sink::Child(running, input) => {
                let writing = async {
                    for part in &parts {
                        input.write_all(part).await?;
                    }
                    io::Result::Ok(())
                };
                match tokio::time::timeout(CHILD_PATIENCE, writing).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return Err(running.failed(&error.to_string()).await),
                    Err(_) => return Err(running.failed("it takes no more video").await),
                }
            }
        }
        self.bytes += count as u64;
        Ok(())
    }

    /// Waits until something is in a file that a child writes; what we write ourselves has been looked at already.
    async fn seen(&mut self) -> Result<(), EngineError> {
        let Sink::Child(running, _) = &mut self.sink else { return Ok(()) };
        let begun = std::time::Instant::now();
        while tokio::fs::metadata(&self.path).await.map_or(0, |seen| seen.len()) == 0 {
            if begun.elapsed() > CHILD_PATIENCE {
                return Err(running.failed("it wrote nothing").await);
            }
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(running.failed(&status.to_string()).await);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Ends the file. It plays whether or not that goes well.
    pub(super) async fn finish(self, shared: Arc<Shared>) -> Finished {
        let Self { path, started, duration, format, sink, .. } = self;
        let (ended_well, format) = match sink {
            Sink::File(file) => {
                let name = path.clone();
                let synced = blocking(move || {
                    file.sync_all().map_err(|e| EngineError::disk("cannot write", &name, e))
                });
                match (synced.await, format) {
                    (Ok(()), RecordingFormat::Mp4) => {
                        (Ok(()), rewrite(&shared.children, &shared.options.ffmpeg, &path, format).await)
                    }
                    (synced, _) => (synced, RecordingFormat::Fmp4),
                }
            }
            Sink::Child(mut running, input) => {
                drop(input);
                let ended = match tokio::time::timeout(CHILD_PATIENCE, running.child.wait()).await {
                    Ok(Ok(status)) if status.success() => Ok(()),
                    Ok(Ok(status)) => Err(running.failed(&status.to_string()).await),
                    Ok(Err(error)) => Err(running.failed(&error.to_string()).await),
                    Err(_) => {
                        running.kill().await;
                        Err(running.failed("it did not finish its file in time").await)
                    }
                };
                (ended, format)
            }
        };
        unmark(&path).await;
        let problem = ended_well.err().map(|error| error.to_string());
        match tokio::fs::metadata(&path).await {
            Ok(seen) => Finished {
                file: Some(RecordedFile {
                    path,
                    started,
                    ended: Timestamp::now(),
                    duration,
                    bytes: seen.len(),
                    format,
                }),
                problem,
            },
            Err(error) => {
                Finished { file: None, problem: Some(format!("{} is gone: {error}", path.display())) }
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

fn matroska<'a>(ffmpeg: &'a Path, path: &Path) -> Start<'a> {
    let mut arguments = words(
        "-nostdin -hide_banner -loglevel warning -protocol_whitelist pipe -analyzeduration 0 -fpsprobesize 0 \
         -f mp4 -i pipe:0 -map 0 -c copy -cluster_time_limit 1000 -flush_packets 1 -f matroska -y",
    );
    arguments.push(format!("file:{}", path.display()));
    Start { input: true, output: false, bound: Bound::ToInput, ..Start::of(ffmpeg, arguments) }
}
