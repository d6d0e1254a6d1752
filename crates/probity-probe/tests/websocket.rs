//! `websocket` against Debian's aria2, whose library is wslay, and against servers that do what that one does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use probity_plan::kinds::websocket::{Frame, WebSocket};
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

struct Server {
    port: u16,
    _folder: tempfile::TempDir,
    _running: Running,
}

impl Server {
    fn at(&self, path: &str) -> String {
        format!("ws://127.0.0.1:{}{path}", self.port)
    }
}

fn server() -> Option<Server> {
    let (folder, port) = (support::folder(), support::free_port());
    let mut aria2 = tool("aria2c")?;
    aria2.args(["--no-conf", "--enable-rpc", "--rpc-listen-all=false", "--quiet", "--dir"]);
    aria2.arg(folder.path()).arg(format!("--rpc-listen-port={port}"));
    let running = support::start(&mut aria2);
    support::until_listens(port);
    Some(Server { port, _folder: folder, _running: running })
}

/// The frames as a plan writes them.
fn frames(written: serde_json::Value) -> Vec<Frame> {
    serde_json::from_value(written).unwrap()
}

fn act(url: impl Into<String>, written: serde_json::Value) -> WebSocket {
    WebSocket { websocket: Text::plain(url), frames: frames(written), ..WebSocket::default() }
}

async fn see(act: WebSocket) -> Seen {
    look(Act::WebSocket(act)).await
}

/// What came, as JSON.
fn received(seen: &Seen) -> serde_json::Value {
    serde_json::to_value(known(seen, "received")).unwrap()
}

fn waits() -> Option<probity_plan::units::Span> {
    Some("5s".parse().unwrap())
}

const ASK: &str = r#"{"jsonrpc":"2.0","id":1,"method":"aria2.getVersion"}"#;

#[tokio::test]
async fn messages_and_pings_are_answered_and_a_farewell_is_returned() {
    let Some(server) = server() else { return };
    let all = json!([{ "text": ASK }, { "ping": "are you there" }, { "receive": 2 }, { "close": 1000 }]);
    let act = WebSocket { wait: waits(), ..act(server.at("/jsonrpc"), all) };
    let seen = see(act).await;
    for fact in ["connected", "answered", "accepted"] {
        assert_eq!(known(&seen, fact), &Value::Bool(true), "{fact}: {seen:?}");
    }
    // Our farewell came first.
    assert_eq!(known(&seen, "closed"), &Value::Bool(false), "{seen:?}");
    assert_eq!((known(&seen, "status"), known(&seen, "sent")), (&Value::from(101), &Value::from(3)));
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert_eq!(headers["upgrade"], Value::from("websocket"));
    assert_eq!(text(&seen, "subprotocol"), "");
    let mut came: Vec<_> = received(&seen).as_array().unwrap().clone();
    came.sort_by_key(|one| one["type"].as_str().unwrap().to_owned());
    assert_eq!(came[0], json!({ "type": "pong", "size_bytes": 13, "text": "are you there" }));
    assert_eq!(came[1]["type"], "text");
    assert!(came[1]["text"].as_str().unwrap().contains("\"version\""), "{came:?}");
    assert_eq!((text(&seen, "closed_by"), known(&seen, "close_code")), ("observer", &Value::from(1000)));
    for fact in ["close_ms", "elapsed_ms"] {
        assert!(known(&seen, fact).ends().unwrap().1.is_finite(), "{fact}");
    }
}

