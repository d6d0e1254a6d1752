//! MediaMTX as a whole: looked at every second, and given its configuration again when it has come back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::camera::Camera;
use super::path::{CLOSE_AFTER, FOLDER};
use super::status::Seen;
use crate::EngineError;
use crate::moment::Pair;

/// One request that was not answered in time is no outage.
const OUT_AFTER: u32 = 2;
/// Health is answered from what was seen so lately.
const FRESH: Duration = Duration::from_secs(5);
/// How long MediaMTX may take to forget a path, or to end a recording.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of MediaMTX.
#[derive(Default)]
pub(super) struct Server {
    pub(super) stop: CancellationToken,
    known: Mutex<Known>,
    /// Whether it answers.
    pub(super) up: Up,
    looking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    /// When it answered last.
    answered: Option<Instant>,
    failures: u32,
    /// Paths that it is to forget.
    unwanted: BTreeSet<String>,
    /// What was said of a moment.
    clock: Option<Pair>,
}

impl Known {
    /// Whether the clock was set since it was looked at last.
    fn clock_was_set(&mut self) -> bool {
        self.clock.replace(Pair::said()).is_some_and(|before| before.clock_was_set())
    }
}

/// Whether MediaMTX answers, to be waited for.
pub(super) struct Up(watch::Sender<bool>);

impl Default for Up {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Up {
    pub(super) async fn wait(&self) {
        // The sender lives in self.
        let _ = self.0.subscribe().wait_for(|up| *up).await;
    }

    pub(super) fn is_up(&self) -> bool {
        *self.0.borrow()
    }

    fn set(&self, up: bool) -> bool {
        self.0.send_if_modified(|was| std::mem::replace(was, up) != up)
    }
}

impl Server {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again and again, until the engine ends or is dropped.
pub(super) async fn watch(shared: Weak<Shared>, stop: CancellationToken) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let poll = shared.options.poll;
        // What is wrong is remembered, and said by `health`.
        let _ = shared.look().await;
        drop(shared);
        tokio::select! {
            () = tokio::time::sleep(poll) => {}
            () = stop.cancelled() => return,
        }
    }
}

impl Shared {
    pub(super) async fn look_if_old(&self) -> Result<(), EngineError> {
        let known = { self.server.known().answered.filter(|at| at.elapsed() < FRESH) };
        match known {
            Some(_) if self.server.known().failures == 0 => Ok(()),
            _ => self.look().await,
        }
    }

    /// Asks MediaMTX for its paths, tells every camera what became of its own, and configures what is missing.
    pub(super) async fn look(&self) -> Result<(), EngineError> {
        let _turn = self.server.looking.lock().await;
        let paths = match self.api.paths().await {
            Ok(paths) => paths,
            Err(error) => {
                let failures = {
                    let mut known = self.server.known();
                    known.failures += 1;
                    known.failures
                };
                if failures >= OUT_AFTER || self.server.known().answered.is_none() {
                    if self.server.up.set(false) {
                        tracing::error!(%error, "MediaMTX is lost");
                    }
                    let why = error.to_string();
                    let cameras = self.cameras.all();
                    cameras.iter().for_each(|camera| camera.observe(Seen::Nothing(&why)));
                }
                return Err(error);
            }
        };
        {
            let mut known = self.server.known();
            known.answered = Some(Instant::now());
            known.failures = 0;
        }
        if self.server.up.set(true) {
            tracing::info!("MediaMTX answers");
        }
        let cameras = self.cameras.all();
        let clock_was_set = self.server.known().clock_was_set();
        for camera in cameras {
            if clock_was_set && camera.source.is_timed_by_clock() {
                tracing::warn!(
                    camera = camera.name,
                    "the clock was set, from which its pictures get their times"
                );
                self.begin_anew(&camera).await;
                continue;
            }
            let path = paths.get(&camera.name).filter(|path| path.conf_name == camera.name);
            camera.observe(path.map_or(Seen::NotThere, Seen::Path));
            if let Err(error) = camera.apply_if_needed().await {
                tracing::warn!(camera = camera.name, %error, "its path cannot be configured");
            }
        }
        let unwanted: Vec<String> = {
            let known = &mut *self.server.known();
            known.unwanted.retain(|name| paths.contains_key(name));
            known.unwanted.iter().cloned().collect()
        };
        for name in unwanted {
            // One of that name may have been added since.
            if self.cameras.get(&name).is_ok() {
                self.server.known().unwanted.remove(&name);
            } else if let Err(error) = self.api.delete(&name).await {
                tracing::warn!(path = name, %error, "MediaMTX cannot be made to forget a path");
            }
        }
        Ok(())
    }

    /// Has MediaMTX end what publishes a camera, and publish it anew.
    async fn begin_anew(&self, camera: &Arc<Camera>) {
        let begun = match self.api.delete(&camera.name).await {
            Ok(()) => camera.apply().await,
            Err(error) => Err(error),
        };
        camera.observe(Seen::NotThere);
        if let Err(error) = begun {
            tracing::warn!(camera = camera.name, %error, "it is not published anew");
        }
    }

    /// Makes MediaMTX forget a path, now if it answers, else when it does again.
    pub(super) async fn forget(&self, name: &str) {
        self.server.known().unwanted.insert(name.to_owned());
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && self.look().await.is_ok() {
            if !self.server.known().unwanted.contains(name) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends recordings that were begun for a run of the service that did not end in order.
    pub(super) async fn end_old_recordings(&self) -> Result<(), EngineError> {
        let mut ended = false;
        for (name, pattern) in self.api.recorded().await? {
            if pattern.contains(&format!("/{FOLDER}")) {
                tracing::info!(path = name, "a recording that an earlier run left is ended");
                // Its camera configures it anew.
                self.api.delete(&name).await?;
                ended = true;
            }
        }
        if ended {
            // MediaMTX answers first and ends then.
            tokio::time::sleep(CLOSE_AFTER).await;
        }
        Ok(())
    }
}
