//! What a target sends as JSON, as a fact.
//!
//! Must not know: over what it came.

use probity_plan::{Barrier, Blocked, JsonError, Value};

use crate::observation::MAX_FACT;

/// A byte order mark before it is none of it (RFC 8259, 8.1).
///
/// # Errors
/// `protocol` where it is none, as with a key that is there twice; `too-large` where it is not kept.
pub fn parse(text: &str) -> Result<Value, Blocked> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Six characters may have been written for one (`\u0041`). What is longer is not kept, and would fill the memory.
    let least = text.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count() / 6;
    if least > MAX_FACT {
        return Err(Blocked::new(
            Barrier::TooLarge,
            format!("JSON of more than {MAX_FACT} bytes is not kept"),
        ));
    }
    Value::sent(text).map_err(|error| {
        let barrier = match error {
            JsonError::Not(_) => Barrier::Protocol,
            JsonError::TooDeep { .. } | JsonError::LongNumber => Barrier::TooLarge,
        };
        Blocked::new(barrier, error.to_string())
    })
}

/// The same of something that has a name, such as a file or a column.
///
/// # Errors
/// Those of [`parse`], with its name.
pub fn parse_of(what: &str, text: &str) -> Result<Value, Blocked> {
    parse(text).map_err(|blocked| Blocked::new(blocked.barrier, format!("{what}: {}", blocked.detail)))
}
