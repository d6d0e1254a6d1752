//! Which files go when, by the plan and for real.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_storage::{FileInfo, FileName, Library, Retention, plan_cleanup};
use jiff::Timestamp;
use std::{fs, time::Duration};

const DAY: Duration = Duration::from_secs(86_400);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn file(name: &str, bytes: u64, modified: &str) -> FileInfo {
    let name: FileName = name.parse().unwrap();
    FileInfo { created: name.began().unwrap_or(at(modified)), name, bytes, modified: at(modified) }
}

fn files() -> Vec<FileInfo> {
    vec![
        file("a_2026-01-03_00-00-00.mp4", 300_000_000, "2026-01-03T01:00:00Z"),
        file("a_2026-01-01_00-00-00.mp4", 100_000_000, "2026-01-01T01:00:00Z"),
        file("mine.mp4", 900_000_000, "2020-01-01T00:00:00Z"),
        file("b_2026-01-02_00-00-00.mp4", 200_000_000, "2026-01-02T01:00:00Z"),
    ]
}

/// Every file bears a time that is right.
fn dated(_: &FileName) -> Option<usize> {
    None
}

fn planned(retention: Retention, now: &str, busy: &[&str]) -> Vec<String> {
    let files = files();
    plan_cleanup(&files, retention, at(now), &|name| busy.contains(&name.as_str()), &dated)
        .into_iter()
        .map(|file| file.name.to_string())
        .collect()
}

#[test]
fn by_age_files_go_that_were_last_written_longer_ago_oldest_first() {
    let now = "2026-01-04T00:30:00Z";
    assert_eq!(
        planned(Retention::Age(DAY), now, &[]),
        ["a_2026-01-01_00-00-00.mp4", "b_2026-01-02_00-00-00.mp4"]
    );
    assert_eq!(planned(Retention::Age(30 * DAY), now, &[]), [""; 0]);
    // To the second: exactly as old as allowed stays.
    assert_eq!(planned(Retention::Age(DAY), "2026-01-02T01:00:00Z", &[]), [""; 0]);
    assert_eq!(planned(Retention::Age(DAY), "2026-01-02T01:00:01Z", &[]), ["a_2026-01-01_00-00-00.mp4"]);
}

#[test]
fn by_age_a_clock_that_jumped_back_deletes_nothing() {
    assert_eq!(planned(Retention::Age(DAY), "1970-01-01T00:00:10Z", &[]), [""; 0]);
}

#[test]
fn by_size_the_oldest_go_until_the_rest_fits() {
    let now = "2026-01-04T00:00:00Z";
    assert_eq!(planned(Retention::Size(600_000_000), now, &[]), [""; 0]);
    assert_eq!(planned(Retention::Size(599_999_999), now, &[]), ["a_2026-01-01_00-00-00.mp4"]);
    // Half a gigabyte is half a gigabyte, not nothing.
    assert_eq!(planned(Retention::Size(500_000_000), now, &[]), ["a_2026-01-01_00-00-00.mp4"]);
    assert_eq!(planned(Retention::Size(1), now, &[]).len(), 3);
}

#[test]
fn what_a_name_says_of_its_time_does_not_make_a_file_old() {
    let files = [
        file("front_2026-11-01_00-00-00.mp4", 100, "2026-11-01T01:00:00Z"),
        file("front_1970-01-01_00-00-10.mp4", 100, "2026-11-30T00:00:00Z"),
    ];
    let planned = |retention| plan_cleanup(&files, retention, at("2026-11-30T00:01:00Z"), &|_| false, &dated);
    for retention in [Retention::Size(100), Retention::Free(1)] {
        assert_eq!(planned(retention), [&files[0]], "{retention:?}: the other was finished a minute ago");
    }
}

#[test]
fn those_whose_time_is_not_to_be_believed_go_last_in_the_order_in_which_they_were_finished() {
    let names = ["a_1970-01-01_00-05-00.mp4", "a_1970-01-01_00-01-00.mp4", "a_2026-01-01_00-00-00.mp4"];
    let files = names.map(|name| file(name, 100, "1970-01-01T00:10:00Z"));
    let undated = |name: &FileName| names[..2].iter().position(|undated| *undated == name.as_str());
    let planned =
        |retention| plan_cleanup(&files, retention, at("1970-01-01T00:20:00Z"), &|_| false, &undated);
    assert_eq!(planned(Retention::Free(1)), [&files[2]]);
    assert_eq!(planned(Retention::Free(300)), [&files[2], &files[0], &files[1]]);
    let day_later =
        |retention| plan_cleanup(&files, retention, at("1970-01-02T00:20:00Z"), &|_| false, &undated);
    assert_eq!(day_later(Retention::Age(DAY)), [&files[2]], "how old they are, nobody knows");
}

