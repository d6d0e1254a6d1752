//! Counts what a connection sends, from one request or message to the next: of what is not whole yet, only a client's share is kept.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tls::Io;
use crate::places::{FREE_BYTES, Place};

/// What is kept of unfinished messages, of this client's connections or of all, is as much as may be.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("too much of unfinished messages is waiting; send the message again later")]
pub struct OverBudget;

impl OverBudget {
    /// Whether reading failed for that.
    #[must_use]
    pub fn is_cause_of(error: &io::Error) -> bool {
        matches!(error.get_ref(), Some(cause) if cause.is::<OverBudget>())
    }
}

/// The count of one connection.
pub struct Meter {
    place: ArcSwap<Place>,
    /// Bytes since the last request or message began.
    since: AtomicU64,
}

impl Meter {
    /// Of a connection that has this place.
    #[must_use]
    pub fn new(place: Arc<Place>) -> Self {
        Meter { place: ArcSwap::new(place), since: AtomicU64::new(0) }
    }

    /// A request or message is whole: another one begins.
    pub fn begin(&self) {
        if self.since.swap(0, Ordering::Relaxed) > FREE_BYTES {
            self.place.load().keep_bytes(0);
        }
    }

    /// Counts for another place from now on: behind a proxy, that of the client for whom it asks.
    pub fn count_for(&self, place: Arc<Place>) {
        self.place.store(place);
    }

    fn count(&self, bytes: u64) -> io::Result<()> {
        let since = self.since.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if since <= FREE_BYTES || self.place.load().keep_bytes(since) {
            Ok(())
        } else {
            Err(io::Error::other(OverBudget))
        }
    }
}

/// A connection whose bytes are counted as they come.
pub struct Metered {
    /// Its bytes.
    pub io: Box<dyn Io>,
    /// Their count.
    pub meter: Arc<Meter>,
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut *self.io).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            self.meter.count((buffer.filled().len() - before) as u64)?;
        }
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
