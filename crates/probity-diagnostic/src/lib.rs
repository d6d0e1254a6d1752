//! What an author is told about something they wrote: where it stands, how grave it is, what is wrong and what would be right.
//! A plan's errors, what `plan check` finds and what `audit` finds are all of this one type, and each form (text, JSON, SARIF)
//! has one renderer.
//!
//! Must not know: plans, reports, rules; files (their lines are handed in).

mod json;
mod place;
mod sarif;
mod text;

use std::fmt;

pub use json::json;
pub use place::{Lines, NoLines, Place, Position, Texts};
pub use sarif::{RuleInfo, sarif};
pub use text::text;

/// How grave it is; the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It cannot work, or contradicts itself.
    Error,
    /// It does not show what its author thinks, as far as can be told.
    Warning,
    /// Worth knowing.
    Note,
    /// Neither right nor wrong by what there is to see.
    Unsupported,
}

impl Level {
    /// The word for it, in every form.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Unsupported => "unsupported",
        }
    }
}

/// Why it does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// A comment in the text accepts it, with its reason.
    Comment(String),
    /// It is in the baseline.
    Baseline,
}

impl Acceptance {
    /// The reason.
    pub fn words(&self) -> &str {
        match self {
            Self::Comment(reason) => reason,
            Self::Baseline => "in the baseline",
        }
    }
}

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// How grave.
    pub level: Level,
    /// What was looked for, such as `sample`: a name that stays, the same for everything of a sort.
    pub rule: &'static str,
    /// What the rule says wherever it speaks; empty if the message is all there is to say.
    pub title: &'static str,
    /// What is wrong here.
    pub message: String,
    /// What would be right; empty if the message says it.
    pub remedy: String,
    /// What else there is to know, a sentence each.
    pub notes: Vec<String>,
    /// Other places that it rests on.
    pub related: Vec<Place>,
    /// Why it does not count, if it does not.
    pub accepted: Option<Acceptance>,
}

impl Diagnostic {
    /// One without remedy, notes and related places.
    pub fn new(level: Level, rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            level,
            rule,
            title: "",
            message: message.into(),
            remedy: String::new(),
            notes: Vec::new(),
            related: Vec::new(),
            accepted: None,
        }
    }

    /// The same with what would be right.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The word before it: its level, or that it is accepted.
    fn word(&self) -> &'static str {
        if self.accepted.is_some() { "accepted" } else { self.level.word() }
    }

    /// What stands below the place: the message where the title stands above it, notes, the remedy, why it is accepted.
    fn below(&self) -> impl Iterator<Item = String> {
        let message = (!self.title.is_empty()).then(|| self.message.clone());
        let remedy = Some(self.remedy.clone()).filter(|remedy| !remedy.is_empty());
        let accepted = self.accepted.as_ref().map(|accepted| format!("accepted: {}", accepted.words()));
        message.into_iter().chain(self.notes.clone()).chain(remedy).chain(accepted)
    }
}

impl fmt::Display for Diagnostic {
    /// As [`text`] has it, without the lines of the source.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text(std::slice::from_ref(self), &NoLines, false).trim_end())
    }
}
