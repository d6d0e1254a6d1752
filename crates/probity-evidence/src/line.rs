//! One line of the log to and from bytes. Writing is the log's hot path; reading treats the bytes as hostile.

use serde::Deserialize;
use serde::de::IgnoredAny;

use probity_plan::{Observation, Value};

use crate::declared::{Declared, Undeclared};
use crate::entry::{Body, Entry};
use crate::hex::{is_hex, push_hex};
use crate::projection::{self, Reading};

/// The longest line that is written or read, in bytes, without its newline. What is longer belongs into an artifact.
pub const MAX_LINE: usize = 4 << 20;

/// The deepest nesting of a fact. Readers stop at 128 levels of a whole line.
pub const MAX_DEPTH: usize = 100;

/// Why a line is no entry.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It does not begin as every line does.
    #[error("it does not begin with {{\"entry\":NUMBER,\"salt\":\"...\",\"type\":\"...\"")]
    Envelope,
    /// Not JSON of the expected shape.
    #[error("it is not an entry: {0}")]
    Shape(#[from] serde_json::Error),
    /// Not UTF-8.
    #[error("it is not UTF-8")]
    Text,
    /// The salt is not one.
    #[error("its salt is not 16 bytes in lower-case hexadecimal")]
    Salt,
    /// An observation that does not begin with its probe.
    #[error("it does not begin with its probe")]
    Probe,
    /// It says what its kind cannot.
    #[error(transparent)]
    Undeclared(#[from] Undeclared),
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

/// Reads a line, without its newline. Every line begins with `entry`, `salt` and `type`, in this order and without
/// spaces; what follows depends on the type. The bytes are as before when this returns. `declared` is what the first entry
/// says of the facts; without it they are not checked, and neither intervals nor moments.
///
/// # Errors
/// [`LineError`] if it is not an entry of this format.
pub fn decode(line: &mut [u8], declared: Option<&Declared>) -> Result<Entry, LineError> {
    decode_projected(line, &Reading::All, declared)
}

/// As [`decode`], with only some of an observation's facts.
pub(crate) fn decode_projected(
    line: &mut [u8],
    reading: &Reading,
    declared: Option<&Declared>,
) -> Result<Entry, LineError> {
    let (entry, salt, kind, rest) = envelope(line).ok_or(LineError::Envelope)?;
    if !is_hex(salt, 16) {
        return Err(LineError::Salt);
    }
    let (salt, kind) = (salt.to_owned(), kind.to_owned());
    // What follows the envelope is an object but for its opening brace; lend it one instead of copying it.
    let comma = std::mem::replace(&mut line[rest], b'{');
    let json = if comma == b',' { &line[rest..] } else { b"{}" };
    let body = body(&kind, json, reading, declared);
    line[rest] = comma;
    Ok(Entry { entry, salt, body: body? })
}

fn body(kind: &str, json: &[u8], reading: &Reading, declared: Option<&Declared>) -> Result<Body, LineError> {
    Ok(match kind {
        "observation" => {
            let json = std::str::from_utf8(json).map_err(|_| LineError::Text)?;
            Body::Observation(projection::observation(json, reading, declared)?)
        }
        "observer" => Body::Observer(serde_json::from_slice(json)?),
        "event" => Body::Event(serde_json::from_slice(json)?),
        "start" => Body::Start(serde_json::from_slice(json)?),
        "endorsement" => Body::Endorsement(serde_json::from_slice(json)?),
        "close" => Body::Close(serde_json::from_slice(json)?),
        other => return Err(LineError::Type(other.to_owned())),
    })
}

/// Number, salt, type, and where the rest begins: at a comma, or at the closing brace.
fn envelope(line: &[u8]) -> Option<(u64, &str, &str, usize)> {
    fn until(text: &[u8], end: u8, cap: usize) -> Option<(&str, &[u8])> {
        let place = text.iter().take(cap + 1).position(|byte| *byte == end)?;
        Some((std::str::from_utf8(&text[..place]).ok()?, &text[place + 1..]))
    }
    let text = line.strip_prefix(b"{\"entry\":")?;
    let (number, text) = until(text, b',', 20)?;
    let entry: u64 = number.parse().ok()?;
    if entry.to_string() != number {
        return None;
    }
    let (salt, text) = until(text.strip_prefix(b"\"salt\":\"")?, b'"', 40)?;
    let (kind, text) = until(text.strip_prefix(b",\"type\":\"")?, b'"', 40)?;
    let rest = line.len() - text.len();
    matches!(text.first(), Some(b',' | b'}')).then_some((entry, salt, kind, rest))
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

/// The artifacts that an observation refers to, with their sizes in bytes.
pub(crate) fn artifacts_of(observation: &Observation) -> impl Iterator<Item = (&str, u64)> {
    observation.artifacts.values().map(|artifact| (artifact.sha256.as_str(), artifact.size_bytes))
}

/// Whether a fact can be written and read back.
pub(crate) fn recordable(value: &Value, depth: usize) -> Result<(), &'static str> {
    if depth > MAX_DEPTH {
        return Err("it is nested more than 100 levels deep");
    }
    match value {
        Value::Interval(interval)
            if !interval.at_least.is_finite() || interval.at_most.is_some_and(|most| !most.is_finite()) =>
        {
            Err("it holds a number that is not finite")
        }
        Value::List(list) => list.iter().try_for_each(|item| recordable(item, depth + 1)),
        Value::Map(map) => map.values().try_for_each(|item| recordable(item, depth + 1)),
        _ => Ok(()),
    }
}
