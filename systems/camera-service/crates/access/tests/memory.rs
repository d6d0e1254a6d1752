//! A program of its own, so that no other test's memory is counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_access::{ApiKeys, Role};
use jiff::Timestamp;
use std::fs;

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_of_the_hashes_goes_back_to_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let keys = ApiKeys::open(&folder.path().join("api-keys.json")).unwrap();
    let before = resident_kib();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5 {
                    keys.create("x", Role::Viewer, None, Timestamp::UNIX_EPOCH).unwrap();
                }
            });
        }
    });
    assert_eq!(keys.hashes(), 20);
    let after = resident_kib();
    println!("{before} KiB before, {after} KiB after 20 hashes of 19 MiB");
    assert!(after < before + 4096, "{before} KiB before, {after} KiB after");
    assert!(after < 20 * 1024, "{after} KiB");
}
