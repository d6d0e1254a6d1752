//! What is deleted in NetBox, and above all what is not.

use serde_json::{Value, json};

use crate::sync::{Home, fabric};

/// Every object of ours is still there after further comparisons, and the fabric is not called in sync.
async fn assert_nothing_is_deleted(
    forget: impl AsyncFnOnce(&crate::cluster::Cluster),
    told: impl Fn(&Value) -> bool,
) {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    let changes = netbox.changes().await;
    forget(&cluster).await;
    let status = service.until("f1", "it is told", &told).await;
    assert_ne!(status["summary"], "in-sync");
    // A new process, which has not seen the objects itself, deletes nothing either.
    drop(service);
    let plan = home.plan(&[]);
    let mut actions = plan["changes"].as_array().unwrap().iter().map(|change| &change["action"]);
    assert!(!actions.any(|action| action.get("delete").is_some()), "{plan:#}");
    let service = home.start();
    service.until("f1", "it is told again", &told).await;
    assert_eq!(netbox.changes().await, changes);
}

/// That some list was not read, and why.
fn unread(list: &str, cause: &str) -> impl Fn(&Value) -> bool {
    let (list, cause) = (list.to_owned(), cause.to_owned());
    move |status| {
        let unread = status["unread"].as_array().unwrap();
        unread.iter().any(|one| one["list"] == list.as_str() && one["cause"] == cause.as_str())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_when_a_kind_may_no_longer_be_read() {
    assert_nothing_is_deleted(async |cluster| cluster.forbid("servers").await, unread("Server", "forbidden"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_when_a_kind_is_gone() {
    let gone = async |cluster: &crate::cluster::Cluster| cluster.delete_kind("vpcs").await;
    assert_nothing_is_deleted(gone, unread("VPC", "kind-missing")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_when_a_list_is_suddenly_empty() {
    let empty = async |cluster: &crate::cluster::Cluster| cluster.delete_all("servers").await;
    assert_nothing_is_deleted(empty, |status| !status["held"].as_array().unwrap().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_goes_with_its_cables_and_nothing_dangles() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    let cables = netbox.list("dcim/cables/").await.len();
    let connection = "server-02--bundled--leaf-01";
    cluster.delete("vpcattachments", &format!("vpc-01--default--{connection}")).await;
    cluster.delete("connections", connection).await;
    cluster.delete("servers", "server-02").await;
    crate::wait_for("the server is gone", async || {
        netbox.find("dcim/devices/", "server-02").await.is_none().then_some(())
    })
    .await;
    let status = service.until_in_sync("f1").await;
    assert_eq!(status["counts"]["extra"], 0);
    assert_eq!(netbox.list("dcim/cables/").await.len(), cables - 2);
    assert_eq!(netbox.dangling_cables().await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_protect_is_not_deleted() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    cluster.create("Server", "servers", "spare", json!({})).await;
    home.converge(&[]);
    let tag = netbox.list("extras/tags/?slug=fabric-sync-protect").await.remove(0)["id"].clone();
    netbox.change("dcim/devices/", "spare", &json!({ "tags": [tag] })).await;
    cluster.delete("servers", "spare").await;
    for _ in 0..2 {
        let _ = home.plan(&[]);
        let _ = home.run(&["apply", home.path().join("plan").to_str().unwrap()]);
    }
    assert!(netbox.find("dcim/devices/", "spare").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_comes_first_and_goes_when_the_object_comes_back() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let deletion = json!({ "deletion": { "grace": "1 h" } });
    let home = Home::with(&netbox, &netbox.url, vec![fabric("f1", &cluster.kubeconfig(), &deletion)]).await;
    cluster.create("Server", "servers", "spare", json!({})).await;
    home.converge(&[]);
    cluster.delete("servers", "spare").await;
    home.converge(&[]);
    let tombstone = async || {
        netbox.named("dcim/devices/", "spare").await["custom_fields"]["fabric_sync_tombstone"].clone()
    };
    assert!(tombstone().await.is_string());
    cluster.create("Server", "servers", "spare", json!({})).await;
    home.converge(&[]);
    assert_eq!(tombstone().await, Value::Null);
    assert_eq!(home.plan(&[])["changes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_deletions_wait_for_a_confirmation() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let deletion = json!({ "deletion": { "grace": "0 s", "max_objects": 2, "max_percent": 100 } });
    let home = Home::with(&netbox, &netbox.url, vec![fabric("f1", &cluster.kubeconfig(), &deletion)]).await;
    for name in ["spare-1", "spare-2", "spare-3"] {
        cluster.create("Server", "servers", name, json!({})).await;
    }
    home.converge(&[]);
    for name in ["spare-1", "spare-2", "spare-3"] {
        cluster.delete("servers", name).await;
    }
    let spare = async || {
        let devices = netbox.list("dcim/devices/").await;
        devices.iter().filter(|device| device["name"].as_str().unwrap().starts_with("spare")).count()
    };
    // The first marks them, the second would delete them.
    for _ in 0..2 {
        home.plan(&[]);
        home.run(&["apply", home.path().join("plan").to_str().unwrap()]);
    }
    assert_eq!(spare().await, 3);
    for _ in 0..2 {
        home.converge(&["--confirm-deletions"]);
    }
    assert_eq!(spare().await, 0);
}
