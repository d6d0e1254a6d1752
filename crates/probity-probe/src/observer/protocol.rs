//! What the program says to itself where it looks from elsewhere: frames of JSON, each behind its length in four bytes, the
//! greatest first. The far side begins with a [`Hello`].
//!
//! Must not know: how the far side is reached, or what a look is for.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::time::Duration;

use probity_plan::{Act, Blocked, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::look::FactSelection;

/// The version of this conversation; both sides have to speak the same.
pub const PROTOCOL: u32 = 1;

/// The longest frame in bytes: a fact that is all of an output, escaped.
const MAX_FRAME: u32 = 128 << 20;

/// What the far side is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ToAgent {
    /// Before the first look.
    Begin(Begin),
    /// A look to make.
    Look(Order),
    /// Nobody waits for this look any more.
    Cancel(u64),
}

/// What a far side says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FromAgent {
    /// First of all.
    Hello(Box<Hello>),
    /// It is ready, and this is its clock: asked for by [`Begin`], so that its answer lies between two moments of the near side's.
    Ready(jiff::Timestamp),
    /// What came of a look.
    Seen(Box<Report>),
}

/// What all looks of a run have in common.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// When the run began, by the far side's clock as near as that is known.
    pub run_began: jiff::Timestamp,
    /// The secrets that its probes name.
    pub secrets: BTreeMap<String, String>,
}

impl std::fmt::Debug for Begin {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Begin").field("run_began", &self.run_began).finish_non_exhaustive()
    }
}

/// A look to make.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its number, by which the answer names it.
    pub id: u64,
    /// The probe, for what is kept from look to look.
    pub probe: String,
    /// Its row, likewise.
    pub row: BTreeMap<String, Value>,
    /// The kind.
    pub kind: String,
    /// The kind's parameters as a plan would write them, secrets by name.
    pub parameters: Box<RawValue>,
    /// Which on-demand facts to look up.
    pub wanted: FactSelection,
    /// The time-out, in milliseconds.
    pub timeout_ms: u64,
    /// Whether it is made alone, on a thread of its own.
    pub alone: bool,
    /// The stage whose looks may share a reading of a table of the kernel's; absent for a look that reads anew.
    pub shared: Option<u64>,
}

impl Order {
    /// What to do.
    ///
    /// # Errors
    /// A barrier if this program has no such kind, or reads its parameters otherwise.
    pub fn act(&self) -> Result<Act, Blocked> {
        let mut json = serde_json::Deserializer::from_str(self.parameters.get());
        match Act::deserialize(&self.kind, &mut json) {
            Some(Ok(act)) => Ok(act),
            Some(Err(error)) => Err(Blocked::new(
                probity_plan::Barrier::Protocol,
                format!("the observer cannot read what it was asked: {error}"),
            )),
            None => Err(Blocked::new(
                probity_plan::Barrier::Unsupported,
                format!("the observer knows no kind `{}`", self.kind),
            )),
        }
    }

    /// The time-out.
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Who the far side is, by its own word.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// Who it is.
    pub agent: probity_plan::Agent,
    /// What its clock showed when it said so.
    pub at: jiff::Timestamp,
    /// Whether the copy that it was started from could not be removed.
    pub left_behind: bool,
    /// The boot that its steady clock counts from.
    pub boot: Option<String>,
    /// How its machine is doing.
    pub facts: BTreeMap<String, Value>,
    /// What of that it cannot tell.
    pub unknown: BTreeMap<String, Blocked>,
}

/// What came of a look.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The look's number.
    pub id: u64,
    /// When it began, by the far side's clock: UTC, microseconds.
    pub started: jiff::Timestamp,
    /// How long it took, in microseconds.
    pub elapsed_us: u64,
    /// How long the observer was kept from running meanwhile; absent if that is not known.
    pub delay_us: Option<u64>,
    /// How long of that all of the observer stood still.
    pub paused_us: u64,
    /// What was seen. Which of it are intervals and moments the near side knows.
    pub facts: BTreeMap<String, Box<RawValue>>,
    /// What was not.
    pub unknown: BTreeMap<String, Blocked>,
}

/// Writes a frame.
///
/// # Errors
/// If it is too long, or cannot be written.
pub fn write_frame(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - 4).ok().filter(|length| *length <= MAX_FRAME);
    let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    // In one piece, which wakes the other side once.
    to.write_all(&frame)?;
    to.flush()
}

/// Reads a frame; `None` at the end between two.
///
/// # Errors
/// If it is cut, too long, or not of this shape.
pub fn read_frame<M: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<M>> {
    let mut length = [0; 4];
    let mut read = 0;
    while read < length.len() {
        match from.read(&mut length[read..]) {
            Ok(0) if read == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_be_bytes(length);
    if length > MAX_FRAME {
        return Err(io::Error::other("what it says is no message of this program"));
    }
    // As it comes, rather than as it is announced.
    let mut bytes = Vec::new();
    if from.take(u64::from(length)).read_to_end(&mut bytes)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use probity_plan::kinds::{command, http};
    use probity_plan::text::Piece;
    use probity_plan::{Act, Text};
    use serde_json::value::to_raw_value;

    use super::*;

    fn secret() -> Text {
        Text(vec![Piece::Plain("$1 ".to_owned()), Piece::Secret("token".to_owned())])
    }

    #[test]
    fn an_act_is_read_as_it_was_told() {
        let headers = BTreeMap::from([("Authorization".to_owned(), secret())]);
        let acts = [
            Act::Http(http::Http { http: secret(), headers, ..http::Http::default() }),
            Act::Command(
                serde_json::from_value::<command::Command>(
                    serde_json::json!({ "command": ["a", "$$b ${c}"] }),
                )
                .unwrap(),
            ),
            Act::deserialize("file", serde_json::json!({ "file": "/a $b ${c}" })).unwrap().unwrap(),
            Act::deserialize("port", serde_json::json!({ "port": "all" })).unwrap().unwrap(),
            Act::deserialize("log", serde_json::json!({ "log": { "journal": "x" }, "match": "$" }))
                .unwrap()
                .unwrap(),
        ];
        for act in acts {
            let order = Order {
                id: 0,
                probe: String::new(),
                row: BTreeMap::new(),
                kind: act.spec().name.to_owned(),
                parameters: to_raw_value(&act).unwrap(),
                wanted: FactSelection::All,
                timeout_ms: 1,
                alone: false,
                shared: None,
            };
            let mut frame = Vec::new();
            write_frame(&mut frame, &ToAgent::Look(order)).unwrap();
            let Some(ToAgent::Look(order)) = read_frame(&mut &frame[..]).unwrap() else { panic!("no look") };
            assert_eq!(order.act().unwrap(), act);
        }
    }
}
