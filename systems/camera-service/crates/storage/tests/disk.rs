//! Disks that fill up, are read-only, or refuse: on a real small file system, which only root can mount.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_storage::{FileName, Level, Library, Retention, StorageError, Thresholds, Usage};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

const MIB: u64 = 1 << 20;

/// A tmpfs of 4 MiB, unmounted when it goes.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` without root, which is said; with CI=true and root it must work.
    fn mount(options: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can mount a small file system to fill it up");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder.path()).output();
        match output {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                assert!(std::env::var("CI").as_deref() != Ok("true"), "root cannot mount a tmpfs: {other:?}");
                eprintln!("skipped: root cannot mount a tmpfs here: {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn name(text: &str) -> FileName {
    text.parse().unwrap()
}

const THRESHOLDS: Thresholds = Thresholds { warn: 80, block: 90, headroom: 0 };

fn level(library: &Library) -> Level {
    library.usage(&THRESHOLDS).unwrap().level
}

#[test]
fn a_disk_that_fills_up_warns_blocks_and_is_free_again_after_a_cleanup() {
    let Some(disk) = Disk::mount("size=4m") else { return };
    let library = Library::open(disk.path()).unwrap();
    let usage = library.usage(&THRESHOLDS).unwrap();
    assert_eq!((usage.total, usage.level, usage.why.as_str()), (4 * MIB, Level::Ok, ""));
    let mut written = 0;
    let mut levels = vec![];
    // 32 pieces of an eighth of a mebibyte are the whole disk: 80 % is reached with the 26th, 90 % with the 29th.
    for piece in 0..32 {
        let file = format!("c_2026-01-01_00-00-{piece:02}.mp4");
        fs::write(disk.path().join(file), vec![1; 128 << 10]).unwrap();
        written += 128 << 10;
        levels.push(level(&library));
    }
    assert_eq!(levels.iter().filter(|level| **level == Level::Ok).count(), 25);
    assert_eq!(levels.iter().filter(|level| **level == Level::Warn).count(), 3);
    assert_eq!(levels.iter().filter(|level| **level == Level::Block).count(), 4);
    assert_eq!(library.usage(&THRESHOLDS).unwrap().free, 0);
    assert_eq!(library.size().unwrap(), (32, written));
    let cleaned = library
        .cleanup(Retention::Size(2 * MIB), jiff::Timestamp::UNIX_EPOCH, &|_| false, &|_| None)
        .unwrap();
    assert_eq!((cleaned.removed.len(), cleaned.bytes_freed), (16, 2 * MIB));
    // What another test starts may hold one of the files open for a moment.
    let until = Instant::now() + Duration::from_secs(30);
    let usage = loop {
        let usage = library.usage(&THRESHOLDS).unwrap();
        if usage.free == 2 * MIB || Instant::now() > until {
            break usage;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!((usage.level, usage.free, usage.percent), (Level::Ok, 2 * MIB, 50.0));
}

#[test]
fn a_full_disk_is_said_to_be_full_and_nothing_half_written_is_listed() {
    let Some(disk) = Disk::mount("size=1m") else { return };
    let library = Library::open(disk.path()).unwrap();
    fs::write(disk.path().join("ballast"), vec![1; 900 << 10]).unwrap();
    let draft = library.draft().unwrap();
    let error = draft.writer().unwrap().write_all(&vec![1; 1 << 20]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    drop(draft);
    assert_eq!(library.list(10, 0).unwrap().total, 1, "only the ballast");
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1);
}

#[test]
fn headroom_for_one_file_is_kept_whatever_the_percentages_say() {
    let Some(disk) = Disk::mount("size=4m") else { return };
    let library = Library::open(disk.path()).unwrap();
    fs::write(disk.path().join("a"), vec![1; MIB as usize]).unwrap();
    let thresholds = Thresholds { headroom: 3 * MIB, ..THRESHOLDS };
    assert_eq!(library.usage(&thresholds).unwrap().level, Level::Ok);
    let usage = library.usage(&Thresholds { headroom: 3 * MIB + 1, ..THRESHOLDS }).unwrap();
    assert_eq!(
        (usage.level, usage.why.as_str()),
        (Level::Block, "3145728 bytes are free, less than the 3145729 that one file may take")
    );
}

#[test]
fn a_disk_that_can_hold_no_more_files_blocks_and_says_so() {
    let Some(disk) = Disk::mount("size=4m,nr_inodes=3") else { return };
    let library = Library::open(disk.path()).unwrap();
    assert_eq!(level(&library), Level::Ok);
    let mut drafts = Vec::new();
    loop {
        match library.draft() {
            Ok(draft) => drafts.push(draft),
            Err(StorageError::Full(_)) => break,
            Err(error) => panic!("{error}"),
        }
        assert!(drafts.len() < 4, "never full");
    }
    let usage = library.usage(&THRESHOLDS).unwrap();
    assert_eq!((usage.level, usage.why.as_str()), (Level::Block, "the file system can hold no more files"));
}

#[test]
fn a_read_only_disk_blocks_and_a_deletion_there_is_no_success() {
    let Some(disk) = Disk::mount("size=4m") else { return };
    let library = Library::open(disk.path()).unwrap();
    let file = name("c_2026-01-01_00-00-00.mp4");
    fs::write(library.path_of(&file), "x").unwrap();
    assert!(Command::new("mount").args(["-o", "remount,ro"]).arg(disk.path()).status().unwrap().success());
    let usage = library.usage(&THRESHOLDS).unwrap();
    assert_eq!((usage.level, usage.why.as_str()), (Level::Block, "the file system is mounted read-only"));
    let path = disk.path().join(file.as_str());
    let refused = format!("{}: cannot delete: the file system is mounted read-only", path.display());
    assert_eq!(library.delete(&file, &|_| false).unwrap_err().to_string(), refused);
    let cleaned =
        library.cleanup(Retention::Size(0), jiff::Timestamp::UNIX_EPOCH, &|_| false, &|_| None).unwrap();
    assert_eq!((cleaned.removed.len(), cleaned.bytes_freed), (0, 0));
    assert_eq!(cleaned.failed.iter().map(|failed| failed.why.as_str()).collect::<Vec<_>>(), [refused]);
    assert!(path.exists());
}

/// A folder whose owner is another user, seen by a user who may not write there: this test runs itself again as nobody.
#[test]
fn without_the_permission_a_deletion_is_no_success() {
    const AGAIN: &str = "CAMERA_STORAGE_TEST_FOLDER";
    if let Some(folder) = std::env::var_os(AGAIN).map(PathBuf::from) {
        let library = Library::open(&folder).unwrap();
        let error = library.delete(&name("a.mp4"), &|_| false).unwrap_err().to_string();
        assert!(
            error.contains(
                "cannot delete: Permission denied (os error 13): the service's user must own the folder"
            ),
            "{error}"
        );
        assert!(folder.join("a.mp4").exists());
        assert!(matches!(library.draft().map(|_| ()), Err(StorageError::Failed { .. })));
        return;
    }
    let root = rustix::process::geteuid().is_root();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.mp4"), "x").unwrap();
    let mode = if root { 0o755 } else { 0o555 };
    fs::set_permissions(
        folder.path(),
        <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode),
    )
    .unwrap();
    // A copy where nobody may reach it: the build's folder may be closed to others. Not written by this process: what
    // another test starts just then would hold it open, and the kernel executes nothing that is open for writing.
    let copy = folder.path().join("test");
    let mut command = if root {
        let made = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status();
        assert!(made.unwrap().success());
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
        command
    } else {
        Command::new(std::env::current_exe().unwrap())
    };
    let output = command
        .args(["--exact", "without_the_permission_a_deletion_is_no_success"])
        .env(AGAIN, folder.path())
        .current_dir("/")
        .output()
        .unwrap();
    fs::set_permissions(
        folder.path(),
        <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755),
    )
    .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn an_immutable_file_is_reported_as_failed_and_the_others_go() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    for day in 1..=3 {
        fs::write(folder.path().join(format!("a_2026-01-0{day}_00-00-00.mp4")), "x").unwrap();
    }
    let stubborn = folder.path().join("a_2026-01-02_00-00-00.mp4");
    let chattr = |change: &str| Command::new("chattr").arg(change).arg(&stubborn).output();
    if !chattr("+i").is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file can be made immutable here (needs root and a file system such as ext4)");
        return;
    }
    let cleaned = library.cleanup(Retention::Size(0), jiff::Timestamp::UNIX_EPOCH, &|_| false, &|_| None);
    chattr("-i").unwrap();
    let cleaned = cleaned.unwrap();
    assert_eq!((cleaned.removed.len(), cleaned.bytes_freed, cleaned.failed.len()), (2, 2, 1));
    assert_eq!(
        cleaned.failed[0].why,
        format!(
            "{}: cannot delete: Operation not permitted (os error 1): the service's user must own the folder, and the file may not be immutable",
            stubborn.display()
        )
    );
}

#[test]
fn what_is_beyond_a_share_of_the_disk_is_a_number_of_bytes() {
    let usage =
        Usage { total: 1100, used: 900, free: 100, percent: 90.0, level: Level::Ok, why: String::new() };
    assert_eq!([100, 90, 85, 0].map(|percent| usage.over(percent)), [0, 0, 50, 900]);
}
