//! From a file's text to a [`Config`]: every error says where it stands and what would be right.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_saphyr::{Error, SnippetMode, UserMessageFormatter};

use super::Config;

/// The largest configuration file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {reason}", path.display())]
    Unreadable {
        /// Which one.
        path: PathBuf,
        /// What the system says, and what to do.
        reason: String,
    },
    /// The text says something that cannot be.
    #[error("{name}:{line}:{column}: {reason}")]
    Invalid {
        /// The file.
        name: String,
        /// From 1 on.
        line: u64,
        /// From 1 on.
        column: u64,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// Reads the file at `path`.
///
/// # Errors
/// It cannot be read, or does not say what a configuration says.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let unreadable = |reason: String| ConfigError::Unreadable { path: path.into(), reason };
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            unreadable("there is no such file: `fabric-sync install` makes one to begin with".into())
        }
        _ => unreadable(error.to_string()),
    })?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable("a configuration has at most 1 MiB".into()));
    }
    let text = String::from_utf8(bytes).map_err(|_| unreadable("this is not UTF-8 text".into()))?;
    parse(&text, &path.display().to_string())
}

/// Reads a configuration from its text; `name` is what errors call it.
///
/// # Errors
/// The place, and what would be right.
pub fn parse(text: &str, name: &str) -> Result<Config, ConfigError> {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = error.location().map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
        ConfigError::Invalid { name: name.into(), line: place.0, column: place.1, reason: describe(error) }
    })
}

/// What the YAML reader found, in an operator's words.
fn describe(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown_key(field, expected),
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            format!("`{variant}` is not one of {}", expected.join(", "))
        }
        Error::SerdeMissingField { field, .. } => {
            format!("the key `{field}` is missing here, and is required")
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map(|key| format!(" `{key}`")).unwrap_or_default();
            format!("the key{key} is repeated: write it once")
        }
        Error::InvalidBooleanStrict { .. } => "write true or false".into(),
        other => {
            let text = other.render_with_options(serde_saphyr::render_options! {
                formatter: &UserMessageFormatter,
                snippets: SnippetMode::Off,
            });
            // The place stands in front already.
            text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]).to_owned()
        }
    }
}

/// Unknown key, and which known one was probably meant.
fn unknown_key(key: &str, known: &[&'static str]) -> String {
    let closest = known.iter().map(|known| (strsim::damerau_levenshtein(key, known), known)).min();
    match closest {
        Some((distance, known)) if distance <= 1 + key.len() / 4 => {
            format!("unknown key `{key}`; did you mean `{known}`?")
        }
        _ => format!("unknown key `{key}`; known here: {}", known.join(", ")),
    }
}
