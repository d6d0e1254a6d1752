//! `mount` and `disk` against real file systems.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod machine;
mod support;

use std::process::Command;
use std::time::Duration;

use machine::{Elsewhere, json_of, look, look_after, look_as_nobody, look_elsewhere, refused};
use probity_plan::Barrier;
use serde_json::json;
use support::{barrier, text};

#[tokio::test]
async fn what_is_mounted_shows_its_file_system_and_options() {
    let seen = look("mount", json!({ "mount": "/proc" })).await;
    assert_eq!(json_of(&seen, "mounted"), json!(true));
    assert_eq!(text(&seen, "file_system"), "proc");
    let first = "mount -t tmpfs -o ro,noexec,size=64k probity-source /mnt";
    for path in ["/mnt", "/mnt/"] {
        let Some(seen) = look_after(first, "mount", &json!({ "mount": path })) else { return };
        assert_eq!(text(&seen, "source"), "probity-source");
        assert_eq!(json_of(&seen, "read_only"), json!(true));
        assert_eq!(json_of(&seen, "layers"), json!(1));
        let options = json_of(&seen, "options");
        for option in ["ro", "noexec", "size=64k"] {
            assert!(options.as_array().unwrap().contains(&json!(option)), "{option}: {options}");
        }
        assert!(!options.as_array().unwrap().contains(&json!("rw")), "{options}");
    }
    let twice = "mount -t tmpfs below /mnt; mount -t tmpfs above /mnt";
    let seen = look_after(twice, "mount", &json!({ "mount": "/mnt" })).unwrap();
    assert_eq!((text(&seen, "source"), json_of(&seen, "layers")), ("above", json!(2)));
}

#[tokio::test]
async fn all_mounts_are_listed() {
    let seen = look("mount", json!({ "mount": "all" })).await;
    let mounts = json_of(&seen, "mounts");
    let proc = mounts.as_array().unwrap().iter().find(|one| one["mount_point"] == json!("/proc")).unwrap();
    assert_eq!(proc["file_system"], json!("proc"));
    assert_eq!(barrier(&seen, "mounted"), Barrier::NotMade);
}

#[tokio::test]
async fn a_path_where_nothing_is_mounted_or_is_nothing_is_said_so() {
    let folder = support::folder();
    let seen = look("mount", json!({ "mount": folder.path() })).await;
    assert_eq!(json_of(&seen, "mounted"), json!(false));
    assert_eq!(barrier(&seen, "file_system"), Barrier::Unreachable);
    for missing in [folder.path().join("missing"), "/proc/version/below-a-file".into()] {
        let seen = look("disk", json!({ "disk": missing })).await;
        assert_eq!(json_of(&seen, "exists"), json!(false));
        assert_eq!(barrier(&seen, "size_bytes"), Barrier::Unreachable);
    }
}

#[tokio::test]
async fn a_path_is_followed_to_where_it_leads() {
    let folder = support::folder();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/proc", &link).unwrap();
    for path in ["/proc", "//proc", "/proc/", "/./proc//", link.to_str().unwrap()] {
        let seen = look("mount", json!({ "mount": path })).await;
        assert_eq!(json_of(&seen, "mounted"), json!(true), "{path}: {seen:?}");
        assert_eq!(text(&seen, "file_system"), "proc", "{path}");
    }
    std::os::unix::fs::symlink("/proc/version", folder.path().join("file")).unwrap();
    let seen = look("mount", json!({ "mount": folder.path().join("file") })).await;
    assert_eq!(json_of(&seen, "mounted"), json!(false));
    let missing = look("mount", json!({ "mount": folder.path().join("missing") })).await;
    assert_eq!(json_of(&missing, "mounted"), json!(false));
}

#[test]
fn what_lies_below_another_mount_is_on_no_path() {
    let first = "mount -t tmpfs none /mnt; mkdir -p /mnt/m/a; mount -t tmpfs -o size=64k lower /mnt/m/a\n\
                 mount -t tmpfs -o size=128k upper /mnt/m";
    let Some(seen) = look_after(first, "mount", &json!({ "mount": "/mnt/m/a" })) else { return };
    assert_eq!((json_of(&seen, "mounted"), json_of(&seen, "layers")), (json!(false), json!(0)));
    let seen = look_after(first, "mount", &json!({ "mount": "/mnt/m" })).unwrap();
    assert_eq!(text(&seen, "source"), "upper");
    let seen = look_after(first, "mount", &json!({ "mount": "all" })).unwrap();
    let mounts = json_of(&seen, "mounts");
    let visible = |source: &str| {
        let mount = mounts.as_array().unwrap().iter().find(|mount| mount["source"] == json!(source)).unwrap();
        mount["visible"].clone()
    };
    assert_eq!((visible("lower"), visible("upper")), (json!(false), json!(true)));
    // The folder that bears the hidden mount's name is in the upper one.
    let after = format!("{first}; mkdir /mnt/m/a");
    let seen = look_after(after, "disk", &json!({ "disk": "/mnt/m/a" })).unwrap();
    assert_eq!((text(&seen, "source"), json_of(&seen, "size_bytes")), ("upper", json!(131_072)));
}

/// In mounts of its own.
#[test]
#[ignore = "run by the next test, where it may mount"]
fn mounts_meanwhile() {
    let mount = || support::run(Command::new("mount").args(["-t", "tmpfs", "none", "/mnt"]));
    let table = std::fs::File::open("/proc/self/mountinfo").unwrap();
    let changed = || probity_probe::mounts::changed_since_opened(&table).unwrap();
    assert!(!changed());
    mount();
    assert!(changed());
}

