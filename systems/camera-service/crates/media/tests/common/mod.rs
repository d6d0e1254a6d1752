//! What the tests with a real ffmpeg share.
#![allow(dead_code, reason = "not every test file uses everything")]

mod cameras;

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use camera_media::{
    CameraSpec, EmbeddedEngine, EmbeddedOptions, Engine, EngineEvent, Gap, LiveStream, LiveView,
    RecordingDone, RecordingFormat, RecordingRequest, Resolution, Source, SourceOptions,
};
use tokio::sync::broadcast;

#[allow(unused_imports, reason = "not every test file uses everything")]
pub use cameras::{Behaviour, HttpCamera, RtspCamera, older_than_said};

/// Nothing here takes so long on a machine that is not stuck.
pub const LIMIT: Duration = Duration::from_secs(30);
pub const SIZE: Resolution = Resolution { width: 320, height: 180 };

/// Makes a shell script. By another process: what another test starts just then would hold the file open, and the kernel
/// executes nothing that is open for writing.
pub fn install_script(script: &str, to: &Path) {
    let text = to.with_extension("text");
    std::fs::write(&text, format!("#!/bin/sh\n{script}\n")).unwrap();
    assert!(Command::new("install").arg(&text).arg(to).status().unwrap().success());
}

/// Whether ffmpeg is there; where not, says that the test was skipped, which CI does not allow.
pub fn ffmpeg_is_here() -> bool {
    let here = Command::new("ffmpeg").arg("-version").output().is_ok()
        && Command::new("ffprobe").arg("-version").output().is_ok();
    if !here {
        assert!(std::env::var_os("CI").is_none(), "CI needs ffmpeg and ffprobe");
        eprintln!("SKIPPED: there is no ffmpeg here (apt install ffmpeg)");
    }
    here
}

/// An engine that is impatient enough for tests.
pub async fn engine() -> EmbeddedEngine {
    EmbeddedEngine::new(options()).await.unwrap()
}

pub fn options() -> EmbeddedOptions {
    EmbeddedOptions {
        open_within: Duration::from_secs(10),
        stall: Duration::from_secs(4),
        first_wait: Duration::from_millis(50),
        longest_wait: Duration::from_millis(500),
        ..EmbeddedOptions::default()
    }
}

/// The live view that the engine keeps.
pub fn live_view(engine: &EmbeddedEngine, name: &str) -> LiveView {
    let Some(LiveStream::Kept(view)) = engine.live(name) else { panic!("no live view of {name}") };
    view
}

pub fn test_source(pattern: &str) -> Source {
    let options = SourceOptions { resolution: Some(SIZE), fps: Some(10), ..SourceOptions::default() };
    Source::parse(&format!("test:{pattern}"), options).unwrap()
}

pub async fn add(engine: &dyn Engine, name: &str, source: Source) {
    engine.add(CameraSpec { name: name.to_owned(), source }).await.unwrap();
}

pub fn request(folder: &Path, format: RecordingFormat) -> RecordingRequest {
    RecordingRequest {
        folder: folder.to_owned(),
        name_file: Arc::new(|_| "recording".to_owned()),
        format,
        duration: None,
        rotate_every: None,
        rotate_bytes: None,
        within: LIMIT,
    }
}

/// Into files of that name.
pub fn named(name: &str, request: RecordingRequest) -> RecordingRequest {
    let name = name.to_owned();
    RecordingRequest { name_file: Arc::new(move |_| name.clone()), ..request }
}

/// The first event that is `wanted`.
pub async fn event<T>(
    events: &mut broadcast::Receiver<EngineEvent>,
    wanted: impl Fn(&EngineEvent) -> Option<T>,
) -> T {
    event_within(LIMIT, events, wanted).await
}

