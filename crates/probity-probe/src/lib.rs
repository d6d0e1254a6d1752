//! The acts of looking: one file a kind, behind one trait ([`look::Look`]); time-outs, barriers, secrets, the schedule
//! with its quiet lane.
//!
//! Must not know: what a claim decides, how evidence is stored or shown. With `probity-evidence` the only crate that
//! touches the machine.

mod attributes;
pub mod clock;
pub mod connect;
pub mod crew;
mod desk;
pub mod discover;
mod documents;
mod json;
pub mod kinds;
mod links;
mod log_time;
pub mod look;
pub mod machine;
mod mask;
pub mod memory;
mod metronome;
pub mod mounts;
pub mod names;
pub mod observation;
pub mod observe;
pub mod observer;
pub mod plaintext;
pub mod program;
pub mod run;
pub mod schedule;
pub mod secrets;
mod single;
mod sock_diag;
mod systemd;
pub mod tables;
mod threads;
mod token;
mod trials;
mod unix_sockets;
mod whole;

pub use clock::Began;
pub use look::{Context, FactSelection, Look, Seen};
pub use observe::{Here, look_once};
pub use observer::far::Observers;
pub use plaintext::{Plaintext, Syntax};
pub use run::{MAX_UNDO, Runner, Sink, Stop};
pub use secrets::Secrets;
pub use single::single_probe;