#[test]
fn what_is_in_use_counts_but_stays() {
    let now = "2026-01-04T00:30:00Z";
    let busy = ["a_2026-01-01_00-00-00.mp4"];
    assert_eq!(planned(Retention::Age(DAY), now, &busy), ["b_2026-01-02_00-00-00.mp4"]);
    assert_eq!(planned(Retention::Size(599_999_999), now, &busy), ["b_2026-01-02_00-00-00.mp4"]);
}

#[test]
fn manual_deletes_nothing() {
    assert_eq!(planned(Retention::Manual, "2036-01-01T00:00:00Z", &[]), [""; 0]);
}

#[test]
fn a_cleanup_reports_the_files_and_bytes_that_are_gone() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    for (name, bytes) in
        [("a_2026-01-01_00-00-00.mp4", 1000), ("a_2026-01-02_00-00-00.mp4", 2000), ("mine.mp4", 4000)]
    {
        fs::write(folder.path().join(name), vec![0; bytes]).unwrap();
    }
    let cleaned = library.cleanup(Retention::Size(2500), Timestamp::UNIX_EPOCH, &|_| false, &dated).unwrap();
    assert_eq!(
        serde_json::to_value(&cleaned).unwrap(),
        serde_json::json!({
            "removed": [{"name": "a_2026-01-01_00-00-00.mp4", "bytes": 1000}],
            "bytes_freed": 1000,
            "failed": [],
        })
    );
    assert_eq!(library.size().unwrap(), (2, 6000));
    assert_eq!(
        library.cleanup(Retention::Size(2500), Timestamp::UNIX_EPOCH, &|_| false, &dated).unwrap(),
        Default::default()
    );
}

#[test]
fn a_file_that_somebody_else_deletes_meanwhile_is_neither_removed_nor_failed() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    for day in 1..=3 {
        fs::write(folder.path().join(format!("a_2026-01-0{day}_00-00-00.mp4")), "x").unwrap();
    }
    // The second is gone once the first is asked about for the second time, which is after the plan was made.
    let asked = std::cell::Cell::new(0);
    let in_use = |name: &FileName| {
        if name.as_str().starts_with("a_2026-01-01") {
            asked.set(asked.get() + 1);
            if asked.get() == 2 {
                fs::remove_file(folder.path().join("a_2026-01-02_00-00-00.mp4")).unwrap();
            }
        }
        false
    };
    let cleaned = library.cleanup(Retention::Size(1), Timestamp::UNIX_EPOCH, &in_use, &dated).unwrap();
    let removed: Vec<_> = cleaned.removed.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        (removed, cleaned.bytes_freed, cleaned.failed),
        (vec!["a_2026-01-01_00-00-00.mp4"], 1, vec![])
    );
}

#[test]
fn a_recording_that_begins_between_plan_and_deletion_stays() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    fs::write(folder.path().join("a_2026-01-01_00-00-00.mp4"), "x").unwrap();
    fs::write(folder.path().join("a_2026-01-02_00-00-00.mp4"), "x").unwrap();
    let asked = std::cell::Cell::new(0);
    let in_use = |_: &FileName| {
        asked.set(asked.get() + 1);
        asked.get() > 1
    };
    let cleaned = library.cleanup(Retention::Size(1), Timestamp::UNIX_EPOCH, &in_use, &dated).unwrap();
    assert_eq!(cleaned, Default::default());
    assert_eq!(library.size().unwrap(), (2, 2));
}

#[test]
fn room_is_made_of_the_oldest_that_are_not_in_use() {
    let now = "2026-01-04T00:30:00Z";
    let [first, second] = ["a_2026-01-01_00-00-00.mp4", "b_2026-01-02_00-00-00.mp4"];
    assert_eq!(planned(Retention::Free(0), now, &[]), [""; 0]);
    assert_eq!(planned(Retention::Free(1), now, &[]), [first]);
    assert_eq!(planned(Retention::Free(100_000_001), now, &[]), [first, second]);
    assert_eq!(planned(Retention::Free(1), now, &[first]), [second]);
    assert_eq!(planned(Retention::Free(u64::MAX), now, &[]).len(), 3, "what others named stays");
}
