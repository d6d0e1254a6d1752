//! Streams of the embedded engine with a real ffmpeg: live view, snapshots, loss and return.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use camera_media::{Engine, EngineError, StreamState};
use common::{LIMIT, SIZE, add, decode, engine, ffmpeg_is_here, live_view, probed, seconds, test_source};

#[tokio::test(flavor = "multi_thread")]
async fn a_live_view_is_a_playlist_whose_files_put_together_decode() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    add(&engine, "front", test_source("pattern")).await;
    engine.start_stream("front", LIMIT).await.unwrap();

    let live = live_view(&engine, "front");
    let playlist = live.playlist("a reader", &|name| format!("live/{name}?signed")).unwrap();
    let files: Vec<&str> = playlist
        .lines()
        .filter_map(|line| {
            line.strip_prefix("#EXT-X-MAP:URI=\"")
                .map(|l| l.trim_end_matches('"'))
                .or((!line.starts_with('#')).then_some(line))
        })
        .map(|link| link.strip_prefix("live/").unwrap().strip_suffix("?signed").unwrap())
        .collect();
    let stream: Vec<u8> = files.iter().flat_map(|name| live.file(name).unwrap()).collect();
    let path = folder.path().join("live.mp4");
    std::fs::write(&path, &stream).unwrap();
    decode(&path);
    let promised: f64 = playlist
        .lines()
        .filter_map(|line| line.strip_prefix("#EXTINF:")?.strip_suffix(',')?.parse::<f64>().ok())
        .sum();
    assert!((seconds(&path) - promised).abs() < 0.2, "{playlist}");
    assert!(live.file("../etc/passwd").is_none());

    let status = engine.status("front").unwrap();
    assert_eq!((status.state, status.readers, status.resolution), (StreamState::Ready, 1, Some(SIZE)));
    assert!((status.fps.unwrap() - 10.0).abs() < 0.5, "{status:?}");
    assert!(status.codec.unwrap().starts_with("avc1."));
    assert_eq!(status.bytes_out, stream.len() as u64);
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_a_picture_of_the_right_size() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    for pattern in ["pattern", "clock", "bars"] {
        add(&engine, pattern, test_source(pattern)).await;
        let path = folder.path().join(format!("{pattern}.jpg"));
        let taken = engine.snapshot(pattern, &path, LIMIT).await.unwrap();
        assert_eq!((taken.resolution, taken.bytes), (SIZE, std::fs::metadata(&path).unwrap().len()));
        assert_eq!(probed(&path, "stream=codec_name,width,height"), "mjpeg,320,180");
        decode(&path);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "nothing temporary is left");
    let long = folder.path().join(format!("{}.jpg", "x".repeat(251)));
    engine.snapshot("bars", &long, LIMIT).await.unwrap();
    let missing = folder.path().join("no such folder/x.jpg");
    assert!(matches!(engine.snapshot("bars", &missing, LIMIT).await, Err(EngineError::Disk { .. })));
    engine.shutdown(LIMIT).await;
}
