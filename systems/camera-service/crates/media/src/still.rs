//! Still pictures, wherever their video comes from: what ffmpeg makes is looked at and written.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::EngineError;
use crate::files::{blocking, temporary_name};
use crate::process::{Children, Start};

/// Pictures decoded at once; others wait.
pub(crate) const AT_ONCE: usize = 2;
/// How ffmpeg writes a picture into its output.
pub(crate) const OUTPUT: &str = "-frames:v 1 -q:v 3 -c:v mjpeg -f image2pipe pipe:1";
/// No sane JPEG is larger.
const MAX_SIZE: u64 = 64 << 20;
/// What every JPEG begins with.
const BEGINNING: [u8; 3] = [0xff, 0xd8, 0xff];

/// The JPEG that an ffmpeg makes of `input`.
pub(crate) async fn decode(
    camera: &str,
    children: &Children,
    start: Start<'_>,
    input: &[&[u8]],
    within: Duration,
) -> Result<Vec<u8>, EngineError> {
    let picture = children.output(start, input, MAX_SIZE, within).await?;
    if picture.starts_with(&BEGINNING) {
        Ok(picture)
    } else {
        Err(EngineError::Dependency(format!("the present picture of {camera} cannot be decoded")))
    }
}

/// Writes by a temporary name, looks at what is then there, and answers its size.
pub(crate) async fn write(path: &Path, picture: Vec<u8>) -> Result<u64, EngineError> {
    let path = path.to_owned();
    blocking(move || {
        let temporary = path.with_file_name(temporary_name());
        let result = std::fs::File::create(&temporary)
            .and_then(|mut file| file.write_all(&picture).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&temporary, &path))
            .and_then(|()| std::fs::metadata(&path));
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
                Err(EngineError::disk("cannot write", &path, error))
            }
        }
    })
    .await
}
