//! What reading a report costs without auditing it: `parse REPORT` counts the events of the CommonMark parser.

#![allow(clippy::disallowed_methods, reason = "reads a file")]

use pulldown_cmark::{Options, Parser};

fn main() -> Result<(), std::io::Error> {
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
        println!("{path}: {} events", Parser::new_ext(&text, options).into_offset_iter().count());
    }
    Ok(())
}
