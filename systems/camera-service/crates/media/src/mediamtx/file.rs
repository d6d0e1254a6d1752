//! The files that MediaMTX writes for one recording. Each comes into a hidden folder under MediaMTX's name and gets its
//! own at once (MediaMTX writes on into what it has opened); when MediaMTX has closed it, it is checked and, where
//! wanted, rewritten.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use inotify::{Inotify, WatchDescriptor, WatchMask};
use jiff::Timestamp;
use mp4_atom::{Atom as _, Codec, Header, Moof, Moov, ReadFrom as _, Traf};

use super::Shared;
use super::path::FOLDER;
use crate::engine::{NameFile, RecordedFile, RecordingFormat, RecordingRequest};
use crate::files::{
    Recovered, Recovery, RecoveryAction, blocking, give_name, in_container, marker_of, probe_file,
    recover_recording,
};
use crate::fragment::{jumps, units};
use crate::recording::{Finished, Writing};
use crate::{EngineError, Moment};

/// A file that does not grow for so long while nothing is being recorded has been closed, even if that was not seen.
const SURELY_CLOSED: Duration = Duration::from_secs(3);
/// Rotation by size begins so long before the size would be reached.
const AHEAD: f64 = 2.0;
/// Seconds that may come between a jump of a camera's clock and the end of its file, for which the file is cut before it.
const AFTER_JUMP: u64 = 5;
/// No sane beginning of a fragment is longer.
const MAX_BOX: u64 = 32 << 20;
const PROBE_PATIENCE: Duration = Duration::from_secs(20);

/// Where the files of a recording come from and go to.
pub(super) struct Folder {
    hidden: PathBuf,
    folder: PathBuf,
    name_file: NameFile,
    format: RecordingFormat,
    inotify: Inotify,
    pub(super) open: Option<Open>,
}

/// A file that MediaMTX is writing.
pub(super) struct Open {
    pub(super) path: PathBuf,
    pub(super) started: Moment,
    growth: Growth,
    /// When it was last seen to grow.
    pub(super) grown: Instant,
    watch: Option<WatchDescriptor>,
}

/// What has happened to a recording's files.
pub(super) enum Step {
    Began(PathBuf),
    Ended(Open),
}

impl Folder {
    pub(super) fn new(camera: &str, request: &RecordingRequest) -> Result<Self, EngineError> {
        let hidden = request.folder.join(format!("{FOLDER}{camera}"));
        if hidden.is_dir() {
            // What came into it late is no part of this recording.
            let adopted = adopt(&request.folder, &hidden);
            for file in &adopted.files {
                tracing::warn!(file = %file.path.display(), what = ?file.action, "left by an earlier recording");
            }
            for left in &adopted.failed {
                tracing::error!(file = %left.path.display(), why = %left.error, "left by an earlier recording");
            }
        }
        // The service's own, so that files can be taken out of it. One that stays is told already.
        match std::fs::create_dir(&hidden) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(EngineError::disk("cannot create", &hidden, error));
            }
            _ => {}
        }
        let inotify = Inotify::init().map_err(|error| EngineError::disk("cannot watch", &hidden, error))?;
        Ok(Self {
            hidden,
            folder: request.folder.clone(),
            name_file: Arc::clone(&request.name_file),
            format: request.format,
            inotify,
            open: None,
        })
    }

    /// Sees what MediaMTX has done since. `idle`: nothing is being recorded now, so a file that does not grow is closed.
    pub(super) fn look(&mut self, idle: bool) -> Result<Vec<Step>, EngineError> {
        let mut steps = Vec::new();
        let closed = self.closed();
        if let Some(open) = &mut self.open {
            let grown = open.growth.read_on();
            let gone = grown.map_err(|error| EngineError::disk("cannot read", &open.path, error))?;
            if gone == Gone::Yes {
                return Err(EngineError::Dependency(format!(
                    "{} was deleted while it was being recorded",
                    open.path.display()
                )));
            }
            if open.growth.has_grown() {
                open.grown = Instant::now();
            }
            let by_word = closed.iter().any(|watch| Some(watch) == open.watch.as_ref());
            if by_word || (idle && open.grown.elapsed() > SURELY_CLOSED) {
                steps.extend(self.end());
            }
        }
        for name in self.come()? {
            let Some(open) = self.named(&name)? else { continue };
            // It begins a file after it has closed the one before.
            steps.extend(self.end());
            steps.push(Step::Began(open.path.clone()));
            self.open = Some(open);
        }
        Ok(steps)
    }

    pub(super) fn end(&mut self) -> Option<Step> {
        let open = self.open.take()?;
        if let Some(watch) = open.watch.clone() {
            // It goes by itself where the file has gone.
            let _ = self.inotify.watches().remove(watch);
        }
        Some(Step::Ended(open))
    }

    /// Removes what never became a file.
    pub(super) fn clear(&self) {
        for path in self.come().unwrap_or_default() {
            // A second try is `recover`.
            let _ = std::fs::remove_file(path);
        }
        // It stays if there is something in it.
        let _ = std::fs::remove_dir(&self.hidden);
    }

    fn closed(&mut self) -> Vec<WatchDescriptor> {
        let mut buffer = [0; 4096];
        match self.inotify.read_events(&mut buffer) {
            Ok(events) => events.map(|event| event.wd).collect(),
            // Nothing has happened.
            Err(_) => Vec::new(),
        }
    }

    /// Files under MediaMTX's names, in the order in which they were begun.
    fn come(&self) -> Result<Vec<PathBuf>, EngineError> {
        let failed = |error| EngineError::disk("cannot read", &self.hidden, error);
        let mut paths = Vec::new();
        match std::fs::read_dir(&self.hidden) {
            Ok(entries) => {
                for entry in entries {
                    paths.push(entry.map_err(failed)?.path());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "mp4"));
        paths.sort();
        Ok(paths)
    }

    /// Gives a file its own name, once there is a picture in it.
    fn named(&mut self, written: &Path) -> Result<Option<Open>, EngineError> {
        let failed = |error| EngineError::disk("cannot read", written, error);
        let mut growth = Growth::open(written).map_err(failed)?;
        growth.read_on().map_err(failed)?;
        if growth.duration().is_zero() {
            return Ok(None);
        }
        let written_at = std::fs::metadata(written).and_then(|seen| seen.modified()).map_err(failed)?;
        // Just now, unless the clock says that it has been a moment; one that was set meanwhile says nothing.
        let ago = written_at.elapsed().ok().filter(|ago| *ago < SURELY_CLOSED).unwrap_or_default();
        let started = Moment::now().before(ago.saturating_add(growth.duration()));
        let stem = (self.name_file)(started.timestamp());
        let path = give_name(written, &self.folder, &stem, self.format)?;
        let watch = self.inotify.watches().add(&path, WatchMask::CLOSE_WRITE).ok();
        Ok(Some(Open { path, started, growth, grown: Instant::now(), watch }))
    }
}

