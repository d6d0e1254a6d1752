//! The observers of a plan: this program where it runs, and those elsewhere, each reached when it is first asked, and anew after
//! it was lost.

mod reboot;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use probity_plan::kinds::kind;
use probity_plan::kinds::lifecycle::Operation;
use probity_plan::{
    Act, Barrier, Blocked, Impact, Introduction, Lane, Observer, Passage, Plan, Probe, Reach, Text, Trial,
    Value,
};
use serde_json::value::to_raw_value;
use tokio::sync::Mutex;

use super::Copies;
use super::connection::{Connection, Greeting};
use super::protocol::{Begin, Hello, Order, Report};
use super::reach::{self, Lifeline};
use crate::clock::Began;
use crate::look::Seen;
use crate::machine::Process;
use crate::observation::Times;
use crate::observe::{By, Here, Observe, ReachedObserver, Request, Sighting};
use crate::secrets::{Ending, Secrets};

/// How long after a try that failed the next one is made: whoever asks before is told why it failed.
const NEXT_TRY: Duration = Duration::from_secs(5);

/// Everybody who looks for a plan.
pub struct Observers<'a> {
    here: Here<'a>,
    began: Began,
    allow: Impact,
    plan: &'a Plan,
    secrets: &'a Secrets,
    copies: &'a dyn Copies,
    far: BTreeMap<&'a str, Arc<Far>>,
    /// Those of the machines there are, by the machine's name and their own.
    of_machines: StdMutex<BTreeMap<String, BTreeMap<String, Arc<Far>>>>,
    ids: AtomicU32,
}

/// An observer elsewhere.
struct Far {
    name: String,
    reach: Reach,
    trial: Option<Trial>,
    /// The process that it is to look at, by a number: where it ended, that may be another one's.
    process: Option<Process>,
    /// The secrets that its probes name, and no other.
    secrets: BTreeMap<String, String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    there: Option<Arc<There>>,
    failed: Option<(Instant, Blocked)>,
}

/// What an observer's looks are made in.
enum Inside {
    /// Another machine.
    Elsewhere,
    /// The namespaces of this process.
    Process(Process),
    /// A network namespace, by its place and the file that was there when it was entered.
    Network(PathBuf, Option<(u64, u64)>),
}

impl Inside {
    fn of(reach: &Reach, passage: &Passage) -> Self {
        match reach {
            Reach::Netns(name) => {
                let place = Path::new("/run/netns").join(name);
                let file = file(&place);
                Self::Network(place, file)
            }
            _ => passage.pid.map_or(Self::Elsewhere, |pid| Self::Process(Process::now(pid))),
        }
    }

    /// Whether it is still there; what is left of it after its end is nobody's any more.
    fn is_there(&self) -> bool {
        match self {
            Self::Elsewhere => true,
            Self::Process(process) => process.is_there(),
            Self::Network(place, entered) => file(place) == *entered,
        }
    }
}

