//! What is wrong with a plan: every error with its place, its line and a caret under it, listed at once.

use std::fmt;

use probity_diagnostic::{Diagnostic, Level, Position, Texts, text};
pub(crate) use probity_text::did_you_mean;
use probity_text::visible;

/// Everything that is wrong with a plan, sorted by place; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanErrors {
    /// What is wrong, where, and what would be right. Line 0: the whole file, or the call (`--input`).
    pub list: Vec<Diagnostic>,
    /// The plan's files, as far as they could be read.
    pub texts: Texts,
}

impl fmt::Display for PlanErrors {
    /// Each with its line and a caret under it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(&self.list, &self.texts, false).trim_end())
    }
}

impl std::error::Error for PlanErrors {}

/// At most this many errors are listed: a file that is no plan at all should not fill the terminal.
const MAX_LISTED: usize = 200;

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

    /// The errors sorted by place, those of the plan itself before those of its files; none if there are none.
    pub fn listed(self, plan: &str) -> Vec<Diagnostic> {
        let mut found = self.found;
        found.sort_by(|(a, x), (b, y)| (&*a.file != plan, a, x).cmp(&(&*b.file != plan, b, y)));
        found.dedup();
        let more = found.len().saturating_sub(MAX_LISTED);
        found.truncate(MAX_LISTED);
        if more > 0 {
            let at = Position { file: plan.into(), line: 0, column: 0 };
            found.push((at, format!("and {more} more errors")));
        }
        let listed = found.into_iter();
        listed
            .map(|(at, message)| Diagnostic::new(Level::Error, RULE, at.into(), visible(&message)))
            .collect()
    }
}

/// What keeps a plan from loading.
const RULE: &str = "load";

/// `a, b and c`, each in backquotes.
pub(crate) fn enumerate<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}
