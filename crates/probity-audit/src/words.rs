//! Patterns over words, and numbers for people.

use regex::Regex;

/// A pattern that is compiled once.
macro_rules! pattern {
    ($name:ident, $pattern:expr) => {
        pub(crate) static $name: std::sync::LazyLock<$crate::words::Words> =
            std::sync::LazyLock::new(|| $crate::words::Words::new(stringify!($name), $pattern));
    };
}
pub(crate) use pattern;

/// A pattern whose digits, word characters and word boundaries are those of ASCII: with Unicode's, a tick in a line would make
/// matching ten times slower, and compiling the patterns would take longer than reading a short report.
pub(crate) fn ascii(pattern: &str) -> Result<Regex, regex::Error> {
    let pattern = pattern.replace(r"\b", r"(?-u:\b)").replace(r"\d", "[0-9]");
    Regex::new(&pattern.replace(r"\w", "[0-9A-Za-z_]").replace(r"\W", "[^0-9A-Za-z_]"))
}

/// A pattern over simplified text.
pub(crate) struct Words(pub(crate) Option<Regex>);

impl Words {
    /// Every pattern is a constant; one that does not compile stops every test that comes near it.
    pub(crate) fn new(name: &str, pattern: &str) -> Self {
        let pattern = ascii(pattern);
        debug_assert!(pattern.is_ok(), "{name}: {pattern:?}");
        Self(pattern.ok())
    }
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.as_ref().is_some_and(|pattern| pattern.is_match(text))
    }
    pub(crate) fn captures<'t>(&self, text: &'t str) -> Option<regex::Captures<'t>> {
        self.0.as_ref().and_then(|pattern| pattern.captures(text))
    }
    pub(crate) fn all_in<'t>(&self, text: &'t str) -> impl Iterator<Item = regex::Captures<'t>> {
        self.0.iter().flat_map(|pattern| pattern.captures_iter(text))
    }
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<regex::Match<'t>> {
        self.0.as_ref().and_then(|pattern| pattern.find(text))
    }
}

/// Signs for what is done, or passes.
pub(crate) const TICKS: [char; 4] = ['✅', '✔', '☑', '✓'];

/// A number for people: without needless digits.
pub(crate) fn show(value: f64) -> String {
    let text = format!("{value:.4}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A percentage to two digits, for people.
pub(crate) fn rounded(percent: f64) -> String {
    format!("{} %", show((percent * 100.0).round() / 100.0))
}

/// Terms of one sum for people; of more only the first are written.
const MAX_TERMS: usize = 12;

/// "2 + 4".
pub(crate) fn terms(terms: &[f64]) -> String {
    let written = terms.iter().take(MAX_TERMS).map(|term| show(*term)).collect::<Vec<_>>().join(" + ");
    if terms.len() > MAX_TERMS { format!("{written} + …") } else { written }
}

/// "2 + 4 = 6, not 7".
pub(crate) fn not_the_sum(parts: &[f64], told: &str) -> String {
    format!("{} = {}, not {told}", terms(parts), show(parts.iter().sum()))
}

/// The last 40 bytes or so of what stands before something: enough for the words right before it, however long the line.
pub(crate) fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(40);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or("")
}
