//! The code of a WebSocket's closing frame as it was sent: the library puts another in the place of one that nobody may
//! send (RFC 6455, 7.4). Must not know what is said over it.

use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, OpCode};

use super::Stream;

/// A connection for a WebSocket, with an eye on the closing frame that comes in.
pub struct Watched {
    stream: Stream,
    frames: Frames,
}

impl Watched {
    /// Watches this one, from the head of the answer to the handshake on.
    pub fn new(stream: Stream) -> Self {
        Self { stream, frames: Frames::default() }
    }

    /// The code in the closing frame, if that came and holds one.
    pub fn closing_code(&self) -> Option<u16> {
        self.frames.code.get(..2).and_then(|code| code.try_into().ok()).map(u16::from_be_bytes)
    }
}

/// How far the answer to the handshake, and then the frames, have come.
#[derive(Default)]
struct Frames {
    /// In the head of the answer: whether a line begins.
    line_begins: bool,
    head_ended: bool,
    /// What came of the header of the next frame.
    header: Vec<u8>,
    /// How many bytes of the present frame are still to come, and whether it is the closing one.
    due: u64,
    closing: bool,
    code: Vec<u8>,
    /// Nothing that follows counts.
    ended: bool,
}

impl Frames {
    fn hear(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first()
            && !self.ended
        {
            if self.due > 0 {
                let length = usize::try_from(self.due).unwrap_or(usize::MAX).min(bytes.len());
                let (payload, after) = bytes.split_at(length);
                if self.closing {
                    self.code.extend_from_slice(payload);
                }
                self.due -= length as u64;
                bytes = after;
            } else if self.head_ended {
                self.header.push(*first);
                self.read_header();
                bytes = rest;
            } else {
                match first {
                    b'\n' => (self.head_ended, self.line_begins) = (self.line_begins, true),
                    b'\r' => {}
                    _ => self.line_begins = false,
                }
                bytes = rest;
            }
            self.ended |= self.closing && self.due == 0;
        }
    }

    fn read_header(&mut self) {
        match FrameHeader::parse(&mut Cursor::new(&self.header)) {
            Ok(Some((header, length))) => {
                self.header.clear();
                (self.due, self.closing) = (length, header.opcode == OpCode::Control(Control::Close));
            }
            Ok(None) => {}
            // The library says so as well.
            Err(_) => self.ended = true,
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(task, into);
        self.frames.hear(into.filled().get(before..).unwrap_or_default());
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_closing_frame_however_it_comes_in() {
        // A text that looks like a closing frame with 1000, an empty one, and then the closing frame with 5000.
        let all =
            b"HTTP/1.1 101 x\r\na: b\r\n\r\n\x81\x04\x88\x02\x03\xe8\x81\0\x88\x04\x13\x88hi\x88\x02\x03\xe8";
        for part in 1..all.len() {
            let mut frames = Frames::default();
            all.chunks(part).for_each(|part| frames.hear(part));
            assert_eq!(frames.code, b"\x13\x88hi", "{part}");
        }
        let mut frames = Frames::default();
        frames.hear(b"HTTP/1.1 101 x\n\n\x88\0\x88\x02\x03\xe8");
        assert_eq!(frames.code, b"");
    }
}
