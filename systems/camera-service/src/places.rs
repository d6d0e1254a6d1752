//! How many connections there may be, and how much of unfinished messages is kept: in all, and of one client, so that nobody takes the
//! place of others. A client is a [`Subnet`], and an identity.
//!
//! Who comes is a newcomer until it has proved who it is. Newcomers have places of their own, and few; there is always one for who comes
//! next: the oldest newcomer of the client that has most of them goes for it. So whoever fills these places with connections that say
//! nothing loses its own, and takes none of anybody's. Who has proved who it is is settled, and is never let go for somebody else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use camera_access::Subnet;
use parking_lot::Mutex;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// Bytes of unfinished messages that newcomers, and those settled, may have us keep: in all and of one client. What is below
/// [`FREE_BYTES`] of a message is not counted, so that ordinary calls are always read.
const NEWCOMERS_BYTES: Bound = Bound { all: 32 << 20, of_one: 2 << 20 };
const SETTLED_BYTES: Bound = Bound { all: 128 << 20, of_one: 16 << 20 };
/// The beginning of a message that is not counted, in bytes.
pub const FREE_BYTES: u64 = 16 << 10;

/// The most of something, in all and of one.
#[derive(Debug, Clone, Copy)]
struct Bound {
    all: u64,
    of_one: u64,
}

/// How much of something is taken, in all and by whom.
struct Share<K> {
    all: u64,
    by: HashMap<K, u64>,
}

impl<K> Default for Share<K> {
    fn default() -> Self {
        Share { all: 0, by: HashMap::new() }
    }
}

impl<K: Hash + Eq> Share<K> {
    /// Takes `to` in the place of `from`, unless that is more than is allowed.
    fn change(&mut self, key: K, from: u64, to: u64, bound: Bound) -> bool {
        let all = self.all - from + to;
        let of_one = self.by.get(&key).copied().unwrap_or(0) - from + to;
        if to > from && (all > bound.all || of_one > bound.of_one) {
            return false;
        }
        self.all = all;
        if of_one == 0 {
            self.by.remove(&key);
        } else {
            self.by.insert(key, of_one);
        }
        true
    }
}

/// Counts connections.
pub struct Places {
    taken: Arc<Mutex<Occupancy>>,
}

struct Occupancy {
    bound: Bound,
    next: u64,
    settled: Share<Subnet>,
    identities: Share<String>,
    newcomers: BTreeMap<u64, (Subnet, CancellationToken)>,
    newcomers_of: HashMap<Subnet, BTreeSet<u64>>,
    newcomers_bytes: Share<Subnet>,
    settled_bytes: Share<Subnet>,
}

/// A connection's place, free again when this is dropped.
pub struct Place {
    taken: Arc<Mutex<Occupancy>>,
    subnet: Subnet,
    evicted: CancellationToken,
    holds: Mutex<Holds>,
}

struct Holds {
    standing: Standing,
    bytes: u64,
}

enum Standing {
    Newcomer(u64),
    Settled(Option<String>),
    /// A proxy's connection, over which many clients come: they have places, it takes none.
    Proxy,
}

/// There is no place, or no room, for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// So many connections have proved who they are.
    #[error("too many connections; try again in 5 s")]
    All,
    /// The client has its share.
    #[error("too many connections from your address; close some of them")]
    OfAddress,
    /// The identity has its share.
    #[error("too many connections of your identity; close some of them")]
    OfIdentity,
    /// Somebody else has got its place.
    #[error("too many connections came that proved nothing; connect again")]
    Evicted,
}

impl Places {
    /// So many in all, so many of one client; newcomers may be half as many.
    #[must_use]
    pub fn new(all: u32, of_one: u32) -> Self {
        let taken = Occupancy {
            bound: Bound { all: all.into(), of_one: of_one.into() },
            next: 0,
            settled: Share::default(),
            identities: Share::default(),
            newcomers: BTreeMap::new(),
            newcomers_of: HashMap::new(),
            newcomers_bytes: Share::default(),
            settled_bytes: Share::default(),
        };
        Places { taken: Arc::new(Mutex::new(taken)) }
    }

    /// Another number of one client, from now on.
    pub fn set_most_of_one(&self, of_one: u32) {
        self.taken.lock().bound.of_one = of_one.into();
    }

    /// A newcomer's place. There always is one: if need be, another newcomer goes for it.
    #[must_use]
    pub fn enter(&self, address: IpAddr) -> Place {
        let subnet = Subnet::of(address);
        let evicted = CancellationToken::new();
        let mut taken = self.taken.lock();
        taken.make_room_for_newcomer(subnet);
        let number = taken.next;
        taken.next += 1;
        taken.newcomers.insert(number, (subnet, evicted.clone()));
        taken.newcomers_of.entry(subnet).or_default().insert(number);
        self.place(subnet, evicted, Standing::Newcomer(number))
    }

