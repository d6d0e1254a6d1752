//! Names that strangers chose, in messages.

/// A name from a stranger, for a message.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", probity_text::excerpt(name, 120))
}
