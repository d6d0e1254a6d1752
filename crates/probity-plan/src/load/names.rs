//! Names of inputs, probes, claims, scores, includes and matrix columns.

/// Words with a meaning of their own in conditions: ours, and those that the CEL specification reserves.
pub(crate) const RESERVED: &[&str] = &[
    "in",
    "true",
    "false",
    "null",
    "against",
    "score",
    "attempt",
    "slot",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Whether it has the shape of a name, reserved or not.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && text.len() <= 64
}

/// What is wrong with it as a name, if anything.
pub(super) fn refused(what: &str, text: &str) -> Option<String> {
    let shown = crate::yaml::shortened(text);
    if RESERVED.contains(&text) {
        return Some(format!("`{shown}` cannot be the name of {what}: it is a reserved word in conditions"));
    }
    (!is_name(text)).then(|| {
        format!("`{shown}` cannot be the name of {what}: a name is a lower-case letter, then lower-case letters, digits or _, at most 64 in all")
    })
}
