//! A clock that is wrong at the start, as on a board without a battery, and put right later: names, times and ages. The service runs with a
//! clock that the test sets (`support/clock.c`), since a test cannot set the machine's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "the engine's tests use the rest")]
#[path = "../crates/media/tests/common/cameras.rs"]
mod cameras;
#[path = "support/clock.rs"]
mod clock;
mod support;

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use cameras::{Behaviour, HttpCamera};
use clock::Clock;
use jiff::Timestamp;
use serde_json::{Value, json};
use support::{Client, Installation, PATIENCE, Running, SmallDisk, camera_line, http};

const HOUR: i64 = 3600;

/// How many seconds ahead of the right time a time is that was just written down.
fn ahead(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().duration_since(Timestamp::now()).as_secs()
}

/// The same of the time in a file's name.
fn ahead_by_name(name: &Value) -> i64 {
    let stem = name.as_str().unwrap().strip_suffix(".mp4").unwrap();
    let (date, time) = stem.split_once('_').unwrap().1.split_once('_').unwrap();
    ahead(&format!("{date}T{}Z", time.replace('-', ":")))
}

/// The times of the pieces of a live view, whose link is new by the clock as it is now.
async fn live_times(service: &Running, client: &mut Client, device: &str) -> Vec<String> {
    let url = client.succeed("get_stream_url", json!({ "device": device })).await;
    let (status, _, body) = http(service.clients, url["stream_url"].as_str().unwrap(), &[]).await;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let text = String::from_utf8(body).unwrap();
    text.lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:").map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_clock_put_right_by_hours_rights_every_time_at_once_and_renames_nothing() {
    let camera = HttpCamera::start(Behaviour::Plays).await;
    let cameras = format!(
        "cameras:\n  - {{ name: yard, source: \"test:pattern\", resolution: 160x120, fps: 5 }}\n{}",
        camera_line("web", &camera.source_url())
    );
    for wrong in [-2 * HOUR, 2 * HOUR] {
        let installation = Installation::new(&cameras);
        let Some(clock) = Clock::ahead(installation.path(), wrong) else { return };
        let service = clock.start(&installation);
        let mut client = clock::client(&service).await;
        for device in ["yard", "web"] {
            service.camera_delivers(&mut client, device).await;
        }
        let near = |seconds: i64, expected: i64| (seconds - expected).abs() < 30;
        let status = client.succeed("get_system_status", json!({})).await;
        assert_eq!(status["clock"]["trusted"], false, "{status}");
        assert!(status["clock"]["reason"].as_str().unwrap().contains("clock not yet trusted"), "{status}");
        let started = client.succeed("start_recording", json!({ "device": "yard" })).await;
        client.succeed("start_recording", json!({ "device": "web" })).await;
        assert!(near(ahead(started["start_time"].as_str().unwrap()), wrong), "{started}");
        assert!(near(ahead_by_name(&started["filename"]), wrong), "{started}");

        client.succeed("subscribe_events", json!({ "topics": ["system.health", "recording.resumed"] })).await;
        clock.set(0);
        let times = live_times(&service, &mut client, "yard").await;
        assert!(times.iter().all(|time| near(ahead(time), 0)), "{wrong}: {times:?}");
        let camera = client.succeed("get_camera_status", json!({ "device": "yard" })).await;
        let state = &camera["recording_state"];
        assert!(near(ahead(state["start_time"].as_str().unwrap()), 0), "{state}");
        assert_eq!((&state["filename"], &state["status"]), (&started["filename"], &json!("recording")));
        let picture = client.succeed("take_snapshot", json!({ "device": "yard" })).await;
        assert!(near(ahead(picture["timestamp"].as_str().unwrap()), 0), "{picture}");
        let stopped = client.succeed("stop_recording", json!({ "device": "yard" })).await;
        for key in ["start_time", "end_time"] {
            assert!(near(ahead(stopped[key].as_str().unwrap()), 0), "{stopped}");
        }
        assert_eq!((&stopped["status"], &stopped["filename"]), (&json!("stopped"), &started["filename"]));
        assert!(installation.path().join("recordings").join(started["filename"].as_str().unwrap()).exists());
        let again = client.succeed("start_recording", json!({ "device": "yard" })).await;
        assert!(near(ahead_by_name(&again["filename"]), 0), "{again}");

        // A source that gets its times from the clock does not last for as long as that was set.
        let begun = Instant::now();
        let web = loop {
            let stopped = client.call("stop_recording", json!({ "device": "web" })).await;
            if !stopped["result"].is_null() {
                break stopped["result"].clone();
            }
            assert!(begun.elapsed() < PATIENCE, "{stopped}");
        };
        assert!(web["duration"].as_f64().unwrap() < 60.0, "{web}");
        for name in web["filenames"].as_array().unwrap() {
            let info = client.succeed("get_recording_info", json!({ "filename": name })).await;
            assert!(info["duration"].as_f64().unwrap() < 60.0, "{info}");
        }

        clock.synchronise(true);
        let told = client.notification("system.health").await;
        assert_eq!(told["reason"], "the clock is trusted");
        assert_eq!(client.succeed("get_status", json!({})).await["clock"], json!({ "trusted": true }));
    }
}