    /// The place of a trusted proxy's connection, whose clients enter one by one.
    #[must_use]
    pub fn of_proxy(&self, address: IpAddr) -> Place {
        self.place(Subnet::of(address), CancellationToken::new(), Standing::Proxy)
    }

    fn place(&self, subnet: Subnet, evicted: CancellationToken, standing: Standing) -> Place {
        Place {
            taken: Arc::clone(&self.taken),
            subnet,
            evicted,
            holds: Mutex::new(Holds { standing, bytes: 0 }),
        }
    }
}

impl Occupancy {
    fn make_room_for_newcomer(&mut self, subnet: Subnet) {
        let half = |number: u64| usize::try_from((number / 2).max(1)).unwrap_or(usize::MAX);
        let own = self.newcomers_of.get(&subnet).map_or(0, BTreeSet::len);
        let loser = if own >= half(self.bound.of_one) {
            Some(subnet)
        } else if self.newcomers.len() >= half(self.bound.all) {
            // Of those that have most, the one whose oldest came first.
            let most = self.newcomers_of.iter().max_by_key(|(_, numbers)| {
                (numbers.len(), std::cmp::Reverse(numbers.first().copied().unwrap_or(u64::MAX)))
            });
            most.map(|(subnet, _)| *subnet)
        } else {
            None
        };
        let oldest = loser.and_then(|loser| self.newcomers_of.get(&loser)?.first().copied());
        if let Some((_, evicted)) = oldest.and_then(|number| self.remove_newcomer(number)) {
            evicted.cancel();
        }
    }

    fn remove_newcomer(&mut self, number: u64) -> Option<(Subnet, CancellationToken)> {
        let (subnet, evicted) = self.newcomers.remove(&number)?;
        if let Some(numbers) = self.newcomers_of.get_mut(&subnet) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.newcomers_of.remove(&subnet);
            }
        }
        Some((subnet, evicted))
    }
}

impl Place {
    /// Settles a newcomer that has proved who it is: as this identity, or as somebody to whom a link was given.
    ///
    /// # Errors
    /// Its client, or its identity, has its share of places, or all are taken: it stays what it was.
    pub fn settle(&self, identity: Option<&str>) -> Result<(), NoPlace> {
        let mut holds = self.holds.lock();
        let mut taken = self.taken.lock();
        let bound = taken.bound;
        let newcomer = match &holds.standing {
            Standing::Proxy => return Ok(()),
            Standing::Settled(known) if known.as_deref() == identity || identity.is_none() => return Ok(()),
            Standing::Settled(_) => None,
            Standing::Newcomer(number) if !taken.newcomers.contains_key(number) => {
                return Err(NoPlace::Evicted);
            }
            Standing::Newcomer(number) => Some(*number),
        };
        if let Some(identity) = identity {
            let of_one = Bound { all: u64::MAX, ..bound };
            if !taken.identities.change(identity.to_owned(), 0, 1, of_one) {
                return Err(NoPlace::OfIdentity);
            }
        }
        if let Some(number) = newcomer {
            if !taken.settled.change(self.subnet, 0, 1, bound) {
                if let Some(identity) = identity {
                    taken.identities.change(identity.to_owned(), 1, 0, bound);
                }
                let all = taken.settled.all >= bound.all;
                return Err(if all { NoPlace::All } else { NoPlace::OfAddress });
            }
            taken.remove_newcomer(number);
            taken.newcomers_bytes.change(self.subnet, holds.bytes, 0, NEWCOMERS_BYTES);
            holds.bytes = 0;
        }
        let before = std::mem::replace(&mut holds.standing, Standing::Settled(identity.map(str::to_owned)));
        if let Standing::Settled(Some(before)) = before {
            taken.identities.change(before, 1, 0, bound);
        }
        Ok(())
    }

    /// Counts so many bytes of an unfinished message, in the place of those before; false: there is no room for them.
    pub fn keep_bytes(&self, bytes: u64) -> bool {
        let bytes = if bytes <= FREE_BYTES { 0 } else { bytes };
        let mut holds = self.holds.lock();
        if bytes == holds.bytes {
            return true;
        }
        let mut taken = self.taken.lock();
        let kept = match &holds.standing {
            Standing::Newcomer(_) => {
                taken.newcomers_bytes.change(self.subnet, holds.bytes, bytes, NEWCOMERS_BYTES)
            }
            Standing::Settled(_) => {
                taken.settled_bytes.change(self.subnet, holds.bytes, bytes, SETTLED_BYTES)
            }
            Standing::Proxy => true,
        };
        if kept && !matches!(holds.standing, Standing::Proxy) {
            holds.bytes = bytes;
        }
        kept
    }

