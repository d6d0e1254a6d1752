//! One leader at a time, by a `coordination.k8s.io/v1` Lease. Whether we may write is decided by our own clock alone: from the moment at
//! which the last successful renewal was sent, two thirds of the lease's duration; for a write that is under way then, nobody waits longer
//! than the third that is left before anybody else may take over. Others are judged by when we saw their lease change, never by the times in it. The rule is the one of
//! client-go's leader election, but for a lease that is gone: who held it stops, and nobody makes another before its time would have run out.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::source::Source;

/// Which lease, and who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseSettings {
    /// The lease's namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Our name in it, ours alone.
    pub identity: String,
    /// How long it is good without renewal; whole seconds.
    pub duration: Duration,
}

/// What we are, as far as we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// We hold the lease.
    Leader,
    /// Somebody else does.
    Follower {
        /// Who.
        holder: String,
    },
    /// There is no lease, and who held the one that was there may still write.
    Vacant,
    /// The lease could not be read or written.
    Unknown {
        /// What happened.
        reason: String,
    },
}

/// The time since boot, standstill of the machine included: `CLOCK_MONOTONIC` would not count a suspended machine's time.
fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[derive(Debug)]
struct State {
    role: Role,
    /// Until when we may begin a write.
    write_until: Duration,
    /// Until when nobody else may take over: a write that is under way has until then.
    held_until: Duration,
    /// How often the lease had changed hands when we last saw it; never less than before.
    transitions: Option<i32>,
}

/// The election's outcome so far; cheap to clone and to ask.
#[derive(Debug, Clone)]
pub struct Leader(Arc<Mutex<State>>);

/// The time for which we lead without a break, as the lease counts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Who leads: our name in the lease.
    pub holder: String,
    /// How often the lease had changed hands by then.
    pub transitions: i32,
}

impl std::fmt::Display for Term {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.holder, self.transitions)
    }
}

/// The lease as we last saw it, none if there was none, and since when.
struct Sight {
    version: Option<String>,
    since: Duration,
}

impl Sight {
    fn see(&mut self, version: Option<&String>) {
        if self.version.as_ref() != version {
            *self = Sight { version: version.cloned(), since: now() };
        }
    }
}

impl Leader {
    /// Nobody leads yet.
    #[must_use]
    pub fn new() -> Self {
        let role = Role::Unknown { reason: "the lease was not asked for yet".into() };
        let (write_until, held_until) = (Duration::ZERO, Duration::ZERO);
        Leader(Arc::new(Mutex::new(State { role, write_until, held_until, transitions: None })))
    }

    /// Whether a write may begin now.
    #[must_use]
    pub fn may_write(&self) -> bool {
        now() < self.0.lock().write_until
    }

    /// How long a write of a run that began in the term with that many `transitions` may take, if it begins now, before another instance may
    /// begin one; none if none may begin, as in every later term: others may have written in between.
    #[must_use]
    pub fn time_for_a_write(&self, transitions: i32) -> Option<Duration> {
        let (state, now) = (self.0.lock(), now());
        (now < state.write_until && state.transitions == Some(transitions))
            .then(|| state.held_until.saturating_sub(now))
    }

    /// The term in which we lead now, as `settings` name us; none if we do not.
    #[must_use]
    pub fn term(&self, settings: &LeaseSettings) -> Option<Term> {
        let state = self.0.lock();
        let transitions = state.transitions.filter(|_| now() < state.write_until)?;
        Some(Term { holder: settings.identity.clone(), transitions })
    }

    /// What we are. A leader whose time ran out leads no more, whoever does.
    #[must_use]
    pub fn role(&self) -> Role {
        let state = self.0.lock();
        match &state.role {
            Role::Leader if now() >= state.write_until => {
                Role::Unknown { reason: "the lease was not renewed in time".into() }
            }
            role => role.clone(),
        }
    }

    /// Takes part in the election for ever, or until the future is dropped; then [`Leader::resign`].
    pub async fn campaign(&self, source: &Source, settings: &LeaseSettings) {
        let mut sight = Sight { version: None, since: now() };
        let step = settings.duration / 3;
        loop {
            let sent = now();
            let known = self.known();
            let attempt = tokio::time::timeout(step, attempt(source, settings, &mut sight, known));
            let (role, transitions) = match attempt.await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(reason)) => (Role::Unknown { reason }, None),
                Err(_) => {
                    let reason = format!("no answer within {} s", step.as_secs_f64());
                    (Role::Unknown { reason }, None)
                }
            };
            self.note(&settings.name, sent, step * 2, role, transitions);
            tokio::time::sleep(step / 2).await;
        }
    }

    fn known(&self) -> Known {
        let state = self.0.lock();
        Known { is_leader: state.role == Role::Leader, transitions: state.transitions }
    }

    /// Takes an attempt's outcome down; `sent` is when it was sent, `grant` how long we may write from then on if it succeeded.
    fn note(&self, lease: &str, sent: Duration, grant: Duration, role: Role, transitions: Option<i32>) {
        let mut state = self.0.lock();
        match role {
            Role::Leader => (state.write_until, state.held_until) = (sent + grant, sent + grant * 3 / 2),
            Role::Follower { .. } | Role::Vacant => state.write_until = Duration::ZERO,
            // A renewal that failed takes nothing away that was granted: as long as the grant lasts, we are what we were.
            Role::Unknown { .. } if now() < state.write_until => return,
            Role::Unknown { .. } => {}
        }
        if std::mem::discriminant(&state.role) != std::mem::discriminant(&role) {
            tracing::info!(lease, ?role, "leadership");
        }
        state.role = role;
        state.transitions = state.transitions.max(transitions);
    }

    /// Gives the lease up, so that the next one need not wait; begin no write after.
    pub async fn resign(&self, source: &Source, settings: &LeaseSettings) {
        let held = self.may_write();
        self.0.lock().write_until = Duration::ZERO;
        if held {
            let given_up = tokio::time::timeout(settings.duration / 3, give_up(source, settings)).await;
            if !matches!(given_up, Ok(Ok(()))) {
                tracing::info!(lease = settings.name, "the lease could not be given up; it runs out");
            }
        }
    }
}