/// Which file is at a place: its device and its number.
fn file(place: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(place).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

/// An observer that was reached.
struct There {
    id: u32,
    boot: Option<String>,
    inside: Inside,
    connection: Connection,
    _held: Lifeline,
}

impl There {
    fn is_there(&self) -> bool {
        self.connection.is_there() && self.inside.is_there()
    }
}

impl<'a> Observers<'a> {
    /// Those of this plan, for a run that began then. `allow` is the greatest impact that reaching them may have.
    pub fn new(
        plan: &'a Plan,
        secrets: &'a Secrets,
        began: Began,
        allow: Impact,
        copies: &'a dyn Copies,
    ) -> Self {
        let far = plan.observers.iter().map(|observer| {
            let probes = plan.probes.iter().filter(|probe| probe.on.as_ref() == Some(&observer.name));
            let far = Far {
                name: observer.name.clone(),
                reach: observer.reach.clone(),
                trial: None,
                process: process_of(&observer.reach),
                secrets: secrets.only(&secrets_named(probes)),
                state: Mutex::default(),
            };
            (observer.name.as_str(), Arc::new(far))
        });
        let (here, far) = (Here::new(secrets, began.at), far.collect());
        let (of_machines, ids) = (StdMutex::default(), AtomicU32::new(1));
        Self { here, began, allow, plan, secrets, copies, far, of_machines, ids }
    }

    fn far(&self, name: &str, trial: Option<&Trial>) -> Option<Arc<Far>> {
        if let Some(far) = self.far.get(name) {
            return Some(Arc::clone(far));
        }
        let of_machines = self.of_machines.lock().unwrap_or_else(PoisonError::into_inner);
        of_machines.get(&trial?.machine)?.get(name).cloned()
    }

    async fn look(&self, request: &Request<'_>, tell: &dyn Fn(ReachedObserver)) -> Sighting {
        let ending = self.secrets.first_to_end(|| secrets_of(request.act));
        let over = || ending.as_ref().and_then(Ending::over);
        if let Some(blocked) = over() {
            return Sighting::blocked(blocked);
        }
        let sighting = self.look_now(request, tell).await;
        // It may have been so while it was sent.
        match over() {
            Some(blocked) => Sighting { seen: Seen::nothing(blocked), ..sighting },
            None => sighting,
        }
    }

    async fn look_now(&self, request: &Request<'_>, tell: &dyn Fn(ReachedObserver)) -> Sighting {
        let Some(name) = request.on else { return self.here.look(request).await };
        let Some(far) = &self.far(name, request.trial) else {
            return Sighting::blocked(Blocked::new(Barrier::Protocol, format!("no observer `{name}`")));
        };
        if let Act::Lifecycle(lifecycle) = request.act
            && lifecycle.act == Operation::Reboot
        {
            return self.reboot(far, request, lifecycle, tell).await;
        }
        let there = match self.reached(far, tell).await {
            Ok(there) => there,
            Err(blocked) => return Sighting::blocked(blocked),
        };
        let order = match order(request) {
            Ok(order) => order,
            Err(blocked) => return Sighting::blocked(blocked),
        };
        // After the way was found: what it took is none of the look's.
        let (offset, asked) = (self.began.elapsed(), Instant::now());
        match there.connection.look(order).await {
            Ok(report) => {
                let by = By { observer: there.id, started: report.started, offset, within: asked.elapsed() };
                sighting(request, report, by)
            }
            Err(blocked) => {
                let times = Times { elapsed: asked.elapsed(), delay: None, paused: Duration::ZERO };
                Sighting { seen: Seen::nothing(lost(far, &blocked)), times, by: None }
            }
        }
    }

    /// The connection to an observer, which is made if there is none; whoever reaches it says so before anybody looks.
    async fn reached(&self, far: &Far, tell: &dyn Fn(ReachedObserver)) -> Result<Arc<There>, Blocked> {
        let mut state = far.state.lock().await;
        if let Some(there) = state.there.as_ref().filter(|there| there.is_there()) {
            return Ok(Arc::clone(there));
        }
        state.there = None;
        if let Some((at, why)) = &state.failed
            && at.elapsed() < NEXT_TRY
        {
            return Err(why.clone());
        }
        match self.connect(far).await {
            Ok((there, reached)) => {
                tell(reached);
                Ok(Arc::clone(state.there.insert(Arc::new(there))))
            }
            Err(blocked) => {
                let why = lost(far, &blocked);
                state.failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    async fn connect(&self, far: &Far) -> Result<(There, ReachedObserver), Blocked> {
        if let Some(why) = far.process.and_then(Process::why_gone) {
            return Err(Blocked::new(Barrier::Unreachable, why));
        }
        let way = reach::find(&far.reach, self.allow, self.copies).await?;
        let inside = Inside::of(&far.reach, &way.passage);
        let begin =
            |hello: &Hello| Begin { run_began: self.began_there(far, hello), secrets: far.secrets.clone() };
        let now = || self.began.utc();
        let opened = Connection::open(way.command, way.first, begin, now).await;
        let is_gone = opened.as_ref().is_ok_and(|(_, greeting)| !greeting.hello.left_behind);
        way.held.remove_copy(is_gone, self.copies).await;
        let (connection, greeting) = opened?;
        let Greeting { hello, clock, between: (asked, answered) } = greeting;
        let microseconds = |span: jiff::SignedDuration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let ahead = |of: jiff::Timestamp| microseconds(clock.duration_since(of));
        let introduction = Introduction {
            name: far.name.clone(),
            trial: far.trial.clone(),
            reach: far.reach.clone(),
            passage: Passage { left_behind: hello.left_behind, ..way.passage },
            agent: hello.agent,
            clock_ahead_us: (ahead(answered), ahead(asked)),
        };
        let reached = ReachedObserver {
            id: self.ids.fetch_add(1, Ordering::Relaxed),
            at: clock,
            offset: self.began.elapsed(),
            boot: hello.boot,
            introduction,
            seen: Seen { facts: hello.facts, unknown: hello.unknown },
        };
        let (id, boot) = (reached.id, reached.boot.clone());
        Ok((There { id, boot, inside, connection, _held: way.held }, reached))
    }

    /// When the run began by the far clock: on this machine that is ours, on another one as near as its greeting tells.
    fn began_there(&self, far: &Far, hello: &Hello) -> jiff::Timestamp {
        if !far.reach.is_elsewhere() {
            return self.began.at;
        }
        let gone_by = jiff::SignedDuration::try_from(self.began.elapsed()).unwrap_or_default();
        hello.at.checked_sub(gone_by).unwrap_or(self.began.at)
    }
}

impl Observe for Observers<'_> {
    fn observe<'a>(
        &'a self,
        request: &'a Request<'a>,
        reached: &'a dyn Fn(ReachedObserver),
    ) -> LocalBoxFuture<'a, Sighting> {
        Box::pin(self.look(request, reached))
    }

    fn reach<'a>(
        &'a self,
        on: &'a str,
        trial: Option<&'a Trial>,
        reached: &'a dyn Fn(ReachedObserver),
    ) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            if let Some(far) = self.far(on, trial) {
                // Whoever asks it is told what stood in the way.
                _ = self.reached(&far, reached).await;
            }
        })
    }

    fn enter(&self, trial: &Trial, observers: Vec<Observer>) {
        let far = observers.into_iter().map(|Observer { name, reach, .. }| {
            let probes = self.plan.probes_of(Some(&trial.name));
            let probes = probes.filter(|probe| probe.on.as_ref() == Some(&name));
            let secrets = self.secrets.only(&secrets_named(probes));
            let process = process_of(&reach);
            let (trial, state) = (Some(trial.clone()), Mutex::default());
            (name.clone(), Arc::new(Far { name, reach, trial, process, secrets, state }))
        });
        let far = far.collect();
        self.of_machines.lock().unwrap_or_else(PoisonError::into_inner).insert(trial.machine.clone(), far);
    }

    fn leave(&self, trial: &Trial) {
        let gone = self.of_machines.lock().unwrap_or_else(PoisonError::into_inner).remove(&trial.machine);
        // Which ends their connections, outside of the lock.
        drop(gone);
    }
}