#[tokio::test]
async fn a_frame_that_breaks_the_protocol_is_answered_by_its_end() {
    let Some(server) = server() else { return };
    // RFC 6455: 5.1, 5.2, 5.2, 5.5, 5.5, 5.4.
    for (what, raw) in [
        ("no mask", "81 02 68 69"),
        ("a reserved bit", "f1 80 00 00 00 00"),
        ("a reserved kind", "83 80 00 00 00 00"),
        ("a ping in parts", "09 80 00 00 00 00"),
        ("a ping that is too long", "89 fe 00 7e 00 00 00 00"),
        ("a part of nothing", "80 80 00 00 00 00"),
    ] {
        let act = WebSocket { wait: waits(), ..act(server.at("/jsonrpc"), json!([{ "raw": raw }])) };
        let seen = see(act).await;
        assert_eq!(known(&seen, "closed"), &Value::Bool(true), "{what}: {seen:?}");
        assert!(matches!(text(&seen, "closed_by"), "server" | "connection"), "{what}: {seen:?}");
        if text(&seen, "closed_by") == "server" {
            assert_eq!(known(&seen, "close_code"), &Value::from(1002), "{what}: {seen:?}");
        }
        assert_eq!(received(&seen), json!([]), "{what}");
    }
    // Written by hand and sound: the same is answered.
    let mask = ["81", &format!("{:02x}", 0x80 | ASK.len()), "00 00 00 00"].join(" ");
    let hand = mask + &ASK.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let seen = see(act(server.at("/jsonrpc"), json!([{ "raw": hand }, { "receive": 1 }]))).await;
    assert!(received(&seen)[0]["text"].as_str().unwrap().contains("\"version\""), "{seen:?}");
    assert_eq!((known(&seen, "closed"), text(&seen, "closed_by")), (&Value::Bool(false), "observer"));
    assert_eq!(known(&seen, "close_code"), &Value::Null);
}

#[tokio::test]
async fn who_is_not_let_in_is_told_with_a_status() {
    let Some(server) = server() else { return };
    let seen = see(act(server.at("/elsewhere"), json!([]))).await;
    assert_eq!((known(&seen, "answered"), known(&seen, "status")), (&Value::Bool(true), &Value::from(404)));
    assert_eq!(known(&seen, "accepted"), &Value::Bool(false));
    assert_eq!(barrier(&seen, "received"), Barrier::Prerequisite);
    let asked = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\n\r\n";
    let seen = see(act(format!("ws://{}/", support::says(asked)), json!([{ "text": "let me in" }]))).await;
    assert_eq!((known(&seen, "status"), known(&seen, "accepted")), (&Value::from(401), &Value::Bool(false)));
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert_eq!(headers["www-authenticate"], Value::from("Bearer"));
    // What is no status code is none (RFC 9110, 15).
    let odd = "HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n";
    let seen = see(act(format!("ws://{}/", support::says(odd)), json!([]))).await;
    assert_eq!((known(&seen, "answered"), barrier(&seen, "status")), (&Value::Bool(true), Barrier::Protocol));
}

/// What a server of ours does after the opening.
#[derive(Clone)]
enum Does {
    /// Sends these after the first message, and then waits for the end.
    Says(Vec<Message>),
    /// Ends the connection without a farewell once something came.
    HangsUp,
    /// Writes these bytes in place of a frame.
    Writes(&'static [u8]),
    /// Closes messages that are longer than it takes.
    TakesAtMost(usize),
}

#[expect(clippy::result_large_err, reason = "as the library wants it")]
fn agrees(
    request: &Request,
    mut response: Response,
) -> Result<Response, tokio_tungstenite::tungstenite::handshake::server::ErrorResponse> {
    if let Some(offered) = request.headers().get("sec-websocket-protocol") {
        let last = offered.to_str().unwrap().rsplit(", ").next().unwrap().parse().unwrap();
        response.headers_mut().insert("sec-websocket-protocol", last);
    }
    if let Some(origin) = request.headers().get("origin") {
        response.headers_mut().insert("x-origin", origin.clone());
    }
    response.headers_mut().insert("x-host", request.headers()["host"].clone());
    Ok(response)
}

async fn websocket(does: Does) -> String {
    use tokio::io::AsyncWriteExt;
    use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let most = match does {
            Does::TakesAtMost(most) => Some(most),
            _ => None,
        };
        let limits = WebSocketConfig::default().max_message_size(most).max_frame_size(most);
        let mut socket =
            tokio_tungstenite::accept_hdr_async_with_config(stream, agrees, Some(limits)).await.unwrap();
        let first = socket.next().await;
        match does {
            Does::Says(messages) => {
                for message in messages {
                    if socket.send(message).await.is_err() {
                        return;
                    }
                }
            }
            Does::HangsUp => return,
            Does::Writes(bytes) => socket.get_mut().write_all(bytes).await.unwrap(),
            Does::TakesAtMost(_) if first.is_some_and(|first| first.is_err()) => {
                let frame = CloseFrame { code: 1009.into(), reason: "too long".into() };
                socket.close(Some(frame)).await.unwrap();
                // What is still on its way is read, lest the connection be reset.
                let mut rest = [0; 65536];
                while tokio::io::AsyncReadExt::read(socket.get_mut(), &mut rest).await.is_ok_and(|n| n > 0) {}
            }
            Does::TakesAtMost(_) => {}
        }
        while let Some(Ok(_)) = socket.next().await {}
    });
    format!("ws://{address}/")
}

