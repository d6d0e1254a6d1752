//! What every kind shares: what it is given for one look, and how it says what it saw.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use probity_plan::{Barrier, Blocked, Text, Value};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::plaintext::{Plaintext, Syntax};
use crate::secrets::Secrets;
use crate::threads::{PATIENCE, Threads};

/// How far ahead of the look a time may lie that was written before it: what two clocks of one machine may differ by, and
/// the second to which many programs round.
pub const CLOCK_UNCERTAINTY: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

thread_local! {
    /// Of each of the runner's threads.
    static THREADS: Arc<Threads> = Arc::default();
}

/// Which facts to look up, of those that are looked up only on demand.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactSelection {
    /// Every fact: `keep: all`, and `probity try`.
    All,
    /// These.
    Only(BTreeSet<String>),
}

impl FactSelection {
    /// Whether this fact is among them.
    pub fn includes(&self, fact: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(facts) => facts.contains(fact),
        }
    }
}

/// What one look is given.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Which on-demand facts to look up.
    pub wanted: &'a FactSelection,
    /// The secrets that parameters may name.
    pub secrets: &'a Secrets,
    /// When the look began, by the monotonic clock.
    pub began: Instant,
    /// When the run began: where the window of a look into a log begins, unless the plan says otherwise.
    pub run_began: jiff::Timestamp,
    /// How long it may take in all.
    pub timeout: Duration,
}

impl Context<'_> {
    /// Whether this on-demand fact is to be looked up.
    pub fn wants(&self, fact: &str) -> bool {
        self.wanted.includes(fact)
    }

    /// The moment at which the look times out, for `tokio::time::timeout_at`.
    pub fn deadline(&self) -> tokio::time::Instant {
        (self.began + self.timeout).into()
    }

    /// How many milliseconds are left, at least 1, for a server that is to end by itself what takes too long: rounded up, so that
    /// it never ends before the look does, and its word for that is not taken for an answer.
    pub fn milliseconds_left(&self) -> u128 {
        self.timeout.saturating_sub(self.began.elapsed()).as_millis() + 1
    }

    /// The barrier of a look that took too long.
    pub fn timed_out(&self) -> Blocked {
        timed_out(self.timeout)
    }

    /// What this work yields by the time-out, else that it took too long.
    ///
    /// # Errors
    /// Those of the work, and `timed-out`.
    pub async fn in_time<T, E: From<Blocked>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let done = tokio::time::timeout_at(self.deadline(), work).await;
        done.unwrap_or_else(|_| Err(self.timed_out().into()))
    }

    /// Sees on a thread of its own what may block, in turn with the looks beside it: a system call that hangs then ends as a
    /// time-out, and keeps no other look from its own for long. At the time-out what `see` kept so far is seen, and it is
    /// told to stop.
    pub async fn blocking(&self, see: impl FnOnce(&Underway) -> Seen + Send + 'static) -> Seen {
        let threads = THREADS.with(Arc::clone);
        let underway = Arc::new(Underway {
            kept: Mutex::new(Seen::default()),
            begun: AtomicBool::new(false),
            over: AtomicBool::new(false),
            deadline: self.began + self.timeout,
            timeout: self.timeout,
        });
        // Also where the run is aborted and nobody waits any more.
        let _stop = StopReading(Arc::clone(&underway));
        let (answer, mut answered) = oneshot::channel();
        let other = Arc::clone(&underway);
        threads.put(Box::new(move || {
            other.begun.store(true, Ordering::Relaxed);
            let seen = match other.go_on() {
                Ok(()) => see(&other),
                Err(blocked) => Seen::nothing(blocked),
            };
            _ = answer.send(seen);
        }));
        let in_time = tokio::time::timeout_at(self.deadline(), async {
            let soon = tokio::time::timeout(PATIENCE.min(self.timeout / 2), &mut answered).await;
            if let Ok(answer) = soon {
                return answer;
            }
            if !underway.begun.load(Ordering::Relaxed) {
                threads.reinforce();
            }
            answered.await
        });
        match in_time.await {
            Ok(Ok(seen)) => seen,
            Ok(Err(_)) => Seen::nothing(Blocked::new(Barrier::Aborted, "the look was cut off")),
            Err(_) => {
                let mut seen = underway.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
                seen.block_rest(self.timed_out());
                seen
            }
        }
    }

    /// The text with its secrets in their places, encoded for what it is.
    ///
    /// # Errors
    /// A secret that was not given is a barrier.
    pub fn expand(&self, text: &Text, syntax: Syntax) -> Result<Plaintext, Blocked> {
        self.secrets
            .fill(text, syntax)
            .map_err(|name| Blocked::new(Barrier::NotMade, format!("the secret `{name}` was not given")))
    }
}

/// Does on a thread of its own what may block. It goes on there where nobody waits any more.
///
/// # Errors
/// Those of the work.
pub async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Blocked> + Send + 'static,
) -> Result<T, Blocked> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Blocked::new(Barrier::Aborted, "the look was cut off")))
}

