//! Since when this process has seen each mark that an object lost its source. What a mark says is compared with a clock that somebody may
//! set; this is a clock that nobody sets, so that no grace is over before its time has passed indeed.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use fabric_model::netbox::TOMBSTONE_FIELD;
use fabric_model::{Inventory, ObjectKind};
use serde_json::Value;

/// The marks that are there, by kind and NetBox's number.
#[derive(Debug, Default)]
pub struct Marks {
    seen: HashMap<(ObjectKind, u64), (Value, Instant)>,
}

impl Marks {
    /// Takes in what NetBox holds now. Of a list that was not read, what was seen stays.
    pub fn look(&mut self, inventory: &Inventory) {
        let now = Instant::now();
        let mark = |place: &(ObjectKind, u64)| {
            let mark = inventory.find_id(place.0, place.1)?.custom_field(TOMBSTONE_FIELD);
            (!mark.is_null()).then_some(mark)
        };
        self.seen.retain(|place, (seen, _)| inventory.unread(place.0).is_some() || mark(place) == Some(seen));
        for kind in ObjectKind::ALL {
            for actual in inventory.objects(kind) {
                let place = (kind, actual.id);
                if let Some(mark) = mark(&place) {
                    self.seen.entry(place).or_insert_with(|| (mark.clone(), now));
                }
            }
        }
    }

    /// The objects whose mark was first seen less than `grace` ago.
    #[must_use]
    pub fn fresh(&self, grace: Duration) -> HashSet<(ObjectKind, u64)> {
        let fresh = self.seen.iter().filter(|(_, (_, since))| since.elapsed() < grace);
        fresh.map(|(place, _)| *place).collect()
    }
}
