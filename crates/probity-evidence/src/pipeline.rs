//! One pass over a log: the calling thread reads and receives, two workers hash and parse, and the results come back in
//! the log's order. What is held in memory does not grow with the log.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::declared::Declared;
use crate::entry::Entry;
use crate::line::{self, LineError, MAX_LINE};
use crate::projection::Reading;
use crate::tree::{Hash, leaf};

/// How many threads hash and parse.
pub(crate) const WORKERS: usize = 2;
/// How many chunks are on the way to or from a worker.
const AHEAD: usize = 2;
/// How much a worker gets at a time, in bytes: whole lines, at least this much unless the log ends.
const CHUNK: usize = 256 << 10;

/// One line.
pub(crate) struct Line {
    /// Its leaf hash.
    pub leaf: Hash,
    /// How many bytes it has, without its newline.
    pub length: usize,
    /// What it says.
    pub entry: Result<Entry, LineError>,
}

/// The ways to a worker and back.
type Lane = (SyncSender<Vec<u8>>, Receiver<Vec<Line>>);

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// After a newline.
    Whole,
    /// Within a line.
    Cut,
    /// With a line longer than any entry: what follows was not read.
    TooLong,
}

/// Reads a log and hands over its lines in order.
pub(crate) fn read_log(
    mut log: impl Read,
    reading: &Reading,
    declared: &Declared,
    mut each: impl FnMut(Line),
) -> io::Result<End> {
    thread::scope(|scope| {
        let lanes: Vec<Lane> = (0..WORKERS)
            .map(|_| {
                let (to_worker, chunks) = sync_channel::<Vec<u8>>(AHEAD);
                let (results, from_worker) = sync_channel(AHEAD);
                scope.spawn(move || {
                    for chunk in chunks {
                        if results.send(digest(chunk, reading, declared)).is_err() {
                            return;
                        }
                    }
                });
                (to_worker, from_worker)
            })
            .collect();
        let gone = || io::Error::other("a worker ended");
        let mut chunks = Chunks { log: &mut log, rest: Vec::new(), end: None };
        let (mut sent, mut received) = (0, 0);
        loop {
            if sent - received < WORKERS * AHEAD
                && let Some(chunk) = chunks.next_chunk()?
            {
                lanes[sent % WORKERS].0.send(chunk).map_err(|_| gone())?;
                sent += 1;
            } else if received < sent {
                let lines = lanes[received % WORKERS].1.recv().map_err(|_| gone())?;
                received += 1;
                lines.into_iter().for_each(&mut each);
            } else {
                return Ok(chunks.end.unwrap_or(End::Whole));
            }
        }
    })
}

/// A worker's work: the lines of a chunk, which ends with a newline.
fn digest(mut chunk: Vec<u8>, reading: &Reading, declared: &Declared) -> Vec<Line> {
    if chunk.is_empty() {
        return Vec::new();
    }
    let end = chunk.len() - usize::from(chunk.ends_with(b"\n"));
    let mut rest = &mut chunk[..end];
    let lengths = lengths(rest);
    let mut lines = Vec::with_capacity(lengths.len());
    for length in lengths {
        let (line, after) = rest.split_at_mut(length);
        lines.push(Line {
            leaf: leaf(line),
            length,
            entry: line::decode_projected(line, reading, Some(declared)),
        });
        rest = after.get_mut(1..).unwrap_or_default();
    }
    lines
}

/// How long each line is, without its newline. In text, newlines are looked for many bytes at a time.
fn lengths(lines: &[u8]) -> Vec<usize> {
    match std::str::from_utf8(lines) {
        Ok(text) => text.split('\n').map(str::len).collect(),
        Err(_) => lines.split(|byte| *byte == b'\n').map(<[u8]>::len).collect(),
    }
}

struct Chunks<R> {
    log: R,
    /// What was read beyond the last newline.
    rest: Vec<u8>,
    end: Option<End>,
}

impl<R: Read> Chunks<R> {
    /// The next whole lines; `None` at the end.
    fn next_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.end.is_some() {
            return Ok(None);
        }
        let mut chunk = std::mem::take(&mut self.rest);
        loop {
            let from = chunk.len();
            chunk.reserve(CHUNK);
            let read = self.log.by_ref().take(CHUNK as u64).read_to_end(&mut chunk)?;
            let newline = chunk[from..].iter().rposition(|byte| *byte == b'\n');
            if let Some(newline) = newline {
                self.rest = chunk.split_off(from + newline + 1);
                return Ok(Some(self.lines_fit(chunk)));
            }
            if read == 0 || chunk.len() > MAX_LINE {
                self.end = Some(match (chunk.len() > MAX_LINE, chunk.is_empty()) {
                    (true, _) => End::TooLong,
                    (false, true) => End::Whole,
                    (false, false) => End::Cut,
                });
                return Ok(None);
            }
        }
    }

    /// Stops before a line that is too long.
    fn lines_fit(&mut self, mut chunk: Vec<u8>) -> Vec<u8> {
        let mut from = 0;
        while chunk.len() - from > MAX_LINE {
            let Some(newline) = chunk[from..].iter().position(|byte| *byte == b'\n') else { break };
            if newline > MAX_LINE {
                chunk.truncate(from);
                self.end = Some(End::TooLong);
                break;
            }
            from += newline + 1;
        }
        chunk
    }
}
