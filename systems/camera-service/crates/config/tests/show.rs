//! The configuration shown again, changed while running, and documented: without passwords, and without drifting apart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use camera_config::{CHANGEABLE, Config, Environment, Source, apply_patch, needs_restart, parse, reference};
use serde_json::{Value, json};

fn read(text: &str) -> Config {
    parse(text, "c.yaml", &Environment::new()).unwrap()
}

fn keys(value: &Value, prefix: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            entries.iter().for_each(|(name, value)| keys(value, &format!("{prefix}.{name}"), found));
        }
        _ => found.push(prefix.trim_start_matches('.').into()),
    }
}

#[test]
fn a_source_never_shows_its_password() {
    for (text, shown) in [
        ("rtsp://viewer:hunter2@10.0.0.9:554/s/1", "rtsp://viewer:***@10.0.0.9:554/s/1"),
        ("rtsps://:hunter2@h/", "rtsps://:***@h/"),
        ("rtsp://viewer:hun@ter2@h/s", "rtsp://viewer:***@h/s"),
        ("http://hunter2@h/s", "http://***@h/s"),
        ("https://h/video?user=u&pwd=hunter2&hunter2", "https://h/video?user=***&pwd=***&***"),
        ("http://h/s#hunter2", "http://h/s"),
        ("rtsp://[2001:db8::1]/s", "rtsp://[2001:db8::1]/s"),
        ("/dev/video0", "/dev/video0"),
        ("test:pattern", "test:pattern"),
    ] {
        let source: Source = text.parse().unwrap();
        assert_eq!(source.clear(), text);
        assert_eq!(source.to_string(), shown);
        assert_eq!(format!("{source:?}"), shown);
        assert_eq!(serde_json::to_value(&source).unwrap(), json!(shown));
    }
    for text in [
        "",
        "test:",
        "test:a;b",
        "/dev/video",
        "/dev/video0/../sda",
        "/dev/video300",
        "rtsp://",
        "rtsp:///x",
        "rtsp://h/a b",
        "concat:x",
        "-i",
    ] {
        assert!(text.parse::<Source>().is_err(), "{text}");
    }
}

const WITH_PASSWORD: &str = "
cameras: [{ name: a, source: 'rtsp://u:hunter2@h/s?token=hunter2' }]
audit_log: /var/$$odd/audit.jsonl
";

