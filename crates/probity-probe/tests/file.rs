//! `file`, with everything that can stand at a path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod elsewhere;
mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use elsewhere::act;
use probity_plan::{Barrier, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{HOSTILE, barrier, known, look, look_with, text};

#[tokio::test]
async fn look_sent_elsewhere() {
    elsewhere::answer().await;
}

/// With time enough for a parser without optimisation on a busy machine.
async fn look_at(path: impl AsRef<Path>) -> Seen {
    look_with(act("file", &json!({ "file": path.as_ref() })), &[], Duration::from_secs(60)).await
}

async fn look_behind(path: impl AsRef<Path>) -> Seen {
    look(act("file", &json!({ "file": path.as_ref(), "follow": true }))).await
}

#[test]
fn an_owner_whom_the_observers_namespace_does_not_know_is_not_told() {
    if !elsewhere::needs_root("looks out of a user namespace") {
        return;
    }
    let folder = support::folder();
    let look = |owner: &str| {
        let path = folder.path().join(owner);
        std::fs::write(&path, "").unwrap();
        support::run(Command::new("chown").arg(owner).arg(&path));
        let within = elsewhere::here().under(&["unshare", "--user", "--map-root-user"]);
        within.within(Duration::from_secs(60)).look("file", &json!({ "file": path }))
    };
    // One of each: an owner within, and a number that stands for all others.
    let seen = look("0:12345");
    assert_eq!((known(&seen, "uid"), text(&seen, "owner")), (&Value::from(0), "root"));
    let seen = look("12345:0");
    for fact in ["uid", "owner"] {
        assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{fact}: {seen:?}");
    }
    assert_eq!((known(&seen, "gid"), text(&seen, "mode")), (&Value::from(0), "644"));
}

#[tokio::test]
async fn a_file_is_described_with_digest_and_content() {
    let folder = support::folder();
    let path = folder.path().join("notes");
    std::fs::write(&path, "one\ntwo\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o4640)).unwrap();
    support::run(Command::new("touch").args(["-d", "2026-01-02T03:04:05.678901Z"]).arg(&path));
    let seen = look_at(&path).await;
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    for (fact, expected) in [("kind", "file"), ("mode", "4640"), ("target", ""), ("content", "one\ntwo\n")] {
        assert_eq!(text(&seen, fact), expected, "{fact}");
    }
    let at: jiff::Timestamp = "2026-01-02T03:04:05.678901Z".parse().unwrap();
    assert_eq!(known(&seen, "modified"), &Value::from(at));
    let sum = support::run(Command::new("sha256sum").arg(&path));
    assert_eq!(text(&seen, "sha256"), sum.split(' ').next().unwrap());
    assert_eq!(known(&seen, "size_bytes"), &Value::from(8));
    assert_eq!(known(&seen, "lines"), &Value::from(vec!["one", "two"]));
    let me = |flag| support::run(Command::new("id").arg(flag)).trim().to_owned();
    assert_eq!(known(&seen, "uid").as_f64().unwrap().to_string(), me("-u"));
    assert_eq!(text(&seen, "owner"), support::run(Command::new("stat").args(["-c", "%U"]).arg(&path)).trim());
    assert_eq!(text(&seen, "group"), support::run(Command::new("stat").args(["-c", "%G"]).arg(&path)).trim());
    let at: jiff::Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let age = jiff::Timestamp::now().duration_since(at).as_secs_f64();
    assert!((known(&seen, "age_s").as_f64().unwrap() - age).abs() < 60.0);
    // Its name says nothing of its format.
    assert_eq!(barrier(&seen, "parsed"), Barrier::Unsupported);
}

#[tokio::test]
async fn a_digest_is_taken_after_masking() {
    let folder = support::folder();
    let digested = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (
            path.clone(),
            support::run(Command::new("sha256sum").arg(&path)).split(' ').next().unwrap().to_owned(),
        )
    };
    // In base64 too; in what is no text; and across any two parts in which a long file is read.
    let in_base64 = support::run(Command::new("sh").args(["-c", "printf 'u:correct horse!' | base64"]));
    let long = |words: &str| vec![words; 40_000].join("......").into_bytes();
    for (name, held, masked) in [
        ("plain", b"password: correct horse\n".to_vec(), b"password: [secret words]\n".to_vec()),
        ("base64", in_base64.into_bytes(), b"dT[secret words]IQ==\n".to_vec()),
        ("binary", b"\xff\0correct horse\0".to_vec(), b"\xff\0[secret words]\0".to_vec()),
        ("long", long("correct horse"), long("[secret words]")),
    ] {
        let (path, raw) = digested(name, &held);
        let (_, expected) = digested("masked", &masked);
        let file = act("file", &json!({ "file": path }));
        let seen = look_with(file, &[("words", "correct horse")], Duration::from_secs(60)).await;
        assert_eq!(text(&seen, "sha256"), expected, "{name}");
        assert_ne!(expected, raw, "{name}");
    }
}

#[tokio::test]
async fn an_owner_without_a_name_is_a_number() {
    if !elsewhere::needs_root("a file of somebody without a name") {
        return;
    }
    let folder = support::folder();
    let path = folder.path().join("theirs");
    std::fs::write(&path, "").unwrap();
    std::os::unix::fs::chown(&path, Some(4_000_000), Some(4_000_001)).unwrap();
    let seen = look_at(&path).await;
    assert_eq!(text(&seen, "owner"), "4000000");
    assert_eq!(text(&seen, "group"), "4000001");
}

#[tokio::test]
async fn every_kind_of_file_is_named_and_none_is_waited_for() {
    let folder = support::folder();
    let path = |name: &str| folder.path().join(name);
    support::run(Command::new("mkfifo").arg(path("fifo")));
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    symlink("nowhere", path("symlink")).unwrap();
    std::fs::create_dir(path("directory")).unwrap();
    let mut kinds = vec![
        (path("fifo"), "fifo"),
        (path("socket"), "socket"),
        (path("symlink"), "symlink"),
        (path("directory"), "directory"),
        ("/dev/zero".into(), "character-device"),
    ];
    if elsewhere::needs_root("a block device") {
        support::run(Command::new("mknod").arg(path("block")).args(["b", "7", "250"]));
        kinds.push((path("block"), "block-device"));
    }
    for (path, kind) in kinds {
        let seen = look_at(&path).await;
        assert_eq!(text(&seen, "kind"), kind);
        // Reading a device may have effects, a pipe's would wait for a writer.
        for fact in ["content", "sha256", "lines", "parsed"] {
            assert_eq!(barrier(&seen, fact), Barrier::Unsupported, "{kind}: {fact}");
        }
    }
    assert_eq!(text(&look_behind(path("fifo")).await, "kind"), "fifo");
}

#[tokio::test]
async fn a_link_is_looked_at_itself_unless_the_plan_follows_it() {
    let folder = support::folder();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("file"), "content").unwrap();
    symlink("file", path("link")).unwrap();
    let seen = look_at(path("link")).await;
    assert_eq!(text(&seen, "kind"), "symlink");
    assert_eq!(text(&seen, "target"), "file");
    assert_eq!(barrier(&seen, "content"), Barrier::Unsupported);
    let seen = look_behind(path("link")).await;
    assert_eq!(text(&seen, "kind"), "file");
    assert_eq!(text(&seen, "content"), "content");

    symlink("nowhere", path("dangling")).unwrap();
    assert_eq!(known(&look_at(path("dangling")).await, "exists"), &Value::Bool(true));
    assert_eq!(known(&look_behind(path("dangling")).await, "exists"), &Value::Bool(false));

    symlink("two", path("one")).unwrap();
    symlink("one", path("two")).unwrap();
    assert_eq!(text(&look_at(path("one")).await, "target"), "two");
    // A loop is neither there nor absent.
    let seen = look_behind(path("one")).await;
    assert_eq!(barrier(&seen, "exists"), Barrier::Protocol, "{seen:?}");
}