#[tokio::test]
async fn who_closes_it_and_how_is_seen() {
    let policy = CloseFrame { code: 1008.into(), reason: "who are you".into() };
    let hello = json!([{ "text": "hello" }]);
    let url = websocket(Does::Says(vec![Message::text("wait"), Message::Close(Some(policy))])).await;
    let seen = see(WebSocket { wait: waits(), ..act(url, hello.clone()) }).await;
    assert_eq!((text(&seen, "closed_by"), known(&seen, "close_code")), ("server", &Value::from(1008)));
    assert_eq!(text(&seen, "close_reason"), "who are you");
    assert_eq!(received(&seen), json!([{ "type": "text", "size_bytes": 4, "text": "wait" }]));
    // Without a code there is 1005 (RFC 6455, 7.1.5).
    let seen = see(WebSocket {
        wait: waits(),
        ..act(websocket(Does::Says(vec![Message::Close(None)])).await, hello.clone())
    })
    .await;
    assert_eq!((text(&seen, "closed_by"), known(&seen, "close_code")), ("server", &Value::from(1005)));
    let seen = see(WebSocket { wait: waits(), ..act(websocket(Does::HangsUp).await, hello.clone()) }).await;
    assert_eq!((text(&seen, "closed_by"), known(&seen, "close_code")), ("connection", &Value::Null));
    assert_eq!(known(&seen, "closed"), &Value::Bool(true));
    // Whoever waits for messages of somebody who has closed does not wait on.
    let url = websocket(Does::Says(vec![Message::Close(None)])).await;
    let seen = see(act(url, json!([{ "text": "hello" }, { "receive": 1 }, { "text": "too late" }]))).await;
    assert_eq!(known(&seen, "sent"), &Value::from(1));
    assert_eq!((received(&seen), text(&seen, "closed_by")), (json!([]), "server"));
    // One that is not closed within the wait is none that failed.
    let brief = Some("50ms".parse().unwrap());
    let url = websocket(Does::Says(vec![Message::binary(vec![0, 255])])).await;
    let act = WebSocket { wait: brief, ..act(url, json!([{ "text": "hello" }, { "receive": 1 }])) };
    let seen = see(act).await;
    assert_eq!((known(&seen, "closed"), text(&seen, "closed_by")), (&Value::Bool(false), "observer"));
    assert_eq!(received(&seen), json!([{ "type": "binary", "size_bytes": 2, "hex": "00ff" }]));
    assert!(known(&seen, "close_ms").ends().unwrap().1.is_infinite());
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_with_a_code() {
    let url = websocket(Does::TakesAtMost(1 << 20)).await;
    let act = WebSocket { wait: waits(), ..act(url, json!([{ "letters": 8 << 20 }])) };
    let seen = see(act).await;
    assert_eq!(
        (text(&seen, "closed_by"), known(&seen, "close_code")),
        ("server", &Value::from(1009)),
        "{seen:?}"
    );
    let url = websocket(Does::TakesAtMost(1 << 20)).await;
    let seen = see(WebSocket {
        wait: Some("50ms".parse().unwrap()),
        ..self::act(url, json!([{ "letters": 1 << 20 }]))
    })
    .await;
    assert_eq!(known(&seen, "closed"), &Value::Bool(false), "{seen:?}");
}

#[tokio::test]
async fn headers_and_subprotocols_are_what_the_plan_says() {
    let url = websocket(Does::Says(Vec::new())).await;
    let act = WebSocket {
        headers: [("origin".to_owned(), Text::plain("https://evil.example"))].into(),
        subprotocols: vec!["v2.chat".to_owned(), "v1.chat".to_owned()],
        ..act(url, json!([{ "text": "hello" }]))
    };
    let seen = see(act).await;
    assert_eq!(text(&seen, "subprotocol"), "v1.chat");
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert_eq!(headers["x-origin"], Value::from("https://evil.example"));
}

#[tokio::test]
async fn where_nobody_listens_nobody_answers() {
    let seen = see(act(format!("ws://127.0.0.1:{}/", support::free_port()), json!([]))).await;
    assert_eq!(
        (known(&seen, "answered"), known(&seen, "connected")),
        (&Value::Bool(false), &Value::Bool(false))
    );
    assert_eq!(barrier(&seen, "accepted"), Barrier::ConnectionRefused);
    for wrong in ["http://127.0.0.1/", "127.0.0.1:80", "ws://"] {
        assert_eq!(barrier(&see(act(wrong, json!([]))).await, "answered"), Barrier::Unsupported, "{wrong}");
    }
    let long = json!([{ "ping": "x".repeat(126) }]);
    let seen = see(act(format!("ws://127.0.0.1:{}/", support::free_port()), long)).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::Unsupported);
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    let silent = support::silent();
    let url = format!("ws://{}/", silent.address);
    let seen = look_with(Act::WebSocket(act(url, json!([]))), &[], Duration::from_millis(300)).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{seen:?}");
    assert_eq!(barrier(&seen, "accepted"), Barrier::TimedOut);
    silent.until_gone().await;
    // One that let us in and then says nothing: how it began is known, what would have come is not.
    let url = websocket(Does::Says(vec![Message::text("one")])).await;
    let act = act(url, json!([{ "text": "two?" }, { "receive": 2 }]));
    let seen = look_with(Act::WebSocket(act), &[], Duration::from_millis(300)).await;
    assert_eq!((known(&seen, "accepted"), known(&seen, "closed")), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(barrier(&seen, "received"), Barrier::TimedOut);
    assert!(known(&seen, "elapsed_ms").ends().unwrap().1.is_infinite());
}

#[tokio::test]
async fn nonsense_is_a_barrier_and_no_answer() {
    for answer in ["nonsense\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n"] {
        let seen = see(act(format!("ws://{}/", support::says(answer)), json!([]))).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{answer}: {seen:?}");
        assert_eq!(
            (known(&seen, "connected"), barrier(&seen, "accepted")),
            (&Value::Bool(true), Barrier::Protocol)
        );
    }
    // A masked frame, and text that is none (RFC 6455, 5.1 and 8.1).
    for bytes in [&b"\x81\x80\0\0\0\0"[..], b"\x81\x02\xff\xfe"] {
        let url = websocket(Does::Writes(bytes)).await;
        let seen = see(act(url, json!([{ "text": "hello" }, { "receive": 1 }]))).await;
        assert_eq!(known(&seen, "accepted"), &Value::Bool(true), "{bytes:?}: {seen:?}");
        for fact in ["received", "closed", "close_code"] {
            assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{bytes:?} {fact}");
        }
    }
    // A closing frame with a code that nobody may send (RFC 6455, 7.4), whoever closes first.
    for bytes in [&b"\x88\x04\x13\x88hi"[..], b"\x88\x02\x03\xe7", b"\x88\x02\x03\xee", b"\x88\x02\x03\xed"] {
        for frame in [json!({ "text": "hello" }), json!({ "close": 1000 })] {
            let url = websocket(Does::Writes(bytes)).await;
            let seen = see(WebSocket { wait: waits(), ..act(url, json!([frame])) }).await;
            for fact in ["closed", "closed_by", "close_code", "close_reason"] {
                assert_eq!(barrier(&seen, fact), Barrier::Protocol, "{bytes:?} {frame} {fact}");
            }
        }
    }
    // One that may be sent is taken as it is, also where it is what the library would have put there.
    let url = websocket(Does::Writes(b"\x82\x04\x88\x02\x13\x88\x88\x14\x03\xeaProtocol violation")).await;
    let seen = see(WebSocket { wait: waits(), ..act(url, json!([{ "text": "hello" }])) }).await;
    assert_eq!(
        (known(&seen, "close_code"), text(&seen, "close_reason")),
        (&Value::from(1002), "Protocol violation")
    );
}

#[tokio::test]
async fn hostile_text_is_kept_as_text_and_more_than_is_kept_is_a_barrier() {
    let close = CloseFrame { code: 4000.into(), reason: "\u{202e}\u{1b}[2J".into() };
    let url = websocket(Does::Says(vec![Message::text(HOSTILE), Message::Close(Some(close))])).await;
    let seen = see(WebSocket { wait: waits(), ..act(url, json!([{ "text": "hello" }])) }).await;
    assert_eq!(received(&seen)[0]["text"], HOSTILE);
    assert_eq!(text(&seen, "close_reason"), "\u{202e}\u{1b}[2J");
    let flood = (0..1001).map(|_| Message::text("x")).chain([Message::Close(None)]).collect();
    let url = websocket(Does::Says(flood)).await;
    let seen = see(WebSocket { wait: waits(), ..act(url, json!([{ "text": "hello" }])) }).await;
    assert_eq!((barrier(&seen, "received"), known(&seen, "closed")), (Barrier::TooLarge, &Value::Bool(true)));
    let long = vec![Message::text("x".repeat(17 << 20))];
    let seen = see(WebSocket {
        wait: waits(),
        ..act(websocket(Does::Says(long)).await, json!([{ "text": "hello" }]))
    })
    .await;
    // Who was left there would perhaps have stayed.
    for fact in ["received", "closed", "closed_by", "close_code", "close_reason", "close_ms"] {
        assert_eq!(barrier(&seen, fact), Barrier::TooLarge, "{fact}: {seen:?}");
    }
}

#[tokio::test]
async fn an_end_that_came_is_seen_also_where_nobody_waits_for_it() {
    let url = websocket(Does::Says(vec![Message::text("one"), Message::Close(None)])).await;
    // The message and what came with it, of which only the message is waited for.
    let frames = json!([{ "text": "hello" }, { "receive": 1 }, { "ping": "" }, { "close": 1000 }]);
    let seen = see(WebSocket { wait: waits(), ..act(url, frames) }).await;
    let closed = known(&seen, "closed") == &Value::Bool(true);
    assert_eq!(closed, text(&seen, "closed_by") == "server", "{seen:?}");
}

/// An opening that is answered with these lines beside what RFC 6455 wants, written in parts of so many bytes, and then a text; at which URL.
async fn opens(before: &'static str, lines: &'static str, part: usize) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
        let mut head = format!(
            "{before}HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n{lines}\r\n"
        )
        .into_bytes();
        head.extend(b"\x81\x02hi");
        for part in head.chunks(part) {
            if stream.write_all(part).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
    });
    format!("ws://{address}/")
}

