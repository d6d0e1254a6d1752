//! Names that strangers chose, in messages.

/// A name from a stranger, for a message.
pub(crate) fn quoted(name: &str) -> String {
    let short: String = name.chars().take(120).collect();
    format!("`{}`", short.escape_debug())
}
