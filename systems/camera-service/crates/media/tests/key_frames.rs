//! Cameras with key frames far apart, with the embedded engine: they are connected, their snapshots are of now, and their recordings
//! hold their first and last seconds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use camera_media::{
    EmbeddedEngine, EmbeddedOptions, Encode, Engine, Moment, RecordingEnd, RecordingFormat, Source,
    SourceOptions,
};
use common::{
    LIMIT, RtspCamera, add, decode, event, ffmpeg_is_here, is_end, is_up, named, older_than_said, request,
    seconds,
};

/// With the patience of real life.
async fn engine() -> EmbeddedEngine {
    EmbeddedEngine::new(EmbeddedOptions::default()).await.unwrap()
}

fn source(camera: &RtspCamera, encode: Encode) -> Source {
    camera.source_at("stream", SourceOptions { encode, ..SourceOptions::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_with_a_key_frame_in_25_seconds_is_connected_and_seen_as_it_is_now() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let camera = RtspCamera::with_rare_key_frames(25).await;
    let engine = engine().await;
    let asked = Moment::now();
    add(&engine, "copied", source(&camera, Encode::Copy)).await;
    add(&engine, "encoded", source(&camera, Encode::H264)).await;
    for name in ["copied", "encoded"] {
        engine.start_stream(name, LIMIT * 2).await.unwrap();
        assert_eq!(engine.status(name).unwrap().restarts, 0, "{name}: not one that was tried again");
    }
    // The key frame is as old then; a busy machine's picture is some seconds old.
    tokio::time::sleep(Duration::from_secs(12)).await;
    for name in ["copied", "encoded"] {
        let path = folder.path().join(format!("{name}.jpg"));
        let taken = engine.snapshot(name, &path, LIMIT).await.unwrap();
        let age = taken.taken.elapsed();
        assert!(age < Duration::from_secs(9), "{name}: {age:?}");
        // But for the moment until it plays.
        let late = older_than_said(&path, taken.taken, asked);
        assert!((-1.5..9.0).contains(&late), "{name}: the picture is {late} s older than its time says");
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_between_key_frames_begins_at_once_and_holds_its_last_second() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let camera = RtspCamera::with_rare_key_frames(10).await;
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "yard", source(&camera, Encode::Auto)).await;
    event(&mut events, is_up("yard")).await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    let asked = jiff::Timestamp::now();
    let started =
        engine.start_recording("yard", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    let waited = jiff::Timestamp::now().duration_since(asked).unsigned_abs();
    assert!(waited < Duration::from_secs(4), "it waited {waited:?}, as for a key frame");
    assert!(started.started < asked, "it begins with the key frame before");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stopped = jiff::Timestamp::now();
    let done = engine.stop_recording("yard").await.unwrap();
    let last = done.started + done.duration;
    assert!(last >= stopped - Duration::from_millis(500), "recorded until {last}, stopped at {stopped}");
    assert!(done.lead >= Duration::from_secs(2) && !done.falls_short(), "{done:?}");
    decode(&started.path);
    assert!((seconds(&started.path) - done.duration.as_secs_f64()).abs() < 0.3, "{done:?}");

    // What is from before it was asked for is no part of the length that was asked for.
    let mut wanted = named("long", request(folder.path(), RecordingFormat::Mp4));
    wanted.duration = Some(Duration::from_secs(12));
    engine.start_recording("yard", wanted).await.unwrap();
    let done = loop {
        let done = event(&mut events, is_end).await;
        if done.end == RecordingEnd::Complete {
            break done;
        }
    };
    assert!((12.0..14.5).contains(&done.got().as_secs_f64()), "{done:?}");
    let path = &done.files[0].path;
    decode(path);
    assert!((seconds(path) - done.got().as_secs_f64() - done.lead.as_secs_f64()).abs() < 0.3, "{done:?}");
    engine.shutdown(LIMIT).await;
}
