//! How often somebody may call (GCRA, by the crate governor): counted by identity or address, never by connection, so
//! that reconnecting changes nothing.

mod table;

use crate::subnet::Subnet;
use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::{Quota, RateLimiter};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use table::{Shared, Table};

/// Calls per minute, and how many of them may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// 1 to 100,000,000.
    pub per_minute: u32,
    /// 1 to 1,000,000: so many at once after a rest. A limit of 60 with a burst of 20 is 20 calls, then one a second.
    pub burst: u32,
}

/// The limits of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls of an identity, its sign-ins, and calls of an address that is nobody, each by itself: 60 a minute, burst 20.
    pub request: Limit,
    /// Attempts to authenticate, by address and by claimed key: 10 a minute, burst 5.
    pub authentication: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request: Limit { per_minute: 60, burst: 20 },
            authentication: Limit { per_minute: 10, burst: 5 },
        }
    }
}

/// What is charged. A call is exactly one of these, so it is charged once.
#[derive(Clone, Copy, Debug)]
pub enum Charge<'a> {
    /// A call of somebody authenticated, by [`crate::Identity::user`]: not charged to the address, behind which there may
    /// be others.
    Identity(&'a str),
    /// A sign-in of somebody with a good credential, by [`crate::Identity::user`]: counted apart from their calls, so that a
    /// connection made anew costs none of these, and each line on record has been paid for.
    SignIn(&'a str),
    /// A call of nobody: charged to the address.
    Address(IpAddr),
    /// An attempt to authenticate: charged to the address and, where the credential claims to be a key
    /// ([`crate::ApiKeys::claimed_id`]), to that key, from wherever it comes. To be asked before the credential is looked at.
    Authentication {
        /// Where it comes from.
        address: IpAddr,
        /// The key it claims to be.
        key: Option<&'a str>,
    },
}

/// How long to wait until the next call is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls; the next one is allowed in {} s", self.seconds())]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// In whole seconds, rounded up, at least 1: for `retry_after` and the header `Retry-After`.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        (self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)).max(1)
    }
}

/// A limit that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Out of range.
    #[error("{0} calls per minute; from 1 to 100000000 can be set")]
    PerMinute(u32),
    /// Out of range.
    #[error("a burst of {0}; from 1 to 1000000 can be set")]
    Burst(u32),
}

/// Counts the calls of everybody. Memory is bounded: who has rested long enough to have a full burst is forgotten, and
/// beyond 65,536 callers of one kind at once, new ones share a smaller number of counters.
pub struct Limiter<C: Clock = DefaultClock> {
    clock: C,
    hasher: RandomState,
    classes: ArcSwap<Classes<C>>,
}

/// Each kind of caller has a table of its own: a flood of addresses, or of keys that somebody makes up, crowds no
/// identity out.
struct Classes<C: Clock> {
    limits: Limits,
    identities: Arc<Class<C>>,
    sign_ins: Arc<Class<C>>,
    addresses: Arc<Class<C>>,
    attempts: Arc<Class<C>>,
    claimed_keys: Arc<Class<C>>,
}

struct Class<C: Clock> {
    limiter: RateLimiter<u64, Shared, C, NoOpMiddleware<C::Instant>>,
    table: Arc<Table>,
    start: C::Instant,
    purged: AtomicU64,
}

