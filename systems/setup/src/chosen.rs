//! Folders that an operator chose: they may be somebody else's too, so what is there is not taken over.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::files::Owner;
use crate::steps::{self, Done, Step};
use crate::{Failure, because};

/// Anybody may write there, but deletes only what is theirs: `/tmp` and its like.
const STICKY: u32 = 0o1000;
const READ_WRITE_ENTER: u32 = 0o7;

/// A folder that `key` names: made with that mode and owner where there is none. One that is there is given to the owner only if
/// nothing is in it but what `is_own` knows by its name; otherwise it stays as it is.
///
/// # Errors
/// It is there and the owner may not use it, with what to do; or the system refuses.
pub fn folder(
    path: &Path,
    key: &str,
    mode: u32,
    owner: Owner,
    is_own: &dyn Fn(&str) -> bool,
) -> Result<(), Failure> {
    let failed = |error: io::Error| because::<io::Error>(path.display())(error);
    let link = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let found = match std::fs::metadata(path) {
        Ok(found) if found.is_dir() && !link => found,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        // Made, or refused for what else it is.
        _ => return steps::folder(path, mode, owner),
    };
    if found.uid() == owner.user {
        Step::of(path).is(Done::AlreadySo);
        return Ok(());
    }
    let everybodys = found.mode() & STICKY != 0;
    if !everybodys && holds_only(path, is_own).map_err(failed)? {
        return steps::keep(path, mode, owner);
    }
    let shift = if found.gid() == owner.group { 3 } else { 0 };
    if !everybodys && found.mode() >> shift & READ_WRITE_ENTER == READ_WRITE_ENTER {
        Step::of(path).is(Done::Left(
            "it is not the service's, which may use it as it is; others' files in it stay theirs".into(),
        ));
        return Ok(());
    }
    let shown = path.display();
    let (user, group) = (owner.user, owner.group);
    let or = if everybodys {
        String::new()
    } else {
        format!("; if it is for the service alone: chown {user}:{group} {shown}")
    };
    Err(Failure::Wrong(format!(
        "{key}: {shown} is there and is not the service's, so it is not taken over: name a folder of its own, which is made{or}"
    )))
}

/// Whether nothing else is in it. The folders below the root are nobody's own, also when they are empty.
fn holds_only(path: &Path, is_own: &dyn Fn(&str) -> bool) -> io::Result<bool> {
    if path.components().count() <= 2 {
        return Ok(false);
    }
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name();
        if !name.to_str().is_some_and(|name| name == "lost+found" || is_own(name)) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    /// Nobody here.
    const SERVICE: Owner = Owner { user: 54321, group: 54321 };

    fn is_video(name: &str) -> bool {
        name.ends_with(".mp4")
    }

    fn mode_and_owner(path: &Path) -> (u32, u32) {
        let found = std::fs::metadata(path).unwrap();
        (found.mode() & 0o7777, found.uid())
    }

    #[test]
    fn a_folder_with_somebody_else_s_files_is_refused_with_what_to_do_and_stays_as_it_is() {
        let disk = tempfile::tempdir().unwrap();
        std::fs::write(disk.path().join("front.mp4"), "").unwrap();
        std::fs::write(disk.path().join("holiday.jpg"), "").unwrap();
        std::fs::set_permissions(disk.path(), Permissions::from_mode(0o755)).unwrap();
        let before = mode_and_owner(disk.path());
        let refused = folder(disk.path(), "storage.recordings", 0o750, SERVICE, &is_video).unwrap_err();
        let said = refused.to_string();
        assert!(matches!(refused, Failure::Wrong(_)), "{said}");
        assert!(said.starts_with("storage.recordings: ") && said.contains("chown 54321:54321 /"), "{said}");
        assert_eq!(mode_and_owner(disk.path()), before);
    }

    #[test]
    fn a_folder_that_everybody_writes_to_is_refused_without_a_chown_to_type() {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::set_permissions(temporary.path(), Permissions::from_mode(0o1777)).unwrap();
        let said = folder(temporary.path(), "log.file", 0o755, SERVICE, &is_video).unwrap_err().to_string();
        assert!(said.contains("name a folder of its own") && !said.contains("chown"), "{said}");
        assert_eq!(mode_and_owner(temporary.path()).0, 0o1777);
    }

    #[test]
    fn a_folder_that_may_be_used_as_it_is_is_left_as_it_is() {
        let shared = tempfile::tempdir().unwrap();
        std::fs::write(shared.path().join("holiday.jpg"), "").unwrap();
        std::fs::set_permissions(shared.path(), Permissions::from_mode(0o777)).unwrap();
        let before = mode_and_owner(shared.path());
        folder(shared.path(), "storage.recordings", 0o750, SERVICE, &is_video).unwrap();
        assert_eq!(mode_and_owner(shared.path()), before);
    }

    #[test]
    fn a_folder_with_the_service_s_files_alone_and_one_that_is_missing_become_its_own() {
        let disk = tempfile::tempdir().unwrap();
        let restored = disk.path().join("restored");
        std::fs::create_dir_all(restored.join("lost+found")).unwrap();
        std::fs::write(restored.join("front.mp4"), "").unwrap();
        for path in [restored, disk.path().join("missing")] {
            folder(&path, "storage.recordings", 0o750, SERVICE, &is_video).unwrap();
            let mine = if rustix::process::geteuid().is_root() { SERVICE } else { Owner::myself() };
            assert_eq!(mode_and_owner(&path), (0o750, mine.user));
        }
    }

    #[test]
    fn an_empty_folder_below_the_root_is_nobody_s_own() {
        assert!(!holds_only(Path::new("/proc"), &|_| true).unwrap());
        let empty = tempfile::tempdir().unwrap();
        assert!(holds_only(empty.path(), &is_video).unwrap());
    }
}
