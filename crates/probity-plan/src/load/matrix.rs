//! `matrix`: the rows that a probe is repeated for, from a CSV file or from the plan.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use probity_diagnostic::Position;
use regex::bytes::Regex;

use super::part::Part;
use super::scope::Bound;
use super::{Loader, names};
use crate::error::{Flaw, enumerate};
use crate::kinds::KindSpec;
use crate::value::Value;
use crate::yaml::{Kind, Node, typed};

/// The most rows of a matrix.
pub(crate) const MAX_ROWS: usize = 10_000;
/// The most bytes of a CSV file.
const MAX_BYTES: usize = 16 << 20;

/// The rows, and what each column stands for in each.
pub(super) struct Rows {
    /// Column names in order.
    pub columns: Vec<String>,
    /// For each row, the text and value of each column in order.
    pub rows: Vec<Vec<(String, Value)>>,
}

impl Rows {
    /// A row as facts.
    pub fn facts(&self, row: &[(String, Value)]) -> BTreeMap<String, Value> {
        self.columns.iter().cloned().zip(row.iter().map(|(_, value)| value.clone())).collect()
    }

    /// A row as a person tells it from the others: `role=viewer method=ping`.
    pub fn told(&self, row: &[(String, Value)]) -> String {
        let told: Vec<String> =
            self.columns.iter().zip(row).map(|(column, (text, _))| format!("{column}={text}")).collect();
        crate::yaml::shortened(&told.join(" "))
    }
}

/// What a column stands for in a row.
pub(super) fn bound((text, value): &(String, Value)) -> Bound {
    Bound::new(text.clone(), value)
}

/// A cell in quotes, each quote within it doubled, or one without (RFC 4180).
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let cell = r#"(?:"(?:[^"]|"")*"[ \t]*|[^",\r\n]*)"#;
    Regex::new(&format!(r"^(?-u)(?:{cell},)*{cell}(?:\r?\n|\r|$)")).ok()
});

/// Where a CSV file is not one, and why: who reads it leniently takes all rows behind an open quote for one cell.
fn malformed(bytes: &[u8]) -> Option<(usize, &'static str)> {
    let regex = LINE.as_ref()?;
    let mut at = if bytes.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let Some(line) = regex.find(rest).filter(|line| !line.is_empty()) else {
            return Some((
                at,
                "a cell with a quote in it stands in quotes from its beginning to its end, each quote within it doubled: \
                 `\"5\"\" disk\"`",
            ));
        };
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let text = line.as_bytes().trim_ascii_end();
        if text.is_empty() && line.as_bytes().iter().any(blank) {
            return Some((at, "a line of nothing but blanks is neither a row nor none; take it out"));
        }
        at += line.len();
    }
    None
}