#[tokio::test]
async fn what_is_not_there_is_a_fact() {
    let folder = support::folder();
    std::fs::write(folder.path().join("file"), "").unwrap();
    // The second cannot be there, because a part of its path is a file.
    for absent in ["nosuch", "file/nosuch", "nosuch/nosuch"] {
        let seen = look_at(folder.path().join(absent)).await;
        assert_eq!(known(&seen, "exists"), &Value::Bool(false), "{absent}");
        for fact in ["kind", "mode", "size_bytes", "content"] {
            assert_eq!(barrier(&seen, fact), Barrier::Unreachable, "{absent}: {fact}");
        }
    }
    for wrong in ["x".repeat(300), "\0".to_owned()] {
        let seen = look_at(folder.path().join(OsStr::from_bytes(wrong.as_bytes()))).await;
        let barrier = barrier(&seen, "exists");
        assert!(matches!(barrier, Barrier::Protocol | Barrier::Unsupported), "{seen:?}");
    }
}

#[test]
fn what_may_not_be_looked_at_is_behind_a_barrier() {
    let folder = support::folder();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("closed")).unwrap();
    std::fs::write(path("closed/file"), "secret").unwrap();
    std::fs::write(path("private"), "secret").unwrap();
    std::fs::set_permissions(path("closed"), PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::set_permissions(path("private"), PermissionsExt::from_mode(0o600)).unwrap();
    let Some(nobody) = elsewhere::as_nobody() else { return };
    // Its attributes are known to everybody, its content is not.
    let seen = nobody.look("file", &json!({ "file": path("private") }));
    assert_eq!(text(&seen, "mode"), "600");
    assert_eq!(known(&seen, "size_bytes"), &Value::from(6));
    for fact in ["content", "sha256", "lines", "parsed"] {
        assert_eq!(barrier(&seen, fact), Barrier::PermissionDenied, "{fact}");
    }
    // Not even whether it exists.
    for hidden in ["closed/file", "closed/nosuch"] {
        let seen = nobody.look("file", &json!({ "file": path(hidden) }));
        assert_eq!(barrier(&seen, "exists"), Barrier::PermissionDenied, "{hidden}");
        assert!(seen.facts.is_empty());
    }
}

