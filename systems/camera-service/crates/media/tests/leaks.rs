//! Cameras that come and go leave nothing behind. One test: it counts what the whole process has.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use camera_media::{Engine, RecordingFormat};
use common::{
    LIMIT, add, engine, ffmpeg_is_here, is_running, kill, names_in, request, test_source, wait_until,
};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Children of this process, zombies too.
fn children() -> Vec<String> {
    let own = format!(" {} ", std::process::id());
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("stat")).ok())
        // `PID (NAME) STATE PARENT ...`
        .filter(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest[1..].starts_with(&own)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_that_come_and_go_leave_no_process_and_no_descriptor() {
    if !ffmpeg_is_here() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = engine().await;
    let mut before = None;
    for round in 0..4 {
        for format in [RecordingFormat::Fmp4, RecordingFormat::Mp4, RecordingFormat::Mkv] {
            add(&engine, "front", test_source("pattern")).await;
            engine.start_recording("front", request(folder.path(), format)).await.unwrap();
            engine.snapshot("front", &folder.path().join("x.jpg"), LIMIT).await.unwrap();
            let process = engine.status("front").unwrap().process.unwrap();
            if round % 2 == 0 {
                kill(process);
            }
            engine.remove("front").await.unwrap();
            assert!(!is_running(process));
            assert_eq!(children(), Vec::<String>::new());
        }
        // The first round may open what stays open for good. What a child said last is read to its end beside the rest.
        let most = *before.get_or_insert_with(descriptors);
        wait_until(&format!("round {round} leaves no descriptor"), || descriptors() <= most).await;
    }
    assert_eq!(names_in(folder.path()).iter().filter(|name| name.starts_with('.')).count(), 0);
    engine.shutdown(LIMIT).await;
}