/// The process that a plan or a machine names by its number now: it may be another one's later.
fn process_of(reach: &Reach) -> Option<Process> {
    if let Reach::Pid(pid) = reach { Some(Process::now(*pid)) } else { None }
}

/// A barrier that an observer met, with its name: what it hides is not the target's doing.
fn lost(far: &Far, blocked: &Blocked) -> Blocked {
    if blocked.cause.is_some() {
        return blocked.clone();
    }
    Blocked::new(blocked.barrier, format!("observer `{}` ({}): {}", far.name, far.reach, blocked.detail))
}

/// The names of the secrets in the acts of these probes.
fn secrets_named<'p>(probes: impl Iterator<Item = &'p Probe>) -> BTreeSet<String> {
    let acts = probes.flat_map(|probe| probe.cells.iter().map(|cell| &cell.act).chain(&probe.undo));
    acts.flat_map(secrets_of).collect()
}

/// The names of the secrets in an act.
fn secrets_of(act: &Act) -> Vec<String> {
    let Ok(json) = serde_json::to_value(act) else { return Vec::new() };
    let mut texts = vec![&json];
    let mut names = Vec::new();
    while let Some(value) = texts.pop() {
        match value {
            serde_json::Value::String(text) => {
                names.extend(Text::parse(text).secrets().map(str::to_owned));
            }
            serde_json::Value::Array(items) => texts.extend(items),
            serde_json::Value::Object(map) => texts.extend(map.values()),
            _ => {}
        }
    }
    names
}

