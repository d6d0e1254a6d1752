//! The far side: makes the looks that it is told of over its standard input, and says what came of them over its standard
//! output. It ends when its input does, with everything it started.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use probity_plan::kinds::KINDS;
use probity_plan::{Agent, Lane};
use rustix::thread::{CapabilitySet, capability_is_in_bounding_set, remove_capability_from_bounding_set};
use serde_json::value::to_raw_value;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::protocol::{Begin, FromAgent, Hello, Order, PROTOCOL, Report, ToAgent, read_frame, write_frame};
use crate::clock::{Clock, MachineClock};
use crate::look::{Seen, on_a_thread};
use crate::observation::too_slow_to_mask;
use crate::observe::{Here, Request, Sharing, Sighting};
use crate::secrets::Secrets;

/// How long looks under way are given to end once nobody asks any more.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long what a look brought may be masked: the other side waits for an answer little longer than for the look.
const MAX_MASKING: Duration = Duration::from_secs(4);

/// Lets what is started from now on be able to do no more than these capabilities allow, in hexadecimal: what the processes have
/// among which it is started. Only before there is another thread.
///
/// # Errors
/// If that is no such number, or the kernel refuses.
pub fn bound(capabilities: &str) -> io::Result<()> {
    let kept = u64::from_str_radix(capabilities, 16).map_err(io::Error::other)?;
    for number in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << number);
        // Beyond the last one there is none to remove.
        if kept & one.bits() == 0 && capability_is_in_bounding_set(one).unwrap_or(false) {
            remove_capability_from_bounding_set(one)?;
        }
    }
    Ok(())
}

