//! The acts of looking: one file a kind, behind one trait ([`look::Look`]); time-outs, barriers, secrets, the schedule
//! with its quiet lane.
//!
//! Must not know: what a claim decides, how evidence is stored or shown. With `probity-evidence` the only crate that
//! touches the machine.

pub mod connect;
pub mod kinds;
pub mod look;
pub mod names;
pub mod observer;
pub mod program;
pub mod run;
pub mod secrets;

pub use look::{Context, Look, Seen, Wanted};
//RUN
pub use secrets::Secrets;
