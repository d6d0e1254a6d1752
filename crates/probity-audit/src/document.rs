//! A report as its rules see it: statements (a sentence, a list item, a table row, a heading) with their lines, the
//! heading they stand under, and their quantities. CommonMark with tables; lines of code blocks
//! are quoted output.

use std::collections::HashMap;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::parallel;
use crate::quantity::{self, Quantity};

/// Statements that one thread takes at a time.
const AT_A_TIME: usize = 1024;

/// Rows of a table, items of a list; of a longer one the rest is data: it is added up, and states nothing.
pub(crate) const MAX_LISTED: usize = 2000;

/// What a statement is in the layout of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A heading of this level, 1 to 6.
    Heading(u8),
    /// Text of a paragraph.
    Prose,
    /// Text of a list item; `depth` from 1. `done` of an item with a box to tick.
    Item {
        /// How deep.
        depth: usize,
        /// Ticked or not, where there is a box.
        done: Option<bool>,
    },
    /// A line of a code block: output that is quoted.
    Code,
    /// A row of a table, by their numbers.
    Row {
        /// Number in [`Document::tables`].
        table: usize,
        /// Number in [`Table::rows`].
        row: usize,
    },
}

/// Something the report says.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Where it stands.
    pub place: Place,
    /// Its line, counted from 1.
    pub line: usize,
    /// The line it ends on.
    pub last: usize,
    /// Its text without markup; inline code between backticks.
    pub text: String,
    /// The text in lower case, typographic signs simplified.
    pub lower: String,
    /// The heading over it, by its number in [`Document::statements`].
    pub heading: Option<usize>,
    /// In a block quotation.
    pub quoted: bool,
    /// The paragraph, list or table it belongs to; numbers grow through the report.
    pub block: usize,
    /// Its numbers.
    pub quantities: Vec<Quantity>,
}

/// A cell of a table.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// In lower case, typographic signs simplified.
    pub lower: String,
    /// Its numbers.
    pub quantities: Vec<Quantity>,
}

impl Statement {
    fn understand(&mut self) {
        self.lower = simplify(&self.text);
        self.quantities = quantity::scan(&self.lower);
        self.quantities.shrink_to_fit();
    }
}

impl Cell {
    fn understand(&mut self) {
        self.lower = simplify(&self.text);
        self.quantities = quantity::scan(&self.lower);
        self.quantities.shrink_to_fit();
    }

    /// The number, if the cell is one number with or without a unit.
    pub fn number(&self) -> Option<&Quantity> {
        match self.quantities.as_slice() {
            [one] if one.start <= 3 && self.lower.len() - one.end <= 12 => Some(one),
            _ => None,
        }
    }

    /// The text without ticks, in lower case.
    pub fn words(&self) -> &str {
        self.lower.trim_matches(|c: char| !c.is_alphanumeric())
    }
}

/// A row of a table's body.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its line.
    pub line: usize,
    /// Its cells, as many as the header has.
    pub cells: Vec<Cell>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// The line of its header.
    pub line: usize,
    /// The header's cells.
    pub header: Vec<Cell>,
    /// The body.
    pub rows: Vec<Row>,
    /// The heading over it.
    pub heading: Option<usize>,
    /// Its block.
    pub block: usize,
}

impl Table {
    /// The first column whose header satisfies.
    pub fn column(&self, wanted: impl Fn(&str) -> bool) -> Option<usize> {
        self.header.iter().position(|cell| wanted(cell.words()))
    }
}

/// A report as it was read.
#[derive(Debug, Default)]
pub struct Document {
    /// The lines of the source.
    pub lines: Vec<String>,
    /// What it says, in order.
    pub statements: Vec<Statement>,
    /// Its tables, in order.
    pub tables: Vec<Table>,
    /// What was noticed while reading, such as wrongly decoded text, with the line.
    pub notes: Vec<(usize, String)>,
    accepts: HashMap<usize, Vec<(String, String)>>,
    /// First and last line of each statement, in order.
    sentences: Vec<(usize, usize)>,
    /// First and last line of each piece of running text (a paragraph, an item), in order.
    pieces: Vec<(usize, usize)>,
}