fn order(request: &Request<'_>) -> Result<Order, Blocked> {
    let parameters = to_raw_value(request.act).map_err(|error| {
        Blocked::new(Barrier::Protocol, format!("the look cannot be told to the observer: {error}"))
    })?;
    Ok(Order {
        id: 0,
        probe: request.probe.to_owned(),
        row: request.row.clone(),
        kind: request.act.spec().name.to_owned(),
        parameters,
        wanted: request.wanted.clone(),
        timeout_ms: u64::try_from(request.timeout.as_millis()).unwrap_or(u64::MAX),
        alone: request.lane == Lane::Quiet,
        shared: request.sharing.map(|sharing| sharing.stage),
    })
}

/// What a far observer says, read as what its kind declares: all else is behind a barrier.
fn sighting(request: &Request<'_>, report: Report, by: By) -> Sighting {
    let spec = request.act.spec();
    let mut seen = Seen { facts: BTreeMap::new(), unknown: report.unknown };
    for (name, raw) in report.facts {
        let value = Value::from_json(raw.get()).ok();
        let value = value.zip(kind(spec.name).and_then(|spec| spec.fact(&name)));
        let value = value.and_then(|(value, fact)| fact.ty.adopt(value));
        let strange = || Blocked::new(Barrier::Protocol, "the observer says of it what it cannot be");
        seen.settle(&name, value.ok_or_else(strange));
    }
    let duration = Duration::from_micros;
    let times = Times {
        elapsed: duration(report.elapsed_us),
        delay: report.delay_us.map(duration),
        paused: duration(report.paused_us),
    };
    Sighting { seen, times, by: Some(by) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoCopies;

    impl Copies for NoCopies {
        fn write_down(&self, _: &str, _: Vec<String>) -> std::io::Result<()> {
            Err(std::io::Error::other("nothing is copied here"))
        }
        fn strike(&self, _: &str) {}
    }

    struct Text(&'static str);

    impl probity_plan::Sources for Text {
        fn read(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.as_bytes().to_vec())
        }
    }

    #[test]
    fn an_observer_is_given_the_secrets_that_its_probes_name_and_no_other() {
        let plan = "plan: P\ninputs:\n  one: { env: ONE, secret: true }\n  two: { env: TWO, secret: true }\n  three: { env: THREE, secret: true }\n\
                    observers:\n  a: { pid: 1 }\n  b: { pid: 2 }\n  c: { pid: 3 }\nprobes:\n  \
                    x: { http: \"http://h/?t=$one\", on: a, undo: { command: [undo], env: { T: $two } } }\n  \
                    y: { http: http://h/, headers: { t: \"$two$$\" }, on: b }\n  z: { file: /a, on: c }\n  here: { http: http://h/, body: $three }\n\
                    claims:\n  k: { of: x, check: answered }\nverdict:\n  - { label: DONE }\n";
        let plan = probity_plan::load("plan.yaml", &Text(plan), &BTreeMap::new());
        let plan = plan.unwrap_or_else(|errors| panic!("{errors}")).plan;
        let values = ["one", "two", "three"].map(|name| (name.to_owned(), format!("the secret {name}")));
        let secrets = Secrets::new(values.into()).unwrap();
        let observers = Observers::new(&plan, &secrets, Began::now(), Impact::Observe, &NoCopies);
        let given = |name: &str| observers.far[name].secrets.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            (given("a"), given("b")),
            (vec!["one".to_owned(), "two".to_owned()], vec!["two".to_owned()])
        );
        assert_eq!(given("c"), Vec::<String>::new());
    }
}
