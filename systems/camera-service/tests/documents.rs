//! The generated documents are those the code gives.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::Path;

use camera_service::contract::document;

/// Compares a generated file with what is committed; `UPDATE_DOCS=1` writes it instead.
fn generated(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/camera-service").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} is not what the code generates; run `make docs`", path.display());
}

#[test]
fn the_openrpc_document_is_the_contract() {
    generated("openrpc.json", &(serde_json::to_string_pretty(&document::openrpc()).unwrap() + "\n"));
}

#[test]
fn the_reference_of_calls_is_the_contract() {
    generated("api.md", &document::markdown());
}

#[test]
fn the_reference_of_the_configuration_is_the_configuration() {
    generated("configuration.md", &camera_config::reference());
}

/// What the calls do, and what they are, knows neither JSON-RPC nor HTTP: `lib.rs` says which part may know which.
#[test]
fn what_calls_do_knows_no_protocol() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<_> =
        ["access.rs", "caller.rs", "events.rs", "places.rs"].map(|name| source.join(name)).into();
    for folder in ["service", "contract"] {
        files.extend(std::fs::read_dir(source.join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    assert!(files.len() > 15);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for above in ["crate::rpc", "crate::web", "crate::run", "crate::commands"] {
            assert!(!text.contains(above), "{} knows {above}", file.display());
        }
    }
}
