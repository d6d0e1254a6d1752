//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts connections.
pub struct Places {
    most: u32,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: u32,
    by_address: HashMap<IpAddr, u32>,
    most_of_one: u32,
}

/// A connection's place, free again when this is dropped.
pub struct Place {
    taken: Arc<Mutex<Taken>>,
    address: IpAddr,
}

impl Places {
    /// So many in all, so many from one address.
    #[must_use]
    pub fn new(most: u32, most_of_one: u32) -> Self {
        Places { most, taken: Arc::new(Mutex::new(Taken { most_of_one, ..Taken::default() })) }
    }

    /// Another number from one address, from now on.
    pub fn set_most_of_one(&self, most_of_one: u32) {
        self.taken.lock().most_of_one = most_of_one;
    }

    /// Takes a place, if there is one.
    #[must_use]
    pub fn take(&self, address: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock();
        let most_of_one = taken.most_of_one;
        let of_one = taken.by_address.get(&address).copied().unwrap_or(0);
        if taken.all >= self.most || of_one >= most_of_one {
            return None;
        }
        taken.by_address.insert(address, of_one + 1);
        taken.all += 1;
        Some(Place { taken: Arc::clone(&self.taken), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        taken.all -= 1;
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let places = Places::new(3, 2);
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = places.take(one).unwrap();
        let _second = places.take(one).unwrap();
        assert!(places.take(one).is_none(), "two from one address");
        let _third = places.take(other).unwrap();
        assert!(places.take(other).is_none(), "three in all");
        drop(first);
        assert!(places.take(one).is_some());
    }
}