impl Limiter {
    /// With the machine's own monotonic clock.
    ///
    /// # Errors
    /// A limit out of range.
    pub fn new(limits: Limits) -> Result<Self, LimitError> {
        Self::with_clock(limits, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Limiter<C> {
    /// With another clock, for tests.
    ///
    /// # Errors
    /// A limit out of range.
    pub fn with_clock(limits: Limits, clock: C) -> Result<Self, LimitError> {
        let class = |limit| Class::new(limit, &clock).map(Arc::new);
        let classes = Classes {
            limits,
            identities: class(limits.request)?,
            sign_ins: class(limits.request)?,
            addresses: class(limits.request)?,
            attempts: class(limits.authentication)?,
            claimed_keys: class(limits.authentication)?,
        };
        Ok(Self { clock, hasher: RandomState::new(), classes: ArcSwap::from_pointee(classes) })
    }

    /// Charges a call, if it is allowed.
    ///
    /// # Errors
    /// Not now, but so much later. A call that is refused is not charged.
    pub fn check(&self, charge: Charge<'_>) -> Result<(), RetryAfter> {
        let classes = self.classes.load();
        match charge {
            Charge::Identity(user) => classes.identities.check(self.key(user)),
            Charge::SignIn(user) => classes.sign_ins.check(self.key(user)),
            Charge::Address(address) => classes.addresses.check(self.key(Subnet::of(address))),
            Charge::Authentication { address, key } => {
                classes.attempts.check(self.key(Subnet::of(address)))?;
                key.map_or(Ok(()), |id| classes.claimed_keys.check(self.key(id)))
            }
        }
    }

    /// Other limits from now on. A class whose limit changed begins anew: everybody has a full burst.
    ///
    /// # Errors
    /// A limit out of range; the old ones stay.
    pub fn set(&self, limits: Limits) -> Result<(), LimitError> {
        let old = self.classes.load();
        let class = |before: Limit, after: Limit, class: &Arc<Class<C>>| {
            if before == after { Ok(Arc::clone(class)) } else { Class::new(after, &self.clock).map(Arc::new) }
        };
        let (request, authentication) = (old.limits.request, old.limits.authentication);
        let classes = Classes {
            limits,
            identities: class(request, limits.request, &old.identities)?,
            sign_ins: class(request, limits.request, &old.sign_ins)?,
            addresses: class(request, limits.request, &old.addresses)?,
            attempts: class(authentication, limits.authentication, &old.attempts)?,
            claimed_keys: class(authentication, limits.authentication, &old.claimed_keys)?,
        };
        self.classes.store(Arc::new(classes));
        Ok(())
    }

    /// The limits that hold.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.classes.load().limits
    }

    /// Callers that are remembered at this moment.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.classes.load().all().iter().map(|class| class.table.len()).sum()
    }

    /// Forgets who has rested, and gives their memory back. It happens by itself while callers are added; after a
    /// flood, a timer (each minute, say) makes it happen too.
    pub fn purge(&self) {
        self.classes.load().all().iter().for_each(|class| class.purge());
    }

    /// A caller as 64 bits, by a hash that nobody outside can aim: two of 65,536 callers share one with a probability
    /// of one in ten thousand million.
    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }
}

impl<C: Clock> Classes<C> {
    fn all(&self) -> [&Class<C>; 5] {
        [&self.identities, &self.sign_ins, &self.addresses, &self.attempts, &self.claimed_keys]
    }
}

impl<C: Clock + Clone> Class<C> {
    fn new(limit: Limit, clock: &C) -> Result<Self, LimitError> {
        let per_minute = NonZeroU32::new(limit.per_minute).filter(|n| n.get() <= 100_000_000);
        let per_minute = per_minute.ok_or(LimitError::PerMinute(limit.per_minute))?;
        let burst = NonZeroU32::new(limit.burst).filter(|n| n.get() <= 1_000_000);
        let burst = burst.ok_or(LimitError::Burst(limit.burst))?;
        let table = Arc::new(Table::default());
        let quota = Quota::per_minute(per_minute).allow_burst(burst);
        Ok(Self {
            limiter: RateLimiter::new(quota, Shared(Arc::clone(&table)), clock.clone()),
            table,
            start: clock.now(),
            purged: AtomicU64::new(0),
        })
    }

    fn check(&self, key: u64) -> Result<(), RetryAfter> {
        let checked = self.limiter.check_key(&key);
        if self.table.is_crowded() {
            self.purge_sometimes();
        }
        checked.map_err(|until| RetryAfter(until.wait_time_from(self.limiter.clock().now())))
    }

    /// At most once a second, and by one caller: it looks at everybody.
    fn purge_sometimes(&self) {
        let now = self.limiter.clock().now().duration_since(self.start).as_u64();
        let purged = self.purged.load(Ordering::Relaxed);
        let due = now.saturating_sub(purged) >= 1_000_000_000;
        if due && self.purged.compare_exchange(purged, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.purge();
        }
    }

    fn purge(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}
