//! The lines of an answer that has no end of its own, each of them bounded: a server that never ends a line fills no memory.

use http_body_util::BodyExt as _;
use kube::client::Body;

use crate::access::Session;
use crate::request::Trouble;

/// The longest line that is read, in bytes: etcd takes objects of 1.5 MiB (`--max-request-bytes`).
const MAX_LINE: usize = 2 << 20;

/// An answer that is read line by line.
pub(crate) struct Lines {
    body: Body,
    /// What came of the body and was not told yet.
    read: Vec<u8>,
    /// How much of it has no line end for certain.
    searched: usize,
}

impl Lines {
    pub(crate) fn new(body: Body) -> Self {
        Lines { body, read: Vec::new(), searched: 0 }
    }

    /// The next line without its end; none at the end of the answer. The last one may have no end.
    ///
    /// # Errors
    /// The connection broke, or the line is too long.
    pub(crate) async fn next(&mut self, session: &Session) -> Result<Option<Vec<u8>>, Trouble> {
        loop {
            let unsearched = self.read.get(self.searched..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(self.searched + at + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.pop();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.read.len();
            if self.searched > MAX_LINE {
                return Err(Trouble::Foreign(format!("a line of more than {MAX_LINE} bytes")));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(error)) if !is_end(&error) => return Err(session.trouble(&error)),
                Some(Err(_)) | None => {
                    self.searched = 0;
                    let last = std::mem::take(&mut self.read);
                    return Ok((!last.is_empty()).then_some(last));
                }
            }
        }
    }
}

/// Whether the answer was cut off, as happens to watches that are minutes old: who asked may ask on from where it was.
fn is_end(error: &kube::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<std::io::Error>();
        // The decoder of chunks has no other sign of it than these words.
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::UnexpectedEof)
            || inner.to_string().contains("unexpected EOF during chunk")
        {
            return true;
        }
        cause = inner.source();
    }
    false
}
