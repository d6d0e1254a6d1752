//! Regular expressions of bounded size, and what looking for one costs.

use regex_syntax::hir::{Hir, HirKind};

use super::reason::Reason;

/// The most memory that a compiled expression may take, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// A regular expression, as the crate `regex` reads them: its time grows with the text and no faster.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: regex::Regex,
    /// How many places of the expression may be looked at for a byte, at the worst.
    places: u64,
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, Reason> {
        let hir = regex_syntax::parse(pattern).map_err(|_| Reason::NotAPattern)?;
        let built = regex::RegexBuilder::new(pattern).size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE).build();
        Ok(Self { regex: built.map_err(|_| Reason::NotAPattern)?, places: places(&hir).max(1) })
    }

    /// The steps that it takes to make one of a text, before its size is known.
    pub(super) fn cost_of_making(pattern: &str) -> u64 {
        5_000 + 100 * pattern.len() as u64
    }

    /// The steps that it takes to look for it in so many bytes.
    pub(super) fn cost(&self, length: usize) -> u64 {
        1 + (length as u64).saturating_mul(self.places) / 16
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

/// How many characters and classes the expression has, repetitions written out.
fn places(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(_) => 1,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.max(1)).max(1);
            places(&repetition.sub).saturating_mul(times.into())
        }
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(places).fold(0, u64::saturating_add)
        }
    }
}
