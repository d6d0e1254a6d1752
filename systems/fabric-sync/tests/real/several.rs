//! Several instances, several fabrics, credentials that change.

use std::time::Instant;

use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::sync::{Home, fabric};

async fn leaf_is_described(netbox: &crate::inventory::NetBox, site: &str, words: &str) {
    crate::wait_for(words, async || {
        let devices = netbox.list("dcim/devices/?name=leaf-01").await;
        devices
            .iter()
            .any(|device| device["site"]["slug"] == site && device["description"] == words)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_instances_writes_and_the_other_takes_over() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let kubeconfig = cluster.kubeconfig();
    let lease = json!({ "lease": { "duration": "6 s" } });
    let homes = [
        Home::with(&netbox, &netbox.url, vec![fabric("f1", &kubeconfig, &lease)]).await,
        Home::with(&netbox, &netbox.url, vec![fabric("f1", &kubeconfig, &lease)]).await,
    ];
    let first = homes[0].start();
    first.until("f1", "the first leads", |status| status["leader"] == true).await;
    let second = homes[1].start();
    first.until_in_sync("f1").await;
    let status = second.until_in_sync("f1").await;
    assert_eq!(status["leader"], false);
    cluster.change("switches", "leaf-01", json!({ "description": "one" })).await;
    leaf_is_described(&netbox, "f1", "one").await;
    assert_eq!(second.ask("f1").await.unwrap()["leader"], false);

    first.signal(Signal::STOP);
    let begun = Instant::now();
    second.until("f1", "the second leads", |status| status["leader"] == true).await;
    println!(
        "from the leader's stop to the next leader: {:.1} s (lease of 6 s)",
        begun.elapsed().as_secs_f64()
    );
    cluster.change("switches", "leaf-01", json!({ "description": "two" })).await;
    leaf_is_described(&netbox, "f1", "two").await;
    let changes = netbox.changes().await;
    first.signal(Signal::CONT);
    // It finds its lease gone; what it had in mind to write, if anything, is not written.
    first.until("f1", "the first follows", |status| status["standstill"]["cause"] == "follower").await;
    assert_eq!(first.ask("f1").await.unwrap()["leader"], false);
    first.until_in_sync("f1").await;
    assert_eq!(netbox.changes().await, changes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_that_cannot_be_read_stops_no_other() {
    let Some((one, netbox)) = crate::servers().await else { return };
    let two = Cluster::start(crate::SMALL, &[]).await;
    let fabrics =
        vec![fabric("f1", &one.kubeconfig(), &json!({})), fabric("f2", &two.kubeconfig(), &json!({}))];
    let home = Home::with(&netbox, &netbox.url, fabrics).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    service.until_in_sync("f2").await;
    // Both have devices of the same names, each in its own site.
    assert_eq!(netbox.list("dcim/devices/").await.len(), 10);
    one.servers.stop("kube-apiserver");
    service.until("f1", "the first is unknown", |status| status["summary"] == "unknown").await;
    two.change("switches", "leaf-01", json!({ "description": "goes on" })).await;
    leaf_is_described(&netbox, "f2", "goes on").await;
    service.until_in_sync("f2").await;
    assert_eq!(service.ask("f1").await.unwrap()["summary"], "unknown");
    one.servers.go_on("kube-apiserver");
    service.until_in_sync("f1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_while_it_runs() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    service.until_in_sync("f1").await;
    let unread = |side: &'static str| {
        move |status: &Value| {
            let unread = status["unread"].as_array().unwrap();
            unread.iter().any(|one| one["side"] == side && one["cause"] == "unauthenticated")
        }
    };
    let good = netbox.token("fabric-sync");
    home.set_netbox_token("nbt_revoked.revoked");
    service.until("f1", "NetBox refuses the token", unread("netbox")).await;
    home.set_netbox_token(&good);
    service.until_in_sync("f1").await;

    let renewed = cluster.renew_account().await;
    service.until("f1", "Kubernetes refuses the token", unread("source")).await;
    cluster.set_token(&renewed);
    service.until_in_sync("f1").await;

    let said = home.log();
    assert!(said.contains("f1"), "{said}");
    for secret in [good.trim_start_matches("Bearer "), &renewed] {
        assert!(!said.contains(secret), "a token stands in the log");
    }
}

/// What the sync's account of Kubernetes may do is enough for all of these tests, and for no more.
#[tokio::test(flavor = "multi_thread")]
async fn the_sync_s_account_of_kubernetes_may_not_do_more_than_it_needs() {
    if !crate::lab::is_here() {
        return;
    }
    let cluster = Cluster::start(crate::SMALL, &[]).await;
    let wiring = "/apis/wiring.githedgehog.com/v1beta1/namespaces/default";
    let lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let words = json!({ "spec": { "description": "by the sync" } });
    for (method, path, body) in [
        (Method::PATCH, format!("{wiring}/switches/leaf-01"), Some(&words)),
        (Method::DELETE, format!("{wiring}/servers/server-01"), None),
        (Method::GET, "/api/v1/namespaces/default/secrets".to_owned(), None),
        (Method::GET, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions".to_owned(), None),
        (Method::PATCH, format!("{lease}/another"), Some(&words)),
        (Method::DELETE, format!("{lease}/fabric-sync"), None),
    ] {
        assert_eq!(cluster.refusal(method, &path, body).await, 403, "{path}");
    }
}
