//! Whole outputs for one small run, compared byte by byte. Read a changed file from top to bottom before committing it.
//! `UPDATE_GOLDEN=1 cargo test -p probity-report --test golden` writes them again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests, which read their golden files"
)]

mod made;

use probity_report::{html, json, junit, markdown, terminal};

fn compare(name: &str, made: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, made).unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((number, (expected, found))) =
        golden.lines().zip(made.lines()).enumerate().find(|(_, (expected, found))| expected != found)
    {
        panic!("{path}:{}\nexpected: {expected}\n   found: {found}", number + 1);
    }
    assert_eq!(golden, made, "{path} differs in length");
}

#[test]
fn terminal_text() {
    let small = made::small();
    let text = terminal(&small.contents(), false, 80);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    compare("small.txt", &text);
}

#[test]
fn markdown_text() {
    compare("small.md", &markdown(&made::small().contents()));
}

#[test]
fn html_page() {
    compare("small.html", &html(&made::small().contents()));
}

#[test]
fn json_document() {
    compare("small.json", &json(&made::small().contents()));
}

#[test]
fn junit_document() {
    compare("small.xml", &junit(&made::small().contents()));
}
