//! What the commands print. Whoever reads it may stop before its end (`fabric-sync plan | head`): then the rest is not printed, and what
//! was being done goes on to its own end.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

/// Prints a line, as `println!` does.
macro_rules! say {
    ($($text:tt)*) => { $crate::output::print(format_args!($($text)*)) };
}

/// Prints a line on the standard error, as `eprintln!` does.
macro_rules! complain {
    ($($text:tt)*) => { $crate::output::print_error(format_args!($($text)*)) };
}

pub(crate) use {complain, say};

/// Prints a line; that nobody reads is no fault, that it cannot be written is one that is told.
pub fn print(text: Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
        && error.kind() != ErrorKind::BrokenPipe
    {
        print_error(format_args!("fabric-sync: this could not be printed ({error}): {text}"));
    }
}

/// Prints a line on the standard error; beyond that there is nobody to tell.
pub fn print_error(text: Arguments<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
