//! NetBox comes to hold what the fabric says, and nothing is written once it does.

use std::time::Instant;

use serde_json::{Value, json};

use crate::sync::{Home, fabric};

/// Every list that the sync writes into.
const LISTS: [&str; 19] = [
    "dcim/manufacturers/",
    "dcim/device-types/",
    "dcim/device-roles/",
    "dcim/devices/",
    "dcim/interfaces/",
    "dcim/cables/",
    "ipam/rirs/",
    "ipam/asns/",
    "ipam/route-targets/",
    "ipam/vrfs/",
    "ipam/vlan-groups/",
    "ipam/vlans/",
    "ipam/prefixes/",
    "ipam/ip-addresses/",
    "ipam/ip-ranges/",
    "circuits/providers/",
    "circuits/provider-networks/",
    "vpn/l2vpns/",
    "vpn/l2vpn-terminations/",
];

fn names(list: &[Value]) -> Vec<&str> {
    let mut names: Vec<_> = list.iter().map(|one| one["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_is_put_into_an_empty_netbox_and_a_second_run_writes_nothing() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    service.until_in_sync("f1").await;

    assert_eq!(
        names(&netbox.list("dcim/devices/").await),
        ["leaf-01", "leaf-02", "server-01", "server-02", "spine-01"]
    );
    // Two fabric links, two links of server-01 (one to each leaf), two of server-02 (both to leaf-01).
    assert_eq!(netbox.list("dcim/cables/").await.len(), 6);
    assert_eq!(netbox.dangling_cables().await, [] as [Value; 0]);
    let leaf = netbox.named("dcim/devices/", "leaf-01").await;
    assert_eq!((&leaf["site"]["slug"], &leaf["role"]["slug"]), (&json!("f1"), &json!("server-leaf")));
    assert_eq!(leaf["primary_ip4"]["address"], "172.30.0.11/21");
    assert_eq!(netbox.named("ipam/vlan-groups/", "default").await["vid_ranges"], json!([[1000, 2999]]));
    let prefixes = netbox.list("ipam/prefixes/").await;
    let subnet = prefixes.iter().find(|prefix| prefix["prefix"] == "10.0.1.0/24").unwrap();
    assert_eq!((&subnet["vlan"]["vid"], subnet["vrf"].is_null()), (&json!(1000), false));

    let (changes, written) = (netbox.changes().await, netbox.last_updated(&LISTS).await);
    service.compare_again("f1").await;
    service.compare_again("f1").await;
    drop(service);
    // A new process knows nothing of what the other one did.
    assert_eq!(home.plan(&[])["changes"], json!([]));
    let service = home.start();
    service.until_in_sync("f1").await;
    service.compare_again("f1").await;
    assert_eq!(netbox.changes().await, changes);
    assert_eq!(netbox.last_updated(&LISTS).await, written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_at_the_source_comes_by_the_watch() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    // Nothing is read whole again while this test runs.
    let kubeconfig = cluster.kubeconfig();
    let home =
        Home::with(&netbox, &netbox.url, vec![fabric("f1", &kubeconfig, &json!({ "interval": "1 h" }))])
            .await;
    let service = home.start();
    service.until_in_sync("f1").await;
    cluster.change("switches", "leaf-01", json!({ "description": "moved to rack 7" })).await;
    crate::wait_for("the description is changed", async || {
        let leaf = netbox.named("dcim/devices/", "leaf-01").await;
        (leaf["description"] == "moved to rack 7").then_some(())
    })
    .await;
    cluster.create("Server", "servers", "probity-canary", json!({ "description": "here" })).await;
    crate::wait_for("the canary is there", async || netbox.find("dcim/devices/", "probity-canary").await)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_write_stays_and_what_we_declare_comes_back() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    home.converge(&[]);
    let tenant =
        netbox.create("tenancy/tenants/", &json!({ "name": "us", "slug": "us" })).await["id"].clone();
    let tag = netbox.create("extras/tags/", &json!({ "name": "blue", "slug": "blue" })).await["id"].clone();
    let site = netbox.named("dcim/sites/", "f1").await["id"].clone();
    let rack = netbox.create("dcim/racks/", &json!({ "name": "7", "site": site })).await["id"].clone();
    let theirs = json!({ "tenant": tenant, "rack": rack, "tags": [tag], "comments": "Mind the fan.", "asset_tag": "A-1" });
    netbox.change("dcim/devices/", "leaf-01", &theirs).await;
    netbox.change("dcim/devices/", "leaf-01", &json!({ "description": "a person's words" })).await;

    let plan = home.converge(&[]);
    assert_eq!(plan["changes"].as_array().unwrap().len(), 1, "{plan:#}");
    let leaf = netbox.named("dcim/devices/", "leaf-01").await;
    assert_eq!(leaf["description"], "VS-2");
    let kept = [&leaf["tenant"]["slug"], &leaf["rack"]["name"], &leaf["comments"], &leaf["asset_tag"]];
    assert_eq!(kept, ["us", "7", "Mind the fan.", "A-1"]);
    assert!(leaf["tags"].as_array().unwrap().iter().any(|tag| tag["slug"] == "blue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_fabric_no_longer_says_is_emptied() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    cluster.change("switches", "leaf-01", json!({ "boot": { "serial": "S-1" } })).await;
    home.converge(&[]);
    assert_eq!(netbox.named("dcim/devices/", "leaf-01").await["serial"], "S-1");
    cluster.change("switches", "leaf-01", json!({ "description": null, "boot": null, "asn": null })).await;
    cluster.delete("vpcattachments", "vpc-01--default--server-02--bundled--leaf-01").await;
    home.converge(&[]);
    let leaf = netbox.named("dcim/devices/", "leaf-01").await;
    let emptied = [&leaf["description"], &leaf["serial"], &leaf["custom_fields"]["fabric_sync_asn"]];
    assert_eq!(emptied, [&json!(""), &json!(""), &Value::Null]);
    // The second run deletes what the first one marked.
    home.converge(&[]);
    assert_eq!(home.plan(&[])["changes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_ours_is_left_alone_until_it_is_adopted() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let site = netbox.named("dcim/sites/", "f1").await["id"].clone();
    let maker =
        netbox.create("dcim/manufacturers/", &json!({ "name": "M", "slug": "m" })).await["id"].clone();
    let model = json!({ "manufacturer": maker, "model": "X", "slug": "x" });
    let model = netbox.create("dcim/device-types/", &model).await["id"].clone();
    let role = netbox.create("dcim/device-roles/", &json!({ "name": "r", "slug": "r" })).await["id"].clone();
    let device = json!({ "name": "server-01", "site": site, "device_type": model, "role": role, "description": "theirs" });
    let theirs = netbox.create("dcim/devices/", &device).await;

    let plan = home.plan(&[]);
    let applied = home.run(&["apply", home.path().join("plan").to_str().unwrap()]);
    // The rest of the plan is done, and the whole is no success.
    assert_eq!(applied.status.code(), Some(1), "{plan:#} {}", crate::sync::told(&applied));
    assert_eq!(netbox.named("dcim/devices/", "server-01").await["last_updated"], theirs["last_updated"]);
    assert!(netbox.find("dcim/devices/", "server-02").await.is_some());

    home.succeed(&["adopt", "--all"]);
    home.converge(&[]);
    let ours = netbox.named("dcim/devices/", "server-01").await;
    assert_eq!((&ours["id"], &ours["description"]), (&theirs["id"], &json!("S-01")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_fabric_adds_is_kept_and_told() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    cluster.change("switches", "leaf-01", json!({ "coolant": { "litres": 3 } })).await;
    let home = Home::new(&cluster, &netbox).await;
    home.converge(&[]);
    let leaf = netbox.named("dcim/devices/", "leaf-01").await;
    assert!(leaf["custom_fields"]["fabric_sync_spec"].to_string().contains("coolant"), "{leaf:#}");
    let told = home.run(&["plan"]);
    assert!(crate::sync::told(&told).contains("coolant"), "{}", crate::sync::told(&told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_of_57_objects_is_compared_soon_after_the_start() {
    let Some((cluster, netbox)) = crate::servers_with([4, 2, 10, 3], &[]).await else { return };
    let objects = cluster.count().await;
    assert_eq!(objects, 57);
    let kubeconfig = cluster.kubeconfig();
    let home =
        Home::with(&netbox, &netbox.url, vec![fabric("f1", &kubeconfig, &json!({ "mode": "detect" }))]).await;
    let begun = Instant::now();
    let service = home.start();
    let status = service.until("f1", "a comparison", |status| !status["whole_as_of"].is_null()).await;
    // A figure, which a busy machine makes larger: told, not judged.
    println!(
        "from start to the first comparison of {objects} objects: {:.2} s",
        begun.elapsed().as_secs_f64()
    );
    // The site is there already.
    assert_eq!((&status["counts"]["same"], &status["counts"]["unknown"]), (&json!(1), &json!(0)));
    assert!(status["counts"]["missing"].as_u64().unwrap() > 57, "{status:#}");
    // Nothing but the preparation is in NetBox's log.
    assert_eq!(netbox.list("dcim/devices/").await, [] as [Value; 0]);
}

/// The agent's word on what is plugged in where and on what it applied, beside what is intended.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_switch_reports_otherwise_is_told() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let home = Home::new(&cluster, &netbox).await;
    let service = home.start();
    let status = service.until_in_sync("f1").await;
    let about =
        |status: &Value, list: &str, words: &str| status["observed"][list].to_string().contains(words);
    assert!(!about(&status, "differs", "server-09"), "{status:#}");
    let now = jiff::Timestamp::now();
    let neighbour = json!({ "name": "server-09", "portID": "enp2s1" });
    let seen = json!({ "E1/2": { "admin": "up", "oper": "up", "lldpNeighbors": [neighbour] } });
    cluster.report("leaf-01", now, json!({ "state": { "interfaces": seen } })).await;
    service.until("f1", "the wrong neighbour is told", |status| about(status, "differs", "server-09")).await;

    let generation = cluster.get("agents", "leaf-02").await["metadata"]["generation"].as_i64().unwrap();
    cluster.report("leaf-02", now, json!({ "lastAppliedGen": generation - 1 })).await;
    let behind = format!("leaf-02: generation {generation} is desired, {} is applied", generation - 1);
    service.until("f1", "what is not applied is told", |status| about(status, "differs", &behind)).await;
    cluster.report("leaf-02", now, json!({ "lastAppliedGen": generation })).await;
    service.until("f1", "it is applied", |status| !about(status, "differs", "leaf-02: generation")).await;
    // What an agent said that is silent since is not known any more.
    cluster.report("leaf-02", now - jiff::SignedDuration::from_hours(1), json!({})).await;
    let silent = "leaf-02: its last heartbeat was at";
    let status = service.until("f1", "the silence is told", |status| about(status, "unknown", silent)).await;
    assert_eq!(status["summary"], "in-sync", "what switches report is nothing of NetBox's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_of_scope_or_paused_is_left_alone() {
    let Some((cluster, netbox)) = crate::servers().await else { return };
    let lab = json!({ "labels": { "env": "lab" } });
    for name in ["server-01", "server-02"] {
        cluster.mark("servers", name, lab.clone()).await;
    }
    for name in ["server-03", "server-04"] {
        cluster.create("Server", "servers", name, json!({})).await;
    }
    cluster.mark("servers", "server-03", lab).await;
    let pause = |value: Value| json!({ "annotations": { "fabric-sync/pause": value } });
    cluster.mark("servers", "server-02", pause(json!("true"))).await;
    let scope = json!({ "labels": "env=lab", "pause": ["Server/default/server-03"] });
    let home = Home::with(&netbox, &netbox.url, vec![fabric("f1", &cluster.kubeconfig(), &scope)]).await;
    home.converge(&[]);
    assert_eq!(names(&netbox.list("dcim/devices/").await), ["server-01"]);

    // Neither is what is there already changed while it is paused, by whomever.
    cluster.mark("servers", "server-02", pause(Value::Null)).await;
    home.converge(&[]);
    assert_eq!(names(&netbox.list("dcim/devices/").await), ["server-01", "server-02"]);
    cluster.change("servers", "server-01", json!({ "description": "while it is paused" })).await;
    cluster.mark("servers", "server-01", pause(json!("true"))).await;
    let tag = netbox.list("extras/tags/?slug=fabric-sync-pause").await.remove(0)["id"].clone();
    netbox.change("dcim/devices/", "server-02", &json!({ "tags": [tag] })).await;
    cluster.change("servers", "server-02", json!({ "description": "while it is paused" })).await;
    assert_eq!(home.plan(&[])["changes"], json!([]));
}
