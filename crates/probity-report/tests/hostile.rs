//! Text from a target or a plan that tries to be something else than text, in every place where a report prints text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod made;

use made::hostile::{HOSTILE, hostile};
use probity_report::{Contents, html, json, junit, markdown, terminal};

fn contents(made: &made::Made) -> Contents<'_> {
    Contents { bundle: HOSTILE, ..made.contents() }
}

/// What no output may hold raw: control characters but the newline, and what turns the direction of writing or hides.
fn assert_visible(output: &str) {
    for (at, c) in output.char_indices() {
        let hidden = (c.is_control() && c != '\n')
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
            || c == '\u{fffe}';
        assert!(!hidden, "U+{:04X} near {:?}", u32::from(c), &output[at.saturating_sub(60)..at]);
    }
}

#[test]
fn the_terminal_shows_text_and_keeps_its_width() {
    let made = hostile();
    let text = terminal(&contents(&made), false, 80);
    assert_visible(&text);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains("⟨U+001B⟩") && text.contains("⟨U+202E⟩"));
    // With colours, the only escapes are ours: select graphic rendition, closed on the same line.
    for line in terminal(&contents(&made), true, 80).lines() {
        let escapes: Vec<&str> = line.split('\u{1b}').skip(1).collect();
        assert!(escapes.iter().all(|it| it.starts_with('[') && it.contains('m')), "{line:?}");
        assert!(escapes.last().is_none_or(|it| it.starts_with("[0m")), "{line:?}");
    }
}

#[test]
fn markdown_has_no_markup_that_is_not_ours() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let made = hostile();
    let text = markdown(&contents(&made));
    assert_visible(&text);
    let (mut headings, mut cells, mut rows) = (0, 0, 0);
    let mut columns = None;
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => panic!("raw HTML: {html}"),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                panic!("a link: {dest_url}")
            }
            Event::Start(Tag::CodeBlock(_)) => panic!("a code block"),
            Event::Start(Tag::Heading { .. }) => headings += 1,
            Event::Start(Tag::TableHead) => (columns, cells) = (None, 0),
            Event::Start(Tag::TableRow) => cells = 0,
            Event::Start(Tag::TableCell) => cells += 1,
            Event::End(pulldown_cmark::TagEnd::TableHead) => columns = Some(cells),
            Event::End(pulldown_cmark::TagEnd::TableRow) => {
                assert_eq!(Some(cells), columns, "a row with other columns than its head");
                rows += 1;
            }
            _ => {}
        }
    }
    // A row whose cells were split has the right number of columns too, and loses its last ones: look for them.
    let gentle = markdown(&made::camera::camera().contents());
    let count = |text: &str, what: &str| text.lines().filter(|line| line.starts_with(what)).count();
    assert!(rows > 20);
    assert_eq!(headings, count(&text, "#"));
    // One section instead of four, because every section has the same name now; and that of trials.
    assert_eq!(count(&gentle, "## ") - 3 + 1, count(&text, "## "));
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        assert!(line.ends_with('|'), "{line}");
    }
}

#[test]
fn a_table_row_has_as_many_cells_as_its_head() {
    let made = hostile();
    let text = markdown(&contents(&made));
    let unescaped = |line: &str| line.replace("\\\\", "").replace("\\|", "").matches('|').count();
    let mut head = 0;
    for (line, next) in text.lines().zip(text.lines().skip(1)) {
        if next.starts_with("|---") {
            head = unescaped(line);
        } else if line.starts_with("| ") {
            assert_eq!(unescaped(line), head, "{line}");
        }
    }
}

#[test]
fn html_has_no_element_that_is_not_ours() {
    let made = hostile();
    let page = html(&contents(&made));
    assert_visible(&page);
    for element in ["<script", "<img", "<b>", "</td></p>", "onerror=alert(2)>"] {
        assert!(!page.contains(element), "{element}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn xml_stays_well_formed_and_says_the_same() {
    let made = hostile();
    let text = junit(&contents(&made));
    assert_visible(&text);
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut cases, mut depth) = (0, 0_i32);
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(start) => {
                depth += 1;
                cases += i32::from(start.name().as_ref() == "testcase");
            }
            quick_xml::events::Event::Empty(start) => cases += i32::from(start.name().as_ref() == "testcase"),
            quick_xml::events::Event::End(_) => depth -= 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((cases, depth), (10, 0));
}

#[test]
fn json_gives_the_text_back_as_it_was() {
    let made = hostile();
    let report: serde_json::Value = serde_json::from_str(&json(&contents(&made))).unwrap();
    assert_eq!(report["judgement"]["findings"][0]["says"], HOSTILE);
    assert_eq!(report["run"]["challenge"], HOSTILE);
    assert_eq!(report["narrowing"].as_array().unwrap().len(), 5);
}