impl Open {
    pub(super) fn duration(&self) -> Duration {
        self.growth.duration()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.growth.size
    }

    pub(super) fn writing(&self) -> Writing {
        let (path, started) = (self.path.clone(), self.started);
        Writing { path, started, duration: self.duration(), bytes: self.bytes() }
    }

    /// Whether it will reach that size soon.
    pub(super) fn fills(&self, most: u64) -> bool {
        let seconds = self.duration().as_secs_f64();
        seconds > 0.0 && self.bytes() as f64 * (1.0 + AHEAD / seconds) > most as f64
    }

    /// Puts a file in order that MediaMTX has closed. It plays whether or not that goes well.
    pub(super) async fn finish(self, shared: Arc<Shared>, format: RecordingFormat) -> Finished {
        let Self { path, started, growth, .. } = self;
        let counted = growth.duration();
        let (whole, end) = (path.clone(), growth.end_before_jump());
        let checked = blocking(move || {
            if let Some(end) = end {
                let cut = File::options().write(true).open(&whole).and_then(|file| file.set_len(end));
                cut.map_err(|error| EngineError::disk("cannot cut", &whole, error))?;
            }
            // MediaMTX may have been killed in the middle of a fragment.
            let recovered = recover_recording(&whole, &marker_of(&whole))?;
            if !recovered.is_some_and(|recovered| recovered.action != RecoveryAction::Removed) {
                return Err(EngineError::Dependency(format!("{} has gone", whole.display())));
            }
            let synced = File::open(&whole).and_then(|file| file.sync_all());
            synced.map_err(|error| EngineError::disk("cannot write", &whole, error))
        });
        let mut problem = checked.await.err().map(|error| error.to_string());
        let (children, ffmpeg) = (&shared.children, &shared.options.ffmpeg);
        let (path, format) = in_container(children, ffmpeg, path, format, problem.is_some()).await;
        match probe_file(&shared.ffprobe(), &path, PROBE_PATIENCE).await {
            Ok(seen) => Finished {
                file: Some(RecordedFile {
                    path,
                    started: started.timestamp(),
                    ended: Timestamp::now(),
                    duration: seen.duration.unwrap_or(counted),
                    bytes: seen.bytes,
                    format,
                }),
                problem,
            },
            Err(error) => {
                problem.get_or_insert_with(|| error.to_string());
                Finished { file: None, problem }
            }
        }
    }
}

/// Whether that is the name of a folder into which MediaMTX records.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with(FOLDER)
}

