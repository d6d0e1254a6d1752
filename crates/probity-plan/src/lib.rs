//! What a plan says, as types: probes, claims, scores, verdict rules, waivers; the kinds of probe with their
//! parameters and facts; and the vocabulary of observations (facts, barriers).
//!
//! Must not know: how anything is probed, stored, decided or shown. Touches no file, clock or network: sources are
//! handed in as bytes.

mod cause;
mod error;
pub mod fact;
pub mod file_names;
pub mod kinds;
mod load;
mod machine;
pub mod model;
pub mod number;
pub mod observation;
mod observer;
mod schema;
mod source;
mod template;
pub mod text;
pub mod token;
pub mod units;
pub mod value;
mod yaml;
mod zoned;

pub use cause::{Cause, Happening, OfMachine};
pub use error::PlanErrors;
pub use fact::{Barrier, Blocked, Fact, why};
pub use kinds::{Act, Denied, FactSpec, FactType, Impact, KindSpec, Shows, Values};
pub use load::{Declared, Loaded, MAX_LOOKS, Refused, Sources, load, load_claims, load_or_refuse};
pub use machine::{MACHINE, Machine, TrialGroup};
pub use model::{
    Claim, Condition, Form, Input, InputValue, Plan, Probe, Rule, Schedule, Score, Severity, Waiver,
};
pub use number::Number;
pub use observation::{Artifact, Lane, Observation, Trial};
pub use observer::{Agent, Introduction, Observer, Passage, Reach, Ssh};
pub use probity_diagnostic::Position;
pub use schema::schema;
pub use template::Template;
pub use text::Text;
pub use value::{Interval, JsonError, Moment, Value, unique};
pub use zoned::Zoned;
