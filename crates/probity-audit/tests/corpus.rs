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
        assert!(*half == "development" || half.starts_with("unseen-"), "{row:?}");
        assert!(repository.contains('/') && !APART.contains(repository), "{row:?}");
        assert!(commit.len() == 12 && audit.len() == 7 && path.ends_with(".md"), "{row:?}");
        assert!(line.parse::<usize>().is_ok() && !rule.is_empty(), "{row:?}");
        let judged = |one: &str| JUDGED.contains(&one);
        let seen = *first == "-" && matches!(*second, "missed" | "found");
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
    let unseen = || rows.iter().filter(|row| row[0].starts_with("unseen-"));
    let of =
        |wanted: &[&str]| u32::try_from(unseen().filter(|row| wanted.contains(&row[7])).count()).unwrap();
    let both = unseen().filter(|row| row[6] == "right" && row[7] == "right").count();
    assert_eq!(measured::RIGHT, (u32::try_from(both).unwrap(), of(&JUDGED)));
    let seen = of(&["found", "missed"]);
    assert_eq!(measured::FOUND, (seen > 0).then_some((of(&["found"]), seen)));
}
