//! API keys: shown once, verified, rotated, revoked, also by another process.

use crate::{after, noon, seconds, text};
use camera_access::{ApiKeys, AuthError, How, KeyError, Role, Secret, SecretError, StoreError};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::time::Duration;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api-keys.json");
    (folder, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The key's text with its last digit changed.
fn wrong(text: &str) -> String {
    let last = if text.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &text[..text.len() - 1])
}

#[test]
fn a_key_is_shown_once_and_verified_by_its_text() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Operator, Some(after(3600)), noon()).unwrap();
    let shown = text(&new.text).to_owned();
    let parts: Vec<&str> = shown.split('_').collect();
    assert_eq!((parts[0], parts[1], parts[2].len()), ("cs", new.info.id.as_str(), 64));
    let identity = keys.verify(&shown, noon()).unwrap();
    assert_eq!(
        (identity.user.as_str(), identity.role, identity.how),
        ("console", Role::Operator, How::ApiKey)
    );
    assert_eq!((identity.id, identity.expires), (new.info.id.clone(), Some(after(3600))));
    assert_eq!(ApiKeys::claimed_id(&shown), Some(new.info.id.as_str()));

    let stored = fs::read_to_string(&path).unwrap();
    assert!(stored.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    assert!(!stored.contains(parts[2]), "its secret is nowhere in the file");
    assert!(!format!("{new:?}").contains(parts[2]), "nor in any print of it");
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn everything_but_the_very_text_is_refused() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Viewer, None, noon()).unwrap();
    let shown = text(&new.text);
    let secret = shown.rsplit('_').next().unwrap();
    let unknown = format!("cs_0123456789abcdef_{secret}");
    for not_known in [wrong(shown), unknown] {
        assert!(matches!(keys.verify(&not_known, noon()), Err(AuthError::UnknownKey)), "{not_known}");
        // And again: nothing of a refusal is remembered as good.
        assert!(matches!(keys.verify(&not_known, noon()), Err(AuthError::UnknownKey)), "{not_known}");
    }
    for no_key in [
        "",
        "cs_",
        "cs__",
        "cs_x_y",
        &shown[3..],
        &shown[..shown.len() - 1],
        &shown.to_uppercase(),
        &format!("{shown} "),
    ] {
        assert!(matches!(keys.verify(no_key, noon()), Err(AuthError::Malformed)), "{no_key}");
    }
    assert!(matches!(
        keys.verify(&format!("cs_{}", "x".repeat(9000)), noon()),
        Err(AuthError::TooLong { .. })
    ));
    assert!(keys.verify(shown, noon()).is_ok());
}

#[test]
fn a_key_ends_when_it_expires_also_one_verified_a_moment_ago() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Viewer, Some(after(60)), noon()).unwrap();
    assert!(keys.verify(text(&new.text), after(59)).is_ok());
    assert!(
        matches!(keys.verify(text(&new.text), after(60)), Err(AuthError::Expired { at }) if at == after(60))
    );
    // Who has not the secret is not told so.
    assert!(matches!(keys.verify(&wrong(text(&new.text)), after(60)), Err(AuthError::UnknownKey)));
    assert!(matches!(keys.create("late", Role::Viewer, Some(noon()), noon()), Err(KeyError::Ended)));
}

#[test]
fn revoking_is_immediate_in_every_process() {
    let (_folder, path) = folder();
    let service = ApiKeys::open(&path).unwrap();
    let command_line = ApiKeys::open(&path).unwrap();
    let new = command_line.create("console", Role::Viewer, None, noon()).unwrap();
    // What was made elsewhere is known at once, and remembered as verified.
    assert!(service.verify(text(&new.text), noon()).is_ok());
    assert!(service.verify(text(&new.text), noon()).is_ok());
    command_line.revoke(&new.info.id, after(5)).unwrap();
    assert!(matches!(service.verify(text(&new.text), after(5)), Err(AuthError::Revoked)));
    assert_eq!(service.list().unwrap()[0].revoked, Some(after(5)));
    // Revoking again changes nothing, an unknown one is said to be unknown.
    assert_eq!(service.revoke(&new.info.id, after(9)).unwrap().revoked, Some(after(5)));
    assert!(matches!(service.revoke("0123456789abcdef", noon()), Err(KeyError::NotFound)));
}

