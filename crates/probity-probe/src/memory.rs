//! What a probe keeps from one look at a row to the next, for as long as the run lasts: cookies, where its plan says so.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use cookie_store::CookieStore;
use probity_plan::kinds::http::Cookies;
use probity_plan::{Act, Value};

/// What is kept of one row.
#[derive(Debug, Default)]
pub struct Memory {
    /// As a browser keeps them.
    pub cookies: Mutex<CookieStore>,
}

tokio::task_local! {
    static MEMORY: Arc<Memory>;
}

/// What is kept of all rows of all probes of a run, by probe and row.
#[derive(Debug, Default)]
pub struct Memories(Mutex<BTreeMap<(String, String), Arc<Memory>>>);

impl Memories {
    /// Looks with what was kept of this row of this probe.
    pub async fn recall<F: Future>(
        &self,
        probe: &str,
        row: &BTreeMap<String, Value>,
        act: &Act,
        look: F,
    ) -> F::Output {
        if !matches!(act, Act::Http(http) if http.cookies == Some(Cookies::Looks)) {
            return look.await;
        }
        let row = serde_json::to_string(row).unwrap_or_default();
        let memory = {
            let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            memories.entry((probe.to_owned(), row)).or_default().clone()
        };
        MEMORY.scope(memory, look).await
    }
}

/// What was kept for the look that asks; nothing outside of a run.
pub fn kept() -> Arc<Memory> {
    MEMORY.try_with(Arc::clone).unwrap_or_default()
}
