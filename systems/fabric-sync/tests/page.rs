//! The status page in headless Chromium: what a person reads, with what others named shown as text. `SCREENSHOTS` names a folder for
//! pictures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use fabric_model::Kind;
use serde_json::json;
use support::{Running, ends, put};

/// Chromium's answer to these arguments; nothing, having said so, where there is none.
async fn chromium(arguments: Vec<String>) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args([
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    let Ok(output) = output else {
        assert!(std::env::var_os("CI").is_none(), "chromium is missing: run scripts/debian-tools");
        println!("SKIPPED: there is no chromium; scripts/debian-tools unpacks it");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn photograph(address: &str, name: &str, width: u32) {
    let Some(folder) = std::env::var_os("SCREENSHOTS") else { return };
    let file = Path::new(&folder).join(name).with_extension("png");
    let arguments = vec![
        format!("--window-size={width},1400"),
        format!("--screenshot={}", file.display()),
        address.to_owned(),
    ];
    chromium(arguments).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_reads_how_each_fabric_is_and_nothing_that_others_named_is_markup() {
    let ends = ends().await;
    let name = format!("server-{}", "x".repeat(120));
    put(&ends.cluster, Kind::Server, &name, &json!({}));
    let port = "<b id=injected>leaf-01";
    let link = json!({"unbundled": {"link": {"server": {"port": "server-02/e"}, "switch": {"port": port}}}});
    put(&ends.cluster, Kind::Connection, "odd", &link);
    let service = Running::start(&ends).await;
    service.until("the refusal is told", |report| !report["quarantine"].as_array().unwrap().is_empty()).await;

    let overview = format!("http://{}/", service.address);
    let Some(page) = chromium(vec!["--dump-dom".to_owned(), overview.clone()]).await else { return };
    assert!(page.contains("out of sync") && page.contains("href=\"/fabrics/lab\""), "{page}");
    let one = format!("{overview}fabrics/lab");
    let page = chromium(vec!["--dump-dom".to_owned(), one.clone()]).await.unwrap();
    for expected in
        ["Refused by NetBox (1)", &name, "Source objects that cannot be mapped", "&lt;b id=injected&gt;"]
    {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert!(!page.contains("<b id=\"injected\""), "{page}");
    assert!(!page.contains(support::TOKEN) && !page.contains("<script"), "{page}");
    // The style is applied although the policy forbids everything else.
    let style = service.get("/style.css").await;
    assert!(style.contains(".badge"));
    photograph(&overview, "overview", 1280).await;
    photograph(&one, "fabric", 1280).await;
    photograph(&one, "fabric-narrow", 500).await;
}
