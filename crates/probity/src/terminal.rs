//! Writing for people: standard output, standard error, whether there is anybody to see colours.

use std::io::{IsTerminal, Write};

/// Prints to standard output. A closed pipe is no error: whoever closed it has seen enough.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        _ = out.write_all(b"\n");
    }
    _ = out.flush();
}

/// Prints an error or a remark to standard error.
pub fn complain(text: &str) {
    let mut err = std::io::stderr().lock();
    _ = writeln!(err, "{}", text.trim_end());
}

/// Whether standard output is a terminal that wants colours (<https://no-color.org>).
pub fn colour(environment: &crate::environment::Environment) -> bool {
    std::io::stdout().is_terminal() && environment.get("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The width to lay out for: the terminal's, at most 100, or 80.
pub fn width(environment: &crate::environment::Environment) -> usize {
    let columns = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
    columns.unwrap_or(80).clamp(40, 100)
}
