//! Recordings as files: how they come to be, what they hold, and what a kill left of them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mp4_atom::{Atom as _, Ftyp, Header, Mdat, Moof, Moov, ReadFrom as _};
use serde::Deserialize;

use crate::EngineError;
use crate::engine::RecordingFormat;
use crate::process::{Children, Start, words};
use crate::source::Resolution;

/// What names of temporary files begin with.
const TEMPORARY: &str = ".media-";
/// How long rewriting a file may take.
const REWRITE_PATIENCE: Duration = Duration::from_secs(600);
/// Files of one name.
const MAX_OF_A_NAME: u32 = 1000;

/// What a file says of itself; `None` is "not known".
#[derive(Debug, Clone, PartialEq)]
pub struct FileInfo {
    /// Its size.
    pub bytes: u64,
    /// Its length.
    pub duration: Option<Duration>,
    /// Size of its pictures.
    pub resolution: Option<Resolution>,
    /// Pictures a second, on average.
    pub fps: Option<f64>,
    /// The coding of its pictures, in ffmpeg's words.
    pub codec: Option<String>,
}

/// What was done to a file that was being written when the service was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Which.
    pub path: PathBuf,
    /// What.
    pub action: RecoveryAction,
}

/// What recovery did, and what it could not do.
#[derive(Debug, Default)]
pub struct Recovery {
    /// What was put in order.
    pub files: Vec<Recovered>,
    /// What stays as it is: the next start tries again.
    pub failed: Vec<Unrecovered>,
}

/// What a kill left and could not be put in order.
#[derive(Debug)]
pub struct Unrecovered {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub error: EngineError,
}

impl Recovery {
    /// Notes what became of the file at `path`.
    pub(crate) fn note(&mut self, path: &Path, recovered: Result<Option<Recovered>, EngineError>) {
        match recovered {
            Ok(recovered) => self.files.extend(recovered),
            Err(error) => self.failed.push(Unrecovered { path: path.to_owned(), error }),
        }
    }
}

/// What recovery does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecoveryAction {
    /// It was whole.
    Kept,
    /// So many bytes of a last fragment without end were cut off.
    Cut(u64),
    /// There was no picture in it, or it was a temporary file.
    Removed,
}

/// Asks ffprobe what the file at `path` holds.
pub async fn probe_file(ffprobe: &Path, path: &Path, within: Duration) -> Result<FileInfo, EngineError> {
    let bytes = tokio::fs::metadata(path).await.map_err(|e| EngineError::disk("cannot read", path, e))?.len();
    let mut file = OsString::from("file:");
    file.push(path);
    let running = tokio::process::Command::new(ffprobe)
        .args(["-v", "error", "-protocol_whitelist", "file", "-of", "json"])
        .args(["-show_entries", "format=duration:stream=codec_name,width,height,avg_frame_rate"])
        .args(["-select_streams", "v"])
        .arg(file)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let failed = |why: String| EngineError::Dependency(format!("ffprobe of {}: {why}", path.display()));
    let output = match tokio::time::timeout(within, running).await {
        Ok(output) => output.map_err(|error| failed(error.to_string()))?,
        Err(_) => return Err(failed(format!("not done after {} s", within.as_secs_f32()))),
    };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let probed: Probed = serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    let stream = probed.streams.into_iter().next().unwrap_or_default();
    let seconds = probed.format.duration.and_then(|text| text.parse::<f64>().ok());
    Ok(FileInfo {
        bytes,
        duration: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        resolution: stream.resolution(),
        fps: stream.fps(),
        codec: stream.codec_name,
    })
}

#[derive(Deserialize)]
struct Probed {
    #[serde(default)]
    streams: Vec<ProbedStream>,
    format: ProbedFormat,
}

/// What ffprobe says of a stream of pictures.
#[derive(Deserialize, Default)]
pub(crate) struct ProbedStream {
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    avg_frame_rate: Option<String>,
}

