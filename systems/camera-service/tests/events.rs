//! Who is told what: only who subscribed, only what they asked for; a client that reads nothing keeps nobody waiting.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::{Duration, Instant};

use camera_access::Role;
use serde_json::{Value, json};
use support::{Client, Installation, PATIENCE};

const TWO: &str = "cameras:\n  - { name: one, source: \"test:pattern\", resolution: 160x120, fps: 5 }\n  \
                   - { name: two, source: \"test:pattern\", resolution: 160x120, fps: 5 }\n";

/// Everything that has come until a call is answered.
async fn received(client: &mut Client) -> Vec<Value> {
    client.send(r#"{"jsonrpc":"2.0","id":"end","method":"ping"}"#).await;
    let mut all = Vec::new();
    loop {
        let message: Value = serde_json::from_str(&client.receive().await).unwrap();
        if message["id"] == "end" {
            return all;
        }
        all.push(message);
    }
}

#[tokio::test]
async fn events_go_to_who_subscribed_and_to_nobody_else() {
    let installation = Installation::new(TWO);
    let service = installation.start();
    let mut operator = service.client(Role::Operator).await;
    let mut subscriber = service.client(Role::Viewer).await;
    let mut filtered = service.client(Role::Viewer).await;
    let mut silent = service.client(Role::Viewer).await;
    let mut nobody = service.connect().await;
    for device in ["one", "two"] {
        service.camera_delivers(&mut operator, device).await;
    }
    assert_eq!(nobody.refused("subscribe_events", json!({ "topics": ["snapshot.taken"] })).await, -32001);
    assert_eq!(subscriber.refused("subscribe_events", json!({ "topics": [] })).await, -32602);
    assert_eq!(subscriber.refused("subscribe_events", json!({ "topics": ["everything"] })).await, -32602);
    let topics = subscriber.succeed("subscribe_events", json!({ "topics": ["snapshot.taken"] })).await;
    assert_eq!(topics, json!({ "topics": ["snapshot.taken"] }));
    let asked =
        json!({ "topics": ["snapshot.taken", "camera.disconnected"], "filters": { "devices": ["two"] } });
    filtered.succeed("subscribe_events", asked).await;

    for device in ["one", "two"] {
        operator.succeed("take_snapshot", json!({ "device": device })).await;
    }
    operator.succeed("stop_streaming", json!({ "device": "two" })).await;
    assert_eq!(filtered.notification("camera.disconnected").await["device"], "two");

    let devices = |messages: Vec<Value>| -> Vec<String> {
        messages.iter().map(|message| message["params"]["device"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(devices(received(&mut subscriber).await), ["one", "two"]);
    assert!(received(&mut silent).await.is_empty());
    assert!(received(&mut nobody).await.is_empty());
    let stats = subscriber.succeed("get_subscription_stats", json!({})).await;
    assert_eq!(stats, json!({ "topics": ["snapshot.taken"], "delivered": 2, "lost": 0, "subscribers": 2 }));

    subscriber.succeed("unsubscribe_events", json!({})).await;
    operator.succeed("take_snapshot", json!({ "device": "one" })).await;
    assert!(received(&mut subscriber).await.is_empty());
}

/// A client that is sent megabytes and reads none of it: others are served at once, and it is closed.
#[tokio::test]
async fn a_client_that_reads_nothing_harms_only_itself() {
    let installation = Installation::new("cameras: []\n");
    let service = installation.start();
    let mut greedy = service.client(Role::Viewer).await;
    let mut other = service.client(Role::Viewer).await;
    let batch: Vec<Value> =
        (0..100).map(|id| json!({"jsonrpc":"2.0","id":id,"method":"get_server_info"})).collect();
    let batch = serde_json::to_string(&batch).unwrap();
    let flood = tokio::spawn(async move {
        // Until the service no longer takes any: its own answers are not read.
        for _ in 0..100_000 {
            let sent = futures_util::SinkExt::send(&mut greedy.socket, batch.clone().into());
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
    drop(greedy);
}
