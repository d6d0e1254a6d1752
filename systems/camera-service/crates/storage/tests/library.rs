//! Lists, reading and deleting, on a real folder with everything in it that somebody might put there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_storage::{FileName, Library, StorageError, recording_name};
use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::symlink,
};

fn library() -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    (folder, library)
}

fn name(text: &str) -> FileName {
    text.parse().unwrap()
}

fn nothing_in_use(_: &FileName) -> bool {
    false
}

fn put(library: &Library, file: &str, bytes: usize) {
    fs::write(library.path_of(&name(file)), vec![b'x'; bytes]).unwrap();
}

fn listed(library: &Library, limit: usize, offset: usize) -> (Vec<String>, usize) {
    let listing = library.list(limit, offset).unwrap();
    (listing.files.iter().map(|file| file.name.to_string()).collect(), listing.total)
}

#[test]
fn a_library_needs_its_folder() {
    let error = Library::open("/nowhere/at/all").unwrap_err().to_string();
    assert_eq!(error, "/nowhere/at/all: cannot open the folder: No such file or directory (os error 2)");
}

#[test]
fn a_list_is_newest_first_by_when_files_were_begun_with_limit_offset_and_total() {
    let (_folder, library) = library();
    // Put in another order than begun; the one with a foreign name was written last.
    put(&library, "b_2026-01-31_23-59-59.mp4", 3);
    put(&library, "a_2027-01-01_00-00-00.mp4", 2);
    put(&library, "z_2024-12-31_00-00-00.mp4", 4);
    put(&library, "mine.mp4", 1);
    let old = "2025-06-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
    fs::File::options()
        .write(true)
        .open(library.path_of(&name("mine.mp4")))
        .unwrap()
        .set_modified(old.into())
        .unwrap();
    let all =
        ["a_2027-01-01_00-00-00.mp4", "b_2026-01-31_23-59-59.mp4", "mine.mp4", "z_2024-12-31_00-00-00.mp4"];
    assert_eq!(listed(&library, 1000, 0), (all.map(String::from).to_vec(), 4));
    assert_eq!(listed(&library, 2, 1), (all[1..3].iter().copied().map(String::from).collect(), 4));
    assert_eq!(listed(&library, 2, 4), (vec![], 4));
    assert_eq!(listed(&library, 2, usize::MAX), (vec![], 4));
    let files = library.list(1000, 0).unwrap().files;
    assert_eq!(files.iter().map(|file| file.bytes).collect::<Vec<_>>(), [2, 3, 1, 4]);
    assert_eq!(files[1].created, "2026-01-31T23:59:59Z".parse().unwrap());
    assert_eq!((files[2].created, files[2].modified), (old, old));
}

#[test]
fn only_plain_files_with_names_that_can_be_asked_for_are_listed() {
    let (folder, library) = library();
    put(&library, "Küche früh.jpg", 1);
    fs::create_dir(folder.path().join("folder_2026-01-01_00-00-00.mp4")).unwrap();
    fs::write(folder.path().join(".hidden.mp4"), "x").unwrap();
    fs::write(folder.path().join("line\nbreak.mp4"), "x").unwrap();
    symlink("/etc/passwd", folder.path().join("link_2026-01-01_00-00-00.mp4")).unwrap();
    symlink("nowhere", folder.path().join("dangling.mp4")).unwrap();
    fs::write(
        folder.path().join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"bad\xff.mp4")),
        "x",
    )
    .unwrap();
    let _draft = library.draft().unwrap();
    assert_eq!(listed(&library, 1000, 0), (vec!["Küche früh.jpg".to_string()], 1));
}

#[test]
fn a_link_a_folder_and_a_fifo_are_not_found_and_never_followed() {
    let (folder, library) = library();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    symlink(&secret, folder.path().join("link.mp4")).unwrap();
    symlink(outside.path(), folder.path().join("folder-link.mp4")).unwrap();
    fs::create_dir(folder.path().join("folder.mp4")).unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        folder.path().join("fifo.mp4"),
        rustix::fs::Mode::from_raw_mode(0o600),
    )
    .unwrap();
    for planted in ["link.mp4", "folder-link.mp4", "folder.mp4", "fifo.mp4", "missing.mp4"] {
        let planted = name(planted);
        assert!(matches!(library.read(&planted), Err(StorageError::NotFound(_))), "{planted}");
        assert!(matches!(library.info(&planted), Err(StorageError::NotFound(_))), "{planted}");
        assert!(
            matches!(library.delete(&planted, &nothing_in_use), Err(StorageError::NotFound(_))),
            "{planted}"
        );
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    assert!(fs::symlink_metadata(folder.path().join("link.mp4")).is_ok(), "the link was deleted");
    // Nor does making a file write through a link.
    let mut draft = library.draft().unwrap();
    draft.writer().unwrap().write_all(b"x").unwrap();
    let made = draft.commit(&name("link.mp4"));
    assert!(matches!(made, Err(StorageError::AlreadyExists(_))));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
}

