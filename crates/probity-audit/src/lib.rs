//! Reads a report that somebody wrote (Markdown) and shows what it contradicts in itself and what it claims beyond what
//! it shows. Text in, findings out; nothing a report contains is executed, fetched or followed.
//!
//! Must not know: files, clock, environment, terminal; bundles and how they are stored.

pub mod docs;
pub mod document;
mod finding;
pub mod output;
pub mod quantity;
pub mod rules;
mod visible;
mod words;

pub use document::Document;
pub use finding::{Audit, Finding, Rule, Severity, audit};
