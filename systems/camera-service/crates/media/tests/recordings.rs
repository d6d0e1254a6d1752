//! Recordings of the embedded engine with a real ffmpeg: every file plays, whatever happened meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::time::Duration;

use camera_media::{
    EmbeddedEngine, EmbeddedOptions, Engine, EngineError, GapCause, RecordingEnd, RecordingFormat,
    StreamState, probe_file,
};
use common::{
    LIMIT, SIZE, add, decode, engine, event, ffmpeg_is_here, install_script, is_closed, is_end,
    is_interrupted, is_resumed, names_in, options, probed, request, seconds, test_source,
};

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_recorded_to_the_length_asked_for_and_plays() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut events = engine.events();
    let formats = [
        (RecordingFormat::Fmp4, "mov,mp4,m4a,3gp,3g2,mj2"),
        (RecordingFormat::Mp4, "mov,mp4,m4a,3gp,3g2,mj2"),
        (RecordingFormat::Mkv, "matroska,webm"),
    ];
    for (format, container) in formats {
        let name = format!("{format:?}").to_lowercase();
        add(&engine, &name, test_source("pattern")).await;
        let into = folder.path().join(&name);
        std::fs::create_dir(&into).unwrap();
        let mut wanted = request(&into, format);
        wanted.duration = Some(Duration::from_secs(3));
        let started = engine.start_recording(&name, wanted).await.unwrap();
        assert!(std::fs::metadata(&started.path).unwrap().len() > 0, "{format:?}");
        let done = event(&mut events, is_end).await;
        assert_eq!((&done.end, done.files.len()), (&RecordingEnd::Complete, 1), "{format:?}");
        let file = &done.files[0];
        assert_eq!((&file.path, file.format, file.started), (&started.path, format, started.started));
        assert_eq!(file.bytes, std::fs::metadata(&file.path).unwrap().len());
        assert!((3.0..=4.0).contains(&seconds(&file.path)), "{format:?}: {} s", seconds(&file.path));
        assert!((seconds(&file.path) - done.duration.as_secs_f64()).abs() < 0.2, "{format:?}: {done:?}");
        assert_eq!(probed(&file.path, "format=format_name"), container);
        let info = probe_file(Path::new("ffprobe"), &file.path, LIMIT).await.unwrap();
        assert_eq!((info.bytes, info.resolution, info.fps), (file.bytes, Some(SIZE), Some(10.0)));
        assert_eq!(info.codec.as_deref(), Some("h264"));
        assert!((info.duration.unwrap().as_secs_f64() - seconds(&file.path)).abs() < 0.001);
        assert_eq!(
            probed(&file.path, "format=start_time").parse::<f64>().unwrap(),
            0.0,
            "a file begins at 0"
        );
        decode(&file.path);
        assert_eq!(std::fs::read_dir(&into).unwrap().count(), 1, "nothing temporary is left");
        assert!(engine.recording(&name).unwrap().is_none());
        assert!(matches!(engine.stop_recording(&name).await, Err(EngineError::InvalidState(_))));
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_plays_though_the_ffmpeg_that_was_to_rewrite_it_is_killed() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // The real one, but for whoever writes by a temporary name.
    let ffmpeg = folder.path().join("ffmpeg");
    install_script("case \"$*\" in *.tmp) kill -9 $$;; esac\nexec ffmpeg \"$@\"", &ffmpeg);
    let engine = EmbeddedEngine::new(EmbeddedOptions { ffmpeg, ..options() }).await.unwrap();
    for (format, began_as) in
        [(RecordingFormat::Mp4, "recording.mp4"), (RecordingFormat::Mkv, "recording.mkv")]
    {
        let name = format!("{format:?}").to_lowercase();
        add(&engine, &name, test_source("pattern")).await;
        let into = folder.path().join(&name);
        std::fs::create_dir(&into).unwrap();
        let started = engine.start_recording(&name, request(&into, format)).await.unwrap();
        assert_eq!(started.path, into.join(began_as));
        let done = engine.stop_recording(&name).await.unwrap();
        assert_eq!((&done.end, done.files.len()), (&RecordingEnd::Stopped, 1), "{done:?}");
        let file = &done.files[0];
        assert_eq!((file.format, &file.path), (RecordingFormat::Fmp4, &into.join("recording.mp4")));
        decode(&file.path);
        assert_eq!(names_in(&into), ["recording.mp4"]);
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_holds_the_moments_of_starting_and_of_stopping() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    add(&engine, "front", test_source("clock")).await;
    engine.start_stream("front", LIMIT).await.unwrap();
    let before = jiff::Timestamp::now();
    let wanted = request(folder.path(), RecordingFormat::Fmp4);
    let started = engine.start_recording("front", wanted.clone()).await.unwrap();
    assert!(started.started <= before + Duration::from_millis(100), "{} {before}", started.started);
    assert!(matches!(engine.start_recording("front", wanted).await, Err(EngineError::InvalidState(_))));
    let now = engine.recording("front").unwrap().unwrap();
    assert_eq!(now.path.as_ref(), Some(&started.path));
    let asked = jiff::Timestamp::now();
    let done = engine.stop_recording("front").await.unwrap();
    assert_eq!(done.end, RecordingEnd::Stopped);
    let last = done.started + done.duration;
    assert!(last >= asked, "recorded until {last}, stopped at {asked}");
    assert!((seconds(&started.path) - done.duration.as_secs_f64()).abs() < 0.2);
    decode(&started.path);
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_rotated_without_losing_a_picture() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    let mut wanted = request(folder.path(), RecordingFormat::Fmp4);
    wanted.duration = Some(Duration::from_secs(4));
    wanted.rotate_every = Some(Duration::from_secs(2));
    engine.start_recording("front", wanted).await.unwrap();
    let done = event(&mut events, is_end).await;
    let names: Vec<_> =
        done.files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["recording.mp4", "recording_2.mp4"]);
    for file in &done.files {
        assert_eq!(probed(&file.path, "format=start_time").parse::<f64>().unwrap(), 0.0);
        assert_eq!(probed(&file.path, "stream=nb_read_packets"), "20", "2 s of 10 pictures a second");
        decode(&file.path);
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_does_not_get_larger_than_it_may() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    let mut wanted = request(folder.path(), RecordingFormat::Fmp4);
    wanted.duration = Some(Duration::from_secs(5));
    wanted.rotate_bytes = Some(100_000);
    engine.start_recording("front", wanted).await.unwrap();
    let done = event(&mut events, is_end).await;
    assert!(done.files.len() > 1 && done.bytes > 100_000, "{done:?}");
    for file in &done.files {
        // A single second may be larger.
        assert!(file.bytes <= 100_000 || file.duration <= Duration::from_secs(1), "{file:?}");
        decode(&file.path);
    }
    let text = folder.path().join("recording.txt");
    std::fs::write(&text, "no video").unwrap();
    let refused = probe_file(Path::new("ffprobe"), &text, LIMIT).await.unwrap_err().to_string();
    assert!(refused.contains("recording.txt") && refused.contains("Invalid data"), "{refused}");
    let gone = probe_file(Path::new("ffprobe"), &folder.path().join("none.mp4"), LIMIT).await;
    assert!(matches!(gone, Err(EngineError::Disk { .. })), "{gone:?}");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_keeps_its_source_when_the_stream_is_stopped() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    engine.start_recording("front", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    engine.stop_stream("front").await.unwrap();
    let status = engine.status("front").unwrap();
    assert_eq!(status.state, StreamState::Ready);
    assert!(status.process.is_some());
    let done = engine.stop_recording("front").await.unwrap();
    decode(&done.files[0].path);
    event(&mut events, is_closed).await;
    let status = engine.status("front").unwrap();
    assert_eq!((status.state, status.process), (StreamState::Stopped, None));
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_goes_on_in_another_file_when_one_can_be_written_no_more() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    let first =
        engine.start_recording("front", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap().path;
    // Writing fails for as long as the folder is away: the file has no name any more, and no other can be begun.
    let away = folder.path().with_extension("away");
    std::fs::rename(folder.path(), &away).unwrap();
    std::fs::remove_file(away.join(first.file_name().unwrap())).unwrap();
    assert_eq!(event(&mut events, is_interrupted).await.cause, GapCause::NothingWritten);
    std::fs::rename(&away, folder.path()).unwrap();
    event(&mut events, is_resumed).await;
    let second = engine.recording("front").unwrap().unwrap().path.unwrap();
    let done = engine.stop_recording("front").await.unwrap();
    assert_eq!((&done.end, done.gaps.count), (&RecordingEnd::Stopped, 1), "{done:?}");
    let files: Vec<_> = done.files.iter().map(|file| &file.path).collect();
    assert_eq!(files, [&second]);
    decode(&second);
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_ends_when_its_disk_stays_bad() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk_patience = Duration::from_secs(2);
    let engine = EmbeddedEngine::new(EmbeddedOptions { disk_patience, ..options() }).await.unwrap();
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    engine.start_recording("front", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    folder.close().unwrap();
    let done = event(&mut events, is_end).await;
    assert!(matches!(&done.end, RecordingEnd::Failed(why) if why.contains("cannot create")), "{done:?}");
    engine.shutdown(LIMIT).await;
}
