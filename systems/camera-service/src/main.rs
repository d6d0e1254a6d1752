//! The program `camera-service`.

use std::process::ExitCode;

fn main() -> ExitCode {
    camera_service::cli::main()
}