/// Gives names to the files that MediaMTX wrote while the service was dead, and puts them in order.
pub(crate) fn adopt(folder: &Path, hidden: &Path) -> Recovery {
    let failed = |error| EngineError::disk("cannot recover", hidden, error);
    let mut adopted = Recovery::default();
    let entries = match std::fs::read_dir(hidden) {
        Ok(entries) => entries,
        Err(error) => {
            adopted.note(hidden, Err(failed(error)));
            return adopted;
        }
    };
    for entry in entries {
        match entry {
            Ok(entry) => adopted.note(&entry.path(), adopt_file(folder, &entry.path())),
            Err(error) => adopted.note(hidden, Err(failed(error))),
        }
    }
    // One that stays for what is still in it, is told already.
    if adopted.failed.is_empty()
        && let Err(error) = std::fs::remove_dir(hidden)
    {
        adopted.note(hidden, Err(failed(error)));
    }
    adopted
}

fn adopt_file(folder: &Path, left: &Path) -> Result<Option<Recovered>, EngineError> {
    let stem = left.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // Without the part of the second: CAMERA_1769903999.
    let stem = stem.rsplit_once('-').map_or(stem.as_str(), |(stem, _)| stem);
    let path = give_name(left, folder, &dated(stem), RecordingFormat::Fmp4)?;
    recover_recording(&path, &marker_of(&path))
}

/// `CAMERA_2026-01-31_23-59-59`, in UTC, of the `CAMERA_1769903999` by which MediaMTX knows the file. An earlier version had it write the date,
/// by the clock on the wall: that stays.
fn dated(stem: &str) -> String {
    let dated = |(camera, seconds): (&str, &str)| {
        let began = Timestamp::from_second(seconds.parse().ok()?).ok()?;
        Some(format!("{camera}_{}", began.strftime("%Y-%m-%d_%H-%M-%S")))
    };
    stem.rsplit_once('_').and_then(dated).unwrap_or_else(|| stem.to_owned())
}

#[derive(PartialEq)]
enum Gone {
    Yes,
    No,
}

/// A fragmented MP4 that grows: how long and how large it is by now.
struct Growth {
    file: File,
    /// Where the first box begins that has not been read.
    at: u64,
    size: u64,
    size_before: u64,
    track: Option<Track>,
    units: u64,
    /// Where the last fragment begins in which times jump, and the length of what is before it.
    jump: Option<(u64, u64)>,
}

/// The track by whose time the file's length is counted: the pictures'.
struct Track {
    id: u32,
    timescale: u32,
    default_duration: u32,
}

impl Growth {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            at: 0,
            size: 0,
            size_before: 0,
            track: None,
            units: 0,
            jump: None,
        })
    }

    fn duration(&self) -> Duration {
        let timescale = self.track.as_ref().map_or(1, |track| track.timescale);
        let seconds = self.units as f64 / f64::from(timescale.max(1));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
    }

    /// Where the file is to end whose times jump, if next to nothing came after that: its camera is opened anew then, and with the jump in it
    /// the file would be as long as that.
    fn end_before_jump(&self) -> Option<u64> {
        let (at, before) = self.jump?;
        let timescale = u64::from(self.track.as_ref()?.timescale);
        (before > 0 && self.units.saturating_sub(before) <= AFTER_JUMP * timescale).then_some(at)
    }

    fn has_grown(&mut self) -> bool {
        std::mem::replace(&mut self.size_before, self.size) < self.size
    }

    /// Reads what has come. Whatever the bytes are, sizes are capped and nothing panics.
    fn read_on(&mut self) -> io::Result<Gone> {
        let seen = self.file.metadata()?;
        self.size = seen.len();
        let mut reader = BufReader::with_capacity(64, &self.file);
        while self.at < self.size {
            reader.seek(SeekFrom::Start(self.at))?;
            let Ok(header) = Header::read_from(&mut reader) else { break };
            let body_at = reader.stream_position()?;
            let Some(end) = header.size.and_then(|size| body_at.checked_add(size as u64)) else { break };
            if end > self.size {
                break;
            }
            if (header.kind == Moov::KIND || header.kind == Moof::KIND) && end - body_at <= MAX_BOX {
                let mut body = Vec::new();
                (&mut reader).take(end - body_at).read_to_end(&mut body)?;
                if header.kind == Moov::KIND {
                    self.track =
                        Moov::decode_body(&mut body.as_slice()).ok().and_then(|moov| Track::of(&moov));
                } else if let (Ok(moof), Some(track)) = (Moof::decode_body(&mut body.as_slice()), &self.track)
                {
                    if track.jumps(&moof) {
                        self.jump = Some((self.at, self.units));
                    }
                    self.units = self.units.saturating_add(track.units(&moof));
                }
            }
            self.at = end;
        }
        Ok(if seen.nlink() == 0 { Gone::Yes } else { Gone::No })
    }
}

