//! Who is told what: only who subscribed, only what they asked for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use camera_access::Role;
use serde_json::{Value, json};
use support::{Client, Installation};

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
