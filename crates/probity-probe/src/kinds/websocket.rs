//! `websocket`: frames of a plan over a WebSocket (RFC 6455), what comes back, and who closes it.

use std::time::{Duration, Instant};

use futures_util::{FutureExt, SinkExt, StreamExt};
use probity_plan::kinds::websocket::{Frame, WebSocket};
use probity_plan::{Barrier, Blocked, Value};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::connect::websocket::{self, Opened, Opening, Socket};
use crate::connect::{Conversation, Fault, Talk, tls};
use crate::kinds::http::head;
use crate::look::{Context, Seen, at_least_ms, elapsed_ms};
use crate::plaintext::Syntax;

/// The most messages that are kept.
const MAX_MESSAGES: usize = 1000;
/// The most bytes of them.
const MAX_KEPT: usize = 16 << 20;
/// The longest text of a ping (RFC 6455, 5.5).
const MAX_PING: usize = 125;

impl Talk for WebSocket {
    async fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> Result<(), Fault> {
        let frames =
            self.frames.iter().map(|frame| Outgoing::of(frame, context)).collect::<Result<_, _>>()?;
        let files = tls::Files {
            ca: self.ca.as_deref(),
            certificate: self.client_certificate.as_deref(),
            key: self.client_key.as_deref(),
        };
        let (url, headers, subprotocols) = (&self.websocket, &self.headers, self.subprotocols.as_slice());
        let opening = Opening { url, headers, subprotocols, files, own: None };
        let opened = opening.ask(context, conversation, seen).await?;
        let (socket, headers) = match opened {
            Opened::Accepted(socket, headers) => (Some(socket), headers),
            Opened::Refused { headers, .. } => (None, headers),
        };
        seen.know("answered", true)
            .know("accepted", socket.is_some())
            .know("headers", head::recorded(&headers));
        let Some(socket) = socket else {
            seen.block_rest(Blocked::new(Barrier::Prerequisite, "no WebSocket began"));
            return Ok(());
        };
        let chosen = headers.get(SEC_WEBSOCKET_PROTOCOL).and_then(|chosen| chosen.to_str().ok());
        seen.know("subprotocol", chosen.unwrap_or_default());
        let mut session = Session::new(*socket);
        let wait = self.wait.map_or(Duration::ZERO, |wait| wait.0);
        let mut talked = context.in_time(session.talk(frames, wait)).await;
        if was_cut_off(&talked)
            && let Err(fault) = session.take_what_came()
        {
            talked = Err(fault);
        }
        session.see(&talked, seen);
        talked
    }
}

/// Whether the time-out ended it.
fn was_cut_off(talked: &Result<(), Fault>) -> bool {
    matches!(talked, Err(Fault::Observer(blocked)) if blocked.barrier == Barrier::TimedOut)
}

/// What is sent, with its secrets in their places.
enum Outgoing {
    Message(Message),
    Bytes(Vec<u8>),
    /// None: so many messages are waited for.
    Receive(u16),
}

impl Outgoing {
    fn of(frame: &Frame, context: &Context<'_>) -> Result<Self, Blocked> {
        let message = match frame {
            Frame::Text(text) => Message::text(context.expand(text, Syntax::Plain)?.reveal()),
            Frame::Binary(bytes) => Message::binary(bytes.bytes()),
            Frame::Letters(letters) => Message::text("x".repeat(letters.0 as usize)),
            Frame::Ping(text) => {
                let text = context.expand(text, Syntax::Plain)?;
                if text.reveal().len() > MAX_PING {
                    let why = format!("a ping holds at most {MAX_PING} bytes; write a longer one as `raw`");
                    return Err(Blocked::new(Barrier::Unsupported, why));
                }
                Message::Ping(text.reveal().as_bytes().to_vec().into())
            }
            Frame::Close(code) => {
                Message::Close(Some(CloseFrame { code: (*code).into(), reason: "".into() }))
            }
            Frame::Raw(bytes) => return Ok(Self::Bytes(bytes.bytes())),
            Frame::Receive(count) => return Ok(Self::Receive(*count)),
        };
        Ok(Self::Message(message))
    }
}

/// Who ended a WebSocket.
#[derive(Clone, Copy)]
enum Closer {
    Server,
    Observer,
    Connection,
}

impl Closer {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Observer => "observer",
            Self::Connection => "connection",
        }
    }
}

/// One WebSocket from its opening to its end.
struct Session {
    socket: Socket,
    sent: i64,
    last_sent: Instant,
    /// Whether a closing frame of ours was sent.
    said_farewell: bool,
    received: Vec<Value>,
    /// How many of them are no pings.
    messages: u16,
    bytes: usize,
    /// More came than is kept.
    overflow: bool,
    closed: Option<(Closer, Option<CloseFrame>, Duration)>,
}

impl Session {
    fn new(socket: Socket) -> Self {
        Self {
            socket,
            sent: 0,
            last_sent: Instant::now(),
            said_farewell: false,
            received: Vec::new(),
            messages: 0,
            bytes: 0,
            overflow: false,
            closed: None,
        }
    }

