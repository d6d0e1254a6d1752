//! JSON-RPC over a real WebSocket: raw text in, whole answers compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use camera_access::Role;
use camera_service::contract::METHODS;
use futures_util::SinkExt;
use serde_json::{Value, json};
use support::{Client, Installation, token};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

const NO_CAMERA: &str = "cameras: []\n";

#[tokio::test]
async fn what_is_no_request_is_answered_as_the_standard_says() {
    let installation = Installation::new(NO_CAMERA);
    let service = installation.start();
    let mut client = service.connect().await;
    let error = |code: i64, message: &str, id: Value| json!({"jsonrpc":"2.0","error":{"code":code,"message":message},"id":id});
    let cases = [
        (r#"{"jsonrpc":"2.0","method":"ping","id":1}"#, json!({"jsonrpc":"2.0","result":"pong","id":1})),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":"a","params":{}}"#,
            json!({"jsonrpc":"2.0","result":"pong","id":"a"}),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":-1.5}"#,
            json!({"jsonrpc":"2.0","result":"pong","id":-1.5}),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":null}"#,
            json!({"jsonrpc":"2.0","result":"pong","id":null}),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":2,"params":["x"]}"#,
            error(-32602, "parameters are given by name: \"params\": {\"...\": ...}", json!(2)),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"ping","id":3,"params":{"x":1}}"#,
            error(-32602, "unknown field `x`, there are no fields", json!(3)),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"nothing","id":4}"#,
            error(-32601, "there is no call \"nothing\"", json!(4)),
        ),
        (
            r#"{"jsonrpc":"1.0","method":"ping","id":5}"#,
            error(-32600, "\"jsonrpc\": \"2.0\" is missing", json!(5)),
        ),
        (
            r#"{"jsonrpc":"2.0","id":6}"#,
            error(-32600, "no JSON-RPC request: missing field `method`", json!(6)),
        ),
        (
            r#"{"jsonrpc":"2.0","method":7,"id":7}"#,
            error(-32600, "no JSON-RPC request: invalid type: integer `7`, expected a string", json!(7)),
        ),
        ("", error(-32700, "not JSON: EOF while parsing a value at line 1 column 0", Value::Null)),
        (r#"[]"#, error(-32600, "an empty batch asks for nothing", Value::Null)),
        (
            r#"{"jsonrpc":"2.0","#,
            error(-32700, "not JSON: EOF while parsing an object at line 1 column 17", Value::Null),
        ),
        (
            r#"{"jsonrpc":"2.0","method":"get_camera_list","id":8}"#,
            error(-32001, "authenticate first: {\"auth_token\": ...}", json!(8)),
        ),
        (
            r#"[{"jsonrpc":"2.0","method":"ping","id":1},{"jsonrpc":"2.0","method":"ping"},1,{"jsonrpc":"2.0","method":"nothing","id":2}]"#,
            json!([
                {"jsonrpc":"2.0","result":"pong","id":1},
                error(-32600, "a request is an object", Value::Null),
                error(-32601, "there is no call \"nothing\"", json!(2)),
            ]),
        ),
    ];
    for (sent, expected) in cases {
        let answer: Value = serde_json::from_str(&client.exchange(sent).await).unwrap();
        assert_eq!(answer, expected, "for {sent}");
    }
    // Notifications are made and not answered: the next answer is the next call's.
    client.send(r#"{"jsonrpc":"2.0","method":"ping"}"#).await;
    client.send(r#"[{"jsonrpc":"2.0","method":"ping"}]"#).await;
    assert!(client.exchange(r#"{"jsonrpc":"2.0","method":"ping","id":9}"#).await.contains("\"id\":9"));
}

#[tokio::test]
async fn calls_sent_at_once_are_answered_in_order_and_the_first_may_authenticate() {
    let installation = Installation::new(NO_CAMERA);
    let service = installation.start();
    let mut client = service.connect().await;
    let authenticate =
        json!({"jsonrpc":"2.0","id":0,"method":"authenticate","params":{"auth_token":token(Role::Viewer)}});
    client.send(&authenticate.to_string()).await;
    for id in 1..=500 {
        client.send(&json!({"jsonrpc":"2.0","id":id,"method":"get_camera_list"}).to_string()).await;
    }
    for id in 0..=500 {
        let answer: Value = serde_json::from_str(&client.receive().await).unwrap();
        assert_eq!(answer["id"], id);
        assert!(answer.get("error").is_none(), "{answer}");
    }
}

async fn is_closed_with(client: &mut Client, expected: u16) {
    match client.next_message().await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), expected),
        message => panic!("{message:?} came instead of {expected}"),
    }
}

#[tokio::test]
async fn what_is_no_message_of_a_websocket_is_told_so_and_ends_its_connection_and_no_other() {
    let installation = Installation::new(NO_CAMERA);
    let service = installation.start();
    let mut other = service.connect().await;
    let text = OpCode::Data(Data::Text);
    // Nobody agreed on an extension.
    let mut compressed = Frame::message("{}", text, true);
    compressed.header_mut().rsv1 = true;
    let mut half = Frame::ping("x");
    half.header_mut().is_final = false;
    for (frame, expected) in [
        (compressed, 1002),
        (Frame::message("{}", OpCode::Data(Data::Continue), true), 1002),
        (half, 1002),
        (Frame::message("{}", OpCode::Data(Data::Binary), true), 1003),
        (Frame::message(vec![0xff], text, true), 1007),
    ] {
        let mut client = service.connect().await;
        client.socket.send(Message::Frame(frame)).await.unwrap();
        is_closed_with(&mut client, expected).await;
    }
    // The head is enough; whoever sends the rest all the same may be reset.
    let mut client = service.connect().await;
    let mut head = Vec::new();
    let mut empty = Frame::message("", text, true);
    empty.header_mut().mask = Some([0; 4]);
    empty.header().format((1 << 20) + 1, &mut head).unwrap();
    client.socket.get_mut().write_all(&head).await.unwrap();
    is_closed_with(&mut client, 1009).await;
    let whole = format!(r#"{{"jsonrpc":"2.0","method":"ping","id":1}}{}"#, " ".repeat((1 << 20) - 40));
    assert!(other.exchange(&whole).await.contains("pong"), "1 MiB is read");
}

/// Every call by every role and by nobody: who may not is refused for that reason, who may is not.
#[tokio::test]
async fn every_call_is_open_to_just_those_roles_that_the_table_says() {
    let installation = Installation::new(NO_CAMERA);
    let service = installation.start();
    let mut cells = 0;
    for role in [None, Some(Role::Viewer), Some(Role::Operator), Some(Role::Admin)] {
        let mut client = match role {
            None => service.connect().await,
            Some(role) => service.client(role).await,
        };
        for method in METHODS.iter().filter(|method| method.name != "authenticate") {
            // Parameters that no call takes: whoever may call is told so, and nothing happens.
            let answer = client.call(method.name, json!({ "no such parameter": 1 })).await;
            let expected = if role.is_none() && method.role.is_some() {
                -32001
            } else if role < method.role {
                -32002
            } else {
                -32602
            };
            assert_eq!(answer["error"]["code"], expected, "{} by {role:?}: {answer}", method.name);
            cells += 1;
        }
    }
    assert_eq!(cells, (METHODS.len() - 1) * 4);
}
