//! What a full disk, a lost sync and a dead signing thread do to a log.

use std::path::PathBuf;

use super::signing::Signing;
use super::*;

/// A folder that ends with the test, and a writer below it.
fn writer(name: &str) -> (PathBuf, Writer) {
    let place = std::env::temp_dir().join(format!("probity-writer-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let opening = Opening {
        rules: 1,
        started: jiff::Timestamp::UNIX_EPOCH,
        plan: "A plan".to_owned(),
        files: BTreeMap::from([("plan.yaml".to_owned(), b"plan: A plan\n".to_vec())]),
        declared: Declared::default(),
        resolved_sha256: "0".repeat(64),
        inputs: BTreeMap::new(),
        allow: Impact::Observe,
        only: None,
        challenge: None,
        ledger: LedgerHead { run: 1, head: None, began: None },
        reproduces: None,
        observer: Identity {
            version: String::new(),
            host: String::new(),
            user: String::new(),
            system: String::new(),
        },
    };
    let key = Key::default_at(&place.join("config")).unwrap();
    let writer = Writer::create(&place.join("b.probity"), opening, key, DEFAULT_MAX_SIZE).unwrap();
    (place, writer)
}

#[test]
fn a_log_that_could_not_be_synced_once_is_never_signed_again() {
    let (place, mut writer) = writer("lost");
    writer.stop_signing();
    let shared = &writer.shared;
    let log = shared.lock().file.file().try_clone().unwrap();
    let null = std::fs::OpenOptions::new().append(true).open("/dev/null").unwrap();
    shared.lock().file = Arc::new(OpenFile::new(PathBuf::from("evidence.jsonl"), null));
    shared.append(&[]).unwrap();
    shared.lock().signed = None;
    let error = shared.checkpoint().unwrap_err().to_string();
    assert!(error.starts_with("evidence.jsonl: "), "{error}");
    shared.stall(Some(error));
    shared.stall(None);
    assert!(matches!(shared.append(&[]), Err(WriteError::Stalled(_))));
    assert!(shared.checkpoint().is_err());
    // Another reason may pass.
    shared.lock().file = Arc::new(OpenFile::new(PathBuf::from("evidence.jsonl"), log));
    shared.stall(None);
    shared.append(&[]).unwrap();
    shared.checkpoint().unwrap();
    std::fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_signing_thread_that_panics_stops_recording() {
    let (place, mut writer) = writer("panic");
    writer.stop_signing();
    let shared = Arc::clone(&writer.shared);
    shared.append(&[]).unwrap();
    let died = std::thread::spawn(move || {
        let _guard = Signing(&shared);
        panic!("as a test wants it");
    });
    assert!(died.join().is_err());
    let error = writer.append_all(&[]).unwrap_err().to_string();
    assert!(error.contains("the thread that signs checkpoints has stopped"), "{error}");
    std::fs::remove_dir_all(place).unwrap();
}
