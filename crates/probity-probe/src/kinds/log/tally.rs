//! What is counted of a log's lines, and listed as long as it is little.

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1252};
use jiff::Timestamp;
use memchr::{memchr, memrchr};
use probity_plan::{Barrier, Blocked};
use regex::Regex;

use crate::log_time::LogTimes;

/// At most so many `times` and `lines`.
const MAX_COUNT: usize = 1000;
/// `lines` are together no longer.
const MAX_BYTES: u64 = 64 << 10;

/// The expression that a line has to match.
#[derive(Default)]
pub struct Matcher {
    /// Of one line; none matches every one.
    line: Option<Regex>,
    /// The same expression for many lines at once, where it means the same there.
    many: Option<Regex>,
    /// Whether it may name characters beyond ASCII.
    beyond_ascii: bool,
    /// What the lines are in; nothing says it of those that are not in UTF-8.
    encoding: Option<&'static Encoding>,
}

impl Matcher {
    /// For this expression, and lines in the encoding of this name.
    ///
    /// # Errors
    /// `unsupported` where it is none, or the encoding is not known, or is UTF-16, whose lines do not end with a byte.
    pub fn new(pattern: Option<&str>, encoding: Option<&str>) -> Result<Self, Blocked> {
        let known = |label: &str| {
            let found = Encoding::for_label_no_replacement(label.as_bytes());
            found.filter(|found| found.is_ascii_compatible()).ok_or_else(|| {
                Blocked::new(Barrier::Unsupported, format!("the encoding `{label}` of a log is not read"))
            })
        };
        let encoding = encoding.map(known).transpose()?;
        let Some(pattern) = pattern else {
            return Ok(Self { line: None, many: None, beyond_ascii: false, encoding });
        };
        let beyond_ascii =
            !pattern.is_ascii() || ["\\x", "\\u", "\\U", "\\p", "\\P"].iter().any(|it| pattern.contains(it));
        let failed = |error: regex::Error| Blocked::new(Barrier::Unsupported, error.to_string());
        // What a line begins or ends with, a text of many lines has at each of them, but for these two; and flags may
        // change that.
        let own = pattern.contains("\\A")
            || pattern.contains("\\z")
            || pattern.match_indices("(?").any(|(at, _)| !pattern[at + 2..].starts_with([':', 'P', '<']));
        let many = regex::RegexBuilder::new(pattern).multi_line(true).build();
        let many = if own { None } else { many.ok() };
        Ok(Self { line: Some(Regex::new(pattern).map_err(failed)?), many, beyond_ascii, encoding })
    }

    /// Whether a line matches; `None` where that depends on what bytes mean of which nothing says it.
    fn is_match(&self, line: &[u8]) -> Option<bool> {
        let Some(regex) = &self.line else { return Some(true) };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(encoding) = self.encoding {
            let text = encoding.decode_without_bom_handling_and_without_replacement(line)?;
            return Some(regex.is_match(&text));
        }
        let replaced = String::from_utf8_lossy(line);
        let matches = regex.is_match(&replaced);
        if let Cow::Borrowed(_) = replaced {
            return Some(matches);
        }
        // What is not UTF-8, once as no letter and once as one.
        let with_letters: String = line
            .utf8_chunks()
            .flat_map(|part| {
                [Cow::Borrowed(part.valid()), WINDOWS_1252.decode_without_bom_handling(part.invalid()).0]
            })
            .collect();
        (regex.is_match(&with_letters) == matches && (matches || !self.beyond_ascii)).then_some(matches)
    }