    /// Waits until somebody else gets this place, which happens to newcomers only.
    pub fn evicted(&self) -> WaitForCancellationFuture<'_> {
        self.evicted.cancelled()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        let bound = taken.bound;
        let holds = self.holds.get_mut();
        match &mut holds.standing {
            Standing::Newcomer(number) => {
                taken.remove_newcomer(*number);
                taken.newcomers_bytes.change(self.subnet, holds.bytes, 0, NEWCOMERS_BYTES);
            }
            Standing::Settled(identity) => {
                taken.settled.change(self.subnet, 1, 0, bound);
                taken.settled_bytes.change(self.subnet, holds.bytes, 0, SETTLED_BYTES);
                if let Some(identity) = identity.take() {
                    taken.identities.change(identity, 1, 0, bound);
                }
            }
            Standing::Proxy => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn is_evicted(place: &Place) -> bool {
        place.evicted().now_or_never().is_some()
    }

    #[test]
    fn a_settled_place_is_free_again_when_its_connection_ends() {
        let places = Places::new(3, 2);
        let settled = |address: u8| {
            let place = places.enter(v4(address));
            place.settle(None).map(|()| place)
        };
        let first = settled(1).ok().unwrap();
        let _second = settled(1).ok().unwrap();
        assert_eq!(settled(1).err(), Some(NoPlace::OfAddress));
        let _third = settled(2).ok().unwrap();
        assert_eq!(settled(2).err(), Some(NoPlace::All));
        drop(first);
        assert!(settled(1).is_ok());
    }

    #[test]
    fn one_64_has_the_share_of_one_and_so_has_an_identity_wherever_it_comes_from() {
        let places = Places::new(100, 4);
        let from = |address: String| places.enter(address.parse().unwrap());
        let mut held = Vec::new();
        for number in 0..5 {
            let place = from(format!("2001:db8::{number}"));
            assert_eq!(place.settle(None).is_ok(), number < 4, "{number}");
            held.push(place);
        }
        for number in 0..5 {
            let place = from(format!("192.0.2.{number}"));
            let settled = place.settle(Some("ada"));
            assert_eq!(settled, if number < 4 { Ok(()) } else { Err(NoPlace::OfIdentity) });
            held.push(place);
        }
        let other = from("192.0.2.99".to_owned());
        assert_eq!(other.settle(Some("grace")), Ok(()));
        held.clear();
        let taken = places.taken.lock();
        assert_eq!((taken.settled.by.len(), taken.identities.by.len(), taken.newcomers.len()), (1, 1, 0));
    }

    #[test]
    fn newcomers_lose_their_own_places_and_nobody_else_s() {
        let places = Places::new(8, 4);
        let mut crowd: Vec<Place> = (0..10).map(|_| places.enter(v4(1))).collect();
        let stay = crowd.iter().filter(|place| !is_evicted(place)).count();
        assert_eq!(stay, 2, "half of what one may have");
        let (other, third) = (places.enter(v4(2)), places.enter(v4(3)));
        // All four newcomers' places are taken now; whoever comes next gets one of the crowd's.
        let fourth = places.enter(v4(4));
        assert!(![&other, &third, &fourth].iter().any(|place| is_evicted(place)));
        assert_eq!(crowd.iter().filter(|place| !is_evicted(place)).count(), 1);
        assert_eq!(crowd.remove(0).settle(None), Err(NoPlace::Evicted));
        assert_eq!(other.settle(Some("ada")), Ok(()));
        for _ in 0..10 {
            crowd.push(places.enter(v4(1)));
        }
        assert!(!is_evicted(&other), "who has proved who it is, stays");
    }

    #[test]
    fn unfinished_messages_are_kept_up_to_a_share_and_small_ones_always() {
        let places = Places::new(1000, 1000);
        let (one, again, other) = (places.enter(v4(1)), places.enter(v4(1)), places.enter(v4(2)));
        assert!(one.keep_bytes(1 << 20) && again.keep_bytes(1 << 20));
        assert!(!again.keep_bytes((1 << 20) + 1), "2 MiB of one newcomer's address");
        assert!(again.keep_bytes(FREE_BYTES) && other.keep_bytes(1 << 20));
        one.settle(None).unwrap();
        assert!(one.keep_bytes(16 << 20) && !one.keep_bytes((16 << 20) + 1));
        drop((one, again, other));
        let taken = places.taken.lock();
        assert_eq!((taken.newcomers_bytes.all, taken.settled_bytes.all), (0, 0));
    }
}