impl Default for Leader {
    fn default() -> Self {
        Leader::new()
    }
}

fn api(client: Client, settings: &LeaseSettings) -> Api<Lease> {
    Api::namespaced(client, &settings.namespace)
}

/// What we knew of the lease before an attempt.
#[derive(Debug, Clone, Copy)]
struct Known {
    is_leader: bool,
    transitions: Option<i32>,
}

/// One attempt to get or keep the lease: our role, and how often it changed hands.
async fn attempt(
    source: &Source,
    settings: &LeaseSettings,
    sight: &mut Sight,
    known: Known,
) -> Result<(Role, Option<i32>), String> {
    let session = source.session().await.map_err(|error| error.to_string())?;
    let api = api(session.client.clone(), settings);
    let failed = |error: &kube::Error| session.trouble(error).to_string();
    let found = api.get_opt(&settings.name).await.map_err(|error| failed(&error))?;
    sight.see(found.as_ref().and_then(|found| found.metadata.resource_version.as_ref()));
    let Some(found) = found else {
        if known.is_leader || now() < sight.since + settings.duration {
            return Ok((Role::Vacant, None));
        }
        let next = spec(settings, None, known);
        let transitions = next.lease_transitions;
        let fresh = Lease { metadata: named(settings), spec: Some(next) };
        return match api.create(&PostParams::default(), &fresh).await {
            Ok(made) => {
                sight.see(made.metadata.resource_version.as_ref());
                Ok((Role::Leader, transitions))
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(another("somebody was faster")),
            Err(error) => Err(failed(&error)),
        };
    };
    let old = found.spec.clone().unwrap_or_default();
    let holder = old.holder_identity.clone().unwrap_or_default();
    // In another term than ours somebody else may have written since, though it names us.
    let is_our_term = !known.is_leader || old.lease_transitions == known.transitions;
    if !holder.is_empty() && (holder != settings.identity || !is_our_term) {
        let seconds = u64::try_from(old.lease_duration_seconds.unwrap_or(0)).unwrap_or(0);
        let good_for = Duration::from_secs(seconds).max(settings.duration);
        if now() < sight.since + good_for {
            return Ok((Role::Follower { holder }, old.lease_transitions));
        }
    }
    let next = spec(settings, Some(&old), known);
    let transitions = next.lease_transitions;
    let lease = Lease { metadata: found.metadata, spec: Some(next) };
    match api.replace(&settings.name, &PostParams::default(), &lease).await {
        Ok(made) => {
            sight.see(made.metadata.resource_version.as_ref());
            Ok((Role::Leader, transitions))
        }
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(another("somebody was faster")),
        Err(error) => Err(failed(&error)),
    }
}

fn another(holder: &str) -> (Role, Option<i32>) {
    (Role::Follower { holder: holder.to_owned() }, None)
}

async fn give_up(source: &Source, settings: &LeaseSettings) -> Result<(), String> {
    let session = source.session().await.map_err(|error| error.to_string())?;
    let api = api(session.client.clone(), settings);
    let failed = |error: kube::Error| session.trouble(&error).to_string();
    let mut found = api.get(&settings.name).await.map_err(failed)?;
    match &mut found.spec {
        Some(spec) if spec.holder_identity.as_deref() == Some(&settings.identity) => {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
        }
        _ => return Ok(()),
    }
    api.replace(&settings.name, &PostParams::default(), &found).await.map_err(failed)?;
    Ok(())
}

fn named(settings: &LeaseSettings) -> ObjectMeta {
    ObjectMeta {
        name: Some(settings.name.clone()),
        namespace: Some(settings.namespace.clone()),
        ..ObjectMeta::default()
    }
}

/// What the lease says next. Its count goes on where it was `known` to stand, though somebody deleted or reset it.
fn spec(settings: &LeaseSettings, old: Option<&LeaseSpec>, known: Known) -> LeaseSpec {
    let now = MicroTime(Timestamp::now());
    let is_ours = |old: &LeaseSpec| old.holder_identity.as_deref() == Some(&settings.identity);
    let same = known.is_leader && old.is_some_and(is_ours);
    let before = old.map(|old| old.lease_transitions.unwrap_or(0)).max(known.transitions);
    let transitions = before.map_or(0, |before| before.saturating_add(i32::from(!same)));
    LeaseSpec {
        holder_identity: Some(settings.identity.clone()),
        lease_duration_seconds: i32::try_from(settings.duration.as_secs()).ok(),
        acquire_time: old.filter(|_| same).and_then(|old| old.acquire_time.clone()).or(Some(now.clone())),
        renew_time: Some(now),
        lease_transitions: Some(transitions),
        ..LeaseSpec::default()
    }
}