impl Track {
    fn of(moov: &Moov) -> Option<Self> {
        let pictures = moov
            .trak
            .iter()
            .find(|track| track.mdia.minf.stbl.stsd.codecs.first().and_then(Codec::visual).is_some());
        let track = pictures.or(moov.trak.first())?;
        let id = track.tkhd.track_id;
        let default = moov.mvex.as_ref().and_then(|mvex| mvex.trex.iter().find(|trex| trex.track_id == id));
        Some(Self {
            id,
            timescale: track.mdia.mdhd.timescale,
            default_duration: default.map_or(0, |trex| trex.default_sample_duration),
        })
    }

    fn units(&self, moof: &Moof) -> u64 {
        self.parts(moof).map(|part| units(part, self.default_duration, self.timescale)).sum()
    }

    fn jumps(&self, moof: &Moof) -> bool {
        self.parts(moof).any(|part| jumps(part, self.default_duration, self.timescale))
    }

    fn parts<'a>(&self, moof: &'a Moof) -> impl Iterator<Item = &'a Traf> {
        let id = self.id;
        moof.traf.iter().filter(move |part| part.tfhd.track_id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two seconds at one picture a second, in each of which a sample is said to last so long; `None` without ffmpeg.
    fn video_with_sample_of(duration: u32) -> Option<tempfile::NamedTempFile> {
        let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
        let arguments = "-nostdin -v error -y -f lavfi -i testsrc2=size=64x36:rate=1 -t 2 -c:v libx264 -preset ultrafast \
            -tune zerolatency -pix_fmt yuv420p -g 1 -f mp4 -movflags frag_keyframe+empty_moov+default_base_moof";
        let ffmpeg =
            std::process::Command::new("ffmpeg").args(arguments.split_whitespace()).arg(file.path()).status();
        if ffmpeg.is_err() {
            assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg");
            eprintln!("SKIPPED: there is no ffmpeg here (apt install ffmpeg)");
            return None;
        }
        let mut bytes = std::fs::read(file.path()).unwrap();
        // The default duration in `tfhd`, which follows the track's number (ISO/IEC 14496-12, 8.8.7).
        let tfhd = bytes.windows(4).position(|four| four == b"tfhd").unwrap();
        bytes[tfhd + 12..tfhd + 16].copy_from_slice(&duration.to_be_bytes());
        std::fs::write(file.path(), bytes).unwrap();
        Some(file)
    }

    #[test]
    fn what_was_left_is_named_in_utc_whatever_the_machine_s_time_zone_is() {
        assert_eq!(dated("front_yard_1769903999"), "front_yard_2026-01-31_23-59-59");
        for other in ["yard", "yard_2026-01-31_23-59-59", "yard_99999999999999"] {
            assert_eq!(dated(other), other);
        }
    }

    #[test]
    fn what_came_late_is_no_part_of_the_next_recording() {
        let Some(late) = video_with_sample_of(16_384) else { return };
        let folder = tempfile::tempdir().unwrap();
        let hidden = folder.path().join(".mediamtx_front");
        std::fs::create_dir(&hidden).unwrap();
        std::fs::copy(late.path(), hidden.join("front_1769903999-123456.mp4")).unwrap();
        let request = RecordingRequest {
            folder: folder.path().to_owned(),
            name_file: Arc::new(|_| "new".to_owned()),
            format: RecordingFormat::Fmp4,
            duration: None,
            rotate_every: None,
            rotate_bytes: None,
            within: Duration::ZERO,
        };
        let mut next = Folder::new("front", &request).unwrap();
        assert!(next.look(false).unwrap().is_empty() && hidden.is_dir());
        next.clear();
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|left| left.unwrap().file_name()).collect();
        assert_eq!(left, ["front_2026-01-31_23-59-59.mp4"]);
    }

    #[test]
    fn a_jump_of_the_camera_s_clock_is_no_length() {
        // One second back in units of 1/16384 s, as MediaMTX writes it: wrapped.
        for duration in [u32::MAX - 16_384, 16_384 * 61] {
            let Some(file) = video_with_sample_of(duration) else { return };
            let mut growth = Growth::open(file.path()).unwrap();
            growth.read_on().unwrap();
            assert_eq!(growth.duration(), Duration::from_secs(1), "the other picture's second");
            assert_eq!(growth.end_before_jump(), None, "nothing would be left");
            growth.jump = growth.jump.map(|(at, _)| (at, growth.units));
            assert_eq!(growth.end_before_jump(), growth.jump.map(|(at, _)| at));
        }
    }
}
