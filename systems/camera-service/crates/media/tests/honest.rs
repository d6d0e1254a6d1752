//! What the embedded engine says of a recording whose source was away, or that was ended by force: how much there is, what is missing,
//! and why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Duration;

use camera_media::{EmbeddedEngine, EmbeddedOptions, Engine, Force, GapCause, RecordingEnd, RecordingFormat};
use common::{
    Behaviour, HttpCamera, LIMIT, add, decode, engine, event, ffmpeg_is_here, is_end, is_interrupted,
    is_resumed, is_up, named, options, request, seconds, test_source,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_whose_source_stays_away_ends_with_what_is_missing() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut camera = HttpCamera::start(Behaviour::Plays).await;
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "yard", camera.source()).await;
    engine.start_stream("yard", LIMIT).await.unwrap();
    let mut wanted = request(folder.path(), RecordingFormat::Fmp4);
    wanted.duration = Some(Duration::from_secs(10));
    engine.start_recording("yard", wanted).await.unwrap();
    camera.go_away().await;
    assert_eq!(event(&mut events, is_interrupted).await.cause, GapCause::SourceLost);
    let now = engine.recording("yard").unwrap().unwrap();
    assert_eq!((now.path, now.wanted), (None, Some(Duration::from_secs(10))));
    assert_eq!(now.gaps.present.map(|gap| gap.cause), Some(GapCause::SourceLost));
    let done = event(&mut events, is_end).await;
    assert_eq!((&done.end, done.files.len()), (&RecordingEnd::TimeUp, 1), "{done:?}");
    decode(&done.files[0].path);
    let got = seconds(&done.files[0].path);
    assert!((done.got().as_secs_f64() - got).abs() < 0.3 && got < 4.0, "{got} s, {done:?}");
    assert_eq!(done.wanted, Duration::from_secs(10));
    assert!((done.missing().as_secs_f64() + got - 10.0).abs() < 0.3, "{done:?}");
    assert!(done.falls_short(), "{done:?}");
    assert_eq!((done.gaps.count, done.gaps.cause), (1, Some(GapCause::SourceLost)));
    // Until 10 s after its time would have been over.
    let ran = done.gaps.total.as_secs_f64() + got;
    assert!((19.0..22.0).contains(&ran), "{done:?}");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_for_a_while_interrupts_the_recording_and_is_missing_from_it() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut camera = HttpCamera::start(Behaviour::Plays).await;
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "yard", camera.source()).await;
    engine.start_recording("yard", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    assert_eq!(engine.recording("yard").unwrap().unwrap().gaps.count, 0);
    camera.go_away().await;
    let gap = event(&mut events, is_interrupted).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let away = engine.recording("yard").unwrap().unwrap().missing();
    assert!(
        (Duration::from_secs(6)..gap.since.elapsed() + Duration::from_secs(1)).contains(&away),
        "{away:?}"
    );
    camera.come_back(Behaviour::Plays).await;
    let length = event(&mut events, is_resumed).await;
    assert!(length >= Duration::from_secs(6), "{length:?}");
    let now = engine.recording("yard").unwrap().unwrap();
    assert_eq!((now.gaps.present, now.gaps.count, now.gaps.total), (None, 1, length));
    assert!(now.path.is_some());
    let done = engine.stop_recording("yard").await.unwrap();
    assert_eq!((&done.end, done.files.len(), done.gaps.total), (&RecordingEnd::Stopped, 2, length));
    let difference = done.missing().as_secs_f64() - length.as_secs_f64();
    assert!(difference.abs() < 1.5 && done.falls_short(), "{difference} s, {done:?}");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_falls_silent_interrupts_before_it_is_given_up() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let camera = HttpCamera::start(Behaviour::StallsAfter(40)).await;
    let options = EmbeddedOptions { stall: LIMIT, ..options() };
    let engine = EmbeddedEngine::new(options).await.unwrap();
    let mut events = engine.events();
    add(&engine, "yard", camera.source()).await;
    engine.start_recording("yard", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    let gap = event(&mut events, is_interrupted).await;
    assert_eq!(gap.cause, GapCause::SourceLost);
    assert!(gap.since.elapsed() >= Duration::from_secs(5), "{gap:?}");
    let done = engine.stop_recording("yard").await.unwrap();
    assert!(done.falls_short() && done.gaps.count == 1, "{done:?}");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_asked_to_end_says_what_ended_it_and_what_was_stopped_early_misses_nothing() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut events = engine.events();
    for name in ["full", "gone", "stopped", "shut"] {
        add(&engine, name, test_source("pattern")).await;
        event(&mut events, is_up(name)).await;
        let mut wanted = named(name, request(folder.path(), RecordingFormat::Fmp4));
        wanted.duration = Some(Duration::from_secs(60));
        engine.start_recording(name, wanted).await.unwrap();
    }
    let stopped = engine.stop_recording("stopped").await.unwrap();
    assert!(stopped.end == RecordingEnd::Stopped && !stopped.falls_short(), "{stopped:?}");
    assert!(stopped.wanted < Duration::from_secs(30), "whoever stops it wants no more: {stopped:?}");
    event(&mut events, is_end).await;
    let full = engine.force_end("full", Force::FullDisk).await.unwrap();
    assert_eq!(event(&mut events, is_end).await, full);
    engine.remove("gone").await.unwrap();
    let gone = event(&mut events, is_end).await;
    engine.shutdown(LIMIT).await;
    let shut = event(&mut events, is_end).await;
    for (done, force) in [(full, Force::FullDisk), (gone, Force::CameraRemoved), (shut, Force::Shutdown)] {
        assert_eq!((&done.end, done.wanted.as_secs()), (&RecordingEnd::Forced(force), 60));
        assert!(done.falls_short() && done.gaps.count == 0, "{done:?}");
        decode(&done.files[0].path);
    }
}
