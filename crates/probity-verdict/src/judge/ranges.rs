//! A set of numbers, a bit each: the entries and slots of a claim, of which a long run has millions.

use std::collections::BTreeMap;

/// Bits by the number's 64ths, so that numbers far apart cost no more than those that are there.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    /// Adds a number.
    pub(super) fn insert(&mut self, number: u64) {
        self.add(number);
    }

    /// Adds a number; false if it was in it already.
    pub(super) fn add(&mut self, number: u64) -> bool {
        let (bits, bit) = (self.0.entry(number / 64).or_default(), 1 << (number % 64));
        let new = *bits & bit == 0;
        *bits |= bit;
        new
    }

    /// How many numbers below `limit` are in it.
    pub(super) fn count_below(&self, limit: u64) -> u64 {
        let whole: u32 = self.0.range(..limit / 64).map(|(_, bits)| bits.count_ones()).sum();
        let rest =
            self.0.get(&(limit / 64)).map_or(0, |bits| (bits & ((1 << (limit % 64)) - 1)).count_ones());
        u64::from(whole) + u64::from(rest)
    }

    /// The numbers as ranges, both ends inclusive, ascending. Beyond `most` ranges the last one spans all that are left.
    pub(super) fn to_vec(&self, most: usize) -> Vec<(u64, u64)> {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for (at, bits) in &self.0 {
            for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
                let number = at * 64 + bit;
                let full = ranges.len() >= most;
                match ranges.last_mut() {
                    Some(last) if full || last.1 + 1 == number => last.1 = number,
                    _ => ranges.push((number, number)),
                }
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_a_set(numbers in proptest::collection::vec(0_u64..200, 0..120), limit in 0_u64..210) {
            let mut ranges = Ranges::default();
            let mut set = BTreeSet::new();
            for number in numbers {
                prop_assert_eq!(ranges.add(number), set.insert(number));
            }
            let held: Vec<u64> = ranges.to_vec(usize::MAX).into_iter().flat_map(|(start, end)| start..=end).collect();
            prop_assert_eq!(held, set.iter().copied().collect::<Vec<_>>());
            prop_assert!(ranges.to_vec(usize::MAX).windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert_eq!(ranges.count_below(limit), set.range(..limit).count() as u64);
        }
    }

    #[test]
    fn the_largest_numbers_are_numbers() {
        let mut ranges = Ranges::default();
        ranges.insert(u64::MAX);
        ranges.insert(u64::MAX - 1);
        ranges.insert(0);
        assert_eq!(ranges.to_vec(9), [(0, 0), (u64::MAX - 1, u64::MAX)]);
        assert_eq!(ranges.count_below(u64::MAX), 2);
    }

    #[test]
    fn beyond_the_most_ranges_the_last_one_spans_the_rest() {
        let mut ranges = Ranges::default();
        (0..100).for_each(|number| ranges.insert(number * 2));
        assert_eq!(ranges.to_vec(3), [(0, 0), (2, 2), (4, 198)]);
    }
}
