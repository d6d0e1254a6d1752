//! What commands print. Whoever reads it may stop before its end (`install | head`): then the rest is not printed, and what was being done
//! goes on to its own end.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

use crate::Failure;

/// Prints a line, as `println!` does.
#[macro_export]
macro_rules! say {
    ($($text:tt)*) => { $crate::output::print(format_args!($($text)*)) };
}

/// Prints a line on the standard error, as `eprintln!` does.
#[macro_export]
macro_rules! complain {
    ($($text:tt)*) => { $crate::output::print_error(format_args!($($text)*)) };
}

/// Prints a line; that nobody reads is no fault, that it cannot be written is one that is told.
pub fn print(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        print_error(format_args!("this could not be printed ({error}): {text}"));
    }
}

/// Prints a line that nobody can be told again, such as a new secret.
///
/// # Errors
/// It could not be written, also where nobody reads any more. The text is not in the error.
pub fn hand_over(what: &str, text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.map_err(|error| Failure::Failed(format!("{what} could not be printed: {error}")))
}

/// Prints a line on the standard error; beyond that there is nobody to tell.
pub fn print_error(text: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
