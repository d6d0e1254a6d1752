//! Looking at a stream for a moment: what it holds, and a still picture of it. Both read it from MediaMTX's RTSP server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Deserialize;
use url::Url;

use super::camera::Camera;
use super::path::reading;
use crate::engine::SnapshotTaken;
use crate::files::{ProbedStream, probe_file};
use crate::process::{Start, words};
use crate::source::Redactor;
use crate::{EngineError, Moment, still};

/// Microseconds that MediaMTX may be silent before ffmpeg gives up by itself: longer than a source may take to open.
const SILENCE: &str = "45000000";
/// How long looking at a stream may take.
const LOOK: Duration = Duration::from_secs(40);

/// Arguments with which ffmpeg (not ffprobe) reads from MediaMTX.
pub(super) fn input(address: &Url) -> Vec<String> {
    let mut arguments = words("-nostdin -hide_banner");
    arguments.extend(from(address));
    arguments
}

fn from(address: &Url) -> Vec<String> {
    let mut arguments = words("-loglevel error -protocol_whitelist rtsp,rtsps,rtp,srtp,tcp,tls");
    arguments
        .extend(["-rtsp_transport", "tcp", "-timeout", SILENCE, "-i", address.as_str()].map(str::to_owned));
    arguments
}

/// Finds out what pictures a stream has that has just come up.
pub(super) async fn look(camera: Arc<Camera>) {
    match seen(&camera).await {
        Ok(stream) => camera.seen_in_stream(&stream),
        Err(error) => {
            tracing::warn!(camera = camera.name, %error, "size and rate of its pictures stay unknown");
        }
    }
}

#[derive(Deserialize)]
struct Probed {
    streams: Vec<ProbedStream>,
}

async fn seen(camera: &Camera) -> Result<ProbedStream, EngineError> {
    let shared = &camera.shared;
    let address = reading(&camera.name, &shared.options)?;
    let mut arguments = from(&address);
    arguments.extend(words("-select_streams v:0 -show_entries stream=width,height,avg_frame_rate -of json"));
    let ffprobe = shared.ffprobe();
    let start = Start { redactor: Redactor::of(&address), ..Start::of(&ffprobe, arguments) };
    let said = shared.children.output(start, &[], 1 << 20, LOOK).await?;
    let probed: Probed = serde_json::from_slice(&said)
        .map_err(|error| EngineError::Dependency(format!("ffprobe of {}: {error}", camera.name)))?;
    let stream = probed.streams.into_iter().next();
    stream.ok_or_else(|| EngineError::Dependency(format!("{} sends no pictures", camera.name)))
}

/// Decodes the present picture into `path`.
pub(super) async fn take(
    camera: &Arc<Camera>,
    path: &Path,
    within: Duration,
) -> Result<SnapshotTaken, EngineError> {
    let begun = Instant::now();
    let _hold = camera.interest.hold();
    camera.present(within).await?;
    let shared = &camera.shared;
    let _turn = shared.snapshots.acquire().await.ok();
    let address = reading(&camera.name, &shared.options)?;
    // The first picture that comes is wanted, and at once: what it is, it says itself.
    let mut arguments = words("-nostdin -hide_banner -fflags nobuffer -probesize 32 -analyzeduration 1");
    arguments.extend(from(&address));
    arguments.extend(words("-map 0:v:0"));
    arguments.extend(words(still::OUTPUT));
    let start = Start { redactor: Redactor::of(&address), ..Start::of(&shared.options.ffmpeg, arguments) };
    // A stream that has just come up leaves little of the time.
    let rest = within.saturating_sub(begun.elapsed()).max(Duration::from_secs(1));
    let picture = still::decode(&camera.name, &shared.children, start, &[], rest).await?;
    let taken = Moment::now();
    let bytes = still::write(path, picture).await?;
    // By what lies on the disk: that it is a whole picture is a part of the answer.
    let seen = probe_file(&shared.ffprobe(), path, LOOK).await.and_then(|seen| {
        let unreadable = || EngineError::Dependency(format!("{} is no picture", path.display()));
        seen.resolution.ok_or_else(unreadable)
    });
    match seen {
        Ok(resolution) => Ok(SnapshotTaken { bytes, resolution, taken }),
        Err(error) => {
            // What is not a picture is not left as one.
            let _ = tokio::fs::remove_file(path).await;
            Err(error)
        }
    }
}
