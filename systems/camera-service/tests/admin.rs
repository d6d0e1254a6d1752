//! What administrators do: look at the configuration and change it, at once and for good.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use camera_access::Role;
use serde_json::json;
use support::Installation;

#[tokio::test]
async fn a_change_is_in_force_at_once_outlasts_a_restart_and_is_on_record() {
    let installation = Installation::new(
        "cameras:\n  - { name: door, source: \"rtsp://viewer:hunter2@127.0.0.1:1/x\" }\nlog: { file: HERE/service.log }\n",
    );
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    let shown = admin.succeed("get_config", json!({})).await;
    assert!(!shown.to_string().contains("hunter2"), "no password is shown: {shown}");
    assert!(!shown.to_string().contains(support::SECRET), "nor a secret");
    assert_eq!(shown["config"]["storage"]["warn"], "98 %");

    let unknown = admin.call("modify_config", json!({ "patch": { "storage": { "wran": "70 %" } } })).await;
    assert_eq!(unknown["error"]["code"], -32602);
    assert!(unknown["error"]["message"].as_str().unwrap().contains("storage.warn"), "{unknown}");
    let file_only = json!({ "patch": { "security": { "api_keys": "/tmp/x" } } });
    assert_eq!(admin.refused("modify_config", file_only).await, -32602);
    let wrong = json!({ "patch": { "storage": { "warn": "99 %" } } });
    assert_eq!(admin.refused("modify_config", wrong).await, -32602, "it warns before it blocks");

    let patch = json!({ "patch": { "storage": { "warn": "70 %" }, "server": { "max_connections": 100 } } });
    let changed = admin.succeed("modify_config", patch).await;
    assert_eq!(changed["config"]["storage"]["warn"], "70 %");
    assert_eq!(changed["needs_restart"], json!(["server.max_connections"]));
    assert_eq!(admin.succeed("get_config", json!({})).await["needs_restart"], changed["needs_restart"]);
    let in_force = &admin.succeed("get_server_info", json!({})).await["limits"]["max_connections"];
    assert_ne!(*in_force, 100, "not before the next start");
    assert_eq!(admin.succeed("get_storage_info", json!({})).await["warn_percent"], 70.0);
    let limits = json!({ "patch": { "limits": { "requests_per_minute": 1, "burst": 2 } } });
    admin.succeed("modify_config", limits).await;
    admin.succeed("ping", json!({})).await;
    admin.succeed("ping", json!({})).await;
    assert_eq!(admin.refused("ping", json!({})).await, -32040, "the new limit holds at once");

    drop(service);
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    let shown = admin.succeed("get_config", json!({})).await;
    assert_eq!(
        (&shown["config"]["storage"]["warn"], &shown["config"]["limits"]["burst"]),
        (&json!("70 %"), &json!(2))
    );
    assert_eq!(shown["needs_restart"], json!([]));
    assert_eq!(admin.succeed("get_server_info", json!({})).await["limits"]["max_connections"], 100);
    let checked = installation.command().args(["config", "check"]).output().unwrap();
    let checked = String::from_utf8(checked.stdout).unwrap();
    let (told, in_force) = checked.split_once("\n#   storage.warn: 70 %\n").unwrap();
    assert!(told.starts_with("# Calls changed this") && told.contains("/state/changes.json"), "{told}");
    assert!(told.contains("\n#   limits.burst: 2"), "{told}");
    assert!(in_force.contains("warn: 70 %") && !in_force.contains("warn: 98 %"), "{in_force}");
    let log = std::fs::read_to_string(installation.path().join("service.log")).unwrap();
    assert!(log.lines().any(|line| line.contains("storage.warn") && line.contains("changes.json")), "{log}");

    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    let changes = audit.lines().filter(|line| line.contains("\"configuration_change\"")).count();
    assert_eq!(changes, 5, "three refused, two made:\n{audit}");
}

#[tokio::test]
async fn administrators_calls_can_be_limited_to_addresses() {
    let installation = Installation::new(
        "cameras: []\nsecurity: { api_keys: HERE/security/api-keys.json, admin_addresses: [\"10.0.0.0/8\"] }\n",
    );
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    assert_eq!(admin.refused("get_config", json!({})).await, -32002);
    admin.succeed("get_camera_list", json!({})).await;
    let audit = std::fs::read_to_string(installation.path().join("audit.jsonl")).unwrap();
    assert!(audit.lines().any(|line| line.contains("\"denial\"") && line.contains("get_config")), "{audit}");
}

/// The audit log on a file system that is full: it is noticed, shown, and holds changes back until there is room again.
#[tokio::test]
async fn nothing_is_changed_while_the_audit_log_cannot_be_written() {
    let installation = Installation::new("cameras: []\naudit_log: HERE/log/audit.jsonl\n");
    let folder = installation.path().join("log");
    std::fs::create_dir(&folder).unwrap();
    let Some(_mounted) = support::SmallDisk::mount(&folder, "size=64k") else { return };
    let service = installation.start();
    let mut admin = service.client(Role::Admin).await;
    let new = |name: &str| json!({ "name": name, "source": "test:pattern" });
    admin.succeed("add_camera", new("one")).await;
    // Ends with an error when it is full.
    let _ = std::fs::write(folder.join("ballast"), vec![0; 1 << 20]);
    admin.refused("get_config", json!({ "x": 1 })).await;
    // Filled to the last page: entries go into what the last one still has, and then no further.
    let mut refused = 0;
    for number in 0..200 {
        let answer = admin.call("delete_camera", json!({ "device": format!("nothing-{number}") })).await;
        refused = answer["error"]["code"].as_i64().unwrap();
        if refused == -32050 {
            break;
        }
    }
    assert_eq!(refused, -32050, "changes are held back");
    assert_eq!(admin.refused("add_camera", new("two")).await, -32050);
    assert_eq!(admin.succeed("get_camera_list", json!({})).await["total"], 1, "and looking goes on");
    std::fs::remove_file(folder.join("ballast")).unwrap();
    admin.succeed("add_camera", new("two")).await;
}