#[test]
fn a_file_is_read_with_its_length() {
    let (_folder, library) = library();
    put(&library, "a.mp4", 5);
    let (mut file, info) = library.read(&name("a.mp4")).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), info.bytes), ("xxxxx", 5));
    assert_eq!(library.info(&name("a.mp4")).unwrap(), info);
}

#[test]
fn names_of_255_bytes_work_from_end_to_end() {
    let (_folder, library) = library();
    let long = name(&format!("{}.mp4", "a".repeat(251)));
    fs::write(library.path_of(&long), "x").unwrap();
    assert_eq!(library.list(10, 0).unwrap().files[0].name, long);
    assert_eq!(library.delete(&long, &nothing_in_use).unwrap().bytes, 1);
    assert_eq!(library.list(10, 0).unwrap().total, 0);
}

#[test]
fn deleting_says_how_many_bytes_went_and_a_second_time_that_there_is_nothing() {
    let (_folder, library) = library();
    put(&library, "a.mp4", 1234);
    assert_eq!(library.delete(&name("a.mp4"), &nothing_in_use).unwrap().bytes, 1234);
    assert!(!library.path_of(&name("a.mp4")).exists());
    let error = library.delete(&name("a.mp4"), &nothing_in_use).unwrap_err();
    assert_eq!(error.to_string(), "there is no file `a.mp4`");
}

#[test]
fn what_is_being_recorded_is_not_deleted() {
    let (_folder, library) = library();
    put(&library, "a.mp4", 10);
    let error = library.delete(&name("a.mp4"), &|name| name.as_str() == "a.mp4").unwrap_err();
    assert!(matches!(&error, StorageError::InUse(busy) if busy.as_str() == "a.mp4"), "{error}");
    assert!(library.path_of(&name("a.mp4")).exists());
}

#[test]
fn a_second_file_in_the_same_second_gets_a_number_and_nothing_is_overwritten() {
    let (_folder, library) = library();
    let second = "2026-01-31T23:59:59Z".parse().unwrap();
    let commit = || {
        let mut draft = library.draft().unwrap();
        draft.writer().unwrap().write_all(b"picture").unwrap();
        draft.commit_as("c", second, "mp4").unwrap().name.to_string()
    };
    for expected in
        ["c_2026-01-31_23-59-59.mp4", "c_2026-01-31_23-59-59_2.mp4", "c_2026-01-31_23-59-59_3.mp4"]
    {
        assert_eq!(commit(), expected);
    }
    // A dangling link takes its name too.
    symlink("nowhere", library.path_of(&name("c_2026-01-31_23-59-59_4.mp4"))).unwrap();
    assert_eq!(commit(), "c_2026-01-31_23-59-59_5.mp4");
}

#[test]
fn a_draft_appears_whole_or_not_at_all() {
    let (folder, library) = library();
    let second = "2026-01-31T23:59:59Z".parse().unwrap();
    let mut draft = library.draft().unwrap();
    draft.writer().unwrap().write_all(b"picture").unwrap();
    assert_eq!(library.list(10, 0).unwrap().total, 0, "listed before it was whole");
    let info = draft.commit_as("c", second, "jpg").unwrap();
    assert_eq!((info.name.as_str(), info.bytes), ("c_2026-01-31_23-59-59.jpg", 7));
    drop(draft);
    let mut second_draft = library.draft().unwrap();
    fs::write(second_draft.path(), "by another program").unwrap();
    assert_eq!(
        second_draft.commit_as("c", second, "jpg").unwrap().name.as_str(),
        "c_2026-01-31_23-59-59_2.jpg"
    );
    drop(second_draft);
    assert_eq!(fs::read(library.path_of(&info.name)).unwrap(), b"picture");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "something was left behind");
}

