//! The fabric sync with a real kube-apiserver, etcd and NetBox: what it promises, provoked.
//!
//! `make test-fabric` builds the servers and runs this. Each test has servers of its own, with nothing in them but a small fabric.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod cluster;
mod convergence;
mod deletion;
mod inventory;
mod lab;
mod outages;
mod proxy;
mod several;
mod sync;
mod writes;

use std::time::{Duration, Instant};

use cluster::Cluster;
use inventory::NetBox;

/// Asks again until there is an answer; the limit is only when the test gives up.
async fn wait_for<T>(what: &str, asked: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = asked().await {
            return answer;
        }
        assert!(begun.elapsed() < lab::PATIENCE, "after {} s still not: {what}", lab::PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Two leaves, a spine, two servers, a VPC: what most tests need.
const SMALL: [u32; 4] = [2, 1, 2, 1];

/// Fresh servers with a small fabric; `None`, which was told, where there is no lab.
async fn servers() -> Option<(Cluster, NetBox)> {
    servers_with(SMALL, &[]).await
}

async fn servers_with(fabric: [u32; 4], options: &[&str]) -> Option<(Cluster, NetBox)> {
    if !lab::is_here() {
        return None;
    }
    Some(tokio::join!(Cluster::start(fabric, options), NetBox::start()))
}
