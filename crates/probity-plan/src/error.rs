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

/// What of a plan is wrong. Its name is the diagnostic's rule and stays, however the message is worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flaw {
    /// A file that cannot be read, or is none that could be a plan or a matrix.
    File,
    /// Not YAML, or more of it than a plan has.
    Yaml,
    /// A key that is not known or missing, a value of another type, nothing where something has to stand.
    Shape,
    /// A name that nothing has, that two have, or that is none.
    Name,
    /// The plan as such: what none of the following is.
    Part,
    Include,
    Input,
    Matrix,
    Observer,
    Machine,
    Trial,
    Probe,
    Claim,
    Condition,
    Verdict,
}

impl Flaw {
    const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Yaml => "yaml",
            Self::Shape => "shape",
            Self::Name => "name",
            Self::Part => "plan",
            Self::Include => "include",
            Self::Input => "input",
            Self::Matrix => "matrix",
            Self::Observer => "observer",
            Self::Machine => "machine",
            Self::Trial => "trial",
            Self::Probe => "probe",
            Self::Claim => "claim",
            Self::Condition => "condition",
            Self::Verdict => "verdict",
        }
    }
}

/// Collects errors while a plan is read.
#[derive(Debug, Default)]
pub(crate) struct Errors {
    found: Vec<(Position, String, Flaw)>,
}

impl Errors {
    pub fn push(&mut self, flaw: Flaw, at: &Position, message: impl Into<String>) {
        self.found.push((at.clone(), message.into(), flaw));
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
        found.sort_by(|(a, x, _), (b, y, _)| (&*a.file != plan, a, x).cmp(&(&*b.file != plan, b, y)));
        found.dedup();
        let more = found.len().saturating_sub(MAX_LISTED);
        found.truncate(MAX_LISTED);
        if more > 0 {
            let at = Position { file: plan.into(), line: 0, column: 0 };
            found.push((at, format!("and {more} more errors"), Flaw::Part));
        }
        let listed = found.into_iter();
        listed
            .map(|(at, message, flaw)| {
                Diagnostic::new(Level::Error, flaw.name(), at.into(), visible(&message))
            })
            .collect()
    }
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
