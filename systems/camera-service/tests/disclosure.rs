//! Who is told what: viewers and operators learn neither where a camera is, nor who its user is, nor what ffmpeg says; what changes something is
//! on record, by its declaration.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;

use camera_access::Role;
use camera_service::contract::METHODS;
use serde_json::{Value, json};
use support::{Installation, PATIENCE, http, token};

const SECRETS: [&str; 6] = ["127.0.0.1:1/", "root", "hunter2", "ffmpeg", "Connection refused", "setpriv"];

fn learns(text: &str) -> Option<&'static str> {
    SECRETS.into_iter().find(|secret| text.contains(secret))
}

#[tokio::test]
async fn only_administrators_learn_why_in_the_machine_s_words() {
    let installation = Installation::new(
        "cameras:\n  - { name: door, source: \"rtsp://root:hunter2@127.0.0.1:1/stream\" }\n",
    );
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    let until = std::time::Instant::now() + PATIENCE;
    loop {
        let status = admin.succeed("get_camera_status", json!({ "device": "door" })).await;
        if status["reason"].as_str().is_some_and(|reason| reason.contains("Connection refused")) {
            break;
        }
        assert!(std::time::Instant::now() < until, "{status}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let topics = json!({ "topics": camera_service::contract::Topic::ALL });
    for role in [Role::Viewer, Role::Operator] {
        let mut listener = service.client(role).await;
        listener.succeed("subscribe_events", topics.clone()).await;
        let allowed = METHODS.iter().filter(|method| method.role.is_none_or(|least| role >= least));
        let allowed = allowed.filter(|method| !matches!(method.name, "authenticate" | "unsubscribe_events"));
        // Side by side, since several wait for a camera that does not come.
        futures_util::future::join_all(allowed.map(async |method| {
            let mut client = service.client(role).await;
            let answer = match method.name {
                "subscribe_events" => client.call(method.name, topics.clone()).await,
                "get_recording_info" | "get_snapshot_info" | "delete_recording" | "delete_snapshot" => {
                    client.call(method.name, json!({ "filename": "x" })).await
                }
                _ => {
                    let with_device = client.call(method.name, json!({ "device": "door" })).await;
                    assert_eq!(learns(&with_device.to_string()), None, "{}: {with_device}", method.name);
                    client.call(method.name, json!({})).await
                }
            };
            assert_eq!(learns(&answer.to_string()), None, "{} by {role}: {answer}", method.name);
            assert!(answer["error"]["data"]["detail"].is_null(), "{answer}");
        }))
        .await;
        // The stream was stopped and started again: subscribers are told, and why it fails.
        if role == Role::Operator {
            let told = listener.notification("camera_status_update").await;
            assert_eq!(learns(&told.to_string()), None, "{told}");
        }
    }
    // Another connection: the first one left pings unanswered meanwhile.
    let mut admin = service.client(Role::Admin).await;
    let start = admin.call("start_streaming", json!({ "device": "door" })).await;
    assert!(
        start["error"]["data"]["detail"].as_str().unwrap().contains("no picture came from door"),
        "{start}"
    );
    assert!(!start.to_string().contains("hunter2"));
}

#[tokio::test]
async fn every_call_that_is_declared_to_change_something_is_on_record_however_it_ends() {
    let installation = Installation::new("cameras: []\n");
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    let params = |name: &str| match name {
        "delete_recording" | "delete_snapshot" => json!({ "filename": "x.mp4" }),
        "add_camera" => json!({ "name": "x", "source": "file:///etc/passwd" }),
        "modify_config" => json!({ "patch": { "x": 1 } }),
        "set_retention_policy" => json!({ "policy": "age" }),
        "cleanup_old_files" => json!({}),
        _ => json!({ "device": "nothing" }),
    };
    let mut expected = Vec::new();
    for method in METHODS {
        let Some(event) = method.audit else { continue };
        admin.call(method.name, params(method.name)).await;
        expected.push((json!(event), method.name));
    }
    assert_eq!(expected.len(), 12);
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (event, name) in expected {
        let found =
            lines.iter().filter(|line| line["what"].as_str().unwrap().split(' ').next() == Some(name));
        let found: Vec<&Value> = found.collect();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!((&found[0]["event"], &found[0]["who"]), (&event, &json!("test-admin")));
    }
}

#[tokio::test]
async fn another_name_in_host_is_refused_and_links_begin_with_the_one_that_was_used() {
    let server = "server: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", host_names: [camera.lan] }\n";
    let installation = Installation::new(&format!("{server}cameras: []\n"));
    std::fs::write(installation.path().join("recordings/a#b?c.mp4"), "x").unwrap();
    let service = installation.start();
    // What support::http sends as Host is the address; a second one would make two.
    let ask = async |address: std::net::SocketAddr, host: &str| {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let path = if address == service.health { "/metrics" } else { "/" };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text.split(' ').nth(1).unwrap().to_owned()
    };
    for address in [service.clients, service.health] {
        for (host, status) in [
            ("evil.example", "421"),
            ("evil.example:8002", "421"),
            ("127.0.0.1.evil.example", "421"),
            ("camera.lan:8002", "200"),
            ("localhost", "200"),
            ("127.0.0.1", "200"),
        ] {
            assert_eq!(ask(address, host).await, status, "{host}");
        }
    }
    let mut viewer = support::Client::connect(&format!("ws://localhost:{}/ws", service.clients.port())).await;
    viewer.succeed("authenticate", json!({ "auth_token": token(Role::Viewer) })).await;
    let list = viewer.succeed("list_recordings", json!({})).await;
    let link = list["files"][0]["download_url"].as_str().unwrap();
    let begin =
        format!("http://localhost:{}/files/recordings/a%23b%3Fc.mp4?expires=", service.clients.port());
    assert!(link.starts_with(&begin), "{link}");
    let path = &link[link.find("/files").unwrap()..];
    assert_eq!(http(service.clients, path, &[]).await.0, 200, "such a name is signed");
}

#[tokio::test]
async fn scripts_of_allowed_pages_read_files_and_live_pictures_and_others_do_not() {
    let server = "server: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", allowed_origins: [\"https://app.example.org\"] }\n";
    let installation = Installation::new(&format!(
        "{server}cameras:\n  - {{ name: front, source: \"test:pattern\", resolution: 160x120, fps: 5 }}\n"
    ));
    std::fs::write(installation.path().join("recordings/x.mp4"), "0123456789").unwrap();
    let service = installation.start();
    let mut viewer = service.client(Role::Viewer).await;
    service.camera_delivers(&mut viewer, "front").await;
    let list = viewer.succeed("list_recordings", json!({})).await;
    let live = viewer.succeed("get_stream_url", json!({ "device": "front" })).await;
    let path = |link: &Value| {
        let link = link.as_str().unwrap();
        link[link.find(&service.clients.to_string()).unwrap() + service.clients.to_string().len()..]
            .to_owned()
    };
    for link in [path(&list["files"][0]["download_url"]), path(&live["stream_url"])] {
        for (origin, allowed) in [("https://app.example.org", true), ("https://evil.example", false)] {
            let (status, head, _) =
                http(service.clients, &link, &[("Origin", origin), ("Range", "bytes=0-3")]).await;
            assert!(status == 200 || status == 206, "{head}");
            assert_eq!(
                head.contains("access-control-allow-origin: https://app.example.org"),
                allowed,
                "{head}"
            );
            assert!(!head.contains("access-control-allow-credentials"), "{head}");
        }
        // What a browser asks before it sends a token in a header.
        let asked = [
            ("Origin", "https://app.example.org"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "authorization,range"),
        ];
        let (status, head, _) = support::request("OPTIONS", service.clients, &link, &asked).await;
        assert!(
            status == 200 && head.contains("access-control-allow-headers: authorization,range,x-api-key"),
            "{head}"
        );
    }
    let (_, head, _) = http(service.clients, "/", &[("Origin", "https://app.example.org")]).await;
    assert!(!head.contains("access-control") && !head.contains("strict-transport-security"), "{head}");
}
