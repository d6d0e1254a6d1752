//! A still picture of the running stream.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::camera::Camera;
use crate::engine::SnapshotTaken;
use crate::process::{Start, words};
use crate::{EngineError, still};

/// Decodes the newest picture into `path`; it may lie long after its key frame.
pub(super) async fn take(
    camera: &Arc<Camera>,
    path: &Path,
    within: Duration,
) -> Result<SnapshotTaken, EngineError> {
    let _hold = camera.interest.hold();
    let group = camera.present(within).await?;
    let shared = &camera.shared;
    let _turn = shared.snapshots.acquire().await.ok();
    let last = group.fragments().map(|fragment| fragment.samples).sum::<usize>() - 1;
    let arguments = format!(
        "-nostdin -hide_banner -loglevel error -protocol_whitelist pipe -f mp4 -i pipe:0 \
         -vf select=gte(n\\,{last}) {}",
        still::OUTPUT
    );
    let start = Start { input: true, ..Start::of(&shared.options.ffmpeg, words(&arguments)) };
    let mut input: Vec<&[u8]> = vec![&group.init().bytes];
    input.extend(group.fragments().map(|fragment| &fragment.bytes[..]));
    let picture = still::decode(&camera.name, &shared.children, start, &input, within).await?;
    let resolution = group.init().resolution.ok_or_else(|| {
        EngineError::Dependency(format!(
            "the stream of {} does not say how large its pictures are",
            camera.name
        ))
    })?;
    Ok(SnapshotTaken { bytes: still::write(path, picture).await?, resolution, taken: group.last_picture() })
}
