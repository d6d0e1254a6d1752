//! The service with the engine `mediamtx` and a real MediaMTX server: what people do with a camera.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "the console's tests use the rest")]
mod browser;
#[allow(dead_code, reason = "the engine's tests use the rest")]
#[path = "../crates/media/tests/common/cameras.rs"]
mod cameras;
#[path = "support/clock.rs"]
mod clock;
#[allow(dead_code, reason = "the engine's tests use the rest")]
#[path = "../crates/media/tests/mediamtx/server.rs"]
mod server;
mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use browser::Browser;
use camera_access::Role;
use cameras::{Behaviour, HttpCamera};
use clock::Clock;
use serde_json::{Value, json};
use server::Server;
use support::{Installation, PATIENCE, Running, camera_line, http, install_script, token};

/// What ffprobe says of a file, without complaint, as one JSON object.
fn ffprobe(path: &std::path::Path) -> Value {
    let arguments =
        ["-v", "error", "-show_entries", "format=duration,format_name:stream=codec_name,width,height"];
    let output = Command::new("ffprobe").args(arguments).args(["-of", "json"]).arg(path).output().unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn configuration(server: &Server) -> String {
    let Server { api, rtsp, hls, .. } = server;
    format!(
        "media: {{ engine: mediamtx, mediamtx: {{ api: \"http://127.0.0.1:{api}\", rtsp: \"rtsp://127.0.0.1:{rtsp}\", \
         hls: \"http://127.0.0.1:{hls}\" }} }}\n\
         cameras:\n  - {{ name: front, source: \"test:pattern\", resolution: 320x240, fps: 10 }}\n"
    )
}

/// Follows a link as players do: to the playlist, to the one that it names, to the beginning and a piece that that one names.
async fn watched(service: &Running, link: &str) {
    let (path, query) = link.split_once('?').unwrap();
    assert_eq!(path, format!("http://{}/live/front/index.m3u8", service.clients));
    let get = async |file: &str| {
        let (status, head, body) = http(service.clients, &format!("/live/front/{file}"), &[]).await;
        assert_eq!(status, 200, "{file}: {head}");
        (head, body)
    };
    let first = String::from_utf8(get(&format!("index.m3u8?{query}")).await.1).unwrap();
    let media = first.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap();
    // In what order, and what else (a session, since 1.18), is the server's.
    assert!(query.split('&').all(|part| media.contains(part)), "{first}");
    // Until a segment is whole, there are parts only.
    let begun = Instant::now();
    let (playlist, piece) = loop {
        let text = String::from_utf8(get(media).await.1).unwrap();
        let piece =
            text.lines().rfind(|line| line.contains(".mp4?") && !line.starts_with('#')).map(str::to_owned);
        if let Some(piece) = piece {
            break (text, piece);
        }
        assert!(begun.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let beginning = playlist.split("#EXT-X-MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watched.mp4");
    std::fs::write(&path, [get(beginning).await.1, get(&piece).await.1].concat()).unwrap();
    assert_eq!(ffprobe(&path)["streams"][0]["width"], 320);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lists_watches_takes_a_picture_and_records() {
    if !server::is_here() {
        return;
    }
    let mut server = Server::start().await;
    let installation = Installation::new(&configuration(&server));
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    service.camera_delivers(&mut client, "front").await;

    let list = client.succeed("get_camera_list", json!({})).await;
    assert_eq!((list["total"].as_u64(), list["connected"].as_u64()), (Some(1), Some(1)));
    let streams = &list["cameras"][0]["streams"];
    assert_eq!(streams["rtsp"], format!("rtsp://127.0.0.1:{}/front", server.rtsp));
    watched(&service, streams["hls"].as_str().unwrap()).await;

    let taken = client.succeed("take_snapshot", json!({ "device": "front" })).await;
    let path = installation.path().join("snapshots").join(taken["filename"].as_str().unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), taken["file_size"].as_u64().unwrap());
    assert_eq!(ffprobe(&path)["streams"][0]["width"], 320);

    client.succeed("subscribe_events", json!({ "topics": ["recording.start", "recording.stop"] })).await;
    let asked = json!({ "device": "front", "duration": 3, "format": "mp4" });
    let started = client.succeed("start_recording", asked.clone()).await;
    let path = installation.path().join("recordings").join(started["filename"].as_str().unwrap());
    assert!(std::fs::metadata(&path).unwrap().len() > 0, "the file is there when success is answered");
    assert_eq!(client.refused("start_recording", asked).await, -32020, "it is recorded already");
    let ended = client.notification("recording.stop").await;
    assert_eq!(ended["filename"], started["filename"]);
    let seconds: f64 = ffprobe(&path)["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((3.0..=5.0).contains(&seconds), "{seconds} s");
    let files = client.succeed("list_recordings", json!({})).await;
    assert_eq!((&files["total"], &files["files"][0]["filename"]), (&json!(1), &started["filename"]));

    // Without MediaMTX the service is there, and says what is missing.
    server.kill();
    let mut status = 200;
    while status == 200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        status = http(service.health, "/health/ready", &[]).await.0;
    }
    assert_eq!(client.refused("start_recording", json!({ "device": "front" })).await, -32050);
    assert_eq!(client.succeed("get_camera_list", json!({})).await["connected"], 0);
    server.restart().await;
    service.camera_delivers(&mut client, "front").await;
    assert!(tokio::task::spawn_blocking(move || service.stop("TERM")).await.unwrap().success());
    assert_eq!(server.paths().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_timed_by_the_clock_is_not_recorded_for_as_long_as_that_was_set() {
    if !server::is_here() {
        return;
    }
    let server = Server::start().await;
    let camera = HttpCamera::start(Behaviour::Plays).await;
    let folder = tempfile::tempdir().unwrap();
    let Some(clock) = Clock::ahead(folder.path(), -7200) else { return };
    // MediaMTX starts what the service names; it is to have the clock that the service has.
    for program in ["ffmpeg", "ffprobe"] {
        let (library, path) = (clock.library.display(), clock.path.display());
        let script = format!("LD_PRELOAD={library} CLOCK={path} exec {program} \"$@\"");
        install_script(&script, &folder.path().join(program));
    }
    let ffmpeg = format!("media: {{ ffmpeg: {}/ffmpeg, engine", folder.path().display());
    let text = configuration(&server).replace("media: { engine", &ffmpeg)
        + &camera_line("web", &camera.source_url());
    let installation = Installation::new(&text);
    let service = clock.start(&installation);
    let mut client = clock::client(&service).await;
    service.camera_delivers(&mut client, "web").await;
    client.succeed("start_recording", json!({ "device": "web" })).await;
    client
        .succeed("subscribe_events", json!({ "topics": ["recording.interrupted", "recording.resumed"] }))
        .await;
    clock.set(0);
    client.notification("recording.interrupted").await;
    client.notification("recording.resumed").await;
    let stopped = client.succeed("stop_recording", json!({ "device": "web" })).await;
    assert!(stopped["duration"].as_f64().unwrap() < 60.0, "{stopped}");
    for name in stopped["filenames"].as_array().unwrap() {
        let probed = ffprobe(&installation.path().join("recordings").join(name.as_str().unwrap()));
        let seconds: f64 = probed["format"]["duration"].as_str().unwrap().parse().unwrap();
        assert!(seconds < 60.0, "{name}: {probed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_pictures_move_in_the_console() {
    if !server::is_here() {
        return;
    }
    let Some(browser) = Browser::start(1280).await else { return };
    let server = Server::start().await;
    let installation = Installation::new(&configuration(&server));
    let service = installation.start();
    browser.sign_in(service.clients, &token(Role::Viewer)).await;
    browser.picture_moves("front", 320).await;
    browser.photograph("mediamtx").await;
}
