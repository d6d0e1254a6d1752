//! From observations to findings, scores and a verdict. Pure: no I/O, no clock, no randomness, no async.
//!
//! Must not know: how observations were made, stored, signed or shown.

pub mod check;
pub mod condition;
pub mod judge;
pub mod judgement;
mod multiplicity;
mod place;
mod reads;
pub mod rule;
pub mod score;
pub mod statistics;
pub mod truth;
pub mod verdict;
pub mod wording;

pub use check::{check, check_on, check_refused};
pub use condition::Conditions;
pub use judge::Judge;
pub use judgement::{Bounds, Finding, Judgement, Outcome, ScoreResult, Settle, Verdict};
pub use reads::{facts_read, names_read, timed_probes};
pub use truth::{Truth, Truth4};
pub use verdict::decide;

/// The version of the meaning of claims, conditions and statistics. Written into each log; a judgement made under
/// other rules is "recomputed differently", not altered. 1 begins with the first release.
pub const RULES: u32 = 1;
