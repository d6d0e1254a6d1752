//! One line of the log to and from bytes. Writing is the log's hot path; reading treats the bytes as hostile.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use probity_plan::{Observation, Value};

use crate::entry::{Body, Entry, as_artifact};
use crate::hex::{is_hex, push_hex};

/// The longest line that is written or read, in bytes, without its newline. What is longer belongs into an artifact.
pub const MAX_LINE: usize = 4 << 20;

/// The deepest nesting of a fact. Readers stop at 128 levels of a whole line.
pub const MAX_DEPTH: usize = 100;

/// Why a line is no entry.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// Not JSON of the expected shape.
    #[error("it is not an entry: {0}")]
    Shape(#[from] serde_json::Error),
    /// The salt is not one.
    #[error("its salt is not 16 bytes in lower-case hexadecimal")]
    Salt,
    /// A type this format does not have.
    #[error("its type `{0}` does not exist in this format")]
    Type(String),
}

/// Appends the entry's line to `out`, without newline: the same bytes as serialising an [`Entry`].
///
/// # Errors
/// If the body cannot be written as JSON.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    number: u64,
    salt: [u8; 16],
    body: &Body,
) -> Result<(), serde_json::Error> {
    out.extend_from_slice(b"{\"entry\":");
    serde_json::to_writer(&mut *out, &number)?;
    out.extend_from_slice(b",\"salt\":\"");
    push_hex(out, &salt);
    out.push(b'"');
    // The body is an object whose first key is `type`: its opening brace becomes the comma.
    let brace = out.len();
    serde_json::to_writer(&mut *out, body)?;
    out[brace] = b',';
    Ok(())
}

/// What every entry has; what it says stays unread.
#[derive(Deserialize)]
struct Envelope<'a> {
    entry: u64,
    #[serde(borrow)]
    salt: std::borrow::Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
}

/// Reads a line, without its newline.
///
/// # Errors
/// [`LineError`] if it is not an entry of this format.
pub fn decode(line: &[u8]) -> Result<Entry, LineError> {
    fn of<T: DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
        Ok(serde_json::from_slice(line)?)
    }
    let envelope: Envelope = serde_json::from_slice(line)?;
    if !is_hex(&envelope.salt, 16) {
        return Err(LineError::Salt);
    }
    let body = match &*envelope.kind {
        "start" => Body::Start(of(line)?),
        "endorsement" => Body::Endorsement(of(line)?),
        "observer" => Body::Observer(of(line)?),
        "observation" => Body::Observation(of(line)?),
        "event" => Body::Event(of(line)?),
        "close" => Body::Close(of(line)?),
        other => return Err(LineError::Type(other.chars().take(40).collect())),
    };
    Ok(Entry { entry: envelope.entry, salt: envelope.salt.into_owned(), body })
}

/// The version of the format that a first line names, read without expecting anything else of it.
pub(crate) fn format_of(line: &[u8]) -> Option<u32> {
    #[derive(Deserialize)]
    struct First {
        format: u32,
        #[expect(dead_code, reason = "a first entry has a run")]
        run: IgnoredAny,
    }
    serde_json::from_slice(line).ok().map(|first: First| first.format)
}

/// The artifacts that an observation's facts refer to, with their sizes in bytes: facts that are exactly such a reference.
/// Deeper inside a fact nothing is a reference, so that a target's own JSON cannot make one.
pub(crate) fn artifacts_of(observation: &Observation) -> impl Iterator<Item = (&str, u64)> {
    observation.facts.values().filter_map(as_artifact)
}

/// Whether a fact can be written and read back.
pub(crate) fn recordable(value: &Value, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("it is nested more than 100 levels deep");
    }
    match value {
        Value::Float(float) if !float.is_finite() => Err("it holds a number that is not finite"),
        Value::List(list) => list.iter().try_for_each(|item| recordable(item, depth + 1)),
        Value::Map(map) => map.values().try_for_each(|item| recordable(item, depth + 1)),
        _ => Ok(()),
    }
}
