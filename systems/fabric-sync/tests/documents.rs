//! The documents are held against the program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use fabric_model::{Kind, ObjectKind};
use fabric_sync::config;
use serde_json::Value;

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

/// Of a table in security.md, for each of its rows: the words in code of the first column, and of the second.
fn permissions(columns: &str) -> Vec<(Vec<String>, BTreeSet<String>)> {
    let page = std::fs::read_to_string(documents().join("security.md")).unwrap();
    let table = page.split_once(&format!("| {columns} | for |\n|---|---|---|\n")).unwrap().1;
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        (words(cells[1]), words(cells[2]).into_iter().collect())
    })
    .collect()
}

fn lab(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab").join(path)).unwrap()
}

fn words(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// By API group and resource, or by NetBox's name of a model.
type Allowed<K> = BTreeMap<K, BTreeSet<String>>;

#[test]
fn what_kubernetes_must_allow_is_what_the_roles_of_the_lab_allow() {
    let mut told: Allowed<(String, String)> = Allowed::new();
    for (names, verbs) in permissions("resources | verbs") {
        let (group, resources) = names.split_first().unwrap();
        told.extend(resources.iter().map(|each| ((group.clone(), each.clone()), verbs.clone())));
    }
    let mut allowed: Allowed<(String, String)> = Allowed::new();
    for document in lab("kubernetes/access.yaml").split("\n---\n") {
        let document: Value = serde_saphyr::from_str(document).unwrap();
        for rule in document["rules"].as_array().into_iter().flatten() {
            let groups = words(&rule["apiGroups"]).into_iter();
            let resources = words(&rule["resources"]);
            for (group, resource) in
                groups.flat_map(|group| resources.iter().map(move |each| (group.clone(), each.clone())))
            {
                allowed.entry((group.clone(), resource)).or_default().extend(words(&rule["verbs"]));
            }
        }
    }
    assert_eq!(told, allowed);
    let kinds = Kind::ALL.map(|kind| (kind.group().to_owned(), kind.plural().to_owned()));
    let lease = ("coordination.k8s.io".to_owned(), "leases".to_owned());
    assert_eq!(told.into_keys().collect::<BTreeSet<_>>(), kinds.into_iter().chain([lease]).collect());
}

#[test]
fn what_netbox_must_allow_is_what_the_permissions_of_the_lab_allow() {
    let told = permissions("models | actions").into_iter();
    let told: Allowed<String> = told
        .flat_map(|(models, actions)| models.into_iter().map(move |model| (model, actions.clone())))
        .collect();
    let permissions: Value = serde_json::from_str(&lab("netbox/permissions.json")).unwrap();
    let (own, share) = (&["view", "add", "change", "delete"][..], &["view", "add"][..]);
    let actions =
        |actions: &[&str]| actions.iter().map(|action| (*action).to_owned()).collect::<BTreeSet<_>>();
    let mut allowed: Allowed<String> = Allowed::new();
    for (set, may) in [("own", own), ("share", share), ("look", &["view"][..])] {
        allowed.extend(words(&permissions[set]).into_iter().map(|model| (model, actions(may))));
    }
    assert_eq!(told, allowed);
    for kind in ObjectKind::ALL {
        let may = if kind.is_shared() { share } else { own };
        assert_eq!(told[kind.content_type()], actions(may), "{kind}");
    }
}
