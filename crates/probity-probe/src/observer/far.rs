//! The observers of a plan: this program where it runs, and those elsewhere, each reached when it is first asked, and anew after
//! it was lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use probity_plan::kinds::kind;
use probity_plan::{Barrier, Blocked, Introduction, Lane, Plan, Reach, Text, Value};
use serde_json::value::to_raw_value;
use tokio::sync::Mutex;

use super::connection::{Connection, Greeting};
use super::protocol::{Begin, Order, Report};
use super::reach;
use crate::clock::Began;
use crate::look::Seen;
use crate::observation::Times;
use crate::observe::{By, Here, Observe, Reached, Request, Sighting};
use crate::secrets::Secrets;

/// How long after a try that failed the next one is made: whoever asks before is told why it failed.
const NEXT_TRY: Duration = Duration::from_secs(5);

/// Everybody who looks for a plan.
pub struct Observers<'a> {
    here: Here<'a>,
    began: Began,
    far: BTreeMap<&'a str, Far<'a>>,
    ids: AtomicU32,
}

/// An observer elsewhere.
struct Far<'a> {
    name: &'a str,
    reach: &'a Reach,
    /// The secrets that its probes name, and no other.
    secrets: BTreeMap<String, String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    there: Option<(u32, Arc<Connection>)>,
    failed: Option<(Instant, Blocked)>,
}

impl<'a> Observers<'a> {
    /// Those of this plan, for a run that began then.
    pub fn new(plan: &'a Plan, secrets: &'a Secrets, began: Began) -> Self {
        let far = plan.observers.iter().map(|observer| {
            let name = observer.name.as_str();
            let probes = plan.probes.iter().filter(|probe| probe.on.as_deref() == Some(name));
            let acts = probes.flat_map(|probe| probe.cells.iter().map(|cell| &cell.act).chain(&probe.undo));
            let named: BTreeSet<String> = acts.flat_map(secrets_of).collect();
            let far =
                Far { name, reach: &observer.reach, secrets: secrets.only(&named), state: Mutex::default() };
            (name, far)
        });
        Self { here: Here::new(secrets, began.at), began, far: far.collect(), ids: AtomicU32::new(1) }
    }

    async fn look(&self, request: &Request<'_>, tell: &dyn Fn(Reached)) -> Sighting {
        let Some(name) = request.on else { return self.here.look(request).await };
        let Some(far) = self.far.get(name) else {
            return Sighting::blocked(Blocked::new(Barrier::Protocol, format!("no observer `{name}`")));
        };
        let (id, connection) = match self.reached(far, tell).await {
            Ok(there) => there,
            Err(blocked) => return Sighting::blocked(blocked),
        };
        let order = match order(request) {
            Ok(order) => order,
            Err(blocked) => return Sighting::blocked(blocked),
        };
        // After the way was found: what it took is none of the look's.
        let (offset, asked) = (self.began.elapsed(), Instant::now());
        match connection.look(order).await {
            Ok(report) => {
                let by = By { observer: id, started: report.started, offset, within: asked.elapsed() };
                sighting(request, report, by)
            }
            Err(blocked) => {
                let times = Times { elapsed: asked.elapsed(), delay: None, paused: Duration::ZERO };
                Sighting { seen: Seen::nothing(lost(far, &blocked)), times, by: None }
            }
        }
    }

    /// The connection to an observer, which is made if there is none; whoever reaches it says so before anybody looks.
    async fn reached(
        &self,
        far: &Far<'_>,
        tell: &dyn Fn(Reached),
    ) -> Result<(u32, Arc<Connection>), Blocked> {
        let mut state = far.state.lock().await;
        if let Some((id, connection)) = &state.there
            && connection.is_there()
        {
            return Ok((*id, connection.clone()));
        }
        state.there = None;
        if let Some((at, why)) = &state.failed
            && at.elapsed() < NEXT_TRY
        {
            return Err(why.clone());
        }
        match self.connect(far).await {
            Ok((connection, reached)) => {
                let there = (reached.id, Arc::new(connection));
                tell(reached);
                state.there = Some(there.clone());
                Ok(there)
            }
            Err(blocked) => {
                let why = lost(far, &blocked);
                state.failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    async fn connect(&self, far: &Far<'_>) -> Result<(Connection, Reached), Blocked> {
        let way = reach::find(far.reach).await?;
        let begin = |_: &_| Begin { run_began: self.began.at, secrets: far.secrets.clone() };
        let now = || self.began.utc();
        let (connection, greeting) = Connection::open(way.command, begin, now).await?;
        let Greeting { hello, clock, between: (asked, answered) } = greeting;
        let microseconds = |span: jiff::SignedDuration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        let ahead = |of: jiff::Timestamp| microseconds(clock.duration_since(of));
        let introduction = Introduction {
            name: far.name.to_owned(),
            reach: far.reach.clone(),
            passage: way.passage,
            agent: hello.agent,
            clock_ahead_us: (ahead(answered), ahead(asked)),
        };
        let reached = Reached {
            id: self.ids.fetch_add(1, Ordering::Relaxed),
            at: clock,
            offset: self.began.elapsed(),
            boot: hello.boot,
            introduction,
            seen: Seen { facts: hello.facts, unknown: hello.unknown },
        };
        Ok((connection, reached))
    }
}

impl Observe for Observers<'_> {
    fn observe<'a>(
        &'a self,
        request: &'a Request<'a>,
        reached: &'a dyn Fn(Reached),
    ) -> LocalBoxFuture<'a, Sighting> {
        Box::pin(self.look(request, reached))
    }

    fn reach<'a>(&'a self, on: &'a str, reached: &'a dyn Fn(Reached)) -> LocalBoxFuture<'a, ()> {
        Box::pin(async move {
            if let Some(far) = self.far.get(on) {
                // Whoever asks it is told what stood in the way.
                _ = self.reached(far, reached).await;
            }
        })
    }
}

/// A barrier that an observer met, with its name: what it hides is not the target's doing.
fn lost(far: &Far<'_>, blocked: &Blocked) -> Blocked {
    Blocked::new(blocked.barrier, format!("observer `{}` ({}): {}", far.name, far.reach, blocked.detail))
}

/// The names of the secrets in an act.
fn secrets_of(act: &probity_plan::Act) -> Vec<String> {
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
