//! The fabric sync: keeps NetBox in step with Hedgehog fabrics, and tells how it is without claiming more than it read.
//!
//! `fabric` is one fabric with both its ends, `worker` its loop, `run` all of them; `history` and `record` keep what happened, `report`
//! says how it is, `web` and `metrics` show that; `commands` does the rest of the command line. What a fabric is and what follows from it,
//! `fabric-model` knows; how the ends are spoken to, `fabric-kubernetes` and `fabric-netbox`.

pub mod campaign;
pub mod cli;
pub mod commands;
pub mod config;
pub mod demo;
pub mod fabric;
pub mod history;
pub mod home;
pub mod lock;
pub mod log;
pub mod looking;
pub mod marks;
pub mod metrics;
pub mod observe;
pub mod patience;
pub mod record;
pub mod refusals;
pub mod report;
pub mod run;
pub mod standstill;
pub mod web;
pub mod worker;
