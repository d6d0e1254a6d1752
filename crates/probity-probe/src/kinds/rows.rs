//! The rows of a query, as the kinds of databases tell them. Must not know whose they are.

use probity_plan::{Barrier, Blocked, Value};

use crate::json;
use crate::look::Seen;

/// The most rows that are kept.
pub(super) const MAX_ROWS: usize = 1000;

/// The most bytes of values that are kept.
pub(super) const MAX_KEPT: usize = 1 << 20;

/// Rows are maps by column.
///
/// # Errors
/// `unsupported` if two columns have one name.
pub(super) fn check_names<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), Blocked> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([name, ..]) => {
            let why = format!("two columns are called `{name}`; give each a name of its own with AS");
            Err(Blocked::new(Barrier::Unsupported, why))
        }
        _ => Ok(()),
    }
}

/// So many rows, or their values, are more than is kept.
pub(super) fn too_large(rows: usize) -> Blocked {
    let why = format!("{rows} rows; at most {MAX_ROWS} rows and {MAX_KEPT} bytes are kept");
    Blocked::new(Barrier::TooLarge, why)
}

/// What is seen of an answer of so many rows, which are `kept` as maps or not at all.
pub(super) fn see(columns: &[&str], rows: usize, kept: Result<Vec<Value>, Blocked>, seen: &mut Seen) {
    seen.know("columns", columns.iter().map(|name| Value::from(*name)).collect::<Vec<_>>())
        .know("row_count", i64::try_from(rows).unwrap_or(i64::MAX));
    let value = match (&kept, columns) {
        (Err(blocked), _) => Err(blocked.clone()),
        (Ok(rows), [name]) if rows.len() == 1 => match rows.first() {
            Some(Value::Map(row)) => Ok(row.get(*name).cloned().unwrap_or(Value::Null)),
            _ => Ok(Value::Null),
        },
        (Ok(_), _) => Err(Blocked::new(Barrier::Unsupported, "the result is not one row of one column")),
    };
    seen.settle("value", value);
    seen.settle("rows", kept);
}

/// A value of JSON in the column of this name.
///
/// # Errors
/// Those of [`json::parse`].
pub(super) fn json(column: &str, text: &str) -> Result<Value, Blocked> {
    json::parse_of(&format!("column {column}"), text)
}