#[tokio::test]
async fn an_opening_is_what_the_standard_says_and_no_other() {
    let see_opening_behind = async |before: &'static str, lines: &'static str, part: usize| {
        let url = opens(before, lines, part).await;
        let subprotocols = vec!["v2.chat".to_owned(), "v1.chat".to_owned()];
        see(WebSocket { subprotocols, ..act(url, json!([{ "receive": 1 }])) }).await
    };
    let see_opening = async |lines: &'static str, part: usize| see_opening_behind("", lines, part).await;
    let whole = usize::MAX;
    // Interim answers come before the answer (RFC 9110, 15.2).
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    for (before, part) in
        [(early, whole), (early, 1), ("HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 100 Go on\r\n\r\n", whole)]
    {
        let seen = see_opening_behind(before, "Connection: Upgrade\r\n", part).await;
        assert_eq!(known(&seen, "accepted"), &Value::Bool(true), "{before}: {seen:?}");
        assert_eq!((known(&seen, "status"), &received(&seen)[0]["text"]), (&Value::from(101), &json!("hi")));
    }
    // None of those that were offered need be chosen (RFC 6455, 4.1), and a head may come as it likes.
    for (lines, part, chosen) in [
        ("Connection: Upgrade\r\n", whole, ""),
        ("Connection: keep-alive, upgrade\r\nSec-WebSocket-Protocol: v1.chat\r\n", whole, "v1.chat"),
        ("Connection: Upgrade\r\n", 1, ""),
    ] {
        let seen = see_opening(lines, part).await;
        for fact in ["answered", "accepted"] {
            assert_eq!(known(&seen, fact), &Value::Bool(true), "{lines} {fact}: {seen:?}");
        }
        assert_eq!((text(&seen, "subprotocol"), &received(&seen)[0]["text"]), (chosen, &json!("hi")));
    }
    for lines in [
        "Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
        "Connection: Upgrade\r\nSec-WebSocket-Protocol: v3.chat\r\n",
        "Connection: Upgrade\r\nSec-WebSocket-Protocol: v1.chat, v2.chat\r\n",
        "Connection: Upgrade\r\nSec-WebSocket-Accept: another\r\nUpgrade: h2c\r\nSec-WebSocket-Protocol: x\r\n",
        "Connection: close\r\n",
        "",
    ] {
        let seen = see_opening(lines, whole).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{lines}: {seen:?}");
        assert_eq!(barrier(&seen, "accepted"), Barrier::Protocol, "{lines}");
    }
    // What is longer than is read is nobody's fault.
    let many = "X: y\r\n".repeat(200);
    let long = format!("X: {}", "y".repeat(100_000));
    for head in [many, long] {
        let answer = format!("HTTP/1.1 101 Yes\r\n{head}\r\n\r\n");
        let seen = see(act(format!("ws://{}/", support::says(answer)), json!([]))).await;
        assert_eq!(barrier(&seen, "answered"), Barrier::TooLarge, "{seen:?}");
    }
    // Nor is half a head one.
    let seen = see(act(format!("ws://{}/", support::says("HTTP/1.1 101 Yes\r\nUpgr")), json!([]))).await;
    assert_eq!(
        (known(&seen, "answered"), barrier(&seen, "accepted")),
        (&Value::Bool(false), Barrier::Protocol)
    );
}

