//! `jsonrpc` against Debian's aria2, which speaks it over WebSocket and HTTP, and against servers that are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use probity_plan::kinds::jsonrpc::{Call, JsonRpc};
use probity_plan::{Act, Barrier, Text, Value};
use probity_probe::Seen;
use serde_json::json;
use support::{HOSTILE, Running, barrier, known, look, look_with, text, tool};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

const TOKEN: &str = "correct-horse";

struct Server {
    port: u16,
    _folder: tempfile::TempDir,
    _running: Running,
}

impl Server {
    fn at(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/jsonrpc", self.port)
    }
}

/// aria2 with a token that every call has to bear.
fn server() -> Option<Server> {
    let (folder, port) = (support::folder(), support::free_port());
    let mut aria2 = tool("aria2c")?;
    aria2.args(["--no-conf", "--enable-rpc", "--rpc-listen-all=false", "--quiet", "--max-tries=1", "--dir"]);
    aria2.arg(folder.path()).args([format!("--rpc-listen-port={port}"), format!("--rpc-secret={TOKEN}")]);
    let running = support::start(&mut aria2);
    support::until_listens(port);
    Some(Server { port, _folder: folder, _running: running })
}

/// A call whose first parameter is this token; `${token}` names the secret.
fn call(method: &str, token: &str, rest: &serde_json::Value) -> Call {
    let mut params = vec![json!(format!("token:{token}"))];
    params.extend(rest.as_array().unwrap().clone());
    serde_json::from_value(json!({ "method": method, "params": params })).unwrap()
}

fn act(url: &str, calls: Vec<Call>) -> JsonRpc {
    JsonRpc { jsonrpc: Text::plain(url), calls, ..JsonRpc::default() }
}

async fn ask(url: &str, calls: Vec<Call>) -> Seen {
    look(Act::JsonRpc(act(url, calls))).await
}

#[tokio::test]
async fn calls_are_answered_over_either_transport() {
    let Some(server) = server() else { return };
    for scheme in ["ws", "http"] {
        let calls =
            vec![call("aria2.getGlobalStat", TOKEN, &json!([])), call("aria2.getVersion", TOKEN, &json!([]))];
        let seen = ask(&server.at(scheme), calls).await;
        for fact in ["connected", "answered", "succeeded"] {
            assert_eq!(known(&seen, fact), &Value::Bool(true), "{scheme} {fact}: {seen:?}");
        }
        assert_eq!(known(&seen, "status"), &Value::from(if scheme == "ws" { 101 } else { 200 }));
        let Value::Map(result) = known(&seen, "result") else { panic!("{seen:?}") };
        assert!(result["version"].as_text().unwrap().starts_with("1."), "{result:?}");
        assert_eq!((known(&seen, "error_code"), text(&seen, "error_message")), (&Value::Null, ""));
        let Value::List(replies) = known(&seen, "replies") else { panic!("{seen:?}") };
        let Value::Map(first) = &replies[0] else { panic!("{replies:?}") };
        let Value::Map(statistics) = &first["result"] else { panic!("{first:?}") };
        assert_eq!(statistics["numActive"], Value::from("0"));
        assert_eq!(replies.len(), 2);
        for fact in ["reply_ms", "elapsed_ms"] {
            assert!(known(&seen, fact).ends().unwrap().1.is_finite(), "{fact}");
        }
    }
}

#[tokio::test]
async fn an_error_is_a_fact_with_its_code() {
    let Some(server) = server() else { return };
    for scheme in ["ws", "http"] {
        let seen = ask(&server.at(scheme), vec![call("aria2.getVersion", "guessed-wrong", &json!([]))]).await;
        assert_eq!(known(&seen, "succeeded"), &Value::Bool(false), "{scheme}: {seen:?}");
        assert_eq!(
            (known(&seen, "error_code"), text(&seen, "error_message")),
            (&Value::from(1), "Unauthorized")
        );
        assert_eq!(known(&seen, "result"), &Value::Null);
        let seen = ask(&server.at(scheme), vec![call("aria2.noSuch", TOKEN, &json!([]))]).await;
        assert_eq!(text(&seen, "error_message"), "No such method: aria2.noSuch", "{scheme}: {seen:?}");
    }
    // Elsewhere on this server is no WebSocket.
    let seen = ask(&format!("ws://127.0.0.1:{}/elsewhere", server.port), vec![Call::default()]).await;
    assert_eq!(known(&seen, "status"), &Value::from(404), "{seen:?}");
    assert_eq!(
        (known(&seen, "connected"), known(&seen, "answered")),
        (&Value::Bool(true), &Value::Bool(false))
    );
}