#[test]
fn a_table_of_mounts_that_changes_while_it_is_read_is_not_believed() {
    if !support::root() {
        assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
        eprintln!("SKIPPED: as root this test also mounts something");
        return;
    }
    let own = ["--mount", "--propagation", "private"];
    let test = ["mounts_meanwhile", "--exact", "--ignored"];
    support::run(Command::new("unshare").args(own).arg(std::env::current_exe().unwrap()).args(test));
}

#[test]
fn without_proc_no_mount_is_known() {
    let Some(seen) = look_after("mount -t tmpfs none /proc", "mount", &json!({ "mount": "/" })) else {
        return;
    };
    assert!(!seen.facts.contains_key("mounted"), "{seen:?}");
    // The disk's size is known all the same.
    let seen = look_after("mount -t tmpfs none /proc", "disk", &json!({ "disk": "/" })).unwrap();
    assert!(seen.facts.contains_key("size_bytes") && !seen.facts.contains_key("mount_point"), "{seen:?}");
}

#[test]
fn hostile_mounts_are_recorded_as_they_are() {
    let first = "mount -t tmpfs none /mnt; cd /mnt; D=$(printf '/mnt/\\033[2J a\\nb\\\\040'); mkdir \"$D\"\n\
                 mount -t tmpfs \"$(printf 'x \\033]0;owned\\007')\" \"$D\"";
    let path = "/mnt/\u{1b}[2J a\nb\\040";
    let Some(seen) = look_after(first, "mount", &json!({ "mount": path })) else { return };
    assert_eq!(json_of(&seen, "mounted"), json!(true), "{seen:?}");
    assert_eq!(text(&seen, "source"), "x \u{1b}]0;owned\u{7}");
    let seen = look_after(first, "disk", &json!({ "disk": path })).unwrap();
    assert_eq!(text(&seen, "mount_point"), path);
}

#[tokio::test]
async fn a_disk_shows_what_df_shows() {
    let df = |column: &str| {
        let output = support::run(Command::new("df").args(["-B1", &format!("--output={column}"), "/"]));
        output.lines().nth(1).unwrap().trim().trim_end_matches('%').to_owned()
    };
    let seen = look("disk", json!({ "disk": "/" })).await;
    assert_eq!(json_of(&seen, "size_bytes").to_string(), df("size"));
    assert_eq!(json_of(&seen, "inodes").to_string(), df("itotal"));
    assert_eq!(text(&seen, "mount_point"), df("target"));
    assert_eq!(text(&seen, "file_system"), df("fstype"));
    // df rounds up; others write meanwhile.
    let used = json_of(&seen, "used_percent").as_f64().unwrap();
    let wanted: f64 = df("pcent").parse().unwrap();
    assert!(wanted - 2.0 < used && used < wanted + 1.0, "{used} and {wanted}");
}

#[test]
fn how_full_a_disk_is() {
    // 64 KiB in pages of 4 KiB: a quarter is 16 KiB; five files of ten (the folder itself is one of them).
    let first = "mount -t tmpfs -o size=64k,nr_inodes=10 none /mnt; head -c 16384 /dev/zero > /mnt/quarter\n\
                 touch /mnt/1 /mnt/2 /mnt/3";
    let Some(seen) = look_after(first, "disk", &json!({ "disk": "/mnt/quarter" })) else { return };
    assert_eq!(json_of(&seen, "size_bytes"), json!(65536));
    assert_eq!(json_of(&seen, "free_bytes"), json!(49152));
    assert_eq!(json_of(&seen, "available_bytes"), json!(49152));
    assert_eq!(json_of(&seen, "used_percent"), json!(25.0));
    assert_eq!(json_of(&seen, "inodes"), json!(10));
    assert_eq!(json_of(&seen, "inodes_used_percent"), json!(50.0));
    assert_eq!(json_of(&seen, "read_only"), json!(false));
    assert_eq!(text(&seen, "mount_point"), "/mnt");
    let seen = look_after(first, "disk", &json!({ "disk": "/proc" })).unwrap();
    assert_eq!(barrier(&seen, "used_percent"), Barrier::Unsupported, "proc has no size");
}

#[test]
fn a_disk_behind_a_closed_folder_is_a_barrier() {
    use std::os::unix::fs::PermissionsExt as _;
    if !support::root() {
        let folder = support::folder();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o0)).unwrap();
        let seen = look_as_nobody("disk", &json!({ "disk": inner }));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let seen = look_as_nobody("disk", &json!({ "disk": folder.path().join("inner") }));
    assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied);
}

#[test]
fn a_file_system_that_hangs_ends_in_a_time_out() {
    // FUSE whose server never answers: we hold its end and read nothing.
    let first = "exec 9<>/dev/fuse; mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 none /mnt";
    let elsewhere = Elsewhere {
        unshare: &["--mount", "--propagation", "private"],
        first: first.to_owned(),
        timeout: Duration::from_millis(300),
        ..Elsewhere::default()
    };
    let Some(seen) = look_elsewhere(&elsewhere, "disk", &json!({ "disk": "/mnt" })) else { return };
    assert_eq!(barrier(&seen, "exists"), Barrier::TimedOut);
    // The table of mounts asks no file system.
    let seen = look_elsewhere(&elsewhere, "mount", &json!({ "mount": "/mnt" })).unwrap();
    assert_eq!(text(&seen, "file_system"), "fuse");
}

#[test]
fn a_relative_path_is_refused() {
    assert!(refused("disk", json!({ "disk": "var" })).contains("is not an absolute path"));
    assert!(refused("mount", json!({ "mount": "" })).contains("is not an absolute path"));
}