impl Document {
    /// Reads a report. Any text is one.
    pub fn read(text: &str) -> Self {
        let mut reader = Reader::new(text);
        let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let line = reader.line_of(range.start);
            reader.take(event, line);
        }
        reader.flush();
        let mut document = reader.document;
        parallel::each(&mut document.statements, AT_A_TIME, Statement::understand);
        parallel::each(&mut document.tables, AT_A_TIME / 16, |table| {
            let body = table.rows.iter_mut().flat_map(|row| &mut row.cells);
            table.header.iter_mut().chain(body).for_each(Cell::understand);
        });
        document.sentences = document.statements.iter().map(|s| (s.line, s.last)).collect();
        document.lines = text.lines().map(str::to_owned).collect();
        document.note_mojibake();
        document
    }

    /// The text of the heading over a statement or table, in lower case.
    pub fn heading(&self, number: Option<usize>) -> &str {
        number.and_then(|number| self.statements.get(number)).map_or("", |heading| heading.lower.as_str())
    }

    /// The cells of a statement that is a row.
    pub fn cells(&self, statement: &Statement) -> Option<(&Table, &Row)> {
        let Place::Row { table, row } = statement.place else { return None };
        let table = self.tables.get(table)?;
        Some((table, table.rows.get(row)?))
    }

    /// The reason with which a comment on the line before one of these lines accepts a finding.
    pub(crate) fn accepted(&self, rule: &str, lines: &[usize]) -> Option<String> {
        let first = |line: &usize| self.piece(*line).map_or(*line, |(first, _)| first);
        let places = lines.iter().flat_map(|line| [*line, first(line)]);
        let mut reasons = places.filter_map(|line| self.accepts.get(&line)).flatten();
        reasons.find(|(id, _)| id == rule).map(|(_, reason)| reason.clone())
    }

    /// First and last line of the piece of running text that a line belongs to.
    fn piece(&self, line: usize) -> Option<(usize, usize)> {
        let before = self.pieces.partition_point(|(first, _)| *first <= line).checked_sub(1)?;
        self.pieces.get(before).copied().filter(|(_, last)| line <= *last)
    }

    /// The last line of the sentence that begins on a line, for quoting it whole; at most three more.
    pub fn until(&self, line: usize) -> usize {
        let from = self.sentences.partition_point(|(first, _)| *first < line);
        let begun =
            self.sentences.get(from..).unwrap_or_default().iter().take_while(|(first, _)| *first == line);
        begun.map(|(_, last)| *last).max().unwrap_or(line).min(line + 3)
    }

    /// Keeps the lines only, which is what quoting needs.
    pub(crate) fn forget_statements(&mut self) {
        self.statements = Vec::new();
        self.tables = Vec::new();
    }

    /// UTF-8 that was read as Mac Roman or Windows-1252 leaves such pairs.
    fn note_mojibake(&mut self) {
        const MARKS: [&str; 8] = ["‚úÖ", "‚ùå", "üéØ", "üü", "â€", "âœ", "Ã¼", "Ã©"];
        for (number, line) in self.lines.iter().enumerate() {
            if !line.is_ascii() && MARKS.iter().any(|mark| line.contains(mark)) {
                self.notes.push((number + 1, "wrongly decoded text (mojibake)".to_owned()));
            }
        }
    }
}

/// Lower case, with signs that mean the same written the same; wrongly decoded ticks read as what they were.
pub(crate) fn simplify(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            c if c.is_ascii() => out.push(c.to_ascii_lowercase()),
            '\u{a0}' | '\u{202f}' | '\u{2009}' => out.push(' '),
            '–' | '—' | '‒' | '−' => out.push('-'),
            '’' | '‘' => out.push('\''),
            '“' | '”' => out.push('"'),
            '≥' => out.push_str(">="),
            '≤' => out.push_str("<="),
            '×' => out.push('x'),
            '\u{fe0f}' => {}
            c => out.extend(c.to_lowercase()),
        }
    }
    // After lower-casing, "‚úÖ" (a tick read as Mac Roman) ends in "ö".
    if out.contains('‚') { out.replace("‚úö", "✅").replace("‚ùå", "❌") } else { out }
}

