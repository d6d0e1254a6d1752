//! What is counted of a log's lines, and listed as long as it is little.

use jiff::Timestamp;
use memchr::{memchr, memrchr};
use probity_plan::{Barrier, Blocked};
use regex::Regex;

use crate::log_time::LogTimes;

/// At most so many `times` and `lines`.
const MOST: usize = 1000;
/// `lines` are together no longer.
const MOST_BYTES: u64 = 64 << 10;

/// The expression that a line has to match.
pub struct Matcher {
    /// Of one line; none matches every one.
    line: Option<Regex>,
    /// The same expression for many lines at once, where it means the same there.
    many: Option<Regex>,
}

impl Matcher {
    /// For this expression.
    ///
    /// # Errors
    /// `unsupported` where it is none.
    pub fn new(pattern: Option<&str>) -> Result<Self, Blocked> {
        let Some(pattern) = pattern else { return Ok(Self { line: None, many: None }) };
        let failed = |error: regex::Error| Blocked::new(Barrier::Unsupported, error.to_string());
        // What a line begins or ends with, a text of many lines has at each of them, but for these two; and flags may
        // change that.
        let own = pattern.contains("\\A")
            || pattern.contains("\\z")
            || pattern.match_indices("(?").any(|(at, _)| !pattern[at + 2..].starts_with([':', 'P', '<']));
        let many = regex::RegexBuilder::new(pattern).multi_line(true).build();
        let many = if own { None } else { many.ok() };
        Ok(Self { line: Some(Regex::new(pattern).map_err(failed)?), many })
    }

    fn is(&self, line: &str) -> bool {
        self.line.as_ref().is_none_or(|regex| regex.is_match(line))
    }

    /// Hands on where each matching line begins and ends.
    fn lines(&self, bytes: &[u8], mut found: impl FnMut(usize, usize)) {
        let many = self.many.as_ref().filter(|_| memchr(b'\r', bytes).is_none());
        match (many, std::str::from_utf8(bytes)) {
            (Some(many), Ok(text)) => self.search(many, text, found),
            _ => {
                let mut at = 0;
                while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                    let end = at + memchr(b'\n', rest).unwrap_or(rest.len());
                    if self.is(&text_of(&bytes[at..end])) {
                        found(at, end);
                    }
                    at = end + 1;
                }
            }
        }
    }

    /// The leftmost match of the whole begins in the first line that can match. It may end beyond it: whether the line
    /// matches by itself is then asked again.
    fn search(&self, many: &Regex, text: &str, mut found: impl FnMut(usize, usize)) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let Some(hit) = many.find_at(text, at).filter(|hit| hit.start() < bytes.len()) else { return };
            let start = memrchr(b'\n', &bytes[..hit.start()]).map_or(0, |before| before + 1);
            let end = hit.start() + memchr(b'\n', &bytes[hit.start()..]).unwrap_or(bytes.len() - hit.start());
            if hit.end() <= end || self.is(&text[start..end]) {
                found(start, end);
            }
            at = end + 1;
        }
    }
}

/// A line as text, without its end; what is not UTF-8 is replaced.
pub fn text_of(line: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Lines one after the other, all in the window or all ahead of the look.
pub struct Stretch<'a> {
    /// The lines with their ends.
    pub bytes: &'a [u8],
    /// How many.
    pub lines: u64,
    /// The time of the line before, to which a first line without one belongs.
    pub before: Timestamp,
}

/// What was counted.
pub struct Tally {
    matcher: Matcher,
    /// Whether times and lines are asked for.
    listed: bool,
    /// Lines of the window.
    pub entries: u64,
    /// Those that match.
    pub matching: u64,
    /// How long they are together.
    pub bytes: u64,
    /// Lines that match and bear a time ahead of the look.
    pub ahead: u64,
    /// The time of the first of them.
    pub first_ahead: Option<Timestamp>,
    /// Lines that match and may bear a time of their own, which is not known.
    pub unknown: u64,
    /// Lines that match and bear a time before the window, though they stand behind lines of it.
    pub late: u64,
    /// The time of the last line that matches.
    pub last: Option<Timestamp>,
    list: Vec<(Timestamp, String)>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(matcher: Matcher, listed: bool) -> Self {
        let (entries, matching, bytes, ahead, unknown, late) = (0, 0, 0, 0, 0, 0);
        Self {
            matcher,
            listed,
            entries,
            matching,
            bytes,
            ahead,
            unknown,
            late,
            first_ahead: None,
            last: None,
            list: Vec::new(),
        }
    }

    /// Counts an entry of the window.
    pub fn add(&mut self, at: Timestamp, text: &str) {
        self.entries += 1;
        if self.matcher.is(text) {
            self.take(at, text);
        }
    }

    fn take(&mut self, at: Timestamp, text: &str) {
        self.matching += 1;
        self.bytes += text.len() as u64;
        self.last = Some(at);
        if self.listed && self.list.len() <= MOST {
            // Beyond that it is not listed anyway.
            let text = if self.bytes <= MOST_BYTES { text.to_owned() } else { String::new() };
            self.list.push((at, text));
        }
    }

