//! The program `fabric-sync`.

use std::process::ExitCode;

fn main() -> ExitCode {
    fabric_sync::cli::main()
}