#[tokio::test]
async fn yaml_json_toml_and_ini_are_parsed() {
    let folder = support::folder();
    let number = || Value::Map([("port".to_owned(), Value::from(8003))].into());
    let string = || Value::Map([("port".to_owned(), Value::from("8003"))].into());
    for (name, content, server) in [
        ("a.yaml", "server:\n  port: 8003\n", number()),
        ("a.yml", "server: {port: 8003}", number()),
        ("a.json", r#"{"server": {"port": 8003}}"#, number()),
        ("a.toml", "[server]\nport = 8003\n", number()),
        ("a.ini", "; comment\n[server]\nport = 8003\n", string()),
        ("a.service", "[server]\nport=8003\n", string()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let expected = Value::Map([("server".to_owned(), server)].into());
        assert_eq!(known(&look_at(&path).await, "parsed"), &expected, "{name}");
    }
    let path = folder.path().join("plain");
    std::fs::write(&path, "before = section\n[unit]\nExecStart = /bin/a \"b c\" \\n\n").unwrap();
    let seen = look(act("file", &json!({ "file": path, "format": "ini" }))).await;
    let section = |key: &str, value: &str| Value::Map([(key.to_owned(), Value::from(value))].into());
    let expected = [
        (String::new(), section("before", "section")),
        ("unit".to_owned(), section("ExecStart", "/bin/a \"b c\" \\n")),
    ];
    assert_eq!(known(&seen, "parsed"), &Value::Map(expected.into()));
}

#[tokio::test]
async fn what_does_not_parse_is_behind_a_barrier_and_the_rest_is_not() {
    let folder = support::folder();
    let deep = "[".repeat(100_000);
    let bomb = (0..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        format!("{text}a{}: &a{} [*a{n}, *a{n}, *a{n}, *a{n}]\n", n + 1, n + 1)
    });
    for (name, content) in [
        ("a.yaml", "a: [1"),
        ("b.yaml", deep.as_str()),
        ("c.yaml", bomb.as_str()),
        ("a.json", "{\"a\": 1,}"),
        ("b.json", deep.as_str()),
        ("c.json", ""),
        ("a.toml", "a = \n"),
        ("b.toml", deep.as_str()),
        ("a.ini", "[server\nport"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let seen = look_at(&path).await;
        // Of JSON it is told before it is parsed.
        let expected = if name == "b.json" { Barrier::TooLarge } else { Barrier::Protocol };
        assert_eq!(barrier(&seen, "parsed"), expected, "{name}");
        assert_eq!(known(&seen, "size_bytes"), &Value::from(content.len() as i64));
        assert_eq!(text(&seen, "content"), content);
    }
}

#[tokio::test]
async fn a_long_file_has_a_digest_and_its_content_is_not_shown_in_part() {
    let folder = support::folder();
    let path = folder.path().join("long.json");
    std::fs::write(&path, vec![b'x'; 20 << 20]).unwrap();
    let seen = look_at(&path).await;
    assert_eq!(known(&seen, "size_bytes"), &Value::from(20 << 20));
    let sum = support::run(Command::new("sha256sum").arg(&path));
    assert_eq!(text(&seen, "sha256"), sum.split(' ').next().unwrap());
    for fact in ["content", "lines", "parsed"] {
        assert_eq!(barrier(&seen, fact), Barrier::TooLarge, "{fact}");
    }
}

#[tokio::test]
async fn what_is_not_utf_8_is_not_text() {
    let folder = support::folder();
    let path = folder.path().join("a.json");
    std::fs::write(&path, b"\"\xff\"").unwrap();
    let seen = look_at(&path).await;
    assert_eq!(text(&seen, "sha256").len(), 64);
    for fact in ["content", "lines", "parsed"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}");
    }
    // Neither need the place be to which a link leads: in what is shown of it, two of them might not differ.
    symlink(OsStr::from_bytes(b"\xff\x1b[2J"), folder.path().join("link")).unwrap();
    let seen = look_at(folder.path().join("link")).await;
    assert_eq!((text(&seen, "kind"), barrier(&seen, "target")), ("symlink", Barrier::Protocol));
}

#[tokio::test]
async fn a_hostile_name_and_content_are_kept_as_text() {
    let folder = support::folder();
    let name = format!("two\nlines {}", HOSTILE.replace('/', "\u{2215}"));
    let path = folder.path().join(name);
    std::fs::write(&path, HOSTILE).unwrap();
    let seen = look_at(&path).await;
    assert_eq!(text(&seen, "content"), HOSTILE);
    symlink(HOSTILE, folder.path().join("link")).unwrap();
    assert_eq!(text(&look_at(folder.path().join("link")).await, "target"), HOSTILE);
}

/// Waits until one of our descriptors leads there, and says which.
fn until_open(path: &Path) -> std::path::PathBuf {
    let mut found = None;
    let reads = |at: &Path| std::fs::read_link(at).is_ok_and(|target| target == path) && may_read(at);
    support::until("the file is being read", || {
        let mut all =
            std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
        found = all.find(|at| reads(at));
        found.is_some()
    });
    found.unwrap()
}

/// Whether a descriptor is for reading, rather than for holding the file only (`O_PATH`).
fn may_read(descriptor: &Path) -> bool {
    let name = descriptor.file_name().unwrap().to_str().unwrap();
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{name}")).unwrap_or_default();
    let flags =
        info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & rustix::fs::OFlags::PATH.bits() == 0)
}

