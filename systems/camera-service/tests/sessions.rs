//! Who is let in, for how long, how often: each of these is something that people suffered from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::process::Command;
use std::time::Duration;

use camera_access::Role;
use serde_json::json;
use support::{Installation, http, token, token_until};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

#[test]
fn without_a_secret_it_does_not_start_and_says_how_to_make_one() {
    let installation = Installation::new("cameras: []\n");
    let refused = |installation: &Installation| {
        let output = installation.command().arg("run").output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    installation.write_private(".env", "");
    let said = refused(&installation);
    assert!(said.contains("CAMERA_SERVICE_JWT_SECRET") && said.contains("/dev/urandom"), "{said}");
    installation.write_private(".env", "CAMERA_SERVICE_JWT_SECRET=secret\n");
    assert!(refused(&installation).contains("at least 32"));
    for published in ["edge-device-secret-key-change-in-production", "dev-secret-change-me"] {
        installation.write_private(".env", &format!("CAMERA_SERVICE_JWT_SECRET={published}\n"));
        let said = refused(&installation);
        assert!(said.contains(published) && said.contains("published"), "{said}");
    }
    installation.write_private(".env", &format!("CAMERA_SERVICE_JWT_SECRET='{}'\n", support::SECRET));
    let file = installation.path().join(".env");
    assert!(Command::new("chmod").arg("644").arg(&file).status().unwrap().success());
    assert!(refused(&installation).contains("chmod 600"));
}

#[tokio::test]
async fn an_expired_session_is_told_so_and_closed_and_gets_no_more_events() {
    let installation = Installation::new("cameras: []\n");
    let service = installation.start();
    let mut client = service.connect().await;
    let credential = json!({ "auth_token": token_until(Role::Admin, Duration::from_secs(2)) });
    client.succeed("authenticate", credential.clone()).await;
    client.succeed("subscribe_events", json!({ "topics": ["camera.connected"] })).await;
    // It ends by itself, without a call.
    match client.next_message().await {
        Message::Close(Some(frame)) => {
            assert_eq!(u16::from(frame.code), 1008);
            assert!(frame.reason.contains("expired"), "{}", frame.reason);
        }
        message => panic!("{message:?} came"),
    }
    let mut client = service.connect().await;
    assert_eq!(client.refused("authenticate", credential).await, -32001, "and cannot be had again");
}

#[tokio::test]
async fn guessing_is_limited_and_reconnecting_changes_nothing() {
    let limits = "cameras: []\nlimits: { authentications_per_minute: 1, authentication_burst: 3 }\n";
    let installation = Installation::new(limits);
    let service = installation.start();
    for _ in 0..3 {
        let mut client = service.connect().await;
        assert_eq!(client.refused("authenticate", json!({ "auth_token": "a.b.c" })).await, -32001);
    }
    let mut client = service.connect().await;
    let answer = client.call("authenticate", json!({ "auth_token": "a.b.c" })).await;
    assert_eq!(answer["error"]["code"], -32040, "{answer}");
    assert!(
        answer["error"]["data"]["retry_after"].as_u64().is_some_and(|seconds| (1..=60).contains(&seconds)),
        "{answer}"
    );
    assert_eq!(client.succeed("ping", json!({})).await, "pong", "others of that address are served");
    // And whoever has a good credential is let in, as often as they come.
    for _ in 0..10 {
        service.client(Role::Admin).await;
    }
}

/// Keys are hashed dearly, so that looking at them could be what shuts others out.
#[tokio::test]
async fn who_guesses_a_key_locks_out_neither_that_key_nor_others_and_costs_no_hash() {
    let limits = "cameras: []\nlimits: { authentications_per_minute: 1, authentication_burst: 3 }\n";
    let installation = Installation::new(limits);
    let new = ["api-key", "new", "--name", "script", "--role", "viewer"];
    let key = String::from_utf8(installation.command().args(new).output().unwrap().stdout).unwrap();
    let key = key.trim().to_owned();
    let service = installation.start();
    let wrong = format!("{}{}", &key[..key.len() - 8], "00000000");
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(service.connect().await.refused("authenticate", json!({ "auth_token": wrong })).await);
        let header = [("X-API-Key", &*wrong)];
        assert_ne!(http(service.clients, "/files/recordings/x", &header).await.0, 404);
    }
    assert_eq!((codes[0], codes[7]), (-32001, -32040));
    let mut client = service.connect().await;
    client.succeed("authenticate", json!({ "auth_token": key })).await;
    let (status, ..) = http(service.clients, "/files/recordings/x", &[("X-API-Key", &key)]).await;
    assert_eq!(status, 404, "the key opens the door, and there is no such file");
}

