//! The command line beside a running service: tokens, keys, status, backup and restore. What needs systemd is in `installation.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use camera_access::Role;
use camera_service::commands::archive::{About, Head, Writer};
use serde_json::{Value, json};
use support::{Client, Installation, PATIENCE, Running, free_port, token};

const CAMERA: &str =
    "cameras:\n  - { name: front, source: \"test:pattern\", resolution: 320x240, fps: 10 }\n";
const NOT_AUTHENTICATED: i64 = -32001;

/// Runs a command, but not for ever.
fn run(installation: &Installation, arguments: &[&str]) -> Output {
    let command = installation.command();
    let mut bounded = Command::new("timeout");
    bounded.arg(PATIENCE.as_secs().to_string()).arg(command.get_program()).args(command.get_args());
    bounded.args(arguments).env_remove("CAMERA_SERVICE_JWT_SECRET").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Runs a command that must succeed; what it says on standard output and standard error.
fn well(installation: &Installation, arguments: &[&str]) -> (String, String) {
    let output = run(installation, arguments);
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}\n{out}{error}", output.status);
    (out, error)
}

/// Runs a command that must fail with this status; what it says.
fn fails(installation: &Installation, status: i32, arguments: &[&str]) -> String {
    let output = run(installation, arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}{error}", text(&output.stdout));
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// The one line on standard output.
fn alone(out: &str) -> &str {
    let line = out.strip_suffix('\n').unwrap();
    assert!(!line.is_empty() && !line.contains(char::is_whitespace), "{out:?}");
    line
}

async fn authenticate(client: &mut Client, credential: &str) -> Value {
    client.call("authenticate", json!({ "auth_token": credential })).await
}

async fn is_accepted(service: &Running, credential: &str) -> bool {
    authenticate(&mut service.connect().await, credential).await["result"]["authenticated"] == true
}

/// A session that is over is told so with one of its next calls.
async fn is_soon_refused(client: &mut Client) {
    let revoked = Instant::now();
    loop {
        let answer = client.call("get_camera_list", json!({})).await;
        if answer["error"]["code"] == NOT_AUTHENTICATED {
            return;
        }
        assert!(revoked.elapsed() < PATIENCE, "{answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn audit(installation: &Installation) -> Vec<Value> {
    let log = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_token_from_the_command_line_works_until_it_is_revoked() {
    let installation = Installation::new("");
    let service = installation.start();
    let (out, error) =
        well(&installation, &["token", "new", "--role", "operator", "--user", "olga", "--lifetime", "1 h"]);
    let token = alone(&out);
    assert!(!error.contains(token), "the token is on standard output only");
    let mut client = service.connect().await;
    let answer = authenticate(&mut client, token).await;
    assert_eq!(answer["result"]["role"], "operator");
    client.succeed("get_camera_list", json!({})).await;

    let entries = audit(&installation);
    let made =
        entries.iter().find(|entry| entry["event"] == "token_created").expect("the token is on record");
    assert!(made["reason"].as_str().unwrap().contains("olga"), "{made}");
    assert!(!entries.iter().any(|entry| entry.to_string().contains(token)), "no token is on record");

    let id = made["what"].as_str().unwrap();
    well(&installation, &["token", "revoke", id]);
    is_soon_refused(&mut client).await;
    assert!(
        matches!(client.next_message().await, tokio_tungstenite::tungstenite::Message::Close(_)),
        "the session is closed"
    );
    assert!(!is_accepted(&service, token).await);
    let revoked = audit(&installation).into_iter().find(|entry| entry["event"] == "token_revoked").unwrap();
    assert_eq!(revoked["what"], id);
}

#[tokio::test]
async fn a_session_can_be_revoked_without_its_token() {
    let installation = Installation::new("");
    let service = installation.start();
    let token = token(Role::Viewer);
    let (mut one, mut other) = (service.connect().await, service.connect().await);
    let session = authenticate(&mut one, &token).await["result"]["session_id"].as_str().unwrap().to_owned();
    authenticate(&mut other, &token).await;
    well(&installation, &["token", "revoke", &session]);
    is_soon_refused(&mut one).await;
    other.succeed("get_camera_list", json!({})).await;
}

#[tokio::test]
async fn all_tokens_end_with_another_secret_and_the_other_variables_stay() {
    let installation = Installation::new("");
    let env = format!(
        "# of the door\nDOOR='pa$$ word'\nexport CAMERA_SERVICE_JWT_SECRET='{}'\nLAST=1",
        support::SECRET
    );
    installation.write_private(".env", &env);
    let service = installation.start();
    let before = token(Role::Viewer);
    let (_, said) = well(&installation, &["token", "revoke-all"]);
    assert!(said.contains("restart"), "{said}");
    assert!(
        is_accepted(&service, &before).await,
        "the running service goes on until it is started again, as was said"
    );
    service.stop("TERM");

    let path = installation.path().join(".env");
    let now = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = now.lines().collect();
    assert_eq!(
        (lines[0], lines[1], lines[3], lines.len()),
        ("# of the door", "DOOR='pa$$ word'", "LAST=1", 4)
    );
    assert!(lines[2].starts_with("CAMERA_SERVICE_JWT_SECRET=") && !now.contains(support::SECRET), "{now}");
    assert_eq!(mode(&path), 0o600);

    let service = installation.start();
    assert!(!is_accepted(&service, &before).await);
    let (out, _) = well(&installation, &["token", "new", "--role", "viewer"]);
    assert!(is_accepted(&service, alone(&out)).await);
}

#[tokio::test]
async fn keys_are_made_rotated_and_revoked_while_the_service_runs() {
    let installation = Installation::new("");
    let service = installation.start();
    let (out, error) =
        well(&installation, &["api-key", "new", "--name", "script", "--role", "viewer", "--expires", "90 d"]);
    let key = alone(&out).to_owned();
    assert!(!error.contains(&key));
    let id = key.split('_').nth(1).unwrap();
    assert!(is_accepted(&service, &key).await);

    let (out, _) = well(&installation, &["api-key", "rotate", id, "--grace", "1 h"]);
    let second = alone(&out).to_owned();
    assert!(is_accepted(&service, &key).await, "the old one is good for an hour yet");
    assert!(is_accepted(&service, &second).await);
    let second_id = second.split('_').nth(1).unwrap();
    let (out, _) = well(&installation, &["api-key", "rotate", second_id]);
    let third = alone(&out).to_owned();
    assert!(!is_accepted(&service, &second).await, "without grace it has ended");

    let mut client = service.connect().await;
    assert_eq!(authenticate(&mut client, &third).await["result"]["role"], "viewer");
    let third_id = third.split('_').nth(1).unwrap();
    well(&installation, &["api-key", "revoke", third_id]);
    is_soon_refused(&mut client).await;
    assert!(!is_accepted(&service, &third).await);

    let (list, _) = well(&installation, &["api-key", "list"]);
    assert_eq!(list.lines().count(), 4, "{list}");
    assert!(list.contains(third_id) && list.contains("revoked") && !list.contains(&key[20..]), "{list}");
    assert_eq!(mode(&installation.path().join("security/api-keys.json")), 0o600);
    let events: Vec<String> = audit(&installation).iter().map(|entry| entry["event"].to_string()).collect();
    assert_eq!(events.iter().filter(|event| *event == "\"key_created\"").count(), 3);
    assert_eq!(events.iter().filter(|event| *event == "\"key_revoked\"").count(), 1);
}

#[test]
fn wrong_arguments_and_a_wrong_configuration_are_told_apart_from_failures() {
    let installation = Installation::new("");
    fails(&installation, 2, &["token", "new", "--role", "king"]);
    assert!(
        fails(&installation, 2, &["token", "new", "--role", "viewer", "--lifetime", "24"]).contains("24 h")
    );
    fails(&installation, 2, &["token", "new", "--role", "viewer", "--lifetime", "3660 d"]);
    assert!(fails(&installation, 2, &["token", "revoke", &token(Role::Viewer)]).contains("jti"));
    fails(&installation, 2, &["api-key", "revoke", "0000000000000000"]);
    fails(&installation, 2, &["api-key", "new", "--name", "", "--role", "viewer"]);
    fails(&installation, 1, &["restore", "/nowhere.tar"]);
    let wrong = Installation::new("colour: red\n");
    for command in ["status", "run"] {
        assert!(fails(&wrong, 2, &[command]).contains("colour"));
    }
    fails(&wrong, 2, &["token", "new", "--role", "viewer"]);
}

#[test]
fn what_cannot_be_on_record_is_not_done() {
    let installation = Installation::new("");
    std::fs::create_dir(installation.path().join("audit.jsonl")).unwrap();
    let output = run(&installation, &["token", "new", "--role", "admin"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()), "no token is shown");
    fails(&installation, 1, &["api-key", "new", "--name", "n", "--role", "admin"]);
    let (list, _) = well(&installation, &["api-key", "list"]);
    assert_eq!(list, "", "no key was made");
}

#[test]
fn a_secret_that_nobody_reads_is_a_failure_and_any_other_output_is_none() {
    let installation = Installation::new("");
    let unread = |arguments: &[&str]| {
        let mut command = installation.command();
        command.args(arguments).env_remove("CAMERA_SERVICE_JWT_SECRET");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command.stdout(writer).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    for (arguments, what) in [
        (&["token", "new", "--role", "viewer"][..], "the token could not be printed"),
        (&["api-key", "new", "--name", "n", "--role", "viewer"], "the API key could not be printed"),
    ] {
        let (status, said) = unread(arguments);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(what) && !said.contains("eyJ"), "{said}");
    }
    assert_eq!(unread(&["api-key", "list"]).0, Some(0), "there is one, which is listed for nobody");
}

#[test]
fn two_services_never_share_a_folder_and_a_killed_one_leaves_no_lock() {
    let installation = Installation::new("");
    let service = installation.start();
    let said = fails(&installation, 1, &["run"]);
    assert!(said.contains(&format!("process {}", service.child.id())), "{said}");
    service.stop("KILL");
    assert!(installation.start().stop("TERM").success());
}

#[test]
fn status_shows_components_and_says_what_to_do_when_nobody_answers() {
    let server = format!("server: {{ listen: \"127.0.0.1:0\", health: \"127.0.0.1:{}\" }}\n", free_port());
    let installation = Installation::new(&server);
    assert!(fails(&installation, 1, &["status"]).contains("systemctl start camera-service"));
    let service = installation.start();
    let (table, _) = well(&installation, &["status"]);
    for word in ["ready", "media_engine", "cameras", "storage", "audit_log", "ok"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert!(service.stop("TERM").success());
}

#[test]
fn status_trusts_only_the_certificate_of_the_configuration() {
    let health = free_port();
    // Two installations that name the same address, each with a certificate of its own.
    let [installation, other] = [(), ()].map(|()| {
        let server = format!(
            "server: {{ listen: \"127.0.0.1:0\", health: \"127.0.0.1:{health}\", tls: {{ certificate: HERE/tls.pem, key: HERE/key.pem }} }}\n"
        );
        let installation = Installation::new(&server);
        let own = rcgen::generate_simple_self_signed(vec!["cameras.example".to_owned()]).unwrap();
        installation.write_private("key.pem", &own.signing_key.serialize_pem());
        std::fs::write(installation.path().join("tls.pem"), own.cert.pem()).unwrap();
        installation
    });
    let service = installation.start();
    well(&installation, &["status"]);
    let said = fails(&other, 1, &["status"]);
    assert!(said.contains("another certificate"), "{said}");
    drop(service);
}

/// A service with a camera and a key, and its backup made while it records.
async fn backed_up(media: bool) -> (Installation, PathBuf, String) {
    let installation = Installation::new(CAMERA);
    if media {
        // A recording that was cut short, which is kept beside it.
        let killed = installation.start();
        let mut client = killed.client(Role::Operator).await;
        killed.camera_delivers(&mut client, "front").await;
        client.succeed("start_recording", json!({ "device": "front" })).await;
    }
    let service = installation.start();
    let (out, _) = well(&installation, &["api-key", "new", "--name", "script", "--role", "operator"]);
    let key = alone(&out).to_owned();
    let mut client = service.client(Role::Admin).await;
    let added = json!({ "name": "yard", "source": "test:bars" });
    client.succeed("add_camera", added).await;
    if media {
        service.camera_delivers(&mut client, "front").await;
        client.succeed("take_snapshot", json!({ "device": "front" })).await;
        // What was cut short goes on by itself.
        let begun = Instant::now();
        while client.succeed("get_camera_status", json!({ "device": "front" })).await["recording"] != true {
            assert!(begun.elapsed() < PATIENCE, "nothing is recorded");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_millis(2500)).await;
    }
    let archive = installation.path().join("backup.tar");
    let mut arguments = vec!["backup", archive.to_str().unwrap()];
    arguments.extend(media.then_some("--media"));
    well(&installation, &arguments);
    assert_eq!(mode(&archive), 0o600);
    assert!(fails(&installation, 2, &arguments).contains("is there already"));
    client.succeed("get_camera_list", json!({})).await;
    (installation, archive, key)
}

/// What is known to be missing of recordings.
async fn incomplete(client: &mut Client) -> Vec<Value> {
    let list = client.succeed("list_recordings", json!({})).await;
    let files = list["files"].as_array().unwrap().iter();
    files.filter(|file| !file["incomplete"].is_null()).map(|file| file["incomplete"].clone()).collect()
}

fn empty() -> Installation {
    Installation { folder: tempfile::Builder::new().prefix("camera-service-restored").tempdir().unwrap() }
}

fn plays(path: &Path) -> bool {
    let output =
        Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(path).args(["-f", "null", "-"]).output();
    output.unwrap().status.success()
}

#[tokio::test]
async fn a_backup_made_while_recording_starts_in_another_folder() {
    let (from, archive, key) = backed_up(true).await;
    let to = empty();
    let (said, _) = well(&to, &["restore", archive.to_str().unwrap()]);
    assert!(said.contains(to.path().to_str().unwrap()), "{said}");
    let config = std::fs::read_to_string(to.path().join("config/camera-service.yaml")).unwrap();
    assert!(!config.contains(from.path().to_str().unwrap()), "{config}");
    for (path, wanted) in [
        (".env", 0o600),
        ("security/api-keys.json", 0o600),
        ("state/changes.json", 0o600),
        ("security", 0o700),
        ("state", 0o700),
    ] {
        assert_eq!(mode(&to.path().join(path)), wanted, "{path}");
    }
    assert!(
        !to.path().join("state/recordings.json").exists(),
        "nothing is recorded there that nobody asked for"
    );

    let wrong_times = |of: &Installation| of.path().join("state/undated.jsonl").exists();
    assert_eq!(wrong_times(&to), wrong_times(&from), "a wrong time of a file is known as such there, too");

    let service = to.start();
    assert!(is_accepted(&service, &key).await, "keys are restored");
    let mut client = service.client(Role::Viewer).await;
    let list = client.succeed("get_camera_list", json!({})).await;
    assert_eq!(list["total"], 2, "the added camera too: {list}");
    let recordings = client.succeed("list_recordings", json!({})).await;
    assert_eq!(recordings["total"], 2, "{recordings}");
    let name = recordings["files"][0]["filename"].as_str().unwrap();
    let missing = incomplete(&mut client).await;
    assert_eq!((missing.len(), &missing[0]["cause"]), (1, &json!("service_killed")), "{recordings}");
    assert!(plays(&to.path().join("recordings").join(name)), "what was being recorded plays");
    assert_eq!(client.succeed("list_snapshots", json!({})).await["total"], 1);
}

#[tokio::test]
async fn a_restore_replaces_nothing_unasked_and_loses_nothing() {
    let (installation, archive, _) = backed_up(false).await;
    let archive = archive.to_str().unwrap();
    let config = installation.path().join("config/camera-service.yaml");
    let restored = std::fs::read_to_string(&config).unwrap();
    let said = fails(&installation, 1, &["restore", archive]);
    assert!(said.contains("--force"), "{said}");

    let service = installation.start();
    let said = fails(&installation, 1, &["restore", archive, "--force"]);
    assert!(said.contains("runs in"), "{said}");
    service.stop("TERM");

    let changed = format!("{restored}# changed since\n");
    std::fs::write(&config, &changed).unwrap();
    std::fs::remove_file(installation.path().join("state/changes.json")).unwrap();
    well(&installation, &["restore", archive, "--force"]);
    assert_eq!(std::fs::read_to_string(&config).unwrap(), restored);
    let kept = installation.path().join("config/.camera-service.yaml.before-restore");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), changed);
    assert!(installation.path().join("state/changes.json").exists());
    installation.start().stop("TERM");
    assert!(
        audit(&installation).iter().any(|entry| entry["event"] == "configuration_change"),
        "it is on record"
    );
}

/// Nothing is left in a folder into which nothing was restored.
fn refused(archive: &Path, what: &str) -> String {
    let to = empty();
    let said = fails(&to, 1, &["restore", archive.to_str().unwrap(), "--force"]);
    let left: Vec<_> = std::fs::read_dir(to.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{what} left {left:?}");
    said
}

#[tokio::test]
async fn an_archive_with_any_altered_byte_is_refused() {
    let (_installation, archive, _) = backed_up(false).await;
    let whole = std::fs::read(&archive).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let altered = folder.path().join("altered.tar");
    // Everywhere: heads, contents, padding, manifest, end.
    for at in (0..whole.len()).step_by(whole.len() / 60).chain([whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&altered, &bytes).unwrap();
        refused(&altered, &format!("byte {at} of {}", whole.len()));
    }
    for length in [0, 511, 512, 5000, whole.len() - 1024, whole.len() - 1] {
        std::fs::write(&altered, &whole[..length]).unwrap();
        refused(&altered, &format!("an archive cut at {length}"));
    }
    std::fs::write(&altered, [whole.as_slice(), b"more"].concat()).unwrap();
    refused(&altered, "an archive that goes on");
    std::fs::write(&altered, &whole).unwrap();
    well(&empty(), &["restore", altered.to_str().unwrap()]);
}

/// An entry as it may stand in an archive that somebody made.
fn entry(path: &str, kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    header.set_mtime(0);
    // Past the checks of the writer, which would not write such a name.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    if kind.is_symlink() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    raw(&header, content)
}

fn raw(header: &tar::Header, content: &[u8]) -> Vec<u8> {
    let mut bytes = [header.as_bytes(), content].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

#[tokio::test]
async fn archives_that_backup_never_wrote_are_refused_each_with_its_reason() {
    let (_installation, archive, _) = backed_up(false).await;
    let mut good: Vec<(String, tar::Header, Vec<u8>)> = Vec::new();
    let mut reading = tar::Archive::new(File::open(&archive).unwrap());
    for entry in reading.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header().clone();
        good.push((entry.path().unwrap().display().to_string(), header, content));
    }
    assert_eq!((good[0].0.as_str(), good.last().unwrap().0.as_str()), ("backup.json", "manifest.json"));
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("made.tar");
    let write =
        |entries: &[Vec<u8>]| std::fs::write(&made, [entries.concat(), vec![0; 1024]].concat()).unwrap();
    let file = |(_, header, content): &(String, tar::Header, Vec<u8>)| raw(header, content);
    let before_manifest = |extra: Vec<u8>| {
        let mut entries: Vec<Vec<u8>> = good.iter().map(file).collect();
        entries.insert(entries.len() - 1, extra);
        entries
    };
    let regular = tar::EntryType::Regular;
    for (extra, reason) in [
        (entry("state/more.json", regular, b"{}"), "not in its manifest"),
        (entry("/etc/cron.d/evil", regular, b"x"), "leads out of"),
        (entry("config/../../evil", regular, b"x"), "leads out of"),
        (entry("config/./x", regular, b"x"), "leads out of"),
        (entry("etc/passwd", regular, b"x"), "nothing that a backup has"),
        (entry("config/link", tar::EntryType::Symlink, b""), "is no file"),
        (entry("config/link", tar::EntryType::Link, b""), "is no file"),
        (entry("recordings/", tar::EntryType::Directory, b""), "is no file"),
        (entry("config/tty", tar::EntryType::Char, b""), "is no file"),
        (entry(".env", regular, b"x"), "twice"),
    ] {
        write(&before_manifest(extra));
        let said = refused(&made, reason);
        assert!(said.contains(reason), "{reason}: {said}");
    }
    let without = |name: &str| good.iter().filter(|(path, ..)| path != name).map(file).collect::<Vec<_>>();
    write(&without("security/api-keys.json"));
    assert!(refused(&made, "a missing entry").contains("security/api-keys.json"));
    write(&without("manifest.json"));
    assert!(refused(&made, "no manifest").contains("not whole"));
    let mut newer = good.clone();
    newer[0].2 = text(&newer[0].2).replace("\"form\": 1", "\"form\": 2").into_bytes();
    write(&newer.iter().map(file).collect::<Vec<_>>());
    assert!(refused(&made, "a newer form").contains("newer version"));

    // The same entries, put together in the same way, are restored: it is not this test's way of writing that is refused.
    write(&good.iter().map(file).collect::<Vec<_>>());
    well(&empty(), &["restore", made.to_str().unwrap()]);

    // A whole archive, but not of an installation.
    let head: Head = serde_json::from_slice(&good[0].2).unwrap();
    let mut writer = Writer::begin(File::create(&made).unwrap(), &head).unwrap();
    let about = About { path: "state/changes.json".into(), size: 2, mode: 0o600, modified: 0 };
    writer.add(&about, &mut b"{}".as_slice()).unwrap();
    writer.finish().unwrap();
    assert!(refused(&made, "no configuration").contains("has no config/camera-service.yaml"));
}

#[tokio::test]
async fn every_metric_that_the_documentation_names_is_there() {
    let installation = Installation::new(CAMERA);
    let service = installation.start();
    let (_, _, body) = support::http(service.health, "/metrics", &[]).await;
    let metrics = text(&body);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/camera-service/operation.md");
    let page = std::fs::read_to_string(page).unwrap();
    let names: std::collections::BTreeSet<&str> = page
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("camera_service_"))
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(
            metrics
                .lines()
                .any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))),
            "{name}"
        );
    }
}
