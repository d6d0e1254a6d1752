//! The folders that the configuration names: those of the installation are the service's, any other may be somebody else's too.

use std::path::Path;

use camera_config::Config;
use camera_storage::FileName;
use service_setup::files::{Owner, folder_of};
use service_setup::{Failure, chosen, steps};

use crate::home::Home;

/// Where logs are unless the configuration says otherwise; the service's own.
pub(super) const LOGS: &str = "/var/log/camera-service";

/// What a folder is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Media,
    OneFile,
}

/// Makes them where they are missing.
pub(super) fn folders(home: &Home, config: &Config, service: Owner) -> Result<(), Failure> {
    let storage = &config.storage;
    let mut folders = vec![
        (storage.recordings.as_path(), "storage.recordings", 0o750, Holds::Media),
        (storage.snapshots.as_path(), "storage.snapshots", 0o750, Holds::Media),
        (folder_of(&config.audit_log), "audit_log", 0o755, Holds::OneFile),
        (folder_of(&config.security.api_keys), "security.api_keys", 0o700, Holds::OneFile),
    ];
    if let Some(file) = &config.log.file {
        folders.push((folder_of(file), "log.file", 0o755, Holds::OneFile));
    }
    let mut done = vec![home.folder().join("security")];
    for (folder, key, mode, holds) in folders {
        if done.iter().any(|done| done == folder) {
            continue;
        }
        done.push(folder.to_owned());
        if is_within(home, folder) || folder == Path::new(LOGS) {
            steps::folder(folder, mode, service)?;
        } else {
            let is_own = |name: &str| holds == Holds::Media && is_media(name);
            chosen::folder(folder, key, mode, service, &is_own)?;
        }
    }
    Ok(())
}

/// Whether it is a folder of the installation in which the service keeps what is its own.
pub(super) fn is_within(home: &Home, folder: &Path) -> bool {
    let at = home.folder();
    let roots = [at.join("bin"), at.join("config")];
    folder != at && folder.starts_with(at) && !roots.iter().any(|root| folder.starts_with(root))
}

/// Whether the service gave a file of this name to a folder of media: one that it named, or what it hides beside one.
pub(super) fn is_media(name: &str) -> bool {
    let began = |name: &str| name.parse::<FileName>().is_ok_and(|name| name.began().is_some());
    match name.strip_prefix('.') {
        None => began(name),
        Some(hidden) => {
            [".draft-", ".media-", ".mediamtx_", ".camera-service."].iter().any(|own| name.starts_with(own))
                || hidden.rsplit_once('.').is_some_and(|(beside, _)| began(beside))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_named_is_told_from_what_lies_beside_it() {
        let own = [
            "front_2026-01-31_23-59-59.mp4",
            "front_2026-01-31_23-59-59_2.jpg",
            ".front_2026-01-31_23-59-59.mp4.note",
            ".front_2026-01-31_23-59-59.mp4.open",
            ".draft-12-0.part",
            ".media-12-0.tmp",
            ".mediamtx_front",
            ".camera-service.lock",
        ];
        for name in own {
            assert!(is_media(name), "{name}");
        }
        for name in ["holiday.jpg", ".bashrc", ".holiday.mp4.note", "front.mp4", ".Trash-1000", "lost+found"]
        {
            assert!(!is_media(name), "{name}");
        }
    }

    #[test]
    fn the_programs_folder_the_configurations_and_those_elsewhere_are_not_the_service_s() {
        let home = Home::new("/opt/camera-service");
        for (folder, within) in [
            ("/opt/camera-service/recordings", true),
            ("/opt/camera-service/media/snapshots", true),
            ("/opt/camera-service", false),
            ("/opt/camera-service/config", false),
            ("/opt/camera-service-2/recordings", false),
            ("/mnt/usb", false),
        ] {
            assert_eq!(is_within(&home, Path::new(folder)), within, "{folder}");
        }
    }
}
