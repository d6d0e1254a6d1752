//! A still picture of the running stream.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::camera::Camera;
use crate::EngineError;
use crate::engine::SnapshotTaken;
use crate::process::{Bound, Start};
use crate::source::Redactor;

/// No sane JPEG is larger.
pub(crate) const LARGEST: u64 = 64 << 20;
/// What every JPEG begins with.
pub(crate) const BEGINNING: [u8; 3] = [0xff, 0xd8, 0xff];

/// Decodes the last picture of the last second into `path`.
pub(super) async fn take(
    camera: &Arc<Camera>,
    path: &Path,
    within: Duration,
) -> Result<SnapshotTaken, EngineError> {
    let _hold = camera.interest.hold();
    let segment = camera.present(within).await?;
    let shared = &camera.shared;
    let _turn = shared.snapshots.acquire().await.ok();
    let last = segment.fragment.samples - 1;
    let arguments = format!(
        "-nostdin -hide_banner -loglevel error -protocol_whitelist pipe -f mp4 -i pipe:0 -vf select=gte(n\\,{last}) \
         -frames:v 1 -q:v 3 -c:v mjpeg -f image2pipe pipe:1"
    );
    let start = Start {
        program: &shared.options.ffmpeg,
        arguments: arguments.split(' ').map(str::to_owned).collect(),
        input: true,
        output: true,
        bound: Bound::ToService,
        redactor: Redactor::default(),
    };
    let input: [&[u8]; 2] = [&segment.init.bytes, &segment.fragment.bytes];
    let picture = shared.children.output(start, &input, LARGEST, within).await?;
    if !picture.starts_with(&BEGINNING) {
        return Err(EngineError::Dependency(format!(
            "the present picture of {} cannot be decoded",
            camera.name
        )));
    }
    let resolution = segment.init.resolution.ok_or_else(|| {
        EngineError::Dependency(format!(
            "the stream of {} does not say how large its pictures are",
            camera.name
        ))
    })?;
    let path = path.to_owned();
    let written = tokio::task::spawn_blocking(move || write(&path, &picture)).await;
    let bytes = written.map_err(|error| EngineError::Dependency(error.to_string()))??;
    Ok(SnapshotTaken { bytes, resolution })
}

/// Writes by a temporary name, and looks at what is then there.
pub(crate) fn write(path: &Path, picture: &[u8]) -> Result<u64, EngineError> {
    let failed = |error| EngineError::disk("cannot write", path, error);
    let temporary = path.with_file_name(crate::files::temporary_name());
    let result = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(picture).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| std::fs::metadata(path));
    match result {
        Ok(seen) if seen.len() == picture.len() as u64 => Ok(seen.len()),
        Ok(seen) => Err(EngineError::Dependency(format!(
            "{} was written with {} bytes and has {}; something else writes there",
            path.display(),
            picture.len(),
            seen.len()
        ))),
        Err(error) => {
            // It may never have been made.
            let _ = std::fs::remove_file(&temporary);
            Err(failed(error))
        }
    }
}
