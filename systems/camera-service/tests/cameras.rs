//! What people do with cameras, with real ffmpeg: watch, take a picture, record, download.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::process::Command;

use camera_access::Role;
use serde_json::{Value, json};
use support::{Installation, http, token};
use tokio_tungstenite::tungstenite::Message;

const TWO_CAMERAS: &str = "cameras:\n  - { name: front, source: \"test:pattern\", resolution: 320x240, fps: 10 }\n  \
                           - { name: yard, source: \"test:bars\", resolution: 320x240, fps: 10 }\n";

/// What ffprobe says of a file, as one JSON object.
fn ffprobe(path: &std::path::Path) -> Value {
    let arguments =
        ["-v", "error", "-show_entries", "format=duration,format_name:stream=codec_name,width,height"];
    let output = Command::new("ffprobe").args(arguments).args(["-of", "json"]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "ffprobe complains: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_person_lists_watches_takes_a_picture_records_and_downloads() {
    let installation = Installation::new(TWO_CAMERAS);
    let service = installation.start();
    let (status, _, body) = http(service.health, "/health/ready", &[]).await;
    assert_eq!(status, 200, "ready means ready: {}", String::from_utf8_lossy(&body));
    let mut client = service.client(Role::Operator).await;
    service.camera_delivers(&mut client, "front").await;
    service.camera_delivers(&mut client, "yard").await;

    let list = client.succeed("get_camera_list", json!({})).await;
    assert_eq!((list["total"].as_u64(), list["connected"].as_u64()), (Some(2), Some(2)));
    assert_eq!(list["cameras"][0]["device"], "front");
    assert_eq!(list["cameras"][0]["resolution"], "320x240");

    // Watch: the playlist and its first piece, by the signed link and by nothing else.
    let link = list["cameras"][0]["streams"]["hls"].as_str().unwrap();
    let (status, _, playlist) = http(service.clients, link, &[]).await;
    assert_eq!(status, 200);
    let playlist = String::from_utf8(playlist).unwrap();
    let piece = playlist.lines().find(|line| line.contains(".m4s")).unwrap();
    let (status, head, bytes) = http(service.clients, &format!("/live/front/{piece}"), &[]).await;
    assert!(
        status == 200 && head.contains("video/mp4") && bytes.windows(4).any(|kind| kind == b"moof"),
        "{head}"
    );
    assert_eq!(http(service.clients, "/live/front/index.m3u8", &[]).await.0, 401);
    assert_eq!(http(service.clients, &link.replace("front", "yard"), &[]).await.0, 403);

    // A picture.
    client
        .succeed(
            "subscribe_events",
            json!({ "topics": ["snapshot.taken", "recording.start", "recording.stop"] }),
        )
        .await;
    let taken = client.succeed("take_snapshot", json!({ "device": "front" })).await;
    assert_eq!(taken["status"], "completed");
    let path = installation.path().join("snapshots").join(taken["filename"].as_str().unwrap());
    assert_eq!(std::fs::metadata(&path).unwrap().len(), taken["file_size"].as_u64().unwrap());
    assert_eq!(ffprobe(&path)["streams"][0]["width"], 320);

    // Three seconds of recording that end by themselves.
    let asked = json!({ "device": "front", "duration": 3 });
    let started = client.succeed("start_recording", asked.clone()).await;
    let path = installation.path().join("recordings").join(started["filename"].as_str().unwrap());
    assert!(std::fs::metadata(&path).unwrap().len() > 0, "the file is there when success is answered");
    assert_eq!(client.refused("start_recording", asked).await, -32020, "it is recorded already");
    assert_eq!(client.refused("delete_recording", json!({ "filename": started["filename"] })).await, -32020);
    let ended = client.notification("recording.stop").await;
    assert_eq!(ended["filename"], started["filename"]);
    let probed = ffprobe(&path);
    let seconds: f64 = probed["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((2.0..=4.1).contains(&seconds), "{probed}");
    assert_eq!(client.refused("stop_recording", json!({ "device": "front" })).await, -32020, "nothing runs");

    // Its file, by link, by token, and by ranges.
    let files = client.succeed("list_recordings", json!({})).await;
    let link = files["files"][0]["download_url"].as_str().unwrap();
    let on_disk = std::fs::read(&path).unwrap();
    let (status, _, body) = http(service.clients, link, &[]).await;
    assert!(status == 200 && body == on_disk);
    let plain = link.split('?').next().unwrap();
    assert_eq!(http(service.clients, plain, &[]).await.0, 401);
    let bearer = format!("Bearer {}", token(Role::Viewer));
    let (status, head, body) =
        http(service.clients, plain, &[("Authorization", &bearer), ("Range", "bytes=4-7")]).await;
    assert!(status == 206 && body == on_disk[4..8] && head.contains("content-range: bytes 4-7/"), "{head}");
    let info = client.succeed("get_recording_info", json!({ "filename": started["filename"] })).await;
    assert!((info["duration"].as_f64().unwrap() - seconds).abs() < 0.1, "{info}");

    // And away with it.
    client.succeed("delete_recording", json!({ "filename": started["filename"] })).await;
    assert!(!path.exists());
    assert_eq!(client.refused("delete_recording", json!({ "filename": started["filename"] })).await, -32010);
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    assert!(
        audit.contains("\"deletion\"") && audit.contains(started["filename"].as_str().unwrap()),
        "{audit}"
    );
}

#[tokio::test]
async fn stopping_the_service_finishes_a_recording_and_tells_its_subscribers() {
    let installation = Installation::new(TWO_CAMERAS);
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    let started = client.succeed("start_recording", json!({ "device": "yard", "format": "mkv" })).await;
    // Nobody asked to end it.
    client.succeed("subscribe_events", json!({ "topics": ["recording.error"] })).await;
    let stopped = tokio::task::spawn_blocking(move || service.stop("TERM"));
    let told = client.notification("recording.error").await;
    assert_eq!(told["reason"], "the service was stopped");
    assert_eq!(told["filename"], started["filename"]);
    match client.next_message().await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
        message => panic!("{message:?} came"),
    }
    assert!(stopped.await.unwrap().success());
    let path = installation.path().join("recordings").join(started["filename"].as_str().unwrap());
    let seconds: f64 = ffprobe(&path)["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!(seconds >= 1.0, "{seconds} s");
}

#[tokio::test]
async fn a_service_that_stops_says_so_to_everybody() {
    let installation = Installation::new("cameras: []\n");
    let service = installation.start();
    let mut clients = Vec::new();
    for _ in 0..30 {
        clients.push(service.client(Role::Viewer).await);
    }
    let stopped = tokio::task::spawn_blocking(move || service.stop("TERM"));
    for client in &mut clients {
        match client.next_message().await {
            Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
            message => panic!("{message:?} came"),
        }
    }
    assert!(stopped.await.unwrap().success());
}

#[tokio::test]
async fn an_added_camera_outlasts_a_restart_and_a_deleted_one_does_not() {
    let installation = Installation::new("cameras: []\n");
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    let new = json!({ "name": "shed", "source": "test:pattern" });
    admin.succeed("add_camera", new.clone()).await;
    assert_eq!(admin.refused("add_camera", new).await, -32020);
    assert_eq!(
        admin.refused("add_camera", json!({ "name": "../x", "source": "test:pattern" })).await,
        -32602
    );
    assert_eq!(
        admin.refused("add_camera", json!({ "name": "x", "source": "http://169.254.169.254/latest" })).await,
        -32602
    );
    assert_eq!(
        admin.refused("add_camera", json!({ "name": "x", "source": "rtsp://localhost:8554/x" })).await,
        -32602
    );
    assert_eq!(
        admin.refused("add_camera", json!({ "name": "x", "source": "file:///etc/passwd" })).await,
        -32602
    );
    drop(service);
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    service.camera_delivers(&mut admin, "shed").await;
    admin.succeed("delete_camera", json!({ "device": "shed" })).await;
    drop(service);
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    assert_eq!(admin.succeed("get_camera_list", json!({})).await["total"], 0);
}
