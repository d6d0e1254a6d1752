//! The way from a camera's source to its recorder. What the disk does not take at once waits, within bounds; what comes beyond them is lost,
//! and the recorder is told so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use crate::live::Piece;

/// How much of the video may wait: longer than the pauses that SD cards and disks that spin up make.
const MAX_WAITING: Duration = Duration::from_secs(30);
/// Bytes that may wait.
const MAX_BYTES: usize = 32 << 20;

/// What a recorder is fed with.
#[derive(Clone)]
pub(super) enum Fed {
    Piece(Piece),
    /// The source was lost or stopped.
    Down,
    /// So much of the video could not wait any longer.
    Lost(Duration),
}

/// A camera's end, for the one recorder that it has at a time.
#[derive(Default)]
pub(super) struct Feed(Mutex<Weak<Queue>>);

/// The recorder's end.
pub(super) struct Reader(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    news: Notify,
}

#[derive(Default)]
struct Waiting {
    fed: VecDeque<Fed>,
    bytes: usize,
    duration: Duration,
}

impl Feed {
    /// What comes from now on.
    pub(super) fn subscribe(&self) -> Reader {
        let queue = Arc::new(Queue::default());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&queue);
        Reader(queue)
    }

    /// Nobody may be recording.
    pub(super) fn send(&self, fed: Fed) {
        let queue = self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        if let Some(queue) = queue {
            queue.lock().push(fed);
            queue.news.notify_one();
        }
    }
}

impl Reader {
    /// The next, in the order in which they came. May be given up and called again.
    pub(super) async fn next(&self) -> Fed {
        loop {
            let fed = self.0.lock().pop();
            match fed {
                Some(fed) => return fed,
                None => self.0.news.notified().await,
            }
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, fed: Fed) {
        let Fed::Piece(piece) = &fed else { return self.fed.push_back(fed) };
        let (bytes, duration) = (piece.fragment.bytes.len(), piece.fragment.duration);
        if let Some(Fed::Lost(lost)) = self.fed.back_mut() {
            // What follows a loss would be in bits: all is lost until the disk has taken what waits.
            *lost += duration;
        } else if self.bytes > 0 && (self.bytes + bytes > MAX_BYTES || self.duration + duration > MAX_WAITING)
        {
            self.fed.push_back(Fed::Lost(duration));
        } else {
            self.bytes += bytes;
            self.duration += duration;
            self.fed.push_back(fed);
        }
    }

    fn pop(&mut self) -> Option<Fed> {
        let fed = self.fed.pop_front()?;
        if let Fed::Piece(piece) = &fed {
            self.bytes = self.bytes.saturating_sub(piece.fragment.bytes.len());
            self.duration = self.duration.saturating_sub(piece.fragment.duration);
        }
        Some(fed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Moment;
    use crate::live::Live;

    fn piece(seconds: f64, bytes: usize) -> Fed {
        let (init, fragment) = crate::fragment::example(seconds, bytes);
        Fed::Piece(Live::new(0).lock().push(1, &init, fragment, true, Moment::now()))
    }

    /// `p` for a piece, `d` for the loss of the source, and the seconds that were lost.
    async fn words(reader: &Reader) -> String {
        let mut words = String::new();
        while !reader.0.lock().fed.is_empty() {
            words += &match reader.next().await {
                Fed::Piece(_) => "p".to_owned(),
                Fed::Down => "d".to_owned(),
                Fed::Lost(time) => format!("[{}]", time.as_secs_f64()),
            };
        }
        words
    }

    #[tokio::test]
    async fn what_a_disk_does_not_take_at_once_waits_by_its_length_and_size_and_not_by_the_number_of_pieces()
    {
        let feed = Feed::default();
        feed.send(piece(1.0, 10));
        let reader = feed.subscribe();
        // A camera all of whose pictures are key frames.
        for _ in 0..600 {
            feed.send(piece(0.04, 10));
        }
        feed.send(Fed::Down);
        assert_eq!(words(&reader).await, "p".repeat(600) + "d", "24 s, and nothing from before");
        for _ in 0..40 {
            feed.send(piece(1.0, 10));
        }
        feed.send(Fed::Down);
        assert_eq!(words(&reader).await, "p".repeat(30) + "[10]d");
        for _ in 0..6 {
            feed.send(piece(1.0, 10 << 20));
        }
        assert_eq!(words(&reader).await, "ppp[3]");
        feed.send(piece(60.0, 1));
        assert_eq!(words(&reader).await, "p", "one alone always may");
    }
}
