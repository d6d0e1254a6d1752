//! What the service relies on, said as tests: who gets in, how often, by which link, and what is on record.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod audit;
mod authenticator;
mod keys;
mod limits;
mod links;
mod tokens;

use camera_access::Secret;
use jiff::Timestamp;
use std::time::Duration;

/// 2026-11-22T12:00:00Z, whatever the machine's clock says.
fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(noon().as_second() + seconds).unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn text(secret: &Secret) -> &str {
    secret.expose_text().unwrap()
}