/// A file of many bytes that take no room.
fn sparse(folder: &Path, bytes: u64) -> std::path::PathBuf {
    let path = folder.join("sparse");
    std::fs::File::create(&path).unwrap().set_len(bytes).unwrap();
    path
}

#[test]
fn one_look_is_of_one_file_though_another_takes_its_place() {
    let folder = support::folder();
    let path = |name: &str| folder.path().join(name);
    for (name, mode) in [("closed", 0o600), ("open", 0o666)] {
        std::fs::write(path(name), name).unwrap();
        std::fs::set_permissions(path(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    std::fs::hard_link(path("closed"), path("it")).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    let sequence = std::sync::atomic::Ordering::SeqCst;
    let mut told = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for name in ["open", "closed"].iter().cycle() {
                std::fs::hard_link(path(name), path("next")).unwrap();
                std::fs::rename(path("next"), path("it")).unwrap();
                // Renaming over another name of the same file does nothing.
                _ = std::fs::remove_file(path("next"));
                if over.load(sequence) {
                    break;
                }
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let looks = async {
            for _ in 0..1000 {
                let seen = look_at(path("it")).await;
                let Some(mode) = seen.facts.get("mode") else {
                    assert_eq!(barrier(&seen, "mode"), Barrier::Changed);
                    continue;
                };
                told += 1;
                let expected = if text(&seen, "content") == "open" { "666" } else { "600" };
                assert_eq!(mode.as_text(), Some(expected));
            }
        };
        let looks = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(looks)));
        over.store(true, sequence);
        looks.unwrap();
    });
    assert!(told > 0, "nothing was seen");
}

