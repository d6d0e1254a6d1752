//! The reference of the figures: a bare WebSocket server of the same library that only echoes a call's parameters. No sessions,
//! no roles, no limits, no metrics.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    result: Option<&'a RawValue>,
    id: &'a RawValue,
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(4096).write_buffer_size(4096).on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let Message::Text(text) = message else { continue };
        let Ok(request) = serde_json::from_str::<Request<'_>>(&text) else { return };
        let answer = Answer { jsonrpc: "2.0", result: request.params, id: request.id };
        let Ok(text) = serde_json::to_string(&answer) else { return };
        if socket.send(Message::Text(text.into())).await.is_err() {
            return;
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("clients {}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/ws", get(upgrade))).await?;
    Ok(())
}
