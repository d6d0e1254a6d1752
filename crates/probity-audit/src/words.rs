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
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<regex::Match<'t>> {
        self.0.as_ref().and_then(|pattern| pattern.find(text))
    }
}

/// A number for people: without needless digits.
pub(crate) fn show(value: f64) -> String {
    let text = format!("{value:.4}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The last 40 bytes or so of what stands before something: enough for the words right before it, however long the line.
pub(crate) fn tail(text: &str) -> &str {
    let mut from = text.len().saturating_sub(40);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or("")
}