#[tokio::test]
async fn an_address_of_a_link_is_reached_by_its_interface() {
    let seen = see(act("ws://[fe80::1%25nosuch0]:80/", json!([]))).await;
    assert_eq!(barrier(&seen, "*"), Barrier::Unsupported);
    assert!(seen.unknown["*"].detail.contains("the interface"), "{seen:?}");
    // The interface and the address of some link; there is none everywhere.
    let all = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
    let Some(link) = all.lines().find(|line| line.starts_with("fe80")) else {
        eprintln!("SKIPPED: no interface here has a link-local address");
        return;
    };
    let words: Vec<&str> = link.split_whitespace().collect();
    let ip = std::net::Ipv6Addr::from(u128::from_str_radix(words[0], 16).unwrap());
    let index = u32::from_str_radix(words[1], 16).unwrap();
    let listener = tokio::net::TcpListener::bind(std::net::SocketAddrV6::new(ip, 0, 0, index)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_hdr_async(stream, agrees).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    });
    let seen = see(act(format!("ws://[{ip}%25{}]:{port}/", words[5]), json!([{ "close": 1000 }]))).await;
    assert_eq!(known(&seen, "accepted"), &Value::Bool(true), "{seen:?}");
    let Value::Map(headers) = known(&seen, "headers") else { panic!("{seen:?}") };
    assert_eq!(headers["x-host"], Value::from(format!("[{ip}]:{port}")));
}
