//! What clients, lists and metrics are told of a recording of which something is missing: how much was wanted, got and is missing, and why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "the engine's tests use the rest")]
#[path = "../crates/media/tests/common/cameras.rs"]
mod cameras;
mod support;

use std::time::{Duration, Instant};

use camera_access::Role;
use cameras::{Behaviour, HttpCamera};
use serde_json::{Value, json};
use support::{Client, Installation, PATIENCE, Running, SmallDisk, camera_line, http};

const TOPICS: [&str; 6] = [
    "recording.start",
    "recording.stop",
    "recording.interrupted",
    "recording.resumed",
    "recording.error",
    "recording_status_update",
];

async fn metric(service: &Running, name: &str) -> f64 {
    let (status, _, body) = http(service.health, "/metrics", &[]).await;
    assert_eq!(status, 200);
    let text = String::from_utf8(body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("camera_service_{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

/// The next end of a recording, whichever it is; with its topic.
async fn end(client: &mut Client) -> (String, Value) {
    loop {
        let message: Value = serde_json::from_str(&client.receive().await).unwrap();
        let topic = message["method"].as_str().unwrap_or_default();
        if topic == "recording.stop" || topic == "recording.error" {
            return (topic.to_owned(), message["params"].clone());
        }
    }
}

async fn camera_of(client: &mut Client, device: &str) -> Value {
    client.succeed("get_camera_status", json!({ "device": device })).await
}

#[tokio::test]
async fn a_source_that_goes_away_is_told_while_it_is_away_and_missing_in_the_end() {
    let mut camera = HttpCamera::start(Behaviour::Plays).await;
    let installation = Installation::new(&format!("cameras:\n{}", camera_line("yard", &camera.source_url())));
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    service.camera_delivers(&mut client, "yard").await;
    client.succeed("subscribe_events", json!({ "topics": TOPICS })).await;
    let started = client.succeed("start_recording", json!({ "device": "yard" })).await;
    let now = camera_of(&mut client, "yard").await;
    assert_eq!((&now["recording"], &now["recording_state"]["status"]), (&json!(true), &json!("recording")));
    assert_eq!(now["recording_state"]["filename"], started["filename"]);

    camera.go_away().await;
    let told = client.notification("recording.interrupted").await;
    assert_eq!(told["recording"]["status"], "interrupted", "{told}");
    assert_eq!(
        (&told["recording"]["cause"], &told["filename"]),
        (&json!("source_lost"), &started["filename"])
    );
    assert!(told["reason"].as_str().unwrap().contains("no pictures"), "{told}");
    assert_eq!(client.notification("recording_status_update").await["recording"]["status"], "interrupted");
    let now = camera_of(&mut client, "yard").await;
    assert_eq!(
        (&now["recording"], &now["recording_state"]["status"]),
        (&json!(false), &json!("interrupted"))
    );
    assert_eq!(metric(&service, "camera_recording_interrupted{device=\"yard\"}").await, 1.0);
    assert_eq!(metric(&service, "camera_recording{device=\"yard\"}").await, 0.0);
    assert_eq!(client.refused("start_recording", json!({ "device": "yard" })).await, -32020, "it has one");
    tokio::time::sleep(Duration::from_secs(6)).await;
    let missing =
        camera_of(&mut client, "yard").await["recording_state"]["seconds_missing"].as_f64().unwrap();
    assert!(missing >= 5.0, "{missing} s");

    camera.come_back(Behaviour::Plays).await;
    let told = client.notification("recording.resumed").await;
    assert_eq!(
        (&told["recording"]["status"], &told["recording"]["interruptions"]),
        (&json!("recording"), &json!(1))
    );
    let stopped = client.succeed("stop_recording", json!({ "device": "yard" })).await;
    assert_eq!((&stopped["status"], &stopped["cause"]), (&json!("incomplete"), &json!("source_lost")));
    let number = |name: &str| stopped[name].as_f64().unwrap();
    assert!(number("seconds_missing") >= 5.0, "{stopped}");
    assert!(
        (number("seconds_wanted") - number("seconds_got") - number("seconds_missing")).abs() < 0.01,
        "{stopped}"
    );
    assert_eq!(stopped["filenames"].as_array().unwrap().len(), 2, "{stopped}");
    let (topic, told) = end(&mut client).await;
    assert_eq!((topic.as_str(), &told["recording"]["status"]), ("recording.error", &json!("incomplete")));
    assert_eq!(told["recording"]["seconds_missing"], stopped["seconds_missing"]);

    // The list says it of both files, and so does a later run of the service.
    let list = client.succeed("list_recordings", json!({})).await;
    for file in list["files"].as_array().unwrap() {
        assert_eq!(file["incomplete"]["seconds_missing"], stopped["seconds_missing"], "{list}");
    }
    assert_eq!(metric(&service, "recordings_failed_total").await, 1.0);
    assert_eq!(metric(&service, "recording_shortfalls_total{cause=\"source_lost\"}").await, 1.0);
    assert_eq!(metric(&service, "recording_interruptions_total").await, 1.0);
    let counted = metric(&service, "recording_missing_seconds_total").await;
    assert!((counted - number("seconds_missing")).abs() < 0.01, "{counted}");
    assert_eq!(camera_of(&mut client, "yard").await["recording_state"]["status"], "incomplete");
    tokio::task::spawn_blocking(move || service.stop("TERM")).await.unwrap();
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    let asked = json!({ "filename": started["filename"] });
    let info = client.succeed("get_recording_info", asked.clone()).await;
    assert_eq!(info["incomplete"]["cause"], "source_lost", "{info}");
    client.succeed("delete_recording", asked).await;
    let mut left: Vec<_> = std::fs::read_dir(installation.path().join("recordings"))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".camera-service.lock")
        .collect();
    left.sort();
    let other = left.last().unwrap();
    assert_eq!(left, [format!(".{other}.note"), other.clone()], "the other file and what is kept of it");
}

#[tokio::test]
async fn what_comes_to_an_end_with_less_than_was_asked_for_is_no_recording_stop() {
    let mut camera = HttpCamera::start(Behaviour::Plays).await;
    let installation = Installation::new(&format!("cameras:\n{}", camera_line("yard", &camera.source_url())));
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    service.camera_delivers(&mut client, "yard").await;
    client.succeed("subscribe_events", json!({ "topics": ["recording.stop", "recording.error"] })).await;
    let asked = json!({ "device": "yard", "duration": 5 });
    client.succeed("start_recording", asked.clone()).await;
    let (topic, told) = end(&mut client).await;
    assert_eq!(
        (topic.as_str(), &told["recording"]["status"]),
        ("recording.stop", &json!("stopped")),
        "{told}"
    );
    assert_eq!(
        (&told["recording"]["seconds_wanted"], told["reason"].is_null()),
        (&json!(5.0), true),
        "{told}"
    );

    let started = client.succeed("start_recording", asked).await;
    let until = Instant::now() + PATIENCE;
    while camera_of(&mut client, "yard").await["recording_state"]["seconds_got"].as_f64().unwrap() < 1.0 {
        assert!(Instant::now() < until, "nothing comes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    camera.go_away().await;
    // Until its time is up: 5 s, and 10 s that its source may be away.
    let (topic, told) = end(&mut client).await;
    assert_eq!(
        (topic.as_str(), &told["recording"]["status"]),
        ("recording.error", &json!("incomplete")),
        "{told}"
    );
    let got = told["recording"]["seconds_got"].as_f64().unwrap();
    assert!((1.0..3.0).contains(&got), "{told}");
    assert_eq!(told["recording"]["seconds_wanted"], 5.0);
    let ran = told["timestamp"]
        .as_str()
        .unwrap()
        .parse::<jiff::Timestamp>()
        .unwrap()
        .duration_since(told["recording"]["start_time"].as_str().unwrap().parse().unwrap());
    assert!((14.0..20.0).contains(&ran.as_secs_f64()), "{told}");
    assert!((told["recording"]["seconds_missing"].as_f64().unwrap() + got - 5.0).abs() < 0.01, "{told}");
    assert_eq!(told["reason"], "no pictures came from the camera");
    let late = client.call("stop_recording", json!({ "device": "yard" })).await;
    let message = late["error"]["message"].as_str().unwrap();
    assert!(message.contains("incomplete") && message.contains("of 5.0 s"), "{message}");
    let list = client.succeed("list_recordings", json!({})).await;
    let files = list["files"].as_array().unwrap();
    let of = |name: &Value| files.iter().find(|file| file["filename"] == *name).unwrap();
    assert_eq!(of(&started["filename"])["incomplete"]["cause"], "source_lost");
    assert_eq!(
        files.iter().filter(|file| file["incomplete"].is_null()).count(),
        1,
        "the other is whole: {list}"
    );
    assert_eq!(metric(&service, "recordings_failed_total").await, 1.0);
}

const TEST_CAMERA: &str =
    "cameras:\n  - { name: one, source: \"test:pattern\", resolution: 640x480, fps: 25 }\n";

#[tokio::test]
async fn a_filling_disk_is_the_reason_that_is_told() {
    let configuration =
        format!("storage: {{ recordings: HERE/disk, snapshots: HERE/snapshots }}\n{TEST_CAMERA}");
    let installation = Installation::new(&configuration);
    let disk = installation.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mounted) = SmallDisk::mount(&disk, "size=64m") else { return };
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    service.camera_delivers(&mut client, "one").await;
    client.succeed("subscribe_events", json!({ "topics": ["recording.stop", "recording.error"] })).await;
    client.succeed("start_recording", json!({ "device": "one", "duration": 600 })).await;
    std::fs::write(disk.join("ballast.bin"), vec![0; 60 << 20]).unwrap();
    let (topic, told) = end(&mut client).await;
    assert_eq!(
        (topic.as_str(), &told["recording"]["status"]),
        ("recording.error", &json!("incomplete")),
        "{told}"
    );
    assert_eq!(
        (&told["recording"]["cause"], &told["recording"]["seconds_wanted"]),
        (&json!("disk_full"), &json!(600.0))
    );
    assert_eq!(metric(&service, "recording_shortfalls_total{cause=\"disk_full\"}").await, 1.0);
}

#[tokio::test]
async fn a_service_that_is_stopped_or_killed_leaves_recordings_that_say_so() {
    let installation = Installation::new(TEST_CAMERA);
    for (signal, cause) in [("TERM", "service_stopped"), ("KILL", "service_killed")] {
        let service = installation.start();
        let mut client = service.client(Role::Operator).await;
        let started = client.succeed("start_recording", json!({ "device": "one", "duration": 600 })).await;
        tokio::task::spawn_blocking(move || service.stop(signal)).await.unwrap();
        let service = installation.start();
        let mut client = service.client(Role::Operator).await;
        let info = client.succeed("get_recording_info", json!({ "filename": started["filename"] })).await;
        assert_eq!(info["incomplete"]["cause"], cause, "{info}");
        // Nobody may have read what the run counted that ended.
        assert_eq!(metric(&service, "recordings_failed_total").await, 1.0, "{signal}");
        let by_cause = format!("recording_shortfalls_total{{cause=\"{cause}\"}}");
        assert_eq!(metric(&service, &by_cause).await, 1.0, "{signal}");
        let camera = client.succeed("get_camera_status", json!({ "device": "one" })).await;
        assert_eq!(camera["recording"], false, "one with a length is over: {camera}");
    }
}

/// Waits until the camera is recorded, and answers the file.
async fn is_recorded(client: &mut Client, device: &str) -> Value {
    let begun = Instant::now();
    loop {
        let camera = client.succeed("get_camera_status", json!({ "device": device })).await;
        if camera["recording"] == true {
            return camera["recording_state"]["filename"].clone();
        }
        assert!(begun.elapsed() < PATIENCE, "{camera}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_recording_without_a_length_goes_on_after_each_restart_until_somebody_ends_it() {
    let installation = Installation::new(TEST_CAMERA);
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    let mut before = client.succeed("start_recording", json!({ "device": "one" })).await["filename"].clone();
    let mut service = Some(service);
    for signal in ["TERM", "KILL"] {
        let running = service.take().unwrap();
        tokio::task::spawn_blocking(move || running.stop(signal)).await.unwrap();
        let again = service.insert(installation.start());
        client = again.client(Role::Operator).await;
        let file = is_recorded(&mut client, "one").await;
        assert_ne!(file, before, "{signal}");
        before = file;
    }
    client.succeed("stop_recording", json!({ "device": "one" })).await;
    let kept = std::fs::read_to_string(installation.path().join("state/recordings.json")).unwrap();
    assert!(!kept.contains("one"), "{kept}");
}

#[tokio::test]
async fn a_recording_without_a_length_goes_on_when_there_is_room_again() {
    let configuration =
        format!("storage: {{ recordings: HERE/disk, snapshots: HERE/snapshots }}\n{TEST_CAMERA}");
    let installation = Installation::new(&configuration);
    let disk = installation.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mounted) = SmallDisk::mount(&disk, "size=64m") else { return };
    let service = installation.start();
    let mut client = service.client(Role::Operator).await;
    service.camera_delivers(&mut client, "one").await;
    client.succeed("subscribe_events", json!({ "topics": ["recording.stop", "recording.error"] })).await;
    client.succeed("start_recording", json!({ "device": "one" })).await;
    std::fs::write(disk.join("ballast.bin"), vec![0; 60 << 20]).unwrap();
    let (topic, told) = end(&mut client).await;
    assert_eq!(
        (topic.as_str(), &told["recording"]["cause"]),
        ("recording.error", &json!("disk_full")),
        "{told}"
    );
    // It goes on all the same if nobody watches any more.
    client.succeed("stop_streaming", json!({ "device": "one" })).await;
    std::fs::remove_file(disk.join("ballast.bin")).unwrap();
    is_recorded(&mut client, "one").await;
}

#[tokio::test]
async fn a_recording_without_a_length_waits_for_its_camera_until_that_is_deleted() {
    let installation =
        Installation::new(&format!("cameras:\n{}", camera_line("away", "http://127.0.0.1:9/")));
    let wanted =
        |device: &str| json!({ "device": device, "format": "fmp4", "seconds": null, "stopped": false });
    let kept = json!({ "version": 1, "recordings": [wanted("away"), wanted("unplugged")] });
    installation.write_private("state/recordings.json", &kept.to_string());
    let service = installation.start();
    let mut client = service.client(Role::Admin).await;
    client.succeed("delete_camera", json!({ "device": "away" })).await;
    let kept = std::fs::read_to_string(installation.path().join("state/recordings.json")).unwrap();
    assert!(!kept.contains("away") && kept.contains("unplugged"), "{kept}");
    client.succeed("add_camera", json!({ "name": "unplugged", "source": "test:pattern" })).await;
    is_recorded(&mut client, "unplugged").await;
}
