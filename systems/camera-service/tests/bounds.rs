//! What one client may cost, and what nobody can take from others: each row of the table in `docs/camera-service/security.md` is attacked here,
//! with the limits as they are by default. `make bounds` prints what the attacks came to; `CAMERA_SERVICE=PROGRAM` has another program attacked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;
#[path = "bounds/time.rs"]
mod time;
#[path = "bounds/work.rs"]
mod work;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use camera_access::Role;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::{Client, Installation, PATIENCE, Running, connect_from, token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio_tungstenite::tungstenite::{Error, Message};

const DEFAULTS: &str = "cameras: []\nlimits: { authentication_burst: 20 }\n";
const MB: u64 = 1_000_000;

/// One row of the table: what was attacked, and what it came to.
fn print(attack: &str, came_to: &str) {
    println!("| {attack} | {came_to} |");
}

/// By how much the service's memory grew at most since then, in MB; in megabytes for the table.
fn grown(service: &Running, before: (u64, u64)) -> u64 {
    service.memory().1.saturating_sub(before.0) / MB
}

#[tokio::test]
async fn names_without_end_in_a_subscription_are_refused_before_they_are_kept() {
    let installation = Installation::new(DEFAULTS);
    let service = installation.start();
    let before = service.memory();
    let topics = json!(camera_service::contract::Topic::ALL);
    let (mut clients, mut codes) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let mut client = service.client(Role::Viewer).await;
        let params = json!({ "topics": topics, "filters": { "devices": vec![""; 262_000] } });
        let answer = client.call("subscribe_events", params).await;
        codes.push(answer["error"]["code"].clone());
        clients.push(client);
    }
    let grown = grown(&service, before);
    print("8 viewers subscribe with 262,000 names each", &format!("{grown} MB more"));
    assert_eq!(codes, vec![json!(-32602); 8]);
    assert!(grown < 30, "{grown} MB");
    let many = json!({ "topics": vec!["camera.connected"; 33] });
    assert_eq!(clients[0].refused("subscribe_events", many).await, -32602);
    let long = json!({ "topics": ["camera.connected"], "filters": { "devices": ["x".repeat(64)] } });
    assert_eq!(clients[0].refused("subscribe_events", long).await, -32602);
    let enough = json!({ "topics": topics, "filters": { "devices": vec!["front"; 64] } });
    clients[0].succeed("subscribe_events", enough).await;
}

fn with_tls() -> (Installation, TlsConnector) {
    let tls = "tls: { certificate: HERE/cert.pem, key: HERE/key.pem }";
    let server = format!("server: {{ listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", {tls} }}\n");
    let installation = Installation::new(&(server + DEFAULTS));
    let issued = rcgen::generate_simple_self_signed(vec!["cameras.test".to_owned()]).unwrap();
    installation.write_private("cert.pem", &issued.cert.pem());
    installation.write_private("key.pem", &issued.signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(issued.cert.der().to_vec())).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (installation, TlsConnector::from(Arc::new(config)))
}

/// Whether somebody at that address gets an answer over TLS.
async fn is_served(connector: &TlsConnector, from: &str, service: SocketAddr) -> bool {
    let ask = async {
        let name = ServerName::try_from("cameras.test").unwrap();
        let mut stream = connector.connect(name, connect_from(from, service).await).await.ok()?;
        let request = "GET / HTTP/1.1\r\nHost: cameras.test\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        // Without a goodbye of TLS it is an answer all the same.
        let _ = stream.read_to_end(&mut answer).await;
        answer.starts_with(b"HTTP/1.1 200").then_some(())
    };
    matches!(tokio::time::timeout(Duration::from_secs(3), ask).await, Ok(Some(())))
}

#[tokio::test]
async fn connections_that_say_nothing_shut_nobody_out_and_are_let_go_soon() {
    let (installation, connector) = with_tls();
    let service = installation.start();
    let before = service.memory();
    let mut idle = Vec::new();
    for (last, count) in [(2, 100), (3, 100), (4, 100)] {
        for _ in 0..count {
            idle.push(connect_from(&format!("127.0.0.{last}"), service.clients).await);
        }
    }
    let (other, same) = (
        is_served(&connector, "127.0.0.9", service.clients).await,
        is_served(&connector, "127.0.0.2", service.clients).await,
    );
    let word = |served: bool| if served { "served" } else { "shut out" };
    print(
        "300 connections of 3 addresses that begin no TLS",
        &format!(
            "another address is {}, one of the three is {}; {} MB more",
            word(other),
            word(same),
            grown(&service, before)
        ),
    );
    assert!(other && same);
    for stream in &mut idle {
        let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut Vec::new())).await;
        assert!(ended.is_ok(), "a connection that begins no TLS is kept for ever");
    }
}