/// Random bytes of the operating system.
///
/// # Errors
/// `tool-missing` where it has none.
pub fn random<const N: usize>() -> Result<[u8; N], Blocked> {
    let mut bytes = [0; N];
    let failed = |error| Blocked::new(Barrier::ToolMissing, format!("random bytes: {error}"));
    getrandom::getrandom(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn timed_out(timeout: Duration) -> Blocked {
    Blocked::new(Barrier::TimedOut, format!("nothing within {} ms", timeout.as_millis()))
}

/// A look under way on a thread of its own ([`Context::blocking`]).
#[derive(Debug)]
pub struct Underway {
    kept: Mutex<Seen>,
    begun: AtomicBool,
    over: AtomicBool,
    deadline: Instant,
    timeout: Duration,
}

impl Underway {
    /// What was seen so far is seen, whatever becomes of the rest.
    pub fn keep(&self, seen: &Seen) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = seen.clone();
    }

    /// Whether to go on reading; asked for between two parts of what may be without end.
    ///
    /// # Errors
    /// `timed-out` if nobody waits any more.
    pub fn go_on(&self) -> Result<(), Blocked> {
        if self.over.load(Ordering::Relaxed) || Instant::now() >= self.deadline {
            return Err(timed_out(self.timeout));
        }
        Ok(())
    }
}

/// Tells a look to stop when dropped.
struct StopReading(Arc<Underway>);

impl Drop for StopReading {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// What a look saw: each fact or its barrier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// Facts.
    pub facts: BTreeMap<String, Value>,
    /// Barriers; `*` stands for every fact in neither map.
    pub unknown: BTreeMap<String, Blocked>,
}

impl Seen {
    /// Nothing seen at all, and why.
    pub fn nothing(blocked: Blocked) -> Self {
        Self { facts: BTreeMap::new(), unknown: BTreeMap::from([("*".to_owned(), blocked)]) }
    }

    /// What this fact is behind.
    pub fn barrier(&self, fact: &str) -> Option<&Blocked> {
        self.unknown.get(fact).or_else(|| self.unknown.get("*"))
    }

    /// The value of this fact.
    ///
    /// # Errors
    /// What it is behind; that it was not looked up where there is nothing of it.
    pub fn fact(&self, name: &str) -> Result<&Value, Blocked> {
        let unknown = || match self.barrier(name) {
            Some(blocked) => blocked.clone(),
            None => Blocked::new(Barrier::NotMade, format!("`{name}` was not looked up")),
        };
        self.facts.get(name).ok_or_else(unknown)
    }

    /// This fact was seen.
    pub fn know(&mut self, fact: &str, value: impl Into<Value>) -> &mut Self {
        self.facts.insert(fact.to_owned(), value.into());
        self
    }

    /// This fact is behind a barrier.
    pub fn block(&mut self, fact: &str, blocked: Blocked) -> &mut Self {
        self.unknown.insert(fact.to_owned(), blocked);
        self
    }

    /// Nothing is called so: `fact` says it, and the rest is behind `why`. A name that a shell takes for a pattern is a
    /// barrier instead, see [`no_pattern`].
    pub fn absent(&mut self, fact: &str, name: &str, why: String) -> &mut Self {
        match no_pattern(name) {
            Ok(()) => self.know(fact, false).block_rest(Blocked::new(Barrier::Unreachable, why)),
            Err(blocked) => self.block_rest(blocked),
        }
    }

    /// Every fact that is not in it by the end is behind this barrier.
    pub fn block_rest(&mut self, blocked: Blocked) -> &mut Self {
        self.block("*", blocked)
    }

    /// This fact or its barrier.
    pub fn settle<V: Into<Value>>(&mut self, fact: &str, result: Result<V, Blocked>) -> &mut Self {
        match result {
            Ok(value) => self.know(fact, value),
            Err(blocked) => self.block(fact, blocked),
        }
    }
}

/// A kind's act.
pub trait Look {
    /// Looks once. Never fails: what could not be looked at is a barrier in what it returns. Ends by
    /// [`Context::deadline`], with everything it started.
    fn look(&self, context: &Context<'_>) -> impl Future<Output = Seen> + Send;
}

/// That nothing is called so is a fact, unless a shell takes the name for a pattern: of what the author means, that says
/// nothing.
///
/// # Errors
/// The barrier that stands before it then.
pub fn no_pattern(name: &str) -> Result<(), Blocked> {
    if name.contains(['*', '?']) {
        let why = format!("nothing is called `{name}`, and a pattern is not looked for: name one thing");
        return Err(Blocked::new(Barrier::Unsupported, why));
    }
    Ok(())
}

/// The barrier behind an I/O error. `what` says what was tried: `open /etc/shadow`.
pub fn barrier_of(what: &str, error: &io::Error) -> Blocked {
    use io::ErrorKind as Kind;
    let barrier = match error.kind() {
        Kind::ConnectionRefused => Barrier::ConnectionRefused,
        Kind::TimedOut => Barrier::TimedOut,
        Kind::PermissionDenied => Barrier::PermissionDenied,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::NotFound
        | Kind::AddrNotAvailable => Barrier::Unreachable,
        Kind::Unsupported | Kind::InvalidInput => Barrier::Unsupported,
        Kind::OutOfMemory | Kind::AddrInUse => Barrier::Overloaded,
        _ if is_exhausted(error) => Barrier::Overloaded,
        Kind::FileTooLarge => Barrier::TooLarge,
        _ => Barrier::Protocol,
    };
    Blocked::new(barrier, format!("{what}: {error}"))
}

/// Whether it is ours that is used up: file descriptors, buffers.
fn is_exhausted(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::MFILE, Errno::NFILE, Errno::NOBUFS].contains(&errno))
}

