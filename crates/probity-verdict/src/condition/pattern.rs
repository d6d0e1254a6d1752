//! Regular expressions of bounded size, and what looking for one costs.

use regex_syntax::hir::{Class, Hir, HirKind};

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

/// An expression that is read and not made: `\w{25}` is short, and making it is not.
pub(super) struct Draft<'t> {
    text: &'t str,
    hir: Hir,
}

impl<'t> Draft<'t> {
    /// The steps that it takes to read one of a text.
    pub(super) fn cost(text: &str) -> u64 {
        5_000 + 100 * text.len() as u64
    }

    pub(super) fn new(text: &'t str) -> Result<Self, Reason> {
        Ok(Self { text, hir: regex_syntax::parse(text).map_err(|_| Reason::NotAPattern)? })
    }

    /// The steps that it takes to make it: some for each range of characters, repetitions written out.
    pub(super) fn cost_of_making(&self) -> u64 {
        ranges(&self.hir).saturating_mul(30)
    }

    pub(super) fn make(&self) -> Result<Pattern, Reason> {
        let built = regex::RegexBuilder::new(self.text).size_limit(MAX_SIZE).dfa_size_limit(MAX_SIZE).build();
        let regex = built.map_err(|_| Reason::NotAPattern)?;
        Ok(Pattern { regex, places: places(&self.hir).max(1) })
    }
}

impl Pattern {
    pub(super) fn new(pattern: &str) -> Result<Self, Reason> {
        Draft::new(pattern)?.make()
    }

    /// As it is written.
    pub(super) fn text(&self) -> &str {
        self.regex.as_str()
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
    sum(hir, &|_| 1)
}

/// How many characters and ranges of characters the expression has, repetitions written out.
fn ranges(hir: &Hir) -> u64 {
    sum(hir, &|class| match class {
        Class::Unicode(class) => class.ranges().len() as u64,
        Class::Bytes(class) => class.ranges().len() as u64,
    })
}

fn sum(hir: &Hir, of_class: &dyn Fn(&Class) -> u64) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(class) => of_class(class),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.max(1)).max(1);
            sum(&repetition.sub, of_class).saturating_mul(times.into())
        }
        HirKind::Capture(capture) => sum(&capture.sub, of_class),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().map(|part| sum(part, of_class)).fold(0, u64::saturating_add)
        }
    }
}