struct Reader<'t> {
    text: &'t str,
    starts: Vec<usize>,
    last_line: usize,
    document: Document,
    heading: Option<usize>,
    block: usize,
    depth: usize,
    quotes: usize,
    done: Option<bool>,
    level: Option<u8>,
    code: bool,
    buffer: String,
    line: usize,
    /// Where in the buffer each further line of the source begins.
    wraps: Vec<(usize, usize)>,
    cells: Vec<Cell>,
    in_table: bool,
    in_head: bool,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            text,
            starts,
            last_line: 0,
            document: Document::default(),
            heading: None,
            block: 0,
            depth: 0,
            quotes: 0,
            done: None,
            level: None,
            code: false,
            buffer: String::new(),
            line: 0,
            wraps: Vec::new(),
            cells: Vec::new(),
            in_table: false,
            in_head: false,
        }
    }

    /// The line of a place in the source, counted from 1; most are on the line of the one before.
    fn line_of(&mut self, at: usize) -> usize {
        let begins = |line: usize| self.starts.get(line).copied().unwrap_or(usize::MAX);
        if !(begins(self.last_line.wrapping_sub(1))..begins(self.last_line)).contains(&at) {
            self.last_line = self.starts.partition_point(|start| *start <= at);
        }
        self.last_line
    }

    fn take(&mut self, event: Event<'_>, line: usize) {
        match event {
            Event::Start(tag) => self.start(&tag, line),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => self.quote(&text, line),
            Event::Text(text) => self.push(&text, line),
            Event::Code(text) => {
                self.push("`", line);
                self.push(&text, line);
                self.push("`", line);
            }
            Event::SoftBreak => self.soft_break(line),
            Event::HardBreak => {
                if self.in_table {
                    self.buffer.push(' ');
                } else {
                    self.flush();
                }
            }
            Event::TaskListMarker(done) => self.done = Some(done),
            Event::Html(html) | Event::InlineHtml(html) => self.comment(&html, line),
            _ => {}
        }
    }

    /// Lines of a code block, each a statement of its own.
    fn quote(&mut self, text: &str, line: usize) {
        for (at, one) in text.lines().enumerate().filter(|(_, one)| !one.trim().is_empty()) {
            self.say(Place::Code, (line + at, line + at), one.trim().to_owned());
        }
    }

    fn push(&mut self, text: &str, line: usize) {
        if self.buffer.trim().is_empty() {
            self.line = line;
            self.wraps.clear();
        } else if line > self.wraps.last().map_or(self.line, |(_, last)| *last) {
            self.wraps.push((self.buffer.len(), line));
        }
        self.buffer.push_str(text);
    }

    /// A wrapped sentence goes on; a line that begins like an entry of its own (`**Label:**`, a tick) does not.
    fn soft_break(&mut self, line: usize) {
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        let rest = self.text.get(end..).unwrap_or("");
        let next = rest.split('\n').next().unwrap_or("").trim_start();
        let label =
            next.find(':').is_some_and(|at| at < 40 && !next.get(..at).unwrap_or("").contains(['.', ',']));
        let sign = next
            .chars()
            .next()
            .is_some_and(|c| !c.is_ascii() && !c.is_alphanumeric() && c != '“' && c != '≥');
        // In italics too.
        let begins = next.trim_start_matches(['*', '_']).starts_with(char::is_uppercase);
        if next.starts_with("**") || (label && begins) || sign {
            self.flush();
        } else {
            self.buffer.push(' ');
        }
    }

    fn start(&mut self, tag: &Tag<'_>, line: usize) {
        match tag {
            Tag::Heading { level, .. } => {
                self.flush();
                self.block += 1;
                self.level = Some(*level as u8);
            }
            Tag::Paragraph => {
                self.flush();
                if self.depth == 0 {
                    self.block += 1;
                }
            }
            Tag::List(_) => {
                self.flush();
                if self.depth == 0 {
                    self.block += 1;
                }
                self.depth += 1;
            }
            Tag::Item => {
                self.flush();
                self.done = None;
            }
            Tag::BlockQuote(_) => {
                self.flush();
                self.quotes += 1;
            }
            Tag::CodeBlock(_) => {
                self.flush();
                if self.depth == 0 {
                    self.block += 1;
                }
                self.code = true;
            }
            Tag::Table(_) => {
                self.flush();
                self.block += 1;
                self.in_table = true;
                self.document.tables.push(Table {
                    line,
                    header: Vec::new(),
                    rows: Vec::new(),
                    heading: self.heading,
                    block: self.block,
                });
            }
            Tag::TableHead => self.in_head = true,
            Tag::TableRow => self.line = line,
            Tag::TableCell => self.buffer.clear(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.flush();
                self.level = None;
            }
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::List(_) => {
                self.flush();
                self.depth = self.depth.saturating_sub(1);
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes = self.quotes.saturating_sub(1);
            }
            TagEnd::CodeBlock => {
                self.code = false;
                if self.depth == 0 {
                    self.block += 1;
                }
            }
            TagEnd::TableCell => {
                let text = std::mem::take(&mut self.buffer);
                self.cells.push(Cell { text: text.trim().to_owned(), ..Cell::default() });
            }
            TagEnd::TableHead => {
                self.in_head = false;
                let cells = std::mem::take(&mut self.cells);
                if let Some(table) = self.document.tables.last_mut() {
                    table.header = cells;
                }
            }
            TagEnd::TableRow => self.row(),
            TagEnd::Table => {
                self.in_table = false;
                self.buffer.clear();
            }
            _ => {}
        }
    }

    fn row(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        let number = self.document.tables.len().saturating_sub(1);
        let Some(table) = self.document.tables.last() else { return };
        let (row, line) = (table.rows.len(), self.line);
        if row < MAX_LISTED {
            let text = cells.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" | ");
            self.say(Place::Row { table: number, row }, (line, line), text);
        }
        if let Some(table) = self.document.tables.get_mut(number) {
            table.rows.push(Row { line, cells });
        }
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.buffer);
        if text.trim().is_empty() || self.in_table {
            return;
        }
        let line = self.line;
        if let Some(level) = self.level {
            let under = self.document.statements.len();
            self.say(Place::Heading(level), (line, line), text);
            self.heading = Some(under);
            return;
        }
        let place =
            if self.depth > 0 { Place::Item { depth: self.depth, done: self.done } } else { Place::Prose };
        let wraps = std::mem::take(&mut self.wraps);
        let line_at = |at: usize| match wraps.partition_point(|(from, _)| *from <= at) {
            0 => line,
            later => wraps.get(later - 1).map_or(line, |(_, line)| *line),
        };
        self.document.pieces.push((line, line_at(text.len())));
        for (at, sentence) in sentences(&text) {
            let lines = (line_at(at), line_at(at + sentence.len() - 1));
            self.say(place, lines, sentence.to_owned());
        }
    }

    fn say(&mut self, place: Place, (line, last): (usize, usize), text: String) {
        self.document.statements.push(Statement {
            place,
            line,
            last,
            text,
            lower: String::new(),
            heading: self.heading,
            quoted: self.quotes > 0,
            block: self.block,
            quantities: Vec::new(),
        });
    }

    fn comment(&mut self, html: &str, line: usize) {
        let Some(body) = html.trim().strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->")) else {
            return;
        };
        let Some(rest) = body.trim().strip_prefix("probity: accept ") else { return };
        if let Some((rule, reason)) = rest.split_once(':')
            && !reason.trim().is_empty()
        {
            let entry = (rule.trim().to_owned(), reason.trim().to_owned());
            self.document.accepts.entry(line + 1).or_default().push(entry);
        }
    }
}

