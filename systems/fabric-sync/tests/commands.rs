//! The commands end to end, the program as a child between two fakes (see `support`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use fabric_kubernetes::fake::Fault;
use fabric_model::{Kind, ObjectKind};
use serde_json::{Value, json};
use support::{Running, ends, put};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_applied_as_it_is_and_a_second_one_has_nothing_to_do() {
    let ends = ends().await;
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    let shown = ends.run(&["plan", "-o", plan]).await.is(1);
    let shown =
        shown.says("create          device lab/default/leaf-01").says("NetBox differs from the fabric");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(plan).unwrap()).unwrap();
    let changes = written["changes"].as_array().unwrap().len();
    assert!(changes > 20 && shown.out.contains(&format!("{changes} changes")), "{}", shown.out);
    assert_eq!(ends.netbox.change_count(), 0, "a plan writes nothing");

    ends.run(&["apply", plan]).await.is(0).says(&format!("{changes} of {changes} changes written"));
    assert_eq!(ends.device("leaf-01").unwrap()["description"], "rack 2");
    let count = ends.netbox.change_count();
    ends.run(&["plan"]).await.is(0).says("lab: in sync").says("0 changes");
    ends.run(&["apply", plan]).await.is(1).says("refused, nothing was written");
    assert_eq!(ends.netbox.change_count(), count);
    let message = ends.netbox.change_messages().pop().unwrap();
    assert!(message.starts_with("fabric-sync run ") && message.len() <= 200, "{message}");
    let run = message.split(' ').nth(2).unwrap();
    ends.run(&["history", "--last", "100"])
        .await
        .is(0)
        .says(run)
        .says("ended whole: ")
        .says("chained as they were written");
}

