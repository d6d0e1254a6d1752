//! A set of numbers kept as ranges: entries and slots come nearly in order, so a million of them are a few ranges.

use std::collections::BTreeMap;

/// Start to end, both inclusive; ranges neither overlap nor touch.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a number; false if it was there already.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let before = self.0.range(..=number).next_back().map(|(start, end)| (*start, *end));
        if before.is_some_and(|(_, end)| end >= number) {
            return false;
        }
        let joins_before = before.filter(|(_, end)| end.checked_add(1) == Some(number));
        let joins_after = number.checked_add(1).and_then(|next| self.0.remove(&next));
        let start = joins_before.map_or(number, |(start, _)| start);
        self.0.insert(start, joins_after.unwrap_or(number));
        true
    }

    /// How many numbers below `limit` are in it.
    pub(super) fn count_below(&self, limit: u64) -> u64 {
        self.0.range(..limit).map(|(start, end)| (*end).min(limit - 1) - start + 1).sum()
    }

    /// The ranges, ascending.
    pub(super) fn to_vec(&self) -> Vec<(u64, u64)> {
        self.0.iter().map(|(start, end)| (*start, *end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_a_set(numbers in proptest::collection::vec(0_u64..60, 0..80), limit in 0_u64..70) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for number in numbers {
                prop_assert_eq!(ranges.insert(number), set.insert(number));
            }
            let held: Vec<u64> = ranges.to_vec().into_iter().flat_map(|(start, end)| start..=end).collect();
            prop_assert_eq!(held, set.iter().copied().collect::<Vec<_>>());
            prop_assert!(ranges.to_vec().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert_eq!(ranges.count_below(limit), set.range(..limit).count() as u64);
        }
    }

    #[test]
    fn the_largest_number_is_a_number() {
        let mut ranges = Ranges::default();
        assert!(ranges.insert(u64::MAX) && ranges.insert(u64::MAX - 1) && !ranges.insert(u64::MAX));
        assert_eq!(ranges.to_vec(), [(u64::MAX - 1, u64::MAX)]);
    }
}