fn old(path: &Path, days: u64) {
    old_of(path, days, 1 << 20);
}

fn old_of(path: &Path, days: u64, bytes: usize) {
    std::fs::write(path, vec![7; bytes]).unwrap();
    let written = SystemTime::now() - Duration::from_secs(days * 86_400);
    File::options().write(true).open(path).unwrap().set_modified(written).unwrap();
}

#[tokio::test]
async fn age_counts_once_the_clock_is_trusted_be_it_set_by_hours_before() {
    let retention = "storage: { recordings: HERE/recordings, snapshots: HERE/snapshots, warn: \"98 %\", block: \"99 %\", \
                     retention: { every: 1 s, age: 30 d } }\ncameras: []\n";
    let installation = Installation::new(retention);
    // A year ahead: every file looks older than it is.
    let Some(clock) = Clock::ahead(installation.path(), 365 * 24 * HOUR) else { return };
    let file = |name: &str| installation.path().join("recordings").join(name);
    let [ancient, recent] = ["yard_2026-01-01_00-00-00.mp4", "yard_2026-06-01_00-00-00.mp4"].map(file);
    old(&ancient, 100);
    old(&recent, 2);
    let service = clock.start(&installation);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(ancient.exists() && recent.exists(), "nothing is removed by a clock that is not trusted");
    clock.set(0);
    clock.synchronise(true);
    let begun = Instant::now();
    while ancient.exists() {
        assert!(begun.elapsed() < PATIENCE, "age counts no more until the next start");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(recent.exists());
    let (_, _, body) = http(service.health, "/metrics", &[]).await;
    assert!(String::from_utf8_lossy(&body).contains("camera_service_clock_trusted 1"));
}

#[tokio::test]
async fn a_machine_that_nothing_synchronises_makes_room_for_its_recordings_and_removes_nothing_else() {
    let installation = Installation::new(
        "storage: { recordings: HERE/disk, snapshots: HERE/snapshots, retention: { every: 1 s, age: 30 d, size: 3 MiB } }\n\
         cameras:\n  - { name: one, source: \"test:pattern\", resolution: 160x120, fps: 5 }\n",
    );
    let disk = installation.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mounted) = SmallDisk::mount(&disk, "size=256m") else { return };
    let Some(clock) = Clock::ahead(installation.path(), -24 * HOUR) else { return };
    let service = clock.start(&installation);
    let mut client = clock::client(&service).await;
    service.camera_delivers(&mut client, "one").await;
    let started = client.succeed("start_recording", json!({ "device": "one" })).await;
    // 80 % are a warning, at 90 % nothing is recorded any more: room is made from 89 % on, the oldest first, though all are beyond the age
    // and the size of the policy.
    let older = |minute: u32| disk.join(format!("one_2026-01-01_00-{minute:02}-00.mp4"));
    let write = |minute| {
        old_of(&older(minute), 100, 4 << 20);
        // In the order of their names.
        let written = SystemTime::now() - Duration::from_secs(100 * 86_400 - 60 * u64::from(minute));
        File::options().write(true).open(older(minute)).unwrap().set_modified(written).unwrap();
    };
    let used = || {
        let disk = rustix::fs::statvfs(&disk).unwrap();
        (disk.f_blocks - disk.f_bfree) as f64 / disk.f_blocks as f64
    };
    (0..55).for_each(write);
    // Some turns later nothing is gone: the disk has room.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!((0..55).all(|minute| older(minute).exists()), "{} is in use", used());
    (55..58).for_each(write);
    let begun = Instant::now();
    while used() > 0.89 {
        assert!(begun.elapsed() < PATIENCE, "{} is in use", used());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!older(0).exists() && older(57).exists() && used() > 0.85, "{} is in use", used());
    // The recording was not ended for want of room.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let camera = client.succeed("get_camera_status", json!({ "device": "one" })).await;
    assert_eq!(camera["recording_state"]["filename"], started["filename"]);
    assert_eq!(camera["recording"], true, "{camera}");
    let (_, _, body) = http(service.health, "/metrics", &[]).await;
    assert!(String::from_utf8_lossy(&body).contains("camera_service_clock_trusted 0"));
}

