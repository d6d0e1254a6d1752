//! Clients that take their time: to say who they are, to ask, to read what they asked for.

use std::time::{Duration, Instant};

use camera_access::Role;
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::print;
use crate::support::{Client, Installation, PATIENCE, connect_from, token};

/// After how many seconds the service ends a connection.
async fn seconds_until_closed(mut stream: TcpStream) -> u64 {
    let begun = Instant::now();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await;
    assert!(ended.is_ok(), "a connection that says no more is kept for ever");
    begun.elapsed().as_secs()
}

#[tokio::test]
async fn who_does_not_finish_what_it_begins_is_let_go() {
    let installation = Installation::new(
        "server: { listen: \"127.0.0.1:0\", health: \"127.0.0.1:0\", trusted_proxies: { addresses: [\"127.0.0.1/32\"], \
         speak: proxy-protocol } }\ncameras: []\n",
    );
    let service = installation.start();
    let begun = async |from: &str, words: &str| {
        let mut stream = connect_from(from, service.clients).await;
        stream.write_all(words.as_bytes()).await.unwrap();
        stream
    };
    let introduction = begun("127.0.0.1", "PROXY TCP4 192.").await;
    let head = begun("127.0.0.2", "GET / HTTP/1.1\r\nHost: ").await;
    let mut silent = Client::connect_from("127.0.0.2", service.clients).await;
    let authenticates = async {
        let begun = Instant::now();
        // It is told why, and then closed.
        let message = tokio::time::timeout(PATIENCE, silent.next_message()).await;
        assert!(matches!(message, Ok(Message::Close(_))), "{message:?}");
        begun.elapsed().as_secs()
    };
    let (introduction, head, authenticates) =
        tokio::join!(seconds_until_closed(introduction), seconds_until_closed(head), authenticates);
    print(
        "half of a PROXY header, half of the head of a request, a WebSocket that does not authenticate",
        &format!("closed after {introduction}, {head} and {authenticates} s"),
    );
}

/// Whether a process still holds the service's end of this connection; what it wrote there, the kernel goes on to send.
fn is_held(stream: &TcpStream) -> bool {
    let (client, service) = (stream.local_addr().unwrap().port(), stream.peer_addr().unwrap().port());
    let ends = |fields: &[&str]| {
        let port = |field: &str| u16::from_str_radix(field.split(':').nth(1)?, 16).ok();
        port(fields[1]) == Some(service) && port(fields[2]) == Some(client) && fields[9] != "0"
    };
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| ends(&line.split_whitespace().collect::<Vec<_>>()))
}

#[tokio::test]
async fn a_download_that_nobody_reads_is_let_go() {
    let installation = Installation::new("cameras: []\n");
    let file = std::fs::File::create(installation.path().join("recordings/long.mp4")).unwrap();
    // More than the kernel keeps for both.
    file.set_len(256 << 20).unwrap();
    let service = installation.start();
    let memory = service.memory();
    let mut stream = TcpStream::connect(service.clients).await.unwrap();
    let (address, token) = (service.clients, token(Role::Viewer));
    let request = format!(
        "GET /files/recordings/long.mp4 HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).await.unwrap();
    assert_eq!(beginning, *b"HTTP/1.1 200");
    assert!(is_held(&stream));
    let begun = Instant::now();
    while is_held(&stream) {
        assert!(begun.elapsed() < 2 * PATIENCE, "a download that nobody reads is kept for ever");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let grown = crate::grown(&service, memory);
    print(
        "a download of 256 MiB that nobody reads",
        &format!("closed after {} s; {grown} MB more", begun.elapsed().as_secs()),
    );
    assert!(grown < 8, "{grown} MB");
    drop(stream);
}

/// A client that is sent megabytes and reads none of it: others are served at once, and it is closed.
#[tokio::test]
async fn a_client_that_reads_nothing_harms_only_itself() {
    let installation = Installation::new("cameras: []\n");
    let service = installation.start();
    let before = service.memory();
    let mut greedy = service.client(Role::Viewer).await;
    let mut other = service.client(Role::Viewer).await;
    let batch: Vec<Value> =
        (0..100).map(|id| json!({"jsonrpc":"2.0","id":id,"method":"get_server_info"})).collect();
    let batch = serde_json::to_string(&batch).unwrap();
    let flood = tokio::spawn(async move {
        // Until the service no longer takes any: its own answers are not read.
        for _ in 0..100_000 {
            let sent = greedy.socket.send(batch.clone().into());
            if !matches!(tokio::time::timeout(Duration::from_secs(2), sent).await, Ok(Ok(()))) {
                return greedy;
            }
        }
        panic!("the service took everything and was never slowed down");
    });
    for _ in 0..20 {
        let asked = Instant::now();
        other.succeed("ping", json!({})).await;
        assert!(asked.elapsed() < PATIENCE, "another client waited {:?}", asked.elapsed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let greedy = flood.await.unwrap();
    let mut admin = service.client(Role::Admin).await;
    let until = Instant::now() + PATIENCE;
    while admin.succeed("get_metrics", json!({})).await["connections"] != 2 {
        assert!(Instant::now() < until, "the greedy client was never closed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let grown = crate::grown(&service, before);
    print("batches without end of one who reads no answer", &format!("closed; {grown} MB more"));
    assert!(grown < 30, "{grown} MB");
    drop(greedy);
}
