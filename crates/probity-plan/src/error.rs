//! What is wrong with a plan: every error with its place, its line and a caret under it, listed at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use probity_text::{is_hidden, visible};

use crate::model::Position;
pub(crate) use probity_text::did_you_mean;

/// One thing that is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Where. Line 0: the whole file, or the call (`--input`).
    pub at: Position,
    /// What is wrong, and what would be right.
    pub message: String,
    /// The source line, fit for a terminal and cut to what fits beside the place; empty without a line.
    pub line: String,
    /// The column of the place within `line`, from 1; 0 without a line.
    pub caret: usize,
}

/// The longest piece of a source line that is shown, in characters.
const SHOWN: usize = 120;

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.line == 0 {
            return write!(f, "{}: {}", self.at.file, self.message);
        }
        write!(f, "{}: {}", self.at, self.message)?;
        if self.caret == 0 {
            return Ok(());
        }
        let number = self.at.line.to_string();
        write!(f, "\n  {number} | {}", self.line)?;
        write!(f, "\n  {:1$} | {2:>3$}", "", number.len(), "^", self.caret)
    }
}

/// Everything that is wrong with a plan, sorted by place; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanErrors(pub Vec<PlanError>);

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanErrors {}

/// At most this many errors are listed: a file that is no plan at all should not fill the terminal.
const LISTED: usize = 200;

/// Collects errors while a plan is read.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    found: Vec<(Position, String)>,
}

impl Errors {
    pub fn push(&mut self, at: &Position, message: impl Into<String>) {
        self.found.push((at.clone(), message.into()));
    }

    /// Forgets all but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.found.truncate(len);
    }

    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// The errors sorted by place, those of the plan itself before those of its files; `None` if there are none.
    pub fn listed(self, plan: &str, sources: &BTreeMap<Arc<str>, String>) -> Option<PlanErrors> {
        let mut found = self.found;
        if found.is_empty() {
            return None;
        }
        found.sort_by(|(a, x), (b, y)| (&*a.file != plan, a, x).cmp(&(&*b.file != plan, b, y)));
        found.dedup();
        let more = found.len().saturating_sub(LISTED);
        found.truncate(LISTED);
        let mut lines: BTreeMap<Arc<str>, Vec<&str>> = BTreeMap::new();
        let mut errors: Vec<PlanError> = found
            .into_iter()
            .map(|(at, message)| {
                let lines = lines.entry(Arc::clone(&at.file)).or_insert_with(|| {
                    sources.get(&at.file).map(|source| source.lines().collect()).unwrap_or_default()
                });
                let line = (at.line as usize).checked_sub(1).and_then(|line| lines.get(line));
                let (line, caret) =
                    line.map_or_else(Default::default, |line| excerpt(line, at.column as usize));
                PlanError { at, message: visible(&message).into_owned(), line, caret }
            })
            .collect();
        if more > 0 {
            let at = Position { file: plan.into(), line: 0, column: 0 };
            errors.push(PlanError {
                at,
                message: format!("and {more} more errors"),
                line: String::new(),
                caret: 0,
            });
        }
        Some(PlanErrors(errors))
    }
}

/// The piece of the line around the column (from 1), and the column within that piece.
fn excerpt(line: &str, column: usize) -> (String, usize) {
    let column = column.max(1);
    let skip = if column > SHOWN - 20 { column - SHOWN / 2 } else { 0 };
    let piece: String =
        line.chars().skip(skip).take(SHOWN).map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let caret = (column - skip).min(piece.chars().count() + 1);
    (piece.trim_end().to_owned(), caret)
}

/// `a, b and c`, each in backquotes.
pub(crate) fn enumerate<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}
