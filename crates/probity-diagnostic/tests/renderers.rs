//! Each form whole, and that no text gets through as anything but text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use probity_diagnostic::{Acceptance, Diagnostic, Level, Place, Position, Texts, json, sarif, text};

fn place(line: u32, column: u32, length: u32) -> Place {
    Place { length, ..Position { file: "plan.yaml".into(), line, column }.into() }
}

fn texts() -> Texts {
    let mut texts = Texts::default();
    let long = format!("long: {}x{}", "a".repeat(200), "b".repeat(200));
    texts.insert("plan.yaml".into(), format!("plan: P\n漢字: exits && true\r\n\u{202e}evil: 1\n{long}\n"));
    texts
}

fn error(place: Place) -> Diagnostic {
    Diagnostic::new(Level::Error, "condition", place, "there is no fact `exits` here")
        .with_remedy("write exists")
}

#[test]
fn the_place_is_marked_under_its_characters_however_wide_those_before_it_are() {
    assert_eq!(
        text(&[error(place(2, 5, 5))], &texts(), false),
        "plan.yaml:2:5: error: there is no fact `exits` here [condition]\n  2 | 漢字: exits && true\n    |       ^^^^^\n  write exists\n"
    );
}

#[test]
fn a_line_as_a_whole_is_marked_beside_it_with_the_lines_it_rests_on() {
    let mut found = error(place(2, 0, 0));
    found.title = "A title.";
    found.related = vec![place(1, 0, 0), place(4, 0, 0)];
    found.accepted = Some(Acceptance::Comment("known".to_owned()));
    let said = text(&[found], &texts(), false);
    let (head, rest) = said.split_once("  4 |").unwrap();
    assert_eq!(
        head,
        "plan.yaml:2: accepted: A title. [condition]\n  1 |  plan: P\n  2 |> 漢字: exits && true\n    ...\n"
    );
    assert!(
        rest.ends_with("…\n  there is no fact `exits` here\n  write exists\n  accepted: known\n"),
        "{rest}"
    );
}

#[test]
fn of_a_long_line_the_piece_around_the_place_is_shown() {
    let said = text(&[error(place(4, 207, 1))], &texts(), false);
    let lines: Vec<&str> = said.lines().collect();
    let caret = lines[2].find('^').unwrap();
    assert_eq!(lines[1].as_bytes()[caret], b'x', "{said}");
    assert!(lines[1].chars().count() < 130, "{said}");
}

#[test]
fn without_a_line_only_the_place_is_said() {
    assert_eq!(
        error(place(2, 5, 5)).to_string(),
        "plan.yaml:2:5: error: there is no fact `exits` here [condition]\n  write exists"
    );
    assert_eq!(
        text(&[error(place(0, 0, 0))], &texts(), false).lines().next().unwrap(),
        "plan.yaml: error: there is no fact `exits` here [condition]"
    );
}

#[test]
fn no_text_moves_the_cursor() {
    let mut hostile = error(place(3, 3, 2));
    hostile.message = "a\u{1b}[2J\nb".to_owned();
    hostile.notes = vec!["\u{9b}31m".to_owned()];
    hostile.place.at.file = "plan.yaml".into();
    let said = text(&[hostile], &texts(), false);
    assert!(!said.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{said:?}");
    assert!(said.contains("⟨U+202E⟩evil"), "{said}");
}

#[test]
fn json_has_every_part() {
    let mut found = error(place(2, 5, 5));
    found.related = vec![place(1, 1, 0)];
    let expected = serde_json::json!([{
        "file": "plan.yaml", "line": 2, "column": 5, "text": "漢字: exits && true", "level": "error", "rule": "condition",
        "message": "there is no fact `exits` here", "remedy": "write exists", "title": "", "notes": [], "accepted": null,
        "related": [{ "file": "plan.yaml", "line": 1, "column": 1, "text": "plan: P" }],
    }]);
    assert_eq!(json(&[found], &texts()), expected);
}

#[test]
fn sarif_has_the_region_in_characters_and_names_rules_that_nobody_described() {
    let all: serde_json::Value = serde_json::from_str(&sarif(
        "probity plan check",
        "1",
        &[],
        &[error(place(2, 5, 5)), error(place(0, 0, 0))],
        &[],
    ))
    .unwrap();
    let run = &all["runs"][0];
    assert_eq!(run["tool"]["driver"]["rules"], serde_json::json!([{ "id": "condition" }]));
    let first = &run["results"][0];
    assert_eq!(first["message"]["text"], "there is no fact `exits` here\nwrite exists");
    assert_eq!(
        first["locations"][0]["physicalLocation"]["region"],
        serde_json::json!({ "startLine": 2, "endLine": 2, "startColumn": 5, "endColumn": 10 })
    );
    assert!(run["results"][1]["locations"][0]["physicalLocation"]["region"].is_null());
    assert!(run["invocations"].is_null());
}
