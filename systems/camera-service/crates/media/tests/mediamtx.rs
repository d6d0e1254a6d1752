//! The engine `mediamtx` with a real MediaMTX server and real ffmpeg: streams, pictures, recordings, loss and return. Where
//! a test says "fake", something else than MediaMTX listens on the API's port, to do what MediaMTX never does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
#[path = "mediamtx/server.rs"]
mod server;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camera_media::{
    BreakerOptions, Encode, Engine, EngineError, EngineEvent, GapCause, LiveStream, MediaMtxEngine,
    MediaMtxOptions, Moment, RecordingEnd, RecordingFormat, RecordingRequest, Resolution, Source,
    SourceOptions, StreamState, recover,
};
use common::{
    Behaviour, Ended, FOLDER, HttpCamera, LIMIT, RtspCamera, SIZE, SmallDisk, add, decode, event,
    event_within, is_begun_after, is_closed, is_down, is_end, is_interrupted, is_resumed, is_up, named,
    names_in, older_than_said, probed, processes_with, request, seconds, service_to_be_killed, test_source,
    wait_until,
};
use server::Server;

fn is_here() -> bool {
    server::is_here() && common::ffmpeg_is_here()
}

async fn engine(server: &Server) -> MediaMtxEngine {
    MediaMtxEngine::new(server.options()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_of_every_kind_are_streamed_counted_and_photographed() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let engine = engine(&server).await;
    let (http, rtsp) = (HttpCamera::start(Behaviour::Plays).await, RtspCamera::start().await);
    let encoded = SourceOptions { encode: Encode::H264, ..SourceOptions::default() };
    add(&engine, "made", test_source("bars")).await;
    add(&engine, "http", http.source()).await;
    add(&engine, "copied", rtsp.source()).await;
    add(&engine, "encoded", rtsp.source_at("stream", encoded)).await;
    for name in ["made", "http", "copied", "encoded"] {
        engine.start_stream(name, LIMIT).await.unwrap();
        let path = folder.path().join(format!("{name}.jpg"));
        let taken = engine.snapshot(name, &path, LIMIT).await.unwrap();
        assert_eq!(
            (taken.resolution, taken.bytes),
            (SIZE, std::fs::metadata(&path).unwrap().len()),
            "{name}"
        );
        assert_eq!(probed(&path, "stream=codec_name,width,height"), "mjpeg,320,180", "{name}");
        decode(&path);
        let status = engine.status(name).unwrap();
        assert_eq!((status.state, status.codec.as_deref()), (StreamState::Ready, Some("avc1")), "{name}");
        assert!(status.bytes_in > 0 && status.uptime.is_some(), "{name}: {status:?}");
        let urls = engine.urls(name).unwrap();
        assert_eq!(urls.rtsp, Some(format!("rtsp://127.0.0.1:{}/{name}", server.rtsp)));
    }
    let missing = folder.path().join("no such folder/x.jpg");
    assert!(matches!(engine.snapshot("made", &missing, LIMIT).await, Err(EngineError::Disk { .. })));
    assert_eq!(names_in(folder.path()), ["copied.jpg", "encoded.jpg", "http.jpg", "made.jpg"]);
    let begun = Instant::now();
    while engine.status("made").unwrap().resolution != Some(SIZE) {
        assert!(begun.elapsed() < LIMIT, "its size stays unknown");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let publishing = format!("127.0.0.1:{}/made", server.rtsp);
    assert!(!processes_with(&publishing).is_empty(), "MediaMTX runs ffmpeg for it");

    engine.stop_stream("made").await.unwrap();
    assert_eq!(engine.status("made").unwrap().state, StreamState::Stopped);
    wait_until("its ffmpeg has ended", || processes_with(&publishing).is_empty()).await;
    engine.start_stream("made", LIMIT).await.unwrap();
    engine.remove("made").await.unwrap();
    assert!(matches!(engine.status("made"), Err(EngineError::NotFound(_))));
    wait_until("its ffmpeg has ended", || processes_with(&publishing).is_empty()).await;
    assert_eq!(server.paths().await, ["copied", "encoded", "http"]);
    // Watched last: MediaMTX keeps a source open for a minute after it.
    for name in ["copied", "encoded", "http"] {
        let Some(LiveStream::Served(live)) = engine.live(name) else { panic!("MediaMTX serves it") };
        let playlist = live.get("index.m3u8", "signature=1").await.unwrap();
        assert_eq!(playlist.status(), 200, "{name}");
    }
    engine.shutdown(LIMIT).await;
    assert_eq!(server.paths().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_recorded_to_the_length_asked_for_and_plays() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let engine = engine(&server).await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    let formats = [
        (RecordingFormat::Fmp4, "fmp4.mp4", "mov,mp4,m4a,3gp,3g2,mj2"),
        (RecordingFormat::Mp4, "mp4.mp4", "mov,mp4,m4a,3gp,3g2,mj2"),
        (RecordingFormat::Mkv, "mkv.mkv", "matroska,webm"),
    ];
    for (format, name, container) in formats {
        let mut wanted = named(name.split('.').next().unwrap(), request(folder.path(), format));
        wanted.duration = Some(Duration::from_secs(3));
        let started = engine.start_recording("front", wanted.clone()).await.unwrap();
        assert_eq!(started.path, folder.path().join(name));
        assert!(std::fs::metadata(&started.path).unwrap().len() > 0, "{format:?}");
        assert!(matches!(engine.start_recording("front", wanted).await, Err(EngineError::InvalidState(_))));
        let now = engine.recording("front").unwrap().unwrap();
        assert_eq!(now.path.as_ref(), Some(&started.path));
        let done = event(&mut events, is_end).await;
        assert_eq!((&done.end, done.files.len()), (&RecordingEnd::Complete, 1), "{format:?}");
        let file = &done.files[0];
        assert_eq!((&file.path, file.format, file.started), (&started.path, format, started.started));
        assert_eq!(file.bytes, std::fs::metadata(&file.path).unwrap().len());
        assert!((3.0..=5.0).contains(&seconds(&file.path)), "{format:?}: {} s", seconds(&file.path));
        assert!((seconds(&file.path) - done.duration.as_secs_f64()).abs() < 0.1, "{format:?}: {done:?}");
        assert_eq!(probed(&file.path, "format=format_name"), container);
        decode(&file.path);
        assert!(engine.recording("front").unwrap().is_none());
        assert!(matches!(engine.stop_recording("front").await, Err(EngineError::InvalidState(_))));
    }
    assert_eq!(names_in(folder.path()), ["fmp4.mp4", "mkv.mkv", "mp4.mp4"], "nothing temporary is left");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_keeps_its_source_is_rotated_and_ends_when_it_is_stopped() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let engine = engine(&server).await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    let mut wanted = request(folder.path(), RecordingFormat::Fmp4);
    wanted.rotate_every = Some(Duration::from_secs(2));
    let started = engine.start_recording("front", wanted).await.unwrap();
    engine.stop_stream("front").await.unwrap();
    let second = event(&mut events, is_begun_after(&started.path)).await;
    assert_eq!(engine.status("front").unwrap().state, StreamState::Ready);
    let done = engine.stop_recording("front").await.unwrap();
    assert_eq!(done.end, RecordingEnd::Stopped);
    let paths: Vec<&Path> = done.files.iter().map(|file| file.path.as_path()).collect();
    assert_eq!(paths[..2], [started.path.as_path(), second.as_path()]);
    assert_eq!(done.bytes, paths.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum::<u64>());
    paths.iter().for_each(|path| decode(path));
    assert!((1.9..=3.1).contains(&seconds(paths[0])), "{} s", seconds(paths[0]));
    event(&mut events, is_closed).await;
    assert_eq!(names_in(folder.path()).len(), paths.len());

    let mut wanted = request(folder.path(), RecordingFormat::Fmp4);
    wanted.rotate_bytes = Some(250_000);
    engine.start_recording("front", wanted).await.unwrap();
    for _ in 0..2 {
        event(&mut events, |event| matches!(event, EngineEvent::RecordingFileStarted { .. }).then_some(()))
            .await;
    }
    let done = engine.stop_recording("front").await.unwrap();
    assert!(done.files.len() >= 2, "{done:?}");
    done.files.iter().for_each(|file| decode(&file.path));
    assert!(done.files.iter().all(|file| file.bytes <= 250_000), "{done:?}");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_mediamtx_is_missed_at_once_and_gets_its_streams_back() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start().await;
    let engine = engine(&server).await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    engine.start_stream("front", LIMIT).await.unwrap();
    event(&mut events, is_up("front")).await;
    server.kill();
    let reason = event(&mut events, is_down).await;
    assert!(reason.contains("MediaMTX"), "{reason}");
    let asked = Instant::now();
    let wanted = request(folder.path(), RecordingFormat::Fmp4);
    assert!(matches!(engine.health().await, Err(EngineError::Dependency(_))));
    assert!(matches!(engine.start_recording("front", wanted).await, Err(EngineError::Dependency(_))));
    let path = folder.path().join("x.jpg");
    assert!(matches!(engine.snapshot("front", &path, LIMIT).await, Err(EngineError::Dependency(_))));
    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
    // A camera that is added meanwhile is not forgotten.
    add(&engine, "yard", test_source("bars")).await;
    let publishing = format!("127.0.0.1:{}/front", server.rtsp);
    wait_until("MediaMTX's ffmpeg has ended", || processes_with(&publishing).is_empty()).await;

    server.restart().await;
    event(&mut events, is_up("front")).await;
    engine.start_stream("yard", LIMIT).await.unwrap();
    engine.health().await.unwrap();
    engine.snapshot("front", &path, LIMIT).await.unwrap();
    assert_eq!(engine.status("front").unwrap().restarts, 1);
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_outlives_mediamtx_and_goes_on_in_a_new_file() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start().await;
    let engine = engine(&server).await;
    add(&engine, "front", test_source("pattern")).await;
    for format in [RecordingFormat::Fmp4, RecordingFormat::Mkv] {
        let mut events = engine.events();
        let first = engine.start_recording("front", request(folder.path(), format)).await.unwrap().path;
        server.kill();
        let file = event(&mut events, |event| match event {
            EngineEvent::RecordingFileFinished { file, .. } => Some(file.clone()),
            _ => None,
        })
        .await;
        assert_eq!((&file.path, file.format), (&first, format));
        decode(&first);
        server.restart().await;
        let second = event(&mut events, is_begun_after(&first)).await;
        let done = engine.stop_recording("front").await.unwrap();
        let paths: Vec<&Path> = done.files.iter().map(|file| file.path.as_path()).collect();
        assert_eq!((paths, done.end), (vec![first.as_path(), second.as_path()], RecordingEnd::Stopped));
        decode(&second);
    }

    // One that is stopped while MediaMTX is gone ends at once, and is not taken up again.
    let mut events = engine.events();
    engine.start_recording("front", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    server.kill();
    event(&mut events, is_down).await;
    let done = engine.stop_recording("front").await.unwrap();
    assert_eq!((&done.end, done.files.len()), (&RecordingEnd::Stopped, 1), "{done:?}");
    decode(&done.files[0].path);
    server.restart().await;
    event(&mut events, is_up("front")).await;
    assert_eq!(server.recorded().await, Vec::<String>::new());
    let left = names_in(folder.path());
    assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_dies_comes_back_and_its_recording_goes_on() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let engine = engine(&server).await;
    let mut events = engine.events();
    let camera = HttpCamera::start(Behaviour::EndsAfter(60)).await;
    add(&engine, "yard", camera.source()).await;
    let first =
        engine.start_recording("yard", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap().path;
    event(&mut events, is_down).await;
    let lost = Instant::now();
    event(&mut events, is_up("yard")).await;
    // Not when ffmpeg has given up asking: what is asked for too soon is never answered (#3455).
    assert!(lost.elapsed() < Duration::from_secs(18), "it came back after {:?}", lost.elapsed());
    let second = event(&mut events, is_begun_after(&first)).await;
    let done = engine.stop_recording("yard").await.unwrap();
    assert_eq!(done.files[..2].iter().map(|file| &file.path).collect::<Vec<_>>(), [&first, &second]);
    done.files.iter().for_each(|file| decode(&file.path));
    assert!(engine.status("yard").unwrap().restarts >= 1);
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_or_a_server_that_is_away_interrupts_the_recording_and_is_missing_from_it() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start().await;
    let engine = engine(&server).await;
    let mut events = engine.events();
    let mut camera = HttpCamera::start(Behaviour::Plays).await;
    add(&engine, "yard", camera.source()).await;
    engine.start_recording("yard", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    camera.go_away().await;
    assert_eq!(event(&mut events, is_interrupted).await.cause, GapCause::SourceLost);
    assert!(engine.recording("yard").unwrap().unwrap().gaps.present.is_some());
    tokio::time::sleep(Duration::from_secs(4)).await;
    camera.come_back(Behaviour::Plays).await;
    let first = event(&mut events, is_resumed).await;
    server.kill();
    assert_eq!(event(&mut events, is_interrupted).await.cause, GapCause::ServerLost);
    server.restart().await;
    let second = event(&mut events, is_resumed).await;
    let done = engine.stop_recording("yard").await.unwrap();
    assert_eq!(
        (&done.end, done.gaps.count, done.gaps.present),
        (&RecordingEnd::Stopped, 2, None),
        "{done:?}"
    );
    assert_eq!(done.gaps.total, first + second);
    assert!(first >= Duration::from_secs(4) && done.falls_short(), "{done:?}");
    let difference = done.missing().as_secs_f64() - done.gaps.total.as_secs_f64();
    assert!(difference.abs() < 3.0, "{difference} s, {done:?}");
    done.files.iter().for_each(|file| decode(&file.path));
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_with_rare_key_frames_is_connected_photographed_and_recorded_to_its_last_second() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    // With the patience of real life.
    let options = MediaMtxOptions { key_frame_within: Duration::from_secs(40), ..server.options() };
    let engine = MediaMtxEngine::new(options).await.unwrap();
    let camera = RtspCamera::with_rare_key_frames(25).await;
    let encoded = SourceOptions { encode: Encode::H264, ..SourceOptions::default() };
    let asked = Moment::now();
    for (name, options) in [("copied", SourceOptions::default()), ("encoded", encoded)] {
        add(&engine, name, camera.source_at("stream", options)).await;
    }
    for name in ["copied", "encoded"] {
        engine.start_stream(name, LIMIT * 2).await.unwrap();
        let path = folder.path().join(format!("{name}.jpg"));
        let taken = engine.snapshot(name, &path, LIMIT * 2).await.unwrap();
        let late = older_than_said(&path, taken.taken, asked);
        assert!((-1.5..4.0).contains(&late), "{name}: the picture is {late} s older than its time says");
        let wanted = RecordingRequest {
            within: Duration::from_secs(10),
            ..named(name, request(folder.path(), RecordingFormat::Fmp4))
        };
        let started = engine.start_recording(name, wanted).await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let stopped = jiff::Timestamp::now();
        let done = engine.stop_recording(name).await.unwrap();
        let last = done.started + done.duration;
        assert!(last >= stopped - Duration::from_secs(2), "{name}: until {last}, stopped at {stopped}");
        assert!(!done.falls_short(), "{done:?}");
        decode(&started.path);
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rtsp_camera_that_is_closed_is_recorded_and_mediamtx_lives() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start().await;
    let options = MediaMtxOptions { recordings: Some(folder.path().to_owned()), ..server.options() };
    let engine = MediaMtxEngine::new(options).await.unwrap();
    let camera = RtspCamera::start().await;
    add(&engine, "door", camera.source()).await;
    engine.start_stream("door", LIMIT).await.unwrap();
    engine.stop_stream("door").await.unwrap();
    // Its source has not been opened since.
    server.kill();
    server.restart().await;
    let begun = Instant::now();
    while engine.health().await.is_err() || server.paths().await != ["door"] {
        assert!(begun.elapsed() < LIMIT, "it is not configured again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut events = engine.events();
    for _ in 0..2 {
        engine.start_recording("door", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
        let done = engine.stop_recording("door").await.unwrap();
        assert_eq!((&done.end, done.files.len()), (&RecordingEnd::Stopped, 1), "{done:?}");
        decode(&done.files[0].path);
    }
    event(&mut events, is_closed).await;
    assert!(server.is_running(), "MediaMTX has ended");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_the_server_s_own_configuration_names_is_taken_over() {
    if !is_here() {
        return;
    }
    // With nothing below its name.
    let mut server = Server::with("paths:\n  front:\n").await;
    let engine = engine(&server).await;
    add(&engine, "front", test_source("bars")).await;
    engine.start_stream("front", LIMIT).await.unwrap();
    assert!(server.is_running(), "MediaMTX has ended");
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_opened_says_so_without_its_password_and_leaves_no_file() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let engine = engine(&server).await;
    let mut events = engine.events();
    let refusing = HttpCamera::start(Behaviour::Refuses).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let web = format!("http://admin:s3cret%2Fword@127.0.0.1:{}/video?token=t0psecret", refusing.port);
    let rtsp = format!("rtsp://admin:s3cret-word@127.0.0.1:{closed}/stream?token=t0psecret");
    add(&engine, "web", refusing.source_at(&web)).await;
    add(&engine, "rtsp", Source::parse(&rtsp, SourceOptions::default()).unwrap()).await;
    for name in ["web", "rtsp"] {
        let mut short = request(folder.path(), RecordingFormat::Fmp4);
        short.within = Duration::from_secs(2);
        let Err(EngineError::Dependency(why)) = engine.start_recording(name, short).await else {
            panic!("{name}")
        };
        assert!(why.contains(&format!("no picture came from {name} within 2 s")), "{why}");
        assert!(["s3cret", "t0psecret"].iter().all(|secret| !why.contains(secret)), "{why}");
        let path = folder.path().join("x.jpg");
        let refused = engine.snapshot(name, &path, Duration::from_millis(100)).await;
        assert!(matches!(refused, Err(EngineError::Dependency(_))), "{refused:?}");
        let status = engine.status(name).unwrap();
        assert!(!matches!(status.state, StreamState::Ready | StreamState::Stopped), "{status:?}");
    }
    // MediaMTX gives up after 40 s, and that is told.
    let reason = event_within(LIMIT * 2, &mut events, is_down).await;
    assert!(["s3cret", "t0psecret"].iter().all(|secret| !reason.contains(secret)), "{reason}");
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_address_runs_nothing_and_is_asked_for_as_it_is() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("mark");
    let server = Server::start().await;
    let engine = engine(&server).await;
    let camera = HttpCamera::start(Behaviour::Plays).await;
    let mark_shown = mark.display();
    for (name, address) in [
        ("quote", format!("/';touch${{IFS}}{mark_shown};'")),
        ("dollar", format!("/$(touch${{IFS}}{mark_shown})`touch {mark_shown}`$HOME\\'\"")),
        ("option", " -y -f null '-".to_owned()),
    ] {
        let address = format!(
            "http://127.0.0.1:{}{}",
            camera.port,
            address.replacen(' ', "/", usize::from(name == "option"))
        );
        add(&engine, name, camera.source_at(&address)).await;
        engine.start_stream(name, LIMIT).await.unwrap();
    }
    assert!(!mark.exists());
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_ends_the_recording_and_what_is_there_plays() {
    if !is_here() {
        return;
    }
    let Some(disk) = SmallDisk::mount() else { return };
    let folder = disk.path();
    let server = Server::start().await;
    let engine = engine(&server).await;
    let mut events = engine.events();
    let large = Resolution { width: 1280, height: 720 };
    let options = SourceOptions { resolution: Some(large), fps: Some(30), ..SourceOptions::default() };
    add(&engine, "front", Source::parse("test:pattern", options).unwrap()).await;
    engine.start_recording("front", request(folder, RecordingFormat::Fmp4)).await.unwrap();
    // That nothing is written any more is known when no key frame can be the reason.
    let ending = async {
        loop {
            if let Some(done) = is_end(&events.recv().await.unwrap()) {
                return done;
            }
        }
    };
    let done = tokio::time::timeout(LIMIT * 3, ending).await.expect("it did not end");
    let RecordingEnd::Failed(reason) = &done.end else { panic!("{done:?}") };
    assert!(reason.contains("the disk is not to be full"), "{reason}");
    assert!(engine.recording("front").unwrap().is_none());
    // One file, unless the machine was too busy for the pattern meanwhile: what goes on after a gap is another one.
    let recorded: Vec<_> = done.files.iter().map(|file| file.path.clone()).collect();
    assert_eq!(names_in(folder).iter().map(|name| folder.join(name)).collect::<Vec<_>>(), recorded);
    recorded.iter().for_each(|path| decode(path));
    assert!(recorded.iter().map(|path| seconds(path)).sum::<f64>() >= 1.0, "{done:?}");
    assert_eq!(server.recorded().await, Vec::<String>::new());
    // The stream is none the worse for it.
    assert_eq!(engine.status("front").unwrap().state, StreamState::Ready);
    engine.shutdown(LIMIT).await;
}

const PORTS: &str = "CAMERA_MEDIA_TEST_PORTS";

/// Not a test: the service that the next test kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is started by the test that kills it"]
async fn a_service_to_be_killed() {
    let (Some(folder), Ok(ports)) = (std::env::var_os(FOLDER), std::env::var(PORTS)) else { return };
    let engine = MediaMtxEngine::new(server::options(&ports)).await.unwrap();
    add(&engine, "front", test_source("pattern")).await;
    let mut wanted = request(Path::new(&folder), RecordingFormat::Fmp4);
    wanted.rotate_every = Some(Duration::from_secs(2));
    engine.start_recording("front", wanted).await.unwrap();
    println!("recording");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_mediamtx_recorded_while_the_service_was_dead_is_kept() {
    if !is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start().await;
    let ports = server.ports();
    let (mut service, _) =
        service_to_be_killed(&[(FOLDER, folder.path().as_os_str()), (PORTS, ports.as_ref())]);
    // A reader that the service's end does not end, so that MediaMTX goes on.
    let viewer = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i"])
        .arg(format!("rtsp://127.0.0.1:{}/front", server.rtsp))
        .args(["-t", "60", "-c", "copy", "-f", "null", "-"])
        .spawn();
    let _viewer = Ended(viewer.unwrap());
    // It reads when it is known to have been counted besides the engine's own.
    server.readers("front", 2).await;
    service.kill();
    let hidden = folder.path().join(".mediamtx_front");
    wait_until("MediaMTX goes on in a file that nobody names", || {
        std::fs::read_dir(&hidden).is_ok_and(|entries| entries.count() > 0)
    })
    .await;
    let engine = engine(&server).await;
    assert_eq!(server.recorded().await, Vec::<String>::new());
    let recovered = recover(folder.path()).unwrap().files;
    assert!(recovered.iter().any(|file| file.path == folder.path().join("recording.mp4")), "{recovered:?}");
    let names = names_in(folder.path());
    assert!(names.iter().any(|name| name.starts_with("front_20")), "{names:?}");
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    names.iter().for_each(|name| decode(&folder.path().join(name)));
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_user_is_given_to_each_of_its_servers_and_a_wrong_password_is_a_clear_error() {
    if !is_here() {
        return;
    }
    // Of what it lets a password have, the worst.
    let password = "p$HOME@w#<&>$(id);";
    let may = ["api", "publish", "read"].map(|action| format!("{{ action: {action} }}")).join(", ");
    let users = format!(
        "authInternalUsers: [{{ user: cam@s, pass: {password:?}, ips: [], permissions: [{may}] }}]\n"
    );
    let server = Server::with(&users).await;
    let options = |password: &str| MediaMtxOptions {
        user: Some("cam@s".to_owned()),
        password: Some(password.to_owned()),
        // It lets who is refused wait for two seconds.
        answer_within: Duration::from_secs(5),
        ..server.options()
    };
    for wrong in [MediaMtxOptions { user: None, ..options(password) }, options("s3cret-word")] {
        let Err(EngineError::Dependency(why)) = MediaMtxEngine::new(wrong).await.map(|_| ()) else {
            panic!("it is refused")
        };
        assert!(why.contains("password") && !why.contains("s3cret-word"), "{why}");
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = MediaMtxEngine::new(options(password)).await.unwrap();
    let rtsp = RtspCamera::start().await;
    add(&engine, "made", test_source("bars")).await;
    add(&engine, "copied", rtsp.source()).await;
    for name in ["made", "copied"] {
        engine.start_stream(name, LIMIT).await.unwrap();
        let path = folder.path().join(format!("{name}.jpg"));
        engine.snapshot(name, &path, LIMIT).await.unwrap();
        decode(&path);
        let Some(LiveStream::Served(live)) = engine.live(name) else { panic!("MediaMTX serves it") };
        assert_eq!(live.get("index.m3u8", "").await.unwrap().status(), 200, "{name}");
    }
    engine.shutdown(LIMIT).await;
}

/// What listens where MediaMTX should, and answers every request with these bytes, or with none.
struct Fake {
    options: MediaMtxOptions,
    /// From when this is true, it accepts and says nothing.
    silent: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn fake(answer: Option<&'static str>) -> Fake {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}", listener.local_addr().unwrap());
    let silent = Arc::new(AtomicBool::new(answer.is_none()));
    let still = Arc::clone(&silent);
    let task = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            if still.load(Ordering::Relaxed) {
                open.push(socket);
                continue;
            }
            let mut asked = [0; 4096];
            let _ = socket.read(&mut asked).await;
            let _ = socket.write_all(answer.unwrap_or_default().as_bytes()).await;
        }
    });
    let breaker = BreakerOptions { failures: 3, ..BreakerOptions::default() };
    let within = Duration::from_millis(300);
    let options = MediaMtxOptions {
        api,
        breaker,
        answer_within: within,
        poll: Duration::from_millis(50),
        user: Some("cameras".to_owned()),
        password: Some("s3cret-word".to_owned()),
        ..MediaMtxOptions::default()
    };
    Fake { options, silent, task }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_refuses_hangs_or_talks_nonsense_is_a_clear_error_fake() {
    for (answer, expected) in [
        (Some("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), "refuses the user \"cameras\""),
        (Some("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"), "no list"),
        (Some("HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"items\": \"many\"}"), "no list"),
        (Some("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), "500"),
        (Some("SSH-2.0-OpenSSH_9.2\r\n"), "MediaMTX"),
        (Some(""), "MediaMTX"),
        (None, "not answered within 0.3 s"),
    ] {
        let fake = fake(answer).await;
        let api = &fake.options.api;
        let Err(EngineError::Dependency(why)) = MediaMtxEngine::new(fake.options.clone()).await.map(|_| ())
        else {
            panic!("{answer:?}")
        };
        assert!(why.contains(expected) && why.contains(api) && !why.contains("s3cret-word"), "{why}");
    }
    let closed = MediaMtxOptions { api: "http://127.0.0.1:1".to_owned(), ..MediaMtxOptions::default() };
    assert!(matches!(MediaMtxEngine::new(closed).await.map(|_| ()), Err(EngineError::Dependency(_))));
    for wrong in ["", "ftp://127.0.0.1", "https://127.0.0.1", "127.0.0.1:9997"] {
        let options = MediaMtxOptions { api: wrong.to_owned(), ..MediaMtxOptions::default() };
        assert!(
            matches!(MediaMtxEngine::new(options).await.map(|_| ()), Err(EngineError::Invalid(_))),
            "{wrong}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_stops_answering_is_soon_not_waited_for_any_more_fake() {
    const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 43\r\nConnection: close\r\n\r\n\
        {\"itemCount\":0,\"pageCount\":0,   \"items\":[]}\n";
    let fake = fake(Some(GOOD)).await;
    let engine = MediaMtxEngine::new(fake.options.clone()).await.unwrap();
    add(&engine, "front", test_source("bars")).await;
    let mut events = engine.events();
    fake.silent.store(true, Ordering::Relaxed);
    event(&mut events, is_down).await;
    let begun = Instant::now();
    let why = loop {
        let Err(EngineError::Dependency(why)) = engine.health().await else { continue };
        if why.contains("again and again") {
            break why;
        }
        assert!(begun.elapsed() < LIMIT, "{why}");
    };
    assert!(why.contains("asked again in"), "{why}");
    let asked = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let wanted = request(folder.path(), RecordingFormat::Fmp4);
    for _ in 0..100 {
        assert!(matches!(
            engine.start_recording("front", wanted.clone()).await,
            Err(EngineError::Dependency(_))
        ));
    }
    assert!(asked.elapsed() < Duration::from_secs(5), "100 calls waited for {:?}", asked.elapsed());
    assert!(engine.status("front").unwrap().reason.unwrap().contains("MediaMTX"));
    // It ends all the same, and soon.
    let asked = Instant::now();
    engine.shutdown(LIMIT).await;
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}
