//! What is done to files that a kill left, and to which nothing is done.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::process::Command;

use camera_media::{EngineError, Recovered, RecoveryAction, recover};
use common::{decode, ffmpeg_is_here, names_in, seconds};

/// Three seconds of video, in fragments of one or as a whole.
fn video(path: &Path, flags: &str) {
    let made = Command::new("ffmpeg")
        .args(
            "-nostdin -v error -f lavfi -i testsrc2=size=64x36:rate=10 -t 3 -c:v libx264 -preset ultrafast"
                .split(' '),
        )
        .args("-g 10 -pix_fmt yuv420p -f mp4 -movflags".split(' '))
        .arg(flags)
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
}

const FRAGMENTED: &str = "frag_keyframe+empty_moov+default_base_moof+skip_trailer";

#[test]
fn only_what_was_being_written_is_put_in_order() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let whole = path("whole.mp4");
    video(&whole, FRAGMENTED);
    video(&path("other-kind.mp4"), "faststart");
    let bytes = std::fs::read(&whole).unwrap();
    let moof = bytes.windows(4).position(|four| four == b"moof").unwrap() - 4;
    for (name, content) in [
        ("cut.mp4", &bytes[..bytes.len() - 10]),
        ("half-header.mp4", &[&bytes[..], b"\0\0\x01"].concat()),
        ("no-picture.mp4", &bytes[..moof + 20]),
        ("nothing.mp4", b""),
        ("nothing.mkv", b""),
        ("half.mkv", b"\x1a\x45\xdf\xa3 whatever a Matroska may be"),
        ("to-be-matroska.mkv", &bytes),
        ("to-be-matroska.mp4", b"another"),
        ("not-open.mp4", &bytes[..bytes.len() - 10]),
        (".media-1-2.tmp", b"half"),
        (".somebody.tmp", b"else"),
    ] {
        std::fs::write(path(name), content).unwrap();
    }
    let open = [
        "cut.mp4",
        "half-header.mp4",
        "half.mkv",
        "never-made.mp4",
        "no-picture.mp4",
        "nothing.mkv",
        "nothing.mp4",
        "to-be-matroska.mkv",
    ];
    for name in open.iter().chain(&["other-kind.mp4", "whole.mp4"]) {
        std::fs::write(path(&format!(".{name}.open")), "").unwrap();
    }
    let recovery = recover(folder.path()).unwrap();
    assert!(recovery.failed.is_empty(), "{recovery:?}");
    let mut done: Vec<(String, RecoveryAction)> = recovery
        .files
        .into_iter()
        .map(|Recovered { path, action }| (path.file_name().unwrap().to_str().unwrap().to_owned(), action))
        .collect();
    done.sort_by(|a, b| a.0.cmp(&b.0));
    // Ten bytes of the last fragment are missing: the rest of it goes.
    let last = bytes.windows(4).rposition(|four| four == b"moof").unwrap() - 4;
    let rest = (bytes.len() - 10 - last) as u64;
    let expected = [
        (".media-1-2.tmp", RecoveryAction::Removed),
        ("cut.mp4", RecoveryAction::Cut(rest)),
        ("half-header.mp4", RecoveryAction::Cut(3)),
        ("half.mkv", RecoveryAction::Kept),
        ("no-picture.mp4", RecoveryAction::Removed),
        ("nothing.mkv", RecoveryAction::Removed),
        ("nothing.mp4", RecoveryAction::Removed),
        ("other-kind.mp4", RecoveryAction::Kept),
        ("to-be-matroska_2.mp4", RecoveryAction::Kept),
        ("whole.mp4", RecoveryAction::Kept),
    ];
    assert_eq!(done, expected.map(|(name, action)| (name.to_owned(), action)));
    let left = [
        ".somebody.tmp",
        "cut.mp4",
        "half-header.mp4",
        "half.mkv",
        "not-open.mp4",
        "other-kind.mp4",
        "to-be-matroska.mp4",
        "to-be-matroska_2.mp4",
        "whole.mp4",
    ];
    assert_eq!(names_in(folder.path()), left);
    for (name, length) in
        [("cut.mp4", 2.0), ("half-header.mp4", 3.0), ("other-kind.mp4", 3.0), ("whole.mp4", 3.0)]
    {
        decode(&path(name));
        assert!((seconds(&path(name)) - length).abs() < 0.05, "{name}");
    }
    assert_eq!(std::fs::read(path("not-open.mp4")).unwrap().len(), bytes.len() - 10);
    assert!(matches!(recover(&path("nowhere")), Err(EngineError::Disk { .. })));
}

#[test]
fn what_cannot_be_put_in_order_is_told_and_keeps_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    // Nobody, not even root, writes into a folder as into a file, or removes one as a file.
    for name in [
        "damaged.mp4",
        ".media-1-2.tmp",
        ".mediamtx_yard",
        ".mediamtx_yard/yard_2026-01-31_23-59-59-000000.mp4",
    ] {
        std::fs::create_dir(path(name)).unwrap();
    }
    for name in ["a", "z"] {
        std::fs::write(path(&format!("{name}.mp4")), "").unwrap();
        std::fs::write(path(&format!(".{name}.mp4.open")), "").unwrap();
    }
    std::fs::write(path(".damaged.mp4.open"), "").unwrap();
    std::fs::write(path(".mediamtx_yard/yard_2026-01-30_23-59-59-000000.mp4"), "").unwrap();
    let recovery = recover(folder.path()).unwrap();
    let mut failed: Vec<_> = recovery.failed.iter().map(|left| left.path.clone()).collect();
    failed.sort();
    let adopted = ".mediamtx_yard/yard_2026-01-31_23-59-59-000000.mp4";
    assert_eq!(failed, [".media-1-2.tmp", adopted, "damaged.mp4"].map(path));
    assert!(recovery.failed.iter().all(|left| left.error.to_string().contains("os error")), "{recovery:?}");
    assert_eq!(recovery.files.len(), 3, "{recovery:?}");
    assert!(path(".damaged.mp4.open").exists() && !path(".z.mp4.open").exists());
}
