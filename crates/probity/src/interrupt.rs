//! Ctrl-C, TERM and a closed terminal: while the run records, the first ends it in order, a second Ctrl-C at once; while it is
//! closed and signed, which may wait for whoever holds the key, any of them ends it at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use probity_plan::Cause;
use probity_probe::Stop;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Watches for signals until the process ends.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<AtomicBool>);

impl Watch {
    /// From now on each signal ends the process: what was recorded verifies as incomplete.
    pub fn end_at_once(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Turns signals into a request to stop. `undoes`: something may have been done that is taken back only by a run that ends in order.
///
/// # Errors
/// If the system takes no handler.
pub fn watch(stop: &Stop, undoes: bool) -> std::io::Result<Watch> {
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (stop, watch) = (stop.clone(), Watch::default());
    let at_once = watch.clone();
    std::thread::spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            // Whoever is asked to sign the beginning or the end need not answer any more.
            probity_evidence::end_signing();
            let is_over = at_once.0.load(Ordering::SeqCst);
            if is_over || count > 0 && signal == SIGINT {
                if undoes && !is_over {
                    eprintln!("Ended at once: an `undo` that had not run by now was not run.");
                }
                std::process::exit(128 + signal);
            }
            let name = match signal {
                SIGINT => "SIGINT",
                SIGTERM => "SIGTERM",
                _ => "SIGHUP",
            };
            stop.request(Cause::Interrupted { signal: name.to_owned() });
        }
    });
    Ok(watch)
}
