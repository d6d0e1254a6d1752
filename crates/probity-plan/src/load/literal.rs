//! Where the text of a condition stands between quotes, so that an input filled in there stays text.
//!
//! Must not know: what a condition means.

/// Reads a condition from left to right, piece by piece.
#[derive(Default)]
pub(super) struct Reader {
    quote: Option<Quote>,
    /// The character before may make `r` and a quote the beginning of text, or takes the meaning of the one that follows.
    before: Option<char>,
}

#[derive(Clone, Copy)]
struct Quote {
    mark: char,
    /// `r"..."`: a backslash stands for itself.
    raw: bool,
}

impl Reader {
    /// Goes on over what the author wrote.
    pub fn read(&mut self, written: &str) {
        for c in written.chars() {
            match self.quote {
                None if matches!(c, '"' | '\'') => {
                    self.quote = Some(Quote { mark: c, raw: matches!(self.before, Some('r' | 'R')) });
                    self.before = None;
                }
                Some(Quote { mark, .. }) if c == mark && self.before != Some('\\') => {
                    (self.quote, self.before) = (None, None);
                }
                // What a backslash escaped escapes nothing itself; where backslashes are text, none does.
                Some(Quote { raw, .. }) => {
                    self.before = (!raw && self.before != Some('\\')).then_some(c);
                }
                None => self.before = Some(c),
            }
        }
    }

    /// What stands for this text here: between quotes the same text, elsewhere as it is. `Err` with what is wrong if it cannot be
    /// written here.
    pub fn fill(&mut self, text: &str) -> Result<String, &'static str> {
        let before = self.before.take();
        match self.quote {
            Some(Quote { raw: false, .. }) if before == Some('\\') => Err(
                "the backslash before it would change its first character: write `\\\\` for a backslash, `$$` for a dollar",
            ),
            None => Ok(text.to_owned()),
            Some(Quote { mark, raw: true }) if text.contains([mark, '\n', '\r']) => {
                Err("text behind `r` cannot hold its own quotes and ends of lines: leave out the `r`")
            }
            Some(Quote { raw: true, .. }) => Ok(text.to_owned()),
            Some(Quote { raw: false, .. }) => {
                let mut filled = String::with_capacity(text.len());
                for c in text.chars() {
                    match c {
                        '\\' | '"' | '\'' => filled.extend(['\\', c]),
                        '\n' => filled.push_str("\\n"),
                        '\r' => filled.push_str("\\r"),
                        c => filled.push(c),
                    }
                }
                Ok(filled)
            }
        }
    }
}
