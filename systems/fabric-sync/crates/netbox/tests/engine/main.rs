//! The engine from a fabric's objects to NetBox and back, against the fake NetBox in this process: NetBox's manners and vices cannot be
//! had on demand from a real one. The same against a real NetBox is in `systems/fabric-sync/tests`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod adopting;
mod applying;
mod deleting;
mod fixtures;
mod pacing;
mod permits;
mod reading;
mod recorded;
mod replacing;
mod setup;
mod swapping;
mod unanswered;