#[test]
fn a_verified_key_is_recognised_without_another_hash() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Viewer, None, noon()).unwrap();
    keys.verify(text(&new.text), noon()).unwrap();
    let before = keys.hashes();
    for _ in 0..200 {
        keys.verify(text(&new.text), noon()).unwrap();
    }
    assert_eq!(keys.hashes(), before);
}

#[test]
fn a_guess_costs_no_hash_and_a_key_of_the_first_version_still_opens() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Viewer, None, noon()).unwrap();
    let unknown = format!("cs_0123456789abcdef_{}", "0".repeat(64));
    for attempt in [wrong(text(&new.text)), unknown.clone()] {
        let before = keys.hashes();
        assert!(matches!(keys.verify(&attempt, noon()), Err(AuthError::UnknownKey)));
        assert_eq!(keys.hashes(), before);
    }
    // As the first version wrote it: without what tells a guess, so that only the hash knows.
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    file["version"] = 1.into();
    file["keys"][0].as_object_mut().unwrap().remove("check").unwrap();
    fs::write(&path, file.to_string()).unwrap();
    let keys = ApiKeys::open(&path).unwrap();
    assert!(matches!(keys.verify(&wrong(text(&new.text)), noon()), Err(AuthError::UnknownKey)));
    assert!(matches!(keys.verify(&unknown, noon()), Err(AuthError::UnknownKey)));
    assert_eq!(keys.hashes(), 1);
    assert!(keys.verify(text(&new.text), noon()).is_ok());
    let second = keys.create("script", Role::Viewer, None, noon()).unwrap();
    assert!(fs::read_to_string(&path).unwrap().contains("\"version\": 2"), "an older program refuses it");
    assert!(keys.verify(text(&new.text), noon()).is_ok() && keys.verify(text(&second.text), noon()).is_ok());
    // One kind of hash is made: Argon2id, 19 MiB, 2 passes.
    assert!(fs::read_to_string(&path).unwrap().contains("$argon2id$v=19$m=19456,t=2,p=1$"));
}

#[test]
fn rotation_gives_a_new_key_and_lets_the_old_one_run_out() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let old = keys.create("console", Role::Operator, Some(after(1000)), noon()).unwrap();
    let new = keys.rotate(&old.info.id, seconds(60), after(100)).unwrap();
    assert_ne!(new.info.id, old.info.id);
    assert_eq!(
        (new.info.name.as_str(), new.info.role, new.info.expires),
        ("console", Role::Operator, Some(after(1100)))
    );
    assert!(keys.verify(text(&new.text), after(159)).is_ok());
    assert!(keys.verify(text(&old.text), after(159)).is_ok(), "its grace");
    assert!(matches!(keys.verify(text(&old.text), after(160)), Err(AuthError::Expired { .. })));
    let listed = keys.list().unwrap();
    assert_eq!(listed[0].replaced_by.as_ref(), Some(&new.info.id));

    let third = keys.rotate(&new.info.id, Duration::ZERO, after(200)).unwrap();
    assert!(matches!(keys.verify(text(&new.text), after(200)), Err(AuthError::Revoked)), "no grace");
    assert!(keys.verify(text(&third.text), after(200)).is_ok());
    // A grace makes no key live longer than it would have.
    let fourth = keys.rotate(&third.info.id, seconds(10_000), after(200)).unwrap();
    assert!(
        matches!(keys.verify(text(&third.text), after(1200)), Err(AuthError::Expired { at }) if at == after(1200))
    );
    assert!(matches!(keys.rotate(&new.info.id, seconds(1), after(300)), Err(KeyError::Over)));
    assert!(matches!(keys.rotate("0123456789abcdef", seconds(1), noon()), Err(KeyError::NotFound)));
    assert_eq!(fourth.info.expires, Some(after(1200)));
}

