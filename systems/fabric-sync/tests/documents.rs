//! The documents are held against the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;

use fabric_sync::config;

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fabric-sync")
}

#[test]
fn the_configuration_that_the_document_shows_is_one_and_has_every_key() {
    let page = std::fs::read_to_string(documents().join("configuration.md")).unwrap();
    let text = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let config = config::parse(text, "configuration.md").unwrap();
    assert_eq!(config::problems(&config), []);
    let source = include_str!("../src/config/mod.rs");
    let mut keys = 0;
    for line in source.lines() {
        let Some(key) = line.strip_prefix("    pub ").and_then(|rest| rest.split(": ").next()) else {
            continue;
        };
        if key.contains(' ') {
            continue;
        }
        keys += 1;
        let shown = text.lines().any(|line| {
            line.trim_start().trim_start_matches("- ").starts_with(&format!("{key}:"))
                || line.contains(&format!("{{ {key}: "))
                || line.contains(&format!(", {key}: "))
        });
        assert!(shown, "the document does not show the key `{key}`");
    }
    assert!(keys > 40, "the keys were not found");
}

#[test]
fn every_command_of_the_documents_is_one_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_fabric-sync")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let known: Vec<&str> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  ").filter(|line| line.starts_with(char::is_alphabetic)))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(known.contains(&"plan") && known.contains(&"history"), "{help}");
    let mut found = 0;
    for entry in std::fs::read_dir(documents()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for part in text
            .split("`fabric-sync ")
            .chain(text.split("$ fabric-sync "))
            .chain(text.split("sudo fabric-sync "))
            .filter(|part| !part.starts_with('#'))
        {
            let word = part.split(|c: char| !c.is_ascii_lowercase()).next().unwrap();
            if !word.is_empty() {
                found += 1;
                assert!(known.contains(&word), "`fabric-sync {word}` is no command");
            }
        }
    }
    assert!(found > 15, "the documents were not read");
}

#[test]
fn the_alerts_and_metrics_of_the_document_are_there() {
    let page = std::fs::read_to_string(documents().join("operation.md")).unwrap();
    let given = fabric_sync::metrics::Metrics::new(["lab"].into_iter());
    let mut report = fabric_sync::report::Report::new("lab", "Lab");
    let now = jiff::Timestamp::now();
    (report.whole_as_of, report.differs_since) = (Some(now), Some(now));
    let text = given.render(&[report], now);
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        assert!(page.contains(&name), "operation.md does not explain {name}");
    }
}
