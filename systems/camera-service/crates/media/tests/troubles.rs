//! What must not break a recording, another camera, or the service: killed children, bad sources, a full disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use camera_media::{
    EmbeddedEngine, Encode, Engine, EngineError, RecordingEnd, RecordingFormat, RecoveryAction, Resolution,
    Source, SourceOptions, StreamState, recover,
};
use common::{
    Behaviour, FOLDER, HttpCamera, LIMIT, RtspCamera, SmallDisk, add, decode, engine, event, ffmpeg_is_here,
    is_begun_after, is_down, is_end, is_running, is_up, kill, live_view, named, names_in, probed,
    processes_with, request, seconds, service_to_be_killed, test_source, wait_until,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_source_process_is_replaced_and_the_recording_goes_on_in_another_file() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "front", test_source("pattern")).await;
    let mut wanted = request(folder.path(), RecordingFormat::Fmp4);
    wanted.name_file = Arc::new(|at| at.strftime("front_%Y-%m-%d_%H-%M-%S").to_string());
    let first = engine.start_recording("front", wanted).await.unwrap().path;
    let before = live_view(&engine, "front").playlist("x", &str::to_owned).unwrap();
    let killed = engine.status("front").unwrap().process.unwrap();
    kill(killed);
    let reason = event(&mut events, is_down).await;
    assert!(reason.contains("signal: 9"), "{reason}");
    let second = event(&mut events, is_begun_after(&first)).await;
    let status = engine.status("front").unwrap();
    assert_eq!((status.state, status.restarts), (StreamState::Ready, 1));
    assert_ne!(status.process, Some(killed));

    let after = live_view(&engine, "front").playlist("x", &str::to_owned).unwrap();
    assert_eq!(after.matches("#EXT-X-MAP").count(), 2, "{after}");
    assert_eq!(after.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{after}");
    let sequence =
        |list: &str| list.lines().find_map(|l| l.strip_prefix("#EXT-X-MEDIA-SEQUENCE:")?.parse::<u64>().ok());
    assert!(sequence(&after) >= sequence(&before));

    let done = engine.stop_recording("front").await.unwrap();
    let paths: Vec<&Path> = done.files.iter().map(|file| file.path.as_path()).collect();
    assert_eq!((paths, done.end), (vec![first.as_path(), second.as_path()], RecordingEnd::Stopped));
    decode(&first);
    decode(&second);
    engine.shutdown(LIMIT).await;
}