/// Sentences with where they begin: cut after `.`, `!`, `?` before a space and something that begins one.
fn sentences<'t>(text: &'t str) -> Vec<(usize, &'t str)> {
    let mut out: Vec<(usize, &'t str)> = Vec::new();
    let (mut from, mut code) = (0, false);
    let bytes = text.as_bytes();
    for at in 0..bytes.len() {
        if bytes[at] == b'`' {
            code = !code;
        }
        if code || !matches!(bytes[at], b'.' | b'!' | b'?') || bytes.get(at + 1) != Some(&b' ') {
            continue;
        }
        // "No. 5", "e.g. this": a short word before the dot is an abbreviation.
        let word = text[from..at].rsplit([' ', '(']).next().unwrap_or("");
        let abbreviation = bytes[at] == b'.'
            && word.len() <= 3
            && !word.ends_with(|c: char| c.is_ascii_digit())
            && (word.contains('.')
                || matches!(word, "No" | "no" | "vs" | "cf" | "ca" | "Nos" | "Dr" | "Mr" | "Ms")
                || (word.len() == 1 && word.starts_with(char::is_uppercase)));
        let next = text[at + 1..].trim_start().chars().next();
        if !abbreviation && next.is_some_and(|c| !c.is_lowercase()) {
            out.push((from, &text[from..=at]));
            from = at + 1;
        }
    }
    out.push((from, &text[from..]));
    let trimmed = |(from, piece): (usize, &'t str)| {
        let sentence = piece.trim();
        (from + piece.len() - piece.trim_start().len(), sentence)
    };
    out.into_iter().map(trimmed).filter(|(_, sentence)| !sentence.is_empty()).collect()
}
