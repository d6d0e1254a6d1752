//! Ctrl-C, TERM and a closed terminal: the first ends the run in order, the second at once.

use probity_plan::Cause;
use probity_probe::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Turns signals into a request to stop.
///
/// # Errors
/// If the system takes no handler.
pub fn watch(stop: &Stop) -> std::io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let stop = stop.clone();
    std::thread::spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 && signal == SIGINT {
                // What was recorded verifies as incomplete.
                std::process::exit(130);
            }
            let name = match signal {
                SIGINT => "SIGINT",
                SIGTERM => "SIGTERM",
                _ => "SIGHUP",
            };
            stop.request(Cause::Interrupted { signal: name.to_owned() });
        }
    });
    Ok(())
}