#[tokio::test]
async fn the_health_listener_is_nobody_s_own() {
    let installation = Installation::new(DEFAULTS);
    let service = installation.start();
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(connect_from("127.0.0.2", service.health).await);
    }
    // In a task of its own: it breaks off where it is not answered.
    let health = service.health;
    let asked = tokio::spawn(async move { support::http(health, "/health/live", &[]).await.0 });
    let served = matches!(tokio::time::timeout(Duration::from_secs(3), asked).await, Ok(Ok(200)));
    let word = if served { "another address is served" } else { "everybody is shut out" };
    print("300 connections of one address to the health listener", word);
    assert!(served);
}

/// A connection through a proxy that says it is for this address.
async fn connect_for(client: &str, service: SocketAddr) -> Client {
    let mut stream = TcpStream::connect(service).await.unwrap();
    stream.write_all(format!("PROXY TCP6 {client} ::1 4711 8002\r\n").as_bytes()).await.unwrap();
    Client::over(stream, service).await
}

#[tokio::test]
async fn one_64_has_the_share_of_one_address_and_so_has_one_identity() {
    let installation = Installation::new(
        "server: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", trusted_proxies: { addresses: [\"127.0.0.1/32\"], \
         speak: proxy-protocol } }\ncameras: []\nlimits: { connections_per_address: 10, burst: 100 }\n",
    );
    let service = installation.start();
    let mut held = Vec::new();
    let mut settle = async |address: &str, role: Role| {
        let mut client = connect_for(address, service.clients).await;
        let answer = client.call("authenticate", json!({ "auth_token": token(role) })).await;
        held.push(client);
        answer["error"]["code"].as_i64()
    };
    for number in 0..15 {
        let role = if number % 2 == 0 { Role::Viewer } else { Role::Operator };
        let code = settle(&format!("2001:db8::{number}"), role).await;
        assert_eq!(code, (number >= 10).then_some(-32020), "{number}");
    }
    // The two identities have five places each yet, wherever they come from.
    for number in 0..15 {
        let code = settle(&format!("2001:db8:1:{number}::1"), Role::Viewer).await;
        assert_eq!(code, (number >= 5).then_some(-32020), "{number}");
    }
    assert_eq!(settle("2001:db8:2::1", Role::Admin).await, None, "and others are let in");
    print(
        "15 connections of one /64, and 15 of one identity, with a limit of 10",
        "10 have places; others are served",
    );
    let (status, ..) = support::http(service.health, "/health/live", &[]).await;
    assert_eq!(status, 200, "health is asked without the proxy's ways");
}

#[tokio::test]
async fn who_does_not_wait_is_not_answered_without_end() {
    let installation = Installation::new(DEFAULTS);
    let service = installation.start();
    let mut client = service.connect().await;
    let sent = 2000;
    for id in 0..sent {
        // It may be closed by then.
        let ping = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":{id}}}"#);
        if client.socket.feed(Message::text(ping)).await.is_err() {
            break;
        }
    }
    let _ = client.socket.flush().await;
    let (mut refused, mut closed) = (0, None);
    while let Ok(Some(Ok(message))) = tokio::time::timeout(PATIENCE, client.socket.next()).await {
        match message {
            Message::Text(text) => {
                let answer: Value = serde_json::from_str(&text).unwrap();
                refused += u32::from(answer["error"]["code"] == -32040);
                if refused + 20 >= sent {
                    break;
                }
            }
            Message::Close(frame) => closed = frame.map(|frame| u16::from(frame.code)),
            _ => {}
        }
    }
    print("2,000 calls of one who does not wait", &format!("{refused} refusals answered, then {closed:?}"));
    assert!(refused <= 10, "{refused}");
}

#[tokio::test]
async fn a_flood_of_requests_over_one_connection_ends_with_the_first_refusal() {
    let installation = Installation::new(DEFAULTS);
    let service = installation.start();
    let mut stream = TcpStream::connect(service.clients).await.unwrap();
    let request = format!("GET /files/recordings/x HTTP/1.1\r\nHost: {}\r\n\r\n", service.clients);
    // It may be closed by then.
    let _ = stream.write_all(request.repeat(200).as_bytes()).await;
    let mut text = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await;
    let answers = String::from_utf8_lossy(&text).matches("HTTP/1.1 429").count();
    print("200 requests for files of one who does not wait", &format!("{answers} refusals answered"));
    assert!(answers <= 1, "{answers}");
}

#[tokio::test]
async fn messages_that_never_end_take_a_share_and_ordinary_calls_go_on() {
    let installation = Installation::new(DEFAULTS);
    let service = installation.start();
    let before = service.memory();
    let part = "x".repeat(1_000_000);
    let (mut open, mut held) = (Vec::new(), 0);
    for number in 0..100 {
        let mut client = Client::connect_from("127.0.0.2", service.clients).await;
        // The first fragment of a text that does not end; the service may close meanwhile.
        use tokio_tungstenite::tungstenite::protocol::frame::Frame;
        use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
        let frame = Frame::message(part.clone(), OpCode::Data(Data::Text), false);
        let sent = tokio::time::timeout(PATIENCE, client.socket.send(Message::Frame(frame))).await;
        assert!(sent.is_ok(), "{number} is not read, and not closed either");
        open.push(client);
    }
    for client in &mut open {
        match tokio::time::timeout(Duration::from_millis(20), client.socket.next()).await {
            Err(_) => held += 1,
            Ok(
                Some(
                    Ok(Message::Close(_)) | Err(Error::Io(_) | Error::Protocol(_) | Error::ConnectionClosed),
                )
                | None,
            ) => {}
            Ok(other) => panic!("{other:?}"),
        }
    }
    let grown = grown(&service, before);
    print("100 messages of 1 MB that never end, of nobody", &format!("{held} kept waiting; {grown} MB more"));
    assert!(grown < 25, "{grown} MB");
    let mut other = Client::connect_from("127.0.0.2", service.clients).await;
    other.succeed("authenticate", json!({ "auth_token": token(Role::Viewer) })).await;
    // 300 kB, more than a beginning: there is room for those who proved who they are.
    let long = json!({ "device": "x".repeat(300_000) });
    assert_eq!(other.refused("get_camera_status", long).await, -32010);
}

#[tokio::test]
async fn heads_of_requests_without_end_are_not_kept() {
    let installation = Installation::new(DEFAULTS);
    let service = installation.start();
    let before = service.memory();
    let mut open = Vec::new();
    for _ in 0..100 {
        let mut stream = connect_from("127.0.0.2", service.clients).await;
        let head = format!("GET / HTTP/1.1\r\nHost: {}\r\nX: {}", service.clients, "x".repeat(390_000));
        // It may be closed by then.
        let _ = stream.write_all(head.as_bytes()).await;
        open.push(stream);
    }
    let grown = grown(&service, before);
    print("100 heads of requests of 390 kB that never end", &format!("{grown} MB more"));
    assert!(grown < 8, "{grown} MB");
    let (status, ..) = support::http(service.clients, "/", &[("X", &"x".repeat(17 << 10))]).await;
    assert_eq!(status, 431);
}

#[tokio::test]
async fn what_a_client_says_is_not_repeated_at_length() {
    let installation = Installation::new(DEFAULTS);
    let service = installation.start();
    let mut client = service.client(Role::Viewer).await;
    let long = "\u{1}".repeat(150_000);
    let mut longest = 0;
    for (method, params) in [
        ("get_camera_status", json!({ "device": long })),
        ("get_camera_status", json!({ long.clone(): 1 })),
        ("get_recording_info", json!({ "filename": long })),
        (&*long, json!({})),
    ] {
        let answer = client.call(method, params).await;
        assert!(answer["error"]["code"].is_i64());
        longest = longest.max(answer.to_string().len());
    }
    print("names of 150,000 characters", &format!("answers of at most {longest} bytes"));
    assert!(longest < 8192, "{longest}");
}

#[tokio::test]
async fn a_batch_has_an_end_and_so_has_its_answer() {
    let installation = Installation::new("cameras: []\n");
    for number in 0..1000 {
        let name = format!("recordings/{}_{number:04}.mp4", "y".repeat(200));
        std::fs::write(installation.path().join(name), "x").unwrap();
    }
    let service = installation.start();
    let before = service.memory();
    let mut client = service.client(Role::Viewer).await;
    let list = |id: usize| json!({ "jsonrpc": "2.0", "id": id, "method": "list_recordings", "params": { "limit": 1000 } });
    let batch = json!((0..100).map(list).collect::<Vec<_>>());
    client.send(&batch.to_string()).await;
    let answer = match client.socket.next().await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => format!("none: {other:?}"),
    };
    let bytes = answer.len() as u64;
    print(
        "a batch of 100 lists of 1,000 files",
        &format!("an answer of {} MB; {} MB more", bytes / MB, grown(&service, before)),
    );
    let answers: Vec<Value> = serde_json::from_str(&answer).unwrap();
    let refused = answers.iter().filter(|one| one["error"]["code"] == -32020).count();
    assert!(refused > 80 && bytes < 6 * MB, "{refused}, {bytes}");
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let answer = client.exchange(&json!(vec![ping; 101]).to_string()).await;
    assert!(answer.contains("-32600") && !answer.contains("pong"), "{answer}");
}