#[tokio::test]
async fn what_an_earlier_run_recorded_by_a_wrong_clock_is_not_as_old_as_that_clock_was() {
    let installation = Installation::new(
        "storage: { recordings: HERE/recordings, snapshots: HERE/snapshots, warn: \"98 %\", block: \"99 %\", \
         retention: { every: 1 s, age: 30 d } }\ncameras:\n  - { name: one, source: \"test:pattern\", resolution: 160x120, fps: 5 }\n",
    );
    let recordings = installation.path().join("recordings");
    let Some(clock) = Clock::ahead(installation.path(), -365 * 24 * HOUR) else { return };
    let service = clock.start(&installation);
    let mut client = clock::client_at(&service, -365 * 24 * HOUR).await;
    service.camera_delivers(&mut client, "one").await;
    let started = client.succeed("start_recording", json!({ "device": "one" })).await;
    let recording = recordings.join(started["filename"].as_str().unwrap());
    let list = installation.path().join("state/undated.jsonl");
    let begun = Instant::now();
    while !std::fs::read_to_string(&list)
        .is_ok_and(|text| text.contains(started["filename"].as_str().unwrap()))
    {
        assert!(begun.elapsed() < PATIENCE, "nobody knows any more that its time is wrong");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The machine is switched off, and finds the right time at its next start.
    service.stop("TERM");
    // A clock that the test sets is not that of the disk: it says what that clock said.
    let written = SystemTime::now() - Duration::from_secs(365 * 86_400);
    File::options().write(true).open(&recording).unwrap().set_modified(written).unwrap();
    let ancient = recordings.join("yard_2025-01-01_00-00-00.mp4");
    old(&ancient, 100);
    clock.set(0);
    clock.synchronise(true);
    let _service = clock.start(&installation);
    let begun = Instant::now();
    while ancient.exists() {
        assert!(begun.elapsed() < PATIENCE, "age does not count");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(recording.exists(), "it is an hour old, whatever the clock said then");
    let modified = std::fs::metadata(&recording).unwrap().modified().unwrap();
    assert!(modified.elapsed().unwrap_or_default() < Duration::from_secs(600));
    assert!(!std::fs::read_to_string(&list).unwrap().contains(".mp4"), "and its time is right now");
}
