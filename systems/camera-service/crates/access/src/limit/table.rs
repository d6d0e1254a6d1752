//! Where the limiter keeps its counters: in parts that are locked one by one, never more than a fixed number.

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;
/// Callers a shard knows by themselves; 65,536 together.
const MAX_COUNT: usize = 4096;
/// Counters of a full shard that its other callers share.
const SHARED: u64 = 256;
/// Below this no shard is worth clearing.
const FEW: usize = 64;

/// By caller, the moment from which its burst is full again (GCRA's theoretical arrival time).
#[derive(Default)]
pub(super) struct Table {
    shards: [Mutex<Shard>; SHARDS],
    crowded: AtomicBool,
}

#[derive(Default)]
struct Shard {
    callers: HashMap<u64, Nanos>,
    shared: HashMap<u64, Nanos>,
    /// The number of callers from which clearing is worth it: twice what the last clearing left.
    clear_at: usize,
}

impl Table {
    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        #[expect(clippy::cast_possible_truncation, reason = "of the rest only 0 to 15 is left")]
        self.lock((key % SHARDS as u64) as usize)
    }

    fn lock(&self, shard: usize) -> MutexGuard<'_, Shard> {
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a shard grew beyond what it was cleared to.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    pub(super) fn len(&self) -> usize {
        (0..SHARDS).map(|shard| self.lock(shard)).map(|shard| shard.callers.len() + shard.shared.len()).sum()
    }
}

/// The table as governor holds it.
pub(super) struct Shared(pub(super) Arc<Table>);

impl StateStore for Shared {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.0.shard(*key);
        if let Some(known) = shard.callers.get_mut(key) {
            let (outcome, next) = f(Some(*known))?;
            *known = next;
            return Ok(outcome);
        }
        if shard.callers.len() >= MAX_COUNT {
            self.0.crowded.store(true, Ordering::Relaxed);
            let slot = (key / SHARDS as u64) % SHARED;
            let (outcome, next) = f(shard.shared.get(&slot).copied())?;
            shard.shared.insert(slot, next);
            return Ok(outcome);
        }
        let (outcome, next) = f(None)?;
        shard.callers.insert(*key, next);
        if shard.callers.len() >= shard.clear_at.max(FEW) {
            self.0.crowded.store(true, Ordering::Relaxed);
        }
        Ok(outcome)
    }
}

impl ShrinkableKeyedStateStore<u64> for Shared {
    fn retain_recent(&self, drop_below: Nanos) {
        self.0.crowded.store(false, Ordering::Relaxed);
        for shard in 0..SHARDS {
            let mut shard = self.0.lock(shard);
            shard.callers.retain(|_, full| *full > drop_below);
            shard.shared.retain(|_, full| *full > drop_below);
            shard.clear_at = (2 * shard.callers.len()).min(MAX_COUNT);
        }
    }

    fn shrink_to_fit(&self) {
        for shard in 0..SHARDS {
            let mut shard = self.0.lock(shard);
            // Only what was much larger: a map that breathes would be moved again and again.
            let Shard { callers, shared, .. } = &mut *shard;
            for map in [callers, shared] {
                if map.capacity() > 4 * map.len().max(FEW) {
                    map.shrink_to_fit();
                }
            }
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.len() == 0
    }
}
