//! The camera service: cameras over JSON-RPC 2.0 on a WebSocket.
//!
//! `contract` says which calls there are, as a table and as a trait; `service` does what they say, for a `caller`; above both, `rpc` speaks JSON-RPC and `web` HTTP;
//! `run` puts a configuration's parts together, `commands` does the rest of the command line: installation, backup, keys. What media is,
//! `camera-media` knows; what files are, `camera-storage`; who may do what, `camera-access`; what may be configured, `camera-config`.

pub mod access;
pub mod caller;
pub mod cli;
pub mod commands;
pub mod contract;
pub mod demo;
pub mod discovery;
pub mod events;
mod exchange;
pub mod home;
pub mod lock;
pub mod log;
pub mod metrics;
pub mod places;
pub mod provider;
pub mod rpc;
pub mod run;
pub mod service;
pub mod web;