/// A time as facts hold it: RFC 3339, UTC, microseconds.
pub fn time_text(at: jiff::Timestamp) -> String {
    format!("{at:.6}")
}

/// The time that something bears which was there when it was looked at.
///
/// # Errors
/// `protocol` if it lies ahead of `now` by more than the clocks may differ: it is not when that happened.
pub fn not_ahead(what: &str, at: jiff::Timestamp, now: jiff::Timestamp) -> Result<jiff::Timestamp, Blocked> {
    if at.duration_since(now) > CLOCK_UNCERTAINTY {
        let why = format!("{what} is {}, which lies ahead of the look at {}", time_text(at), time_text(now));
        return Err(Blocked::new(Barrier::Protocol, why));
    }
    Ok(at)
}

/// An elapsed time in milliseconds, to the microsecond, before the observer's own delay is taken off
/// ([`crate::run`] does that for every interval fact of the look).
pub fn elapsed_ms(elapsed: Duration) -> Value {
    let ms = milliseconds(elapsed);
    Value::interval(ms, Some(ms))
}

/// An elapsed time that had not ended when the look did.
pub fn at_least_ms(elapsed: Duration) -> Value {
    Value::interval(milliseconds(elapsed), None)
}

/// So many milliseconds, to the microsecond.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a look are far below 2^53")]
pub(crate) fn milliseconds(elapsed: Duration) -> f64 {
    elapsed.as_micros() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(secrets: &Secrets, timeout: Duration) -> Context<'_> {
        let run_began = jiff::Timestamp::UNIX_EPOCH;
        Context { wanted: &FactSelection::All, secrets, began: Instant::now(), run_began, timeout }
    }

    #[tokio::test]
    async fn looks_that_hang_keep_no_other_waiting() {
        let secrets = Secrets::default();
        let context = context(&secrets, Duration::from_secs(60));
        let (releases, hanging): (Vec<_>, Vec<_>) = (0..5)
            .map(|_| {
                let (release, wait) = std::sync::mpsc::channel::<()>();
                let hangs = move |_: &Underway| {
                    _ = wait.recv();
                    Seen::default()
                };
                (release, context.blocking(hangs))
            })
            .unzip();
        let other = context.blocking(|_| Seen::default().know("seen", true).clone());
        tokio::select! {
            biased;
            _ = futures_util::future::select_all(hanging.into_iter().map(Box::pin)) => panic!("it does not hang"),
            seen = tokio::time::timeout(context.timeout / 2, other) => assert_eq!(seen.unwrap().facts["seen"], Value::Bool(true)),
        }
        drop(releases);
    }

    #[tokio::test]
    async fn a_look_that_breaks_is_cut_off_and_those_behind_it_are_made() {
        let secrets = Secrets::default();
        let context = context(&secrets, Duration::from_secs(60));
        let broken = (0..5).map(|_| context.blocking(|_| panic!("as a fault of the kind's own")));
        let whole = context.blocking(|_| Seen::default().know("seen", true).clone());
        let (broken, whole) = tokio::join!(futures_util::future::join_all(broken), whole);
        assert!(broken.iter().all(|seen| seen.unknown["*"].barrier == Barrier::Aborted), "{broken:?}");
        assert_eq!(whole.facts["seen"], Value::Bool(true));
    }

    #[tokio::test]
    async fn a_look_that_times_out_keeps_what_it_saw_and_stops_reading() {
        let secrets = Secrets::default();
        let context = context(&secrets, Duration::from_millis(30));
        let (stopped, stops) = std::sync::mpsc::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let look = context.blocking(move |underway| {
            underway.keep(Seen::default().know("size_bytes", 5_i64));
            // As a read that hangs in the kernel.
            _ = wait.recv();
            _ = stopped.send(underway.go_on());
            Seen::default().know("sha256", "").clone()
        });
        let seen = look.await;
        assert_eq!(seen.facts, BTreeMap::from([("size_bytes".to_owned(), Value::from(5_i64))]));
        assert_eq!(seen.unknown["*"].barrier, Barrier::TimedOut);
        release.send(()).unwrap();
        assert_eq!(stops.recv().unwrap().unwrap_err().barrier, Barrier::TimedOut);
        // Nor does one begin that nobody waits for any more.
        let late = Context { began: Instant::now() - context.timeout, ..context };
        let seen = late.blocking(|_| panic!("it is over")).await;
        assert_eq!(seen.unknown["*"].barrier, Barrier::TimedOut);
    }
}
