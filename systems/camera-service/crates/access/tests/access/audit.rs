//! The audit log: lines that nobody can forge, and what happens where none can be written.

use crate::noon;
use camera_access::{AuditLog, Entry, Event, How, Identity, Outcome, Role};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    (folder, path)
}

fn ada() -> Identity {
    Identity {
        user: "ada".into(),
        role: Role::Admin,
        expires: None,
        id: "0123456789abcdef".into(),
        how: How::ApiKey,
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn an_entry_is_one_line_that_says_who_did_what_to_what() {
    let (_folder, path) = folder();
    let log = AuditLog::open(&path, 0o640).unwrap();
    let who = ada();
    let entry = Entry::new(Event::Deletion, Outcome::Success, "door_2026.mp4")
        .by(Some(&who))
        .from("::ffff:192.0.2.1".parse().unwrap())
        .because("1048576 bytes freed");
    log.write(&entry, noon()).unwrap();
    log.write(&Entry::new(Event::Service, Outcome::Success, "started"), noon()).unwrap();
    let expected = json!({
        "time": "2026-11-22T12:00:00Z", "event": "deletion", "outcome": "success", "who": "ada", "role": "admin",
        "credential": "0123456789abcdef", "address": "192.0.2.1", "what": "door_2026.mp4", "reason": "1048576 bytes freed"
    });
    let started = json!({ "time": "2026-11-22T12:00:00Z", "event": "service", "outcome": "success", "what": "started" });
    assert_eq!(lines(&path), [expected, started]);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn hostile_texts_forge_no_line_and_fill_no_disk() {
    let (_folder, path) = folder();
    let log = AuditLog::open(&path, 0o600).unwrap();
    let hostile = [
        "x\n{\"time\":\"2026-11-22T12:00:00Z\",\"event\":\"deletion\",\"outcome\":\"success\",\"what\":\"forged\"}",
        "x\r\n\r\nforged",
        "x\",\"who\":\"admin\",\"y\":\"",
        "\u{1b}[2J\u{1b}[1;1Hforged",
        "a\u{2028}b\u{2029}c\u{85}d\u{202e}e\u{feff}f\u{200b}g\u{7f}h\0i",
        "\\",
        "\u{10ffff}\u{fffd}",
        &"x".repeat(1 << 20),
        &"\n".repeat(1 << 20),
        &"🦀".repeat(100_000),
    ];
    let mut who = ada();
    for text in hostile {
        who.user = text.into();
        who.id = text.into();
        let entry = Entry {
            who: Some(&who),
            claimed: Some(text),
            ..Entry::new(Event::Denial, Outcome::Denied, text).because(text)
        };
        log.write(&entry, noon()).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches('\n').count(), hostile.len());
    let strange = |c: char| {
        c != '\n' && (c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{200b}' | '\u{feff}'))
    };
    assert_eq!(text.find(strange), None, "nothing that a terminal or an editor would obey");
    assert!(text.len() < hostile.len() * 6000, "{} bytes", text.len());
    for (line, hostile) in lines(&path).iter().zip(hostile) {
        assert_eq!(
            (&line["event"], &line["outcome"], &line["role"]),
            (&json!("denial"), &json!("denied"), &json!("admin"))
        );
        assert_eq!(line["who"], line["what"], "{hostile:.40}");
        let what = line["what"].as_str().unwrap();
        assert!(what.chars().count() <= 257, "{what}");
        assert_eq!(what.ends_with('…'), hostile.chars().count() > 256);
    }
}

#[test]
fn what_looks_like_a_credential_is_masked_wherever_it_stands() {
    let (_folder, path) = folder();
    let log = AuditLog::open(&path, 0o600).unwrap();
    let token = include_str!("keys/HS256.jwt").trim();
    let key = format!("cs_0123456789abcdef_{}", "5".repeat(64));
    for secret in [token, key.as_str(), &token[..60]] {
        for text in [
            secret.to_owned(),
            format!("file {secret}."),
            format!("x\n{secret}"),
            format!("auth_token={secret}"),
            format!("a_{secret}"),
        ] {
            let entry = Entry {
                claimed: Some(&text),
                ..Entry::new(Event::Denial, Outcome::Denied, &text).because(&text)
            };
            log.write(&entry, noon()).unwrap();
        }
    }
    // Only the secret part is cut off here: what is left of it must not stand there either.
    let long = format!("{} {key}", "x".repeat(210));
    log.write(&Entry::new(Event::Denial, Outcome::Denied, &long), noon()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches('\n').count(), 16);
    assert!(!text.contains("eyJ") && !text.contains("55555"), "{text}");
    assert!(text.contains("file ***"), "the rest is legible: {text}");
    let name = "camera-front_2026-01-31_23-59-59.mp4";
    log.write(&Entry::new(Event::Deletion, Outcome::Success, name), noon()).unwrap();
    assert_eq!(lines(&path).last().unwrap()["what"], name);
}

#[test]
fn a_rotated_log_goes_on_in_a_new_file() {
    let (folder, path) = folder();
    let log = AuditLog::open(&path, 0o600).unwrap();
    let write = |what: &str| log.write(&Entry::new(Event::Service, Outcome::Success, what), noon()).unwrap();
    write("first");
    let rotated = folder.path().join("audit.log.1");
    fs::rename(&path, &rotated).unwrap();
    write("second");
    log.reopen().unwrap();
    write("third");
    let names = |path: &Path| {
        lines(path).iter().map(|line| line["what"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&rotated), ["first", "second"]);
    assert_eq!(names(&path), ["third"]);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    // Where it cannot be opened again, nothing is lost.
    fs::rename(&path, folder.path().join("audit.log.2")).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(log.reopen().is_err());
    write("fourth");
    assert_eq!(names(&folder.path().join("audit.log.2")), ["third", "fourth"]);
}

#[test]
fn what_is_there_is_only_added_to_and_a_torn_line_spoils_none_after_it() {
    let (_folder, path) = folder();
    fs::write(&path, "{\"time\":\"2026-11-22T11:00:00Z\",\"ev").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let log = AuditLog::open(&path, 0o600).unwrap();
    log.write(&Entry::new(Event::Service, Outcome::Success, "started"), noon()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (torn, rest) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"time\":\"2026-11-22T11:00:00Z\",\"ev");
    assert_eq!(serde_json::from_str::<Value>(rest.trim_end()).unwrap()["what"], "started");
}

#[test]
fn a_log_that_cannot_be_written_is_an_error() {
    // Every write to it fails with "no space left on device".
    let full = Path::new("/dev/full");
    assert!(AuditLog::open(full, 0o600).is_err(), "no device is a log");
    let (folder, path) = folder();
    assert!(AuditLog::open(&folder.path().join("missing/audit.log"), 0o600).is_err());
    assert!(AuditLog::open(folder.path(), 0o600).is_err());
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(AuditLog::open(&path, 0o600).is_err(), "a link could lead the entries anywhere");
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let refused = AuditLog::open(&path, 0o600).err().unwrap().to_string();
    assert!(refused.contains("chmod 640") && refused.contains("audit.log"), "{refused}");
}

#[test]
fn lines_of_many_writers_do_not_mix() {
    let (_folder, path) = folder();
    let logs: Vec<AuditLog> = (0..4).map(|_| AuditLog::open(&path, 0o600).unwrap()).collect();
    std::thread::scope(|scope| {
        for (number, log) in logs.iter().enumerate() {
            scope.spawn(move || {
                for n in 0..200 {
                    let what = format!("{number}-{n}-{}", "x".repeat(n));
                    log.write(&Entry::new(Event::Authentication, Outcome::Success, &what), noon()).unwrap();
                }
            });
        }
    });
    assert_eq!(lines(&path).len(), 800);
}
