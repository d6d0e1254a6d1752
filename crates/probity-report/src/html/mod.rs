//! The report as one self-contained HTML file.

use crate::contents::Contents;

/// The report as HTML.
pub fn html(_contents: &Contents) -> String {
    String::new()
}