/// NetBox may still be at it: another plan that creates the same would have it twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_created_without_an_answer_is_in_no_further_plan_for_a_time() {
    let ends = ends().await;
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1);
    ends.netbox.fail(fabric_netbox::fake::Fault::Status(504), Some("POST"), "dcim/devices/", 1);
    ends.run(&["apply", plan]).await.is(1).says("status 504");
    let shown = ends.run(&["plan", "-o", plan]).await.is(1).says("may still be carried out");
    assert!(!shown.out.contains("create          device lab/default/leaf-01"), "{}", shown.out);
    ends.run(&["apply", plan]).await;
    assert!(ends.device("leaf-01").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_no_longer_fits_is_refused() {
    let ends = ends().await;
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1);
    put(&ends.cluster, Kind::Server, "server-03", &json!({}));
    ends.run(&["apply", plan]).await.is(1).says("refused, nothing was written");
    assert_eq!(ends.netbox.change_count(), 0);
    ends.run(&["plan", "-o", plan]).await.is(1);
    // Changed by hand: its digest is not its own any more.
    let text = std::fs::read_to_string(plan).unwrap().replace("rack 2", "rack 9");
    std::fs::write(plan, text).unwrap();
    ends.run(&["apply", plan]).await.is(2).says("this plan was changed after it was made");
    assert_eq!(ends.netbox.change_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_unknown_and_nothing_of_it_is_deleted() {
    let ends = ends().await;
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1);
    ends.run(&["apply", plan]).await.is(0);
    let count = ends.netbox.change_count();
    for fault in [Fault::Forbidden, Fault::Missing, Fault::Html, Fault::Silent] {
        ends.cluster.break_kind("servers", Some(fault));
        let said = ends.run(&["plan", "-o", plan]).await.is(1);
        let said = said.says("lab: unknown").says("not read whole  Kubernetes, Server").says("0 changes");
        assert!(!said.out.contains("delete"), "{fault:?}: {}", said.out);
        ends.run(&["apply", plan]).await.is(0).says("nothing to write");
    }
    ends.cluster.break_kind("servers", None);
    assert_eq!(ends.netbox.change_count(), count);
    ends.run(&["plan"]).await.is(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_deletions_wait_for_somebodys_word() {
    let ends = ends().await;
    ends.configure("interval: 1 s, deletion: { grace: 0 s }", "");
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1);
    ends.run(&["apply", plan]).await.is(0);
    for (kind, name) in [
        (Kind::VPCAttachment, "server-01--vpc-01"),
        (Kind::Connection, "server-01--unbundled--leaf-01"),
        (Kind::Connection, "server-02--unbundled--leaf-01"),
        (Kind::Server, "server-01"),
        (Kind::Server, "server-02"),
    ] {
        assert!(ends.cluster.delete(kind.plural(), "default", name));
    }
    ends.run(&["plan", "-o", plan]).await.is(1).says("confirm that this is meant");
    let held: Value = serde_json::from_str(&std::fs::read_to_string(plan).unwrap()).unwrap();
    let deletes = |plan: &Value| {
        plan["changes"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|change| !change["action"]["delete"].is_null())
            .count()
    };
    assert_eq!(deletes(&held), 0);
    assert!(ends.device("server-01").is_some());
    ends.run(&["plan", "--confirm-deletions", "-o", plan]).await.is(1);
    let confirmed: Value = serde_json::from_str(&std::fs::read_to_string(plan).unwrap()).unwrap();
    assert!(deletes(&confirmed) >= 4, "{confirmed:#}");
    ends.run(&["apply", plan]).await.is(0);
    assert!(ends.device("server-01").is_none() && ends.device("server-02").is_none());
    assert_eq!(ends.netbox.dangling_cables(), 0);
    ends.run(&["plan"]).await.is(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_somebody_changed_is_told_and_a_signed_one_is_the_keys() {
    let ends = ends().await;
    let key = ssh_key::PrivateKey::from(ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]));
    let file = ends.home().join("secrets/history-key");
    std::fs::write(&file, key.to_openssh(ssh_key::LineEnding::LF).unwrap()).unwrap();
    let public = ends.home().join("history-key.pub");
    std::fs::write(&public, key.public_key().to_openssh().unwrap()).unwrap();
    ends.configure("interval: 1 s", &format!("history: {{ key_file: {} }}", file.display()));
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1);
    ends.run(&["apply", plan]).await.is(0);
    let check = ["history", "--key", public.to_str().unwrap()];
    ends.run(&check).await.is(0).says("chained and signed as they were written");
    let path = ends.home().join("state/lab.history.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(support::TOKEN));
    std::fs::write(&path, text.replacen("\"written\"", "\"refused\"", 1)).unwrap();
    ends.run(&check).await.is(1).says("does not follow the line before");
    std::fs::write(&path, &text).unwrap();
    // The last line without its signature.
    let at = text.rfind(",\"signature\"").unwrap();
    std::fs::write(&path, format!("{}}}\n", &text[..at])).unwrap();
    ends.run(&check).await.is(1).says("not signed");
    ends.run(&["history"]).await.is(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_object_is_left_until_it_is_adopted() {
    let ends = ends().await;
    let site = ends.netbox.create(ObjectKind::Site, json!({"name": "Lab", "slug": "lab"}));
    let maker = ends.netbox.create(ObjectKind::Manufacturer, json!({"name": "Theirs", "slug": "theirs"}));
    let model = json!({"manufacturer": maker, "model": "T1", "slug": "t1"});
    let model = ends.netbox.create(ObjectKind::DeviceType, model);
    let role = ends.netbox.create(ObjectKind::DeviceRole, json!({"name": "Theirs", "slug": "theirs"}));
    let theirs = json!({"name": "server-01", "site": site, "device_type": model, "role": role, "status": "active", "comments": "mine"});
    let id = ends.netbox.create(ObjectKind::Device, theirs);
    assert!(site * maker * model * role * id > 0);
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1);
    ends.run(&["apply", plan]).await.is(1).says("refused").says("server-01");
    let device = ends.device("server-01").unwrap();
    assert_eq!((&device["id"], &device["comments"]), (&json!(id), &json!("mine")));
    assert!(device["custom_fields"]["fabric_sync_key"].is_null());

    // While an instance leads, no command writes beside it.
    ends.configure("interval: 1 h, mode: detect, lease: { duration: 3 s }", "");
    let service = Running::start(&ends).await;
    service.until("it leads", |report| report["leader"] == true && report["as_of"] != Value::Null).await;
    let count = ends.netbox.change_count();
    ends.run(&["plan", "-o", plan]).await.is(1);
    for command in [["apply", plan], ["adopt", "--all"]] {
        ends.run(&command).await.is(1).says("nothing was written").says("leads. Stop it");
    }
    assert_eq!(ends.netbox.change_count(), count);
    drop(service);
    ends.configure("interval: 1 h", "");

    let listed = ends.run(&["adopt"]).await.is(0).says("device lab/default/server-01");
    assert!(listed.out.contains(&format!("number {id}")), "{}", listed.out);
    ends.run(&["adopt", "device lab/default/nobody"]).await.is(2).says("is not in the list");
    ends.run(&["adopt", "device lab/default/server-01"]).await.is(0).says("adopted");
    ends.run(&["plan", "-o", plan]).await.is(1);
    ends.run(&["apply", plan]).await.is(0);
    let device = ends.device("server-01").unwrap();
    assert_eq!((&device["id"], &device["comments"]), (&json!(id), &json!("mine")));
    ends.run(&["plan"]).await.is(0);
    ends.run(&["history"]).await.is(0).says("adoption of device lab/default/server-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_tells_what_a_start_would_find() {
    let ends = ends().await;
    ends.run(&["config", "check"]).await.is(0).says("well   netbox").says("well   fabric lab, Kubernetes");
    ends.netbox.set_token("another");
    ends.run(&["config", "check"])
        .await
        .is(1)
        .says("fault  netbox")
        .says("device type, device role and 16 more: ");
    ends.run(&["config", "check", "--offline"]).await.is(0);
    ends.netbox.set_token(support::TOKEN);
    ends.cluster.break_kind("vpcs", Some(Fault::Forbidden));
    ends.run(&["config", "check"]).await.is(1).says("VPC: reading it is not allowed");
    ends.configure("intervall: 1 s", "");
    ends.run(&["config", "check"]).await.is(2).says("did you mean `interval`?");
    std::fs::remove_file(ends.home().join("config/fabric-sync.yaml")).unwrap();
    ends.run(&["plan"]).await.is(2).says("there is no such file: `fabric-sync install`");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_netbox_is_prepared_once_with_another_token() {
    let mut ends = ends().await;
    ends.netbox = fabric_netbox::fake::FakeNetBox::start_bare("admins-token").await.unwrap();
    ends.configure("interval: 1 s", "");
    let file = ends.home().join("admin-token");
    std::fs::write(&file, "admins-token").unwrap();
    let prepare = ["prepare", "--token-file", file.to_str().unwrap()];
    ends.run(&prepare).await.is(0).says("custom field fabric_sync_key").says("is ready");
    ends.run(&prepare).await.is(0).says("nothing was missing");
    ends.netbox.set_token(support::TOKEN);
    ends.run(&["config", "check"]).await.is(0);
}

/// What a person does who takes a device out of our hands: what stands there then is to be adopted.
fn let_go() -> Value {
    json!({"custom_fields": {"fabric_sync_key": null, "fabric_sync_source": null}})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_holds_back_is_written_by_hand_only_now_and_on_purpose() {
    let ends = ends().await;
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    let hour = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).hour();
    let (from, to) = ((hour + 2) % 24, (hour + 3) % 24);
    let window = format!("windows: [{{ from: \"{from:02}:00\", to: \"{to:02}:00\" }}]");
    for (line, why) in [("paused: true", "paused by the configuration"), (&window, "outside its windows")] {
        ends.configure(line, "");
        ends.run(&["plan", "-o", plan]).await.is(1);
        ends.run(&["apply", plan]).await.is(1).says("nothing was written: ").says(why).says("--now");
        assert_eq!(ends.netbox.change_count(), 0, "{line}");
    }
    ends.run(&["apply", plan, "--now"]).await.is(0);
    let id = ends.device("server-01").unwrap()["id"].as_u64().unwrap();
    assert!(ends.netbox.change(ObjectKind::Device, id, let_go()));
    ends.run(&["adopt", "--all"]).await.is(1).says("nothing was written: ").says("outside its windows");
    ends.run(&["adopt", "--all", "--now"]).await.is(0).says("adopted");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_adopted_while_another_process_writes_for_the_fabric() {
    let ends = ends().await;
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1);
    ends.run(&["apply", plan]).await.is(0);
    let id = ends.device("server-01").unwrap()["id"].as_u64().unwrap();
    assert!(ends.netbox.change(ObjectKind::Device, id, let_go()));
    let lock = fabric_sync::lock::Lock::take(&ends.home().join("state/lab.lock")).unwrap();
    ends.run(&["adopt", "--all"])
        .await
        .is(1)
        .says("nothing was written: ")
        .says("works on this fabric already");
    drop(lock);
    ends.run(&["adopt", "--all"]).await.is(0).says("adopted");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_may_stop_before_the_end() {
    let ends = ends().await;
    let plan = ends.home().join("plan.json");
    for arguments in [vec!["plan", "-o", plan.to_str().unwrap()], vec!["config", "check"]] {
        let mut command = ends.command();
        command.args(&arguments).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let output = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            drop(child.stdout.take());
            child.wait_with_output().unwrap()
        });
        let output = output.await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!said.contains("panicked"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(i32::from(arguments[0] == "plan")), "{said}");
    }
    ends.run(&["apply", plan.to_str().unwrap()]).await.is(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fabric_with_a_problem_stops_no_command_for_another() {
    let ends = ends().await;
    let address = ends.cluster.url();
    let fabric = |name: &str, more: &str| {
        format!("- {{ name: {name}, site: {name}, kubernetes: {{ url: \"{address}\" }}{more} }}")
    };
    ends.configure_fabrics(&[fabric("lab", ""), fabric("odd", ", namespaces: [a, a]")], "");
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "--fabric", "lab", "-o", plan]).await.is(1);
    ends.run(&["apply", plan]).await.is(0);
    ends.run(&["adopt", "--fabric", "lab"]).await.is(0);
    let token = ends.token_file();
    ends.run(&["prepare", "--token-file", token.to_str().unwrap()]).await.is(0);
    ends.run(&["plan", "--fabric", "odd"]).await.is(2).says("`fabrics.1.namespaces`: `a` is repeated");
    ends.run(&["config", "check"]).await.is(2).says("`fabrics.1.namespaces`: `a` is repeated");
    ends.run(&["status"]).await.is(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_says_how_old_it_is() {
    let ends = ends().await;
    let service = Running::start(&ends).await;
    service.in_sync().await;
    ends.listen_at(&service.address);
    let said = ends.run(&["status"]).await.is(0);
    let said = said.says("both sides read whole: ");
    assert!(said.out.contains(" s ago"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_this_version_does_not_know_is_told_and_stops_nothing() {
    let ends = ends().await;
    ends.cluster.serve("wiring.githedgehog.com", "Transceiver");
    let plan = ends.home().join("plan.json");
    let plan = plan.to_str().unwrap();
    ends.run(&["plan", "-o", plan]).await.is(1).says("no place        wiring.githedgehog.com/Transceiver");
    ends.run(&["apply", plan]).await.is(0);
    ends.run(&["plan"]).await.is(0);
    let service = Running::start(&ends).await;
    let report = service.in_sync().await;
    assert_eq!(report["unrepresented_kinds"], json!(["wiring.githedgehog.com/Transceiver"]));
    let metric = "fabric_sync_unrepresented_kinds{fabric=\"lab\"}";
    assert!(service.get("/metrics").await.contains(&format!("{metric} 1\n")));
    assert!(service.get("/fabrics/lab").await.contains("does not know: wiring.githedgehog.com/Transceiver"));

    // Not known is not none.
    ends.cluster.break_kind("apis", Some(Fault::Forbidden));
    let report =
        service.until("it is not known", |report| report["kinds_unread"]["cause"] == "forbidden").await;
    assert_eq!(report["summary"], "in-sync");
    assert!(!service.get("/metrics").await.contains(metric));
    ends.run(&["plan"]).await.is(0).says("which further kinds the fabric has is not known: ");
    ends.listen_at(&service.address);
    ends.run(&["status"])
        .await
        .is(0)
        .says("not represented: which further kinds the fabric has is not known: ");
}
