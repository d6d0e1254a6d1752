//! Where something stands, and the lines of the sources.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A place in a source. Lines and columns count from 1; columns are characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The file as it was named.
    pub file: Arc<str>,
    /// The line; 0: the whole file, or the call.
    pub line: u32,
    /// The column; 0: the whole line.
    pub column: u32,
}

impl fmt::Display for Position {
    /// As far as it goes: `plan.yaml:12:3`, `report.md:5`, `plan.yaml`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&probity_text::visible(&self.file))?;
        match (self.line, self.column) {
            (0, _) => Ok(()),
            (line, 0) => write!(f, ":{line}"),
            (line, column) => write!(f, ":{line}:{column}"),
        }
    }
}

/// A position, and how far it extends.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Where it begins.
    pub at: Position,
    /// How many characters it has, where it ends on the same line and that is known; else 0.
    pub length: u32,
    /// The line that it ends on.
    pub last_line: u32,
}

impl From<Position> for Place {
    fn from(at: Position) -> Self {
        let last_line = at.line;
        Self { at, length: 0, last_line }
    }
}

impl From<&Position> for Place {
    fn from(at: &Position) -> Self {
        at.clone().into()
    }
}

/// Sources by line.
pub trait Lines {
    /// A line, counted from 1, without what ends it.
    fn line(&self, file: &str, line: u32) -> Option<&str>;
}

/// Where no source is at hand.
#[derive(Clone, Copy, Debug)]
pub struct NoLines;

impl Lines for NoLines {
    fn line(&self, _: &str, _: u32) -> Option<&str> {
        None
    }
}

/// Whole texts by the name of their file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(BTreeMap<Arc<str>, Text>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Text {
    text: String,
    /// Where each line begins, in bytes.
    begins: Vec<usize>,
}

impl Texts {
    /// Adds a text, or takes it for that of the file from now on.
    pub fn insert(&mut self, file: Arc<str>, text: String) {
        let begins = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.0.insert(file, Text { text, begins });
    }
}

impl Lines for Texts {
    fn line(&self, file: &str, line: u32) -> Option<&str> {
        let Text { text, begins } = self.0.get(file)?;
        let begin = *begins.get((line as usize).checked_sub(1)?)?;
        text.get(begin..)?.lines().next()
    }
}
