//! How far a conversation with a target came, and at whose door its end lies: what a target did not do is a fact, what
//! the observer could not do or did not wait for says nothing of the target (design.md, "An answer").

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context as TaskContext, Poll};

use probity_plan::{Barrier, Blocked};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::look::{Context, Look, Seen, at_least_ms, barrier_of, elapsed_ms};

/// Why there is no whole answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The target refused, hung up, or said something else than its protocol does.
    Target(Blocked),
    /// The observer could not go on, or did not wait longer.
    Observer(Blocked),
}

/// Whatever is not told apart is nothing that could be said of the target.
impl From<Blocked> for Fault {
    fn from(blocked: Blocked) -> Self {
        Self::Observer(blocked)
    }
}

impl Fault {
    /// The target said something that is not its protocol.
    pub fn nonsense(detail: impl Into<String>) -> Self {
        Self::Target(Blocked::new(Barrier::Protocol, detail))
    }

    /// An I/O error of a connection or of an attempt to connect; `what` says what was tried.
    pub fn of_io(what: &str, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let blocked = barrier_of(what, error);
        match error.kind() {
            Kind::ConnectionRefused
            | Kind::HostUnreachable
            | Kind::ConnectionReset
            | Kind::ConnectionAborted
            | Kind::BrokenPipe
            | Kind::NotConnected
            | Kind::TimedOut
            | Kind::UnexpectedEof
            | Kind::WriteZero
            | Kind::InvalidData => Self::Target(blocked),
            _ => Self::Observer(blocked),
        }
    }

    /// The barrier, at whosever door it lies.
    pub fn blocked(&self) -> &Blocked {
        match self {
            Self::Target(blocked) | Self::Observer(blocked) => blocked,
        }
    }
}

/// A look that is a conversation: how it ends is told alike, however far it came.
pub trait Talk {
    /// Talks with the target, and sees what comes of it.
    fn talk(
        &self,
        context: &Context<'_>,
        conversation: &Conversation,
        seen: &mut Seen,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

impl<T: Talk + Sync> Look for T {
    async fn look(&self, context: &Context<'_>) -> Seen {
        let (mut seen, conversation) = (Seen::default(), Conversation::default());
        let talked = context.in_time(self.talk(context, &conversation, &mut seen)).await;
        conversation.conclude(talked, context, &mut seen);
        seen
    }
}

/// How far a conversation came. Cloned into the stream that is listened to, so that it is known also where the look was
/// cut off in the middle.
#[derive(Clone, Debug, Default)]
pub struct Conversation(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// From here on silence is the target's, and not that of our own name server or file system.
    called: AtomicBool,
    /// Bytes that came from the target.
    heard: AtomicU64,
}

impl Conversation {
    /// The target is called now.
    pub fn call(&self) {
        self.0.called.store(true, Ordering::Relaxed);
    }

    /// Whether it was called.
    pub fn called(&self) -> bool {
        self.0.called.load(Ordering::Relaxed)
    }

    /// Listens to what the target says on this stream.
    pub fn listen<S>(&self, stream: S) -> TappedStream<S> {
        let conversation = self.clone();
        TappedStream::new(stream, move |bytes| conversation.hear(bytes.len()))
    }

    /// The target said so many bytes.
    pub fn hear(&self, bytes: usize) {
        self.0.heard.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether it said anything.
    pub fn heard(&self) -> bool {
        self.0.heard.load(Ordering::Relaxed) > 0
    }

    /// Ends a look that talked, with what came of it.
    pub fn conclude(&self, talked: Result<(), Fault>, context: &Context<'_>, seen: &mut Seen) {
        match talked {
            Ok(()) => _ = seen.know("elapsed_ms", elapsed_ms(context.began.elapsed())),
            Err(fault) => self.end(fault, context, seen),
        }
    }

    /// Calls the target at the first of these addresses that takes a connection, and listens to it.
    ///
    /// # Errors
    /// Those of [`super::tcp`].
    pub async fn tcp(&self, addresses: &[SocketAddr]) -> Result<TappedStream<TcpStream>, Fault> {
        self.tcp_from(None, addresses).await
    }

    /// The same from this address of ours.
    ///
    /// # Errors
    /// The same.
    pub async fn tcp_from(
        &self,
        own: Option<IpAddr>,
        addresses: &[SocketAddr],
    ) -> Result<TappedStream<TcpStream>, Fault> {
        self.call();
        Ok(self.listen(super::tcp_from(own, addresses).await?))
    }

    /// Calls the target at the socket of this path, and listens to it.
    ///
    /// # Errors
    /// Those of [`super::unix`].
    pub async fn unix(&self, path: &str) -> Result<TappedStream<UnixStream>, Fault> {
        self.call();
        Ok(self.listen(super::unix(path).await?))
    }

    /// Ends a look that got no whole answer. `answered` is false only where that is the target's doing; `connected` says
    /// whether it was reached at all.
    pub fn end(&self, fault: Fault, context: &Context<'_>, seen: &mut Seen) {
        let fault = match fault {
            // Nobody said a word in all that time.
            Fault::Observer(blocked)
                if blocked.barrier == Barrier::TimedOut && self.called() && !self.heard() =>
            {
                Fault::Target(blocked)
            }
            other => other,
        };
        match &fault {
            // Some router's word, or our own: of the target it says nothing.
            Fault::Target(blocked) if blocked.barrier == Barrier::Unreachable => {}
            Fault::Target(_) => {
                seen.know("connected", self.heard());
                if !seen.facts.contains_key("answered") {
                    seen.know("answered", false);
                }
            }
            Fault::Observer(_) if self.heard() => _ = seen.know("connected", true),
            Fault::Observer(_) => {}
        }
        let mut blocked = fault.blocked().clone();
        if blocked.barrier == Barrier::TimedOut {
            if self.heard() {
                let ms = context.timeout.as_millis();
                blocked = Blocked::new(Barrier::TimedOut, format!("no whole answer within {ms} ms"));
            }
            seen.know("elapsed_ms", at_least_ms(context.began.elapsed()));
        }
        seen.block_rest(blocked);
    }
}

/// Who is told what came in, and may not want more.
type Hear = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send>;

/// A stream on which somebody listens to what comes in.
pub struct TappedStream<S> {
    stream: S,
    hear: Hear,
}

impl<S> TappedStream<S> {
    /// Listens to this stream.
    pub fn new(stream: S, mut hear: impl FnMut(&[u8]) + Send + 'static) -> Self {
        Self::checked(stream, move |bytes| {
            hear(bytes);
            Ok(())
        })
    }

    /// Listens to this stream, which ends with the error of whoever does not want more.
    pub fn checked(stream: S, hear: impl FnMut(&[u8]) -> io::Result<()> + Send + 'static) -> Self {
        Self { stream, hear: Box::new(hear) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TappedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(task, into);
        (self.hear)(into.filled().get(before..).unwrap_or_default())?;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TappedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        task: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(task)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }
}
