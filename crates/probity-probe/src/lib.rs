//! The acts of looking: one file a kind, behind one trait ([`look::Look`]); time-outs, barriers, secrets, the schedule
//! with its quiet lane.
//!
//! Must not know: what a claim decides, how evidence is stored or shown. With `probity-evidence` the only crate that
//! touches the machine.

pub mod clock;
pub mod connect;
pub mod kinds;
pub mod look;
mod mask;
pub mod memory;
pub mod mounts;
pub mod names;
pub mod observation;
pub mod observer;
pub mod program;
pub mod run;
pub mod schedule;
pub mod secrets;
mod stamp;
pub mod tables;
mod unix_sockets;

pub use clock::Began;
pub use look::{Context, Look, Seen, Wanted};
pub use run::{Runner, Sink, Stop};
pub use secrets::Secrets;
