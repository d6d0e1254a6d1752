//! Who wants a camera's source to be open, and for how long. Knows nothing of how it is opened.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::EngineError;

/// What is wanted of a camera. Clones are of the same camera.
#[derive(Clone)]
pub(crate) struct Interest(Arc<watch::Sender<Wanted>>);

#[derive(Default)]
struct Wanted {
    /// Somebody started the stream.
    stream: bool,
    /// Recordings and snapshots under way.
    holds: u32,
    /// The camera is being removed.
    ended: bool,
}

impl Wanted {
    fn now(&self) -> bool {
        !self.ended && (self.stream || self.holds > 0)
    }
}

/// Keeps the source open while it lives.
pub(crate) struct Hold(Interest);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.0.send_modify(|wanted| wanted.holds -= 1);
    }
}

impl Interest {
    /// In a camera whose stream is being started.
    pub(crate) fn in_stream() -> Self {
        Self(Arc::new(watch::Sender::new(Wanted { stream: true, ..Wanted::default() })))
    }

    pub(crate) fn hold(&self) -> Hold {
        self.0.send_modify(|wanted| wanted.holds += 1);
        Hold(self.clone())
    }

    pub(crate) fn set_stream(&self, stream: bool) {
        self.0.send_modify(|wanted| wanted.stream = stream);
    }

    /// From now on, nobody's wishes count.
    pub(crate) fn end(&self) {
        self.0.send_modify(|wanted| wanted.ended = true);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.borrow().now()
    }

    /// Waits until somebody wants the source; false if nobody ever will.
    pub(crate) async fn until_there(&self) -> bool {
        let mut wanted = self.0.subscribe();
        let there = wanted.wait_for(|wanted| wanted.now() || wanted.ended).await;
        there.is_ok_and(|wanted| !wanted.ended)
    }

    pub(crate) async fn until_gone(&self) {
        // The sender lives in self.
        let _ = self.0.subscribe().wait_for(|wanted| !wanted.now()).await;
    }

    /// What `look` sees in the stream of `camera`, as soon as it sees something; it looks now and after each of `changes`.
    /// `None` if it has seen nothing after `within`.
    pub(crate) async fn until_seen<T>(
        &self,
        camera: &str,
        mut changes: watch::Receiver<()>,
        within: Duration,
        look: impl Fn() -> Option<T>,
    ) -> Result<Option<T>, EngineError> {
        let coming = async {
            loop {
                if let Some(seen) = look() {
                    return Ok(Some(seen));
                }
                if changes.changed().await.is_err() || !self.is_there() {
                    let stopped = format!("the stream of {camera} was stopped meanwhile");
                    return Err(EngineError::InvalidState(stopped));
                }
            }
        };
        tokio::time::timeout(within, coming).await.unwrap_or(Ok(None))
    }
}
