//! Taking part in a lease's election, as a task that ends with whoever started it: a fabric's task that fails must not go on renewing a
//! lease that nobody writes by.

use std::sync::Arc;

use fabric_kubernetes::{Leader, LeaseSettings, Source};
use tokio::task::JoinSet;

/// Takes part as long as it lives.
#[derive(Debug)]
pub struct Campaign(JoinSet<()>);

impl Campaign {
    /// Takes part from now on.
    #[must_use]
    pub fn start(leader: Leader, source: Arc<Source>, settings: LeaseSettings) -> Self {
        let mut task = JoinSet::new();
        task.spawn(async move { leader.campaign(&source, &settings).await });
        Campaign(task)
    }

    /// Takes part no more; when this returns, nobody renews.
    pub async fn end(mut self) {
        self.0.shutdown().await;
    }
}