/// The same, for what takes longer.
pub async fn event_within<T>(
    limit: Duration,
    events: &mut broadcast::Receiver<EngineEvent>,
    wanted: impl Fn(&EngineEvent) -> Option<T>,
) -> T {
    let coming = async {
        loop {
            if let Some(found) = wanted(&events.recv().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(limit, coming).await.expect("the event did not come")
}

pub fn is_up(camera: &str) -> impl Fn(&EngineEvent) -> Option<()> {
    move |event| matches!(event, EngineEvent::SourceUp { camera: name } if name == camera).then_some(())
}

/// That a source was lost, and why.
pub fn is_down(event: &EngineEvent) -> Option<String> {
    match event {
        EngineEvent::SourceDown { reason, .. } => reason.clone(),
        _ => None,
    }
}

/// That a source was closed as nobody wanted it.
pub fn is_closed(event: &EngineEvent) -> Option<()> {
    matches!(event, EngineEvent::SourceDown { reason: None, .. }).then_some(())
}

/// That a recording goes on in another file than this.
pub fn is_begun_after(first: &Path) -> impl Fn(&EngineEvent) -> Option<PathBuf> {
    move |event| match event {
        EngineEvent::RecordingFileStarted { path, .. } if path != first => Some(path.clone()),
        _ => None,
    }
}

/// That nothing is written of a recording any more.
pub fn is_interrupted(event: &EngineEvent) -> Option<Gap> {
    if let EngineEvent::RecordingInterrupted { gap, .. } = event { Some(*gap) } else { None }
}

/// That a recording goes on, and how long it was interrupted.
pub fn is_resumed(event: &EngineEvent) -> Option<Duration> {
    if let EngineEvent::RecordingResumed { gap, .. } = event { Some(*gap) } else { None }
}

pub fn is_end(event: &EngineEvent) -> Option<RecordingDone> {
    match event {
        EngineEvent::RecordingEnded { recording, .. } => Some(recording.clone()),
        _ => None,
    }
}

/// What ffprobe says of one entry of a file's video, as `stream=width` or `format=duration`.
pub fn probed(path: &Path, entry: &str) -> String {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "v",
            "-count_packets",
            "-of",
            "default=noprint_wrappers=1:nokey=1",
            "-show_entries",
            entry,
        ])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ffprobe of {}: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().replace('\n', ",")
}

pub fn seconds(path: &Path) -> f64 {
    probed(path, "format=duration").parse().unwrap()
}

/// Decodes every frame, and fails at the first word of complaint.
pub fn decode(path: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(path)
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && words.is_empty(), "{} does not decode: {words}", path.display());
}

/// Waits until `condition` holds; polls, as what it looks at (files, processes) does not tell.
pub async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether the process exists and is more than a zombie.
pub fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Processes, other than this one, whose command line holds `text`.
pub fn processes_with(text: &str) -> Vec<u32> {
    let own = std::process::id();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != own && is_running(*pid))
        .filter(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(text)
        })
        .collect()
}

pub fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// A process that is ended with the test.
pub struct Ended(pub Child);

impl Ended {
    /// SIGKILL.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where the test `a_service_to_be_killed` is told into which folder it is to record.
pub const FOLDER: &str = "CAMERA_MEDIA_TEST_FOLDER";

/// The test `a_service_to_be_killed` as a process of its own, and what it said before it said that it was recording.
pub fn service_to_be_killed(environment: &[(&str, &OsStr)]) -> (Ended, Vec<String>) {
    let service = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "a_service_to_be_killed", "--nocapture"])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .spawn();
    let mut service = Ended(service.unwrap());
    let mut said = Vec::new();
    for line in BufReader::new(service.0.stdout.take().unwrap()).lines() {
        match line.unwrap() {
            line if line == "recording" => return (service, said),
            line => said.push(line),
        }
    }
    panic!("it ended before it recorded: {said:?}")
}

/// A file system of 2 MiB, which goes away with this.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    pub fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "none"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
        eprintln!("SKIPPED: a small file system cannot be mounted here (needs root)");
        None
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

pub fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
