//! Taking part in a lease's election, as a task that ends with whoever started it: a fabric's task that fails must not go on renewing a
//! lease that nobody writes by.

use std::sync::Arc;

use fabric_kubernetes::{Leader, LeaseSettings, Source};
use tokio::task::JoinHandle;

/// Takes part as long as it lives.
#[derive(Debug)]
pub struct Campaign(JoinHandle<()>);

impl Campaign {
    /// Takes part from now on.
    #[must_use]
    pub fn start(leader: Leader, source: Arc<Source>, settings: LeaseSettings) -> Self {
        Campaign(tokio::spawn(async move { leader.campaign(&source, &settings).await }))
    }

    /// Takes part no more; when this returns, nobody renews.
    pub async fn end(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Campaign {
    fn drop(&mut self) {
        self.0.abort();
    }
}