#[tokio::test]
async fn notifications_are_waited_for() {
    let Some(server) = server() else { return };
    let nobody = format!("http://127.0.0.1:{}/file", support::free_port());
    let add = vec![call("aria2.addUri", TOKEN, &json!([[nobody]]))];
    let act = JsonRpc { notifications: Some(2), ..act(&server.at("ws"), add.clone()) };
    let seen = look(Act::JsonRpc(act.clone())).await;
    let Value::List(came) = known(&seen, "notifications") else { panic!("{seen:?}") };
    let methods: Vec<_> = came
        .iter()
        .map(|one| match one {
            Value::Map(one) => one["method"].as_text().unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(methods, ["aria2.onDownloadStart", "aria2.onDownloadError"]);
    // Fewer than were waited for: the replies are known, and that no more came in time is no list.
    let more = JsonRpc { notifications: Some(3), ..act };
    let seen = look_with(Act::JsonRpc(more), &[], Duration::from_secs(2)).await;
    assert_eq!(
        (known(&seen, "succeeded"), barrier(&seen, "notifications")),
        (&Value::Bool(true), Barrier::TimedOut)
    );
    let http = JsonRpc { notifications: Some(1), ..self::act(&server.at("http"), add) };
    assert_eq!(barrier(&look(Act::JsonRpc(http)).await, "answered"), Barrier::Unsupported);
}

#[tokio::test]
async fn calls_that_do_not_wait_for_each_other_get_their_own_replies() {
    let Some(server) = server() else { return };
    let calls = vec![
        call("aria2.getVersion", TOKEN, &json!([])),
        call("aria2.noSuch", TOKEN, &json!([])),
        call("aria2.getSessionInfo", TOKEN, &json!([])),
    ];
    let seen = look(Act::JsonRpc(JsonRpc { pipelined: true, ..act(&server.at("ws"), calls) })).await;
    let Value::List(replies) = known(&seen, "replies") else { panic!("{seen:?}") };
    let key = |at: usize| match &replies[at] {
        Value::Map(reply) => reply.keys().next().unwrap().clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!([key(0), key(1), key(2)], ["result", "error", "result"]);
    assert_eq!(known(&seen, "succeeded"), &Value::Bool(true));
}

#[tokio::test]
async fn where_nobody_listens_nobody_answers() {
    for scheme in ["ws", "http"] {
        let seen =
            ask(&format!("{scheme}://127.0.0.1:{}/", support::free_port()), vec![Call::default()]).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{scheme}: {seen:?}");
        assert_eq!(known(&seen, "connected"), &Value::Bool(false), "{scheme}");
        assert_eq!(barrier(&seen, "result"), Barrier::ConnectionRefused, "{scheme}");
    }
    for wrong in ["ftp://127.0.0.1/", "127.0.0.1:80", "ws://"] {
        assert_eq!(
            barrier(&ask(wrong, vec![Call::default()]).await, "answered"),
            Barrier::Unsupported,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_silent_server_is_left_at_the_time_out() {
    for scheme in ["ws", "http"] {
        let silent = support::silent();
        let url = format!("{scheme}://{}/", silent.address);
        let seen =
            look_with(Act::JsonRpc(act(&url, vec![Call::default()])), &[], Duration::from_millis(300)).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{scheme}: {seen:?}");
        assert_eq!(barrier(&seen, "result"), Barrier::TimedOut, "{scheme}");
        silent.until_gone().await;
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

/// A WebSocket server that does this with its only client, and then waits for its end.
async fn serves<F: Future<Output = Socket> + Send>(
    with: impl FnOnce(Socket) -> F + Send + 'static,
) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = with(tokio_tungstenite::accept_async(stream).await.unwrap()).await;
        while let Some(Ok(_)) = socket.next().await {}
    });
    format!("ws://{address}/")
}

/// The number of the next call.
async fn number_of_call(socket: &mut Socket) -> u64 {
    let call = socket.next().await.unwrap().unwrap().into_text().unwrap();
    serde_json::from_str::<serde_json::Value>(&call).unwrap()["id"].as_u64().unwrap()
}

/// A WebSocket server that sends these messages after the first call of a client, with the call's number where they have `"id":1`, and then
/// waits for its end.
async fn websocket(messages: Vec<Message>) -> String {
    serves(move |mut socket| async move {
        let number = number_of_call(&mut socket).await;
        for message in messages {
            let message = match message {
                Message::Text(text) => Message::text(text.replace("\"id\":1", &format!("\"id\":{number}"))),
                other => other,
            };
            if socket.send(message).await.is_err() {
                break;
            }
        }
        socket
    })
    .await
}

#[tokio::test]
async fn what_is_no_reply_is_no_answer() {
    for nonsense in [
        Message::text("no JSON"),
        Message::text("[]"),
        Message::text(r#"{"jsonrpc":"2.0","id":7,"result":1}"#),
        Message::text(r#"{"jsonrpc":"2.0","id":1}"#),
        Message::text(r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":1}"#),
        Message::binary(br#"{"jsonrpc":"2.0","id":1,"result":1}"#.to_vec()),
    ] {
        let seen = ask(&websocket(vec![nonsense.clone()]).await, vec![Call::default()]).await;
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{nonsense:?}: {seen:?}");
        assert_eq!(
            (known(&seen, "connected"), barrier(&seen, "result")),
            (&Value::Bool(true), Barrier::Protocol)
        );
    }
    for answer in ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes", "nonsense\r\n\r\n"] {
        for scheme in ["ws", "http"] {
            let url = format!("{scheme}://{}/", support::says(answer));
            let seen = ask(&url, vec![Call::default()]).await;
            assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{scheme} {answer}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn who_answers_in_http_was_reached_whatever_it_says() {
    let whole = |body: &str| {
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    for (answer, status) in [
        ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(), Some(401)),
        ("HTTP/1.1 404 Not Found\r\nContent-Length: 6\r\n\r\n<html>".to_owned(), Some(404)),
        ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), Some(204)),
        (whole("[]"), Some(200)),
        (whole(r#"{"jsonrpc":"2.0","id":2,"result":1}"#), Some(200)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(), Some(200)),
        ("HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n".to_owned(), None),
        ("no HTTP at all\r\n\r\n".to_owned(), None),
    ] {
        let seen = ask(&format!("http://{}/", support::says(answer.clone())), vec![Call::default()]).await;
        assert_eq!(known(&seen, "connected"), &Value::Bool(true), "{answer}: {seen:?}");
        assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{answer}: {seen:?}");
        assert_eq!(seen.facts.get("status"), status.map(Value::from).as_ref(), "{answer}: {seen:?}");
        assert_eq!(barrier(&seen, "result"), Barrier::Protocol, "{answer}");
    }
    // What came before the time-out is kept.
    let server = support::stops_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
    let act = act(&format!("http://{}/", server.address), vec![Call::default()]);
    let seen = support::look_at_hanging(Act::JsonRpc(act)).await;
    assert_eq!((known(&seen, "connected"), known(&seen, "status")), (&Value::Bool(true), &Value::from(200)));
    assert_eq!(barrier(&seen, "answered"), Barrier::TimedOut);
    server.until_gone().await;
}

#[tokio::test]
async fn an_error_without_a_number_answers_the_call_of_its_request() {
    let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}"#;
    let answer = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{error}", error.len());
    let seen = ask(&format!("http://{}/", support::says(answer)), vec![Call::default()]).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(true), "{seen:?}");
    assert_eq!(
        (known(&seen, "error_code"), text(&seen, "error_message")),
        (&Value::from(-32700), "Parse error")
    );
    // Over a WebSocket nothing tells which call it is to.
    let seen = ask(&websocket(vec![Message::text(error)]).await, vec![Call::default()]).await;
    assert_eq!(
        (known(&seen, "answered"), barrier(&seen, "result")),
        (&Value::Bool(false), Barrier::Protocol)
    );
    assert!(seen.unknown["*"].detail.contains("-32700 Parse error"), "{seen:?}");
}

#[tokio::test]
async fn a_server_that_closes_says_with_which_code() {
    let close = CloseFrame { code: CloseCode::Policy, reason: "who are you".into() };
    let seen = ask(&websocket(vec![Message::Close(Some(close))]).await, vec![Call::default()]).await;
    assert_eq!(
        (known(&seen, "close_code"), known(&seen, "answered")),
        (&Value::from(1008), &Value::Bool(false))
    );
    assert!(seen.unknown["*"].detail.contains("who are you"), "{seen:?}");
    // A code that nobody may send (RFC 6455, 7.4).
    let close = CloseFrame { code: CloseCode::Bad(5000), reason: "hi".into() };
    let seen = ask(&websocket(vec![Message::Close(Some(close))]).await, vec![Call::default()]).await;
    assert_eq!(
        (barrier(&seen, "close_code"), known(&seen, "answered")),
        (Barrier::Protocol, &Value::Bool(false))
    );
    let reply = r#"{"jsonrpc":"2.0","id":1,"result":36893488147419103232}"#;
    let seen = ask(&websocket(vec![Message::text(reply)]).await, vec![Call::default()]).await;
    // Nobody waited for what it does then.
    assert_eq!(barrier(&seen, "close_code"), Barrier::NotMade);
    assert_eq!(known(&seen, "result"), &Value::from_json("36893488147419103232").unwrap());
}

#[tokio::test]
async fn an_end_right_behind_the_reply_is_seen_if_it_is_waited_for() {
    let close = CloseFrame { code: CloseCode::Error, reason: "oh".into() };
    let said =
        || vec![Message::text(r#"{"jsonrpc":"2.0","id":1,"result":1}"#), Message::Close(Some(close.clone()))];
    // Whether it is here with the reply is open; that it did not come is not said.
    let seen = ask(&websocket(said()).await, vec![Call::default()]).await;
    assert_ne!(seen.facts.get("close_code"), Some(&Value::Null), "{seen:?}");
    assert_eq!(known(&seen, "succeeded"), &Value::Bool(true));
    let waits = JsonRpc { notifications: Some(1), ..act(&websocket(said()).await, vec![Call::default()]) };
    let seen = look(Act::JsonRpc(waits)).await;
    assert_eq!(known(&seen, "close_code"), &Value::from(1011), "{seen:?}");
    // One that stays until the time-out did not close it.
    let said = vec![Message::text(r#"{"jsonrpc":"2.0","id":1,"result":1}"#)];
    let waits = JsonRpc { notifications: Some(1), ..act(&websocket(said).await, vec![Call::default()]) };
    let seen = look_with(Act::JsonRpc(waits), &[], Duration::from_millis(500)).await;
    assert_eq!(
        (known(&seen, "close_code"), barrier(&seen, "notifications")),
        (&Value::Null, Barrier::TimedOut)
    );
}

#[tokio::test]
async fn what_was_said_before_a_call_was_read_is_no_reply() {
    let early = serves(move |mut socket: Socket| async move {
        socket.send(Message::text(r#"{"jsonrpc":"2.0","id":1,"result":1}"#)).await.unwrap();
        socket
    });
    let seen = ask(&early.await, vec![Call::default()]).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{seen:?}");
    // Nor what answers a call that was not yet made.
    let ahead = serves(move |mut socket: Socket| async move {
        let number = number_of_call(&mut socket).await;
        for id in [number, number + 1] {
            let reply = json!({ "jsonrpc": "2.0", "id": id, "result": 1 });
            socket.feed(Message::text(reply.to_string())).await.unwrap();
        }
        socket.flush().await.unwrap();
        socket
    });
    let seen = ask(&ahead.await, vec![Call::default(), Call::default()]).await;
    assert_eq!(known(&seen, "answered"), &Value::Bool(false), "{seen:?}");
}

#[tokio::test]
async fn hostile_text_is_kept_as_text_and_more_than_is_read_is_a_barrier() {
    let reply =
        json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32000, "message": HOSTILE } }).to_string();
    let event = json!({ "jsonrpc": "2.0", "method": HOSTILE }).to_string();
    let said = vec![Message::text(event), Message::text(reply.clone())];
    let seen = ask(&websocket(said).await, vec![Call::default()]).await;
    assert_eq!(text(&seen, "error_message"), HOSTILE);
    let flood = (0..1001)
        .map(|_| Message::text(r#"{"jsonrpc":"2.0","method":"tick"}"#))
        .chain([Message::text(reply)]);
    let seen = ask(&websocket(flood.collect()).await, vec![Call::default()]).await;
    assert_eq!(
        (known(&seen, "succeeded"), barrier(&seen, "notifications")),
        (&Value::Bool(false), Barrier::TooLarge)
    );
    let long = Message::text(format!("\"{}\"", "x".repeat(17 << 20)));
    let seen = ask(&websocket(vec![long]).await, vec![Call::default()]).await;
    assert_eq!(barrier(&seen, "answered"), Barrier::TooLarge, "{seen:?}");
}