#[tokio::test]
async fn what_changes_under_the_look_is_not_seen() {
    let folder = support::folder();
    let path = sparse(folder.path(), 1 << 30);
    let while_read = |change: &dyn Fn()| {
        std::thread::scope(|scope| {
            let look = scope.spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(look_at(&path))
            });
            until_open(&path);
            change();
            look.join().unwrap()
        })
    };
    // More of it: its content is of no one moment; whose it is, is.
    let seen = while_read(&|| {
        std::io::Write::write_all(&mut std::fs::File::options().append(true).open(&path).unwrap(), b"x")
            .unwrap();
    });
    for fact in ["sha256", "content", "lines", "size_bytes"] {
        assert_eq!(barrier(&seen, fact), Barrier::Changed, "{fact}");
    }
    assert_eq!(text(&seen, "mode"), "644");
    // Another mode: nothing says what was read under which.
    let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    let seen = while_read(&|| mode(0o600));
    assert_eq!(known(&seen, "exists"), &Value::Bool(true));
    for fact in ["mode", "owner", "uid", "sha256", "size_bytes"] {
        assert_eq!(barrier(&seen, fact), Barrier::Changed, "{fact}");
    }
    // Another file: neither is what stands at the path.
    let seen = while_read(&|| {
        std::fs::write(folder.path().join("other"), "other").unwrap();
        std::fs::rename(folder.path().join("other"), &path).unwrap();
    });
    for fact in ["mode", "sha256"] {
        assert_eq!(barrier(&seen, fact), Barrier::Changed, "{fact}");
    }
    assert_eq!(text(&look_at(&path).await, "content"), "other");
}

#[tokio::test]
async fn what_cannot_be_read_in_time_is_left_and_the_rest_is_known() {
    let folder = support::folder();
    let path = sparse(folder.path(), 1 << 40);
    let seen = look_with(act("file", &json!({ "file": path })), &[], Duration::from_millis(200)).await;
    assert_eq!(known(&seen, "size_bytes"), &Value::from(1_i64 << 40));
    assert_eq!(text(&seen, "kind"), "file");
    assert_eq!(known(&seen, "acl"), &Value::List(Vec::new()));
    for (fact, format) in [("owner", "%U"), ("group", "%G")] {
        let expected = support::run(Command::new("stat").args(["-c", format]).arg(&path));
        assert_eq!(text(&seen, fact), expected.trim(), "{fact}");
    }
    for fact in ["sha256", "content"] {
        assert_eq!(barrier(&seen, fact), Barrier::TimedOut, "{fact}");
    }
    support::until("nobody reads any more", || {
        let all = std::fs::read_dir("/proc/self/fd").unwrap();
        !all.filter_map(Result::ok).any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to == path))
    });
}

