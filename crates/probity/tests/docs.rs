//! What is written about the project is held against the project: the map, the generated references, the shape of files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{probity, root};

/// The workspace's crates with the crates of ours that each depends on, tests and benches left out.
fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    packages
        .iter()
        .map(|package| {
            let ours = package["dependencies"].as_array().unwrap().iter();
            let ours =
                ours.filter(|dependency| dependency["kind"].is_null() && dependency["path"].is_string());
            (name(package), ours.map(name).collect())
        })
        .collect()
}

/// The name of the package in that folder.
fn package(folder: &str) -> String {
    let manifest = std::fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    let line = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// What stands above the shape of a diagnostic.
const DIAGNOSTICS: &str = "\
`plan check` prints a list of these, `audit` has them as `findings`. A plan that does not load breaks `file`, `yaml`, `shape` (a key that is not known
or missing, another type, nothing), `name` (nothing has it, or two have), `condition`, or what holds of the part where it stands: `plan`, `include`,
`input`, `matrix`, `observer`, `machine`, `trial`, `probe`, `claim`, `verdict`.";

#[test]
fn the_map_shows_every_crate_and_what_it_may_depend_on() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let workspace = workspace();
    let mut mapped = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `crates/") || line.starts_with("| `systems/"))
    {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let name = package(columns[1].trim_matches('`'));
        let depends = match columns[4] {
            "all of them" => workspace
                .keys()
                .filter(|other| **other != name && other.starts_with("probity"))
                .cloned()
                .collect(),
            list => list
                .split(", ")
                .map(|name| name.trim_matches('`').to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
        };
        mapped.insert(name, depends);
    }
    assert_eq!(mapped, workspace);
}

#[test]
fn every_folder_of_the_map_exists() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for word in page.split('`').skip(1).step_by(2) {
        let is_path = word.contains('/') && !word.contains("NAME") && !word.ends_with("lab/");
        if is_path && !word.starts_with("probity_") {
            let candidates = [root().join(word), root().join("crates/probity-verdict/src").join(word)];
            assert!(
                candidates.iter().any(|path| path.exists()),
                "ARCHITECTURE.md names {word}, which is not there"
            );
        }
    }
}

fn sources(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for_and_stays_readable() {
    let mut found = Vec::new();
    sources(&root().join("crates"), &mut found);
    sources(&root().join("systems"), &mut found);
    assert!(found.len() > 50, "the sources were not found");
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not open with what it is for", path.display());
        assert!(text.lines().count() <= 1000, "{} has more than 1,000 lines", path.display());
    }
}

/// Compares a generated file with what is committed; `UPDATE_DOCS=1` writes it instead.
fn generated(path: &str, text: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} is not what the code generates; run `make docs`", path.display());
}

#[test]
fn the_committed_schema_is_the_one_the_types_give() {
    let output = probity().args(["plan", "schema"]).output().unwrap();
    generated("docs/plan.schema.json", &String::from_utf8(output.stdout).unwrap());
}

#[test]
fn the_command_line_reference_is_what_help_prints() {
    let mut page =
        "# The command line\n\nGenerated from the program's own help by `make docs`. Exit statuses and JSON \
                    output are a contract.\n"
            .to_owned();
    let commands: &[&[&str]] = &[
        &[],
        &["run"],
        &["try"],
        &["verify"],
        &["evaluate"],
        &["report"],
        &["show"],
        &["audit"],
        &["reproduce"],
        &["plan", "check"],
        &["plan", "schema"],
        &["init"],
        &["clean"],
    ];
    for command in commands {
        let output = probity().args(*command).arg("--help").env("COLUMNS", "100").output().unwrap();
        assert!(output.status.success(), "{command:?}");
        let help = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        page.push_str(&format!(
            "\n## probity {}\n\n```text\n{}\n```\n",
            command.join(" "),
            lines.join("\n").trim_end()
        ));
    }
    // As the code that writes it documents it.
    let shape = |path: &str| {
        let json = std::fs::read_to_string(root().join(path)).unwrap();
        let shape = json.split("//! ```json\n").nth(1).and_then(|rest| rest.split("//! ```").next()).unwrap();
        let lines = shape.lines().map(|line| line.strip_prefix("//! ").unwrap_or_default());
        lines.collect::<Vec<_>>().join("\n")
    };
    page.push_str(&format!(
        "\n## JSON of `report` and `evaluate`\n\nA field may be added, none changes its meaning.\n\n```text\n{}\n```\n\
         \n## JSON of `plan check` and `audit`\n\n{DIAGNOSTICS}\n\n```text\n{}\n```\n",
        shape("crates/probity-report/src/json.rs"),
        shape("crates/probity-diagnostic/src/json.rs")
    ));
    generated("docs/command-line.md", &page.replace("## probity \n", "## probity\n"));
}

#[test]
fn the_plan_in_the_readme_checks() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let plan = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let home = support::Home::new();
    home.write("web.yaml", plan);
    let check = home.run(&["plan", "check", "web.yaml"]);
    assert!(check.status.success(), "{}{}", support::stdout(&check), support::stderr(&check));
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut pages =
        vec![root().join("README.md"), root().join("ARCHITECTURE.md"), root().join("CHANGELOG.md")];
    pages.extend(std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    pages.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    assert!(pages.len() > 8, "{pages:?}");
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") && !file.contains(' ') {
                assert!(page.parent().unwrap().join(file).exists(), "{}: {link}", page.display());
            }
        }
    }
}