#[test]
fn a_file_that_others_can_reach_is_refused_with_the_command_to_type() {
    let (_folder, path) = folder();
    ApiKeys::open(&path).unwrap();
    for open in [0o644, 0o640, 0o660, 0o604, 0o666] {
        set_mode(&path, open);
        let refused = ApiKeys::open(&path).err().unwrap();
        assert!(matches!(&refused, KeyError::Store(StoreError::Mode { mode, .. }) if *mode == open));
        assert!(refused.to_string().contains(&format!("chmod 600 {}", path.display())), "{refused}");
    }
    set_mode(&path, 0o600);
    // Also while the service runs: it lets nobody in rather than read what others may have written.
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Viewer, None, noon()).unwrap();
    set_mode(&path, 0o644);
    assert!(matches!(
        keys.verify(text(&new.text), noon()),
        Err(AuthError::Unavailable(StoreError::Mode { .. }))
    ));
    assert!(matches!(
        keys.create("x", Role::Viewer, None, noon()),
        Err(KeyError::Store(StoreError::Mode { .. }))
    ));
    set_mode(&path, 0o600);
    assert!(keys.verify(text(&new.text), noon()).is_ok());
}

#[test]
fn a_damaged_or_newer_file_is_refused_and_left_as_it_is() {
    let (_folder, path) = folder();
    let key = |hash: &str| {
        format!(
            r#"{{"version":1,"keys":[{{"key":{{"id":"0123456789abcdef","name":"x","role":"viewer","created":"2026-01-01T00:00:00Z","expires":null,"revoked":null,"replaced_by":null}},"hash":"{hash}"}}]}}"#
        )
    };
    let costly =
        "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let fine = costly.replace("4194304", "19456");
    fs::write(&path, key(&fine)).unwrap();
    set_mode(&path, 0o600);
    assert_eq!(ApiKeys::open(&path).unwrap().list().unwrap().len(), 1);
    let cases = [
        (String::new(), "damaged"),
        ("null".into(), "damaged"),
        ("{\"version\":1".into(), "damaged"),
        ("{\"version\":3,\"keys\":[],\"more\":1}".into(), "version 3"),
        ("{\"version\":1,\"keys\":[],\"more\":1}".into(), "damaged"),
        (key(&fine).replace("\"hash\"", "\"check\":\"x\",\"hash\""), "`check`"),
        (key("plain text"), "Argon2id"),
        (key(costly), "64 MiB"),
        (key(&fine.replace("argon2id", "argon2d")), "Argon2id"),
        (key(&fine).replace("0123456789abcdef", "../../etc"), "hexadecimal"),
        (key(&fine).replace("viewer", "root"), "damaged"),
    ];
    for (text, problem) in cases {
        fs::write(&path, &text).unwrap();
        let refused = ApiKeys::open(&path).err().unwrap().to_string();
        assert!(refused.contains(problem) && refused.contains("api-keys.json"), "{text}: {refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing recorded is overwritten");
    }
}

#[test]
fn a_file_that_vanishes_lets_nobody_in() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Viewer, None, noon()).unwrap();
    assert!(keys.verify(text(&new.text), noon()).is_ok());
    fs::remove_file(&path).unwrap();
    assert!(matches!(keys.verify(text(&new.text), noon()), Err(AuthError::Unavailable(_))));
}

