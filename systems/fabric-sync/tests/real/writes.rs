//! Writes that meet something unforeseen: another writer, a cut connection, an object that NetBox refuses, a login page.

use reqwest::Method;
use serde_json::{Value, json};

use crate::proxy::{Deed, Proxy};
use crate::sync::{Home, fabric, told};

const LOGIN_PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 31\r\nconnection: close\r\n\r\n\
                          <html><form id=login></form>\r\n\r\n";

fn proxy_before(netbox: &crate::inventory::NetBox) -> Proxy {
    Proxy::start(netbox.url.strip_prefix("http://").unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_the_plan_is_not_overwritten() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    home.converge(&[]);
    cluster.change("switches", "leaf-01", json!({ "description": "by the fabric" })).await;
    let plan = home.plan(&[]);
    assert_eq!(plan["changes"].as_array().unwrap().len(), 1, "{plan:#}");
    netbox.change("dcim/devices/", "leaf-01", &json!({ "description": "by a person" })).await;
    let output = home.run(&["apply", home.path().join("plan").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_eq!(netbox.named("dcim/devices/", "leaf-01").await["description"], "by a person");
    home.converge(&[]);
    assert_eq!(netbox.named("dcim/devices/", "leaf-01").await["description"], "by the fabric");
}

/// Between our look and our write a person took the object out of our hands: only `If-Match` can tell.
#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_a_write_is_under_way_is_not_overwritten() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let proxy = proxy_before(&netbox);
    let url = format!("http://{}", proxy.address);
    let home = Home::with(&netbox, &url, vec![fabric("f1", &cluster.kubeconfig(), &json!({}))]).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    let device = netbox.named("dcim/devices/", "leaf-01").await["id"].clone();
    proxy.set(&format!("PATCH /api/dcim/devices/{device}/"), Deed::Hold, 1);
    cluster.change("switches", "leaf-01", json!({ "description": "by the fabric" })).await;
    crate::wait_for("the write is under way", async || (proxy.sprung() == 1).then_some(())).await;
    let let_go = json!({ "custom_fields": { "fabric_sync_key": null } });
    netbox.change("dcim/devices/", "leaf-01", &let_go).await;
    proxy.clear();
    let status = service.until("f1", "it is noticed", |status| status["summary"] == "out-of-sync").await;
    service.compare_again("f1").await;
    assert_eq!(netbox.named("dcim/devices/", "leaf-01").await["description"], "VS-2", "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_altered_is_refused() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    home.plan(&[]);
    let text = std::fs::read_to_string(home.path().join("plan")).unwrap();
    let altered = text.replacen("leaf-01", "leaf-09", 1);
    assert_ne!(altered, text);
    home.write("plan", &altered);
    let output = home.run(&["apply", home.path().join("plan").to_str().unwrap()]);
    assert_ne!(output.status.code(), Some(0), "{}", told(&output));
    assert_eq!(netbox.list("dcim/devices/").await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_landed_before_the_connection_broke_makes_no_twin() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let proxy = proxy_before(&netbox);
    let url = format!("http://{}", proxy.address);
    let home = Home::with(&netbox, &url, vec![fabric("f1", &cluster.kubeconfig(), &json!({}))]).await;
    // Cables come long after devices. They have nothing that NetBox holds unique but our key.
    proxy.set("POST /api/dcim/devices/", Deed::Cut, 1);
    let service = home.start();
    crate::wait_for("a device's connection was cut", async || (proxy.sprung() == 1).then_some(())).await;
    proxy.set("POST /api/dcim/cables/", Deed::Cut, 1);
    crate::wait_for("a cable's connection was cut", async || (proxy.sprung() == 1).then_some(())).await;
    service.until_in_sync("f1").await;
    let keys = async |path: &str| {
        let list = netbox.list(path).await;
        let mut keys: Vec<_> = list
            .iter()
            .map(|one| one["custom_fields"]["fabric_sync_key"].as_str().unwrap().to_owned())
            .collect();
        keys.sort_unstable();
        keys
    };
    for path in ["dcim/devices/", "dcim/cables/", "dcim/interfaces/", "ipam/ip-addresses/"] {
        let all = keys(path).await;
        let mut unique = all.clone();
        unique.dedup();
        assert_eq!(all, unique);
    }
    assert_eq!((keys("dcim/devices/").await.len(), keys("dcim/cables/").await.len()), (5, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cable_is_plugged_in_elsewhere() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    let cables = netbox.list("dcim/cables/").await.len();
    // server-01's second link moves to another port of leaf-02.
    let link =
        |server: &str, switch: &str| json!({ "server": { "port": server }, "switch": { "port": switch } });
    let links = json!([link("server-01/enp2s1", "leaf-01/E1/2"), link("server-01/enp2s2", "leaf-02/E1/9")]);
    cluster
        .change("connections", "server-01--eslag--leaf-01--leaf-02", json!({ "eslag": { "links": links } }))
        .await;
    let other_end = async || {
        let device = netbox.named("dcim/devices/", "server-01").await["id"].clone();
        let interfaces = netbox.list(&format!("dcim/interfaces/?device_id={device}&name=enp2s2")).await;
        let peers = interfaces[0]["link_peers"].as_array().unwrap().clone();
        peers.first().map(|peer| (peer["device"]["name"].clone(), peer["name"].clone()))
    };
    crate::wait_for("the cable is at its new port", async || {
        other_end().await.filter(|end| *end == (json!("leaf-02"), json!("E1/9")))
    })
    .await;
    service.until_in_sync("f1").await;
    assert_eq!(netbox.list("dcim/cables/").await.len(), cables);
    assert_eq!(netbox.dangling_cables().await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_netbox_refuses_is_named_and_the_others_are_written() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    // A device's name may have 64 characters.
    let name = "poison-".repeat(10) + "x";
    cluster.create("Server", "servers", &name, json!({})).await;
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    let status = service
        .until("f1", "it is in quarantine", |status| status["quarantine"].to_string().contains(&name))
        .await;
    assert_eq!(status["quarantine"].as_array().unwrap().len(), 1, "{status:#}");
    let status =
        service.until("f1", "all others are written", |status| status["counts"]["missing"] == 1).await;
    assert_ne!(status["summary"], "in-sync");
    assert_eq!(netbox.list("dcim/devices/").await.len(), 5);
    // Out of quarantine once the source is right.
    cluster.delete("servers", &name).await;
    service.until_in_sync("f1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_page_is_no_netbox_and_nothing_is_written() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let proxy = proxy_before(&netbox);
    let url = format!("http://{}", proxy.address);
    let home = Home::with(&netbox, &url, vec![fabric("f1", &cluster.kubeconfig(), &json!({}))]).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    let changes = netbox.changes().await;
    proxy.set("GET /api/dcim/devices/", Deed::Answer(LOGIN_PAGE.to_owned()), usize::MAX);
    let status = service.until("f1", "unknown", |status| status["summary"] == "unknown").await;
    assert!(
        status["unread"].as_array().unwrap().iter().any(|one| one["cause"] == "wrong-shape"),
        "{status:#}"
    );
    proxy.clear();
    service.until_in_sync("f1").await;
    assert_eq!(netbox.changes().await, changes);
}

/// What the sync's own user may do is enough for all of the above, and for no more.
#[tokio::test(flavor = "multi_thread")]
async fn the_sync_s_user_of_netbox_may_not_do_more_than_it_needs() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    home.converge(&[]);
    let client = reqwest::Client::new();
    let site = netbox.named("dcim/sites/", "f1").await["id"].clone();
    for (method, path, status) in [
        (Method::DELETE, format!("dcim/sites/{site}/"), 403),
        (Method::GET, "users/users/".to_owned(), 403),
        (Method::GET, "tenancy/tenants/".to_owned(), 403),
    ] {
        let request = client.request(method, format!("{}/api/{path}", netbox.url));
        let answer = request.header("authorization", netbox.token("fabric-sync")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}
