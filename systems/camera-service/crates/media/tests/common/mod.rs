//! What the tests with a real ffmpeg share.
#![allow(dead_code, reason = "not every test file uses everything")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use camera_media::{
    CameraSpec, EmbeddedEngine, EmbeddedOptions, Engine, EngineEvent, RecordingFormat, RecordingRequest,
    Resolution, Source, SourceOptions,
};
use tokio::sync::broadcast;

/// Nothing here takes so long on a machine that is not stuck.
pub const LIMIT: Duration = Duration::from_secs(30);
pub const SIZE: Resolution = Resolution { width: 320, height: 180 };

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

/// The first event that is `wanted`.
pub async fn event<T>(
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
    tokio::time::timeout(LIMIT, coming).await.expect("the event did not come")
}

/// What ffprobe says of one entry of a file's video, as `stream=width` or `format=duration`.
pub fn probed(path: &Path, entry: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v", "-of", "csv=p=0", "-show_entries", entry])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ffprobe of {}: {}",
        path.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
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
