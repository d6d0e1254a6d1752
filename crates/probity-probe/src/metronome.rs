//! Whether the observer itself stood still: stopped by a signal, frozen with its container, paused with its machine. Nothing
//! that the kernel counts for a thread tells that; a clock that ticks while looks are under way does.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::observer::scheduling_delay;

/// Between two ticks. A pause that is shorter may lie between two and is not seen.
pub const PERIOD: Duration = Duration::from_millis(5);
/// How late a tick usually is.
const SLACK: Duration = Duration::from_millis(1);

/// The clock's state, of which there is one in a process.
#[derive(Debug, Default)]
struct Metronome {
    /// Looks that are under way.
    looks: usize,
    /// When it last ticked or began to, and how long its thread had waited for a processor by then.
    last: Option<(Instant, Duration)>,
    /// How long the observer stood still, as far as it ticked.
    paused: Duration,
}

static METRONOME: Mutex<Metronome> = Mutex::new(Metronome { looks: 0, last: None, paused: Duration::ZERO });
static BEGINS: Condvar = Condvar::new();

/// While there is one of these, the clock ticks.
#[derive(Debug)]
pub struct Ticking {
    paused: Duration,
}

/// Begins to listen.
pub fn listen() -> Ticking {
    static THREAD: OnceLock<bool> = OnceLock::new();
    // Without a thread for it nothing ticks, and no pause is seen: as on a system that has none left.
    THREAD.get_or_init(|| std::thread::Builder::new().name("metronome".to_owned()).spawn(tick).is_ok());
    let mut metronome = lock();
    metronome.looks += 1;
    if metronome.looks == 1 {
        metronome.last = Some((Instant::now(), Duration::MAX));
        BEGINS.notify_one();
    }
    Ticking { paused: metronome.paused }
}

impl Ticking {
    /// How long the observer stood still since then, as far as that can be seen.
    pub fn paused(&self) -> Duration {
        let metronome = lock();
        // It may be that this thread runs again before the clock's does.
        let late = metronome.last.map_or(Duration::ZERO, |(at, _)| at.elapsed().saturating_sub(PERIOD));
        let unseen = if late > PERIOD { late } else { Duration::ZERO };
        metronome.paused.saturating_sub(self.paused) + unseen
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        lock().looks -= 1;
    }
}

fn lock() -> MutexGuard<'static, Metronome> {
    METRONOME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tick() {
    loop {
        {
            let metronome = lock();
            let mut metronome =
                BEGINS.wait_while(metronome, |it| it.looks == 0).unwrap_or_else(PoisonError::into_inner);
            let (now, waited) = (Instant::now(), scheduling_delay().unwrap_or_default());
            if let Some((at, before)) = metronome.last {
                // Waiting for a processor is counted for each look by itself.
                let late =
                    (now - at).saturating_sub(PERIOD + SLACK).saturating_sub(waited.saturating_sub(before));
                metronome.paused += late;
            }
            metronome.last = Some((now, waited));
        }
        std::thread::sleep(PERIOD);
    }
}
