//! Writing for people: standard output, standard error, whether there is anybody to see colours.

use std::io::{ErrorKind, IsTerminal, Write};

use crate::exit::Failure;

/// Prints to standard output. A closed pipe is no error: whoever closed it has seen enough.
///
/// # Errors
/// If it cannot be written otherwise, as on a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    written(out.write_all(text.as_bytes()).and_then(|()| out.write_all(end)).and_then(|()| out.flush()))
}

/// What came of writing to standard output, as [`print()`] tells it.
pub fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints an error or a remark to standard error. It may quote a plan or a bundle of a stranger.
pub fn complain(text: &str) {
    let mut err = std::io::stderr().lock();
    for line in text.trim_end().split('\n') {
        _ = writeln!(err, "{}", probity_report::visible(line));
    }
}

/// Whether standard output is a terminal that wants colours (<https://no-color.org>).
pub fn colour(environment: &crate::environment::Environment) -> bool {
    std::io::stdout().is_terminal() && environment.get("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The width to lay out for: `COLUMNS`, or the terminal's, from 40 to 100; 80 where there is none.
pub fn width(environment: &crate::environment::Environment) -> usize {
    let named = environment.get("COLUMNS").and_then(|columns| columns.parse().ok());
    let seen = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| usize::from(size.ws_col));
    named.or_else(seen).filter(|columns| *columns > 0).unwrap_or(80).clamp(40, 100)
}
