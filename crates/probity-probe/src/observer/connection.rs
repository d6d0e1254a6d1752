//! The near side of a connection to a far observer: the program there is started, greeted, asked, and ended. Threads of its own
//! read and write, so that a look waits only for its answer.
//!
//! Must not know: which ways lead there, or what a look is for.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use probity_plan::{Barrier, Blocked};
use tokio::sync::oneshot;

use super::protocol::{Begin, FromAgent, Hello, Order, PROTOCOL, Report, ToAgent, read_frame, write_frame};
use crate::look::barrier_of;

/// How long a far side may take to have what is sent to it first.
const DELIVERY: Duration = Duration::from_secs(60);
/// How long it may take then to say that it is there.
const GREETING: Duration = Duration::from_secs(30);
/// How much longer than a look's time-out its answer is awaited.
const GRACE: Duration = Duration::from_secs(5);
/// How long the program is given to end by itself.
const FAREWELL: Duration = Duration::from_secs(3);
/// How much the far side may say of itself, in bytes: it is kept.
const MAX_HELLO: usize = 64 << 10;
/// With what shells and nsenter(1) end where what they were to start, or what that is linked with, is not there.
const NOT_FOUND: i32 = 127;
/// How much of what the program complains of is kept, in bytes: the end of it.
const MAX_COMPLAINT: usize = 2 << 10;

/// A far observer that is there, until it is lost.
pub struct Connection {
    say: Sender<ToAgent>,
    shared: Arc<Shared>,
    next: AtomicU64,
}

/// Who it is, and between which two moments of ours it read its clock.
pub struct Greeting {
    /// By its own word.
    pub hello: Box<Hello>,
    /// What its clock showed.
    pub clock: jiff::Timestamp,
    /// When it was asked for that, and when it was answered, by our clock.
    pub between: (jiff::Timestamp, jiff::Timestamp),
}

/// What the threads share.
struct Shared {
    waiting: Mutex<Waiting>,
    complaint: Mutex<VecDeque<u8>>,
    child: Mutex<Child>,
}

#[derive(Default)]
struct Waiting {
    looks: BTreeMap<u64, oneshot::Sender<Report>>,
    hello: Option<oneshot::Sender<Box<Hello>>>,
    ready: Option<oneshot::Sender<jiff::Timestamp>>,
    lost: Option<Blocked>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Starts this program, sends it what comes first, whereupon it becomes the far side, and greets it. `now` is our clock.
    ///
    /// # Errors
    /// A barrier: it could not be started, speaks otherwise, or said nothing.
    pub async fn open(
        mut command: Command,
        first: Vec<u8>,
        begin: impl FnOnce(&Hello) -> Begin,
        now: impl Fn() -> jiff::Timestamp,
    ) -> Result<(Self, Greeting), Blocked> {
        let what = command.get_program().to_string_lossy().into_owned();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(
                |error| match error.kind() {
                    std::io::ErrorKind::NotFound => {
                        Blocked::new(Barrier::ToolMissing, format!("there is no program `{what}`"))
                    }
                    _ => barrier_of(&format!("start {what}"), &error),
                },
            )?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (hello, greeted) = oneshot::channel();
        let (ready, is_ready) = oneshot::channel();
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Waiting { hello: Some(hello), ready: Some(ready), ..Waiting::default() }),
            complaint: Mutex::default(),
            child: Mutex::new(child),
        });
        let (say, said) = channel::<ToAgent>();
        let patience = if first.is_empty() { GREETING } else { DELIVERY + GREETING };
        if let Some(mut stdin) = stdin {
            std::thread::spawn(move || {
                // Where nobody listens any more, the reader says so.
                _ = stdin.write_all(&first).and_then(|()| {
                    said.into_iter().try_for_each(|message| write_frame(&mut stdin, &message))
                });
            });
        }
        let complaints = stderr.map(|stderr| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.keep_complaints(stderr))
        });
        if let Some(mut stdout) = stdout.map(BufReader::new) {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let why = shared.listen(&mut stdout);
                // What it complained of last belongs to why.
                _ = complaints.map(std::thread::JoinHandle::join);
                shared.lose(&why, FAREWELL);
            });
        }
        // Dropped on every way out, which ends the program.
        let connection = Self { say, shared, next: AtomicU64::new(0) };
        let hello = connection.within(patience, greeted).await?;
        if hello.protocol != PROTOCOL {
            let (theirs, version) = (hello.protocol, &hello.agent.version);
            let why = format!(
                "the observer's program ({version}) speaks protocol {theirs}, this one protocol {PROTOCOL}"
            );
            return Err(Blocked::new(Barrier::Protocol, why));
        }
        if serde_json::to_vec(&hello).map_or(usize::MAX, |said| said.len()) > MAX_HELLO {
            let why = format!("the observer says more than {MAX_HELLO} bytes of itself");
            return Err(Blocked::new(Barrier::TooLarge, why));
        }
        let asked = now();
        connection.tell(ToAgent::Begin(begin(&hello)));
        let clock = connection.within(GREETING, is_ready).await?;
        let between = (asked, now());
        Ok((connection, Greeting { hello, clock, between }))
    }

    /// Whether it is there, as far as is known.
    pub fn is_there(&self) -> bool {
        lock(&self.shared.waiting).lost.is_none()
    }

    /// Makes a look there. Dropped, it is cancelled.
    ///
    /// # Errors
    /// A barrier: the connection was lost.
    pub async fn look(&self, mut order: Order) -> Result<Report, Blocked> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let patience = order.timeout() + GRACE;
        order.id = id;
        let (send, receive) = oneshot::channel();
        {
            let mut waiting = lock(&self.shared.waiting);
            if let Some(lost) = &waiting.lost {
                return Err(lost.clone());
            }
            waiting.looks.insert(id, send);
        }
        let cancel = Cancel { connection: self, id };
        self.tell(ToAgent::Look(order));
        let report = self.within(patience, receive).await;
        drop(cancel);
        report
    }

    fn tell(&self, message: ToAgent) {
        // Where nobody listens any more, whoever waits is told.
        _ = self.say.send(message);
    }

    /// What comes within so long; else the connection is lost.
    async fn within<T>(&self, patience: Duration, comes: oneshot::Receiver<T>) -> Result<T, Blocked> {
        match tokio::time::timeout(patience, comes).await {
            Ok(Ok(came)) => Ok(came),
            Ok(Err(_)) => Err(self.why()),
            Err(_) => {
                let why = format!("the observer said nothing within {} ms", patience.as_millis());
                self.shared.lose(&Blocked::new(Barrier::TimedOut, why), Duration::ZERO);
                Err(self.why())
            }
        }
    }

    fn why(&self) -> Blocked {
        let lost = lock(&self.shared.waiting).lost.clone();
        lost.unwrap_or_else(|| Blocked::new(Barrier::Unreachable, "the connection to the observer was lost"))
    }
}

