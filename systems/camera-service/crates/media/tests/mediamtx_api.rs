//! What the engine `mediamtx` tells MediaMTX's API, in which order, and what it refuses by itself; against a stand-in for that
//! API. What MediaMTX makes of it, `mediamtx.rs` shows with the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "mediamtx/api.rs"]
mod api;
mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use api::{Api, State};
use camera_media::{
    CameraSpec, Engine, EngineError, MediaMtxEngine, MediaMtxOptions, RecordingFormat, RecordingRequest,
    Source, SourceOptions, StreamState,
};
use common::{LIMIT, add, names_in, request, test_source};
use serde_json::{Value, json};

/// An engine that is impatient, and expects to record into that folder. Nothing listens where it reads.
async fn engine(api: &Api, folder: &Path) -> MediaMtxEngine {
    let options = MediaMtxOptions {
        api: api.address.clone(),
        rtsp: "rtsp://127.0.0.1:1".to_owned(),
        recordings: Some(folder.to_owned()),
        poll: Duration::from_millis(20),
        key_frame_within: Duration::from_secs(1),
        ..MediaMtxOptions::default()
    };
    MediaMtxEngine::new(options).await.unwrap()
}

fn rtsp_camera() -> Source {
    Source::parse("rtsp://127.0.0.1:1/stream", SourceOptions::default()).unwrap()
}

fn short(folder: &Path) -> RecordingRequest {
    RecordingRequest { within: Duration::from_millis(300), ..request(folder, RecordingFormat::Fmp4) }
}

async fn until_ready(engine: &MediaMtxEngine, name: &str) {
    let begun = Instant::now();
    while engine.status(name).unwrap().state != StreamState::Ready {
        assert!(begun.elapsed() < LIMIT);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_camera_s_path_is_configured_whole_be_there_one_or_not_and_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let configured = [("front".to_owned(), Value::Null)].into();
    let api = Api::start(State { configured, ..State::default() }).await;
    let engine = engine(&api, folder.path()).await;
    add(&engine, "front", test_source("bars")).await;
    add(&engine, "yard", test_source("bars")).await;
    assert_eq!(api.changes(), ["replace front", "replace yard"]);
    engine.shutdown(LIMIT).await;
    assert!(api.state.lock().unwrap().configured.is_empty());
}

#[tokio::test]
async fn a_camera_by_whose_name_mediamtx_means_every_path_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(State::default()).await;
    let engine = engine(&api, folder.path()).await;
    for name in ["all", "all_others"] {
        let refused = engine.add(CameraSpec { name: name.to_owned(), source: test_source("bars") }).await;
        let Err(EngineError::Invalid(why)) = refused else { panic!("{refused:?}") };
        assert!(why.contains("another name"), "{why}");
        assert!(matches!(engine.status(name), Err(EngineError::NotFound(_))));
    }
    assert!(api.changes().is_empty());
}

#[tokio::test]
async fn a_path_is_recorded_only_while_its_pictures_come_and_what_a_killed_run_left_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    // What a run of the service left that was killed.
    let left = format!("{}/.mediamtx_left/%path", folder.path().display());
    let left = json!({ "source": "rtsp://127.0.0.1:1/", "record": true, "recordPath": left });
    let configured = [("left".to_owned(), left), ("front".to_owned(), Value::Null)].into();
    let api = Api::start(State { configured, tracks: vec!["H264"], ..State::default() }).await;
    let engine = engine(&api, folder.path()).await;
    assert_eq!(api.changes(), ["delete left"]);
    add(&engine, "front", rtsp_camera()).await;
    assert_eq!(api.changes(), ["replace front"]);

    // Nothing is recorded before pictures come.
    let begun = Instant::now();
    let Err(EngineError::Dependency(why)) = engine.start_recording("front", short(folder.path())).await
    else {
        panic!("it is recorded")
    };
    assert!(why.contains("no picture came from front"), "{why}");
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    assert!(api.changes().is_empty());

    api.set_ready("front");
    until_ready(&engine, "front").await;
    let recorded = engine.start_recording("front", short(folder.path())).await;
    let Err(EngineError::Dependency(why)) = recorded else { panic!("{recorded:?}") };
    assert!(why.contains("MediaMTX writes nothing") && why.contains("key frame"), "{why}");
    assert_eq!(api.changes(), ["replace front", "replace front"], "without a break");
    assert!(!api.records("front") && names_in(folder.path()).is_empty());
    engine.shutdown(LIMIT).await;
}

#[tokio::test]
async fn pictures_that_mediamtx_cannot_record_are_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(State { tracks: vec!["Opus", "VP8"], ..State::default() }).await;
    let engine = engine(&api, folder.path()).await;
    add(&engine, "front", rtsp_camera()).await;
    api.set_ready("front");
    until_ready(&engine, "front").await;
    api.changes();
    let refused = engine.start_recording("front", short(folder.path())).await;
    let Err(EngineError::Unsupported(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("VP8") && why.contains("encode: h264"), "{why}");
    assert!(api.changes().is_empty() && names_in(folder.path()).is_empty());

    api.state.lock().unwrap().tracks = vec!["VP8", "H264"];
    while engine.status("front").unwrap().codec.as_deref() != Some("avc1") {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let tried = engine.start_recording("front", short(folder.path())).await;
    assert!(matches!(tried, Err(EngineError::Dependency(_))), "there is a track to record: {tried:?}");
    engine.shutdown(LIMIT).await;
}