/// Serves until `from` ends. `unlink` is the copy of the program that is removed first.
///
/// # Errors
/// If what it is told is not of this protocol, or it cannot answer.
pub fn serve(mut from: impl Read, to: impl Write + Send + 'static, unlink: Option<&Path>) -> io::Result<()> {
    // The digest is read through the descriptor that the kernel keeps.
    let left_behind = unlink.is_some_and(|path| std::fs::remove_file(path).is_err());
    let (say, said) = channel::<FromAgent>();
    let writer = std::thread::spawn(move || {
        let mut to = to;
        said.into_iter().try_for_each(|message| write_frame(&mut to, &message))
    });
    _ = say.send(FromAgent::Hello(Box::new(hello(left_behind))));
    let outcome = answer(&mut from, &say);
    drop(say);
    outcome?;
    match writer.join() {
        Ok(written) => written,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn answer(from: &mut impl Read, say: &Sender<FromAgent>) -> io::Result<()> {
    let Some(ToAgent::Begin(Begin { run_began, secrets })) = read_frame(from)? else { return Ok(()) };
    _ = say.send(FromAgent::Ready(MachineClock.utc()));
    let secrets = Secrets::new(secrets).map_err(|all| io::Error::other(all.join("\n")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let looker = Arc::new(Looker { secrets, run_began, memories: Arc::default(), stages: Mutex::default() });
    let mut under_way: BTreeMap<u64, oneshot::Sender<()>> = BTreeMap::new();
    while let Some(message) = read_frame(from)? {
        match message {
            ToAgent::Begin(_) => return Err(io::Error::other("it has begun already")),
            ToAgent::Cancel(id) => drop(under_way.remove(&id)),
            ToAgent::Look(order) => {
                under_way.retain(|_, cancel| !cancel.is_closed());
                let (cancel, cancelled) = oneshot::channel();
                under_way.insert(order.id, cancel);
                let (looker, say) = (looker.clone(), say.clone());
                let alone = order.alone;
                let work = async move {
                    tokio::select! {
                        report = looker.look(&order) => drop(say.send(FromAgent::Seen(Box::new(report)))),
                        _ = cancelled => {}
                    }
                };
                if alone {
                    // What the kernel tells of a thread it then tells of this look.
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                    std::thread::Builder::new().spawn(move || {
                        runtime.block_on(work);
                        runtime.shutdown_background();
                    })?;
                } else {
                    runtime.spawn(work);
                }
            }
        }
    }
    // Whoever waits for its cancellation is told, and ends what it started.
    drop(under_way);
    runtime.shutdown_timeout(FAREWELL);
    Ok(())
}

/// Makes looks.
struct Looker {
    secrets: Secrets,
    run_began: jiff::Timestamp,
    memories: Arc<crate::memory::Memories>,
    /// When the last stage was first heard of.
    stages: Mutex<Option<(u64, Instant)>>,
}

impl Looker {
    async fn look(&self, order: &Order) -> Report {
        let started = MachineClock.utc();
        let Sighting { seen, times, .. } = match order.act() {
            Ok(act) => {
                let request = Request {
                    probe: &order.probe,
                    row: &order.row,
                    on: None,
                    trial: None,
                    act: &act,
                    wanted: &order.wanted,
                    timeout: order.timeout(),
                    lane: if order.alone { Lane::Quiet } else { Lane::Parallel },
                    sharing: order.shared.map(|stage| Sharing { stage, since: self.began(stage) }),
                };
                Here::with(&self.secrets, self.run_began, self.memories.clone()).look(&request).await
            }
            Err(blocked) => Sighting::blocked(blocked),
        };
        let microseconds = |elapsed: Duration| u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let Seen { facts, unknown } = self.masked(order, seen).await;
        Report {
            id: order.id,
            started,
            elapsed_us: microseconds(times.elapsed),
            delay_us: times.delay.map(microseconds),
            paused_us: microseconds(times.paused),
            // What cannot be written is not told, and then behind a barrier.
            facts: facts
                .into_iter()
                .filter_map(|(name, value)| Some((name, to_raw_value(&value).ok()?)))
                .collect(),
            unknown,
        }
    }

    /// When the looks of a stage began to share.
    fn began(&self, stage: u64) -> Instant {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        match *stages {
            Some((last, since)) if last == stage => since,
            _ => stages.insert((stage, Instant::now())).1,
        }
    }

    /// Masks on a thread of its own, before the other side takes this one for lost.
    async fn masked(&self, order: &Order, seen: Seen) -> Seen {
        let spec = probity_plan::kinds::kind(&order.kind);
        let (secrets, _waiting) = self.secrets.within(MAX_MASKING);
        let masked = on_a_thread(move || {
            let seen =
                secrets.mask_seen(seen, |fact| spec.and_then(|spec| spec.fact(fact)).map(|fact| fact.ty));
            if secrets.gave_up() { Err(too_slow_to_mask(MAX_MASKING)) } else { Ok(seen) }
        });
        masked.await.unwrap_or_else(Seen::nothing)
    }
}

fn hello(left_behind: bool) -> Hello {
    let (host, user, system) = super::identity();
    let seen = super::condition();
    Hello {
        protocol: PROTOCOL,
        agent: Agent {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: own_digest().unwrap_or_default(),
            kinds: KINDS.iter().map(|kind| kind.name.to_owned()).collect(),
            host,
            user,
            system,
            capabilities: capabilities().unwrap_or_default(),
            namespaces: namespaces(),
        },
        at: MachineClock.utc(),
        left_behind,
        boot: super::boot(),
        facts: seen.facts,
        unknown: seen.unknown,
    }
}

/// The SHA-256 of the program that runs, in lower-case hexadecimal; `None` where it cannot be read.
pub fn own_digest() -> Option<String> {
    let mut digest = Sha256::new();
    io::copy(&mut std::fs::File::open("/proc/self/exe").ok()?, &mut digest).ok()?;
    Some(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The effective capabilities, in hexadecimal, as proc_pid_status(5) shows them.
fn capabilities() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    Some(line.trim().to_owned())
}

/// The namespaces that it is in, by their kind, as namespaces(7) names them: `net:[4026531840]`.
fn namespaces() -> BTreeMap<String, String> {
    let kinds = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];
    let read = |kind: &&str| {
        let link = std::fs::read_link(format!("/proc/self/ns/{kind}")).ok()?;
        Some(((*kind).to_owned(), link.to_string_lossy().into_owned()))
    };
    kinds.iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread::JoinHandle;

    use probity_plan::Value;
    use serde_json::json;

    use super::*;
    use crate::look::FactSelection;

    /// A far side on a thread, greeted; our end, and how it ends.
    fn serving(secrets: &[(&str, &str)]) -> (UnixStream, JoinHandle<io::Result<()>>) {
        let (mut near, far) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || serve(far.try_clone().unwrap(), far, None));
        let Some(FromAgent::Hello(hello)) = read_frame(&mut near).unwrap() else { panic!("no hello") };
        assert_eq!((hello.protocol, hello.agent.kinds.len()), (PROTOCOL, KINDS.len()));
        let secrets = secrets.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let begin = Begin { run_began: MachineClock.utc(), secrets };
        write_frame(&mut near, &ToAgent::Begin(begin)).unwrap();
        let Some(FromAgent::Ready(_)) = read_frame(&mut near).unwrap() else { panic!("not ready") };
        (near, thread)
    }

    fn ask(near: &mut UnixStream, id: u64, kind: &str, parameters: &serde_json::Value, alone: bool) {
        let order = Order {
            id,
            probe: "it".to_owned(),
            row: BTreeMap::new(),
            kind: kind.to_owned(),
            parameters: to_raw_value(parameters).unwrap(),
            wanted: FactSelection::All,
            timeout_ms: 60_000,
            alone,
            shared: None,
        };
        write_frame(near, &ToAgent::Look(order)).unwrap();
    }

    fn answer(near: &mut UnixStream) -> Box<Report> {
        match read_frame(near).unwrap() {
            Some(FromAgent::Seen(report)) => report,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn looks_are_answered_as_they_end_and_one_that_is_cancelled_is_ended() {
        let (mut near, thread) = serving(&[("token", "a secret of the test")]);
        ask(&mut near, 1, "command", &json!({ "command": ["sleep", "600"] }), true);
        ask(&mut near, 2, "command", &json!({ "command": ["sleep", "600"] }), false);
        let env = json!({ "T": "${token}" });
        ask(&mut near, 3, "command", &json!({ "command": ["sh", "-c", "echo $$T"], "env": env }), true);
        let report = answer(&mut near);
        assert_eq!(report.id, 3);
        assert_eq!(Value::from_json(report.facts["stdout"].get()).unwrap(), "[secret token]".into());
        assert!(report.delay_us.is_some());
        ask(&mut near, 4, "no-such-kind", &json!({}), false);
        let report = answer(&mut near);
        assert_eq!((report.id, report.unknown["*"].barrier), (4, probity_plan::Barrier::Unsupported));
        ask(&mut near, 5, "file", &json!({ "file": 7 }), false);
        assert_eq!(answer(&mut near).unknown["*"].barrier, probity_plan::Barrier::Protocol);
        write_frame(&mut near, &ToAgent::Cancel(1)).unwrap();
        // The other one, which nobody cancelled, ends with the conversation.
        near.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(read_frame::<FromAgent>(&mut near).unwrap().is_none());
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn what_is_no_message_ends_the_conversation_with_an_error() {
        for said in [&[0xff; 8][..], &[0, 0, 0, 2, b'{', b'}'], &[0, 0, 0, 9, b'{'], &[0, 0]] {
            let (mut near, thread) = serving(&[]);
            near.write_all(said).unwrap();
            near.shutdown(std::net::Shutdown::Write).unwrap();
            assert!(thread.join().unwrap().is_err(), "{said:?}");
        }
        // A secret that could not be masked is none.
        let (mut near, far) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || serve(far.try_clone().unwrap(), far, None));
        let secrets = [("short".to_owned(), "x".to_owned())].into();
        let begin = Begin { run_began: MachineClock.utc(), secrets };
        write_frame(&mut near, &ToAgent::Begin(begin)).unwrap();
        assert!(thread.join().unwrap().is_err());
    }
}