#[test]
fn a_draft_under_a_taken_name_is_refused_and_kept_for_another_name() {
    let (folder, library) = library();
    put(&library, "taken.jpg", 3);
    let mut draft = library.draft().unwrap();
    draft.writer().unwrap().write_all(b"picture").unwrap();
    assert!(matches!(draft.commit(&name("taken.jpg")), Err(StorageError::AlreadyExists(_))));
    assert_eq!(library.info(&name("taken.jpg")).unwrap().bytes, 3);
    assert_eq!(draft.commit(&name("other.jpg")).unwrap().bytes, 7);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn an_empty_draft_is_not_a_file_and_a_dropped_one_leaves_nothing() {
    let (folder, library) = library();
    let mut draft = library.draft().unwrap();
    assert!(matches!(draft.commit(&name("a.jpg")), Err(StorageError::Empty(_))));
    drop(draft);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn drafts_of_a_killed_process_are_swept_and_nothing_else() {
    let (folder, library) = library();
    let mut draft = library.draft().unwrap();
    fs::write(draft.path(), "half a pict").unwrap();
    std::mem::forget(std::mem::replace(&mut draft, library.draft().unwrap()));
    drop(draft);
    put(&library, "whole.jpg", 1);
    fs::write(folder.path().join(".keep"), "").unwrap();
    fs::write(folder.path().join("somebody.part"), "").unwrap();
    assert_eq!(library.sweep().unwrap(), 1);
    assert_eq!(library.sweep().unwrap(), 0);
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".keep", "somebody.part", "whole.jpg"]);
}

#[test]
fn a_folder_replaced_while_the_service_runs_is_seen() {
    let (folder, library) = library();
    put(&library, "a.mp4", 1);
    let (old, new) = (folder.path().to_owned(), folder.path().with_extension("moved"));
    fs::rename(&old, &new).unwrap();
    assert!(matches!(library.list(10, 0), Err(StorageError::Failed { .. })));
    fs::create_dir(&old).unwrap();
    assert_eq!(library.list(10, 0).unwrap().total, 0);
    fs::remove_dir_all(&new).unwrap();
}

#[test]
fn a_page_of_a_hundred_thousand_files_is_listed_quickly() {
    let (folder, library) = library();
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let first = library.path_of(&recording_name("c", start, "mp4", 1).unwrap());
    fs::write(&first, "x").unwrap();
    for second in 1..100_000 {
        let at = start + jiff::SignedDuration::from_secs(second);
        // Links to one file: making them is quick, and to a list they are files like others. A file has 65,000 links at most on ext4.
        let from = if second < 50_000 { &first } else { &folder.path().join("c_2026-01-01_13-53-20.mp4") };
        let to = library.path_of(&recording_name("c", at, "mp4", 1).unwrap());
        if second == 50_000 { fs::write(&to, "x").unwrap() } else { fs::hard_link(from, to).unwrap() }
    }
    let clock = std::time::Instant::now();
    let listing = library.list(50, 10).unwrap();
    let took = clock.elapsed();
    assert_eq!(listing.total, 100_000);
    assert_eq!(listing.files.len(), 50);
    assert_eq!(listing.files[0].name.as_str(), "c_2026-01-02_03-46-29.mp4");
    // A quadratic list takes minutes.
    assert!(took < std::time::Duration::from_secs(30), "{took:?}");
}

#[test]
fn what_is_kept_of_a_file_is_in_no_list_and_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let library = Library::open(folder.path()).unwrap();
    let [kept, gone]: [FileName; 2] =
        ["yard_2026-01-01_00-00-00.mp4", "gone.mp4"].map(|n| n.parse().unwrap());
    for name in [&kept, &gone] {
        fs::write(library.path_of(name), "video").unwrap();
        library.keep_note(name, "first").unwrap();
    }
    library.keep_note(&kept, "something is missing").unwrap();
    assert_eq!(library.note(&kept).as_deref(), Some("something is missing"));
    assert_eq!((library.list(10, 0).unwrap().total, library.all().unwrap().len()), (2, 2));
    // Deleted by other hands: its note goes with the next start, the other stays.
    fs::remove_file(library.path_of(&gone)).unwrap();
    assert_eq!((library.sweep().unwrap(), library.note(&gone)), (1, None));
    assert!(library.note(&kept).is_some());
    library.delete(&kept, &|_| false).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let long: FileName = "x".repeat(255).parse().unwrap();
    assert!(library.keep_note(&long, "").is_err() && library.note(&long).is_none());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing half-made is left");
}