impl ProbedStream {
    pub(crate) fn resolution(&self) -> Option<Resolution> {
        self.width.zip(self.height).map(|(width, height)| Resolution { width, height })
    }

    /// `30000/1001`, and nothing for `0/0`.
    pub(crate) fn fps(&self) -> Option<f64> {
        let (count, seconds) = self.avg_frame_rate.as_deref()?.split_once('/')?;
        let (count, seconds): (f64, f64) = (count.parse().ok()?, seconds.parse().ok()?);
        (count > 0.0 && seconds > 0.0).then(|| count / seconds)
    }
}

#[derive(Deserialize)]
struct ProbedFormat {
    duration: Option<String>,
}

/// A name under which a file is written before it is there; short, as the file's own may be as long as names can be.
pub(crate) fn temporary_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{TEMPORARY}{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The empty file that stands beside a recording while it is written, so that after a kill nobody has to look into every
/// recording there is.
pub(crate) fn marker_of(path: &Path) -> PathBuf {
    let mut marker = OsString::from(".");
    marker.push(path.file_name().unwrap_or_default());
    marker.push(".open");
    path.with_file_name(marker)
}

/// A new file, with a number after its name if there is one of that name.
pub(crate) fn create(
    folder: &Path,
    stem: &str,
    format: RecordingFormat,
) -> Result<(PathBuf, File), EngineError> {
    let mut number = 1;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("_{number}") };
        let path = folder.join(format!("{stem}{suffix}.{}", format.extension()));
        match File::create_new(&path) {
            Ok(file) => {
                let marker = marker_of(&path);
                return match File::create(&marker) {
                    Ok(_) => {
                        // Some file systems cannot write out a folder.
                        let _ = File::open(folder).and_then(|folder| folder.sync_all());
                        Ok((path, file))
                    }
                    Err(error) => {
                        // Nothing is in it.
                        let _ = std::fs::remove_file(&path);
                        Err(EngineError::disk("cannot create", &marker, error))
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < MAX_OF_A_NAME => {
                number += 1;
            }
            Err(error) => return Err(EngineError::disk("cannot create", &path, error)),
        }
    }
}

/// Gives a file a name that is free, with the mark of one that is being written. If that fails, it is where it was, and nothing of the other
/// name is left.
pub(crate) fn give_name(
    file: &Path,
    folder: &Path,
    stem: &str,
    format: RecordingFormat,
) -> Result<PathBuf, EngineError> {
    let (path, _) = create(folder, stem, format)?;
    if let Err(error) = std::fs::rename(file, &path) {
        for left in [&path, &marker_of(&path)] {
            // Nothing is in them.
            let _ = std::fs::remove_file(left);
        }
        return Err(EngineError::disk("cannot rename", file, error));
    }
    Ok(path)
}

/// Puts a finished fragmented MP4 into the container that was asked for, unless it is `damaged`, and answers where and what
/// it is then. If that fails, the recording is whole, only in another form, which plays too, under a name that says so.
pub(crate) async fn in_container(
    children: &Children,
    ffmpeg: &Path,
    path: PathBuf,
    format: RecordingFormat,
    damaged: bool,
) -> (PathBuf, RecordingFormat) {
    let written = match format {
        RecordingFormat::Mp4 | RecordingFormat::Mkv if !damaged => {
            rewrite(children, ffmpeg, &path, format).await
        }
        _ => RecordingFormat::Fmp4,
    };
    if written == format || format != RecordingFormat::Mkv {
        return (path, written);
    }
    let from = path.clone();
    match blocking(move || rename_as_mp4(&from)).await {
        Ok(to) => (to, written),
        Err(error) => {
            tracing::warn!(%error, "a recording keeps the ending of Matroska, though it is fragmented MP4");
            (path, written)
        }
    }
}

/// Rewrites a fragmented MP4 by a temporary name, and answers what it is then.
async fn rewrite(
    children: &Children,
    ffmpeg: &Path,
    path: &Path,
    format: RecordingFormat,
) -> RecordingFormat {
    let temporary = path.with_file_name(temporary_name());
    let container = match format {
        RecordingFormat::Mkv => "-f matroska -y",
        RecordingFormat::Fmp4 | RecordingFormat::Mp4 => "-movflags +faststart -f mp4 -y",
    };
    let mut arguments =
        words("-nostdin -hide_banner -loglevel level+error -protocol_whitelist file -f mp4 -i");
    arguments.push(format!("file:{}", path.display()));
    arguments.extend(words("-map 0 -c copy"));
    arguments.extend(words(container));
    arguments.push(format!("file:{}", temporary.display()));
    let result = async {
        let own = path.to_owned();
        blocking(move || room_for_another(&own)).await?;
        let start = Start { output: false, ..Start::of(ffmpeg, arguments) };
        children.without_complaint(start, REWRITE_PATIENCE, is_complaint).await?;
        let (from, to) = (temporary.clone(), path.to_owned());
        blocking(move || {
            File::open(&from)
                .and_then(|file| file.sync_all())
                .and_then(|()| std::fs::rename(&from, &to))
                .map_err(|error| EngineError::disk("cannot replace", &to, error))
        })
        .await
    }
    .await;
    let Err(error) = result else { return format };
    tracing::warn!(path = %path.display(), %error, "kept as fragmented MP4");
    // It may never have been made.
    let _ = tokio::fs::remove_file(&temporary).await;
    RecordingFormat::Fmp4
}

/// Whether ffmpeg complains of something on this line, where it is asked to begin each with its level.
fn is_complaint(line: &str) -> bool {
    ["[error]", "[fatal]", "[panic]"].iter().any(|level| line.contains(level))
}

/// Whether the disk takes the file once more, and as much again by those who are being recorded meanwhile.
fn room_for_another(path: &Path) -> Result<(), EngineError> {
    let failed = |error| EngineError::disk("cannot rewrite", path, error);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    let disk = rustix::fs::statvfs(path).map_err(|error| failed(error.into()))?;
    if disk.f_bavail.saturating_mul(disk.f_frsize) >= size.saturating_mul(2) {
        return Ok(());
    }
    Err(failed(io::Error::new(io::ErrorKind::StorageFull, "there is no room for it once more")))
}

/// Gives a fragmented MP4 that was to become Matroska a name that says what it is. If that fails, it is where it was.
fn rename_as_mp4(from: &Path) -> Result<PathBuf, EngineError> {
    let folder = from.parent().unwrap_or(Path::new("/"));
    let stem = from.file_stem().unwrap_or_default().to_string_lossy();
    let to = give_name(from, folder, &stem, RecordingFormat::Fmp4)?;
    // One that stays marks a file that is whole; `recover` finds that out and removes it.
    let _ = std::fs::remove_file(marker_of(&to));
    Ok(to)
}

/// Puts in order what a kill left in `folder`: recordings that were being written then are cut to their last whole
/// fragment, and temporary files are removed. Looks at nothing else; to be called before anything is recorded there. One file
/// that cannot be put in order does not keep the others. Fails if the folder cannot be read.
pub fn recover(folder: &Path) -> Result<Recovery, EngineError> {
    let failed = |error| EngineError::disk("cannot read", folder, error);
    let mut done = Recovery::default();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(text) = name.to_str() else { continue };
        let own = folder.join(&name);
        if let Some(recording) = text.strip_prefix('.').and_then(|n| n.strip_suffix(".open")) {
            let recording = folder.join(recording);
            done.note(&recording, recover_recording(&recording, &own).and_then(named_as_it_is));
        } else if text.starts_with(TEMPORARY) && text.ends_with(".tmp") {
            let removed = std::fs::remove_file(&own)
                .map(|()| Some(Recovered { path: own.clone(), action: RecoveryAction::Removed }))
                .map_err(|error| EngineError::disk("cannot remove", &own, error));
            done.note(&own, removed);
        } else if crate::mediamtx::is_hidden(text) {
            let adopted = crate::mediamtx::adopt(folder, &own);
            done.files.extend(adopted.files);
            done.failed.extend(adopted.failed);
        }
    }
    Ok(done)
}

/// A Matroska that was being recorded is fragmented MP4, and nobody rewrites it any more.
fn named_as_it_is(recovered: Option<Recovered>) -> Result<Option<Recovered>, EngineError> {
    let Some(Recovered { path, action }) = recovered else { return Ok(None) };
    let ending = path.extension().is_some_and(|ending| ending == RecordingFormat::Mkv.extension());
    let path = match ending && action != RecoveryAction::Removed && is_mp4(&path) {
        true => rename_as_mp4(&path)?,
        false => path,
    };
    Ok(Some(Recovered { path, action }))
}

fn is_mp4(path: &Path) -> bool {
    let header = File::open(path).ok().and_then(|mut file| Header::read_from(&mut file).ok());
    header.is_some_and(|header| header.kind == Ftyp::KIND)
}

pub(crate) fn recover_recording(path: &Path, marker: &Path) -> Result<Option<Recovered>, EngineError> {
    let failed = |error| EngineError::disk("cannot recover", path, error);
    let action = match File::options().read(true).write(true).open(path) {
        Ok(file) => {
            let size = file.metadata().map_err(failed)?.len();
            // By what is in it: a Matroska is fragmented MP4 until it ends.
            let whole = whole_until(&file, size);
            if whole == 0 {
                std::fs::remove_file(path).map_err(failed)?;
                Some(RecoveryAction::Removed)
            } else if whole < size {
                file.set_len(whole).and_then(|()| file.sync_all()).map_err(failed)?;
                Some(RecoveryAction::Cut(size - whole))
            } else {
                Some(RecoveryAction::Kept)
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    std::fs::remove_file(marker).map_err(failed)?;
    Ok(action.map(|action| Recovered { path: path.to_owned(), action }))
}

/// Where the last whole fragment of a fragmented MP4 ends; 0 if there is none. A file of another kind is whole.
fn whole_until(file: &File, size: u64) -> u64 {
    let mut reader = io::BufReader::with_capacity(64, file);
    let (mut at, mut whole, mut fragmented) = (0, 0, false);
    while let Ok(header) = Header::read_from(&mut reader) {
        let body_at = reader.stream_position().unwrap_or(size);
        let Some(end) = header.size.and_then(|length| body_at.checked_add(length as u64)) else {
            return size;
        };
        if at == 0 && header.kind != Ftyp::KIND {
            return size;
        }
        if end > size {
            break;
        }
        if header.kind == Moov::KIND {
            let mut body = Vec::new();
            let read = (&mut reader).take(end - body_at).read_to_end(&mut body);
            let moov = Moov::decode_body(&mut body.as_slice());
            fragmented = read.is_ok() && moov.is_ok_and(|moov| moov.mvex.is_some());
        }
        match header.kind {
            kind if kind == Mdat::KIND && fragmented => whole = end,
            kind if kind == Moof::KIND => {}
            // What follows a whole fragment belongs to it.
            _ if whole == at && whole > 0 => whole = end,
            _ => {}
        }
        at = end;
        if reader.seek(SeekFrom::Start(end)).is_err() {
            break;
        }
    }
    if fragmented || at == 0 || whole > 0 { whole } else { size }
}

/// Work on the disk, where it may wait.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(EngineError::Dependency(format!("work on the disk was ended: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_renamed_leaves_nothing_of_its_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let recording = folder.path().join("yard.mkv");
        assert!(rename_as_mp4(&recording).is_err(), "there is none");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        for expected in ["yard.mp4", "yard_2.mp4"] {
            std::fs::write(&recording, "fragments").unwrap();
            assert_eq!(rename_as_mp4(&recording).unwrap(), folder.path().join(expected));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nor a marker");
    }
}
