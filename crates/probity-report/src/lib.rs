//! A bundle's contents in, text out: for a terminal, Markdown, HTML, JSON and JUnit. The same contents give the same
//! bytes, so that the digest of a report can stand in the log it was made from.
//!
//! Must not know: files, clock, environment, terminal; how anything was probed, signed or decided. It says nothing
//! that its [`Contents`] do not hold, and treats every text in them as hostile (see `visible`).

pub mod contents;
mod html;
mod json;
mod junit;
mod markdown;
mod said;
pub mod series;
mod terminal;
mod visible;

pub use contents::{Contents, Unacceptable, wanted_entries};
pub use html::html;
pub use json::json;
pub use junit::{junit, junit_unacceptable};
pub use markdown::markdown;
pub use said::unacceptable;
pub use series::{Series, SeriesCollector};
pub use terminal::terminal;
pub use visible::visible;
