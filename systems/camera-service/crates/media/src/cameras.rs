//! The cameras of an engine, by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;

use crate::EngineError;

/// The cameras of an engine.
pub(crate) struct Cameras<C>(Mutex<BTreeMap<String, Arc<C>>>);

impl<C> Default for Cameras<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C> Cameras<C> {
    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Arc<C>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one that is started only if its name is free.
    pub(crate) fn add(
        &self,
        name: &str,
        start: impl FnOnce() -> Result<Arc<C>, EngineError>,
    ) -> Result<Arc<C>, EngineError> {
        let mut held = self.held();
        if held.contains_key(name) {
            return Err(EngineError::InvalidState(format!(
                "there is a camera named {name:?} already; remove it first"
            )));
        }
        let camera = start()?;
        held.insert(name.to_owned(), Arc::clone(&camera));
        Ok(camera)
    }

    pub(crate) fn get(&self, name: &str) -> Result<Arc<C>, EngineError> {
        self.held().get(name).cloned().ok_or_else(|| EngineError::NotFound(name.to_owned()))
    }

    pub(crate) fn remove(&self, name: &str) -> Result<Arc<C>, EngineError> {
        self.held().remove(name).ok_or_else(|| EngineError::NotFound(name.to_owned()))
    }

    pub(crate) fn all(&self) -> Vec<Arc<C>> {
        self.held().values().cloned().collect()
    }

    /// Takes them all away.
    pub(crate) fn take(&self) -> Vec<Arc<C>> {
        std::mem::take(&mut *self.held()).into_values().collect()
    }
}

impl<C: Send + Sync + 'static> Cameras<C> {
    /// Takes them all away and ends them; those that are not done in that time are only told to end.
    pub(crate) async fn end<F>(&self, within: Duration, end: impl Fn(Arc<C>) -> F, tell_end: impl Fn(&C))
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cameras = self.take();
        let mut ending: JoinSet<()> = cameras.iter().map(|camera| end(Arc::clone(camera))).collect();
        let all = async { while ending.join_next().await.is_some() {} };
        if tokio::time::timeout(within, all).await.is_err() {
            cameras.iter().for_each(|camera| tell_end(camera));
            tracing::warn!("not every recording was finished in time; what is in their files plays");
        }
    }
}
