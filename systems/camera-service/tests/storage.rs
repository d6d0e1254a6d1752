//! Files: what is kept, what is removed and what that frees; a disk that really fills up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use camera_access::Role;
use serde_json::json;
use support::{Installation, PATIENCE, SmallDisk, http};

#[tokio::test]
async fn a_clean_up_removes_what_is_too_old_and_says_what_it_freed() {
    let installation = Installation::new("cameras: []\n");
    let recordings = installation.path().join("recordings");
    for (name, days) in [("yard_2026-01-01_00-00-00.mp4", 100), ("yard_2026-06-01_00-00-00.mp4", 2)] {
        let path = recordings.join(name);
        std::fs::write(&path, vec![7; 1000]).unwrap();
        let age = SystemTime::now() - Duration::from_secs(days * 86_400);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(age).unwrap();
    }
    std::fs::write(recordings.join("somebody else's.txt"), "not ours").unwrap();
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    let none = admin.call("set_retention_policy", json!({ "policy": "size", "size": "0" })).await;
    assert_eq!(none["error"]["code"], -32602, "nothing is kept by mistake: {none}");
    let set = admin.succeed("set_retention_policy", json!({ "policy": "size", "size": "0.5 GB" })).await;
    assert_eq!(set, json!({ "policy": "size", "size": "500 MB" }));
    assert_eq!(admin.succeed("cleanup_old_files", json!({})).await["removed"], json!([]), "0.5 GB is not 0");
    admin.succeed("set_retention_policy", json!({ "policy": "age", "age": "30 d" })).await;
    let cleaned = admin.succeed("cleanup_old_files", json!({})).await;
    assert_eq!(
        cleaned,
        json!({ "removed": ["yard_2026-01-01_00-00-00.mp4"], "bytes_freed": 1000, "failed": [] })
    );
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    let named = audit.lines().filter(|line| line.contains("retention yard_2026-01-01_00-00-00.mp4"));
    assert_eq!(
        named.filter(|line| line.contains(r#""event":"deletion","outcome":"success""#)).count(),
        1,
        "{audit}"
    );
    let left = |name: &str| recordings.join(name).exists();
    assert!(
        !left("yard_2026-01-01_00-00-00.mp4")
            && left("yard_2026-06-01_00-00-00.mp4")
            && left("somebody else's.txt")
    );
}

#[tokio::test]
async fn a_recording_that_cannot_be_put_in_order_keeps_the_service_neither_down_nor_silent() {
    let installation = Installation::new("cameras: []\n");
    let recordings = installation.path().join("recordings");
    // Nobody, not even root, writes into a folder as into a file.
    std::fs::create_dir(recordings.join("yard_2026-01-01_00-00-00.mp4")).unwrap();
    for name in ["yard_2026-01-01_00-00-00.mp4", "web_2026-01-01_00-00-00.mp4"] {
        std::fs::write(recordings.join(format!(".{name}.open")), "").unwrap();
    }
    std::fs::write(recordings.join("web_2026-01-01_00-00-00.mp4"), "half a picture").unwrap();
    let service = installation.start();
    let mut viewer = service.client(Role::Admin).await;
    let status = viewer.succeed("get_system_status", json!({})).await;
    let problem = &status["problems"][0];
    assert_eq!((&problem["name"], &problem["state"]), (&json!("storage"), &json!("degraded")), "{status}");
    assert!(problem["reason"].as_str().unwrap().contains("yard_2026-01-01_00-00-00.mp4"), "{status}");
    assert!(!recordings.join(".web_2026-01-01_00-00-00.mp4.open").exists(), "the other one is in order");
    // The operator takes it away, and all is well.
    std::fs::remove_dir(recordings.join("yard_2026-01-01_00-00-00.mp4")).unwrap();
    let begun = Instant::now();
    while viewer.succeed("get_system_status", json!({})).await["problems"] != json!([]) {
        assert!(begun.elapsed() < PATIENCE, "it is still told");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_full_disk_blocks_new_files_ends_recordings_and_keeps_them_playable() {
    let small = "audit_log: HERE/disk/audit.jsonl\n\
                 storage: { recordings: HERE/disk/recordings, snapshots: HERE/disk/snapshots }\ncameras:\n  \
                 - { name: one, source: \"test:pattern\", resolution: 640x480, fps: 25 }\n";
    let installation = Installation::new(small);
    let disk = installation.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let Some(_mounted) = SmallDisk::mount(&disk, "size=64m") else { return };
    let recordings = disk.join("recordings");
    for folder in [&recordings, &disk.join("snapshots")] {
        std::fs::create_dir(folder).unwrap();
    }
    let service = installation.start();
    let mut operator = service.client(Role::Operator).await;
    service.camera_delivers(&mut operator, "one").await;
    operator
        .succeed(
            "subscribe_events",
            json!({ "topics": ["recording.stop", "recording.error", "system.health"] }),
        )
        .await;
    let started = operator.succeed("start_recording", json!({ "device": "one" })).await;

    // Somebody else fills the disk up to where the service still has a little room.
    std::fs::write(disk.join("ballast.bin"), vec![0; 60 << 20]).unwrap();
    let until = Instant::now() + PATIENCE;
    loop {
        let message: serde_json::Value = serde_json::from_str(&operator.receive().await).unwrap();
        if message["method"] == "recording.stop" || message["method"] == "recording.error" {
            break;
        }
        assert!(Instant::now() < until, "the recording is never ended");
    }
    for call in ["take_snapshot", "start_recording"] {
        let answer = operator.call(call, json!({ "device": "one" })).await;
        assert_eq!(answer["error"]["code"], -32020, "{call}: {answer}");
    }
    let names: Vec<String> = std::fs::read_dir(&recordings)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // Where it is kept that something is missing of it.
        .filter(|name| !name.ends_with(".note"))
        // That the folder is the running service's, the lock says.
        .filter(|name| name != ".camera-service.lock")
        .collect();
    let recording = started["filename"].as_str().unwrap();
    assert_eq!(names.len(), 1, "nothing half-written is left: {names:?}");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(recordings.join(recording))
        .args(["-f", "null", "-"])
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (status, _, body) = http(service.health, "/health/system", &[]).await;
    assert!(status == 200 && String::from_utf8_lossy(&body).contains("\"storage\",\"state\":\"failed\""));

    // With no room left at all, not for the audit log either, what gives some back is still done and on record.
    std::fs::write(disk.join("more.bin"), vec![0; 64 << 20]).expect_err("the disk is full");
    for _ in 0..100 {
        let missing = json!({ "filename": "one_2026-01-01_00-00-00.mp4" });
        assert_eq!(operator.refused("delete_recording", missing).await, -32010);
    }
    operator.succeed("delete_recording", json!({ "filename": recording })).await;
    let audit = std::fs::read_to_string(disk.join("audit.jsonl")).unwrap();
    assert!(audit.lines().last().unwrap().contains(&format!("delete_recording {recording}")), "{audit}");

    // Room again: everything works again.
    std::fs::remove_file(disk.join("ballast.bin")).unwrap();
    std::fs::remove_file(disk.join("more.bin")).unwrap();
    operator.succeed("take_snapshot", json!({ "device": "one" })).await;
}