#[test]
fn what_is_shown_holds_every_key_and_no_password() {
    let config = read(WITH_PASSWORD);
    for shown in [config.render(), config.effective().to_string(), format!("{config:?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("rtsp://u:***@h/s?token=***"), "{shown}");
    }
    assert_eq!(config.effective()["storage"]["rotate"], json!({ "every": "1 h", "size": "1 GB" }));
    assert!(
        config.render().contains("\n    policy: age\n    age: 30 d\n    size: 50 GB\n"),
        "{}",
        config.render()
    );
}

#[test]
fn what_is_rendered_is_read_again_as_the_same() {
    for text in [
        "",
        "audit_log: '/a $$ b/: #c'",
        "server: {listen: '[::]:1', tls: {certificate: /c, key: /k}, allowed_origins: ['https://a.example:8443']}",
        "cameras: [{name: '0', source: test:pattern, resolution: 640x480, fps: 5, encode: h264}]\ndiscovery: {devices: '3', networks: ['fe80::/112']}",
        "media: {mediamtx: {user: 'null'}}\nlog: {file: '/tmp/yes'}",
    ] {
        let config = read(text);
        assert_eq!(read(&config.render()), config, "{}", config.render());
    }
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else_and_passwords_survive() {
    let config = read(WITH_PASSWORD);
    let patch = json!({ "storage": { "warn": "70 %", "retention": { "policy": "size", "size": "0.5 GB" } }, "log": { "level": "debug" } });
    let changed = apply_patch(&config, &patch).unwrap();
    assert_eq!(needs_restart(&config, &changed), [""; 0]);
    let mut expected = config.clone();
    expected.storage.warn = "70 %".parse().unwrap();
    expected.storage.retention.policy = camera_config::Policy::Size;
    expected.storage.retention.size = "500 MB".parse().unwrap();
    expected.log.level = camera_config::LogLevel::Debug;
    assert_eq!(changed, expected);
    assert_eq!(changed.cameras[0].source.clear(), "rtsp://u:hunter2@h/s?token=hunter2");
    assert_eq!(apply_patch(&config, &json!({ "storage.warn": "70 %" })).unwrap().storage.warn.get(), 70);
    // `null` is the default again.
    let back = apply_patch(&changed, &json!({ "storage": { "warn": null } })).unwrap();
    assert_eq!(back.storage.warn.get(), 80);
}

#[test]
fn a_patch_says_what_is_felt_after_a_restart_only() {
    let config = Config::default();
    let patch =
        json!({ "server": { "max_connections": 10, "max_message": "1 MiB" }, "limits": { "burst": 30 } });
    let changed = apply_patch(&config, &patch).unwrap();
    assert_eq!(
        needs_restart(&config, &changed),
        ["server.max_connections"],
        "what has the same value needs none"
    );
    let later = apply_patch(&changed, &json!({ "limits": { "burst": 40 } })).unwrap();
    assert_eq!(needs_restart(&config, &later), ["server.max_connections"], "it is not in force yet");
    let back = apply_patch(&later, &json!({ "server": { "max_connections": null } })).unwrap();
    assert_eq!(needs_restart(&config, &back), [""; 0]);
    assert_eq!((changed.server.max_connections.get(), changed.limits.burst.get()), (10, 30));
    assert_eq!(apply_patch(&config, &json!({})).unwrap(), config);
}

#[test]
fn a_patch_that_is_wrong_is_refused_as_a_whole_with_its_reason() {
    let list = CHANGEABLE.iter().map(|changeable| changeable.key).collect::<Vec<_>>().join(", ");
    let fixed = |key: &str| {
        format!(
            "`{key}` cannot be changed while the service runs: change it in the configuration file and restart. What can be changed: {list}"
        )
    };
    for (patch, expected) in [
        (json!({ "media": { "ffmpeg": "/tmp/evil" } }), fixed("media.ffmpeg")),
        (json!({ "server": { "tls": { "key": "/k" } } }), fixed("server.tls.key")),
        (json!({ "server": { "tls": null } }), fixed("server.tls")),
        (json!({ "cameras": [] }), fixed("cameras")),
        (json!({ "security": null }), fixed("security")),
        (json!({ "storage": { "warm": "70 %" } }), "unknown key `storage.warm`; did you mean `storage.warn`?".into()),
        (json!({ "storage/warn": "70 %" }), "unknown key `storage/warn`; did you mean `storage.warn`?".into()),
        (json!({ "storage": { "warn": 70 } }), "`storage.warn`: invalid type: integer `70`, expected a percentage such as \"80 %\"".into()),
        (json!({ "storage": { "warn": "0.7" } }), "`storage.warn`: `0.7` is not a percentage: write a whole number from 1 to 100 and `%`, such as \"80 %\"".into()),
        (json!({ "storage": { "warn": "95 %" } }), "`storage.warn`: 95 % is not below `block`, 90 %: a warning must come before".into()),
        (json!({ "limits": { "burst": 0 } }), "`limits.burst`: invalid value: integer `0`, expected a nonzero u32".into()),
        (json!({ "limits": { "burst": { "x": 1 } } }), "unknown key `limits.burst.x`; known here: ".to_owned() + &list),
        (json!([1]), "a patch is an object such as {\"storage\": {\"warn\": \"70 %\"}}".into()),
        (json!(null), "a patch is an object such as {\"storage\": {\"warn\": \"70 %\"}}".into()),
    ] {
        let error = apply_patch(&Config::default(), &patch).unwrap_err().to_string();
        if expected.contains("known here: ") { assert!(error.contains("limits.burst.x"), "{error}") } else { assert_eq!(error, expected) }
    }
}

#[test]
fn each_changeable_key_exists_and_none_is_listed_twice() {
    let mut known = vec![];
    keys(&Config::default().effective(), "", &mut known);
    for changeable in CHANGEABLE {
        assert!(known.iter().any(|key| key == changeable.key), "{}", changeable.key);
    }
    assert!(CHANGEABLE.windows(2).all(|pair| pair[0].key < pair[1].key), "sorted, each once");
}

#[test]
fn the_reference_has_every_key_with_its_default_and_no_line_twice() {
    let page = reference();
    let mut known = vec![];
    keys(&Config::default().effective(), "", &mut known);
    for key in known
        .iter()
        .filter(|key| !["cameras", "server.tls", "server.trusted_proxies"].contains(&key.as_str()))
    {
        assert_eq!(page.matches(&format!("\n| `{key}` | ")).count(), 1, "{key}");
    }
    for row in [
        "| `storage.warn` | `80 %` | From this much of the disk in use, a warning is given. Below `block`. *running* |",
        "| `server.max_connections` | `2500` | Connections at once, all clients together, that have proved who they are; half as many more that have not. *restart* |",
        "| `server.public_url` | not set | ",
        "| `discovery.networks` | none | ",
        "| `cameras[].name` | required | ",
        "| `cameras[].fps` | not set | ",
        "| `server.tls.certificate` | required | ",
        "| `server.tls.client_ca` | not set | ",
        "| `discovery.v4l2` | `true` | ",
        "| `media.engine` | `embedded` | Who serves the streams. `embedded`: The service itself, with ffmpeg alone. `mediamtx`: A MediaMTX server beside it. |",
    ] {
        assert!(page.contains(row), "no {row} in\n{page}");
    }
    assert!(
        page.lines()
            .filter(|line| line.starts_with('|'))
            .all(|line| line.matches(" | ").count() == 2 || line.starts_with("|--")),
        "{page}"
    );
    let (mut sections, mut unique) = (
        page.matches("\n## ").count(),
        page.lines().filter(|line| line.starts_with("## ")).collect::<Vec<_>>(),
    );
    unique.dedup();
    assert_eq!(std::mem::take(&mut sections), unique.len());
}
