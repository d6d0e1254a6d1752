//! The threads on which looks are made that may block: a few that take one after the other, and more where those hang.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many threads take what waits, as long as none of them hangs: what does not wait needs a processor, and more threads
/// would only take it from each other.
const THREADS: usize = 2;
/// How long a thread may be at one piece of work before it is no longer counted among them, and how long work waits for
/// them before it gets a thread more.
pub const PATIENCE: Duration = Duration::from_millis(50);

type Work = Box<dyn FnOnce() + Send>;

/// Work that waits for a thread, and since when the threads are at theirs.
#[derive(Default)]
pub struct Threads {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    at_work: Vec<(usize, Instant)>,
    started: usize,
}

impl Threads {
    /// Puts this work behind what waits already. Needs a runtime of tokio.
    pub fn put(self: &Arc<Self>, work: Work) {
        let mut state = self.lock();
        state.waiting.push_back(work);
        let taking = state.at_work.iter().filter(|(_, since)| since.elapsed() < PATIENCE).count();
        if taking < THREADS {
            self.start(&mut state);
        }
    }

    /// Starts one thread more, as those that there are may hang.
    pub fn reinforce(self: &Arc<Self>) {
        self.start(&mut self.lock());
    }

    fn start(self: &Arc<Self>, state: &mut State) {
        let number = state.started;
        state.started += 1;
        state.at_work.push((number, Instant::now()));
        let threads = Arc::clone(self);
        tokio::task::spawn_blocking(move || threads.take_all(number));
    }

    /// Does one piece of work after the other until nothing waits.
    fn take_all(&self, number: usize) {
        loop {
            let mut state = self.lock();
            let Some(work) = state.waiting.pop_front() else {
                state.at_work.retain(|(other, _)| *other != number);
                return;
            };
            for (_, since) in state.at_work.iter_mut().filter(|(other, _)| *other == number) {
                *since = Instant::now();
            }
            drop(state);
            // Whoever waits for it hears that it was cut off.
            _ = catch_unwind(AssertUnwindSafe(work));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
