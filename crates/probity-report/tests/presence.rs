//! The seed report (one of the two that Probity answers): process and file probes, and the words "periodic sync is
//! operational". Printed, it is presence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod made;

use probity_plan::Shows;
use probity_report::{html, markdown, terminal};
use probity_verdict::judgement::Decided;

const SAYS: &str = "periodic sync is operational";
const DECIDED: &str = "in each of 16 observations (presence): exists";

#[test]
fn the_terminal_prints_presence_below_the_authors_words() {
    let small = made::small();
    let text = terminal(&small.contents(), false, 80);
    let lines: Vec<&str> = text.lines().collect();
    let says = lines.iter().position(|line| line.contains(SAYS)).unwrap();
    assert_eq!(lines[says].trim(), format!("says        {SAYS}"));
    assert_eq!(lines[says + 1].trim(), format!("decided     {DECIDED}"));
}

#[test]
fn markdown_prints_presence_in_the_next_cell() {
    let text = markdown(&made::small().contents());
    let row = text.lines().find(|line| line.contains(SAYS)).unwrap();
    let cells: Vec<&str> = row.split('|').map(str::trim).collect();
    let says = cells.iter().position(|cell| *cell == SAYS).unwrap();
    assert_eq!(cells[says + 1], DECIDED);
}

#[test]
fn html_prints_presence_in_the_next_cell_in_the_same_size() {
    let page = html(&made::small().contents());
    let says = format!("<td class=\"says\" data-label=\"The author says\">{SAYS}</td>");
    let decided = format!("<td class=\"decided\" data-label=\"What was decided\">{DECIDED}</td>");
    assert!(page.contains(&format!("{says}{decided}")), "not beside each other");
    // No rule of the style sheet gives either of the two a size of its own.
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    for rule in style.split('}').filter(|rule| rule.contains("font")) {
        let selector = rule.split('{').next().unwrap();
        for name in ["says", "decided"] {
            assert!(!selector.contains(name), "{rule}");
        }
    }
}

#[test]
fn presence_is_named_in_what_was_decided_of_every_form() {
    let mut small = made::small();
    small.judgement.findings[0].decided =
        Decided::FirstAndLast { probe: "worker".to_owned(), check: "exists".to_owned(), filter: None };
    assert_eq!(small.judgement.findings[0].rests_on, Some(Shows::Presence));
    let decided = "between the first and the last look of `worker` (presence): exists";
    assert!(html(&small.contents()).contains(decided));
}

#[test]
fn no_text_of_ours_says_more_than_it_may() {
    let camera = made::camera::camera();
    let contents = camera.contents();
    let all = [
        html(&contents),
        markdown(&contents),
        terminal(&contents, false, 80),
        probity_report::junit(&contents),
    ];
    for word in ["fraud", "trusted", "pre-registered", "tamper-proof", "guarantee"] {
        for text in &all {
            assert!(!text.to_lowercase().contains(word), "{word}");
        }
    }
    for text in &all[..3] {
        for thing in ["Plan digest deposited before the run", "Challenge from the reader", "Countersignature"]
        {
            assert!(text.contains(thing), "{thing}");
        }
    }
}
