//! The same work for many things, on a few threads.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Threads beside the caller's own; on a machine with fewer cores they share them.
const HELPERS: usize = 3;

/// Does the work for each, so many at a time on a thread; with no more than that, on the caller's alone. The order is
/// anybody's. A helper that cannot be had is not needed; a panic of the work is the caller's.
pub(crate) fn each<T: Send>(all: &mut [T], at_a_time: usize, work: impl Fn(&mut T) + Sync) {
    let shares = all.len().div_ceil(at_a_time.max(1));
    let left = Mutex::new(all.chunks_mut(at_a_time.max(1)));
    let take = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let help = || {
        while let Some(share) = take() {
            share.iter_mut().for_each(&work);
        }
    };
    thread::scope(|scope| {
        for _ in 0..shares.saturating_sub(1).min(HELPERS) {
            // The scope waits for it and passes on its panic.
            _ = thread::Builder::new().spawn_scoped(scope, help);
        }
        help();
    });
}