    /// Counts an entry that bears a time ahead of the look.
    pub fn add_ahead(&mut self, at: Timestamp, text: &str) {
        if self.matcher.is(text) {
            self.ahead += 1;
            self.first_ahead = self.first_ahead.or(Some(at));
        }
    }

    /// Counts lines of the window.
    ///
    /// # Errors
    /// Those of [`LogTimes::of`].
    pub fn add_lines(&mut self, stretch: &Stretch<'_>, times: &mut LogTimes) -> Result<(), Blocked> {
        self.entries += stretch.lines;
        let mut last = None;
        let mut failed = None;
        let matcher = std::mem::replace(&mut self.matcher, Matcher { line: None, many: None });
        let list = |tally: &Self| tally.listed && tally.list.len() <= MOST;
        if matcher.line.is_none() && !list(self) {
            self.matching += stretch.lines;
            self.bytes += stretch.bytes.len() as u64;
            last = last_line(stretch.bytes);
        } else {
            matcher.lines(stretch.bytes, |start, end| {
                if list(self) {
                    let line = text_of(&stretch.bytes[start..end]);
                    match time_at(stretch, start, times) {
                        Ok(at) => self.take(at, &line),
                        Err(blocked) => failed = Some(blocked),
                    }
                } else {
                    self.matching += 1;
                    self.bytes += (end - start) as u64;
                    last = Some(start);
                }
            });
        }
        self.matcher = matcher;
        if let Some(start) = last {
            self.last = Some(time_at(stretch, start, times)?);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Counts lines that may lie in the window or not.
    pub fn add_lines_of_unknown_time(&mut self, stretch: &Stretch<'_>) {
        self.matcher.lines(stretch.bytes, |_, _| self.unknown += 1);
    }

    /// Counts lines behind lines of the window that bear times before it.
    pub fn add_late_lines(&mut self, stretch: &Stretch<'_>) {
        self.matcher.lines(stretch.bytes, |_, _| self.late += 1);
    }

    /// Counts lines that bear times ahead of the look.
    ///
    /// # Errors
    /// Those of [`LogTimes::of`].
    pub fn add_lines_ahead(&mut self, stretch: &Stretch<'_>, times: &mut LogTimes) -> Result<(), Blocked> {
        let (mut ahead, mut first) = (0, None);
        self.matcher.lines(stretch.bytes, |start, _| {
            ahead += 1;
            first = first.or(Some(start));
        });
        self.ahead += ahead;
        if let (None, Some(start)) = (self.first_ahead, first) {
            self.first_ahead = Some(time_at(stretch, start, times)?);
        }
        Ok(())
    }

    /// The times of the lines that match, oldest first as the log has them; `None` if there are too many.
    pub fn times(&self) -> Option<impl Iterator<Item = Timestamp>> {
        (self.matching <= MOST as u64).then(|| self.list.iter().map(|(at, _)| *at))
    }

    /// The lines that match; `None` if they are too many or too long.
    pub fn lines(&self) -> Option<Vec<&str>> {
        let few = self.matching <= MOST as u64 && self.bytes <= MOST_BYTES;
        few.then(|| self.list.iter().map(|(_, text)| text.as_str()).collect())
    }
}

/// The time of the line that begins there, which may be that of a line before it.
fn time_at(stretch: &Stretch<'_>, mut start: usize, times: &mut LogTimes) -> Result<Timestamp, Blocked> {
    loop {
        let rest = &stretch.bytes[start..];
        if let Some(at) = times.of(&rest[..memchr(b'\n', rest).unwrap_or(rest.len())])? {
            return Ok(at);
        }
        let Some(end) = start.checked_sub(1) else { return Ok(stretch.before) };
        start = memrchr(b'\n', &stretch.bytes[..end]).map_or(0, |before| before + 1);
    }
}

fn last_line(bytes: &[u8]) -> Option<usize> {
    let end = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    (!bytes.is_empty()).then(|| memrchr(b'\n', end).map_or(0, |before| before + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whether a line matches is its own affair, however many are searched at once.
        #[test]
        fn many_lines_are_searched_as_one_by_one(
            text in "[ab \n\r]{0,40}|[ab\n]{0,40}",
            pattern in proptest::sample::select(vec![
                "a", "ab", "a[^b]*b", "^a", "b$", "^$", "", "\\s", "\\s+a", "(?s)a.*b", "\\Aa", "a\\z", "\\bab\\b",
                "a\nb", "(?-m)^b", "[^a]", "(?:a|b)b", "b*",
            ])
        ) {
            let matcher = Matcher::new(Some(pattern)).unwrap();
            let mut found = Vec::new();
            matcher.lines(text.as_bytes(), |start, end| found.push(text[start..end].to_owned()));
            let regex = Regex::new(pattern).unwrap();
            // As `lines`, but a carriage return at the very end belongs to no line's end.
            let lines = text.split_terminator('\n');
            let expected: Vec<&str> =
                lines.filter(|line| regex.is_match(line.strip_suffix('\r').unwrap_or(line))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