    /// A line as text, without its end; what is not in its encoding is replaced.
    fn text<'l>(&self, line: &'l [u8]) -> Cow<'l, str> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.encoding {
            Some(encoding) => encoding.decode_without_bom_handling(line).0,
            None => String::from_utf8_lossy(line),
        }
    }

    /// Hands on where each matching line begins and ends; returns of how many it is not known whether they match.
    #[must_use]
    fn lines(&self, bytes: &[u8], mut found: impl FnMut(usize, usize)) -> u64 {
        let many = self.many.as_ref().filter(|_| self.encoding.is_none() && memchr(b'\r', bytes).is_none());
        if let (Some(many), Ok(text)) = (many, std::str::from_utf8(bytes)) {
            self.search(many, text, found);
            return 0;
        }
        let (mut at, mut unsure) = (0, 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let end = at + memchr(b'\n', rest).unwrap_or(rest.len());
            match self.is_match(&bytes[at..end]) {
                Some(true) => found(at, end),
                Some(false) => {}
                None => unsure += 1,
            }
            at = end + 1;
        }
        unsure
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
            if hit.end() <= end || self.is_match(&bytes[start..end]) == Some(true) {
                found(start, end);
            }
            at = end + 1;
        }
    }
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
#[derive(Default)]
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
    /// Lines that match and bear no time, behind one before the window: written when that was, or later.
    pub undated: u64,
    /// Lines that match and bear a time before the window, though they stand behind lines of it.
    pub late: u64,
    /// Lines of which it is not known whether they match, since nothing says in which encoding they are.
    pub unsure: u64,
    /// The time of the last line that matches.
    pub last: Option<Timestamp>,
    list: Vec<(Timestamp, String)>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(matcher: Matcher, listed: bool) -> Self {
        Self { matcher, listed, ..Self::default() }
    }

    /// Counts an entry of the window.
    pub fn add(&mut self, at: Timestamp, text: &[u8]) {
        self.entries += 1;
        match self.matcher.is_match(text) {
            Some(true) => self.take(at, &String::from_utf8_lossy(text)),
            Some(false) => {}
            None => self.unsure += 1,
        }
    }

    fn take(&mut self, at: Timestamp, text: &str) {
        self.matching += 1;
        self.bytes += text.len() as u64;
        self.last = Some(at);
        if self.listed && self.list.len() <= MAX_COUNT {
            // Beyond that it is not listed anyway.
            let text = if self.bytes <= MAX_BYTES { text.to_owned() } else { String::new() };
            self.list.push((at, text));
        }
    }

    /// Counts an entry that bears a time ahead of the look.
    pub fn add_ahead(&mut self, at: Timestamp, text: &[u8]) {
        match self.matcher.is_match(text) {
            Some(true) => {
                self.ahead += 1;
                self.first_ahead = self.first_ahead.or(Some(at));
            }
            Some(false) => {}
            None => self.unsure += 1,
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
        let matcher = std::mem::take(&mut self.matcher);
        let list = |tally: &Self| tally.listed && tally.list.len() <= MAX_COUNT;
        if matcher.line.is_none() && !list(self) {
            self.matching += stretch.lines;
            self.bytes += stretch.bytes.len() as u64;
            last = last_line(stretch.bytes);
        } else {
            let unsure = matcher.lines(stretch.bytes, |start, end| {
                if list(self) {
                    let line = matcher.text(&stretch.bytes[start..end]);
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
            self.unsure += unsure;
        }
        self.matcher = matcher;
        if let Some(start) = last {
            self.last = Some(time_at(stretch, start, times)?);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Counts lines that may lie in the window or not.
    pub fn add_lines_of_unknown_time(&mut self, stretch: &Stretch<'_>) {
        self.unsure += self.matcher.lines(stretch.bytes, |_, _| self.unknown += 1);
    }

    /// Counts lines without a time behind one before the window.
    pub fn add_undated_lines(&mut self, stretch: &Stretch<'_>) {
        self.unsure += self.matcher.lines(stretch.bytes, |_, _| self.undated += 1);
    }

    /// Counts lines behind lines of the window that bear times before it.
    pub fn add_late_lines(&mut self, stretch: &Stretch<'_>) {
        self.unsure += self.matcher.lines(stretch.bytes, |_, _| self.late += 1);
    }

    /// Counts lines that bear times ahead of the look.
    ///
    /// # Errors
    /// Those of [`LogTimes::of`].
    pub fn add_lines_ahead(&mut self, stretch: &Stretch<'_>, times: &mut LogTimes) -> Result<(), Blocked> {
        let (mut ahead, mut first) = (0, None);
        self.unsure += self.matcher.lines(stretch.bytes, |start, _| {
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
        (self.matching <= MAX_COUNT as u64).then(|| self.list.iter().map(|(at, _)| *at))
    }

    /// The lines that match; `None` if they are too many or too long.
    pub fn lines(&self) -> Option<Vec<&str>> {
        let few = self.matching <= MAX_COUNT as u64 && self.bytes <= MAX_BYTES;
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
            let matcher = Matcher::new(Some(pattern), None).unwrap();
            let mut found = Vec::new();
            let unsure = matcher.lines(text.as_bytes(), |start, end| found.push(text[start..end].to_owned()));
            prop_assert_eq!(unsure, 0);
            let regex = Regex::new(pattern).unwrap();
            // As `lines`, but a carriage return at the very end belongs to no line's end.
            let lines = text.split_terminator('\n');
            let expected: Vec<&str> =
                lines.filter(|line| regex.is_match(line.strip_suffix('\r').unwrap_or(line))).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
