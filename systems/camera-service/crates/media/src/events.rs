//! What happens in an engine, told to whoever listens.

use tokio::sync::broadcast;

use crate::engine::EngineEvent;

/// Events that a slow receiver may be behind.
const BEHIND: usize = 1024;

/// Clones tell the same receivers.
#[derive(Clone)]
pub(crate) struct Events(broadcast::Sender<EngineEvent>);

impl Events {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }

    pub(crate) fn tell(&self, event: EngineEvent) {
        // Nobody may be listening.
        let _ = self.0.send(event);
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<EngineEvent> {
        self.0.subscribe()
    }
}