/// Not a test: the service that the next test kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is started by the test that kills it"]
async fn a_service_to_be_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let engine = engine().await;
    for format in [RecordingFormat::Fmp4, RecordingFormat::Mp4, RecordingFormat::Mkv] {
        let name = format!("{format:?}").to_lowercase();
        add(&engine, &name, test_source("pattern")).await;
        let wanted = named(&name, request(Path::new(&folder), format));
        engine.start_recording(&name, wanted).await.unwrap();
        println!("source {}", engine.status(&name).unwrap().process.unwrap());
    }
    println!("recording");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_play_after_the_whole_service_was_killed_and_no_ffmpeg_is_left() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut service, said) = service_to_be_killed(&[(FOLDER, folder.path().as_os_str())]);
    let sources: Vec<u32> =
        said.iter().filter_map(|line| line.strip_prefix("source ")?.parse().ok()).collect();
    assert_eq!(sources.len(), 3);
    assert!(sources.iter().all(|pid| is_running(*pid)));
    let files = ["fmp4.mp4", "mp4.mp4", "mkv.mkv"].map(|name| folder.path().join(name));
    let grown = |path: &Path| std::fs::metadata(path).unwrap().len() > 60_000;
    wait_until("every file has grown", || files.iter().all(|path| grown(path))).await;
    service.kill();
    wait_until("no ffmpeg is left", || {
        sources.iter().all(|pid| !is_running(*pid))
            && processes_with(folder.path().to_str().unwrap()).is_empty()
    })
    .await;
    // The kill may also come in the middle of a write.
    let written = std::fs::File::options().append(true).open(&files[0]).unwrap();
    written.set_len(written.metadata().unwrap().len() - 100).unwrap();
    let mut recovered = recover(folder.path()).unwrap().files;
    recovered.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(recovered.len(), 3, "{recovered:?}");
    assert!(matches!(recovered[0].action, RecoveryAction::Cut(100..)), "{recovered:?}");
    // What was to become Matroska is not, and says so.
    let names = ["fmp4.mp4", "mkv.mp4", "mp4.mp4"];
    for name in names {
        decode(&folder.path().join(name));
        assert!(seconds(&folder.path().join(name)) >= 1.0);
    }
    assert_eq!(names_in(folder.path()), names);
    assert_eq!(recover(folder.path()).unwrap().files, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_camera_is_shown_recorded_and_its_loss_is_reported() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let camera = HttpCamera::start(Behaviour::EndsAfter(40)).await;
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "yard", camera.source()).await;
    let started =
        engine.start_recording("yard", request(folder.path(), RecordingFormat::Fmp4)).await.unwrap();
    let reason = event(&mut events, is_down).await;
    assert!(reason.contains("ended"), "{reason}");
    event(&mut events, is_up("yard")).await;
    engine.stop_recording("yard").await.unwrap();
    decode(&started.path);
    // 40 pictures in 4 s, whose last second may not have been whole.
    assert!((2.0..=4.5).contains(&seconds(&started.path)), "{} s", seconds(&started.path));
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rtsp_camera_is_recorded_as_it_sends_and_encoded_where_asked() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let camera = RtspCamera::start().await;
    let engine = engine().await;
    let half = Some(Resolution { width: 160, height: 90 });
    let encoded = SourceOptions { encode: Encode::H264, resolution: half, ..SourceOptions::default() };
    add(&engine, "copied", camera.source()).await;
    add(&engine, "encoded", camera.source_at("stream", encoded)).await;
    for (name, size) in [("copied", "320,180"), ("encoded", "160,90")] {
        let wanted = named(name, request(folder.path(), RecordingFormat::Fmp4));
        engine.start_recording(name, wanted).await.unwrap();
        let done = engine.stop_recording(name).await.unwrap();
        let path = &done.files[0].path;
        decode(path);
        assert_eq!(probed(path, "stream=codec_name,width,height"), format!("h264,{size}"));
        assert!((seconds(path) - done.duration.as_secs_f64()).abs() < 0.2, "{} s, {done:?}", seconds(path));
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_stalls_is_opened_again() {
    if !ffmpeg_is_here() {
        return;
    }
    let camera = HttpCamera::start(Behaviour::StallsAfter(30)).await;
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "yard", camera.source()).await;
    event(&mut events, is_up("yard")).await;
    let reason = event(&mut events, is_down).await;
    assert!(reason.contains("nothing came") && reason.contains("4 s"), "{reason}");
    event(&mut events, is_up("yard")).await;
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_camera_says_why_and_does_not_touch_another() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let garbage = HttpCamera::start(Behaviour::Garbage).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let engine = engine().await;
    let mut events = engine.events();
    add(&engine, "good", test_source("pattern")).await;
    engine.start_stream("good", LIMIT).await.unwrap();
    let process = engine.status("good").unwrap().process;
    add(&engine, "garbage", garbage.source()).await;
    let address = format!("rtsp://admin:s3cret-word@127.0.0.1:{closed}/stream");
    add(&engine, "closed", Source::parse(&address, SourceOptions::default()).unwrap()).await;
    let mut down = vec!["garbage", "closed"];
    while !down.is_empty() {
        let camera = event(&mut events, |event| is_down(event).map(|_| event.camera().to_owned())).await;
        down.retain(|name| *name != camera);
    }
    let mut short = request(folder.path(), RecordingFormat::Fmp4);
    short.within = Duration::from_secs(2);
    for name in ["garbage", "closed"] {
        let Err(EngineError::Dependency(why)) = engine.start_recording(name, short.clone()).await else {
            panic!("{name}")
        };
        assert!(why.contains(&format!("no picture came from {name} within 2 s")), "{why}");
        let path = folder.path().join("x.jpg");
        let refused = engine.snapshot(name, &path, Duration::from_millis(100)).await;
        assert!(matches!(refused, Err(EngineError::Dependency(_))), "{refused:?}");
    }
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
    let status = engine.status("closed").unwrap();
    assert!(matches!(status.state, StreamState::Reconnecting | StreamState::Failed), "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.contains("Connection refused") && !reason.contains("s3cret-word"), "{reason}");
    let garbage = engine.status("garbage").unwrap();
    assert!(garbage.reason.is_some() && garbage.resolution.is_none(), "{garbage:?}");
    let good = engine.status("good").unwrap();
    assert_eq!((good.state, good.restarts, good.process), (StreamState::Ready, 0, process));
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_is_reported_without_its_password() {
    if !ffmpeg_is_here() {
        return;
    }
    let camera = HttpCamera::start(Behaviour::Refuses).await;
    let engine = engine().await;
    let mut events = engine.events();
    let address = format!("http://admin:s3cret%2Fword@127.0.0.1:{}/video?token=t0psecret", camera.port);
    add(&engine, "yard", camera.source_at(&address)).await;
    let reason = event(&mut events, is_down).await;
    assert!(reason.contains("401"), "{reason}");
    for secret in ["s3cret%2Fword", "s3cret/word", "t0psecret"] {
        assert!(!reason.contains(secret), "{reason}");
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_while_it_starts_ends_at_once_and_leaves_nothing() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let silent = HttpCamera::start(Behaviour::StallsAfter(0)).await;
    let engine: Arc<EmbeddedEngine> = Arc::new(engine().await);
    add(&*engine, "yard", silent.source()).await;
    let starting = tokio::spawn({
        let (engine, wanted) = (Arc::clone(&engine), request(folder.path(), RecordingFormat::Mkv));
        async move { engine.start_recording("yard", wanted).await }
    });
    let process = loop {
        if let Some(process) = engine.status("yard").unwrap().process {
            break process;
        }
        tokio::task::yield_now().await;
    };
    while !matches!(engine.stop_recording("yard").await, Err(EngineError::InvalidState(_)))
        || !starting.is_finished()
    {
        tokio::task::yield_now().await;
    }
    let started = starting.await.unwrap();
    assert!(matches!(started, Err(EngineError::InvalidState(_))), "{started:?}");
    assert_eq!(names_in(folder.path()), Vec::<String>::new());
    assert!(is_running(process));
    engine.stop_stream("yard").await.unwrap();
    let status = engine.status("yard").unwrap();
    assert_eq!((status.state, status.process), (StreamState::Stopped, None));
    assert!(!is_running(process));
    engine.remove("yard").await.unwrap();
    assert!(matches!(engine.status("yard"), Err(EngineError::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_ends_the_recording_and_what_is_there_plays() {
    if !ffmpeg_is_here() {
        return;
    }
    let engine = engine().await;
    let options = SourceOptions {
        resolution: Some(Resolution { width: 1280, height: 720 }),
        fps: Some(30),
        ..SourceOptions::default()
    };
    add(&engine, "front", Source::parse("test:pattern", options).unwrap()).await;
    engine.start_stream("front", LIMIT).await.unwrap();
    for format in [RecordingFormat::Fmp4, RecordingFormat::Mp4, RecordingFormat::Mkv] {
        let Some(disk) = SmallDisk::mount() else { return };
        let folder = disk.path();
        let mut events = engine.events();
        engine.start_recording("front", request(folder, format)).await.unwrap();
        let done = event(&mut events, is_end).await;
        let RecordingEnd::Failed(reason) = &done.end else { panic!("{format:?}: {done:?}") };
        assert!(reason.contains("No space left"), "{format:?}: {reason}");
        assert!(engine.recording("front").unwrap().is_none());
        assert_eq!(names_in(folder).len(), 1, "{:?}", names_in(folder));
        let file = &done.files[0];
        let pictures: u32 = probed(&file.path, "stream=nb_read_packets").parse().unwrap();
        assert!(pictures >= 30, "{format:?}: {pictures}");
        decode(&file.path);
        assert!((seconds(&file.path) - file.duration.as_secs_f64()).abs() < 0.2, "{done:?}");

        std::fs::write(folder.join("fill"), vec![0; 4 << 20]).expect_err("the disk is full");
        let refused = engine.start_recording("front", request(folder, format)).await;
        assert!(refused.is_err(), "{format:?}: {refused:?}");
        let snapshot = engine.snapshot("front", &folder.join("x.jpg"), LIMIT).await;
        assert!(matches!(snapshot, Err(EngineError::Disk { .. })), "{snapshot:?}");
        assert_eq!(names_in(folder).len(), 2, "{:?}", names_in(folder));
    }
    engine.shutdown(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_ends_on_a_full_disk_is_kept_as_it_is() {
    if !ffmpeg_is_here() {
        return;
    }
    let engine = engine().await;
    add(&engine, "front", test_source("pattern")).await;
    engine.start_stream("front", LIMIT).await.unwrap();
    for format in [RecordingFormat::Mp4, RecordingFormat::Mkv] {
        let Some(disk) = SmallDisk::mount() else { return };
        let mut events = engine.events();
        engine.start_recording("front", request(disk.path(), format)).await.unwrap();
        std::fs::write(disk.path().join("fill"), vec![0; 4 << 20]).expect_err("the disk is full");
        // Another second may have come and ended it already.
        let _ = engine.stop_recording("front").await;
        let done = event(&mut events, is_end).await;
        assert_eq!((done.files.len(), done.files[0].format), (1, RecordingFormat::Fmp4), "{done:?}");
        decode(&done.files[0].path);
        assert!(seconds(&done.files[0].path) >= 1.0);
        assert_eq!(names_in(disk.path()), ["fill", "recording.mp4"]);
    }
    engine.shutdown(LIMIT).await;
}