/// Tells the far side that nobody waits for a look any more, unless it was answered.
struct Cancel<'c> {
    connection: &'c Connection,
    id: u64,
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        if lock(&self.connection.shared.waiting).looks.remove(&self.id).is_some() {
            self.connection.tell(ToAgent::Cancel(self.id));
        }
    }
}

impl Shared {
    /// Hands over what comes; returns why nothing more does.
    fn listen(&self, from: &mut impl Read) -> Blocked {
        loop {
            let message = match read_frame::<FromAgent>(from) {
                Ok(Some(message)) => message,
                Ok(None) => {
                    return Blocked::new(Barrier::Unreachable, "the observer's program ended");
                }
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Blocked::new(Barrier::Unreachable, "the connection to the observer was cut");
                }
                Err(error) => {
                    return Blocked::new(
                        Barrier::Protocol,
                        format!("what came from the observer is no message: {error}"),
                    );
                }
            };
            let mut waiting = lock(&self.waiting);
            // Whoever asked may be gone.
            match message {
                FromAgent::Hello(hello) => _ = waiting.hello.take().map(|to| to.send(hello)),
                FromAgent::Ready(clock) => _ = waiting.ready.take().map(|to| to.send(clock)),
                FromAgent::Seen(report) => {
                    let to = waiting.looks.remove(&report.id);
                    drop(waiting);
                    _ = to.map(|to| to.send(*report));
                }
            }
        }
    }

    /// Ends its program, which is left so long to end by itself: what has another one below it, as nsenter has, is then there
    /// to bury that one, and nothing stays behind in a machine that wants to go down.
    fn end(&self, patience: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            match lock(&self.child).try_wait() {
                Ok(None) if Instant::now() < until => {}
                Ok(None) | Err(_) => break,
                Ok(ended) => return ended,
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut child = lock(&self.child);
        _ = child.kill();
        child.wait().ok()
    }

    /// From now on it is lost, for this reason if there was none before; its program is ended.
    fn lose(&self, why: &Blocked, patience: Duration) {
        let ended = self.end(patience);
        let complaint: Vec<u8> = lock(&self.complaint).iter().copied().collect();
        let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
        let mut lost = why.clone();
        let code = ended.and_then(|ended| ended.code()).filter(|code| *code != 0);
        if let Some(code) = code {
            let linked = code == NOT_FOUND && !cfg!(target_feature = "crt-static");
            let hint = if linked { "; a static build needs no C library there" } else { "" };
            lost.detail += &format!(" (exit status {code}{hint})");
        }
        if !complaint.is_empty() {
            lost.detail += &format!(": {complaint}");
        }
        let mut waiting = lock(&self.waiting);
        waiting.lost.get_or_insert(lost);
        // Whoever waits for a sender that is gone is told why.
        waiting.looks.clear();
        (waiting.hello, waiting.ready) = (None, None);
    }

    fn keep_complaints(&self, mut from: impl Read) {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let mut kept = lock(&self.complaint);
            kept.extend(&buffer[..read]);
            let excess = kept.len().saturating_sub(MAX_COMPLAINT);
            kept.drain(..excess);
        }
    }
}

impl Drop for Connection {
    /// Ends the far side: its input ends, and with it everything that it started.
    fn drop(&mut self) {
        let (closed, _) = channel();
        // The thread that writes ends with what it is told, and closes the pipe.
        self.say = closed;
        self.shared.end(FAREWELL);
    }
}
