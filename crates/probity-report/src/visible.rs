//! Visible text in the place where it is shown: escaped for Markdown, broken into lines.

pub(crate) use probity_text::excerpt;
pub use probity_text::visible;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text inside a paragraph, list or table cell of Markdown (CommonMark, and tables as GitHub reads them). Every ASCII
/// punctuation that could begin markup stands behind a backslash, `<`, `>` and `&` are entities.
pub(crate) fn markdown(text: &str) -> String {
    let text = visible(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let first = text[..at].trim().is_empty();
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '$' | '!' | '@' => out.extend(['\\', c]),
            // An underscore inside a word is no emphasis.
            '_' if before.is_some_and(char::is_alphanumeric)
                && text[at + 1..].chars().next().is_some_and(char::is_alphanumeric) =>
            {
                out.push(c);
            }
            '_' => out.extend(['\\', c]),
            // What begins a heading, a list or a rule does so only as the first character, or after a number.
            '#' | '-' | '+' | '=' if first => out.extend(['\\', c]),
            '.' | ')' if !first && is_list_number(&text, at) => out.extend(['\\', c]),
            // A link by itself: `https://`, `www.`
            ':' if text[at..].starts_with("://") => out.push_str("\\:"),
            '.' if text[..at].to_ascii_lowercase().ends_with("www") => out.push_str("\\."),
            c => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// Whether the character at `at` would make the number before it the number of a list.
fn is_list_number(text: &str, at: usize) -> bool {
    text[..at].trim().chars().all(|c| c.is_ascii_digit())
        && text[at + 1..].chars().next().is_none_or(char::is_whitespace)
}

/// Text as inline code of Markdown, in a fence longer than any run of backticks inside it. In a table a `|` would end
/// the cell even inside code, so it stands behind a backslash there.
pub(crate) fn markdown_code(text: &str, in_table: bool) -> String {
    let text = visible(text);
    let text = if in_table { text.replace('|', "\\|") } else { text.into_owned() };
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// How many columns it takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

/// Breaks text that is visible already into lines of at most `width` columns; a word longer than a line is cut.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        while columns(word) > width {
            let cut = fitting(word, width);
            lines.push(word[..cut].to_owned());
            word = &word[cut..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// How many bytes of the text fit into `width` columns; at least one character.
fn fitting(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width && at > 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_keeps_text_text() {
        assert_eq!(markdown("a | b"), r"a \| b");
        assert_eq!(markdown("<img src=x onerror=alert(1)>"), "&lt;img src=x onerror=alert(1)&gt;");
        assert_eq!(markdown("&lt;"), "&amp;lt;");
        assert_eq!(markdown("**bold** `code` [a](b) ~~x~~"), r"\*\*bold\*\* \`code\` \[a\](b) \~\~x\~\~");
        assert_eq!(markdown("elapsed_ms _x_"), r"elapsed_ms \_x\_");
        assert_eq!(markdown("# no heading"), r"\# no heading");
        assert_eq!(markdown("1. no list"), r"1\. no list");
        assert_eq!(markdown("0.784 of 1.5"), "0.784 of 1.5");
        assert_eq!(markdown("- no list"), r"\- no list");
        assert_eq!(
            markdown("https://evil.example www.evil.example"),
            r"https\://evil.example www\.evil.example"
        );
        assert_eq!(markdown("line\nline"), "line⏎line");
    }

    #[test]
    fn code_outgrows_its_backticks() {
        assert_eq!(markdown_code("a", false), "`a`");
        assert_eq!(markdown_code("a `` b", false), "```a `` b```");
        assert_eq!(markdown_code("`", false), "`` ` ``");
        assert_eq!(markdown_code("a || b", true), r"`a \|\| b`");
    }

    #[test]
    fn lines_fit() {
        assert_eq!(wrap("one two three", 9), ["one two", "three"]);
        assert_eq!(wrap("abcdefghijkl", 8), ["abcdefgh", "ijkl"]);
        assert_eq!(wrap("漢字漢字漢字", 8), ["漢字漢字", "漢字"]);
        assert_eq!(wrap("", 9), [""]);
        assert_eq!(excerpt("abcdef", 3), "abc…");
        assert_eq!(excerpt("abc", 3), "abc");
    }
}
