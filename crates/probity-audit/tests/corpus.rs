//! The manifest of judgements is well formed, and what the audit says of itself is what stands in it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeSet, HashSet};

use probity_audit::{measured, rules};

const MANIFEST: &str = include_str!("corpus.tsv");

/// What can be said of a finding.
const JUDGED: [&str; 3] = ["right", "wrong", "debatable"];

/// Kept apart for judging the audit from outside.
const APART: [&str; 5] = [
    "CarlosSprekelsen/CameraRecorder",
    "afewell-hh/hh-netbox-plugin",
    "rust-lang/rustc-perf",
    "nginx/nginx-gateway-fabric",
    "etcd-io/dbtester",
];

fn rows() -> Vec<Vec<&'static str>> {
    let lines = MANIFEST.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect()).collect()
}

#[test]
fn each_row_says_what_was_judged_where_and_of_which_version() {
    let rows = rows();
    assert!(rows.len() > 200, "{}", rows.len());
    for row in &rows {
        let [half, repository, commit, path, line, rule, first, second, audit] = row.as_slice() else {
            panic!("{row:?}")
        };
        assert!(matches!(*half, "development" | "read") || half.starts_with("unseen-"), "{row:?}");
        assert!(repository.contains('/') && !APART.contains(repository), "{row:?}");
        assert!(commit.len() == 12 && audit.len() == 7 && path.ends_with(".md"), "{row:?}");
        assert!(line.parse::<usize>().is_ok() && !rule.is_empty(), "{row:?}");
        let judged = |one: &str| JUDGED.contains(&one);
        let seen = *half == "read" && *first == "-" && matches!(*second, "missed" | "found" | "read");
        assert!(seen || judged(first) && judged(second), "{row:?}");
    }
    let repositories: HashSet<&str> = rows.iter().map(|row| row[1]).collect();
    assert!(repositories.len() >= 12, "{}", repositories.len());
    let current: BTreeSet<&str> =
        rows.iter().filter(|row| row[0] == "development").map(|row| row[5]).collect();
    let rules: HashSet<&str> = rules::ALONE.iter().map(|rule| rule.id).collect();
    assert!(current.iter().all(|rule| rules.contains(rule)), "{current:?}");
}

#[test]
fn what_the_audit_says_of_itself_is_what_was_judged() {
    let rows = rows();
    let count = |wanted: &dyn Fn(&[&str]) -> bool| {
        u32::try_from(rows.iter().filter(|row| wanted(row)).count()).unwrap()
    };
    let number = |row: &[&str]| row[0].strip_prefix("unseen-").and_then(|number| number.parse::<u32>().ok());
    let last = rows.iter().filter_map(|row| number(row)).max();
    let unseen = |row: &[&str]| number(row) == last;
    let right = count(&|row| unseen(row) && row[6] == "right" && row[7] == "right");
    assert_eq!(measured::RIGHT, (right, count(&|row| unseen(row))));
    let found = count(&|row| row[7] == "found");
    assert_eq!(measured::FOUND, (found, found + count(&|row| row[7] == "missed")));
}
