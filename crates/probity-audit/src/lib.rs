//! Reads a report that somebody wrote (Markdown) and shows what it contradicts in itself and what it claims beyond what
//! it shows; and, where a bundle is given, what it says otherwise than the bundle. Text in, findings out; nothing a report
//! contains is executed, fetched or followed.
//!
//! Must not know: files, clock, environment, terminal; bundles and how they are stored.

pub mod against;
pub mod assertions;
mod baseline;
pub mod docs;
pub mod document;
mod finding;
pub mod measured;
pub mod output;
mod parallel;
pub mod quantity;
pub mod rules;
mod visible;
mod words;

pub use against::{BundleView, Compared};
pub use assertions::Assertions;
pub use baseline::{Baseline, BaselineError};
pub use document::Document;
pub use finding::{Acceptance, Audit, Finding, Rule, audit, audit_all};
pub use output::Report;