    /// Sends the frames, and waits then so long for the server to close it.
    async fn talk(&mut self, frames: Vec<Outgoing>, wait: Duration) -> Result<(), Fault> {
        let mut due = 0_u16;
        for frame in frames {
            let farewell = matches!(frame, Outgoing::Message(Message::Close(_)));
            if farewell {
                // Whose end comes first is known only of what was read.
                self.take_what_came()?;
            }
            if self.closed.is_some() {
                break;
            }
            let now = Instant::now();
            let done = match frame {
                Outgoing::Message(message) => self.socket.send(message).await,
                Outgoing::Bytes(bytes) => self.write(&bytes).await.map_err(Error::Io),
                Outgoing::Receive(count) => {
                    due = due.saturating_add(count);
                    while self.closed.is_none() && self.messages < due {
                        self.listen().await?;
                    }
                    continue;
                }
            };
            self.last_sent = now;
            match done {
                Ok(()) => self.sent += 1,
                // What it said before it went is still to be read.
                Err(error) => {
                    self.end(error)?;
                    self.closed = None;
                    while self.closed.is_none() {
                        self.listen().await?;
                    }
                }
            }
            self.said_farewell |= farewell;
        }
        if self.closed.is_none() && !wait.is_zero() {
            let close = async {
                while self.closed.is_none() {
                    self.listen().await?;
                }
                Ok::<_, Fault>(())
            };
            // That it did not close it by then is no fault.
            tokio::time::timeout(wait, close).await.unwrap_or(Ok(()))?;
        }
        self.take_what_came()?;
        if self.closed.is_none() && !self.said_farewell {
            // A farewell for which nobody waits.
            _ = self.socket.send(Message::Close(None)).await;
        }
        Ok(())
    }

    /// Takes what is here already: it came before our end, also where nobody waits for it.
    fn take_what_came(&mut self) -> Result<(), Fault> {
        while self.closed.is_none()
            && let Some(heard) = self.listen().now_or_never()
        {
            heard?;
        }
        Ok(())
    }

    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let stream = self.socket.get_mut();
        stream.write_all(bytes).await?;
        stream.flush().await
    }

    /// The next message, or the end.
    async fn listen(&mut self) -> Result<(), Fault> {
        let message = match self.socket.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return self.end(error),
            None => {
                self.close(Closer::Connection, None);
                return Ok(());
            }
        };
        let (kind, bytes, is_message) = match message {
            Message::Text(text) => ("text", text.as_bytes().to_vec(), true),
            Message::Binary(bytes) => ("binary", bytes.to_vec(), true),
            Message::Pong(bytes) => ("pong", bytes.to_vec(), true),
            Message::Ping(bytes) => ("ping", bytes.to_vec(), false),
            Message::Frame(_) => return Ok(()),
            Message::Close(frame) => {
                let closer = if self.said_farewell { Closer::Observer } else { Closer::Server };
                self.close(closer, Some(websocket::farewell(&self.socket, frame)?));
                return Ok(());
            }
        };
        self.messages = self.messages.saturating_add(u16::from(is_message));
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.overflow |= self.received.len() >= MAX_MESSAGES || self.bytes > MAX_KEPT;
        if !self.overflow {
            self.received.push(recorded(kind, bytes));
        }
        Ok(())
    }

    /// What of an error is an end without a farewell, and what the target's nonsense.
    fn end(&mut self, error: Error) -> Result<(), Fault> {
        match error {
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(
                ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing,
            ) => {}
            Error::Io(error) if matches!(Fault::of_io("", &error), Fault::Target(_)) => {}
            other => return Err(websocket::fault_of(&other)),
        }
        self.close(Closer::Connection, None);
        Ok(())
    }

    fn close(&mut self, by: Closer, frame: Option<CloseFrame>) {
        self.closed = Some((by, frame, self.last_sent.elapsed()));
    }

    fn see(&self, talked: &Result<(), Fault>, seen: &mut Seen) {
        seen.know("sent", self.sent);
        // Until the time-out it was looked at. Whoever was left before that would perhaps have gone on: who breaks the protocol, and who
        // sends more than is read.
        if talked.is_err() && !was_cut_off(talked) {
            return;
        }
        let (by, frame, after) = match &self.closed {
            Some((by, frame, after)) => (*by, frame.as_ref(), elapsed_ms(*after)),
            None => (Closer::Observer, None, at_least_ms(self.last_sent.elapsed())),
        };
        seen.know("closed", !self.said_farewell && self.closed.is_some())
            .know("closed_by", by.name())
            .know(
                "close_code",
                frame.map_or(Value::Null, |frame| Value::from(i64::from(u16::from(frame.code)))),
            )
            .know("close_reason", frame.map_or("", |frame| frame.reason.as_str()))
            .know("close_ms", after);
        if self.overflow {
            let why = format!("more than {MAX_MESSAGES} messages or {MAX_KEPT} bytes came");
            seen.block("received", Blocked::new(Barrier::TooLarge, why));
        } else if talked.is_ok() {
            seen.know("received", Value::List(self.received.clone()));
        }
    }
}

/// A message as it is recorded.
fn recorded(kind: &str, bytes: Vec<u8>) -> Value {
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let (form, content) = match String::from_utf8(bytes) {
        Ok(text) if kind != "binary" => ("text", text),
        Ok(text) => ("hex", hexadecimal(text.as_bytes())),
        Err(other) => ("hex", hexadecimal(other.as_bytes())),
    };
    let entries =
        [("type", Value::from(kind)), ("size_bytes", Value::from(size)), (form, Value::from(content))];
    Value::Map(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