#[test]
fn changes_by_several_at_once_are_all_kept() {
    let (_folder, path) = folder();
    let instances: Vec<ApiKeys> = (0..4).map(|_| ApiKeys::open(&path).unwrap()).collect();
    let start = Barrier::new(instances.len());
    let run = |number: usize, keys: &ApiKeys| {
        start.wait();
        let made = (0..6).map(|n| keys.create(&format!("{number}-{n}"), Role::Viewer, None, noon()).unwrap());
        let made: Vec<_> = made.collect();
        keys.revoke(&made[0].info.id, noon()).unwrap();
        made.into_iter().map(|new| new.info.name).collect::<Vec<_>>()
    };
    let names: Vec<String> = std::thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = instances
            .iter()
            .enumerate()
            .map(|(number, keys)| scope.spawn(move || run(number, keys)))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for keys in &instances {
        let listed = keys.list().unwrap();
        let mut known: Vec<&str> = listed.iter().map(|key| key.name.as_str()).collect();
        let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
        known.sort_unstable();
        expected.sort_unstable();
        assert_eq!(known, expected);
        assert_eq!(listed.iter().filter(|key| key.revoked.is_some()).count(), 4);
    }
    let left: Vec<_> =
        fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["api-keys.json"], "no temporary file stays");
}

#[test]
fn what_a_crash_left_beside_the_file_does_not_matter() {
    let (folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let outside = folder.path().join("outside");
    fs::write(&outside, "untouched").unwrap();
    std::os::unix::fs::symlink(&outside, folder.path().join(".api-keys.json.new")).unwrap();
    keys.create("console", Role::Viewer, None, noon()).unwrap();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "untouched");
    assert_eq!(ApiKeys::open(&path).unwrap().list().unwrap().len(), 1);
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn a_change_by_root_leaves_the_file_to_its_owner() {
    let (folder, path) = folder();
    // Only root can give a file away; as anybody else there is nothing to test.
    if chown(folder.path(), Some(4321), Some(4322)).is_err() {
        println!("skipped: this test must be run by root");
        return;
    }
    let owner = || fs::metadata(&path).map(|file| (file.uid(), file.gid())).unwrap();
    let keys = ApiKeys::open(&path).unwrap();
    assert_eq!(owner(), (4321, 4322), "a new one is its folder's");
    chown(&path, Some(4323), Some(4324)).unwrap();
    keys.create("console", Role::Viewer, None, noon()).unwrap();
    assert_eq!(owner(), (4323, 4324));
}

#[test]
fn more_at_once_than_can_wait_are_told_so_and_nobody_waits_for_ever() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    let new = keys.create("console", Role::Viewer, None, noon()).unwrap();
    // Of eighty that come at once nobody knows the key yet.
    let start = Barrier::new(80);
    let busy = std::thread::scope(|scope| {
        let attempt = || {
            start.wait();
            match keys.verify(text(&new.text), noon()) {
                Err(AuthError::Busy) => 1,
                Ok(_) => 0,
                other => panic!("{other:?}"),
            }
        };
        let threads: Vec<_> = (0..80).map(|_| scope.spawn(attempt)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert!(busy > 0 && busy <= 80 - 34, "{busy} of 80 were told to come again");
    assert!(keys.verify(text(&new.text), noon()).is_ok(), "and then it is free again");
}

#[test]
fn names_that_could_mislead_are_refused() {
    let (_folder, path) = folder();
    let keys = ApiKeys::open(&path).unwrap();
    for name in ["", "a\nb", "\u{1b}[2J", &"x".repeat(129)] {
        assert!(matches!(keys.create(name, Role::Viewer, None, noon()), Err(KeyError::Name(_))), "{name:?}");
    }
}

#[test]
fn a_secret_is_read_from_a_private_file_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    assert!(matches!(Secret::read(&path), Err(SecretError::File(StoreError::System { .. }))));
    fs::write(&path, "a secret of at least thirty-two bytes\r\n").unwrap();
    set_mode(&path, 0o644);
    let refused = Secret::read(&path).unwrap_err();
    assert!(refused.to_string().contains(&format!("chmod 600 {}", path.display())), "{refused}");
    set_mode(&path, 0o400);
    assert_eq!(Secret::read(&path).unwrap().expose(), b"a secret of at least thirty-two bytes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, vec![b'x'; 70_000]).unwrap();
    assert!(matches!(Secret::read(&path), Err(SecretError::File(StoreError::Content { .. }))));
    assert!(matches!(Secret::read(folder.path()), Err(SecretError::File(_))), "a folder");
}
