//! What NetBox refused, kept over a restart, so that a start does not try again what is known to be refused. Losing it costs such an attempt
//! and nothing else: then a fabric begins with nothing refused.

use std::io::ErrorKind;
use std::path::Path;

use fabric_model::plan::QuarantineEntry;
use fabric_model::{Identity, Quarantine};
use serde::{Deserialize, Serialize};
use service_setup::files::{Owner, write_whole};

/// The only version there is.
const VERSION: u32 = 1;
/// Larger files are none of ours.
const MAX_BYTES: u64 = 16 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    refused: Vec<(Identity, QuarantineEntry)>,
}

/// What the file has; nothing, with a word in the log, where it is none.
#[must_use]
pub fn load(path: &Path) -> Quarantine {
    match read(path) {
        Ok(refused) => refused.into_iter().collect(),
        Err(why) => {
            tracing::warn!(path = %path.display(), why, "what NetBox refused before is not known");
            Quarantine::default()
        }
    }
}

fn read(path: &Path) -> Result<Vec<(Identity, QuarantineEntry)>, String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        _ => {}
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let file: File = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if file.version == VERSION { Ok(file.refused) } else { Err(format!("it is of version {}", file.version)) }
}

/// Writes all of it, whole or not at all. That it cannot be written is told in the log.
pub fn save(path: &Path, quarantine: &Quarantine) {
    let refused = quarantine.entries().map(|(object, entry)| (object.clone(), entry.clone())).collect();
    let written = serde_json::to_vec(&File { version: VERSION, refused })
        .map_err(std::io::Error::from)
        .and_then(|bytes| write_whole(path, &bytes, 0o640, Owner::myself()));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "what NetBox refused is not kept for the next start");
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use fabric_model::ObjectKind;
    use fabric_model::plan::QuarantineCause;

    #[test]
    fn what_was_saved_is_loaded_and_what_is_none_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.quarantine.json");
        assert_eq!(load(&path), Quarantine::default());
        let object = Identity { kind: ObjectKind::Device, key: "lab/device/default/server-01".into() };
        let entry = QuarantineEntry {
            change: "digest".into(),
            cause: QuarantineCause::Unanswered,
            reason: "too long".into(),
            failures: 3,
            until: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let quarantine: Quarantine = [(object, entry)].into_iter().collect();
        save(&path, &quarantine);
        assert_eq!(load(&path), quarantine);
        let text = std::fs::read_to_string(&path).unwrap();
        for other in [text.replace("\"version\":1", "\"version\":2"), text[..text.len() / 2].to_owned()] {
            std::fs::write(&path, other).unwrap();
            assert_eq!(load(&path), Quarantine::default());
        }
    }
}
