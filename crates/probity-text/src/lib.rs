//! Text as people read it: what hides in it made visible, what is too long made short, and the name that was meant.
//!
//! Must not know: whose text it is, and for which format it is then escaped.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character would move the cursor, turn the direction of writing, hide, or not exist in XML 1.0.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text with every hidden character as `⟨U+202E⟩`; a newline as `⏎`, a tab as a space, so that it stays one line.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push('⏎'),
            '\t' => out.push(' '),
            c if is_hidden(c) => write!(out, "⟨U+{:04X}⟩", u32::from(c)).unwrap_or_default(),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// At most `limit` characters of the visible text, with `…` where something was left out.
pub fn excerpt(text: &str, limit: usize) -> String {
    let text = visible(text);
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.into_owned(),
    }
}

/// The text in backquotes if it has at most so many characters, else only how many: what comes from a target may hold a
/// secret, and a part of one could no longer be masked.
pub fn whole(text: &str, limit: usize) -> String {
    let count = text.chars().count();
    if count <= limit { format!("`{}`", text.escape_debug()) } else { format!("of {count} characters") }
}

/// The longest name that is taken for one that was meant otherwise, in characters.
const MAX_NAME: usize = 64;

/// `; did you mean `http`?` if one of the names is near (at most one slip for every four characters, and one more), else
/// nothing.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let length = name.chars().count();
    if length > MAX_NAME {
        return String::new();
    }
    let near = |known: &'a str| (strsim::damerau_levenshtein(name, known), known);
    match known.into_iter().map(near).min() {
        Some((distance, known)) if distance <= 1 + length / 4 && distance < known.chars().count() => {
            format!("; did you mean `{known}`?")
        }
        _ => String::new(),
    }
}

/// "1 look", "16 looks".
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_or_turns_the_text_is_shown() {
        assert_eq!(visible("ok"), "ok");
        assert_eq!(visible("\u{1b}[2J\u{9b}1m\u{7f}"), "⟨U+001B⟩[2J⟨U+009B⟩1m⟨U+007F⟩");
        assert_eq!(visible("a\u{202e}cod.exe\u{2066}"), "a⟨U+202E⟩cod.exe⟨U+2066⟩");
        assert_eq!(visible("one\ntwo\tthree\r"), "one⏎two three⟨U+000D⟩");
        assert_eq!(visible("zero\u{200b}width\u{feff}\u{0}"), "zero⟨U+200B⟩width⟨U+FEFF⟩⟨U+0000⟩");
        assert_eq!(visible("naïve 漢字 🟢"), "naïve 漢字 🟢");
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_character() {
        assert_eq!(excerpt("äöü", 3), "äöü");
        assert_eq!(excerpt("ä öü", 2), "ä…");
    }

    #[test]
    fn a_name_is_meant_otherwise_only_if_it_is_near() {
        assert_eq!(did_you_mean("htpp", ["http", "dns"]), "; did you mean `http`?");
        assert_eq!(did_you_mean("status", ["stdout", "size_bytes"]), "");
        assert_eq!(did_you_mean("x", ["y"]), "");
        assert_eq!(did_you_mean(&"a".repeat(65), ["a"]), "");
    }
}
