//! Devices that come and go, as the kernel tells by inotify on the folder of device nodes.

use std::collections::BTreeSet;

use inotify::StreamExt as _;
use inotify::{Inotify, WatchMask};
use tokio::sync::mpsc;

use super::{Device, Discovery};
use crate::EngineError;

/// A device that came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceChange {
    /// It is here (also said of each that was here from the beginning).
    Appeared(Device),
    /// It is not here any more.
    Gone(Device),
}

impl Discovery {
    /// Says what is here, and from then on what comes and goes, until the receiver is dropped. Is to be called within
    /// a tokio runtime.
    pub fn watch(&self) -> Result<mpsc::Receiver<DeviceChange>, EngineError> {
        let failed = |error| EngineError::disk("cannot watch", &self.dev, error);
        let inotify = Inotify::init().map_err(failed)?;
        // A node gets its owner and mode a moment after it was made.
        let changes =
            WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVE | WatchMask::ATTRIB | WatchMask::ONLYDIR;
        inotify.watches().add(&self.dev, changes).map_err(failed)?;
        let mut events = inotify.into_event_stream(vec![0; 4096]).map_err(failed)?;
        let (sender, receiver) = mpsc::channel(64);
        let discovery = self.clone();
        tokio::spawn(async move {
            let mut known = BTreeSet::new();
            loop {
                if !discovery.tell_changes(&mut known, &sender).await {
                    return;
                }
                // Whatever happened, an overflow included, the list says what is true now.
                tokio::select! {
                    event = events.next() => if event.is_none() { return },
                    () = sender.closed() => return,
                }
            }
        });
        Ok(receiver)
    }

    /// False if nobody listens any more.
    async fn tell_changes(&self, known: &mut BTreeSet<Device>, sender: &mpsc::Sender<DeviceChange>) -> bool {
        let now: BTreeSet<Device> = match self.list() {
            Ok(devices) => devices.into_iter().collect(),
            Err(error) => {
                tracing::warn!(%error, "devices cannot be listed");
                return true;
            }
        };
        let gone = known.difference(&now).cloned().map(DeviceChange::Gone);
        let appeared = now.difference(known).cloned().map(DeviceChange::Appeared);
        for change in gone.chain(appeared).collect::<Vec<_>>() {
            if sender.send(change).await.is_err() {
                return false;
            }
        }
        *known = now;
        true
    }
}