#[tokio::test]
async fn a_file_of_the_future_has_no_age() {
    let folder = support::folder();
    let path = folder.path().join("tomorrow");
    std::fs::write(&path, "").unwrap();
    support::run(Command::new("touch").args(["-d", "tomorrow"]).arg(&path));
    let seen = look_at(&path).await;
    for fact in ["modified", "age_s"] {
        assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{fact}");
    }
    assert_eq!(known(&seen, "size_bytes"), &Value::from(0));
}

#[tokio::test]
async fn what_protects_a_file_beside_its_mode_is_seen() {
    if !elsewhere::needs_root("a file with an access control list, capabilities and flags") {
        return;
    }
    // A file system that keeps all of these.
    let folder = support::folder();
    let path = folder.path().join("it");
    std::fs::write(&path, "").unwrap();
    let seen = look_at(&path).await;
    let nothing = Value::List(Vec::new());
    assert_eq!(known(&seen, "acl"), &nothing);
    assert_eq!(known(&seen, "capabilities"), &nothing);

    // As `setfacl -m u:nobody:r` leaves it: owner, nobody, group, mask, others.
    let owner = u32::MAX;
    let entries = [(1, 6, owner), (2, 4, 65534), (4, 4, owner), (0x10, 4, owner), (0x20, 0, owner)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, number) in entries {
        list.extend([u16::to_le_bytes(tag), u16::to_le_bytes(rights)].concat());
        list.extend(u32::to_le_bytes(number));
    }
    let none = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&path, "system.posix_acl_access", &list, none).unwrap();
    support::run(Command::new("setcap").arg("cap_net_raw,cap_net_bind_service+ep").arg(&path));
    let seen = look_at(&path).await;
    assert_eq!(text(&seen, "mode"), "640", "what the mode says of others is not all");
    assert_eq!(known(&seen, "acl"), &Value::from(vec!["user:65534:r--"]));
    assert_eq!(known(&seen, "capabilities"), &Value::from(vec!["cap_net_bind_service=ep", "cap_net_raw=ep"]));
    for (fact, letter) in [("immutable", "i"), ("append_only", "a")] {
        let flag =
            |sign: &str| Command::new("chattr").arg(format!("{sign}{letter}")).arg(&path).output().unwrap();
        let output = flag("+");
        if !output.status.success() {
            eprintln!("SKIPPED: {fact}: {}", String::from_utf8_lossy(&output.stderr));
            continue;
        }
        let seen = look_at(&path).await;
        flag("-");
        assert_eq!(known(&seen, fact), &Value::Bool(true));
        assert_eq!(known(&look_at(&path).await, fact), &Value::Bool(false));
    }
}

#[test]
fn a_file_system_that_hangs_is_timed_out() {
    if !elsewhere::needs_root("a file system that hangs") {
        return;
    }
    let folder = support::folder();
    // A FUSE file system whose server never says a word: the process that looks holds its descriptor.
    let mount = format!(
        "exec 9<>/dev/fuse && mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 none {} && exec \"$@\"",
        folder.path().display()
    );
    let seen = elsewhere::here()
        .under(&["unshare", "--mount", "sh", "-c", &mount, "sh"])
        .within(Duration::from_millis(300))
        .look("file", &json!({ "file": folder.path().join("file") }));
    assert_eq!(barrier(&seen, "exists"), Barrier::TimedOut, "{seen:?}");
}
