//! Either end stands still, is cut off, or forgets: nothing is claimed of it, and it is found again.

use serde_json::{Value, json};

use crate::proxy::Proxy;
use crate::sync::{Home, fabric};

fn is_unknown(status: &Value) -> bool {
    status["summary"] == "unknown" && !status["unread"].as_array().unwrap().is_empty()
}

/// While a process of an end stands still, the fabric is unknown; afterwards it is in sync again, and nothing was written.
async fn assert_unknown_while_stopped(of_netbox: bool, process: &str) {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    let changes = netbox.changes().await;
    let servers = if of_netbox { netbox.servers() } else { &cluster.servers };
    servers.stop(process);
    let status = service.until("f1", "unknown", is_unknown).await;
    assert_eq!(status["counts"]["extra"], 0, "{status:#}");
    servers.go_on(process);
    service.until_in_sync("f1").await;
    assert_eq!(netbox.changes().await, changes);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_while_kube_apiserver_stands_still() {
    assert_unknown_while_stopped(false, "kube-apiserver").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_while_etcd_stands_still() {
    assert_unknown_while_stopped(false, "etcd").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_while_netbox_stands_still() {
    assert_unknown_while_stopped(true, "netbox").await;
}

/// A watch that is resumed at a version that etcd no longer has is answered with 200 and, within the stream, 410.
#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_the_watch_was_cut_off_is_not_missed() {
    // Without its cache, kube-apiserver asks etcd, which forgets within seconds. Nor has every server streaming lists.
    let forgetful =
        ["--watch-cache=false", "--etcd-compaction-interval=1s", "--feature-gates=WatchList=false"];
    let Some((cluster, netbox)) = crate::servers_with(crate::SMALL, &forgetful).await else { return };
    assert!(!cluster.has_streaming_lists().await, "they are turned off");
    let proxy = Proxy::start(cluster.servers.text("/url").strip_prefix("https://").unwrap());
    let kubeconfig = cluster.kubeconfig_by_way_of(&proxy.address.to_string());
    // Nothing is read whole again while this test runs, but for what the watch itself asks for.
    let home =
        Home::with(&netbox, &netbox.url, vec![fabric("f1", &kubeconfig, &json!({ "interval": "1 h" }))])
            .await;
    let service = home.start();
    service.until_in_sync("f1").await;
    proxy.cut_off(true);
    let version =
        cluster.get("switches", "").await["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    cluster.change("switches", "leaf-01", json!({ "description": "changed meanwhile" })).await;
    crate::wait_for("etcd has forgotten the version that was watched", async || {
        cluster.is_forgotten("switches", &version).await.then_some(())
    })
    .await;
    proxy.cut_off(false);
    crate::wait_for("the change arrived", async || {
        let leaf = netbox.named("dcim/devices/", "leaf-01").await;
        (leaf["description"] == "changed meanwhile").then_some(())
    })
    .await;
    service.until_in_sync("f1").await;
}