impl Loader<'_> {
    /// Reads the matrix of a probe of this kind; the node has its inputs filled in.
    pub(super) fn matrix(&mut self, part: &Part, node: &Node, spec: &KindSpec, of: &str) -> Option<Rows> {
        match &node.kind {
            Kind::Plain(path) | Kind::Text(path) if !node.is_null() => self.table(part, path, node, spec, of),
            Kind::List(items) => self.inline(part, items, node, spec, of),
            _ => {
                let found = node.found();
                self.errors.push(
                    Flaw::Matrix,
                    &node.at,
                    format!("in {of}: a matrix is a CSV file or a list of maps, found {found}"),
                );
                None
            }
        }
    }

    fn table(&mut self, part: &Part, path: &str, node: &Node, spec: &KindSpec, of: &str) -> Option<Rows> {
        let path = self.below(part, path, &node.at)?;
        let file: Arc<str> = Arc::from(path.as_str());
        let bytes = self.read(&path, &path, MAX_BYTES, &node.at)?.to_vec();
        self.texts.insert(Arc::clone(&file), String::from_utf8_lossy(&bytes).into_owned());
        let line = |line: u64| Position {
            file: Arc::clone(&file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: 1,
        };
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&*bytes);
        let before = self.errors.len();
        if let Some((at, wrong)) = malformed(&bytes) {
            let at = line(bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1);
            self.errors.push(Flaw::Matrix, &at, format!("in the matrix of {of}: {wrong}"));
            return None;
        }
        let (mut columns, mut rows, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    let at = line(error.position().map_or(1, csv::Position::line));
                    let reason = match error.kind() {
                        csv::ErrorKind::Utf8 { .. } => "not UTF-8".to_owned(),
                        _ => error.to_string(),
                    };
                    self.errors.push(Flaw::Matrix, &at, format!("in the matrix of {of}: {reason}"));
                    return None;
                }
            }
            let at = line(record.position().map_or(1, csv::Position::line));
            if columns.is_empty() {
                columns = record.iter().map(|text| text.trim().to_owned()).collect();
                self.columns(part, columns.iter().map(|column| (column.as_str(), &at)), spec, of);
                continue;
            }
            if record.len() != columns.len() {
                let (found, wanted) = (record.len(), columns.len());
                self.errors.push(
                    Flaw::Matrix,
                    &at,
                    format!(
                        "in the matrix of {of}: this row has {found} fields, the first line names {wanted}"
                    ),
                );
                continue;
            }
            if rows.len() == MAX_ROWS {
                self.errors.push(
                    Flaw::Matrix,
                    &at,
                    format!("in the matrix of {of}: more than {MAX_ROWS} rows"),
                );
                return None;
            }
            let row: Vec<_> =
                record.iter().map(str::trim).map(|text| (text.to_owned(), typed(text))).collect();
            self.distinct(&row, &mut seen, &at, of);
            rows.push(row);
        }
        if rows.is_empty() {
            self.errors.push(
                Flaw::Matrix,
                &line(1),
                format!("in the matrix of {of}: there is no row; nothing would be looked at"),
            );
        }
        (self.errors.len() == before).then_some(Rows { columns, rows })
    }

    fn inline(
        &mut self,
        part: &Part,
        items: &[Node],
        node: &Node,
        spec: &KindSpec,
        of: &str,
    ) -> Option<Rows> {
        let before = self.errors.len();
        if items.is_empty() {
            self.errors.push(
                Flaw::Shape,
                &node.at,
                format!("in {of}: the matrix is empty; nothing would be looked at"),
            );
        }
        if let Some(item) = items.get(MAX_ROWS) {
            self.errors.push(
                Flaw::Matrix,
                &item.at,
                format!("in the matrix of {of}: more than {MAX_ROWS} rows"),
            );
            return None;
        }
        let (mut columns, mut rows, mut seen) = (Vec::new(), Vec::new(), BTreeMap::new());
        for item in items {
            let Kind::Map(entries) = &item.kind else {
                let found = item.found();
                self.errors.push(Flaw::Matrix, &item.at,
                    format!("in the matrix of {of}: a row is a map from column to value, such as {{ role: viewer }}, found {found}"),
                );
                continue;
            };
            if columns.is_empty() {
                columns = entries.iter().map(|(key, _)| key.text.clone()).collect();
                self.columns(part, entries.iter().map(|(key, _)| (key.text.as_str(), &key.at)), spec, of);
            }
            let same =
                entries.len() == columns.len() && columns.iter().all(|column| item.get(column).is_some());
            if !same {
                let wanted = enumerate(columns.iter().map(String::as_str), "and");
                self.errors.push(
                    Flaw::Matrix,
                    &item.at,
                    format!("in the matrix of {of}: every row has the columns of the first: {wanted}"),
                );
                continue;
            }
            let mut row = Vec::new();
            for cell in columns.iter().filter_map(|column| item.get(column)) {
                match &cell.kind {
                    Kind::Plain(text) if !cell.is_null() => row.push((text.clone(), typed(text))),
                    Kind::Text(text) => row.push((text.clone(), Value::Text(text.clone()))),
                    Kind::Pieces(_) => {
                        self.errors.push(
                            Flaw::Matrix,
                            &cell.at,
                            format!("in the matrix of {of}: a secret may not stand here: cells are facts"),
                        );
                    }
                    _ => {
                        let found = cell.found();
                        self.errors.push(Flaw::Matrix, &cell.at, format!("in the matrix of {of}: a cell is text, a number, true or false, found {found}"));
                    }
                }
            }
            self.distinct(&row, &mut seen, &item.at, of);
            rows.push(row);
        }
        (self.errors.len() == before).then_some(Rows { columns, rows })
    }

    fn columns<'c>(
        &mut self,
        part: &Part,
        columns: impl Iterator<Item = (&'c str, &'c Position)>,
        spec: &KindSpec,
        of: &str,
    ) {
        let mut seen = BTreeSet::new();
        for (column, at) in columns {
            let wrong = if let Some(message) = names::refused("a column", column) {
                message
            } else if !seen.insert(column) {
                format!("column `{column}` repeated")
            } else if spec.fact(column).is_some() {
                format!("column `{column}` has the name of a fact of `{}`; call it otherwise", spec.name)
            } else if part.scope.knows(column) {
                format!("column `{column}` has the name of an input; call one of them otherwise")
            } else {
                continue;
            };
            self.errors.push(Flaw::Matrix, at, format!("in the matrix of {of}: {wrong}"));
        }
    }

    /// Observations of a cell are told from others by its row: two equal rows would be one.
    fn distinct(
        &mut self,
        row: &[(String, Value)],
        seen: &mut BTreeMap<String, Position>,
        at: &Position,
        of: &str,
    ) {
        let values: Vec<&Value> = row.iter().map(|(_, value)| value).collect();
        // As JSON, which keeps text and number apart.
        let values = serde_json::to_string(&values).unwrap_or_default();
        if let Some(first) = seen.insert(values, at.clone()) {
            self.errors.push(
                Flaw::Matrix,
                at,
                format!("in the matrix of {of}: this row repeats the one in line {}", first.line),
            );
        }
    }
}
