//! Findings from plans and observations: tables that read as sentences, and what no observation may do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod census;
mod company;
mod control;
mod data;
mod elsewhere;
mod improve;
mod rates;
mod support;
mod trials;
mod watch;