#[tokio::test]
async fn a_call_is_charged_once_to_its_identity_wherever_it_comes_from() {
    let installation = Installation::new("cameras: []\nlimits: { requests_per_minute: 1, burst: 4 }\n");
    let service = installation.start();
    let mut one = service.client(Role::Viewer).await;
    let mut two = service.client(Role::Viewer).await;
    for client in [&mut one, &mut two] {
        client.succeed("ping", json!({})).await;
        client.succeed("get_camera_list", json!({})).await;
    }
    assert_eq!(one.refused("ping", json!({})).await, -32040, "four calls are four charges");
    let mut again = service.client(Role::Viewer).await;
    assert_eq!(again.refused("ping", json!({})).await, -32040, "a new connection is the same identity");
    let mut admin = service.client(Role::Admin).await;
    admin.succeed("ping", json!({})).await;
}

#[tokio::test]
async fn whoever_signs_in_again_and_again_is_refused_and_does_not_fill_the_record() {
    let installation = Installation::new("cameras: []\nlimits: { requests_per_minute: 1, burst: 4 }\n");
    let service = installation.start();
    let credential = json!({ "auth_token": token(Role::Viewer) });
    let mut client = service.connect().await;
    for _ in 0..4 {
        client.succeed("authenticate", credential.clone()).await;
    }
    assert_eq!(client.refused("authenticate", credential.clone()).await, -32040);
    let mut again = service.connect().await;
    assert_eq!(again.refused("authenticate", credential).await, -32040, "wherever they come from");
    client.succeed("ping", json!({})).await;
    service.client(Role::Admin).await;
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    let sign_ins = audit.lines().filter(|line| line.contains(r#""event":"authentication""#)).count();
    assert_eq!(sign_ins, 5, "four of one and one of another: {audit}");
}

#[tokio::test]
async fn a_page_of_somebody_else_may_not_connect() {
    let installation = Installation::new(
        "server: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", public_url: \"https://cameras.example.org/here\" }\n\
         cameras: []\n",
    );
    let service = installation.start();
    let connect = async |origin: &str| {
        let mut request = format!("ws://{}/ws", service.clients).into_client_request().unwrap();
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        tokio_tungstenite::connect_async(request).await.map(drop).map_err(|error| match error {
            Error::Http(answer) => answer.status().as_u16(),
            other => panic!("{other}"),
        })
    };
    assert_eq!(connect("https://evil.example").await, Err(403));
    assert_eq!(connect(&format!("http://{}.evil.example", service.clients)).await, Err(403));
    assert_eq!(connect(&format!("http://{}", service.clients)).await, Ok(()));
    assert_eq!(connect("https://cameras.example.org").await, Ok(()), "the proxy's name is the service's");
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    assert_eq!(audit.lines().filter(|line| line.contains(r#""event":"denial""#)).count(), 2, "{audit}");
    assert!(audit.contains("pages of https://evil.example may not connect"), "{audit}");
}

#[tokio::test]
async fn a_forged_link_is_on_record_and_guesses_beyond_the_limit_are_counted() {
    let limits = "limits: { requests_per_minute: 1, burst: 3 }\ncameras: []\n";
    let installation = Installation::new(limits);
    let service = installation.start();
    let forged = "/files/recordings/yard_2026-01-01_00-00-00.mp4?expires=1&signature=0";
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(http(service.clients, forged, &[]).await.0);
    }
    assert_eq!(statuses, [403, 403, 403, 429, 429]);
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    let denials = audit.lines().filter(|line| line.contains(r#""event":"denial""#));
    assert_eq!(denials.filter(|line| line.contains("/files/recordings/yard_2026")).count(), 3, "{audit}");
    let (_, _, metrics) = http(service.health, "/metrics", &[]).await;
    let metrics = String::from_utf8(metrics).unwrap();
    for line in [r#"errors_total{code="-32001"} 3"#, r#"errors_total{code="-32040"} 2"#] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn connections_that_say_nothing_take_a_place_each_and_are_let_go() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    let installation = Installation::new("cameras: []\nlimits: { connections_per_address: 4 }\n");
    let service = installation.start();
    let mut silent = Vec::new();
    for _ in 0..2 {
        silent.push(TcpStream::connect(service.clients).await.unwrap());
    }
    // Half a request is none.
    silent[0].write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    // Whoever comes now gets the place of the one that has said nothing for longest.
    let (status, ..) = http(service.clients, "/", &[]).await;
    assert_eq!(status, 200);
    let mut ended = silent.remove(0);
    tokio::time::timeout(support::PATIENCE, ended.read_to_end(&mut Vec::new())).await.unwrap().ok();
    // Those who proved who they are keep their places, and have no more than their share.
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(service.client(Role::Viewer).await);
    }
    let mut fifth = service.connect().await;
    let refused = fifth.call("authenticate", json!({ "auth_token": token(Role::Operator) })).await;
    assert_eq!(refused["error"]["code"], -32020, "{refused}");
    for _ in 0..10 {
        silent.push(TcpStream::connect(service.clients).await.unwrap());
    }
    for client in &mut clients {
        client.succeed("ping", json!({})).await;
    }
    drop(clients);
    for stream in &mut silent {
        let ended = tokio::time::timeout(support::PATIENCE, stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "a connection that says nothing is kept for ever");
    }
}
